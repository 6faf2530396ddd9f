"""Checked settings, and how a TOML file becomes them."""

from __future__ import annotations

import re
import ssl
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controller.cards import CardsError, read_key, read_table
from controller.config import here, mistakes
from controller.config.branch import rules_of
from controller.config.characters import told, warnings
from controller.config.checks import cross_checks
from controller.config.errors import ConfigError, Fault, Problem, Table, key_fault, problem
from controller.config.keys import CLASSES, TABLES_OF_MANY, Config
from controller.config.lines import Document, locate
from controller.config.record import record_rules_of
from controller.devices.settings import DeviceSettings, Reading, shipped
from controller.feed.settings import WebhookSettings
from controller.lobby.model.rules import Rules
from controller.lobby.model.wording import LANGUAGES, Wording
from controller.record.rules import RecordRules

SIZE_LIMIT = 1 << 20
"""Most bytes of a configuration file."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker. `embedded`: our own on the loopback, on any free port. The files are read when connecting.
    `home_assistant`: the discovery prefix of Home Assistant; empty: the branch does not announce itself there."""

    embedded: bool
    host: str
    port: int
    tls: bool
    client_id: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    home_assistant: str = ""


@dataclass(frozen=True, slots=True)
class CardSettings:
    """Where the secret and the tokens of cards are. The files are read when cards are looked up."""

    key_file: Path
    tokens_file: Path


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the screens are served (port 0: any free one), and reached; `certificate` and `key` as PEM files."""

    host: str
    port: int
    url: str
    accounts: Path
    certificate: Path | None = None
    key: Path | None = None

    @property
    def address(self) -> str:
        """Their URL, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.url or f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TelevisionSettings:
    """What televisions show besides the calls: the folder of pictures and clips (None: nothing), for how many seconds
    each picture, and whether clips are heard while no call is spoken."""

    media: Path | None = None
    seconds: int = 12
    sound: bool = False


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """Days for which what people type is kept; `kinds`: where it was typed with a row of another kind than usual."""

    remarks: int = 90
    kinds: Mapping[str, int] = field(default_factory=dict)

    def limit(self, kind: str) -> int:
        """Days for what was typed with a row of this kind."""
        return self.kinds.get(kind, self.remarks)


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """The page at which customers can have a message sent to them, and the key of the references to their tickets."""

    url: str
    key_file: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked configuration. Paths are absolute or relative to the working directory, as `path` is."""

    path: Path
    rules: Rules
    language: str
    journal_path: Path
    mqtt: MqttSettings | None
    devices: tuple[DeviceSettings, ...]
    record: RecordRules
    cards: CardSettings | None = None
    web: WebSettings | None = None
    television: TelevisionSettings = TelevisionSettings()
    privacy: PrivacySettings = PrivacySettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    notify: NotifySettings | None = None
    tables: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The file's content as it is, to be compared with another version of it."""
    warnings: tuple[str, ...] = ()
    """Warnings about what is valid but hardly intended: `FILE:LINE: key: warning: ..` each."""


def read(path: Path, *, files: bool = False, machine: bool = False, language: str | None = None) -> Settings:
    """The settings in a TOML file; ConfigError lists everything that is wrong with it.

    `files`: also check the files that a branch can start without; `machine`: and this machine's ports and programs;
    `language`: instead of the branch's.
    """
    file = load(path)
    if language and isinstance(file.data.get("branch"), dict):
        file.data["branch"]["language"] = language
    return checked(file, files=files, machine=machine)


def load(path: Path) -> Document:
    """The tables of a TOML file, unchecked; ConfigError if it cannot be read, or is no TOML."""
    text = _text(path)
    return Document(path, _parsed(path, text), locate(text))


def checked(file: Document, *, files: bool = False, machine: bool = False) -> Settings:
    """The settings in the tables of a file, as of `read`. The tables are changed."""
    data, reading = file.data, Reading(file.path.parent)
    faults: list[Fault] = []
    try:
        config = Config.model_validate(data, context=reading)
        faults = _in_files(config) if files else []
        faults += here.wrong(config) if machine else []
    except ValidationError as error:
        faults = [key_fault(details, data) for details in error.errors(include_url=False)]
    problems = [problem(fault, data, file.lines) for fault in faults]
    _blank_out(data, faults)
    problems += [problem(fault, data, file.lines) for fault in cross_checks(reading.meaning(data))]
    if problems:
        raise ConfigError(file.path, problems)
    settings = _settings(file, config)
    return replace(settings, warnings=(*settings.warnings, *told(file, here.doubtful(config)))) if machine else settings


def _in_files(config: Config) -> list[Fault]:
    """What is wrong with the files that a branch can start without."""
    return [*_in_files_of_web(config), *_in_files_of_cards(config), *_in_files_of_television(config)]


def _in_files_of_web(config: Config) -> list[Fault]:
    web = config.web
    if web is None or web.certificate is None or web.key is None:
        return []
    for key, path in (("certificate", web.certificate), ("key", web.key)):
        try:
            path.read_bytes()
        except OSError as error:
            return [(("web", key), f"{path} cannot be read: {(error.strerror or str(error)).lower()}")]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(web.certificate, web.key)
    except ssl.SSLError:
        return [(("web", "certificate"), f"{web.certificate} and {web.key} are no certificate and its key, as PEM")]
    return []


def _in_files_of_television(config: Config) -> list[Fault]:
    media = config.television and config.television.media
    if not media or media.is_dir():
        return []
    return [(("television", "media"), f"{media} is no folder; make it, or leave media out")]


