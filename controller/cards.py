"""A customer's class by card: a keyed token of the card's number, looked up in a file that head office supplies.

The token of a card is the HMAC-SHA256, under the branch's own secret, of the digits of its number as ASCII. `lobby
token` makes it, and so can any program of head office. The number is used only for that step and is stored nowhere.

The tokens file is UTF-8 text: a first line `lobby-tokens 1`, a line `TOKEN CLASS` for each card (64 hexadecimal digits,
a blank, the id of a class), each token once and in any order, and a last line `end COUNT` with the number of cards.
Every line ends with a line feed, the last one too, so that a truncated file is recognised. A file with an error is
refused as a whole, and what was read before stays in use.

The key's file has the secret in its first line: at least 32 characters of plain text (UTF-8, with or without a byte
order mark). It must not be readable by everybody.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import stat
import threading
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, TypeVar

log = logging.getLogger(__name__)

FIRST_LINE = b"lobby-tokens 1"
CARDS_LIMIT = 200_000
"""Most cards in a tokens file."""
SIZE_LIMIT = 32 << 20
"""Most bytes of a tokens file."""
KEY_LENGTH = 32
"""Least characters of a key."""
KEY_FILE_LIMIT = 4096
"""Bytes of a key's file that are read."""
PREFIX = 16
"""Bytes of a token that are kept: two of 200,000 cards have the same ones in one of 10^28 files."""
GLANCE = 0.5
"""Seconds for which a card or a press waits to learn whether the files have changed; then the known cards are used."""
PATIENCE = 2.0
"""Seconds for which a card or a press waits for files that are being read; then the cards known before are used."""
HANGS = 10.0
"""Further seconds after which files that could not be read yet are reported as not answering."""
OPENING = 5.0
"""Seconds for which the start of the daemon waits for the files."""
WAITING_LIMIT = 1000
"""Most cards and presses that may wait; further ones do not wait."""

_BOM = b"\xef\xbb\xbf"
_LINE_LIMIT = 128
"""Bytes of a line, more than any valid one has."""
_CARD = re.compile(rb"([0-9A-Fa-f]{64}) ([a-z0-9_-]{1,32})")
_END = re.compile(rb"end ([0-9]{1,9})")
_NUMBER = re.compile(r"[0-9]{12,19}")

T = TypeVar("T")


class CardsError(Exception):
    """A file cannot be used; the text says which (and which line of it), and what to do. It never holds a token."""


def number_of(text: str) -> str | None:
    """The digits of a card number as a person types it, with or without blanks and hyphens; None: not a card number."""
    digits = text.strip().replace(" ", "").replace("-", "")
    return digits if _NUMBER.fullmatch(digits) else None


def check_digit_fits(number: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn), as on nearly all bank cards."""
    doubled = (int(digit) * 2 for digit in number[-2::-2])
    return (sum(map(int, number[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def token_of(key: bytes, number: str) -> bytes:
    """The token of a card: 32 bytes."""
    return hmac.digest(key, number.encode("ascii"), "sha256")


# -- the files ----------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open. Anything else (a pipe would never end) is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise CardsError(f"{path} is no plain file; put one there")
        with open(descriptor, "rb") as file:
            yield file
    except OSError as error:
        raise CardsError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def read_key(path: Path) -> bytes:
    """The branch's secret; CardsError if it cannot be used."""
    with _opened(path) as file:
        mode = os.fstat(file.fileno()).st_mode
        line = file.read(KEY_FILE_LIMIT).removeprefix(_BOM).partition(b"\n")[0].strip()
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise CardsError(f"{path} is open to every user of this machine; run chmod o= {path}")
    if not _plain(line):
        raise CardsError(f"{path}: the first line is no plain text, as a key is; write it again, as ASCII or UTF-8")
    if line and len(set(line)) == 1:
        raise CardsError(f"{path}: the key is one character again and again; make one by chance")
    if len(line) < KEY_LENGTH:
        raise CardsError(f"{path}: the key has fewer than {KEY_LENGTH} characters in its first line; make a longer one")
    return line


def _plain(line: bytes) -> bool:
    """Whether it is printable text in UTF-8; UTF-16 ("Unicode" in Windows editors) is not."""
    try:
        return line.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


class Table:
    """Token -> class, in 17 bytes per card: buckets by a token's first byte, each a sorted array of records."""

    def __init__(self, classes: Sequence[str], buckets: Sequence[bytes]) -> None:
        self._classes = classes
        self._buckets = buckets

    def __len__(self) -> int:
        return sum(map(len, self._buckets)) // _RECORD

    def class_of(self, token: bytes) -> str | None:
        """The class of the card with this token; None: it has none."""
        bucket, wanted = self._buckets[token[0]], token[1:PREFIX]

        def rest(index: int) -> bytes:
            return bucket[index * _RECORD : index * _RECORD + PREFIX - 1]

        count = len(bucket) // _RECORD
        index = bisect_left(range(count), wanted, key=rest)
        if index == count or rest(index) != wanted:
            return None
        return self._classes[int.from_bytes(bucket[index * _RECORD + PREFIX - 1 : (index + 1) * _RECORD])]


