"""`lobby status`: how the branch is, in one screen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.commands.kit import CONFIG, FAILED

if TYPE_CHECKING:
    from controller.config import Settings
    from controller.operation.status import Trouble

PATIENCE = 10.0
"""Seconds in which a daemon answers."""


@click.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def status(path: Path, as_json: bool) -> None:
    """How the branch is: counters, who waits, devices since when, clock, disk, journal, backup, and what helps.

    Exit code 0: nothing is down; 1: something is, or no daemon runs.
    """
    from controller.config import read  # noqa: PLC0415
    from controller.operation.status import troubles  # noqa: PLC0415

    settings = read(path)
    found = collected(settings)
    wrong = list(troubles(found, settings.rules))
    down = any(each.down for each in wrong)
    if as_json:
        import json  # noqa: PLC0415

        shown = {"ok": not down, "troubles": [each._asdict() for each in wrong]} | found
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(lines(settings, found, wrong)))
    if down:
        raise SystemExit(FAILED)


def collected(settings: Settings) -> dict[str, Any]:
    """What the daemon says (None: none runs) and what the machine knows."""
    from controller.control import NotRunningError, ask  # noqa: PLC0415
    from controller.lobby.model.units import Ms  # noqa: PLC0415
    from controller.operation.status import of_the_machine  # noqa: PLC0415

    lobby: Mapping[str, Any] | None = None
    trouble = ""
    try:
        for answer in ask(settings.journal_path, {"do": "status"}, PATIENCE):
            if answer.get("ok"):
                lobby = answer["status"]
            else:
                trouble = answer.get("text", "")
        if lobby is None:
            trouble = trouble or settings.rules.wording.say("status.no_answer")
    except PermissionError:
        trouble = settings.rules.wording.say("status.no_permission", path=settings.journal_path.parent)
    except NotRunningError:
        pass
    now = Ms(lobby["now"] if lobby else time.time_ns() // 1_000_000)
    return {"now": now, "lobby": lobby, "trouble": trouble, "machine": of_the_machine(settings, now)}


def lines(settings: Settings, found: Mapping[str, Any], wrong: Sequence[Trouble]) -> list[str]:
    """What is shown, in the branch's language."""
    from controller.operation.status import facts, heard, when  # noqa: PLC0415
    from controller.output import columns  # noqa: PLC0415

    rules, say = settings.rules, settings.rules.wording.say
    shown = [f"{rules.branch_name} ({rules.branch})", *columns(facts(found, rules))]
    if found["lobby"]:
        shown += ["", say("status.devices"), *(columns(heard(found, rules)) or [say("status.no_devices")])]
    shown += ["", say("status.troubles") if wrong else say("status.all_well")]
    for name, text, remedy, since, down in wrong:
        about = say("status.since", text=text, at=when(since, found["now"], rules)) if since else text
        about = say("status.trouble", name=name, text=about) if name else about
        shown.append(f"{'!!' if down else '? '} {about}")
        if remedy:
            shown.append(f"   -> {remedy}")
    return shown


COMMAND = status
