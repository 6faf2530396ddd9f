"""Browser pages that only look, in a process of their own: `python -m bench.viewers PORT MANAGER_TOKEN SCREEN_TOKEN`.

Says "open" when each has been shown a first picture, and reads until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

TELEVISIONS, CONSOLES = 50, 20


async def _page(port: int, path: str, token: str, shown: asyncio.Semaphore) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
    )
    writer.write(request.encode())
    try:
        await reader.readuntil(b"event: view")
        shown.release()
        while await reader.read(1 << 16):
            pass
    finally:
        writer.close()


async def _run(port: int, manager: str, screen: str) -> None:
    shown = asyncio.Semaphore(0)
    pages = [("/api/television/live", screen)] * TELEVISIONS + [("/api/console/live", manager)] * CONSOLES
    tasks = [asyncio.create_task(_page(port, path, token, shown)) for path, token in pages]
    for _ in tasks:
        await shown.acquire()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    lost = sum(not isinstance(end, asyncio.CancelledError) for end in ended)
    print(f"lost {lost}", flush=True)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
