"""Which build this is: its version, and the commit that it was made from."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from controller import __version__


def version() -> str:
    """Such as "0.1.0 (51cbfce)"; where the commit is not known just "0.1.0"."""
    return f"{__version__} ({known})" if (known := commit()) else __version__


@cache
def commit() -> str:
    """The commit, as `of_checkout` has it; empty where it is not known."""
    written = Path(__file__).with_name("commit")
    if written.is_file():  # made when the package was built
        return written.read_text("utf-8").strip()
    return of_checkout(Path(__file__).parents[1])


def of_checkout(root: Path) -> str:
    """The commit that is checked out in `root`, in short, such as "51cbfce" or "51cbfce, changed"; else empty."""
    if not (root / ".git").exists():
        return ""
    asked = ("git", "-C", str(root), "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=, changed")
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
