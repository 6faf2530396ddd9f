"""What requests hold and what answers hold, over HTTP: the models that the OpenAPI document describes."""

# No postponed annotations here: FastAPI reads them.
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from controller.lobby.actions.press import Where
from controller.lobby.model.wording import LANGUAGES
from controller.presses import keys, with_fields
from controller.record.actions.opinions import LONGEST
from controller.web.page_health import PageState


class Body(BaseModel):
    """What a request has: no other keys, no text of any length."""

    model_config = ConfigDict(extra="forbid", str_max_length=200)


class SignIn(Body):
    """Either a name and its PIN, or a device's token."""

    name: str = Field("", max_length=64)
    pin: str = Field("", max_length=64)
    token: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.token) == bool(self.name and self.pin):
            raise ValueError("give name and pin, or token")
        return self


class Session(BaseModel):
    """Who is signed in; `csrf` goes into the header X-CSRF-Token of every request that changes something."""

    name: str
    role: str
    counter: str
    csrf: str
    home: str


@with_fields(Where.COUNTER)
class KeyPress(Body):
    """A key at a counter, as keypads have them."""

    key: Annotated[str, Field(max_length=16, json_schema_extra={"enum": [*keys(Where.COUNTER)]})]


@with_fields(Where.PANEL)
class PanelPress(Body):
    """One of the lobby manager's buttons."""

    key: Annotated[str, Field(max_length=16, json_schema_extra={"enum": [*keys(Where.PANEL)]})]


@with_fields(Where.RECORD)
class RecordPress(Body):
    """A key of the day's record."""

    key: Annotated[str, Field(max_length=16, json_schema_extra={"enum": [*keys(Where.RECORD)]})]


class Opinion(Body):
    """A customer's opinion. `score`: 1 (very bad) to 5 (very good); `page`: the ticket's own page; `contact`: they have
    left on paper how to reach them."""

    score: int = Field(ge=1, le=5, strict=True)
    about: str = Field("", max_length=32)
    words: str = Field("", max_length=LONGEST)
    contact: bool = Field(False, strict=True)
    page: str = Field("", max_length=64)
    counter: str = Field("", max_length=8)
    language: str = Field("", pattern=rf"^({'|'.join(LANGUAGES)})?$")


class Score(Body):
    """How satisfied a customer is: 1 (very bad) to 5 (very good)."""

    score: int = Field(ge=1, le=5, strict=True)


class Report(Body):
    """How an open page does; `page` is what its stream has named it in `hello`."""

    page: str = Field(max_length=32)
    state: PageState


@with_fields(Where.KIOSK)
class Take(Body):
    """A ticket that somebody wants; `choice` is an answer of the triage, in place of a service."""


class Done(BaseModel):
    """What was done: in words, and about which ticket. `printed` false: it is one without a paper."""

    result: str
    text: str
    ticket: str
    printed: bool


class Taken(Done):
    """`advice`: a machine was advised, and there is no ticket; `page`: the path of the ticket's own page; `ahead` and
    `wait`: how many come before it, and how long that takes, in words."""

    advice: bool
    page: str
    ahead: int
    wait: str


class Why(BaseModel):
    """Why a ticket is not next, and the table behind it, best first; `came` and `counts` in seconds since 1970."""

    ticket: str
    text: str
    table: list[dict[str, Any]]


class Health(BaseModel):
    """Presses are recorded. `status`: "ok", or "degraded" if some of the `devices` are `faulty`."""

    status: str
    devices: int
    faulty: int


class Found(BaseModel):
    """What was found out about a device: `state` is "ok", "look" (only a person can tell) or "fault"."""

    device: str
    name: str
    state: str
    found: list[str]
    remedies: list[str]


class Offered(BaseModel):
    """One of the panel's keys that would be accepted now, with this service or counter chosen."""

    key: str
    service: str
    counter: str


class Offers(BaseModel):
    """What would be accepted now; what is not listed would be refused."""

    offers: list[Offered]


class ProblemDetails(BaseModel):
    """RFC 9457; `code` for programs, `detail` for people, `wait` in seconds."""

    type: str
    status: int
    code: str
    detail: str
    wait: int | None = None
    choices: Annotated[
        list[dict[str, str]] | None, Field(description="the tickets that digits may have meant: {ticket, digits}")
    ] = None
