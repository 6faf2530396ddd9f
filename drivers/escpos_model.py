"""The abilities of a printer model, by python-escpos's profiles, and its commands for a ticket.

python-escpos makes the commands: sizes, alignment, feeds, cuts and codes, as the model has them. What it cannot do is
done here and in `drivers.escpos`: Chinese text (`Gb18030`, passed to it as an encoder), and all replies.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeAlias

from drivers.characters import fitted, on_paper

OWN_PROFILES = "ESCPOS_CAPABILITIES_FILE"
CACHE = "ESCPOS_CAPABILITIES_PICKLE_DIR"
"""Environment variables of python-escpos: a file in place of its own profiles; the directory of its cache."""


@contextmanager
def _importing_escpos() -> Iterator[None]:
    """The context to import python-escpos in: by itself it would configure the process's logging, parse 35 profiles as
    YAML (0.2 s), and leave a temporary directory behind."""
    root, handler = logging.getLogger(), logging.NullHandler()
    temporary, cache = tempfile.tempdir, os.environ.get(CACHE)
    with tempfile.TemporaryDirectory() as directory:
        if OWN_PROFILES not in os.environ:
            profiles = json.loads(files("escpos").joinpath("capabilities.json").read_bytes())
            Path(directory, f"{platform.python_version()}.capabilities.pickle").write_bytes(pickle.dumps(profiles))
        tempfile.tempdir = os.environ[CACHE] = directory
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            tempfile.tempdir = temporary
            del os.environ[CACHE]
            if cache is not None:
                os.environ[CACHE] = cache


with _importing_escpos():
    from escpos.capabilities import CAPABILITIES, Profile, get_profile
    from escpos.printer import Dummy

Sheet: TypeAlias = Dummy
"""A ticket being laid out: the commands that python-escpos writes collect in its `output`."""

GENERIC = "default"
"""The profile of any ESC/POS printer."""
GENERIC_COLUMNS = 32
"""Its columns here: paper of 58 mm. (python-escpos says 42, of 80 mm.)"""
DOTS_A_COLUMN = 12
"""Font A at size 1; a Han character is two columns in any font, so tickets keep to this one."""


def encode(text: str) -> bytes:
    """The text as a printer in Chinese mode takes it: one byte for ASCII, two for the rest."""
    return fitted(text, on_paper).encode("gb18030")


class Gb18030:
    """An encoder for python-escpos, whose own would switch code pages, which Chinese mode has none of."""

    def get_encoding_name(self, encoding: str) -> str:
        return encoding

    def encode(self, text: str, encoding: str) -> bytes:
        return b"\n".join(encode(line) for line in text.split("\n"))


@dataclass(frozen=True, slots=True)
class Model:
    """A printer's profile; `codes`: who draws its QR codes."""

    profile: Profile
    columns: int
    codes: Literal["printer", "program", "nobody"]

    @property
    def cuts(self) -> bool:
        """Whether it has a cutter."""
        return bool(self.profile.supports("paperFullCut") or self.profile.supports("paperPartCut"))

    @property
    def pictures(self) -> bool:
        """Whether it prints pictures."""
        return bool(self.profile.supports("bitImageRaster"))

    def blank(self) -> Sheet:
        """A sheet with nothing on it yet."""
        chinese = {"encoding": "GB18030", "disabled": True, "encoder": Gb18030()}
        return Dummy(profile=self.profile, magic_encode_args=chinese)


@lru_cache(maxsize=64)
def model(name: str | None = None, columns: int | None = None) -> Model:
    """The model of that profile, None being any; `columns` overrides the profile's. ValueError if there is no such."""
    if name is not None and name not in CAPABILITIES["profiles"]:
        raise ValueError(f'there is no printer profile "{name}"; {_near(name)}')
    known = get_profile(name or GENERIC)
    if columns is None:
        columns = int(known.get_columns("a")) if name else GENERIC_COLUMNS
    profile = Profile(columns=columns, features=known.features)
    # Profiles often do not know how wide the paper is, and it is as wide as `columns` says.
    profile.profile_data = known.profile_data | {"media": {"width": {"pixels": columns * DOTS_A_COLUMN}}}
    if known.supports("qrCode"):
        return Model(profile, columns, "printer")
    return Model(profile, columns, "program" if known.supports("bitImageRaster") else "nobody")


def _near(name: str) -> str:
    """A hint for an unknown name: those that were probably meant."""
    known = sorted(set(CAPABILITIES["profiles"]) - {GENERIC})
    by_small = {each.lower(): each for each in known}
    near = [f'"{by_small[each]}"' for each in get_close_matches(name.lower(), by_small, n=3)]
    if not near:
        return f"known are {', '.join(known)}"
    *others, last = near
    return f"did you mean {', '.join(others)}{' or ' * bool(others)}{last}?"
