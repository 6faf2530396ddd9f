"""The hardware of a branch to see and to press in a browser, at `/lobby`.

Served by the simulators and not by the daemon: real hardware does not vanish when the daemon is restarted.
"""
