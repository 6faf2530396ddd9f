"""The pages' adapter: what there is to show, and which open pages are shown it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from controller.devices.cards import Cards, page
from controller.devices.kit import Adapter, Context, DeviceReport
from controller.devices.notices import NoticeWords, Remarks
from controller.engine import Request
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.emergency import EmergencyDeclared, EmergencyEnded
from controller.lobby.actions.enter_roll import RollEntered
from controller.lobby.actions.event import Event
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.post_notice import NoticeEnded, NoticePosted
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.take_ticket import GRANTED, TakeTicket, TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.actions.undo_at_counter import CallUndone, ServiceResumed
from controller.lobby.actions.windows import WindowAdviceAnswered
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer, reason, sentence
from controller.lobby.model.paper import chosen
from controller.lobby.model.rules import HallZone
from controller.lobby.model.state import State, Ticket
from controller.lobby.model.units import Ms
from controller.lobby.show import hall, screens
from controller.lobby.show.faults import faults
from controller.record import registry
from controller.record.actions.alarms import as_faults
from controller.record.actions.complaints import ComplaintSettings
from controller.record.actions.reminders import due
from controller.record.actions.satisfaction import may_rate
from controller.web.live import Live
from controller.web.media import Media

RECENT = 30
"""Actions that the console lists."""
LOOKED_AT = 400
"""Rows of the journal that are searched for them at a start."""
ESTIMATE_EVERY = 5.0
"""Seconds for which an estimate of a ticket's wait is shown on its page."""
ESTIMATE_PAUSE = 0.05
"""Seconds between two estimates: each takes milliseconds, and open ticket pages must not slow the counters down."""
ESTIMATES_KEPT = 500
ACTIONS: tuple[type[Event], ...] = (
    TicketIssued,
    TicketCalled,
    TicketRecalled,
    TicketMissed,
    TicketReturned,
    TicketHeld,
    TicketTransferred,
    TicketReassigned,
    TicketPromoted,
    TicketRestored,
    TicketCancelled,
    CallUndone,
    ServiceResumed,
    TicketReprinted,
    CounterOpened,
    CounterPaused,
    CounterClosed,
    WindowAdviceAnswered,
    NoticePosted,
    NoticeEnded,
    EmergencyDeclared,
    EmergencyEnded,
    RollEntered,
)
"""The events that the console lists as recent actions."""


