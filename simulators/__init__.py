"""Simulated hardware (the far ends of the wires), simulated people, and a whole lobby to run the daemon against."""
