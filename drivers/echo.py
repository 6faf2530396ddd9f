"""Removing echoes: two-wire adapters, and some gateways, return everything that we send.

Bytes that come back as they were sent, in order and within their time on the line, are an echo. A match alone proves
nothing, though: a call terminal's press and our answer to it are the same frame. So a line counts as echoing only when
several writes in a row, which the device had not sent itself, have come back whole. The states:

* *learning*, for a short time after the first write: input that begins like it is held back, for `LEARN` at most;
* *plain*: all input is passed on at once; writes that come back are counted;
* *proven*: while an echo is outstanding, input is held back until it is clear whose it is: as soon as the write is back
  whole, perhaps with bytes of the device in between. If a collision has changed, lost or added bytes, it is clear when
  a later write is back whole or the time is over: what resembles the write is then dropped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum, auto
from itertools import islice
from math import inf

MARGIN = 0.25
"""Seconds beyond its time on the line in which a byte may come back: adapters and gateways buffer bytes."""
LEARN = 0.1
"""The same while learning, when all input is held back."""
LEARN_LIMIT = 0.3
"""Seconds after the first write at which learning ends."""
SLOW_BYTE = 10 / 1200
"""Seconds that a byte may take on a line whose speed is not known."""
WRITES_IN_A_ROW = 2
PROOF = 6
"""`WRITES_IN_A_ROW` writes with `PROOF` bytes in all prove that the line echoes, or one of `LONG_PROOF` bytes."""
LONG_PROOF = 16
ALIKE_IN_A_ROW = 16
PROMPT = 0.04
"""`ALIKE_IN_A_ROW` writes that the device has sent as well are also proof, if each comes back within `PROMPT` seconds:
a terminal that repeats its frame takes longer."""
MISSES_IN_A_ROW = 5
"""Writes of which nothing comes back, though something came since, after which a line does not echo any more. A line on
which nothing comes at all has stalled, and tells nothing of its adapter."""
SEGMENT = 64
"""A longer write is matched in pieces of so many bytes: bytes of the device inside it must not wait for its end."""
OUTSTANDING = 256
"""Pieces that may be under way; older ones are given up."""
LOOK_AHEAD = 8
"""Pieces after the first that are searched for when the first is broken."""
HELD = 1024
"""Bytes that may be held back."""
SAID = 4096
"""Bytes remembered of the device's output."""
SURE = 4
"""Bytes in a row that are no chance match."""
INSERTED = 8
"""Bytes of a device that may stand between fewer than `SURE` of ours."""
LOOKED_AT = 4 * SEGMENT
"""Held bytes among which the remains of a broken piece are looked for."""


class _Mode(Enum):
    LEARNING = auto()
    PLAIN = auto()
    PROVEN = auto()


@dataclass(slots=True)
class _Piece:
    """Bytes that were sent when they `left` and may come back until `due`. `evident`: the device has not sent the same
    lately."""

    data: bytes
    left: float
    due: float
    evident: bool
    waits: bool = False  # has not left yet


