"""What is configured of a webhook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """A receiver of the journal's rows. `kinds`: of which kinds, empty: of all; `after_start`: a new one is sent what
    happens from then on, else all there is; `people`: who pressed, and what a customer needs, is sent too. Both files
    are read at each attempt."""

    id: str
    url: str
    secret_file: Path
    kinds: frozenset[str] = frozenset()
    after_start: bool = True
    people: bool = False
    ca_file: Path | None = None
    proxy: str | None = None
