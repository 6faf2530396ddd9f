"""Rosters for a coming day: who is expected, and the fewest counter-hours that keep the target wait."""
