"""Forecasts: how long people will wait, and how many windows are needed."""