_RECORD = PREFIX - 1 + 2
"""Bytes of a record: what follows a token's first byte, and the number of its class."""
NO_CARDS = Table([], [b""] * 256)


def read_table(path: Path, classes: Collection[str]) -> Table:
    """Read the whole tokens file; CardsError names the file and the wrong line. Takes a second for the largest file."""
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size > SIZE_LIMIT:
            raise CardsError(
                f"{path} is longer than {SIZE_LIMIT >> 20} MB; supply a file of at most {CARDS_LIMIT} cards"
            )
        buckets = _buckets(path, file, classes)
        for first, bucket in enumerate(buckets):
            records = sorted(bytes(bucket[start : start + _RECORD]) for start in range(0, len(bucket), _RECORD))
            bucket[:] = b"".join(records)
            for one, other in pairwise(records):
                if one[: PREFIX - 1] == other[: PREFIX - 1]:
                    line = _second_line(file, bytes([first]) + one[: PREFIX - 1])
                    raise CardsError(f"{path}:{line}: the token of this line stands here for the second time; keep one")
    return Table(list(classes), [bytes(bucket) for bucket in buckets])


def _buckets(path: Path, file: BinaryIO, classes: Collection[str]) -> list[bytearray]:
    """The records in the order of the file."""
    numbers = {id.encode(): number.to_bytes(2) for number, id in enumerate(classes)}
    buckets = [bytearray() for _ in range(256)]
    cards = 0
    for number, line in enumerate(_lines(path, file), 1):
        if number == 1:
            if line.removeprefix(_BOM) != FIRST_LINE:
                raise CardsError(f'{path}:1: the first line is not "{FIRST_LINE.decode()}"; supply a tokens file')
        elif found := _CARD.fullmatch(line):
            if found[2] not in numbers:
                raise CardsError(
                    f'{path}:{number}: there is no class "{found[2].decode()}"; known are {", ".join(classes)}'
                )
            cards += 1
            if cards > CARDS_LIMIT:
                raise CardsError(f"{path}:{number}: these are more than {CARDS_LIMIT} cards; supply fewer")
            token = bytes.fromhex(found[1].decode("ascii"))
            buckets[token[0]] += token[1:PREFIX] + numbers[found[2]]
        elif found := _END.fullmatch(line):
            if int(found[1]) != cards:
                raise CardsError(
                    f"{path}:{number}: {cards} cards stand above, and not {int(found[1])}; supply the whole file"
                )
            if file.read(1):
                raise CardsError(
                    f"{path}:{number + 1}: something stands behind the end; supply the file as it was made"
                )
            return buckets
        else:
            raise CardsError(
                f"{path}:{number}: this is no line of 64 hexadecimal digits and a class; supply the file anew"
            )
    raise CardsError(f"{path}:{cards + 2}: the file has no end; it was not written to the last line: supply it again")


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """The lines, without their ends; one without an end, or too long to be valid, is an error."""
    number = 0
    while line := file.readline(_LINE_LIMIT):
        number += 1
        if not line.endswith(b"\n"):
            cut = "it is too long" if len(line) == _LINE_LIMIT else "it was not written to its end"
            raise CardsError(f"{path}:{number}: this is no whole line, {cut}; supply the file again")
        yield line[:-1].removesuffix(b"\r")


def _second_line(file: BinaryIO, token: bytes) -> int:
    """The number of the second line with that token."""
    file.seek(0)
    found = [number for number, line in enumerate(file, 1) if line[: 2 * PREFIX].lower() == token.hex().encode()]
    return found[1] if len(found) > 1 else 1


# -- what is known now --------------------------------------------------------------------------------------------


class _Found(NamedTuple, Generic[T]):
    stamp: object
    value: T | None
    trouble: str


class _File(Generic[T]):
    """A file that may change at any time, and its last valid content."""

    def __init__(self, path: Path, read: Callable[[Path], T], value: T) -> None:
        self.path = path
        self._read = read
        self.value = value
        self._stamp: object = None
        self.trouble = ""
        """Why the file cannot be used as it is now; empty if it can."""

    def changed(self) -> bool:
        """Whether it must be read, by its metadata; like `look`, to be called in a thread."""
        now = self._glance()  # always: only this is known to be quick or not at all
        return self._stamp is None or now != self._stamp

    def look(self) -> _Found[T]:
        """Read it; changes nothing here, and is called in a thread."""
        stamp = self._glance()
        try:
            value = self._read(self.path)
        except CardsError as error:
            return _Found(stamp, None, str(error))
        if self._glance() != stamp:
            return _Found(None, None, f"{self.path} was written while it was read; it is read again at the next card")
        return _Found(stamp, value, "")

    def take(self, found: _Found[T]) -> None:
        """Use what was read."""
        self._stamp, self.trouble = found.stamp, found.trouble
        if found.value is not None:
            self.value = found.value

    def _glance(self) -> object:
        try:
            now = os.stat(self.path)
        except OSError as error:
            return error.errno
        return now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_mode


