"""Ports for programs that are started later, which nothing else takes in the meantime.

A port that the kernel hands out (`bind` to 0) may be the local end of another program's connection before the program
it was meant for opens it. These lie below the range that Linux takes such ends from (`ip_local_port_range`).
"""

from __future__ import annotations

import itertools
import os
import socket

FIRST, LAST = 15_000, 31_999
APART = 4001
"""Ports between where two processes begin whose ids follow each other: of 16 such, no two are nearer than 900."""

_next = itertools.count()


def free_port() -> int:
    """A port of the loopback that nobody uses, and that this process has not given before."""
    begin = os.getpid() * APART
    for step in _next:
        port = FIRST + (begin + step) % (LAST - FIRST + 1)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable: the count has no end")
