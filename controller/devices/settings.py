"""What the table of a device in the configuration may hold: the types of its keys, and their descriptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo

from drivers.characters import Has
from drivers.link import FileLink, InputLink, Link, SerialLink, TcpLink, parse_link


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: the known one that was probably meant, else all of them."""
    spelled = {each.lower(): each for each in known}
    if not spelled:
        return "there are none"
    close = get_close_matches(word.lower(), spelled, n=1, cutoff=0.6)
    return f'did you mean "{spelled[close[0]]}"?' if close else f"known are {', '.join(spelled.values())}"


def takes(words: str, **limits: Any) -> Any:
    """A field with limits, whose description `words` completes the sentence "it takes .."."""
    return Field(description=words, **limits)


def between(low: int, high: int, unit: str = "a whole number") -> Any:
    """A number within two limits."""
    return takes(f"{unit} from {low} to {high}", ge=low, le=high)


@dataclass(slots=True)
class Reading:
    """A file being read, whose relative paths start at `directory`."""

    directory: Path
    _made: dict[int, object] = field(default_factory=dict)
    """The parsed values of texts, lists and tables, by the identity of these: equal texts may mean different things."""

    def keep(self, given: object, made: object) -> None:
        """Remember that `given`, from the file, was parsed to `made`."""
        if not isinstance(given, str) or len(given) > 1:  # texts of one character are one object everywhere
            self._made[id(given)] = made

    def meaning(self, node: Any) -> Any:
        """A part of the file, with parsed values in place of the texts, lists and tables that were parsed."""
        if id(node) in self._made:
            return self._made[id(node)]
        if isinstance(node, dict):
            return {key: self.meaning(value) for key, value in node.items()}
        return [self.meaning(value) for value in node] if isinstance(node, list) else node


def made_by(parse: Callable[[Any], Any]) -> PlainValidator:
    """A validator that parses a text, list or table with `parse`, whose ValueError says what is wrong."""

    def validate(value: object, info: ValidationInfo) -> object:
        made = parse(value)
        if isinstance(info.context, Reading):
            info.context.keep(value, made)
        return made

    return PlainValidator(validate)


def shipped(name: str) -> Path:
    """A file that comes with the program, such as `demo.toml` or `wording/zh.toml`."""
    package = Path(__file__).parents[1]
    installed = package / "shipped"
    return (installed if installed.is_dir() else package.parent / "config") / name


LINES = "serial:PATH?baud=9600, tcp:HOST:PORT or file:PATH"
INPUT = "input:PATH or input:phys=PHYS"


def _link(words: str, *kinds: type[Link]) -> PlainValidator:
    """A link of one of these kinds; `words` complete "it takes .."."""

    def link(value: object) -> Link:
        if not isinstance(value, str):
            raise ValueError(f"it takes {words}, in quotes")
        link = parse_link(value)
        if not isinstance(link, kinds):
            raise ValueError(f"this device cannot be on {value.partition(':')[0]}:; it takes {words}")
        at = "" if isinstance(link, TcpLink) or (isinstance(link, InputLink) and link.phys) else link.path
        if at and not at.startswith("/"):
            raise ValueError(f'"{at}" is not a whole path; it takes one such as /dev/lobby/printer')
        return link

    return made_by(link)


def beside(value: object, info: ValidationInfo) -> object:
    """A path, relative to the directory of the configuration file."""
    if not isinstance(value, str) or not value or "\0" in value:
        return value
    if not isinstance(info.context, Reading):
        return Path(value)
    path = info.context.directory / value
    info.context.keep(value, path)
    return path


