"""Answers, in a file and by a person: what they mean, what is wrong with them, and the configuration made of them."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from machines import PCI, Bench

from controller.config import ConfigError, read, wording
from controller.config.keys import Config
from controller.lobby.model.wording import LANGUAGES, Wording
from controller.setup import answers, questions
from controller.setup.asking import Found, probes
from controller.setup.finish import Finish
from controller.setup.interview import Interview
from controller.setup.ports import Machine, Port
from controller.setup.questions import Question, WrongError
from controller.setup.session import Wishes, from_answers, with_questions
from simulators.devices.escpos import PrinterFarEnd
from simulators.faults import Faults

SAID = """\
[setup]
rules = true

[branch]
id = "b-1"
name = "解放路支行"
language = "zh"

[calendar]
hours = "00:00-24:00"

[[service]]
id = "cash"
name = "现金业务"
prefix = "A"

[[counter]]
id = "1"
serves = { cash = 0 }

[[device]]
id = "terminals"
driver = "terminal68"
port = "pci-0000:00:14.0-usb-0:2:1.0"
addresses = { 1 = "1" }
"""
NAMES = [["现金业务", "个人业务", "对公业务"], ["Cash", "Personal", "Corporate"]]


class Person:
    """A door to somebody who answers by a list: (a question's id, the answer); for all others Enter."""

    welcome = "welcome"

    def __init__(self, *said: tuple[str, str]) -> None:
        self.said = list(said)
        self.asked: list[tuple[str, str]] = []
        """Each question's id, and what was wrong with the answer before."""
        self.told: list[str] = []
        self.files: dict[str, str] = {}
        self.words = wording("zh")

    def speak(self, words: Wording) -> None:
        self.words = words

    async def ask(self, question: Question[Any], wrong: str) -> str:
        self.asked.append((question.id, wrong))
        for n, (id, text) in enumerate(self.said):
            if id == question.id:
                del self.said[n]
                return text
        return ""

    def say(self, text: str) -> None:
        self.told.append(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.told += [" | ".join(row) for row in rows]

    def file(self, name: str, text: str) -> None:
        self.files[name] = text


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.end()


def wishes(bench: Bench, **more: Any) -> Wishes:
    return Wishes(bench.root / "etc/lobby/branch.toml", Machine(bench.root), **more)


# -- what a person says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("09:00-17:00", "09:00-17:00"),
        ("０９：００－１７：００", "09:00-17:00"),
        ("08:30-12:00，13:30-17:00", "08:30-12:00 13:30-17:00"),
        ("8点到5点", None),
        ("closed", "closed"),
        ("不营业", "closed"),
        ("", None),
    ],
)
def test_hours_are_written_as_people_write_them(text: str, meant: str | None) -> None:
    if meant is None:
        with pytest.raises(WrongError, match="hours"):
            questions.hours(text)
    else:
        assert questions.hours(text) == meant


def test_services_that_most_branches_have_get_both_names() -> None:
    said = questions.services(NAMES)("现金业务 A，贷款 L")
    known = dict(zip(LANGUAGES, NAMES, strict=True))
    assert questions.tables_of(said, known) == [
        {"id": "cash", "name": {"zh": "现金业务", "en": "Cash"}, "prefix": "A", "key": 1},
        {"id": "service-l", "name": "贷款", "prefix": "L", "key": 2},
    ]


@pytest.mark.parametrize("text", ["现金业务", "现金业务 A, 个人业务 A", "现金业务 ABCDE", ",,"])
def test_services_that_cannot_be_told_apart_are_refused(text: str) -> None:
    with pytest.raises(WrongError):
        questions.services(NAMES)(text)


def test_a_service_must_be_served_by_somebody() -> None:
    prefixes = {"A": "cash", "B": "personal"}
    assert questions.serves(prefixes, [])("b") == ["personal"]
    with pytest.raises(WrongError, match="unserved"):
        questions.serves(prefixes, ["cash"])("B")


def test_every_wrong_answer_has_its_sentence() -> None:
    """Also what must be chosen of a device, in both languages."""
    source = Path(questions.__file__).read_text("utf-8")
    import re  # noqa: PLC0415

    keys = set(re.findall(r'WrongError\("(\w+)"', source))
    assert len(keys) > 8
    for language in LANGUAGES:
        templates = wording(language).templates
        assert {f"setup.wrong.{key}" for key in keys} <= templates.keys()
        assert {f"setup.key.{key}" for probe in probes().values() for key in probe.chosen} <= templates.keys()
        assert {f"setup.file.{field.alias or name}" for name, field in Config.model_fields.items()} <= templates.keys()


