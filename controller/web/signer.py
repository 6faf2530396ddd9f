"""What only we can make: the proof that a request is from a page of ours, and the addresses of tickets' own pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from controller.web.accounts_file import AccountsFile

TABLE = """
CREATE TABLE IF NOT EXISTS secret(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"""


class Signer:
    """Made with a secret that stands in the accounts' file, so that they outlive a restart."""

    _secret = b""

    def read(self, file: AccountsFile) -> None:
        """Seal with this file's secret from now on; it gets one if it has none."""
        select = "SELECT value FROM secret WHERE name = 'pages'"
        if not file.select(select):
            with file.changing() as cursor:
                cursor.execute("INSERT OR IGNORE INTO secret VALUES ('pages', ?)", (secrets.token_bytes(32),))
        self._secret = bytes(file.select(select)[0][0])

    def csrf(self, session: str) -> str:
        """What a page of this session shows to prove that it is ours."""
        return self._mac(f"csrf:{session}")

    def page(self, day: str, ticket: str) -> str:
        """The last part of the address of a ticket's own page, which nobody can guess."""
        return f"{ticket}.{self._mac(f'page:{day}:{ticket}')}"

    def is_page(self, day: str, page: str) -> str:
        """The ticket whose page this is on a day; empty: nobody's."""
        ticket = page.rpartition(".")[0]
        return ticket if hmac.compare_digest(self.page(day, ticket).encode(), page.encode()) else ""

    def _mac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def digest(secret: str) -> str:
    """What is kept of a token or a session: enough to know it again, and nothing to sign in with."""
    return hashlib.sha256(secret.encode()).hexdigest()
