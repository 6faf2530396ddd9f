"""The voice with the real espeak-ng, and with a real program as its player: what it is given, and how it is treated."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from branches import local

from bench import processes
from controller.clock import Clock
from controller.config import read, shipped, wording
from controller.devices.voice import call
from controller.engine import Request
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.take_ticket import TakeTicket
from drivers import sound
from drivers.device import OK, Health
from drivers.terminal68 import Key
from drivers.voice import Failing, Phrase, Voice
from drivers.voice_session import GRACE, VOICES, Speaker, VoiceSession
from simulators.branch import running
from system.branch import HOUSE, LINE_DELAY, LOBBY, MQTT, TERMINALS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

if shutil.which("espeak-ng") is None:
    if os.environ.get("CI") == "true":
        raise RuntimeError("espeak-ng is missing")
    pytest.skip("espeak-ng is not installed", allow_module_level=True)

PLAYER = """\
import os, subprocess, sys, time
from pathlib import Path

here = Path(sys.argv[1])

def note(what):
    with (here / "notes").open("a") as notes:
        notes.write(f"{what}\\n")

note(f"start {time.monotonic()} {os.getpid()}")
mode = (here / "mode").read_text()
if mode == "fail":
    sys.exit("starting\\naudio open error: No such device\\n")
if mode == "ignore":
    sys.exit(0)
if mode == "hang":
    child = subprocess.Popen(["sleep", "1000"])
    note(f"child 0 {child.pid}")
    child.wait()
data = sys.stdin.buffer.read()
(here / f"{time.monotonic_ns()}.wav").write_bytes(data)
if mode == "fail speech" and len(data) > 22050:
    sys.exit("noise")
time.sleep(0.05)
note(f"end {time.monotonic()} {os.getpid()}")
"""
TRIAL = 0.5
"""Seconds of sound below which it is a trial's silence."""


@dataclass
class Player:
    """A player program in `directory`, with a knob, and what it has noted."""

    directory: Path

    def __post_init__(self) -> None:
        self.directory.mkdir()
        (self.directory / "player.py").write_text(PLAYER)
        self.set("play")

    @property
    def command(self) -> tuple[str, ...]:
        """How it is run."""
        return (sys.executable, str(self.directory / "player.py"), str(self.directory))

    def set(self, mode: str) -> None:
        """Behave like this from the next time on."""
        new = self.directory / "mode.new"
        new.write_text(mode)
        new.rename(self.directory / "mode")

    def notes(self, kind: str) -> list[tuple[float, int]]:
        """(monotonic seconds, process) of each note of a kind."""
        path = self.directory / "notes"
        notes = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(float(at), int(pid)) for what, at, pid in notes if what == kind]

    def played(self) -> list[bytes]:
        """The frames of everything but trials that was played to its end."""
        done = len(self.notes("end"))
        files = sorted(self.directory.glob("*.wav"), key=lambda path: int(path.stem))[:done]
        frames = [sound.from_wav(path.read_bytes()) for path in files]
        return [part for part in frames if sound.length(part) > TRIAL]

    def overlaps(self) -> bool:
        """Whether two were at work at once."""
        both = sorted([(at, "start") for at, _ in self.notes("start")] + [(at, "end") for at, _ in self.notes("end")])
        return any(kind == ("start", "end")[n % 2 == 0] for n, (_, kind) in enumerate(both))


@dataclass
class Speaking:
    """A voice at work, and what was heard of it."""

    voice: Voice
    session: VoiceSession
    facts: list[object]
    task: asyncio.Task[None]

    def say(self, key: str, phrases: Sequence[Phrase]) -> None:
        """Announce it."""
        self.voice.announce(key, phrases, time.monotonic())
        self.session.flush()


