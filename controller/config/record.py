"""From the configuration's keys to the rules of the day's record: what may break, and the settings of each item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.config.keys import Config
from controller.devices.naming import names
from controller.lobby.model.rules import Rules
from controller.record.actions.alarms import AlarmSettings
from controller.record.actions.repairs import RepairSettings
from controller.record.rules import RecordRules, Thing


def record_rules_of(config: Config, rules: Rules) -> RecordRules:
    """The record's rules that a checked file gives, in the branch's language."""
    settings = {type(each): each for each in _settings(config)}
    return RecordRules(rules, {thing.id: thing for thing in _things(config, rules)}, settings)


def _settings(config: Config) -> Iterator[Any]:
    repairs, alarms = config.repairs, config.alarms
    yield RepairSettings(
        round(repairs.after * 60), repairs.deadline, dict(repairs.deadlines), round(repairs.remind * 3600)
    )
    yield AlarmSettings(
        round(60 * (2 * config.waiting.target if alarms.wait is None else alarms.wait)),
        round(60 * alarms.paused),
        alarms.disk / 100,
        alarms.hall,
        alarms.clock,
    )


def _things(config: Config, rules: Rules) -> Iterator[Thing]:
    """The devices with their units, and what the file has more about them; then the other things."""
    named, language = {thing.id: thing for thing in config.thing}, config.branch.language
    called = names(config.device, rules.wording)
    drivers = {device.id: device.driver for device in config.device}
    for id in [*called, *(id for id in named if id not in called)]:
        more = named.get(id)
        name = more.name.spoken(language) if more and more.name else called.get(id, id)
        hours, affects = (more.deadline or 0, tuple(more.affects)) if more else (0, ())
        yield Thing(id, name, drivers.get(id.partition(".")[0], ""), hours, affects, is_device=id in called)
