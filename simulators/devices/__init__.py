"""The far ends of devices: one file a kind, with the device itself, its panel in the virtual lobby, and what the demo
expects to have been seen of it.

Kinds are found by the name of their driver among the entry points `lobby.far_ends`.
"""
