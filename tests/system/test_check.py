"""The command line, as installed: exit codes, one line for people, and never a traceback."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bench import processes
from controller.config import shipped
from simulators.paper import Paper
from system.branch import EVERYTHING, HALL, HOUSE, LOBBY, MQTT, PRINTER, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

ERROR = re.compile(r"^\S+\.toml:\d+: \S+: .+$")


async def lobby(*arguments: object, seconds: float = 60) -> tuple[int, str, str]:
    """Run the command to its end: exit code, standard output and standard error."""
    code, out, err = await processes.ended(LOBBY, *map(str, arguments), seconds=seconds)
    return code, out.decode(), err.decode()


def written(directory: Path, *parts: str) -> Path:
    """A configuration file made of these parts."""
    path = directory / "branch.toml"
    path.write_text("".join(parts).format(id="b-1", directory=directory, port=1883, repeat_ms=400))
    return path


async def test_help_names_the_commands() -> None:
    code, out, err = await lobby("--help")
    assert (code, err) == (0, "")
    for command in ("run", "check", "demo", "simulators"):
        assert re.search(rf"^  {command} ", out, re.MULTILINE), command


async def test_check_of_a_good_configuration(tmp_path: Path) -> None:
    code, out, err = await lobby("check", "--config", written(tmp_path, *EVERYTHING))
    assert (code, err) == (0, "")
    assert out.count("\n") == 1


async def test_check_tells_every_error_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, HOUSE, MQTT, PRINTER)
    text = path.read_text()
    text = text.replace('timezone = "Asia/Shanghai"', 'timezone = "Asia/Shangai"')
    text = text.replace("hold_off = 0", "hold_of = 0", 1)
    text = text.replace("columns = 32", "columns = 7")
    text = text.replace('counter = "3"', 'counter = "4"')
    path.write_text(text)
    code, out, err = await lobby("check", "--config", path)
    assert code == 2
    errors = (out + err).splitlines()
    assert len(errors) == 4, errors
    lines = text.splitlines()
    for error, (wrong, right) in zip(
        errors,
        (("Asia/Shangai", "Asia/Shanghai"), ('"4"', "3"), ("hold_of ", "hold_off"), ("columns = 7", "")),
        strict=True,
    ):
        assert ERROR.match(error), error
        number = int(error.split(":")[1])
        assert wrong in lines[number - 1], error
        assert right in error, error
    assert [int(error.split(":")[1]) for error in errors] == sorted(int(error.split(":")[1]) for error in errors)
    run_code, _, run_err = await lobby("run", "--config", path)
    assert (run_code, run_err.splitlines()) == (2, errors)


@pytest.mark.long
async def test_what_is_not_shown_whole_is_a_warning_and_the_rest_gets_its_twin(
    tmp_path: Path, broker: Mosquitto
) -> None:
    house = (
        HOUSE.replace("Liberation Road", "¥ Road 㐂").replace('"Cash"', '"Cash – ¥"').replace('"Personal"', '"P. – ¥"')
    )
    hall = HALL.replace("width = 128", "width = 256\nfooter = true")
    warning = ':3: branch.name: warning: "㐂" (U+3402) comes out as "?" on paper; write it in other characters'
    async with (
        Branch(tmp_path, broker.port, (house, MQTT, PRINTER, hall)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        code, out, err = await lobby("check", "--config", branch.config)
        assert (code, err) == (0, f"{branch.config}{warning}\n")
        assert out == f"{branch.config}: it can be used: 3 counters, 7 devices\n"
        assert [line for line in branch.log().splitlines() if "㐂" in line] == [f"WARNING {branch.config}{warning}"]
        await network.device("printer")
        await network.press("kiosk/kiosk", "TAKE", service="cash")
        await until(branch.papers)
        assert "￥ Road ?" in branch.papers()[0]
        assert "Cash – ￥" in branch.papers()[0]
        await network.press("keypad/3", "OPEN")
        await until(lambda: " - ￥ " in branch.hall.lines()[-1], 60)


WRONG_USAGE = [
    ["dance"],
    ["run"],
    ["check"],
    ["simulators", "--config", "x.toml"],
    ["run", "--config"],
    ["check", "--confg", "x.toml"],
    ["demo", "--customers", "0"],
    ["demo", "--speed", "fast"],
    ["check", "--config", "/nonexistent/branch.toml"],
]


async def test_wrong_usage() -> None:
    for arguments, (code, out, err) in zip(
        WRONG_USAGE, await asyncio.gather(*(lobby(*arguments) for arguments in WRONG_USAGE)), strict=True
    ):
        assert (code, out) == (2, ""), arguments
        assert err.strip(), arguments
        assert "Traceback" not in err, arguments


def letter(journal: Path) -> None:
    journal.write_bytes(b"This is no database, but a letter to the manager. " * 100)


def foreign(journal: Path) -> None:
    journal.unlink()
    with closing(sqlite3.connect(journal)) as other:
        other.execute("CREATE TABLE customer(name TEXT)")


def torn(journal: Path) -> None:
    content = bytearray(journal.read_bytes())
    content[4096:8192] = b"\x55" * 4096
    journal.write_bytes(content)


def sql(statement: str) -> Callable[[Path], None]:
    def spoil(journal: Path) -> None:
        with closing(sqlite3.connect(journal)) as writer:
            writer.executescript(statement)

    return spoil


ROW = "INSERT INTO event SELECT 99, at, day, {}, 1, '{}', 'test', 0 FROM event WHERE seq = 1"
NO_JSON = "DROP TRIGGER event_is_never_changed; UPDATE event SET data = '{' WHERE seq = 1"
UNUSABLE: list[tuple[Callable[[Path], None], str]] = [
    (letter, "this is no journal"),
    (foreign, "belongs to another program"),
    (torn, "damaged"),
    (sql("PRAGMA user_version = 1000"), "newer version"),
    (sql(ROW.format("'ticket_eaten'", "{}")), "newer version"),
    (sql(NO_JSON), "row 1 cannot be read"),
    (sql(ROW.format("'ticket_finished'", '{"ticket": "A999", "counter": "1"}')), "does not fit the rows before it"),
]


@pytest.mark.long
async def test_journals_that_cannot_be_used(tmp_path: Path) -> None:
    async with Branch(tmp_path, 1, (HOUSE.replace("{id}", "b-1"),)):
        pass
    good = tmp_path / "lobby.db"
    configurations = []
    for number, (spoil, _) in enumerate(UNUSABLE):
        directory = tmp_path / str(number)
        directory.mkdir()
        shutil.copy(good, directory)
        spoil(directory / good.name)
        configurations.append(written(directory, HOUSE))
    runs = await asyncio.gather(*(lobby("run", "--config", path) for path in configurations))
    for path, (code, out, err), (_, said) in zip(configurations, runs, UNUSABLE, strict=True):
        assert (code, out) == (1, ""), err
        assert err.count("\n") == 1, err
        assert str(path.with_name(good.name)) in err
        assert said in err


async def test_an_error_is_explained_with_debug(tmp_path: Path) -> None:
    (tmp_path / "lobby.db").write_bytes(b"no journal" * 1000)
    code, _, err = await lobby("--debug", "run", "--config", written(tmp_path, HOUSE))
    assert code == 1
    assert "Traceback" in err


async def test_simulators_for_a_daemon_run_by_hand(tmp_path: Path, broker: Mosquitto) -> None:
    async with Branch(tmp_path, broker.port, plugged=False, starts=False) as branch:
        dev = tmp_path / "dev"
        dev.mkdir()
        command = (LOBBY, "simulators", "--config", branch.config, "--dev", dev)
        async with processes.spawned(*command, stdout=asyncio.subprocess.PIPE) as simulators:
            links = [dev / id for id in branch.simulated.placed]
            await until(lambda: all(link.exists() for link in links))
            await branch.start()
            async with Network(broker.port, branch.root) as network:
                for id in branch.simulated.placed:
                    await network.device(id)
                assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == "A001"
                await until(lambda: branch.tickets("ticket_printed") == ["A001"])
            simulators.send_signal(signal.SIGINT)
            out, _ = await simulators.communicate()
        assert [link for link in links if link.is_symlink()] == []
        for id in branch.simulated.placed:
            assert f"({id})" in out.decode()


async def test_the_demo(tmp_path: Path) -> None:
    code, out, err = await lobby("demo", "--headless", "--customers", 6, "--seed", 1, "--speed", 200, seconds=90)
    assert code == 0, out + err
    assert err == ""
    assert "已出纸的号" in out
    assert "WRONG" not in out


@pytest.mark.long
@pytest.mark.parametrize(("profile", "width"), [("TM-T20II", 48), ("POS-5890", 32)])
async def test_the_demo_prints_by_the_printers_profile(tmp_path: Path, profile: str, width: int) -> None:
    """Also on one that has no cutter, and gets the code as a picture."""
    path = tmp_path / "branch.toml"
    text = shipped("demo.toml").read_text("utf-8").replace("columns = 32", f'profile = "{profile}"')
    path.write_text(text, "utf-8")
    assert profile in text
    drawn = ("--tickets", tmp_path / "t")
    code, out, err = await lobby("demo", "--headless", "--customers", 3, "--speed", 400, "--config", path, *drawn)
    assert (code, err) == (0, ""), out + err
    assert "WRONG" not in out
    pictures = sorted((tmp_path / "t").iterdir())
    assert len(pictures) == 3
    widths = {int.from_bytes(picture.read_bytes()[16:20]) for picture in pictures}  # as it stands in a PNG
    assert widths == {Paper(width).image().width}


@pytest.mark.long
async def test_the_demo_draws_the_tickets_and_needs_no_terminal(tmp_path: Path) -> None:
    code, out, err = await lobby("demo", "--customers", 2, "--speed", 400, "--tickets", tmp_path / "t", seconds=90)
    assert code == 0, out + err
    assert out.startswith("There is no terminal to draw in: running without a screen.")
    pictures = sorted((tmp_path / "t").iterdir())
    assert [picture.name for picture in pictures] == ["printer-001.png", "printer-002.png"]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.long
async def test_a_demo_of_a_branch_without_buttons_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(
        '[branch]\nid = "b"\nname = "B"\n[[service]]\nid = "cash"\nname = "Cash"\nprefix = "A"\n'
        '[[counter]]\nid = "1"\nserves = { cash = 0 }\n',
        "utf-8",
    )
    code, out, err = await lobby("demo", "--headless", "--config", path)
    assert (code, out) == (2, "")
    needs = 'a ticket button (a device with driver = "mqtt-kiosk")'
    assert err == f"{path}: the demo needs {needs}; add it, or leave out --config\n"
