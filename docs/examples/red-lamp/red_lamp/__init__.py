"""A red lamp above a counter."""