def _in_files_of_cards(config: Config) -> list[Fault]:
    cards = config.cards
    if cards is None:
        return []
    faults: list[Fault] = []
    looks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("key_file", lambda: read_key(cards.key_file)),
        ("tokens_file", lambda: read_table(cards.tokens_file, {**CLASSES, **config.classes})),
    )
    for key, look in looks:
        try:
            look()
        except CardsError as error:
            faults.append((("cards", key), str(error)))
    return faults


def wording(language: str) -> Wording:
    """The sentences of a language (zh or en)."""
    return Wording(language, _flat(tomllib.loads(shipped(f"wording/{language}.toml").read_text("utf-8"))))


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: str(value)}
    return flat


# -- from the file to its tables ----------------------------------------------------------------------------------


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise ConfigError(path, [Problem(0, "", "there is no such file")]) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(path, [Problem(0, "", f"it cannot be read: {reason}")]) from None
    if len(raw) > SIZE_LIMIT:
        raise ConfigError(path, [Problem(0, "", f"it is longer than {SIZE_LIMIT} bytes; this is no configuration")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        advice = f"the file is not UTF-8 text{_looks_like(raw)}; save it again as UTF-8"
        raise ConfigError(path, [Problem(line, "encoding", advice)]) from None


def _looks_like(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ' but UTF-16, which Windows editors call "Unicode"'
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return ' but looks like GB18030 (GBK), which Windows editors call "ANSI"'


_SYNTAX = (
    ("Expected '='", 'a key is followed by "=" and its value'),
    ("Invalid value (at end", "the file ends where a value should stand"),
    ("Invalid value", 'after "=" comes a number, true, false or a text in plain quotes ("..")'),
    ("Illegal character", "a text ends on the line it began on, with the same quote"),
    ("Unterminated string", "the file ends inside a text; put its closing quote"),
    ("Unclosed", "the file ends inside a list or table; put its ] or }"),
    ("Expected newline", "something follows the value; after it comes a new line or a # comment"),
    ("Expected", "a bracket does not close; tables are written [name] or [[name]]"),
    ("Cannot overwrite", "this key stands here for the second time; keep one"),
    ("Duplicate inline", "this table has a key twice; keep one"),
    ("Cannot", "this table stands here for the second time; keep one, or write [[name]] if there may be several"),
    ("Exceeds", "a number has thousands of digits"),
    ("Invalid", "this is no line of TOML; write key = value, [table], [[table]] or # comment"),
)
"""How `tomllib`'s messages begin, and what they mean to an installer."""


def _parsed(path: Path, text: str) -> Table:
    try:
        return tomllib.loads(text)
    except RecursionError:
        line, said = 1, "it is nested too deeply"
    except ValueError as error:
        said = next((plain for start, plain in _SYNTAX if str(error).startswith(start)), str(error))
        found = re.search(r"\(at line (\d+)", str(error))
        last = text.rstrip("\n").count("\n") + 1
        line = int(found[1]) if found else last if "(at end" in str(error) else 1
        if wide := mistakes.full_width(text):
            line, said = wide[0], mistakes.told(*wide[1:])
        elif single := mistakes.table_of_many(text, TABLES_OF_MANY):
            line, said = single[0], f"write [[{single[1]}]], in two brackets: there may be several"
    raise ConfigError(path, [Problem(line, "syntax", said)])


def _blank_out(data: Table, faults: list[Fault]) -> None:
    """Put None for each wrong or missing value, and an empty table for each invalid element of a list of tables."""
    for place, _ in faults:
        *outer, last = place[:2] if place[0] == "device" and place[2:] == ("driver",) else place
        table: Any = data
        for part in outer:
            table = table and table[part]
        if isinstance(table, list):
            table[int(last)] = {}
        elif isinstance(table, dict):
            table[str(last)] = None


def _settings(file: Document, config: Config) -> Settings:
    mqtt = None
    if config.mqtt:
        broker = config.mqtt.broker
        mqtt = MqttSettings(
            embedded=broker.embedded,
            host=broker.host,
            port=broker.port,
            tls=broker.tls,
            client_id=config.mqtt.client_id or f"lobby-{config.branch.id}",
            username=config.mqtt.username,
            password_file=config.mqtt.password_file,
            ca_file=config.mqtt.ca_file,
            home_assistant=config.mqtt.home_assistant or "",
        )
    spoken = config.branch.language
    rules = rules_of(config, wording(spoken), (wording(other) for other in LANGUAGES if other != spoken))
    cards = CardSettings(config.cards.key_file, config.cards.tokens_file) if config.cards else None
    web = None
    if config.web:
        keys = config.web
        accounts = keys.accounts or config.journal.path.parent / "access.db"
        web = WebSettings(keys.listen.host, keys.listen.port, keys.url or "", accounts, keys.certificate, keys.key)
    return Settings(
        file.path,
        rules,
        config.branch.language,
        config.journal.path,
        mqtt,
        tuple(config.device),
        record_rules_of(config, rules),
        cards=cards,
        web=web,
        television=TelevisionSettings(**dict(config.television or ())),
        privacy=PrivacySettings(**dict(config.privacy)),
        webhooks=tuple(WebhookSettings(**{**dict(each), "kinds": frozenset(each.kinds)}) for each in config.webhook),
        notify=NotifySettings(**dict(config.notify)) if config.notify else None,
        tables=file.data,
        warnings=tuple(warnings(file, rules, config.device, shipped(""))),
    )