def test_the_language_is_that_of_the_locale() -> None:
    assert questions.usual_language({"LANG": "en_GB.UTF-8"}) == "en"
    assert questions.usual_language({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}) == "zh"
    assert questions.usual_language({}) == "zh"


async def test_somebody_who_only_presses_enter_gets_a_branch_that_can_open(bench: Bench) -> None:
    person = Person()
    assert await with_questions(person, wishes(bench), "zh")
    settings = read(bench.root / "etc/lobby/branch.toml", files=True)
    assert list(settings.rules.services) == ["cash", "personal", "corporate"]
    assert {counter: list(each.serves) for counter, each in settings.rules.counters.items()} == {
        counter: ["cash", "personal", "corporate"] for counter in "123"
    }
    assert settings.web
    assert settings.web.host == "127.0.0.1"
    assert settings.journal_path == bench.root / "var/lib/lobby/lobby.db"
    assert all(wrong == "" for _, wrong in person.asked)


async def test_tickets_may_be_in_another_language_than_the_questions(bench: Bench) -> None:
    """As on a machine's own console, which has no Chinese characters."""
    assert questions.is_bare({"TERM": "linux"})
    assert not questions.is_bare({"TERM": "xterm-256color"})
    person = Person()
    assert await with_questions(person, wishes(bench), "en", "zh")
    path = bench.root / "etc/lobby/branch.toml"
    assert read(path).language == "zh"
    assert "# Made by lobby setup." in path.read_text("utf-8")
    assert person.words.language == "en"


async def test_what_is_wrong_is_said_in_a_sentence_and_asked_again(bench: Bench) -> None:
    person = Person(("language", "en"), ("id", "Haupt Straße"), ("id", "b-7"), ("counters", "two"), ("counters", "2"))
    assert await with_questions(person, wishes(bench), "zh")
    wrong = [each for each in person.asked if each[1]]
    assert wrong == [
        ("id", "an id has 1 to 32 small letters, digits or -"),
        ("counters", "write a number from 1 to 60"),
    ]
    assert read(bench.root / "etc/lobby/branch.toml").rules.branch == "b-7"


async def test_a_second_round_offers_what_was_said_in_the_first(bench: Bench) -> None:
    person = Person(("name", "Elm Street"), ("write", "no"), ("again", "yes"))
    assert await with_questions(person, wishes(bench), "en")
    assert read(bench.root / "etc/lobby/branch.toml").rules.branch_name == "Elm Street"


async def test_an_old_configuration_stays_unless_somebody_says_so_and_is_kept_beside(bench: Bench) -> None:
    path = bench.root / "etc/lobby/branch.toml"
    path.parent.mkdir(parents=True)
    path.write_text("# by hand\n")
    assert not await with_questions(Person(), wishes(bench), "zh")
    assert path.read_text() == "# by hand\n"
    person = Person(("replace", "yes"))
    assert await with_questions(person, wishes(bench), "zh")
    assert path.with_name("branch.toml.before-setup").read_text() == "# by hand\n"
    assert read(path)
    assert sorted(each.name for each in path.parent.iterdir()) == ["branch.toml", "branch.toml.before-setup"]


async def test_a_trial_writes_nothing(bench: Bench) -> None:
    bench.usb("ttyUSB0", "2")
    before = sorted(bench.root.rglob("*"))
    person = Person()
    assert not await with_questions(person, wishes(bench, dry=True), "zh")
    assert sorted(bench.root.rglob("*")) == before
    assert tomllib.loads(person.files[str(bench.root / "etc/lobby/branch.toml")])["branch"]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("port_taken", "another program has its port open (/dev/ttyUSB0); end that program (the lobby itself: "
         "systemctl stop lobby), or keep it off the port"),
        ("no_permission", "its port may not be used by this service (/dev/ttyUSB0); run this with sudo"),
        ("no_path", "its port is not there (/dev/ttyUSB0)"),
        ("lost", "unplugged or switched off (/dev/ttyUSB0)"),
        ("Cannot allocate memory", "Cannot allocate memory (/dev/ttyUSB0)"),
    ],
)  # fmt: skip
async def test_a_port_that_cannot_be_tried_has_its_sentence(cause: str, said: str, tmp_path: Path) -> None:
    port = Port(Path("/dev/ttyUSB0"), "ttyUSB0", "serial")
    assert await Interview(Person(), Machine(tmp_path), "en").told(Found(port, cause=cause)) == said


