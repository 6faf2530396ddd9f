"""Every sentence that the lobby shows or says, by key, in the branch's language.

The sentences are in `config/wording/<language>.toml`, so that a branch can change them without touching code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("zh", "en")
"""The languages that there are sentences in."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Templates by key (`refused.none_waiting`, `device.paper_end`, ..), for `str.format`."""

    language: str
    templates: Mapping[str, str]

    def say(self, key: str, /, **about: object) -> str:
        """The sentence for `key`, with its placeholders filled; KeyError if the key or a value is missing."""
        return self.templates[key].format(**about)
