"""The journal's rows for other systems: lines of JSON, and webhooks."""
