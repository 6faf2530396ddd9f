"""An asyncio transport over one open, non-blocking descriptor: a serial port or a character device.

asyncio's own pipe transports are one-way. This one reads and writes, respects flow control by the far end, and
survives whatever a device or its cable does: an error, an end of file or a hang-up closes it, once, and is reported.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import termios
from array import array

CHUNK = 4096
"""Bytes read at a time."""
END_OF_FILE_PAUSE = 0.25
"""Seconds until the next read of a device that reports end of file without a hang-up."""


class DescriptorTransport(asyncio.Transport):
    """Reads and writes `fd`, which it owns from now on. If `fd` cannot be polled: OSError, and `fd` stays the caller's.

    The protocol is paused while something waits to be sent. Closing discards what waits: a far end that has stopped the
    line could otherwise keep the port busy for ever.
    """

    def __init__(self, fd: int, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._fd = fd
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._closing = False
        self._loop.add_reader(fd, self._read)
        protocol.connection_made(self)

    # -- reading ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._protocol.data_received(data)
        elif self._hung_up():
            self._lose(None)
        else:
            # usblp reports end of file while it has nothing to say: polling it would spin.
            self._loop.remove_reader(self._fd)
            self._loop.call_later(END_OF_FILE_PAUSE, self._read_again)

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, 0)
        return bool(poll.poll(0))  # only a hang-up or an error is told without being asked for

    def _read_again(self) -> None:
        if not self._closing:
            self._loop.add_reader(self._fd, self._read)

    # -- writing ---------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing:
            return
        waiting = bool(self._unsent)
        self._unsent += data
        if waiting:
            return
        self._send()
        if self._unsent and not self._closing:
            self._loop.add_writer(self._fd, self._write_ready)
            self._protocol.pause_writing()

    def _write_ready(self) -> None:
        self._send()
        if not self._unsent and not self._closing:
            # Remove the writer first: resuming may write again and find the line full again.
            self._loop.remove_writer(self._fd)
            self._protocol.resume_writing()

    def _send(self) -> None:
        try:
            del self._unsent[: os.write(self._fd, self._unsent)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._lose(error)

    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    def waiting_to_leave(self) -> int:
        """Bytes that the kernel has taken and the line has not; 0 where it does not say."""
        if self._closing:
            return 0
        size = array("i", [0])
        try:
            fcntl.ioctl(self._fd, termios.TIOCOUTQ, size)
        except OSError:
            return 0
        return size[0]

    # -- the end ---------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        self._lose(None)

    close = abort

    def _lose(self, error: OSError | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        # In a thread: closing a port may take long. The protocol is told when the port can be opened again.
        closing = self._loop.run_in_executor(None, _close, self._fd)
        closing.add_done_callback(lambda _: self._protocol.connection_lost(error))


def _close(fd: int) -> None:
    try:
        termios.tcflush(fd, termios.TCOFLUSH)  # or the kernel waits up to 30 s for a stopped line to take the rest
    except termios.error:
        pass  # no terminal, or its other end has gone
    finally:
        os.close(fd)
