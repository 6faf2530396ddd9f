"""For customers: the opinion form, and the rating of a visit at the ticket's own page. Without signing in, limited."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from collections.abc import Callable

from fastapi import APIRouter, Request

from controller.lobby.actions.command import Command
from controller.lobby.model.units import Ms
from controller.record.actions.complaints import ComplaintSettings
from controller.record.actions.opinions import GiveOpinion
from controller.record.actions.satisfaction import RateVisit
from controller.record.personal import cleaned
from controller.web.addresses import place_of
from controller.web.bodies import Done, Opinion, Score
from controller.web.operations import PUBLIC, IdempotencyKey, done, refusals
from controller.web.pages import Data, Page
from controller.web.site import Site

Make = Callable[[Ms, str], Command]
"""A command from its time and its cause."""
WRITER = "~opinion"
"""Who writes at the form, in causes of rows: no account can be called so."""


def _data(site: Site, request: Request) -> Data:
    """What the form knows: the ticket's page or the counter that its address names, and what an opinion may be about,
    in every language."""
    settings, rules = _settings(site), site.rules
    if not settings.form:
        raise site.problem(404, "not_found")
    page = request.query_params.get("page", "")[:64]
    ticket = site.adapter.state.tickets.get(site.accounts.is_page(site.adapter.state.day, page) or "")
    counter = request.query_params.get("counter", "")
    causes = {
        language: [{"id": id, "name": settings.name_of(id, spoken)} for id in settings.causes]
        for language, spoken in rules.languages.items()
    }
    return {
        "causes": causes,
        "ticketPage": page if ticket else "",
        "ticket": ticket.id if ticket else "",
        "counter": counter if counter in rules.counters and not ticket else "",
        **({"language": ticket.language} if ticket and ticket.language else {}),
    }


def _settings(site: Site) -> ComplaintSettings:
    return site.adapter.context.facts().of(ComplaintSettings)


PAGES = (Page("opinion", "/opinion", data=_data, everywhere=True),)


def router(site: Site) -> APIRouter:
    api = APIRouter()

    async def asked(
        request: Request, key: str, page: str, content: dict[str, object], make: Make, words: str = ""
    ) -> Done:
        """Submit a stranger's command. One that is sent again under its key is no new one for the limit. Customers of a
        branch may share an address, so that those with a ticket are counted by its page, which nobody can guess."""
        if not (key and site.has_acted(WRITER, key)):
            site.limit_opinions("" if page else place_of(site.address(request)), page)
        return done(await site.submit(WRITER, key, content, make, words))

    @api.post(
        "/api/opinions",
        responses=refusals(404, 409, 429),
        summary="A customer's opinion: of a ticket by its own page, at a counter, or in general",
        openapi_extra=PUBLIC,
    )
    async def give(content: Opinion, request: Request, idempotency_key: IdempotencyKey = "") -> Done:
        await site.settled()
        ticket = site.page_of(content.page) if content.page else ""
        counter = content.counter if content.counter in site.rules.counters else ""
        words = cleaned(content.words)

        def make(at: Ms, cause: str) -> GiveOpinion:
            return GiveOpinion(
                at=at,
                cause=cause,
                by=WRITER,
                score=content.score,
                about=content.about,
                counter=counter,
                ticket=ticket,
                contact=content.contact,
                words=words,
                language=content.language,
            )

        return await asked(request, idempotency_key, content.page, content.model_dump(), make, words)

    @api.post(
        "/api/pages/{page}/rating",
        responses=refusals(404, 409, 429),
        summary="A customer rates their visit at their ticket's own page, once",
        openapi_extra=PUBLIC,
    )
    async def rate(page: str, content: Score, request: Request, idempotency_key: IdempotencyKey = "") -> Done:
        await site.settled()
        ticket = site.page_of(page)

        def make(at: Ms, cause: str) -> RateVisit:
            return RateVisit(at=at, cause=cause, by=WRITER, ticket=ticket, score=content.score)

        return await asked(request, idempotency_key, page, {"page": page, "score": content.score}, make)

    return api
