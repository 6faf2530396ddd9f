"""Packages that differ from the one that was built: another version, which works or does not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bench import processes

# A version that never becomes ready, after it has written what the one before cannot read.
SPOILS = """\
#!/opt/lobby/bin/python3 -I
import sqlite3, sys
if "run" not in sys.argv:
    from controller.cli import main
    sys.exit(main())
journal = sqlite3.connect("/var/lib/lobby/lobby.db")
journal.execute("PRAGMA user_version = 999999")
journal.commit()
sys.exit("this version never becomes ready")
"""
# One that never becomes ready, and has harmed nothing.
FAILS = """\
#!/bin/sh
case "$*" in
*run*) echo "this version never becomes ready" >&2; exit 1 ;;
esac
exec /opt/lobby/bin/python3 -I -m controller.cli "$@"
"""


def built() -> Path:
    """The package that `make deb` has made last."""
    found = sorted(Path("dist").glob("lobby-controller_*.deb"), key=lambda path: path.stat().st_mtime)
    assert found, "make deb makes the package"
    return found[-1].resolve()


def version_of(deb: Path) -> str:
    return str(
        processes.run(["dpkg-deb", "-f", deb, "Version"], capture_output=True, text=True, check=True).stdout
    ).strip()


def altered(deb: Path, to: Path, version: str, command: str = "") -> Path:
    """The package with another version and, if it is given, another program in the place of `lobby`."""
    tree = to / f"tree-{version}"
    processes.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    before = version_of(deb)
    for name in ("control", "preinst", "postinst"):
        path = tree / "DEBIAN" / name
        path.write_text(path.read_text().replace(before, version))
    if command:
        (tree / "opt/lobby/bin/lobby").write_text(command)
    unit = tree / "lib/systemd/system/lobby.service"
    unit.write_text(re.sub(r"(?m)^Description=.*", rf"\g<0> {version}", unit.read_text(), count=1))
    made = to / f"{version}.deb"
    processes.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(tree)
    return made
