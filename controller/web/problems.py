"""Refusals as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse


class Problem(Exception):
    """A refusal: an HTTP status, a code for programs, a sentence for people; `wait`: seconds before another attempt;
    `choices`: the tickets that may have been meant, and the digits of each."""

    def __init__(
        self, status: int, code: str, detail: str, wait: int = 0, choices: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.wait, self.choices = status, code, detail, wait, choices

    def answer(self) -> JSONResponse:
        """The response."""
        headers = {"Retry-After": str(self.wait)} if self.wait else None
        more: dict[str, object] = {"wait": self.wait} if self.wait else {}
        if self.choices:
            more["choices"] = [{"ticket": ticket, "digits": digits} for ticket, digits in self.choices]
        return problem(self.status, self.code, self.detail, headers, **more)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: object) -> JSONResponse:
    """The response of a refusal: `code` for programs, `detail` for people."""
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    content = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(content, status, headers, media_type="application/problem+json")