_Files = tuple[_Found[bytes], _Found[Table]]


class CardTokens:
    """The cards of a branch. Without valid files no card gives a class, and everything else works.

    The files are checked whenever a card is read, and read again when they have changed: both in a thread, since access
    to a dead network drive may block.
    """

    def __init__(self, key_file: Path, tokens_file: Path, classes: Collection[str]) -> None:
        self._key: _File[bytes] = _File(key_file, read_key, b"")
        self._table: _File[Table] = _File(tokens_file, lambda path: read_table(path, classes), NO_CARDS)
        self._said: Sequence[object] = []
        self._looking = self._late = self._hanging = False
        self._waiting: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: list[Callable[[], None]] = []

    def open(self) -> None:
        """Read the files now, before anything runs; if that takes too long, they are read at the next card."""
        found: list[_Files] = []
        reading = threading.Thread(target=lambda: found.append(self._read()), name="cards", daemon=True)
        reading.start()
        reading.join(OPENING)
        if found:
            self._take(*found[0])
        else:
            self._hangs()

    def token_of(self, number: str) -> bytes | None:
        """The token of a card's number; None while there is no key."""
        return token_of(self._key.value, number) if self._key.value else None

    def class_of(self, token: bytes) -> str | None:
        """The class that a card's token gives; None: none."""
        return self._table.value.class_of(token)

    def detail(self) -> str:
        """What is wrong with the files, as a wording key of device states; empty: nothing."""
        if self._hanging:
            return "card_files"
        if self._key.trouble:
            return "card_key"
        return "card_list" if self._table.trouble else ""

    def watch(self, then: Callable[[], None]) -> None:
        """Call `then` whenever `detail` may have changed."""
        self._watchers.append(then)

    def when_current(self, then: Callable[[], None]) -> None:
        """Call `then`, in the loop's thread, when the files have been checked and read, or that takes too long."""
        if not self._looking:
            self._looking, self._late = True, False
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GLANCE, self._go_on)
            # A thread of its own that nobody waits for: one that hangs must not keep the daemon.
            threading.Thread(target=self._look, args=(loop,), name="cards", daemon=True).start()
        self.when_read(then)

    def when_read(self, then: Callable[[], None]) -> None:
        """Call `then` when the present check of the files has ended; at once if there is none."""
        if self._looking and not self._late and len(self._waiting) < WAITING_LIMIT:
            self._waiting.append(then)
        else:
            then()

    # -- in the thread ---------------------------------------------------------------------------------------

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if not any([self._key.changed(), self._table.changed()]):  # both are looked at
                loop.call_soon_threadsafe(self._done, None)
            else:
                loop.call_soon_threadsafe(self._reads, loop)
                loop.call_soon_threadsafe(self._done, self._read())
        except RuntimeError:
            pass  # the loop has ended in the meantime

    def _read(self) -> _Files:
        return self._key.look(), self._table.look()

    # -- in the loop -----------------------------------------------------------------------------------------

    def _reads(self, loop: asyncio.AbstractEventLoop) -> None:
        """The files have changed and are being read: extend the time that callers wait."""
        if not self._late:
            self._wait(loop.call_later(PATIENCE, self._go_on))

    def _done(self, found: _Files | None) -> None:
        self._looking = False
        self._wait(None)
        if self._hanging:
            self._hanging = False
            log.warning("the files of the cards can be read again")
            self._tell()
        if found:
            self._take(*found)
        self._go_on()

    def _go_on(self) -> None:
        """Call the callers that wait: the files have been checked, or that takes too long."""
        self._late = self._looking
        if self._late and not self._hanging:
            self._wait(asyncio.get_running_loop().call_later(HANGS, self._hangs))
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _hangs(self) -> None:
        self._hanging = True
        log.warning("%s and %s do not answer; until then %s", self._key.path, self._table.path, self._left)
        self._tell()

    def _wait(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = timer

    def _take(self, key: _Found[bytes], table: _Found[Table]) -> None:
        self._key.take(key)
        self._table.take(table)
        # A file that is being written has its error in another line at each check: report it once per file.
        wrong: list[_File[bytes] | _File[Table]] = [file for file in (self._key, self._table) if file.trouble]
        for file in wrong:
            if file not in self._said:
                log.warning("%s; until then %s", file.trouble, self._left)
        if self._said and not wrong:
            log.warning("the classes of %d cards are known", len(self._table.value))
        self._said = wrong
        self._tell()

    def _tell(self) -> None:
        for then in self._watchers:
            then()

    @property
    def _left(self) -> str:
        known = self._key.value and len(self._table.value) > 0
        return "the cards that were known still count" if known else "no card gives a class"
