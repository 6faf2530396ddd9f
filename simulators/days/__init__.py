"""Whole days in virtual time, with the lobby's own core: simulations, and replays under other rules."""