@asynccontextmanager
async def speaking(
    player: Sequence[str],
    *,
    speaker: Speaker | None = None,
    quiet: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    grace: float = 10.0,
) -> AsyncIterator[Speaking]:
    """A voice at work whose pauses after failures are short."""
    facts: list[object] = []
    voice = Voice(pauses=[0.05])
    session = VoiceSession(
        voice,
        speaker or Speaker({}),
        player,
        calls("A0", "1"),
        facts.append,
        clock,
        quiet,
        grace=grace,
    )
    task = asyncio.create_task(session.run(), name="voice")
    try:
        async with asyncio.timeout(30):
            await session.settled.wait()
        yield Speaking(voice, session, facts, task)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def calls(ticket: str, counter: str, languages: Sequence[str] = ("en",)) -> list[Phrase]:
    return call([wording(language) for language in languages], ticket, counter, yao=False)


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


def loudest(frames: bytes) -> int:
    return max(abs(int.from_bytes(frames[n : n + 2], "little", signed=True)) for n in range(0, len(frames), 2))


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(tmp_path / "player")


# -- espeak-ng ---------------------------------------------------------------------------------------------------


def phonemes(language: str, text: str) -> list[str]:
    command = ["espeak-ng", "-b", "1", "-v", VOICES[language], "-q", "-x", "--stdin"]
    environment = os.environ | {"LC_ALL": "C"}
    done = processes.run(command, input=text.encode(), capture_output=True, check=True, timeout=20, env=environment)
    return re.findall(r"[^\s|_]+", done.stdout.decode())


def test_espeak_says_what_it_should_in_chinese() -> None:
    """Each syllable has its tone (55, 35, 214 or in a sentence 21, 51), none is a number, nothing is English."""
    digits = phonemes("zh", "零 一 二 三 四 五 六 七 八 九 幺")
    assert digits == [
        *("l'i35N", "j'i55", "'@r51", "s'a55n", "s'i[51", "w'u21", "l'iou51", "tS;h'i55", "p'A55", "tS;'iou21"),
        "j'Au55",
    ]
    sentence = phonemes("zh", "请 A 零 一 二 号到 三 号窗口")
    assert sentence == [
        *("tS;h'i21N", "'ei51", "l'i35N", "j'i55", "'@r51", "X'Au51", "t'Au51", "s'a55n", "X'Au51"),
        *("ts.hw'A55N", "kh'ou214"),
    ]


def test_espeak_spells_every_letter_as_its_name() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    english = phonemes("en", "Ticket " + " ".join(f"{letter}," for letter in letters))
    assert english[1] == "'eI", "a letter, not the article"
    assert len(english) == 1 + len(set(english[1:])) == 27
    assert len(set(phonemes("zh", " ".join(letters)))) >= 26


# -- what is played ----------------------------------------------------------------------------------------------


async def test_calls_are_played_once_each_and_then_again_in_both_languages(player: Player) -> None:
    async with speaking(player.command) as it:
        assert it.facts == [OK]
        for number in range(3):
            it.say(f"A00{number}", calls(f"A00{number}", "12", ("zh", "en")))
        played = await until(lambda: len(player.played()) >= 6 and player.played())
    assert len(played) == 6
    assert not player.overlaps()
    for first, second in zip(played[:3], played[3:], strict=True):
        assert sound.chime() in first
        assert sound.chime() not in second
        assert sound.length(first) - sound.length(second) == pytest.approx(sound.length(sound.chime()), abs=0.001)
        assert 6 < sound.length(second) < 15
        assert loudest(second) > 8000
    assert len(set(played)) == 6
    assert it.facts == [OK]


async def test_one_language_is_shorter_and_faster_is_shorter() -> None:
    async def lasts(speed: int, *languages: str) -> float:
        speaker = Speaker({}, speed=speed, chime=False)
        return sound.length(await speaker.frames(calls("A012", "3", languages), first=True))

    both, one, fast = await lasts(150, "zh", "en"), await lasts(150, "zh"), await lasts(250, "zh")
    assert 2 < fast < 0.8 * one < 0.8 * 0.7 * both