class EchoFilter:
    """Given what was sent and received when, returns the device's own bytes. `byte_time`: seconds; None: unknown."""

    def __init__(self, byte_time: float | None) -> None:
        self._byte_time = SLOW_BYTE if byte_time is None else byte_time
        # What comes back in pieces must have come whole in this time.
        self._patience = MARGIN + SEGMENT * self._byte_time
        self._mode = _Mode.LEARNING
        self._said = b""
        self._forget()

    def _forget(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._held = bytearray()
        self._held_since = 0.0
        self._free_at = 0.0
        self._first_sent: float | None = None
        self._learn_until = 0.0
        self._heard_at = -inf
        self._all = bytearray()  # what came while learning,
        self._own = bytearray()  # and what of it is the device's if the line echoes
        self._returned = self._returned_bytes = self._alike = self._misses = 0

    @property
    def echoing(self) -> bool:
        """Whether the line is known to return what is sent."""
        return self._mode is _Mode.PROVEN

    def restart(self) -> None:
        """The link is new; whether the line echoes is assumed to be unchanged."""
        self._forget()
        if self._mode is _Mode.PLAIN:
            self._mode = _Mode.LEARNING

    def sent(self, data: bytes, now: float) -> None:
        """These bytes are being sent."""
        if self._mode is _Mode.PLAIN:
            self._drop_late(now)
        for start in range(0, len(data), SEGMENT):
            piece = data[start : start + SEGMENT]
            self._free_at = max(now, self._free_at) + len(piece) * self._byte_time
            self._pieces.append(_Piece(piece, now, self._free_at + MARGIN, piece not in self._said))
        while len(self._pieces) > OUTSTANDING:
            self._pieces.popleft()
        if self._mode is _Mode.LEARNING:
            if self._first_sent is None:
                self._first_sent = now
            self._learn_until = min(self._free_at + LEARN, self._first_sent + LEARN_LIMIT)

    def heard(self, data: bytes, now: float) -> bytes:
        """These bytes were received: returns those of them, and of the bytes held back, that are the device's."""
        before, self._heard_at = self._mode, now
        if before is _Mode.PLAIN:
            self._drop_late(now)
        elif before is _Mode.LEARNING and self._first_sent is not None:
            self._all += data
        if not self._held or self._held_since == inf:
            self._held_since = now
        self._held += data
        if before is _Mode.PLAIN:
            self._look(now)
            return self._passed_on(before, data, b"")
        own = self._sort(now)
        if self._mode is _Mode.LEARNING and self._pieces and not self._begins():
            self._mode = _Mode.PLAIN
        while len(self._held) > HELD and self._pieces:
            own += self._give_up(now) + self._sort(now)
        return self._passed_on(before, data, own)

    def tick(self, now: float, unsent: int = 0) -> bytes:
        """Time has passed, and `unsent` bytes have not left yet, since the far end has stopped the line."""
        before = self._mode
        if before is _Mode.PLAIN:
            return b""
        for piece in reversed(self._pieces):
            piece.waits = unsent > 0
            if piece.waits:
                piece.due = max(piece.due, now + MARGIN)
                unsent -= len(piece.data)
        own = b""
        while self._pieces and self._give_up_at() <= now:
            if self._pieces[0].waits:
                own += self._let_go()
                break
            own += self._give_up(now) + self._sort(now)
        if before is _Mode.LEARNING and self._mode is before and now >= self._learn_until:
            self._mode = _Mode.PLAIN
        return self._passed_on(before, b"", own)

    def next_deadline(self) -> float | None:
        """When `tick` is to be called."""
        if self._mode is _Mode.LEARNING:
            return None if self._first_sent is None else self._learn_until
        return self._give_up_at() if self._mode is _Mode.PROVEN and self._pieces else None

    # -- inside ----------------------------------------------------------------------------------------------

    def _passed_on(self, before: _Mode, data: bytes, own: bytes) -> bytes:
        """The bytes for the driver, by the mode in which they were received."""
        told = own
        if before is _Mode.PLAIN:
            told = data
            if self._mode is _Mode.PROVEN:
                self._held.clear()  # told already
        elif before is _Mode.LEARNING and self._first_sent is not None:
            self._own += own
            told = b""
            if self._mode is not before:
                told = bytes(self._own if self._mode is _Mode.PROVEN else self._all)
                self._all.clear()
                self._own.clear()
        elif self._mode is _Mode.PLAIN:
            told += self._held
            self._held.clear()
            self._pieces.clear()
        if told:
            self._said = (self._said + told)[-SAID:]
        return told

    def _begins(self) -> bool:
        """Whether the held bytes begin like those sent: an echo comes before any answer."""
        piece = self._pieces[0].data
        return _common(piece, self._held) == min(len(piece), len(self._held))

    def _look(self, now: float) -> None:
        """Count what has come back on a line that does not count as echoing, in any order."""
        for piece in list(self._pieces):
            at = self._held.find(piece.data)
            if at >= 0:
                del self._held[: at + len(piece.data)]
                self._pieces = deque(other for other in self._pieces if other is not piece)
                self._came_back(piece, now)
        del self._held[: -HELD if self._pieces else None]

    def _sort(self, now: float) -> bytes:
        """Remove echoes; returns the device's bytes before them, or all if no echo is outstanding."""
        own = b""
        while self._pieces:
            later = self._later_one()
            found = _find(self._pieces[0].data, self._held, alone=len(self._pieces) == 1)
            if found and (later is None or found[1] <= later):
                device, size = found
                own += device
                self._take(size, now)
                self._came_back(self._pieces.popleft(), now)
            elif later is not None:
                own += self._give_up(now, later)
            else:
                break
        if not self._pieces:
            own += self._held
            self._held.clear()
        return own

    def _later_one(self) -> int | None:
        """The position of a later, unmistakable piece that is back whole, if any: the first piece ends before it."""
        before = self._pieces[0].data
        for piece in islice(self._pieces, 1, LOOK_AHEAD):
            long_enough = len(piece.data) >= PROOF and piece.evident
            at = self._held.find(piece.data) if long_enough else -1
            if at >= 0 and (before + piece.data).find(piece.data) == len(before):
                return at
            before += piece.data
        return None

    def _take(self, size: int, now: float) -> None:
        del self._held[:size]
        self._held_since = now

    def _give_up_at(self) -> float:
        """When the first piece is no longer waited for."""
        due = self._pieces[0].due
        return min(due, self._held_since + self._patience) if self._held else due

    def _let_go(self) -> bytes:
        """Release what was held back on a stopped line; what has come back of the first piece stays."""
        back = _common(self._pieces[0].data, self._held)
        own = bytes(self._held[back:])
        del self._held[back:]
        self._held_since = inf
        return own

    def _give_up(self, now: float, until: int = LOOKED_AT) -> bytes:
        """The first piece has not come back whole: release the bytes up to the next piece, without its remains."""
        given_up = self._pieces.popleft()
        piece = given_up.data
        following = self._pieces[0].data if self._pieces and until == LOOKED_AT else b""
        heard = bytes(self._held[:until])
        own, size, matched = _remains(piece, following, heard)
        self._take(size, now)
        if 2 * matched < len(piece):
            self._missed(given_up)
        if not self._pieces:
            own += self._held
            self._held.clear()
        return own

    def _drop_late(self, now: float) -> None:
        """Drop overdue pieces on a plain line, where nothing is held back."""
        while self._pieces and self._pieces[0].due <= now:
            self._missed(self._pieces.popleft())
        if not self._pieces:
            self._held.clear()

    def _came_back(self, piece: _Piece, now: float) -> None:
        self._misses = 0
        if not piece.evident:
            self._alike = self._alike + 1 if now <= piece.due - MARGIN + PROMPT else 0
            if self._alike >= ALIKE_IN_A_ROW:
                self._mode = _Mode.PROVEN
            return
        self._returned += 1
        self._returned_bytes += len(piece.data)
        enough = self._returned >= WRITES_IN_A_ROW and self._returned_bytes >= PROOF
        if enough or len(piece.data) >= LONG_PROOF:
            self._mode = _Mode.PROVEN

    def _missed(self, piece: _Piece) -> None:
        self._returned = self._returned_bytes = self._alike = 0
        self._misses += self._heard_at >= piece.left
        if self._mode is _Mode.LEARNING or self._misses >= MISSES_IN_A_ROW:
            self._mode = _Mode.PLAIN


@dataclass(frozen=True, slots=True)
class _Block:
    """`size` bytes that were sent at offset `sent` and received at offset `heard`."""

    sent: int
    heard: int
    size: int


def _find(piece: bytes, heard: bytearray, *, alone: bool) -> tuple[bytes, int] | None:
    """A piece found in the input: the device's bytes before or inside it, and the size of both together.

    `alone`: no other piece is outstanding, so that a few bytes inside the piece are the device's.
    """
    whole = heard.find(piece)
    begun = _common(piece, heard)
    rest = piece[begun:]
    if begun and rest:
        inserted = heard.find(rest, begun) - begun
        sure = len(rest) >= SURE or (alone and inserted <= _may_be_inserted(piece, rest))
        if inserted > 0 and sure and (whole < 0 or inserted < whole):
            return bytes(heard[begun : begun + inserted]), inserted + len(piece)
    return (bytes(heard[:whole]), whole + len(piece)) if whole >= 0 else None


def _may_be_inserted(piece: bytes, rest: bytes) -> int:
    """How many bytes may precede the last few of a piece, since few bytes match easily by chance."""
    return INSERTED if len(rest) == 1 or len(piece) < PROOF else SEGMENT


def _common(one: bytes, other: bytes | bytearray) -> int:
    """The length of the common prefix."""
    size = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        size += 1
    return size


def _remains(piece: bytes, following: bytes, heard: bytes) -> tuple[bytes, int, int]:
    """For a piece that is not back whole: (the device's bytes, bytes consumed, bytes of the piece that were found).

    `following` is the next piece, whose beginning ends the remains of this one.
    """
    begun = _common(piece, heard)
    rest, inserted = piece[begun:], len(heard) - len(piece)
    if begun and rest and 0 < inserted <= _may_be_inserted(piece, rest) and heard.endswith(rest):
        return heard[begun : begun + inserted], len(heard), len(piece)
    changed = _one_changed(piece, heard)
    if changed is not None:
        return heard[:changed], changed + len(piece), len(piece) - 1
    ours, size = _blocks(piece, following, heard)
    matched = sum(block.size for block in ours)
    if 2 * matched < len(piece) or size == len(piece):
        # A chance match; or as long as ours with more than one byte changed: another frame of the same kind.
        return heard[:size], size, 0 if 2 * matched < len(piece) else matched
    own = b""
    sent_to = heard_to = 0
    for block in [*ours, _Block(len(piece), size, 0)]:
        lost, came = block.sent - sent_to, block.heard - heard_to
        if came > min(lost, 1):  # one in place of ours is ours, changed
            own += heard[heard_to : block.heard]
        sent_to, heard_to = block.sent + block.size, block.heard + block.size
    return own, size, matched


def _one_changed(piece: bytes, heard: bytes) -> int | None:
    """The position of the piece with one byte changed. Two frames with check sums always differ in more."""
    for start in range(len(heard) - len(piece) + 1):
        different = 0
        for a, b in zip(piece, heard[start:], strict=False):
            different += a != b
            if different > 1:
                break
        else:
            return start
    return None


def _blocks(piece: bytes, following: bytes, heard: bytes) -> tuple[list[_Block], int]:
    """The parts of the piece that were received, in order, and where `following` begins: short parts count only next to
    others."""
    matcher = SequenceMatcher(None, piece + following, heard, autojunk=False)
    found = [_Block(*match) for match in matcher.get_matching_blocks()]
    kept: list[_Block] = []
    last = _Block(0, 0, 0)
    for block, after in zip(found, [*found[1:-1], None], strict=False):
        completes = block.sent + block.size >= len(piece)
        goes_on = _beside(last, block) and (completes or block.heard == last.heard + last.size)
        if block.size < SURE and not goes_on and not (after and _beside(block, after)):
            continue
        last, mine = block, min(block.size, len(piece) - block.sent)
        if mine > 0:
            kept.append(_Block(block.sent, block.heard, mine))
        if mine < block.size:
            return kept, block.heard + max(0, mine)
    return kept, len(heard)


def _beside(one: _Block, other: _Block) -> bool:
    """Whether the gap between two blocks is a device's insertion, or a byte changed or lost."""
    lost = other.sent - one.sent - one.size
    came = other.heard - one.heard - one.size
    return (lost == 0 and came <= INSERTED) or lost == came == 1 or (came == 0 and lost == 1)
