"""What `lobby setup` asks, in order, and what it makes of the answers. The same for the terminal and the page."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from controller.config import wording
from controller.devices.probe import Place, Probe
from controller.lobby.model.wording import LANGUAGES, Wording
from controller.operation.doctor import holders
from controller.setup import questions
from controller.setup.asking import Found, Listening, Unread, ask, heard_on, probes
from controller.setup.plan import Plan, speed_of, told
from controller.setup.ports import Machine, Port
from controller.setup.questions import CLOSED, Door, Question, WrongError

T = TypeVar("T")

LISTEN, LISTEN_TO_ALL = "127.0.0.1:8080", "0.0.0.0:8080"
NOTHING = "-"


class Interview:
    """Asks through a door, in a `language` until another is chosen; `tickets`: the usual language of tickets, if that
    is another. What was answered before is the default of another round."""

    def __init__(self, door: Door, machine: Machine, language: str, tickets: str = "") -> None:
        self._door = door
        self._machine = machine
        self._language = language
        self._tickets = tickets
        self._said: dict[str, str] = {}
        self.words = wording(language)
        self._spoken: Mapping[str, Wording] = {each: wording(each) for each in LANGUAGES}

    async def run(self) -> Plan:
        """All questions; what they come to."""
        await self._ask_language()
        self._say(self._door.welcome)
        found = await self.look()
        plan = Plan(self._machine, [each.port for each in found])
        await self._ask_branch(plan)
        await self._ask_services(plan)
        await self._ask_counters(plan)
        await self._ask_devices(plan, found)
        network = await self.yes("screens", default=False)
        plan.tables["web"] = {"listen": LISTEN_TO_ALL if network else LISTEN}
        return plan

    # -- one question ----------------------------------------------------------------------------------------------

    async def put(self, question: Question[T], keep: str = "") -> T:
        """Ask until the answer fits. `keep`: the name by which the answer is kept."""
        wrong, keep = "", keep or question.id
        default = self._said.get(keep, question.default)
        shown = Question(question.id, question.text, question.why, default, question.read, question.choices)
        while True:
            text = (await self._door.ask(shown, wrong)).strip() or default
            try:
                meant = question.read(text)
            except WrongError as error:
                wrong = self.words.say(f"setup.wrong.{error.key}", **error.about)
            else:
                self._said[keep] = text
                return meant

    def question(
        self, id: str, default: str, read: Any, choices: Sequence[tuple[str, str]] = (), /, **about: object
    ) -> Any:
        """A question of the wording's sections `setup.ask` and `setup.why`."""
        text = self.words.say(f"setup.ask.{id}", **about)
        return Question(id, text, self.words.say(f"setup.why.{id}", **about), default, read, choices)

    async def yes(self, id: str, *, default: bool, again: bool = False, **about: object) -> bool:
        """A question that is answered yes or no; `again`: its default is the same in every round."""
        choices, read = questions.yes_or_no(self.words)
        if again:
            self._said.pop(id, None)
        return bool(await self.put(self.question(id, "yes" if default else "no", read, choices, **about)))

    def _say(self, key: str, /, **about: object) -> None:
        self._door.say(self.words.say(f"setup.say.{key}", **about))

    def kind(self, driver: str) -> str:
        """What a kind of device is called."""
        return self.words.templates.get(f"kind.{driver}", driver)

    # -- the branch ------------------------------------------------------------------------------------------------

    async def _ask_language(self) -> None:
        choices = [("zh", "中文"), ("en", "English")]
        self._language = await self.put(self.question("language", self._language, questions.one_of(choices), choices))
        self.words = self._spoken[self._language]
        self._door.speak(self.words)
        usual = self._tickets or self._language
        self._tickets = await self.put(self.question("tickets", usual, questions.one_of(choices), choices))

    async def _ask_branch(self, plan: Plan) -> None:
        name = await self.put(self.question("name", self.words.say("setup.default.name"), questions.a_name))
        id = await self.put(self.question("id", usual_id(socket.gethostname()), questions.an_id))
        week = await self.put(self.question("hours", "09:00-17:00", questions.open_hours))
        weekend = await self.put(self.question("weekend", CLOSED, questions.hours))
        zone = questions.usual_zone(self._machine.root)
        plan.tables["branch"] = {"id": id, "name": name, "timezone": zone, "language": self._tickets}
        plan.tables["journal"] = {"path": str(self._machine.root / "var/lib/lobby/lobby.db")}
        both: Any = week if week == weekend else {"mon-fri": week, "sat-sun": weekend}
        plan.tables["calendar"] = {"hours": both}

    async def _ask_services(self, plan: Plan) -> None:
        known = {
            language: [part.rpartition(" ")[0] for part in re.split(r"[,、] ?", words.say("setup.default.services"))]
            for language, words in self._spoken.items()
        }
        usual = self.words.say("setup.default.services")
        answered = await self.put(self.question("services", usual, questions.services(list(known.values()))))
        plan.tables["service"] = questions.tables_of(answered, known)

    async def _ask_counters(self, plan: Plan) -> None:
        count = await self.put(self.question("counters", "3", questions.number(1, questions.MOST_COUNTERS)))
        prefixes = {service["prefix"]: service["id"] for service in plan.tables["service"]}
        plan.tables["counter"] = []
        usual, unserved = " ".join(prefixes), list(prefixes.values())
        for n in range(1, count + 1):
            read = questions.serves(prefixes, unserved if n == count else ())
            services = await self.put(self.question("serves", usual, read, counter=n), f"serves {n}")
            unserved = [service for service in unserved if service not in services]
            usual = " ".join(prefix for prefix, service in prefixes.items() if service in services)
            if n == count - 1 and unserved:  # the last one has to take what is left
                usual = " ".join(prefixes)
            plan.tables["counter"].append({"id": str(n), "serves": dict.fromkeys(services, 0)})

    # -- the ports -------------------------------------------------------------------------------------------------

    async def look(self) -> list[Found]:
        """What is on the ports, each told as soon as it is known."""
        ports = self._machine.ports()
        if not ports:
            self._say("no_ports")
            return []
        self._say("looking", ports=len(ports))

        async def look_at(port: Port) -> Found:
            found = await ask(port)
            self._say("port", port=port.kernel, found=await self.told(found))
            return found

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(look_at(port)) for port in ports]
        found = [task.result() for task in tasks]
        columns = [self.words.say(f"setup.column.{name}") for name in ("port", "adapter", "socket", "found")]
        rows = [
            (
                each.port.kernel,
                each.port.about or "-",
                each.port.id_path or each.port.socket or "-",
                await self.told(each),
            )
            for each in found
        ]
        self._door.table(self.words.say("setup.say.ports"), columns, rows)
        return found

    async def told(self, found: Found) -> str:
        """What is on a port, in a sentence."""
        say, templates = self.words.say, self.words.templates
        if found.port.untried:
            return say(f"setup.port.{found.port.untried}")
        if found.cause:
            text = templates.get(f"device.{found.cause}") or templates.get(f"link.{found.cause}") or found.cause
            about = str(found.port.node)
            if found.cause == "port_taken":
                holding = await asyncio.to_thread(lambda: list(holders(about, ours=True)))
                about = ", ".join([about, *holding])
            advice = templates.get(f"setup.cure.{found.cause}", "")
            return say("setup.port.cannot", text=text, about=about) + advice
        if not found.driver:
            return say("setup.port.keys" if found.port.form == "keys" else "setup.port.silent")
        kind = self.kind(found.driver)
        if not found.asked:
            return say("setup.port.alone", kind=kind)
        units = ", ".join(str(place.address) for place in found.places if place.part)
        text = (
            say("setup.port.answers_at", kind=kind, speed=told(found))
            if told(found)
            else say("setup.port.answers", kind=kind)
        )
        return text + (say("setup.port.units", units=units) if units else "")

    async def _ask_devices(self, plan: Plan, found: Sequence[Found]) -> None:
        for each in found:
            if each.driver:
                await self._add_found(plan, each, {})
        free = [each for each in found if not (each.driver or each.cause or each.port.untried)]
        free = await self._hear_keys(plan, free)
        for each in free:
            if each.port.form == "serial":
                await self._ask_what(plan, each.port)

    def _counters(self, plan: Plan) -> list[str]:
        return [counter["id"] for counter in plan.tables["counter"]]

    async def _add_found(self, plan: Plan, found: Found, counters: Mapping[Place, str]) -> None:
        """A device that is on a port, with the counters of its places as far as they are known."""
        probe, where = probes()[found.driver], found.port.kernel
        places = dict(counters)
        if probe.counters == "each":
            for place in found.places:
                if place not in places:
                    places[place] = await self._ask_counter(plan, found.driver, where, place.address)
        elif probe.counters == "one" and not places:
            places = {Place(): await self._ask_counter(plan, found.driver, where, 0)}
        table = probe.table(places, await self._ask_chosen(found.driver, probe, where))
        if probe.counters == "each" and not any(table.values()):
            self._say("no_counter", kind=self.kind(found.driver), port=where)
            return
        id = plan.add(found.driver, found.port, found.speed, table)
        self._say(
            "device_unfinished" if probe.unfinished else "device", device=id, kind=self.kind(found.driver), port=where
        )

    async def _ask_counter(self, plan: Plan, driver: str, where: str, address: int) -> str:
        counters = self._counters(plan)
        read = questions.counter_of(counters, may_be_none=address > 0)
        default = NOTHING if address else counters[0]
        if address and str(address) in counters:
            default = str(address)
        about = {"kind": self.kind(driver), "port": where, "address": address}
        question = self.question("unit_counter" if address else "device_counter", default, read, **about)
        return str(await self.put(question, f"counter {where} {address}"))

    async def _ask_chosen(self, driver: str, probe: Probe, where: str) -> dict[str, Any]:
        """The keys of a device's table that only a person can tell."""
        chosen: dict[str, Any] = {}
        for key, values in probe.chosen.items():
            choices = [
                (str(value), self.words.templates.get(f"setup.choice.{key}_{value}", str(value))) for value in values
            ]
            text = self.words.say("setup.ask.key", kind=self.kind(driver), port=where)
            why = self.words.templates.get(f"setup.key.{key}", key)
            question = Question(f"key {key}", text, why, choices[0][0], questions.one_of(choices), choices)
            said = await self.put(question, f"{key} {where}")
            chosen[key] = next(value for value in values if str(value) == said)
        return chosen

    # -- keys ------------------------------------------------------------------------------------------------------

    async def _hear_keys(self, plan: Plan, free: Sequence[Found]) -> list[Found]:
        """Have a key pressed at each counter; what remains unknown."""
        listening = [each for each in free if any(p.listens and each.port.form in p.forms for p in probes().values())]
        if not listening or not await self.yes("keys", default=True, ports=" ".join(f.port.kernel for f in listening)):
            return list(free)
        heard: dict[Port, Found] = {}
        whose: dict[Port, dict[Place, str]] = {}
        async with Listening([each.port for each in listening]) as ear:
            await ear.ready()
            for counter in self._counters(plan):
                await self._hear_counter(ear, counter, heard, whose)
        for port, found in heard.items():
            await self._add_found(plan, found, whose[port])
        return [each for each in free if each.port not in heard]

    async def _hear_counter(
        self, ear: Listening, counter: str, heard: dict[Port, Found], whose: dict[Port, dict[Place, str]]
    ) -> None:
        """Until somebody says that everything of the counter has been pressed."""
        ear.forget()
        asking = asyncio.create_task(self._door.ask(self.question("press", "", str, counter=counter), ""))
        try:
            while True:
                hearing = asyncio.create_task(ear.next())
                try:
                    await asyncio.wait((asking, hearing), return_when=asyncio.FIRST_COMPLETED)
                    if hearing.done():
                        self._take(hearing.result(), counter, heard, whose)
                    if asking.done():
                        asking.result()
                        return
                finally:
                    hearing.cancel()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def _take(self, said: Any, counter: str, heard: dict[Port, Found], whose: dict[Port, dict[Place, str]]) -> None:
        """Something was pressed in a counter's turn."""
        if isinstance(said, Unread):
            self._say("unread", port=said.port.kernel, speed=said.speed)
            return
        about = {"kind": self.kind(said.driver), "port": said.port.kernel, "address": said.place.address or NOTHING}
        places = whose.setdefault(said.port, {})
        other = places.get(said.place)
        if other is None:
            heard[said.port] = heard_on(heard.get(said.port, Found(said.port)), said)
            places[said.place] = counter
            own = f"heard_{said.place.part}"
            self._say(own if f"setup.say.{own}" in self.words.templates else "heard", counter=counter, **about)
        elif other != counter:
            self._say("heard_of_other", counter=other, **about)

    async def _ask_what(self, plan: Plan, port: Port) -> None:
        """What is on a port on which nobody answers."""
        here = {driver: probe for driver, probe in probes().items() if port.form in probe.forms}
        kinds = {driver: probe for driver, probe in here.items() if not probe.unfinished}
        choices = [(NOTHING, self.words.say("setup.answer.nothing")), *((each, self.kind(each)) for each in kinds)]
        question = self.question(
            "what", NOTHING, questions.one_of(choices), choices, port=port.kernel, about=port.about or NOTHING
        )
        driver = await self.put(question, f"what {port.kernel}")
        if driver == NOTHING:
            return
        probe = kinds[driver]
        speed = await self.put(
            self.question("speed", str(speed_of(probe)), questions.number(300, 921600), port=port.kernel),
            f"speed {port.kernel}",
        )
        counters: dict[Place, str] = {}
        if probe.counters == "each":
            known = self._counters(plan)
            usual = " ".join(f"{each}={each}" for each in known)
            about = {"kind": self.kind(driver), "port": port.kernel}
            said = await self.put(self.question("addresses", usual, questions.addresses(known), **about))
            counters = {Place(probe.unit, address): counter for address, counter in said.items()}
        await self._add_found(plan, Found(port, driver, speed), counters)


def usual_id(host: str) -> str:
    """A branch's id by the machine's name."""
    return re.sub(r"[^a-z0-9-]+", "-", host.lower()).strip("-")[:32] or "branch-1"