async def test_clips_are_used_where_there_are_any_and_the_rest_is_spoken() -> None:
    phrases = calls("A1", "2", ("zh",))
    clips = {("zh", piece.clip): bytes([n + 1, 10]) * 2000 for n, piece in enumerate(phrases[0].pieces)}
    without_espeak = Speaker(clips, chime=False, program=("/nonexistent/espeak-ng",))
    assert b"".join(clips.values()) in await without_espeak.frames(phrases, first=True)
    del clips["zh", "号到"]
    assert sound.length(await Speaker(clips, chime=False).frames(phrases, first=True)) > 6 * 2000 / 22050 + 1.2


# -- quiet hours -------------------------------------------------------------------------------------------------


async def test_in_quiet_hours_nothing_begins_and_what_has_grown_old_is_not_made_up_for(player: Player) -> None:
    quiet = False
    passed = 0.0
    async with speaking(player.command, quiet=lambda: quiet, clock=lambda: time.monotonic() + passed) as it:
        it.say("A001", calls("A001", "1"))
        it.say("A002", calls("A002", "1"))
        await until(lambda: len(player.notes("start")) == 2)  # the first after the trial
        quiet = True
        await until(lambda: it.voice.keys == ["A002", "A001"])
        it.say("A003", calls("A003", "1"))
        passed = 61.0
        await until(lambda: not it.voice.keys)
        quiet = False
        passed = 0.0
        it.say("A004", calls("A004", "1"))
        await until(lambda: len(player.played()) >= 3 and not it.voice.keys)
    assert [sound.chime() in frames for frames in player.played()] == [True, True, False]
    assert it.facts == [OK]


async def test_a_call_is_spoken_when_quiet_hours_end_though_nobody_calls_then(player: Player) -> None:
    silent, looks = True, 0

    def quiet() -> bool:
        nonlocal looks
        looks += 1
        return silent

    async with speaking(player.command, quiet=quiet) as it:
        before = looks
        it.say("A001", calls("A001", "1"))
        await until(lambda: looks > before)
        silent = False
        await until(lambda: len(player.played()) == 2)


# -- failures ----------------------------------------------------------------------------------------------------


async def test_a_player_that_fails_is_told_once_with_what_it_said_and_recovers(player: Player) -> None:
    player.set("fail")
    async with speaking(player.command) as it:
        it.say("A001", calls("A001", "1"))
        await until(lambda: len(player.notes("start")) >= 4)
        reason = f"{sys.executable}: audio open error: No such device"
        assert it.facts == [Failing(Health("degraded", "voice_player"), reason)]
        player.set("play")
        await until(lambda: len(player.played()) == 2)
        assert it.facts[1:] == [OK]


async def test_a_player_that_hangs_is_ended_with_all_it_has_started(player: Player) -> None:
    player.set("hang")
    async with speaking(player.command, grace=1.0) as it:
        ((_, child),) = player.notes("child")
        await until(lambda: not alive(child) and not alive(player.notes("start")[0][1]))
        assert isinstance(it.facts[0], Failing)
        assert re.fullmatch(r"\S+ had to be ended after 1 s", it.facts[0].reason)
        it.say("A001", calls("A001", "1"))
        player.set("play")
        await until(lambda: len(player.played()) == 2)
        assert it.facts[1:] == [OK]


async def test_a_player_that_hangs_does_not_cost_everybody_long(player: Player) -> None:
    began = time.monotonic()
    player.set("hang")
    async with speaking(player.command, grace=GRACE) as it:
        assert isinstance(it.facts[0], Failing)
        assert time.monotonic() - began < 7


