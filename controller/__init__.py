"""The daemon that runs a branch lobby: it decides, journals the decision, and tells the devices."""

__version__ = "0.1.0"
