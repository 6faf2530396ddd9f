"""The daemon that runs a branch lobby: it decides, journals the decision, and tells the devices."""