async def test_nothing_is_left_when_the_voice_ends(player: Player) -> None:
    async with speaking(player.command) as it:
        player.set("hang")
        it.say("A001", calls("A001", "1"))
        ((_, child),) = await until(lambda: player.notes("child"))
        pids = [child, *(pid for _, pid in player.notes("start"))]
        assert alive(child)
    assert it.task.cancelled()
    await until(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("turns", range(12))
async def test_nothing_is_left_of_a_player_that_is_just_being_started(tmp_path: Path, turns: int) -> None:
    """The voice ends so many turns of the loop after it began; each is long enough for the player to get on."""
    pid = tmp_path / "pid"
    player = ("sh", "-c", f"sleep 1000 & echo $! >{pid}.new; mv {pid}.new {pid}; wait")
    clips = {("en", piece.clip): sound.silence(0.1) for piece in calls("A0", "1")[0].pieces}
    session = VoiceSession(Voice(), Speaker(clips), player, calls("A0", "1"), lambda fact: None, time.monotonic)
    task = asyncio.create_task(session.run(), name="voice")
    for _ in range(turns):
        await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251 - the loop is to be slower than the player
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if pid.exists():
        await until(lambda: not alive(int(pid.read_text())))


async def test_a_player_that_does_not_want_the_sound_is_its_own_affair(player: Player) -> None:
    player.set("ignore")
    async with speaking(player.command) as it:
        it.say("A001", calls("A001", "1", ("zh", "en")))
        await until(lambda: len(player.notes("start")) == 3)
        assert it.facts == [OK]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/nonexistent/espeak-ng", "No such file or directory"),
        ("/bin/false", "ended with 1"),
        ("/bin/true", "it is no plain WAV file"),
        ("/dev/null", "Permission denied"),
    ],
)
async def test_an_espeak_that_fails_is_told_as_such(player: Player, program: str, reason: str) -> None:
    async with speaking(player.command, speaker=Speaker({}, program=(program,))) as it:
        (fact,) = it.facts
        assert isinstance(fact, Failing)
        assert fact.health == Health("degraded", "voice_speech")
        assert fact.reason.startswith(f"{program}: {reason}")
    assert not player.notes("start")


async def test_a_program_that_floods_is_bounded(tmp_path: Path) -> None:
    flood = (
        "sh",
        "-c",
        "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; echo >&2; echo at the end >&2; exit 3",
    )
    async with speaking(flood, speaker=Speaker({}, program=("espeak-ng",))) as it:
        (fact,) = it.facts
        assert isinstance(fact, Failing)
        assert len(fact.reason) <= 210


# -- the daemon --------------------------------------------------------------------------------------------------

VOICE = """
[[device]]
id = "voice"
driver = "voice"
languages = ["en", "zh"]
player = {player}
quiet = []
"""


async def test_a_branch_speaks_its_calls_and_says_once_that_it_cannot(
    tmp_path: Path, player: Player, broker: Mosquitto
) -> None:
    command = shlex.join(player.command).replace("\\", "\\\\").replace('"', '\\"')
    parts = (HOUSE, MQTT, TERMINALS, VOICE.replace("{player}", f'"{command}"'))
    player.set("fail")
    async with Branch(tmp_path, broker.port, parts) as branch, Network(broker.port, branch.root) as network:
        await network.device("voice", "degraded")
        player.set("play")
        await network.device("voice")
        for _ in range(2):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await branch.key(1, Key.CALL)
        await until(lambda: len(player.played()) == 2)
        assert [row.data for row in branch.rows("device_changed") if row.data["device"] == "voice"] == [
            {"device": "voice", "state": "degraded", "detail": "voice_player"},
            {"device": "voice", "state": "ok", "detail": ""},
        ]
        line = "voice: calls cannot be heard \\(.*audio open error: No such device\\); check the sound card"
        assert [bool(re.match(line, said.partition(" ")[2])) for said in branch.logged("voice: ")] == [True, False]
        assert branch.logged("voice: works again")

        # No player outlives the daemon.
        player.set("hang")
        await branch.key(2, Key.CALL)
        ((_, child),) = await until(lambda: player.notes("child"))
        await branch.stop()
        await until(lambda: not alive(child))
        assert len(player.played()) == 2


