"""The lobby as a pure state machine: no clock, file, socket, random or log in it."""
