"""Devices: one file per kind, and the hub between the devices and the engine.

`kit` defines what a kind is made of, `settings` what its table in the configuration may hold. Kinds are found by the
name of their driver among the entry points `lobby.devices`, ours as well as those of other packages.
"""
