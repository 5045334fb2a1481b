"""How Ango Hub says things: its envelope, its errors, lists in parameters."""

from __future__ import annotations

import json
from typing import Any

import orjson
from aiohttp import web


def success(**data: Any) -> web.Response:
    return web.Response(body=orjson.dumps({"status": "success", "data": data}), content_type="application/json")


class HubError(Exception):
    """Answered as the hub answers what it refuses."""

    def __init__(self, status: int, message: str, word: str = "fail") -> None:
        super().__init__(message)
        self.status, self.message, self.word = status, message, word

    def response(self) -> web.Response:
        document = {"status": self.word, "message": self.message}
        return web.Response(status=self.status, body=orjson.dumps(document), content_type="application/json")


def denied(code: str) -> web.Response:
    """What a storage says of a link that does not open."""
    name, _, said = code.partition(": ")
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{name}</Code><Message>{said or name}</Message></Error>'
    )
    return web.Response(status=403, text=text, content_type="application/xml")


def number(value: str | None, default: int, most: int) -> int:
    try:
        return max(1, min(int(value or default), most))
    except ValueError:
        raise HubError(400, f"{value!r} is not a number") from None


def json_value(text: str | None, name: str, default: Any = None) -> Any:
    """A parameter that holds JSON as text."""
    if text is None:
        return default
    try:
        return json.loads(text)
    except ValueError:
        raise HubError(400, f"{name} is not valid JSON") from None
