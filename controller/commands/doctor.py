"""`lobby doctor`: examines the devices of a branch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.commands.kit import CONFIG, FAILED, WRONG, stop

if TYPE_CHECKING:
    from controller.config import Settings

PATIENCE = 300.0
"""Seconds without a word after which a running daemon is given up."""
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
    from controller.config import read  # noqa: PLC0415
    from controller.control import NotRunningError, ask  # noqa: PLC0415
    from controller.output import room_for  # noqa: PLC0415

    settings = read(path)
    known = {device.id for device in settings.devices} | ({"mqtt"} if settings.mqtt else set())
    if unknown := [id for id in only if id not in known]:
        stop(f'--device: there is no device "{unknown[0]}"; known are {", ".join(sorted(known))}', WRONG)
    request = {"do": "doctor", "devices": list(only), "keys": keys, "print": not no_print}
    with room_for(out):
        try:
            found = _heard(ask(settings.journal_path, request, PATIENCE))
        except PermissionError:
            stop(
                f"{settings.journal_path.parent} may not be used by you; say sudo lobby doctor --config {path}", FAILED
            )
        except NotRunningError:
            found = asyncio.run(_alone(settings, only, keys, not no_print))
        _show(found, out)
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
    stop("the daemon has ended meanwhile", FAILED)


async def _alone(settings: Settings, only: tuple[str, ...], keys: float, prints: bool) -> list[Mapping[str, Any]]:
    from controller.doctor import Examination, examinable, examine_broker  # noqa: PLC0415

    devices = [device for device in examinable(settings) if not only or device.id in only]
    found = await Examination(settings, devices, click.echo, print_ticket=prints).run(keys if devices else 0)
    if settings.mqtt and (not only or "mqtt" in only):
        found.append(await examine_broker(settings, keys, click.echo))
    return [each.content() for each in found]


def _show(found: list[Mapping[str, Any]], out: Path | None) -> None:
    import json  # noqa: PLC0415

    from controller.output import console, table, writing  # noqa: PLC0415

    shown = table("", ["", "device", "link", "found", "what helps", "keys"], ["answer", "echo"])
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
    console().print(shown)
    if out:
        with writing(out):
            out.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", "utf-8")


COMMAND = doctor
