"""`lobby doctor`: examines the devices of a branch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.commands.kit import CONFIG, FAILED, NO_ANSWER, WRONG, stop

if TYPE_CHECKING:
    from controller.config import Settings
    from controller.lobby.model.wording import Wording

PATIENCE = 300.0
"""Seconds without a word, besides those in which keys are waited for, after which a running daemon is given up."""
STATES = {"ok": "ok", "look": "?", "fault": "!!"}


@click.command()
@CONFIG
@click.option("--device", "only", multiple=True, help="Examine this one alone; may be given several times.")
@click.option(
    "--keys", type=click.FloatRange(0, 600), default=20, help="Seconds to wait for a key on each keypad. Default: 20."
)
@click.option("--no-print", is_flag=True, help="Print no test tickets.")
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="What was found, as JSON.")
def doctor(path: Path, only: tuple[str, ...], keys: float, no_print: bool, out: Path | None) -> None:
    """Examine the devices: open each link, ask for its status, print a test ticket, light each display, wait for a key
    on each keypad, and say what is wrong and what helps. A running daemon is asked to do it; nothing enters the day."""
    from controller.changes import fingerprint  # noqa: PLC0415
    from controller.config import read  # noqa: PLC0415
    from controller.control import NotRunningError, ask  # noqa: PLC0415
    from controller.operation.doctor import examinable  # noqa: PLC0415
    from controller.output import room_for  # noqa: PLC0415

    settings = read(path)
    known = {device.id for device in settings.devices} | ({"mqtt"} if settings.mqtt else set())
    if unknown := [id for id in only if id not in known]:
        stop(f'--device: there is no device "{unknown[0]}"; known are {", ".join(sorted(known))}', WRONG)
    on_mqtt = {device.id for device in settings.devices} - {device.id for device in examinable(settings)}
    only = (*(id for id in only if id not in on_mqtt), *(("mqtt",) if on_mqtt & set(only) else ()))
    request = {"do": "doctor", "devices": list(only), "keys": keys, "print": not no_print, "path": str(path)}
    request["fingerprint"] = fingerprint(settings.tables)
    with room_for(out):
        try:
            found = _heard(ask(settings.journal_path, request, keys + PATIENCE))
        except PermissionError:
            stop(
                f"{settings.journal_path.parent} may not be used by you; say sudo lobby doctor --config {path}", FAILED
            )
        except NotRunningError:
            found = _alone(settings, only, keys, not no_print)
        if not found:
            click.echo(settings.rules.wording.say("doctor.nothing"))
        _show(found, out, settings.rules.wording)
    if any(each["state"] == "fault" for each in found):
        raise SystemExit(FAILED)


def _heard(answers: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What a running daemon has found; what it says meanwhile is shown."""
    for answer in answers:
        if "ok" not in answer:
            click.echo(answer["text"])
        elif not answer["ok"]:
            stop(answer["text"], FAILED)
        else:
            return list(answer["found"])
    stop(NO_ANSWER, FAILED)


def _alone(settings: Settings, only: tuple[str, ...], keys: float, prints: bool) -> list[Mapping[str, Any]]:
    """What is found without a daemon; after Ctrl-C what has been found until then."""
    from controller.operation.doctor import Examination, Finding, examinable  # noqa: PLC0415
    from controller.operation.doctor_broker import examine_broker  # noqa: PLC0415

    devices = [device for device in examinable(settings) if not only or device.id in only]
    examination = Examination(settings, devices, click.echo, print_ticket=prints)
    found = list(examination.findings.values())

    async def examine() -> None:
        if devices:
            await examination.run(keys)
        if settings.mqtt and (not only or "mqtt" in only):
            found.append(await examine_broker(settings, keys, click.echo))

    try:
        asyncio.run(examine())
    except KeyboardInterrupt:
        click.echo(settings.rules.wording.say("doctor.interrupted"), err=True)
        if settings.mqtt and (not only or "mqtt" in only):
            found.append(Finding("mqtt", settings.rules.wording.say("kind.mqtt"), "", "look", "unfinished"))
    return [each.content() for each in found]


def _show(found: list[Mapping[str, Any]], out: Path | None, words: Wording) -> None:
    import json  # noqa: PLC0415

    from controller.output import console, table, writing  # noqa: PLC0415

    texts = [words.say(f"doctor.column_{name}") for name in ("device", "link", "found", "helps", "keys")]
    shown = table("", ["", *texts], [words.say(f"doctor.column_{name}") for name in ("answer", "echo")])
    for each in found:
        line = each["measured"]
        shown.add_row(
            STATES[each["state"]],
            each["device"] if each["name"] == each["device"] else f"{each['device']} ({each['name']})",
            each["link"],
            "\n".join(each["found"]) or "-",
            "\n".join(each["remedies"]) or "-",
            "\n".join(each["keys"]) or "-",
            f"{line['answer_ms']:g} ms" if "answer_ms" in line else "-",
            f"{line['echoed']:.0f} of {line['sent']:.0f}" if line.get("echoed") else "-",
        )
    if found:
        console().print(shown)
    if out:
        with writing(out):
            out.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", "utf-8")


COMMAND = doctor