CounterId = Annotated[str, takes('1 to 8 letters, digits or "-", in quotes', pattern=r"^[A-Za-z0-9-]{1,8}$")]
DeviceId = Annotated[
    str, takes('1 to 32 letters, digits, "-" or "_", in quotes', pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")
]
PrinterId = Annotated[str, takes("the id of a ticket printer, in quotes", min_length=1, max_length=32)]
DeviceName = Annotated[str, takes("what people call it, 1 to 40 characters in quotes", min_length=1, max_length=40)]
ZoneId = Annotated[str, takes("the id of a [[zone]], in quotes", pattern=r"^[a-z0-9_-]{1,32}$")]
FilePath = Annotated[Path, BeforeValidator(beside), takes("the path of a file, in quotes")]
DirectoryPath = Annotated[Path, BeforeValidator(beside), takes("the path of a directory, in quotes")]
LinkText = Annotated[Link, _link(LINES, SerialLink, TcpLink, FileLink), takes(LINES)]
InputLinkText = Annotated[Link, _link(INPUT, InputLink), takes(INPUT)]
"""The link of a device whose keys Linux knows."""
AnyLinkText = Annotated[
    Link, _link(f"{LINES}, {INPUT}", SerialLink, TcpLink, FileLink, InputLink), takes(f"{LINES}, {INPUT}")
]
"""The link of a device that comes in both forms."""


class Keys(BaseModel):
    """A table that allows no other keys than its own."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Shows:
    """Which of a branch's texts a device shows, and which characters it `has`. `where`: in words, for warnings;
    `wording`: sections of the wording; `branch`, `services`, `classes`: whether it shows these names; `layouts`: its
    layout files."""

    where: str
    has: Has
    wording: tuple[str, ...] = ()
    branch: bool = False
    services: bool = False
    classes: bool = False
    layouts: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """Who connects to the MQTT broker for a device: its user name there, and the filters of the topics on which it may
    publish and which it may read. Several devices that speak through one gateway have the same user."""

    name: str
    publishes: tuple[str, ...]
    reads: tuple[str, ...]


class DeviceSettings(Keys):
    """What every device's table has: its `id` and its `driver`; `name`: what people call it, if not by its kind and its
    counter."""

    id: DeviceId
    driver: str
    name: DeviceName = ""

    @property
    def rated(self) -> Collection[str]:
        """The counters whose customers can give a rating with it."""
        return ()

    @property
    def units(self) -> Mapping[str, tuple[str, str]]:
        """Its units that report a state of their own, as `<id>.<unit>`: unit -> (what it is, by its key in the
        wording's section "kind"; its counter, empty if it has none)."""
        return {}

    @property
    def presses_on(self) -> str:
        """The topic below the branch's, without `/press`, on which it publishes presses: `keypad/3`; empty: on none."""
        return ""

    def on_broker(self, root: str) -> BrokerUser | None:
        """Who connects to the MQTT broker for it; None: nobody. `root`: the branch's, `lobby/<branch id>/`."""
        return None

    @property
    def speaks(self) -> bool:
        """Whether it speaks the calls in the hall."""
        return False

    def shows(self, shipped: Path, language: str) -> Shows | None:
        """What it shows of the branch's texts; `shipped`: the directory of the files that come with the program."""
        return None

    def lacks_here(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What of it this machine lacks, or may lack for the service's user: as of `warns`."""
        yield from ()

    def warns(self, shipped: Path, language: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Warnings, for what is valid but hardly intended: a place inside its table, and a sentence."""
        yield from ()


SEEN_BY_THE_SERVICE = ("/dev/lobby", "/dev/pts")
"""What its unit leaves of /dev, beside sound cards."""


class WiredSettings(DeviceSettings):
    """A device on a byte link."""

    link: LinkText

    def lacks_here(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if isinstance(self.link, TcpLink) or not self.link.path:
            return
        path = Path(self.link.path)
        if not path.exists():
            yield ("link",), f"{path} is not there; plug the device in, or name its port by a udev rule"
        elif not os.access(path, os.R_OK | os.W_OK):
            yield ("link",), f"{path} may not be used by you; the service needs its group (ls -l {path})"
        elif (
            path.is_relative_to("/dev")
            and not path.is_relative_to("/dev/lobby")
            and not path.is_relative_to("/dev/pts")
        ):
            yield ("link",), f"{path} is not seen by the service; name it /dev/lobby/.. by a udev rule"
