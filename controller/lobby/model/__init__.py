"""The data of a lobby: rules, calendar, triage, state and lines; what has been learned about waiting."""
