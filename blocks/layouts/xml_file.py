"""XML files of strangers, whole or child by child, without what makes XML dangerous."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

import orjson
from msgspec import Raw

from blocks.layouts.opened import Folder
from blocks.storage_errors import translated
from exporters.errors import RequestError

_DEEPEST = 64
"""Elements in elements; no dataset needs a tenth of it."""


def read_xml(folder: Folder, path: str) -> ET.Element:
    """The root of a small file.

    Raises:
        RequestError: it is no XML, or declares a document type: no dataset needs entities, and they can be bombs.
    """
    return next(_elements(folder, path, depth=1))


def stream_xml(folder: Folder, path: str) -> Iterator[ET.Element]:
    """The children of the root, one at a time; raises as `read_xml`."""
    return _elements(folder, path, depth=2)


def root_tag(folder: Folder, path: str) -> str:
    """The name of the root, from the head of a file; empty for what is no XML."""
    target = _Target(depth=1)
    parser = ET.XMLParser(target=target)  # noqa: S314 - `_Target` refuses what could expand
    with translated(folder.shown_file(path)), folder.storage.open(path) as handle:
        head = handle.read(_HEAD_BYTES)
    with contextlib.suppress(ET.ParseError, _RefusedError, LookupError, ValueError):
        parser.feed(head)
    return target.root


_HEAD_BYTES = 1 << 12
_CHUNK_BYTES = 1 << 16
"""Of a file at a time: as elements, text takes ten times its size."""


def as_record(element: ET.Element) -> Raw:
    """An element as it is kept beside what was understood of it."""
    return Raw(orjson.dumps({"xml": ET.tostring(element, encoding="unicode").strip()}))


def text_at(element: ET.Element, path: str) -> str:
    """The text of the first element there, without blanks around it; empty where there is none."""
    return (element.findtext(path) or "").strip()


class _RefusedError(Exception):
    pass


class _Target:
    """Builds the elements that lie `depth` deep, and forgets all others."""

    def __init__(self, depth: int) -> None:
        self.root = ""
        self.done: list[ET.Element] = []
        self._wanted = depth
        self._depth = 0
        self._builder = ET.TreeBuilder()

    def doctype(self, name: str, public_id: str | None, system: str | None) -> None:  # noqa: ARG002 - expat's form
        raise _RefusedError("it declares a document type, which may hold entities; remove it")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _RefusedError(f"its elements are nested more than {_DEEPEST} deep; make it flatter")
        self.root = self.root or tag
        if self._depth >= self._wanted:
            self._builder.start(tag, attributes)

    def data(self, text: str) -> None:
        if self._depth >= self._wanted:
            self._builder.data(text)

    def end(self, tag: str) -> None:
        if self._depth >= self._wanted:
            self._builder.end(tag)
        if self._depth == self._wanted:
            self.done.append(self._builder.close())
            self._builder = ET.TreeBuilder()
        self._depth -= 1

    def close(self) -> None:
        """There is no whole to give back."""

    def taken(self) -> Sequence[ET.Element]:
        done, self.done = self.done, []
        return done


def _elements(folder: Folder, path: str, depth: int) -> Iterator[ET.Element]:
    shown = folder.shown_file(path)
    target = _Target(depth)
    parser = ET.XMLParser(target=target)  # noqa: S314 - `_Target` refuses what could expand
    with translated(shown), folder.storage.open(path) as handle:
        try:
            while chunk := handle.read(_CHUNK_BYTES):
                parser.feed(chunk)
                yield from target.taken()
            parser.close()
        except _RefusedError as error:
            raise RequestError(f"{shown} cannot be read: {error}.") from None
        except (ET.ParseError, LookupError, ValueError) as error:  # the latter of encodings that do not exist
            raise RequestError(f"{shown} is no sound XML ({error}); correct it there.") from None
    yield from target.taken()
