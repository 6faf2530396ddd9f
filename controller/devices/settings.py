"""What the table of a device in the configuration may hold: the types of its keys, and in words what each takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo

from drivers.characters import Has
from drivers.link import Link, TcpLink, parse_link


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that `word` may have been meant to be; else at all of them."""
    known = list(known)
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"


def takes(words: str, **limits: Any) -> Any:
    """A field whose `words` complete the sentence "it takes ..", with its limits."""
    return Field(description=words, **limits)


def between(low: int, high: int, unit: str = "a whole number") -> Any:
    """A number within two limits."""
    return takes(f"{unit} from {low} to {high}", ge=low, le=high)


def _link(value: object) -> Link:
    if not isinstance(value, str):
        raise ValueError("it takes serial:PATH?baud=9600, tcp:HOST:PORT or file:PATH, in quotes")
    link = parse_link(value)
    if not isinstance(link, TcpLink) and not link.path.startswith("/"):
        raise ValueError(f'"{link.path}" is not a whole path; it takes one such as /dev/lobby/printer')
    return link


def _beside(value: object, info: ValidationInfo) -> object:
    """A path, which counts from the directory of the configuration file (the validation's `context`)."""
    usable = isinstance(value, str) and value and "\0" not in value
    return Path(info.context or ".", str(value)) if usable else value


CounterId = Annotated[str, takes('1 to 8 letters, digits or "-", in quotes', pattern=r"^[A-Za-z0-9-]{1,8}$")]
DeviceId = Annotated[
    str, takes('1 to 32 letters, digits, "-" or "_", in quotes', pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")
]
FilePath = Annotated[Path, BeforeValidator(_beside), takes("the path of a file, in quotes")]
DirectoryPath = Annotated[Path, BeforeValidator(_beside), takes("the path of a directory, in quotes")]
LinkText = Annotated[Link, PlainValidator(_link), takes("serial:PATH?baud=9600, tcp:HOST:PORT or file:PATH")]


class Keys(BaseModel):
    """A table that knows its keys and takes no others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Shows:
    """Which of a branch's texts a device shows, and which characters it `has`: `where` in words, the sections of the
    `wording`, whether the `names` of services and classes, and the files of its `layouts`."""

    where: str
    has: Has
    wording: tuple[str, ...] = ()
    branch: bool = False
    services: bool = False
    classes: bool = False
    layouts: tuple[Path, ...] = ()


class DeviceSettings(Keys):
    """What every device's table has: its `id` and its `driver`."""

    id: DeviceId
    driver: str

    @property
    def rated(self) -> Collection[str]:
        """The counters whose customers can give a rating by it."""
        return ()

    @property
    def speaks(self) -> bool:
        """Whether it speaks the calls in the hall."""
        return False

    def shows(self, shipped: Path, language: str) -> Shows | None:
        """What it shows of the branch's texts; `shipped`: the directory of what comes with the program."""
        return None


class WiredSettings(DeviceSettings):
    """A device on a byte link."""

    link: LinkText
