"""For a kiosk, and others who give out tickets: which tickets can be taken, and taking one."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
import asyncio
import io
from collections.abc import Callable
from typing import Annotated

import qrcode
import qrcode.image.svg
from fastapi import APIRouter, Response

from controller.lobby.actions.press import Where
from controller.lobby.actions.take_ticket import SELF_SERVICE
from controller.lobby.show import views
from controller.lobby.show.ahead import ahead_of
from controller.web.bodies import Take, Taken
from controller.web.operations import IdempotencyKey, View, allowed, done, refusals, show
from controller.web.pages import Page
from controller.web.site import Caller, Site

PAGES = (
    Page(
        "kiosk",
        "/kiosk",
        may=lambda account, data: account.is_one_of("kiosk"),
        words=("needs.",),
        everywhere=True,
    ),
)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    taker = allowed(site, lambda account: account.is_one_of("kiosk"))

    @api.post("/api/tickets", responses=refusals(401, 403, 409), summary="Take a ticket")
    async def take(content: Take, caller: Annotated[Caller, taker], idempotency_key: IdempotencyKey = "") -> Taken:
        answer = await site.press(
            caller,
            idempotency_key,
            Where.KIOSK,
            "TAKE",
            content,
            by=f"user/{caller.account.name}",
            screen=True,
            asks=True,
            chosen_by="customer" if caller.account.role == "kiosk" else "staff",
            ask=site.adapter.ask_with_card if caller.account.role == "kiosk" else None,
            **site.printing(caller),
        )
        state, rules = site.adapter.state, site.adapter.context.rules
        ticket = state.tickets.get(answer.ticket)
        spoken = rules.spoken(content.language)  # type: ignore[attr-defined]
        told = views.in_minutes(ticket.expected) if ticket and ticket.expected else None
        return Taken(
            **done(answer).model_dump(),
            advice=answer.code == SELF_SERVICE,
            page=f"/t/{site.accounts.page(state.day, answer.ticket)}" if answer.ticket else "",
            ahead=ahead_of(state, rules, ticket, ticket.issued_at) if ticket else 0,
            wait=views.wait_in_words(state, spoken, ticket.issued_at, ticket, told) if ticket else "",
        )

    # Only for accounts that give out tickets: a customer who has the page's address needs no code of it.
    @api.get("/t/{page}/qr.svg", include_in_schema=False)
    @api.head("/t/{page}/qr.svg", include_in_schema=False)
    async def qr(page: str, caller: Annotated[Caller, taker]) -> Response:
        await site.settled()
        site.page_of(page)
        if not site.url:
            raise site.problem(404, "not_found")  # a phone could not come here
        picture = await asyncio.to_thread(_qr, f"{site.url}/t/{page}")
        return Response(picture, media_type="image/svg+xml")

    def own(caller: Caller) -> tuple[str, Callable[[], View]]:
        """A touch screen's own card and printer."""
        account, printer = caller.account.name if caller.account.role == "kiosk" else "", site.printer_of(caller)
        return account or printer, site.adapter.kiosk(account, printer)

    show(
        api,
        site,
        "kiosk",
        site.adapter.kiosk(),
        who=taker,
        pace=0.5,
        refused=(401, 403),
        summary="What there is to take",
        variant=own,
    )
    return api


def _qr(text: str) -> bytes:
    """A QR code as SVG; takes a few milliseconds."""
    picture = io.BytesIO()
    qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, box_size=10, border=4).save(picture)
    return picture.getvalue()