# -- what stands in the configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_was_not_asked_stands_there_as_a_comment(bench: Bench, language: str) -> None:
    assert await with_questions(Person(("language", language)), wishes(bench), "zh")
    text = (bench.root / "etc/lobby/branch.toml").read_text("utf-8")
    templates = wording(language).templates
    names = [field.alias or name for name, field in Config.model_fields.items()]
    assert all(f"# {templates[f'setup.file.{name}']}\n" in text for name in names)
    given = tomllib.loads(text)
    assert given.keys() == {"branch", "journal", "service", "calendar", "counter", "web"}
    for name in names:
        header = {"class": "class.id", "profile": "profile.id"}.get(name, name)
        assert (f"#[{header}]" in text or f"#[[{header}]]" in text) == (name not in given), name
    assert max(map(len, text.splitlines())) <= 160


def test_of_an_adapter_with_several_ports_the_answers_name_the_socket(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for n in range(2):
        bench.usb(f"ttyUSB{n}", "2", ids="0403:6011", serial="FT4XK2LM", interface=f"0{n}")
    file = tmp_path / "answers.toml"
    file.write_text(SAID.replace("usb-0:2:1.0", "usb-0:2:1.1"), "utf-8")
    plan = asyncio.run(answers.settle(answers.read(file), Machine(tmp_path), print))
    assert plan.lines["terminals"][0].kernel == "ttyUSB1"
    assert 'port = "pci-0000:00:14.0-usb-0:2:1.1"' in plan.answers(wording("zh"))


def test_what_needs_more_than_is_asked_stands_there_as_a_comment(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2")
    file = tmp_path / "answers.toml"
    file.write_text(SAID[: SAID.index("[[device]]")], "utf-8")
    machine = Machine(tmp_path)
    plan = asyncio.run(answers.settle(answers.read(file), machine, print))
    plan.add("card-reader", machine.ports()[0], 9600, {})
    text = plan.configuration(wording("zh"))
    path = tmp_path / "branch.toml"
    path.write_text(text, "utf-8")
    assert read(path, files=True).devices == ()
    wanted = (
        f'#[[device]]\n#id = "reader"\n#driver = "card-reader"\n#link = "serial:{tmp_path}/dev/lobby/reader?baud=9600"'
    )
    assert wanted in text


# -- a file of answers -----------------------------------------------------------------------------------------------


async def test_a_file_of_answers_needs_no_questions(bench: Bench) -> None:
    bench.usb("ttyUSB0", "2")
    bench.usb("ttyUSB1", "3", ids="0403:6001", serial="A50285BI")
    file = bench.root / "answers.toml"
    file.write_text(SAID + '\n[[device]]\nid = "window-1"\ndriver = "vfd"\nport = "A50285BI"\nbaud = 19200\n'
                    'dialect = "epson"\ncounter = "1"\n\n[calling]\nrecalls = 2\n', "utf-8")  # fmt: skip
    person = Person()
    kept = bench.root / "kept.toml"
    wanted = wishes(bench, keep=kept)
    await from_answers(person, answers.read(file), wanted, person.words)
    assert person.asked == []
    settings = read(wanted.path)
    links = {device.id: device.link for device in settings.devices}  # type: ignore[attr-defined]
    assert links["terminals"].path == str(bench.root / "dev/lobby/terminals")
    assert (links["window-1"].path, links["window-1"].baud) == (str(bench.root / "dev/lobby/window-1"), 19200)
    assert settings.rules.recalls == 2
    rules = (bench.root / "etc/udev/rules.d/90-lobby.rules").read_text("utf-8")
    assert f'ENV{{ID_PATH}}=="pci-{PCI}-usb-0:2:1.0", SYMLINK+="lobby/terminals"' in rules
    assert 'ENV{ID_SERIAL_SHORT}=="A50285BI", SYMLINK+="lobby/window-1"' in rules
    # What was kept gives the same again.
    first = wanted.path.read_text("utf-8")
    await from_answers(person, answers.read(kept), wishes(bench, replace=True), person.words)
    assert wanted.path.read_text("utf-8") == first


async def test_the_guides_file_of_answers_opens_a_lobby(bench: Bench) -> None:
    """An empty [web] in it is one: the usual screens."""
    bench.plug(bench.usb("ttyUSB0", "1"), PrinterFarEnd(Faults()), baud=9600)
    bench.usb("ttyUSB1", "3")
    guide = (Path(__file__).parents[1] / "docs/install.md").read_text("utf-8")
    (text,) = (part for part in guide.split("```toml\n")[1:] if 'port = "auto"' in part)
    file = bench.root / "answers.toml"
    file.write_text(text.partition("```")[0], "utf-8")
    person, wanted = Person(), wishes(bench)
    await from_answers(person, answers.read(file), wanted, person.words)
    settings = read(wanted.path)
    assert {device.id for device in settings.devices} == {"printer", "terminals"}
    assert settings.web is not None
    assert settings.web.address == "http://127.0.0.1:8080"


async def test_without_rules_ports_have_their_names_by_path(bench: Bench) -> None:
    bench.usb("ttyUSB0", "2")
    file = bench.root / "answers.toml"
    file.write_text(SAID.replace("rules = true", "rules = false"), "utf-8")
    person = Person()
    await from_answers(person, answers.read(file), wishes(bench), person.words)
    (device,) = read(bench.root / "etc/lobby/branch.toml").devices
    link: Any = device.link  # type: ignore[attr-defined]
    assert link.path == str(bench.root / f"dev/serial/by-path/pci-{PCI}-usb-0:2:1.0-port0")
    assert not (bench.root / "etc/udev").exists()


async def test_a_device_is_put_on_the_port_on_which_it_answers(bench: Bench) -> None:
    bench.usb("ttyUSB0", "2")
    bench.plug(bench.usb("ttyUSB1", "3"), PrinterFarEnd(Faults(speed=19200)), Faults(speed=19200), baud=19200)
    file = bench.root / "answers.toml"
    file.write_text(SAID + '\n[[device]]\nid = "printer"\ndriver = "escpos"\n', "utf-8")
    plan = await answers.settle(answers.read(file), Machine(bench.root), lambda text: None)
    port, speed = plan.lines["printer"]
    assert (port.kernel, speed) == ("ttyUSB1", 19200)


WRONG = [
    ('[branch]', '[brnch]', [(4, "brnch"), (1, "branch")]),
    ('rules = true', 'rulez = true', [(2, "setup.rulez")]),
    ('rules = true', 'rules = "yes"', [(2, "setup.rules")]),
    ('prefix = "A"', 'prefix = "现金"', [(15, "service[cash].prefix")]),
    ('{ cash = 0 }', '{ cash = 0, loans = 0 }', [(19, "counter[1].serves.loans")]),
    ('addresses = { 1 = "1" }', 'addresses = { 1 = "9" }', [(25, "device[terminals].addresses.1")]),
    ('port = "pci-0000:00:14.0-usb-0:2:1.0"', 'port = "auto"', [(24, "device[terminals].port")]),
    ('port = "pci-0000:00:14.0-usb-0:2:1.0"', 'port = 3', [(24, "device[terminals].port")]),
    ('port = "pci', 'baud = 1\nport = "pci', [(24, "device[terminals].baud")]),
    ('port = "pci', 'link = "serial:/dev/x"\nport = "pci', [(25, "device[terminals].port")]),
    ('driver = "terminal68"', 'driver = "terminal86"', [(23, "device[terminals].driver")]),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "places"), WRONG)
def test_a_mistake_in_a_file_of_answers_has_its_line(
    tmp_path: Path, right: str, wrong: str, places: list[tuple[int, str]]
) -> None:
    assert SAID.count(right) == 1
    file = tmp_path / "answers.toml"
    file.write_text(SAID.replace(right, wrong), "utf-8")
    with pytest.raises(ConfigError) as error:
        answers.read(file)
    told = [(each.line, each.key) for each in error.value.problems]
    assert set(places) <= set(told)
    assert str(error.value).startswith(f"{file}:")


async def test_a_port_that_is_not_there_has_its_line_and_those_that_are(bench: Bench) -> None:
    bench.usb("ttyUSB0", "7")
    file = bench.root / "answers.toml"
    file.write_text(SAID, "utf-8")
    with pytest.raises(ConfigError) as error:
        await answers.settle(answers.read(file), Machine(bench.root), lambda text: None)
    assert str(error.value) == (
        f'{file}:24: device[terminals].port: there is no port "pci-0000:00:14.0-usb-0:2:1.0" for it on this machine; '
        f"there are: {bench.root}/dev/ttyUSB0"
    )


def test_a_run_that_is_interrupted_while_it_writes_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the worst moment: the new file is whole, and does not count yet."""
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2")
    path = bench.root / "etc/lobby/branch.toml"
    path.parent.mkdir(parents=True)
    path.write_text("# by hand\n")
    file = bench.root / "answers.toml"
    file.write_text(SAID, "utf-8")

    def interrupted(self: Finish, new: Path) -> None:
        assert new.read_text("utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr(Finish, "_check", interrupted)
    person = Person()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(from_answers(person, answers.read(file), wishes(bench, replace=True), person.words))
    assert path.read_text() == "# by hand\n"
    assert [each.name for each in path.parent.iterdir()] == ["branch.toml"]
