"""Makes the program's environment from wheels, without pip and without a network: environment.py WHEELS TARGET.

Run it with the Python that shall run the program, 3.11 or later; it needs the standard library alone. What a branch
does not need is left out (`UNUSED`). --final says where it will stand, if not at TARGET. Prints its size, in MB.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

UNUSED = (
    # Tests of others.
    "tests",
    "*/tests",
    "*/test",
    # Sources and types that only a compiler or a type checker reads.
    "**/*.pyx",
    "**/*.pxd",
    "**/*.c",
    "**/*.h",
    "**/*.pyi",
    # Commands and manual pages of libraries.
    "*.data",
    "bin",
    # The faster reader of YAML, which asks itself whether it is there; python-escpos reads a few settings.
    "yaml/_yaml.*",
    # Pillow: AVIF and WebP, colour management, Tk. It asks itself whether they are there; logos are of other formats.
    # Its other libraries belong to its core.
    "PIL/_avif.*",
    "PIL/_webp.*",
    "PIL/_imagingcms.*",
    "PIL/_imagingtk.*",
    "pillow.libs/libavif*",
    "pillow.libs/libwebp*",
    "pillow.libs/liblcms2*",
)
"""What is taken out, as patterns from site-packages on; each takes out something of the locked set."""

COMMAND = """\
#!{python} -I
import sys

from controller.cli import main

sys.exit(main())
"""


def fitting(names: Iterable[str], version: tuple[int, int], machine: str) -> list[str]:
    """Of the file names of wheels, one a project, those that CPython `version` on `machine` (x86_64) can use.

    ValueError names the projects for which there is none. Tags: packaging user guide, "Platform compatibility tags".
    """
    best: dict[str, tuple[int, str]] = {}
    projects = set()
    for name in names:
        project, _, python, abi, where = name.removesuffix(".whl").rsplit("-", 4)
        projects.add(project)
        if where != "any" and not where.endswith(f"_{machine}"):
            continue
        if (rank := _rank(python, abi, version)) > best.get(project, (0, ""))[0]:
            best[project] = rank, name
    if missing := projects - best.keys():
        raise ValueError(", ".join(sorted(missing)))
    return sorted(name for _, name in best.values())


def _rank(python: str, abi: str, version: tuple[int, int]) -> int:
    """How well a wheel fits; 0: not at all."""
    own = f"cp{version[0]}{version[1]}"
    if own in python.split(".") and abi == own:
        return 3
    if abi == "abi3":
        return 2 * any(tag.startswith("cp3") and int(tag[3:]) <= version[1] for tag in python.split("."))
    return int(abi == "none" and bool({"py3", own} & set(python.split("."))))


def make(wheels: Path, target: Path, final: Path, python: str) -> None:
    """The environment at `target`; it will stand at `final` and be run by `python`, which is this one."""
    version = sys.version_info[:2]
    site = target / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"
    site.mkdir(parents=True)
    for name in fitting((path.name for path in wheels.glob("*.whl")), version, platform.machine()):
        with ZipFile(wheels / name) as wheel:
            wheel.extractall(site)
    slim(site)
    binaries = target / "bin"
    binaries.mkdir()
    for link in ("python", "python3"):
        (binaries / link).symlink_to(python)
    (target / "pyvenv.cfg").write_text(
        f"home = {Path(python).parent}\ninclude-system-site-packages = false\nversion = {platform.python_version()}\n"
    )
    command = binaries / "lobby"
    command.write_text(COMMAND.format(python=final / "bin" / "python3"))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == command else 0o644)
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):  # before compiling, which writes the times down
        for path in target.rglob("*"):
            os.utime(path, (int(epoch), int(epoch)), follow_symlinks=False)
    # The service cannot write into its environment, so it is compiled here, and starts in a second.
    if not compileall.compile_dir(site, quiet=1, workers=0, stripdir=str(target), prependdir=str(final)):
        sys.exit(f"{site} could not be compiled")


def slim(site: Path) -> None:
    """Take out what a branch does not need."""
    for pattern in UNUSED:
        for path in sorted(site.glob(pattern)):
            if path.is_dir():
                if pattern == "*.data" and any((path / kind).exists() for kind in ("purelib", "platlib")):
                    sys.exit(f"{path} holds modules, which are not put in their place; see packaging/environment.py")
                shutil.rmtree(path)
            else:
                path.unlink()


def size(environment: Path) -> int:
    """What it takes on a disk with blocks of 4 KiB, in MB, rounded up."""
    blocks = sum(-(-path.lstat().st_size // 4096) for path in environment.rglob("*"))
    return -(-blocks * 4096 // 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--final", type=Path)
    wishes = parser.parse_args()
    python = f"/usr/bin/python{sysconfig.get_python_version()}"
    if not Path(python).exists():
        python = getattr(sys, "_base_executable", sys.executable)
    try:
        make(wishes.wheels, wishes.target, wishes.final or wishes.target, python)
    except ValueError as error:
        here = f"Python {platform.python_version()} on {platform.machine()}"
        sys.exit(f"{wishes.wheels} has no wheel for {here} of: {error}")
    print(size(wishes.target))


if __name__ == "__main__":
    main()
