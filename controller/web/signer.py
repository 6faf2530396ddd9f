"""Message authentication codes that only we can make: CSRF tokens, the addresses of tickets' own pages, and what stands
for a request in the journal."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from controller.web.accounts_file import AccountsFile

TABLE = """
CREATE TABLE IF NOT EXISTS secret(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"""


class Signer:
    """Makes and checks them with a secret from the accounts' file, so that they stay valid after a restart."""

    _secret = b""

    def read(self, file: AccountsFile) -> None:
        """Use this file's secret from now on; one is made if it has none."""
        select = "SELECT value FROM secret WHERE name = 'pages'"
        if not file.select(select):
            with file.changing() as cursor:
                cursor.execute("INSERT OR IGNORE INTO secret VALUES ('pages', ?)", (secrets.token_bytes(32),))
        self._secret = bytes(file.select(select)[0][0])

    def csrf(self, session: str) -> str:
        """The CSRF token of a session."""
        return self._mac(f"csrf:{session}")

    def page(self, day: str, ticket: str) -> str:
        """The last part of the address of a ticket's own page, which cannot be guessed."""
        return f"{ticket}.{self._mac(f'page:{day}:{ticket}')}"

    def is_page(self, day: str, page: str) -> str:
        """The ticket whose page this is on a day; empty: none."""
        ticket = page.rpartition(".")[0]
        return ticket if hmac.compare_digest(self.page(day, ticket).encode(), page.encode()) else ""

    def asked(self, content: str) -> str:
        """What tells a request from another in the journal: nobody can find out from it what a person typed, however
        few numbers it may have been."""
        return self._mac(f"asked:{content}")[:16]

    def _mac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def digest(secret: str) -> str:
    """The hash that is stored of a token or a session: enough to recognise it, useless for signing in."""
    return hashlib.sha256(secret.encode()).hexdigest()
