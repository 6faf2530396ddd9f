"""The configuration: a TOML file turned into checked settings, or into all of its errors at once.

Three passes look at the file, and their findings are reported together, sorted by line: pydantic checks each key
against `controller.config_keys`; cross-checks look at what the keys say about each other, reading only values that
passed; `controller.toml_lines` finds the line each of them stands on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from controller.config_keys import (
    CLASSES,
    PROFILES,
    BxDevice,
    Config,
    Device,
    EscposDevice,
    MqttKeypad,
    MqttKiosk,
    MqttPanel,
    Terminal68Device,
    VfdDevice,
)
from controller.lobby.rules import Counter, Rules, Service, TicketClass
from controller.lobby.wording import Wording

__all__ = [
    "BxDevice",
    "ConfigError",
    "Device",
    "EscposDevice",
    "MqttKeypad",
    "MqttKiosk",
    "MqttPanel",
    "MqttSettings",
    "Problem",
    "Settings",
    "Terminal68Device",
    "Traffic",
    "VfdDevice",
    "read",
    "shipped",
    "wording",
]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong: the line (from 1; 0: the file as a whole), the key and a sentence."""

    line: int
    key: str
    text: str


class ConfigError(Exception):
    """The configuration cannot be used. `problems` are sorted by line; the text has one a line."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(set(problems))
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        return "\n".join(
            ": ".join(part for part in (f"{self.path}:{p.line}" if p.line else str(self.path), p.key, p.text) if part)
            for p in self.problems
        )


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker. `embedded`: our own, on the loopback, at whatever port is free. Files are read by the daemon."""

    embedded: bool
    host: str
    port: int
    tls: bool
    client_id: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who comes: for the simulation, and for waiting times before the day has taught better ones."""

    minutes: Mapping[str, float]
    """Service -> mean service time in minutes."""
    services: Mapping[str, Mapping[str, float]]
    """Profile -> service -> relative share."""
    classes: Mapping[str, Mapping[str, float]]
    """Profile -> class -> share in percent."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked configuration. Paths are absolute or relative to the working directory, as `path` is."""

    path: Path
    rules: Rules
    language: str
    journal_path: Path
    mqtt: MqttSettings | None
    devices: tuple[Device, ...]
    traffic: Traffic


def read(path: Path) -> Settings:
    """The settings in a TOML file; ConfigError has everything that is wrong with it."""
    data = tomllib.loads(path.read_text("utf-8"))
    try:
        return _settings(path, Config.model_validate(data, context=path.parent))
    except ValidationError as error:
        raise ConfigError(path, [Problem(1, "", str(error))]) from None


def shipped(name: str) -> Path:
    """A file that comes with the program, such as `demo.toml` or `wording/zh.toml`."""
    here = Path(__file__).parent
    installed = here / "shipped"
    return (installed if installed.is_dir() else here.parent / "config") / name


def wording(language: str) -> Wording:
    """The sentences of a language (zh or en)."""
    return Wording(language, _flat(tomllib.loads(shipped(f"wording/{language}.toml").read_text("utf-8"))))


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: str(value)}
    return flat


# -- from the keys to what the program works in --------------------------------------------------------------------


def _seconds(minutes: float) -> int:
    return round(minutes * 60)


def _settings(path: Path, config: Config) -> Settings:
    branch, calling = config.branch, config.calling
    classes = {
        id: CLASSES[id].model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
        if (own := config.classes.get(id)) and id in CLASSES
        else own or CLASSES[id]
        for id in (*CLASSES, *(config.classes.keys() - CLASSES.keys()))
    }
    rated = {
        counter
        for device in config.device
        if isinstance(device, Terminal68Device)
        for counter in device.raters.values()
    }
    rules = Rules(
        branch=branch.id,
        branch_name=branch.name,
        zone=branch.timezone,
        wording=wording(branch.language),
        services={
            s.id: Service(s.id, s.name.spoken(branch.language), s.prefix, s.digits, s.key) for s in config.service
        },
        classes={
            id: TicketClass(id, c.name.spoken(branch.language) if c.name else id, _seconds(c.credit))
            for id, c in classes.items()
        },
        counters={
            c.id: Counter(
                c.id,
                {service: _seconds(minutes) for service, minutes in c.serves.items()},
                {klass: _seconds(minutes) for klass, minutes in c.class_handicap.items()},
                c.id in rated,
            )
            for c in config.counter
        },
        default_service=branch.default_service or config.service[0].id,
        rollover=config.day.rollover,
        pass_limit=calling.pass_limit,
        recalls=calling.recalls,
        return_within=_seconds(calling.return_within),
        return_penalty=_seconds(calling.return_penalty),
        returns=calling.returns,
    )
    mqtt = None
    if config.mqtt:
        broker = config.mqtt.broker
        mqtt = MqttSettings(
            embedded=broker.embedded,
            host=broker.host,
            port=broker.port,
            tls=broker.tls,
            client_id=config.mqtt.client_id or f"lobby-{branch.id}",
            username=config.mqtt.username,
            password_file=config.mqtt.password_file,
            ca_file=config.mqtt.ca_file,
        )
    traffic = Traffic(
        minutes={s.id: s.minutes for s in config.service},
        services={profile: {s.id: s.share.on(profile) for s in config.service} for profile in PROFILES},
        classes={profile: {id: c.share.on(profile) for id, c in classes.items()} for profile in PROFILES},
    )
    return Settings(path, rules, branch.language, config.journal.path, mqtt, tuple(config.device), traffic)
