"""Receives the webhooks of `lobby run`, and gives each row to a function, once. Python 3.11, and nothing else.

python receiver.py 9000 /etc/receiver/lobby.secret
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

TOLERANCE = 300
"""Seconds by which the sender's clock and ours may differ: an older request may have been recorded and sent again."""


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a request has come from who holds the secret (`whsec_..`), and just now.

    It is the signature of Standard Webhooks 1.0.0, so any of its libraries will do in place of this.
    """
    id, sent, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdecimal() or abs(now - int(sent)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    due = base64.b64encode(hmac.new(key, f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{due}".encode(), each.encode()) for each in given.split())


class Seen:
    """The rows that were dealt with: what is sent again is known. A row is known by its journal, number and time, since
    a journal that was put back from a backup gives numbers again. A real receiver keeps this in its database."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int, int]] = set()

    def new(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a request that are not known yet, in order."""
        return [row for row in request["data"] if (request["journal"], row["seq"], row["at"]) not in self._known]

    def done(self, request: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        """This row was dealt with."""
        self._known.add((request["journal"], row["seq"], row["at"]))


def handler(secret: str, deal_with: Callable[[dict[str, Any]], None], seen: Seen) -> type[BaseHTTPRequestHandler]:
    """What answers: 204 once every row was dealt with, so that the sender goes on; else it sends them again later."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 1 << 20))
            status = 401
            if is_genuine(secret, self.headers, body, time.time()):
                request = json.loads(body)
                for row in seen.new(request):
                    deal_with(row)
                    seen.done(request, row)
                status = 204
            self.send_response(status)
            self.end_headers()

    return Handler


if __name__ == "__main__":
    port, file = sys.argv[1:]
    HTTPServer(("127.0.0.1", int(port)), handler(Path(file).read_text().strip(), print, Seen())).serve_forever()
