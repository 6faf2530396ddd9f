"""Makes `docs/reference`: `python -m docs.generate`; `--check` says which pages are not as they should be."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from controller.devices import reference as devices
from docs.generate import keys
from docs.generate.branch import branch
from docs.generate.configuration import configuration
from docs.generate.http import http
from docs.generate.journal import journal
from docs.generate.metrics import metrics
from docs.generate.topics import topics

PLACE = Path(__file__).parents[1] / "reference"


async def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    async with branch() as one:
        mqtt = topics(one)
        return {
            "configuration.md": configuration(),
            "devices.md": devices.reference() + "\n",
            "http.md": await http(one),
            "journal.md": journal(),
            "keys.md": keys.reference(),
            "metrics.md": await metrics(one),
            "topics.md": mqtt,
        }


def main() -> int:
    """The exit code."""
    logging.disable(logging.CRITICAL)
    wrong = []
    for name, text in asyncio.run(pages()).items():
        path = PLACE / name
        if not path.is_file() or path.read_text("utf-8") != text:
            wrong.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(text, "utf-8")
    if wrong:
        print("docs/reference:", *wrong, "must be made again: make reference" if "--check" in sys.argv else "made anew")
    return int(bool(wrong) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
