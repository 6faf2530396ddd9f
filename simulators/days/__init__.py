"""Whole days in virtual time, through the lobby's own core: what would happen, under these rules and under others."""
