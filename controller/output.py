"""Figures for programs: what each command's `--json` writes."""

from __future__ import annotations

import json
from pathlib import Path


def write_json(path: Path | None, content: object) -> None:
    """Write it, if somewhere is named; OSError, in one sentence, if that cannot be."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path}: cannot be written ({reason}); make room, or name another file") from error
