"""One `lobby setup` from its first question to the last word, through whatever door."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.config import ConfigError
from controller.lobby.model.wording import Wording
from controller.output import writing
from controller.setup import answers
from controller.setup.finish import Finish
from controller.setup.interview import Interview
from controller.setup.plan import Plan
from controller.setup.ports import Machine
from controller.setup.questions import Door


@dataclass(frozen=True, slots=True)
class Wishes:
    """How it was started. `path`: of the configuration; `replace`: also if there is one; `keep`: where the answers are
    kept; `dry`: nothing is written."""

    path: Path
    machine: Machine
    replace: bool = False
    keep: Path | None = None
    dry: bool = False


async def with_questions(door: Door, wishes: Wishes, language: str, tickets: str = "") -> bool:
    """Ask, show, write, try. `language`: of the first question; `tickets`: as of `Interview`. False: nothing was
    written."""
    interview = Interview(door, wishes.machine, language, tickets)
    while True:
        plan = await interview.run()
        words = interview.words
        finish = Finish(plan, wishes.path, door, words)
        if plan.named():
            finish.show_rules()
            plan.rules = await interview.yes("rules", default=True)
        finish.show_configuration()
        if wishes.dry:
            keep(plan, wishes, door, words)
            door.say(words.say("setup.say.dry"))
            return False
        if wishes.path.exists() and not wishes.replace:
            right = await interview.yes("replace", default=False, again=True, path=wishes.path)
        else:
            right = await interview.yes("write", default=True, again=True, path=wishes.path)
        if right and _written(finish, door):
            break
        if not await interview.yes("again", default=False, again=True):
            keep(plan, wishes, door, words)
            door.say(words.say("setup.say.nothing"))
            return False
    plan.test = plan.prints and await interview.yes("test", default=True)
    await carry_out(finish, plan, wishes, door, words)
    return True


def _written(finish: Finish, door: Door) -> bool:
    """Whether the configuration is right, and so was written."""
    try:
        finish.write_configuration()
    except ConfigError as error:
        for line in str(error).splitlines():
            door.say(line)
        return False
    return True


async def carry_out(finish: Finish, plan: Plan, wishes: Wishes, door: Door, words: Wording) -> bool:
    """What comes after the configuration has been written; whether all is well."""
    keep(plan, wishes, door, words)
    await finish.write_rules()
    settings = finish.look_here()
    found = await finish.try_devices(settings, test=plan.test) if settings else []
    door.say(words.say("setup.say.next", path=wishes.path))
    return not any(each.state == "fault" for each in found)


def keep(plan: Plan, wishes: Wishes, door: Door, words: Wording) -> None:
    """Keep the answers, if somebody wants them."""
    if wishes.keep is None:
        return
    with writing(wishes.keep):
        wishes.keep.write_text(plan.answers(words), "utf-8")
    door.say(words.say("setup.say.answers", path=wishes.keep))


async def from_answers(door: Door, given: answers.Answers, wishes: Wishes, words: Wording) -> bool:
    """The same without questions; whether all is well."""
    plan = await answers.settle(given, wishes.machine, door.say)
    finish = Finish(plan, wishes.path, door, words)
    if wishes.dry:
        finish.show_rules()
        finish.show_configuration()
        keep(plan, wishes, door, words)
        door.say(words.say("setup.say.dry"))
        return True
    finish.write_configuration()
    return await carry_out(finish, plan, wishes, door, words)
