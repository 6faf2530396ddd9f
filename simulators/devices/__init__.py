"""The far ends of devices: one file per kind, with the simulated device, its entry in the virtual lobby, and what the
demo expects to have seen of it.

Kinds are found by the name of their driver among the entry points `lobby.far_ends`.
"""
