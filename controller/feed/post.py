"""One POST over HTTP/1.1 (RFC 9112): the status of its answer, and nothing else of it. All of it within one time-out,
however slowly the other end speaks; redirects are not followed, and a body is not read.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from drivers.link import CAUSES

TIMEOUT = 15.0
"""Seconds for one attempt, from looking up the name to the head of the answer."""
HEAD_LIMIT = 16_384
"""Most bytes of the head of an answer."""
INTERIM = 5
"""Most interim answers (1xx) before the one that counts."""
ADDRESSES = 3
"""Most addresses of a name that are tried."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |\r)")


class PostError(Exception):
    """There is no answer: `detail` is a wording key, `about` what to log beside it."""

    def __init__(self, detail: str, about: str = "") -> None:
        super().__init__(detail)
        self.detail, self.about = detail, about


@dataclass(frozen=True, slots=True)
class Reply:
    """The status of an answer, and for how many seconds the other end wants to be left alone (0: it does not say)."""

    status: int
    retry_after: float = 0.0


class Names:
    """Looks up host names, one at a time, on a thread that the end of the program does not wait for: the system's
    look-up cannot be given up."""

    def __init__(self) -> None:
        self._busy = False

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host. PostError."""
        if self._busy:
            raise PostError("webhook_silent", f"{host}: the look-up of its name does not end")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()

        def tell(result: list[str] | OSError) -> None:
            self._busy = False
            if not found.done():
                if isinstance(result, OSError):
                    found.set_exception(result)
                else:
                    found.set_result(result)

        def look_up() -> None:
            result: list[str] | OSError
            try:
                result = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
            except OSError as error:
                result = error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(tell, result)

        self._busy = True
        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        try:
            return await found
        except OSError as error:
            raise PostError("unknown_host", host) from error


async def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    names: Names,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = None,
    seconds: float = TIMEOUT,
) -> Reply:
    """Send it; `tls`: with which an https URL is asked, through the `proxy` if there is one. PostError."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await _connected(
                parts, names, tls, urlsplit(proxy) if proxy and parts.scheme == "https" else None
            )
            try:
                head = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
                head += [f"{name}: {value}" for name, value in headers.items()]
                head += [f"Content-Length: {len(body)}", "", ""]
                writer.write("\r\n".join(head).encode("ascii") + body)
                return await _reply(reader)
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise PostError("webhook_silent") from None
    except ssl.SSLCertVerificationError as error:
        raise PostError("webhook_certificate", error.verify_message) from error
    except ssl.SSLError as error:
        raise PostError("webhook_certificate", error.reason or str(error)) from error
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError) as error:
        if isinstance(error, ConnectionRefusedError):
            raise PostError("refused", parts.netloc) from error
        raise PostError("webhook_broken") from error
    except OSError as error:
        raise _cannot(error, parts) from error


def _cannot(error: OSError, parts: SplitResult) -> PostError:
    about = f"{parts.netloc}: {(error.strerror or str(error)).lower()}"
    return PostError(CAUSES.get(error.errno or 0, "unreachable"), about)


async def _connected(
    parts: SplitResult, names: Names, tls: ssl.SSLContext | None, proxy: SplitResult | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = _place(parts)
    at = _place(proxy) if proxy else (host, port)
    addresses = (await names.addresses(*at))[:ADDRESSES]
    direct = tls if parts.scheme == "https" and proxy is None else None
    for n, address in enumerate(addresses, 1):
        try:
            reader, writer = await asyncio.open_connection(
                address, at[1], limit=HEAD_LIMIT, ssl=direct, server_hostname=host if direct else None
            )
            break
        except OSError as error:
            if n == len(addresses) or isinstance(error, ssl.SSLError):
                raise
    if proxy:
        try:
            named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            writer.write(f"CONNECT {named} HTTP/1.1\r\nHost: {named}\r\n\r\n".encode("ascii"))
            reply = await _reply(reader)
            if reply.status != 200:
                raise PostError("webhook_proxy", f"HTTP {reply.status}")
            await writer.start_tls(tls or ssl.create_default_context(), server_hostname=host)
        except BaseException:
            writer.transport.abort()
            raise
    return reader, writer


def _place(parts: SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _reply(reader: asyncio.StreamReader) -> Reply:
    for _ in range(INTERIM):
        head = await reader.readuntil(b"\r\n\r\n")
        found = _STATUS.match(head)
        if found is None:
            raise PostError("webhook_broken", "this is no answer over HTTP")
        if (status := int(found[1])) >= 200:
            wait = re.search(rb"\r\nretry-after: *([0-9]{1,6}) *\r\n", head, re.IGNORECASE)
            return Reply(status, float(wait[1]) if wait else 0.0)
    raise PostError("webhook_broken", "it sends interim answers without end")


def context_for(ca_file: Path | None) -> ssl.SSLContext:
    """What https URLs are asked with: the authority in the file is trusted, without one those of the system. OSError
    (ssl.SSLError) if the file cannot be used."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
