"""For the lobby manager: the panel's buttons, the console, why a ticket is not next."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter

from controller.control import BusyError
from controller.lobby import offers
from controller.lobby.actions.press import Where
from controller.lobby.model.paper import chosen
from controller.lobby.offers import Offer
from controller.lobby.show import explain
from controller.web.bodies import Done, Found, Offered, Offers, PanelPress, Why
from controller.web.operations import IdempotencyKey, allowed, done, known, refusals, show
from controller.web.pages import Page
from controller.web.problems import Problem
from controller.web.site import Caller, Site

PAGES = (
    Page(
        "console",
        "/console",
        may=lambda account, data: account.is_one_of(),
        words=("needs.", "reason.", "wait."),
    ),
)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    manager = allowed(site, lambda account: account.is_one_of())

    @api.post("/api/panel", responses=refusals(401, 403, 409), summary="Press one of the lobby manager's buttons")
    async def press_panel(
        content: PanelPress, caller: Annotated[Caller, manager], idempotency_key: IdempotencyKey = ""
    ) -> Done:
        answer = await site.press(
            caller,
            idempotency_key,
            Where.PANEL,
            content.key,
            content,
            by=f"user/{caller.account.name}",
            screen=True,
            **site.printing(caller),
        )
        return done(answer)

    show(
        api,
        site,
        "console",
        site.adapter.console,
        who=manager,
        pace=0.5,
        refused=(401, 403),
        summary="All that the lobby manager acts on",
    )

    @api.get("/api/tickets/{ticket}/why", responses=refusals(401, 403, 404), summary="Why a ticket is not next")
    async def why(ticket: str, caller: Annotated[Caller, manager]) -> Why:
        await site.settled()
        found = explain.ticket(site.adapter.state, site.rules, ticket, site.adapter.context.now())
        if not found.ticket:
            raise Problem(404, "unknown_ticket", found.text)
        table = [
            {
                "ticket": line.ticket,
                "service": line.service,
                "class": line.klass,
                "came": line.came,
                "counts": line.counts,
            }
            for line in found.table
        ]
        return Why(ticket=found.ticket, text=found.text, table=table)

    @api.get(
        "/api/tickets/{ticket}/offers", responses=refusals(401, 403), summary="What can be done about a ticket now"
    )
    async def for_ticket(ticket: str, caller: Annotated[Caller, manager]) -> Offers:
        await site.settled()
        context = site.adapter.context
        state, by = site.adapter.state, f"user/{caller.account.name}"
        paper, printers = chosen(context.printers()).paper, context.printers()
        return _offers(offers.for_ticket(state, site.rules, ticket, context.now(), by, paper, printers))

    @api.get(
        "/api/counters/{counter}/offers", responses=refusals(401, 403, 404), summary="What can be done to a counter now"
    )
    async def for_counter(counter: str, caller: Annotated[Caller, manager]) -> Offers:
        await site.settled()
        state, now, by = site.adapter.state, site.adapter.context.now(), f"user/{caller.account.name}"
        return _offers(offers.for_counter(state, site.rules, known(site, counter).id, now, by))

    @api.post("/api/devices/{device}/test", responses=refusals(401, 403, 404, 409), summary="Examine a device")
    async def test(device: str, caller: Annotated[Caller, manager]) -> Found:
        try:
            found = await site.examine(device)
        except BusyError as error:
            raise Problem(409, "busy", str(error)) from None
        if found is None:
            raise site.problem(404, "no_test", device=device)
        return Found.model_validate(found)

    return api


def _offers(found: Iterable[Offer]) -> Offers:
    return Offers(offers=[Offered(key=each.key, service=each.service, counter=each.counter) for each in found])
