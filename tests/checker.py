"""An outsider's judgement of a journal: the ten invariants of the calling rule, from its rows and the configuration.

This shares no code with the lobby. It knows what any auditor can know: each row's `kind` and `data`, in order, and the
numbers of the configuration. From these it rebuilds the waiting lines and counts for itself.

1. Time: if w calls j while i waits whom it may serve, ``s_j - s_i <= max(0, c_j - c_i) + h_wi - h_wj``.
2. Count: nobody is passed more than K times.
3. No starvation: each service has a counter with handicap 0 for the normal class, whatever profiles counters have.
4. First come, first served by seniority within one (service, class), where the counter has one handicap for both.
5. CALL is never answered "none waiting" while somebody waits whom the counter may serve.
6. The same journal gives the same calls: each call is the one that the rows before it lead to.
7. More credit never makes it worse: outside guard mode nobody passes one who counts as no later and has more credit.
8. A ticket ends once, and nothing happens to it afterwards; unless it was finished, and a person brings it back.
9. A transfer or reassignment, and whoever undoes it, never changes seniority.
10. A ticket is called by one counter at a time, and a counter has one ticket at a time.

An appointment at the head of a line before its time (`not_before`) competes only if every head that the counter may
serve is such a one; until then 1, 2, 6 and 7 do not speak of it. Its seniority is its slot's start, whenever it came.

What is undone is the ticket's last promotion or reassignment by a person since it was issued or called, while it waits:
it is again what it was before that (0).

Where the clock was set, what happened by it before moves with it. A day that continues another keeps the tickets that
it names, or all; the others have ended.

Calls that a person forced by hand are exempt from 1 to 7, and listed. Cost: a few operations a line and row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from typing import Any

from checked import EVERYWHERE, Before, Call, Left, Line, Numbers, Rival, Ticket, Violation


@dataclass(slots=True)
class Checker:
    """Takes rows one by one; `violations` are what it found so far, `forced` the rows of calls by hand."""

    numbers: Numbers
    violations: list[Violation] = field(default_factory=list)
    forced: list[int] = field(default_factory=list)
    calls: int = 0
    rows: int = 0
    configured: Mapping[str, Mapping[str, int]] = field(default_factory=dict, init=False)
    """What counters serve without a profile."""
    _tickets: dict[str, Ticket] = field(default_factory=dict)
    _lines: dict[Line, list[tuple[int, int, int, str]]] = field(default_factory=dict)
    """Heaps of (seniority, order, stay, ticket); places that were left are dropped when they come to the top."""
    _in_hand: dict[str, str] = field(default_factory=dict)
    _calls: dict[str, Call] = field(default_factory=dict)
    """The last call of each counter."""
    _left: dict[str, Left] = field(default_factory=dict)
    """Who left each counter last."""
    _last_seniority: int = 0
    _now: int = 0
    """The row's time in seconds since 1970, UTC, and in milliseconds."""
    _ms: int = 0
    _began: int = 0
    """When the controller started, if the machine was started today, in ms since 1970, UTC."""
    _issued_today: int = 0
    _open: set[str] = field(default_factory=set)
    _paused: set[str] = field(default_factory=set)
    _planned: int = 0
    """When the calendar last gave a counter a profile, until all of that moment have theirs; ms since 1970, UTC."""
    _going: str = ""
    """The counter that has to close or pause now, since its work was given to others as if it had."""

    def __post_init__(self) -> None:
        self.configured = self.numbers.serves
        self._must_all_be_served()

    def _must_all_be_served(self) -> None:
        for service in self.numbers.services:
            line = (service, "normal", "", False)
            if not any(self.numbers.handicap(counter, line) == 0 for counter in self.numbers.serves):
                self._report(3, f"no counter serves {service} as its own work")

    def row(self, row: Mapping[str, Any]) -> None:
        """Judge one row: `kind`, `at` (ms since 1970, UTC) and `data` (an object)."""
        self.rows += 1
        self._ms = row["at"]
        self._now = row["at"] // 1000
        kind, data = row["kind"], row["data"]
        if self._planned and (kind, row["at"]) != ("counter_profile_set", self._planned):
            self._planned = 0
            self._must_all_be_served()
        if self._going and kind != "ticket_reassigned":
            if (kind, data.get("counter")) not in (("counter_paused", self._going), ("counter_closed", self._going)):
                self._report(0, f"work of counter {self._going} was given to others, and it stays")
            self._going = ""
        judge = _JUDGES.get(kind)
        if judge is None:
            return
        if kind in _OF_TICKETS:
            ticket = self._tickets.get(data["ticket"])
            if ticket is None:
                self._report(0, f"{kind} of {data['ticket']}, which was not issued today")
                return
            back = kind == "service_resumed" or (kind == "ticket_returned" and data.get("finished"))
            if ticket.where == "ended" and not back:
                self._report(8, f"{kind} of {ticket.id}, which has ended")
                return
            judge(self, ticket, data)
        else:
            judge(self, data)

    def waiting_for(self, counter: str) -> list[str]:
        """The heads of the lines that a counter may serve, early appointments too."""
        return [rival.ticket.id for rival in self._rivals(counter)]

    def passed(self, ticket: str) -> int:
        """How often a ticket has been passed."""
        return self._tickets[ticket].passed

    # -- lines ---------------------------------------------------------------------------------------------------

    def _enter(self, ticket: Ticket) -> None:
        ticket.where, ticket.given = "waiting", None
        ticket.stays += 1
        heappush(self._lines.setdefault(ticket.line, []), (ticket.seniority, ticket.order, ticket.stays, ticket.id))

    def _head(self, line: Line) -> Ticket | None:
        heap = self._lines[line]
        while heap:
            _, _, stay, id = heap[0]
            ticket = self._tickets[id]
            if ticket.where == "waiting" and ticket.stays == stay:
                return ticket
            heappop(heap)
        return None

    def _rivals(self, counter: str) -> list[Rival]:
        rivals = []
        for line in self._lines:
            handicap = self.numbers.handicap(counter, line)
            head = self._head(line) if handicap is not None else None
            if head is not None and handicap is not None:
                rivals.append(Rival(head, self.numbers.credits.get(head.klass, 0), handicap))
        return rivals

    def _ready(self, rivals: list[Rival]) -> list[Rival]:
        """Those who compete now: appointments before their time only among themselves."""
        return [rival for rival in rivals if rival.ticket.not_before <= self._now] or rivals

    def _report(self, invariant: int, text: str) -> None:
        self.violations.append(Violation(invariant, self.rows, f"row {self.rows}: {text} (invariant {invariant})"))

    # -- the day, and tickets come and go ------------------------------------------------------------------------

    def _day_opened(self, data: Mapping[str, Any]) -> None:
        if data.get("continues") is None:
            self._forget()
        elif "kept" in data:
            for id in self._tickets.keys() - set(data["kept"]):
                gone = self._tickets.pop(id)
                if gone.where == "in hand":
                    self._report(8, f"the day ended while {id} was at counter {gone.counter}")
            for line, heap in self._lines.items():
                self._lines[line] = sorted(place for place in heap if place[3] in self._tickets)

    def _controller_started(self, data: Mapping[str, Any]) -> None:
        self._began = self._ms

    def _clock_stepped(self, data: Mapping[str, Any]) -> None:
        """Whatever happened since the controller started, by the clock as it was, happened so much later."""
        by, until = data["by"], self._ms - data["by"]

        def moved(seconds: int) -> int:
            return (seconds * 1000 + by) // 1000 if seconds and self._began <= seconds * 1000 <= until else seconds

        for ticket in self._tickets.values():
            if self._began <= ticket.came <= until:
                ticket.came += by
            if ticket.seniority != ticket.slot:
                ticket.seniority = moved(ticket.seniority)
            undone = ticket.undone
            if undone is not None and undone.seniority != undone.slot:
                ticket.undone = undone._replace(seniority=moved(undone.seniority))
        for counter, left in self._left.items():
            gone = self._tickets.get(left.ticket)
            if gone is not None and left.seniority != gone.slot:
                self._left[counter] = left._replace(seniority=moved(left.seniority))
        for counter, call in self._calls.items():
            here = self._tickets.get(self._in_hand.get(counter, ""))
            if here is not None and call.seniority != here.slot:
                call.seniority = moved(call.seniority)
            if call.undone is not None and call.undone.seniority != call.undone.slot:
                call.undone = call.undone._replace(seniority=moved(call.undone.seniority))
        self._last_seniority = moved(self._last_seniority)
        if self._began and self._began <= until:
            self._began += by
        self._lines.clear()
        for ticket in self._tickets.values():
            if ticket.where == "waiting":
                self._enter(ticket)

    def _day_closed(self, data: Mapping[str, Any]) -> None:
        if data.get("continued"):
            return
        for counter, ticket in self._in_hand.items():
            self._report(8, f"the day ended while {ticket} was at counter {counter}")
        self._forget()

    def _forget(self) -> None:
        self._tickets.clear()
        self._lines.clear()
        self._in_hand.clear()
        self._calls.clear()
        self._left.clear()
        self.numbers = replace(self.numbers, serves=self.configured)
        self._open.clear()
        self._paused.clear()
        self._last_seniority = self._began = self._issued_today = 0

    def _counter(self, data: Mapping[str, Any], *, opens: bool, pauses: bool = False) -> None:
        (self._open.add if opens else self._open.discard)(data["counter"])
        (self._paused.add if pauses else self._paused.discard)(data["counter"])

    def _issued(self, data: Mapping[str, Any]) -> None:
        id, seniority = data["ticket"], data["seniority"]
        if id in self._tickets:
            self._report(8, f"{id} was issued twice")
            return
        slot, not_before = data.get("slot"), data.get("not_before", 0)
        if data.get("roll"):
            self._must_be_in_order(id, data["number"], seniority)
        elif seniority < self._last_seniority and seniority != slot:
            self._report(0, f"{id} was issued with a seniority below the last one's")
        if not_before and (seniority != slot or not_before > slot):
            self._report(0, f"{id} may be called from {not_before} on, and its slot is at {slot}")
        if not not_before:
            self._last_seniority = max(self._last_seniority, seniority)
        self._issued_today += 1
        order = self._issued_today
        ticket = self._tickets[id] = Ticket(id, order, data["service"], data["class"], seniority, self._ms)
        ticket.not_before, ticket.slot = not_before, slot or 0
        ticket.roll = data["number"] if data.get("roll") else None
        self._enter(ticket)

    def _must_be_in_order(self, id: str, number: int, seniority: int) -> None:
        """A number of the paper roll may count from before the last ticket, but numbers of one roll were taken in their
        order, and none in the future. Of two whose order is wrong already, since the clock was set, nothing is said."""
        letter = id.rstrip("0123456789")
        there = [t for t in self._tickets.values() if t.id.startswith(letter) and not t.back]
        lower = [t.seniority for t in there if t.roll is not None and t.roll < number]
        below = max(lower, default=seniority)
        above = min((t.seniority for t in there if t.roll is not None and t.roll > number), default=seniority)
        if seniority > max(self._now, self._last_seniority) and seniority > max(lower, default=0):
            self._report(0, f"{id} counts from a time that is yet to come")
        if below <= above and not below <= seniority <= above:
            self._report(0, f"{id} is not between the numbers before and after it on the roll")

    def _served_without(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if ticket.where != "waiting":
            self._report(0, f"{ticket.id} was served while it did not wait")
        self._release(ticket, "ended")

    # -- calls ---------------------------------------------------------------------------------------------------

    def _called(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        counter = data["counter"]
        if ticket.where == "in hand":
            self._report(10, f"counter {counter} called {ticket.id}, which is at counter {ticket.counter}")
            self._in_hand.pop(ticket.counter, None)
        if counter in self._in_hand:
            self._report(10, f"counter {counter} called {ticket.id} and has {self._in_hand[counter]} in hand")
            self._tickets[self._in_hand[counter]].where = "gone"
        self._calls[counter] = Call(
            ticket.where, ticket.counter, ticket.seniority, ticket.not_before, ticket.called, ticket.undone
        )
        if data["forced"]:
            self.forced.append(self.rows)
        else:
            self.calls += 1
            self._judge_call(ticket, counter, data)
        ticket.where, ticket.counter, ticket.undone, ticket.called = "in hand", counter, None, True
        ticket.unstarted, ticket.called_as = True, (ticket.service, ticket.only)
        self._in_hand[counter] = ticket.id
        # An appointment called before its slot has come now, should it wait again.
        self._takes_seniority(ticket, data, min(ticket.seniority, self._now) if ticket.not_before else ticket.seniority)
        ticket.not_before = 0

    def _judge_call(self, called: Ticket, counter: str, data: Mapping[str, Any]) -> None:
        if called.where != "waiting":
            self._report(10, f"counter {counter} called {called.id}, which does not wait")
            return
        handicap = self.numbers.handicap(counter, called.line)
        if handicap is None:
            self._report(0, f"counter {counter} called {called.id}, which it may not serve")
            return
        chosen = Rival(called, self.numbers.credits.get(called.klass, 0), handicap)
        rivals = self._ready(self._rivals(counter))
        limit = self.numbers.pass_limit
        guard = any(rival.handicap == 0 and rival.ticket.passed >= limit for rival in rivals)
        self._judge_account(counter, rivals, guard, data.get("why", {}))
        best = min(rivals, key=lambda rival: rival.key(guard))
        if best.ticket is not called:
            self._report(6, f"counter {counter} called {called.id}, and the rows before lead to {best.ticket.id}")
        for rival in rivals:
            if rival.ticket is not called:
                self._judge_pair(counter, chosen, rival, guard)

    def _judge_pair(self, counter: str, chosen: Rival, rival: Rival, guard: bool) -> None:
        j, i = chosen.ticket, rival.ticket
        pair = f"counter {counter} called {j.id} before {i.id}"
        lead = j.seniority - i.seniority
        bound = max(0, chosen.credit - rival.credit) + rival.handicap - chosen.handicap
        if lead > bound:
            self._report(1, f"{pair}, which came {lead} s earlier; {bound} s are allowed")
        same = (j.service, j.klass) == (i.service, i.klass) and chosen.handicap == rival.handicap
        if same and rival.place < chosen.place:
            self._report(4, f"{pair}, which came earlier for the same")
        if not guard and rival.credit > chosen.credit and rival.counted < chosen.counted:
            self._report(7, f"{pair}, which counts as no later and has more credit")
        if rival.handicap == 0 and lead > 0:
            i.passed += 1
            self._calls[counter].passed.append(i)
            if i.passed > self.numbers.pass_limit:
                self._report(2, f"{pair}, which had been passed {i.passed - 1} times already")

    def _judge_account(self, counter: str, rivals: list[Rival], guard: bool, why: Mapping[str, Any]) -> None:
        """The journal's own account of the call, where it gives one."""
        if "guard" in why and why["guard"] != guard:
            self._report(2, f"the guard was {why['guard']} at counter {counter}, by the rows it is {guard}")
        if "heads" not in why:
            return
        told = {head["ticket"]: head["key"] for head in why["heads"]}
        if told.keys() != {rival.ticket.id for rival in rivals}:
            self._report(6, f"counter {counter} chose among {', '.join(told)}, and others wait")
        for rival in rivals:
            key = rival.key(guard)[0]
            if told.get(rival.ticket.id, key) != key:
                moved = rival.ticket.moved
                text = f"{rival.ticket.id} competed with {told[rival.ticket.id]}, and its key is {key}"
                self._report(9 if moved else 6, text)

    # -- at a counter --------------------------------------------------------------------------------------------

    def _must_have(self, ticket: Ticket, counter: str) -> None:
        if self._in_hand.get(counter) != ticket.id:
            self._report(10, f"counter {counter} acts on {ticket.id}, which it does not have in hand")

    def _release(self, ticket: Ticket, where: str) -> None:
        if ticket.where == "in hand":
            self._in_hand.pop(ticket.counter, None)
            self._left[ticket.counter] = Left(ticket.id, ticket.seniority)
        ticket.where = where

    def _started(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        self._must_have(ticket, data["counter"])
        ticket.unstarted = False

    def _recalled(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        self._must_have(ticket, data["counter"])
        ticket.unstarted = True

    def _finished(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        counter = data["counter"]
        self._must_have(ticket, counter)
        self._release(ticket, "ended")
        if data.get("none_waiting"):
            waiting = self.waiting_for(counter)
            if waiting:
                self._report(5, f"counter {counter} was told that none waits, and {' '.join(waiting)} did")

    def _missed(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        self._must_have(ticket, data["counter"])
        self._release(ticket, "missed")

    def _held(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        self._must_have(ticket, data["counter"])
        self._release(ticket, "held")

    def _transferred(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if "from_counter" in data:
            self._must_have(ticket, data["from_counter"])
        self._move(ticket, data, data.get("counter", ""))

    # -- by the manager ------------------------------------------------------------------------------------------

    def _given_back(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        """The going of its counter was taken back: it is what it was before that."""
        only = EVERYWHERE if data.get("any") else data.get("counter", "")
        back = ("held" if data.get("held") else "waiting", only)
        if ticket.where != "waiting" or ticket.given is None or ticket.given[:2] != back:
            self._report(0, f"{ticket.id} was given back to be {back}, and was {ticket.given} before it was given away")
            return
        if data["by"].removeprefix("counter/") not in self._open:
            self._report(0, f"{ticket.id} was given back to {data['by']}, which is not open")
        where, ticket.only, ticket.moved, ticket.undone = ticket.given
        self._release(ticket, "moving")
        self._enter(ticket)
        ticket.where = where

    def _reassigned(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if data.get("undone"):
            self._given_back(ticket, data)
            return
        given = (ticket.where, ticket.only, ticket.moved, ticket.undone)
        if data.get("by") == "overflow":
            self._overflows(ticket)
        was, promoted = ticket.before, ticket.undone is not None and ticket.undone.klass != ticket.klass
        self._move(ticket, data, EVERYWHERE if data.get("any") else data.get("counter", ""))
        if self._by_hand(data):
            ticket.undone = was
        elif ticket.undone is not None:  # nobody is there any more: only its class can be as it was
            back = ticket.undone._replace(service=ticket.service, only=ticket.only) if promoted else ticket.undone
            ticket.undone = None if back == ticket.before else back
        if not self._by_hand(data):
            ticket.given = given

    @staticmethod
    def _by_hand(data: Mapping[str, Any]) -> bool:
        return data.get("by") != "overflow" and not str(data.get("by")).startswith("counter/")

    def _overflows(self, ticket: Ticket) -> None:
        """A service's own counters must have gone before others take over; the last of them goes in the next row."""
        line = (ticket.service, "normal", "", False)
        here = [counter for counter in self._open if self.numbers.handicap(counter, line) == 0]
        if len(here) > 1:
            self._report(0, f"{ticket.id} was given to others, and counters {' '.join(sorted(here))} are open for it")
        self._going = self._going or "".join(here[:1])

    def _move(self, ticket: Ticket, data: Mapping[str, Any], only: str) -> None:
        self._keeps_seniority(ticket, data)
        self._release(ticket, "moving")
        ticket.service = data.get("service", ticket.service)
        ticket.only, ticket.moved = only, True
        self._enter(ticket)

    def _keeps_seniority(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if data.get("seniority", ticket.seniority) != ticket.seniority:
            self._report(9, f"{ticket.id} was given the seniority {data['seniority']}, and had {ticket.seniority}")

    def _takes_seniority(self, ticket: Ticket, data: Mapping[str, Any], right: int) -> None:
        given = data.get("seniority", ticket.seniority)
        if given != right:
            self._report(0, f"{ticket.id} was given the seniority {given}, and it has to be {right}")
        ticket.seniority = given

    def _promoted(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        ticket.undone = ticket.before
        # Privilege makes nothing worse: an appointment does not wait for its slot any more.
        waits_for_slot = ticket.slot and not ticket.called
        self._takes_seniority(
            ticket, data, min(ticket.seniority, ticket.came // 1000) if waits_for_slot else ticket.seniority
        )
        ticket.klass, ticket.not_before, ticket.slot = data["class"], 0, 0
        if ticket.where == "waiting":
            self._enter(ticket)

    def _restored(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if ticket.where != "waiting":
            self._report(0, f"{ticket.id} was restored while it did not wait")
        found = Before(
            data["service"],
            data["class"],
            data["only"],
            data.get("slot", 0),
            data.get("not_before", 0),
            data.get("seniority", ticket.seniority),
        )
        if ticket.undone is not None and found.seniority != ticket.undone.seniority:
            self._report(9, f"{ticket.id} was given the seniority {found.seniority}, and had {ticket.undone.seniority}")
        elif found != ticket.undone:
            self._report(
                0, f"{ticket.id} was restored to {tuple(found)}, and was {ticket.undone and (*ticket.undone,)}"
            )
        if found.only in self.numbers.serves and found.only not in self._open | self._paused:
            self._report(0, f"{ticket.id} was given back to counter {found.only}, which is closed")
        self._release(ticket, "moving")
        ticket.service, ticket.klass, ticket.only, ticket.slot, ticket.not_before, ticket.seniority = found
        ticket.undone = None
        self._enter(ticket)

    def _returned(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if data.get("finished"):
            if ticket.where != "ended":
                self._report(0, f"{ticket.id} returned, and was not finished")
            self._keeps_seniority(ticket, data)
        elif ticket.where != "missed":
            self._report(0, f"{ticket.id} returned without having missed its call")
        if data["seniority"] < ticket.seniority:
            self._report(0, f"{ticket.id} returned with more seniority than it had")
        ticket.seniority, ticket.back = data["seniority"], ticket.back or not data.get("finished")
        self._enter(ticket)

    def _resumed(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        """The end of a visit was taken back: the ticket is at the counter that it left last, as it was there."""
        counter = data["counter"]
        left = self._left.get(counter)
        if ticket.where == "in hand" or ticket.counter != counter or left is None or left.ticket != ticket.id:
            self._report(0, f"{ticket.id} is at counter {counter} again, and was not who left it last")
        if counter in self._in_hand:
            self._report(10, f"counter {counter} has {ticket.id} again, and {self._in_hand[counter]} in hand")
        ticket.service, ticket.only = data.get("service", ticket.service), data.get("only", ticket.only)
        if (ticket.service, ticket.only) != ticket.called_as:
            self._report(0, f"{ticket.id} is at counter {counter} again, and not as it was there")
        if left is not None:
            self._takes_seniority(ticket, data, min(left.seniority, ticket.seniority))
        ticket.where, ticket.unstarted, ticket.undone = "in hand", not data["started"], None
        self._in_hand[counter] = ticket.id
        self._left.pop(counter, None)

    def _uncalled(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        """A call was taken back: the ticket waits where it did, or is held, and nobody was passed."""
        if ticket.where != "in hand" or not ticket.unstarted:
            self._report(0, f"the call of {ticket.id} was undone, and it was not waited for")
        self._in_hand.pop(data["counter"], None)
        call = self._calls.pop(data["counter"], None)
        if call is None:
            self._enter(ticket)
            return
        ticket.counter, ticket.seniority, ticket.not_before = call.counter, call.seniority, call.not_before
        ticket.called, ticket.undone = call.called, call.undone
        for passed in call.passed:
            passed.passed -= 1
        given = ticket.given
        if call.where == "held":
            ticket.where = "held"
        else:
            self._enter(ticket)
        ticket.given = given

    def _profile_set(self, data: Mapping[str, Any]) -> None:
        """A counter serves something else; every service is still the own work of one, once all have changed that the
        calendar changes at one time."""
        serves = dict(self.numbers.serves)
        own = data.get("serves")
        serves[data["counter"]] = self.configured[data["counter"]] if own is None else own
        self.numbers = replace(self.numbers, serves=serves)
        if data["by"] == "calendar":
            self._planned = self._ms
        else:
            self._must_all_be_served()

    def _cancelled(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        if ticket.where == "in hand":
            self._report(10, f"{ticket.id} was cancelled at counter {ticket.counter}")
        self._release(ticket, "ended")


_JUDGES: dict[str, Any] = {
    "counter_opened": partial(Checker._counter, opens=True),
    "counter_paused": partial(Checker._counter, opens=False, pauses=True),
    "counter_closed": partial(Checker._counter, opens=False),
    "controller_started": Checker._controller_started,
    "clock_stepped": Checker._clock_stepped,
    "day_opened": Checker._day_opened,
    "day_closed": Checker._day_closed,
    "ticket_issued": Checker._issued,
    "ticket_called": Checker._called,
    "ticket_recalled": Checker._recalled,
    "service_started": Checker._started,
    "ticket_finished": Checker._finished,
    "ticket_missed": Checker._missed,
    "ticket_returned": Checker._returned,
    "ticket_held": Checker._held,
    "ticket_transferred": Checker._transferred,
    "ticket_reassigned": Checker._reassigned,
    "ticket_promoted": Checker._promoted,
    "ticket_restored": Checker._restored,
    "ticket_cancelled": Checker._cancelled,
    "ticket_served": Checker._served_without,
    "service_resumed": Checker._resumed,
    "call_undone": Checker._uncalled,
    "counter_profile_set": Checker._profile_set,
}
_OF_TICKETS = {kind for kind in _JUDGES if kind.startswith(("ticket_", "service_", "call_"))} - {"ticket_issued"}


def check(rows: Iterable[Mapping[str, Any]], numbers: Numbers) -> Iterator[Violation]:
    """The violations in a journal, as they are found."""
    checker = Checker(numbers)
    told = 0
    for row in rows:
        checker.row(row)
        yield from checker.violations[told:]
        told = len(checker.violations)
    yield from checker.violations[told:]