async def test_who_is_being_called_when_the_power_goes_is_announced_once_more(
    tmp_path: Path, player: Player, broker: Mosquitto
) -> None:
    command = shlex.join(player.command).replace("\\", "\\\\").replace('"', '\\"')
    parts = (HOUSE, MQTT, TERMINALS, VOICE.replace("{player}", f'"{command}"'))
    async with Branch(tmp_path, broker.port, parts) as branch, Network(broker.port, branch.root) as network:
        await network.device("voice")
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await branch.key(1, Key.CALL)
        await until(lambda: len(player.played()) == 2)
        player.set("hang")
        await branch.key(2, Key.CALL)
        ((_, child),) = await until(lambda: player.notes("child"))
        await branch.kill()
        for pid in (player.notes("start")[-1][1], child):  # systemd ends what is left
            os.kill(pid, signal.SIGKILL)
        player.set("play")
        await branch.start()
        await until(lambda: len(player.played()) == 4)
        # As soon as the daemon is back, the same key is the press that it has written last.
        known = time.monotonic() + branch.repeat_ms / 1000 + LINE_DELAY
        await until(lambda: time.monotonic() > known)
        await branch.key(1, Key.CALL)
        await until(lambda: len(player.played()) == 6)
    speaker = Speaker({})
    sayings = {
        await speaker.frames(calls(ticket, counter, ("en", "zh")), first=first): (ticket, first)
        for ticket, counter in (("A001", "1"), ("A002", "2"), ("A003", "1"))
        for first in (True, False)
    }
    before = [("A001", True), ("A001", False)]
    after = [("A001", True), ("A002", True), ("A003", True), ("A003", False)]
    assert [sayings.get(frames) for frames in player.played()] == before + after


async def test_a_branch_keeps_its_quiet_hours_by_its_own_clock(tmp_path: Path, player: Player) -> None:
    noon = local("2026-11-23 12:00")
    now = noon
    path = tmp_path / "branch.toml"
    text = "".join((HOUSE, VOICE)).replace("{player}", '"' + " ".join(map(shlex.quote, player.command)) + '"')
    path.write_text(text.replace("[]", '"12:00-13:30"').format(id="b-quiet", directory=tmp_path))
    async with running(read(path), Clock(wall=lambda: now)) as daemon:

        async def do(command: type[Command], **more: object) -> None:
            daemon.engine.submit(Request(command(at=now, cause=str(len(causes)), **more)))  # type: ignore[arg-type]
            causes.append(command)
            await daemon.engine.idle()

        causes: list[type[Command]] = []
        for _ in range(2):
            await do(TakeTicket, by="kiosk", service="cash", paper="none", screen=True)
        now = local("2026-11-23 13:29")
        await do(CallNext, counter="1")
        assert daemon.engine.state.counter("1").ticket == "A001"
        assert len(player.notes("start")) == 1, "the trial"
        now = local("2026-11-23 13:30")
        await until(lambda: len(player.played()) == 2)
        await do(CallNext, counter="2")
        assert daemon.engine.state.counter("2").ticket == "A002"
        await until(lambda: len(player.played()) == 4)
    speaker = Speaker({})
    assert player.played() == [
        await speaker.frames(calls(ticket, counter, ("en", "zh")), first=first)
        for ticket, counter in (("A001", "1"), ("A002", "2"))
        for first in (True, False)
    ]


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.parametrize("command", ["demo", "simulators"])
async def test_simulated_branches_may_have_a_voice(tmp_path: Path, player: Player, command: str) -> None:
    path = tmp_path / "demo.toml"
    voice = VOICE.replace("{player}", '"' + " ".join(map(shlex.quote, player.command)) + '"')
    path.write_text(shipped("demo.toml").read_text("utf-8") + voice, "utf-8")
    more = {
        "demo": ("--headless", "--customers", "2", "--seed", "1", "--speed", "400"),
        "simulators": ("--dev", str(tmp_path / "dev")),
    }[command]
    pipe = asyncio.subprocess.PIPE
    async with processes.spawned(LOBBY, command, "--config", path, *more, stdout=pipe, stderr=pipe) as process:
        if command == "simulators":
            assert process.stdout
            async with asyncio.timeout(60):
                while b"Ctrl-C ends" not in (line := await process.stdout.readline()):
                    assert line
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(110):
            out, error = await process.communicate()
    assert b"Traceback" not in error, error
    if command == "demo":
        assert process.returncode == 0, out + error
        assert player.notes("start")