class PagesAdapter(Adapter):
    """What the browser pages show. `live`: the open pages; `spoken`: the zones whose calls a device speaks, "" for
    those of the whole branch; `media`: what televisions show beside the calls."""

    id = "pages"

    watches = True

    def __init__(
        self, context: Context, live: Live, *, spoken: Collection[str] = (), media: Media | None = None
    ) -> None:
        super().__init__(self.id, context)
        self.media = media or Media(None)
        self.spoken = spoken
        self.state = State()
        self.newest = context.journal.opened_at
        """The last row that was told."""
        self._live = live
        self.trouble = ""
        """Why nothing can be recorded; empty if it can."""
        self._notices: Sequence[str] = ()
        self._staff: Sequence[str] = ()
        """These notices, and those for the staff alone."""
        self._updated = asyncio.Event()
        self._figures: Mapping[str, Any] = {}
        self._devices: dict[str, Mapping[str, Any]] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self._words = NoticeWords(context.journal)
        self._remarks = Remarks(context.journal)
        self._estimates: OrderedDict[tuple[str, str], tuple[float, tuple[int, int] | None]] = OrderedDict()
        """(day, ticket) -> (when it was made, by the loop's clock; the estimate), oldest first."""
        self._next_estimate = 0.0
        last, today = context.journal.opened_at, context.journal.last_day()
        for row in context.journal.rows_after(max(0, last - LOOKED_AT), LOOKED_AT):
            if row.day == today:
                self._note(row)
        if cards := context.shared.get(Cards):
            cards.watch_shown(self._card_shown)

    def _card_shown(self, seconds: float) -> None:
        self._live.changed()
        if seconds:
            asyncio.get_running_loop().call_later(seconds + 0.01, self._live.changed)

    # -- told by the hub -------------------------------------------------------------------------------------

    def heard(self, fact: object) -> None:
        """Pages have no session: what people press there comes as HTTP requests."""

    def update(self, state: State) -> None:
        self.state = state
        if cards := self.context.shared.get(Cards):
            cards.update(state)
        self._live.changed()
        self._updated.set()
        self._updated = asyncio.Event()

    async def updated(self) -> None:
        """Wait for the next update."""
        await self._updated.wait()

    def told(self, rows: Sequence[Row], state: State) -> None:
        self._words.told(rows)
        self.newest = rows[-1].seq
        for row in rows:
            if isinstance(row.event, DayOpened):
                self._recent.clear()
            self._note(row)

    def notice(self, notices: Sequence[str], staff: Sequence[str], trouble: str) -> None:
        self._notices, self._staff, self.trouble = notices, [*notices, *staff], trouble

    def figures(self, figures: Mapping[str, Any]) -> None:
        self._figures = figures

    @property
    def known(self) -> int:
        """The number of devices that have said how they are."""
        return len(self._devices)

    @property
    def faulty(self) -> int:
        """The number of those that do not work as they should."""
        return sum(report["state"] != "ok" for report in self._devices.values())

    def device(self, id: str, report: DeviceReport) -> None:
        name = report.name or screens.device_name(self.context.rules, id)
        self._devices[id] = {**report.for_people(), "name": name}

    def gone(self, id: str) -> None:
        self._devices.pop(id, None)

    def devices(self) -> Mapping[str, Mapping[str, Any]]:
        """Each device's state."""
        return self._devices

    # -- what pages show -------------------------------------------------------------------------------------

    def television(self, zone: HallZone | None = None) -> Callable[[], dict[str, Any]]:
        """See `screens.television`; `speaks`: whether to speak calls, where the page's address does not say: not what a
        device speaks already; `media`: the pictures and clips, in the order in which they are shown."""
        spoken = "" in self.spoken or (zone.id in self.spoken if zone else bool(self.spoken))

        def picture() -> dict[str, Any]:
            context, now = self.context, self.context.now()
            shown = screens.television(
                self.state, context.rules, now, self._notices, context.waits(), self._words, zone
            )
            media = [{"src": f"/media/{each.name}", "clip": each.kind.clip} for each in self.media]
            return {**shown, "speaks": not spoken, "media": media}

        return picture

    def kiosk(self, account: str = "", printer: str = "") -> Callable[[], dict[str, Any]]:
        """See `screens.kiosk`; of an account: with the card that was shown beside its page. `printer`: that of the
        kiosk, empty: the first."""

        def picture() -> dict[str, Any]:
            context, cards = self.context, self.context.shared.get(Cards)
            seen = cards.seen(page(account)) if cards and account else None
            return screens.kiosk(
                self.state,
                context.rules,
                context.now(),
                self._notices,
                context.waits(),
                paper=chosen(context.printers(), printer).paper == "ready",
                card="" if seen is None else "read" if seen.read else "unread",
                klass=seen.klass if seen else "",
            )

        return picture

    async def ask_with_card(self, command: Command, remark: str) -> Answer:
        """Submit a ticket that is taken at a kiosk page, with the class of the card that was shown beside it, and wait
        for the answer."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def reply(given: Answer) -> None:
            if not answer.done():
                answer.set_result(given)

        request, cards = Request(command, reply, remark), self.context.shared.get(Cards)
        if cards and isinstance(command, TakeTicket):
            cards.submit(command.by, "", request)
        else:
            self.context.submit(request)
        return await answer

    def faults(self) -> list[dict[str, Any]]:
        """What the lobby manager should know or do now, see `faults.faults`."""
        context, now, printers = self.context, self.context.now(), self.context.printers()
        more = as_faults(context.facts())
        return faults(self.state, context.rules, now, self._devices, printers, records=not self.trouble, more=more)

    def record(self) -> dict[str, Any]:
        """What the page of the day's record shows: see `registry.pictures`; `words`: what people have written, by the
        cause of its row."""
        facts = self.context.facts()
        shown = registry.pictures(facts)
        return {"now": facts.at, "day": facts.lobby.day, **shown, "words": self._remarks.of(shown)}

    def console(self) -> dict[str, Any]:
        """See `screens.console`; `posted`: the notices that are shown in the hall, see `hall.posted`; `reminders`: what
        is to be done today; `reminders_words`: what was written about it, by the cause of its row."""
        context, now, printers = self.context, self.context.now(), self.context.printers()
        posted = hall.posted(self.state, self._words, now)
        reminders = due(context.facts())
        own = {"posted": posted, "reminders": reminders, "reminders_words": self._remarks.of(reminders)}
        return own | screens.console(
            self.state,
            context.rules,
            now,
            self.faults(),
            context.waits(),
            self._devices,
            self._figures,
            [*reversed(self._recent)],
            printer=bool(printers),
        )

    def counter(self, counter: str) -> Callable[[], dict[str, Any]]:
        """See `screens.counter`."""

        def picture() -> dict[str, Any]:
            rules = self.context.rules
            return screens.counter(
                self.state, rules, rules.counters[counter], self.context.now(), self._staff, self._words
            )

        return picture

    def display(self, counter: str) -> Callable[[], dict[str, Any]]:
        """See `screens.display`."""

        def picture() -> dict[str, Any]:
            rules = self.context.rules
            return screens.display(self.state, rules, rules.counters[counter], self.context.now(), self.trouble)

        return picture

    def ticket(self, day: str, id: str) -> Callable[[], dict[str, Any] | None]:
        """See `screens.ticket`; None once its day is over. `rate`: the visit can be rated, `rated`: it has been;
        `opinions`: the opinion form is open."""

        def picture() -> dict[str, Any] | None:
            ticket = self.state.tickets.get(id)
            if ticket is None or self.state.day != day:
                return None
            now = self.context.now()
            shown = screens.ticket(self.state, self.context.rules, ticket, now, self._still_waits(day, ticket, now))
            facts = self.context.facts()
            asked = {"rate": may_rate(facts, ticket), "opinions": facts.of(ComplaintSettings).form}
            return {**shown, **asked, "rated": ticket.rated}

        return picture

    def _still_waits(self, day: str, ticket: Ticket, now: Ms) -> tuple[int, int] | None:
        """The expected wait of a ticket, from the last estimate; a new one is made when it is due."""
        loop_time = asyncio.get_running_loop().time()
        at, wait = self._estimates.get((day, ticket.id), (-ESTIMATE_EVERY, None))
        if loop_time - at >= ESTIMATE_EVERY and loop_time >= self._next_estimate:
            wait = screens.still_waits(self.state, self.context.rules, ticket, now)
            self._next_estimate = asyncio.get_running_loop().time() + ESTIMATE_PAUSE
            self._estimates.pop((day, ticket.id), None)
            self._estimates[day, ticket.id] = loop_time, wait
            while len(self._estimates) > ESTIMATES_KEPT:
                self._estimates.popitem(last=False)
        return wait

    # -- inside ----------------------------------------------------------------------------------------------

    def _note(self, row: Row) -> None:
        if not isinstance(row.event, ACTIONS):
            return
        if isinstance(row.event, TicketIssued) and (row.event.klass not in GRANTED or row.event.roll):
            return  # customers take tickets all the time; of a granted one it is told who gave it, and why
        rules = self.context.rules
        text = sentence(rules, row.event)
        if isinstance(row.event, TicketIssued):
            klass = rules.class_name(row.event.klass)
            text = rules.wording.say("answer.ticket_granted", ticket=row.event.ticket, klass=klass)
        self._recent.append(
            {
                "at": row.at,
                "text": text,
                "reason": reason(rules, row.event),
                "by": who(row),
                "kind": row.event.KIND,
                "ticket": getattr(row.event, "ticket", ""),
            }
        )


def cause_of(account: str, key: str, content: str) -> str:
    """The cause of a request for the journal, from the account, its key and its content."""
    return f"http:{account}:{key}:{content}"


def who(row: Row) -> str:
    """Who caused a row: an account (`user/li`), else a device or a counter."""
    kind, _, rest = row.cause.partition(":")
    if kind == "http":
        return f"user/{rest.partition(':')[0]}"
    about = row.event.to_row()
    return str(about.get("by") or (f"counter/{about['counter']}" if "counter" in about else ""))
