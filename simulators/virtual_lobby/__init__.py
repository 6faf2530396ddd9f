"""The virtual lobby: the simulated hardware of a branch in a browser, at `/lobby`.

Served by the simulators and not by the daemon: it must not vanish when the daemon is restarted.
"""
