"""Devices: one file a kind, and the hub that tells them what has happened and hears what they say.

`kit` says what a kind is made of, `settings` what its table in the configuration may hold. Kinds are found by the name
of their driver among the entry points `lobby.devices`, ours as well as those of other packages.
"""
