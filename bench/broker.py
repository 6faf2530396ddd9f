"""How a real Mosquitto is started for tests and measurements."""

from __future__ import annotations

import os
from shutil import which

CONFIG = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
"""
"""Without `user root` it changes its user when root starts it, and then the kernel does not end it with its starter."""


def program() -> str | None:
    """The program; None: it is not installed. Debian keeps it where only root looks."""
    return which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
