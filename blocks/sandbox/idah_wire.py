"""How IDAH answers: pretty-printed JSON, two shapes of errors, and a Content-Type that depends on the request."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Self

import orjson
from aiohttp import hdrs, web

# The platform sends the calls that led to an error along with it; clients must not log them whole.
BACKTRACE = [f"/app/vendor/verse/lib/verse/http/step_{step}.rb:{40 - step}:in `call'" for step in range(8)]


class WireError(Exception):
    """An error answer: ``pointer`` names the parameter that is at fault (422 only)."""

    def __init__(self, status: int, title: str, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.pointer = status, title, detail, pointer

    @property
    def is_about_request(self) -> bool:
        """Unknown routes and unparsable requests never get as far as the JSON:API layer."""
        return self.status == 400 or self.title == "Verse::Error::NotFound"

    @classmethod
    def bad_request(cls, detail: str = "Verse::Error::BadRequest") -> Self:
        return cls(400, "Verse::Error::BadRequest", detail)

    @classmethod
    def unauthorized(cls, detail: str = "unauthorized_access") -> Self:
        return cls(401, "Verse::Error::Authorization", detail)

    @classmethod
    def forbidden(cls, row_type: str) -> Self:
        return cls(403, "Verse::Error::Unauthorized", f"unauthorized action `read` on `{row_type}`")

    @classmethod
    def no_record(cls, **key: str) -> Self:
        named = ", ".join(f'{name}: "{value}"' for name, value in key.items())
        return cls(404, "Verse::Error::RecordNotFound", f"{{{named}}}")

    @classmethod
    def no_route(cls) -> Self:
        return cls(404, "Verse::Error::NotFound", "verse.errors.not_found")

    @classmethod
    def invalid(cls, pointer: str, detail: str) -> Self:
        return cls(422, "Verse::Error::ValidationFailed", detail, pointer)

    @classmethod
    def database(cls, detail: str) -> Self:
        return cls(500, "Sequel::DatabaseError", f"PG::{detail}")

    def response(self, *, is_plain: bool) -> web.Response:
        """``is_plain``: without the JSON:API envelope, as for media files, unknown routes and unparsable requests."""
        document: dict[str, Any]
        if is_plain:
            document = {"status": str(self.status), "type": self.title, "detail": self.detail, "backtrace": BACKTRACE}
        else:
            # Only here, and only for 422, the platform writes the status as a number.
            status = self.status if self.pointer else str(self.status)
            error: dict[str, Any] = {"status": status, "title": self.title, "detail": self.detail}
            if self.pointer:
                error["source"] = {"pointer": self.pointer}
            document = {"errors": [error], "meta": {"backtrace": BACKTRACE}}
        return web.Response(body=to_json(document), status=self.status, content_type="application/json")


def json_response(request: web.Request, document: Any) -> web.Response:
    """Plain ``application/json`` for a request without a Content-Type: that is, for every normal GET."""
    content_type = "application/vnd.api+json" if hdrs.CONTENT_TYPE in request.headers else "application/json"
    return web.Response(body=to_json(document), content_type=content_type)


def to_json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_DATETIME, default=_wire_value)


def _wire_value(value: object) -> str:
    if isinstance(value, datetime):
        return _wire_time(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@lru_cache(maxsize=4096)
def _wire_time(value: datetime) -> str:
    """Times lose their fraction on the way out, although the database compares with it."""
    return f"{value:%Y-%m-%d %H:%M:%S} +0000"
