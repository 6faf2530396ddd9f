"""From the configuration's keys to the rules of the day's record: what may break, and the settings of each item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.config.keys import Config
from controller.config.values import Names
from controller.devices.naming import names
from controller.lobby.model.rules import Rules
from controller.lobby.model.wording import LANGUAGES
from controller.record.actions.alarms import AlarmSettings
from controller.record.actions.cards import CardSettings
from controller.record.actions.checks import Checklist, CheckSettings, Item
from controller.record.actions.complaints import ComplaintSettings
from controller.record.actions.duty import DutySettings
from controller.record.actions.repairs import RepairSettings
from controller.record.actions.satisfaction import SatisfactionSettings
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
    yield CheckSettings(tuple(_checklists(config)))
    yield DutySettings({clerk.alias: clerk.breaks for clerk in config.clerk})
    yield from _of_customers(config)


def _checklists(config: Config) -> Iterator[Checklist]:
    """The check lists; a fault of an item that names no thing and sees no device is a fault of the item itself."""
    language = config.branch.language
    for each in config.checklist:
        items = (
            Item(item.id, item.name.spoken(language), item.thing or next(iter(item.sees), item.id), tuple(item.sees))
            for item in each.items
        )
        yield Checklist(each.id, each.name.spoken(language), each.when, tuple(items), round(60 * each.minutes))


def _of_customers(config: Config) -> Iterator[Any]:
    """The settings of complaints, cards and ratings."""
    complaints, needs, ratings = config.complaints, config.handouts.needs, config.satisfaction
    causes = _named(complaints.causes) if complaints.causes else ComplaintSettings().causes
    yield ComplaintSettings(round(complaints.answer_within * 60), causes, complaints.form)
    yield CardSettings(_named(needs)) if needs else CardSettings()
    yield SatisfactionSettings(round(ratings.within * 3600), ratings.by_counter)


def _named(names: Mapping[str, Names]) -> Mapping[str, Mapping[str, str]]:
    """Codes with their names by language, `other` among them."""
    found = {id: {language: name.spoken(language) for language in LANGUAGES} for id, name in names.items()}
    return {**found, "other": found.get("other", {})}


def _things(config: Config, rules: Rules) -> Iterator[Thing]:
    """The devices with their units, and what the file has more about them; then the other things, and what is checked
    without being one of them, of which customers are not told."""
    named, language = {thing.id: thing for thing in config.thing}, config.branch.language
    called = names(config.device, rules.wording)
    drivers = {device.id: device.driver for device in config.device}
    for id in [*called, *(id for id in named if id not in called)]:
        more = named.get(id)
        name = more.name.spoken(language) if more and more.name else called.get(id, id)
        hours, affects = (more.deadline or 0, tuple(more.affects)) if more else (0, ())
        kind, hall = drivers.get(id.partition(".")[0], ""), more is None or more.hall
        yield Thing(id, name, kind, hours, affects, is_device=id in called, hall=hall)
    checked = {item.id: item for each in _checklists(config) for item in each.items if item.id == item.thing}
    for id, item in checked.items():
        if id not in named and id not in called:
            yield Thing(id, item.name, hall=False)
