"""The rows of an export as its bytes come in: a line each (NDJSON), or the items of one JSON list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ijson
import msgspec
import orjson

from exporters.errors import RetriableError
from exporters.foreign_json import UNREADABLE, Levels, TooDeepError, check_levels

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"


class RowStream:
    """`feed` takes bytes and gives whole rows as JSON, `finish` the last one. Holds one row and a piece of bytes."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._rest = bytearray()
        self._parser: Any = None
        self._levels = Levels()
        self._items: list[Any] = []
        self._is_begun = False
        self.count = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._is_begun:
            self._rest += data
            data = self._begin()
        if self._parser is not None:
            yield from self._listed(data)
            return
        end = data.rfind(b"\n")
        if end < 0:
            self._rest += data
            return
        lines = bytes(self._rest) + data[: end + 1]
        self._rest = bytearray(data[end + 1 :])
        for line in lines.split(b"\n"):
            if line.strip():
                yield self._row(line)

    def finish(self) -> Iterator[bytes]:
        """Raises RetriableError where the last row, or the list, has no end."""
        if self._parser is not None:
            try:
                self._parser.close()
            except (ijson.JSONError, ValueError):
                raise self._broken() from None
            yield from self._taken()
        elif self._rest.strip():
            yield self._row(bytes(self._rest))

    def _begin(self) -> bytes:
        """The first bytes, once they tell the form."""
        data = bytes(self._rest)
        if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
            return b""
        data = data.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACE)
        self._rest.clear()
        if data:
            self._is_begun = True
            if data.startswith(b"["):
                self._items = ijson.sendable_list()
                self._parser = ijson.items_coro(self._items, "item", use_float=True)
        return data

    def _listed(self, data: bytes) -> Iterator[bytes]:
        try:
            self._levels.feed(data)
            self._parser.send(data)
        except (ijson.JSONError, ValueError, StopIteration):
            raise self._broken() from None
        yield from self._taken()

    def _taken(self) -> Iterator[bytes]:
        for item in self._items:
            yield self._row(orjson.dumps(item))
        del self._items[:]

    def _row(self, line: bytes) -> bytes:
        self.count += 1
        try:
            check_levels(line)
            row = _checked(line)
        except TooDeepError:
            raise self._broken() from None
        except UNREADABLE:
            row = self._mended(line)
        if not row.startswith(b"{"):
            raise self._broken()
        return row

    def _mended(self, line: bytes) -> bytes:
        """A row with half a character: a browser that cuts a text between the two units of one writes such JSON."""
        try:
            text = json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":"))
            whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return _checked(whole.encode())
        except UNREADABLE:
            raise self._broken() from None

    def _broken(self) -> RetriableError:
        return RetriableError(
            f"Row {self.count or 1} of the export of {self._shown} is no JSON object; "
            f"try again, and report it if it stays so."
        )


def _checked(line: bytes) -> bytes:
    """A row without white space. Its values are opened later, one by one: here it is seen that all of them can be."""
    msgspec.json.decode(line)
    return bytes(msgspec.json.format(line, indent=-1))
