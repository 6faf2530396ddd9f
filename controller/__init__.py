"""The daemon that runs a branch lobby: decides, writes it down, tells the devices."""

__version__ = "0.1.0"
