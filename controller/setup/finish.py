"""Writes the configuration and the udev rules; then checks them on this machine, and tries the devices."""

from __future__ import annotations

from pathlib import Path

from controller.config import ConfigError, Settings
from controller.config import read as read_configuration
from controller.lobby.model.wording import Wording
from controller.operation.doctor import Examination, Finding, examinable
from controller.setup import udev
from controller.setup.files import replace_file
from controller.setup.plan import Plan
from controller.setup.questions import Door

KEPT = ".before-setup"
"""Behind the name of what was there before."""


class Finish:
    """What is done with a plan. `path`: of the configuration."""

    def __init__(self, plan: Plan, path: Path, door: Door, words: Wording) -> None:
        self._plan = plan
        self._path = path
        self._door = door
        self._words = words

    def _say(self, key: str, /, **about: object) -> None:
        self._door.say(self._words.say(f"setup.say.{key}", **about))

    def show_rules(self) -> None:
        """The udev rules, if there is anything to name."""
        if self._plan.rules and self._plan.named():
            self._door.file(str(self._plan.machine.root / udev.RULES), self._plan.rules_file(self._words))

    def show_configuration(self) -> None:
        """The configuration as it will be written."""
        self._door.file(str(self._path), self._plan.configuration(self._words))

    def write_configuration(self) -> None:
        """The configuration, in one step, if it is right; ConfigError if not, OSError if it cannot be written."""
        kept = replace_file(self._path, self._plan.configuration(self._words), KEPT, self._check)
        self._say("written", path=self._path)
        if kept:
            self._say("kept", path=kept)

    def _check(self, new: Path) -> None:
        try:
            read_configuration(new, files=True)
        except ConfigError as error:
            raise ConfigError(self._path, error.problems) from None

    async def write_rules(self) -> None:
        """The udev rules, and have them read. OSError if they cannot be written."""
        plan = self._plan
        if not plan.rules or not plan.named():
            return
        kept = udev.write(plan.machine, plan.rules_file(self._words), KEPT)
        self._say("written", path=plan.machine.root / udev.RULES)
        if kept:
            self._say("kept", path=kept)
        for id, port in plan.named().items():
            if udev.by_socket(port, plan.ports):
                self._say("label", device=id, socket=port.id_path or port.socket)
        if commands := await udev.bring_into_force(plan.machine):
            self._say("commands", commands=commands)

    @property
    def _names_are_there(self) -> bool:
        return all(Path(self._plan.name_of(id)).exists() for id in self._plan.lines)

    def look_here(self) -> Settings | None:
        """Check the configuration on this machine, and say what is not right; None: it cannot be used here as it is, or
        its ports do not have their names yet."""
        if not self._names_are_there:
            self._say("later", path=self._path)
            return None
        try:
            settings = read_configuration(self._path, files=True, machine=True)
        except ConfigError as error:
            for line in str(error).splitlines():
                self._door.say(line)
            return None
        for warning in settings.warnings:
            self._door.say(warning)
        self._say("checked", path=self._path)
        return settings

    async def try_devices(self, settings: Settings, *, test: bool) -> list[Finding]:
        """What the doctor finds; nothing is waited for, since every key has been pressed already."""
        devices = examinable(settings)
        if not devices:
            return []
        self._say("trying")
        examination = Examination(settings, devices, self._door.say, print_ticket=test, try_speeds=False)
        found = await examination.run(0)
        columns = [self._words.say(f"doctor.column_{name}") for name in ("device", "link", "found", "helps")]
        fine = self._words.say("setup.say.fine")
        rows = [
            (MARKS[each.state], each.name, each.link, "\n".join(each.found) or fine, "\n".join(each.remedies))
            for each in found
        ]
        self._door.table(self._words.say("setup.say.tried"), ["", *columns], rows)
        return found


MARKS = {"ok": "ok", "look": "?", "fault": "!!"}
