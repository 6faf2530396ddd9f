"""What a branch is and what its lobby holds: rules, calendar, triage, state; lines; what is known of waiting."""
