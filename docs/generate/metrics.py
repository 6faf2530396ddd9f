"""The metrics, as they are scraped from a branch."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docs.generate.branch import Branch
from docs.generate.markdown import code, page, table

INTRODUCTION = """
`GET /metrics`, in Prometheus's text format, for any account: make one for it, and scrape with its token.

```sh
sudo -u lobby lobby user add prometheus --role screen
```

The day's figures begin anew each day, and so are gauges; counters begin anew with each start. Shares are parts of one.
`/health` needs no account: it says `ok` and 200 while presses are recorded, else 503.

Rules and a dashboard that use them: [monitoring](../operate.md#monitoring).
""".strip()


async def metrics(branch: Branch) -> str:
    """The page. So that each has its labels, a press is refused, and there is a printer."""
    branch.press("panel/other", "GREEN")
    branch.add_printer()
    text = (await branch.ask("GET", "/metrics", "manager")).body.decode()
    return page("Metrics", "", ["", INTRODUCTION, *table(("metric", "type", "labels", "is"), _rows(text))])


def _rows(text: str) -> Iterator[tuple[str, str, str, str]]:
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    for name, means in re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE):
        labels = re.search(rf"^{name}(?:_bucket)?\{{(.*?)\}}", text, re.MULTILINE)
        names = [name for name in re.findall(r"(\w+)=", labels[1]) if name != "le"] if labels else []
        yield code(name), kinds[name], " ".join(map(code, names)), means
