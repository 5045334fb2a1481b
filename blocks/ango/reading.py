"""Entries out of a listing, with what only their files tell: sizes of images, words of texts, traces of the brush.

Most rows say all there is, and cost no request. Files are asked for over the connections of one client; of an image,
only as much as has its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import msgspec

from blocks import http
from blocks.ango.annotations import Found, Project
from blocks.ango.brush import UnreadableBrushError, decode
from blocks.ango.client import AngoClient
from blocks.ango.files import content, opened
from blocks.ango.linked_files import LinkRefusedError
from blocks.ango.medias import BRUSHES, File, file_of, to_media
from blocks.ango.records import to_entry
from blocks.ango.row import Listed, Row
from blocks.pictures import Header
from exporters.errors import RequestError, RetriableError
from exporters.model import Entry, Media

ENTRIES_AT_ONCE = 64
HELD_BYTES = 8 << 20
"""Of rows that are read together."""
MOST_TEXT_BYTES = 16 << 20
MOST_BRUSH_BYTES = 256 << 20

_decode = msgspec.json.Decoder(Listed).decode


def pieces(listing: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The listing in pieces that are held together."""
    start, held = 0, 0
    for end, line in enumerate(listing):
        if end > start and (held + len(line) > HELD_BYTES or end - start >= ENTRIES_AT_ONCE):
            yield listing[start:end]
            start, held = end, 0
        held += len(line)
    if start < len(listing):
        yield listing[start:]


class Reading:
    def __init__(self, client: AngoClient, project: Project) -> None:
        self._client, self._project = client, project

    async def read(self, lines: Sequence[bytes]) -> list[Entry]:
        return await http.together(*(self._entry(_decode(line)) for line in lines))

    async def _entry(self, listed: Listed) -> Entry:
        row = Row.parse(listed.row)
        return to_entry(listed, row, self._project, await self._found(listed, row))

    async def _found(self, listed: Listed, row: Row) -> Found:
        media = to_media(row, self._project.dataset.id, listed, None)
        found = Found()
        if media is None or row.form != "task":
            return found
        if row.modality == "image" and not (media.width and media.height):
            found = Found(size=await self._size(media))
        if row.modality == "text" and b'"ner"' in bytes(row.task.get("tools", b"")):
            found = Found(text=await self._text(media))
        if row.task_value("brushDataUrl") and not listed.page:
            size = (media.width, media.height) if media.width and media.height else found.size
            found = await self._with_brush(found, str(row.task_value("brushDataUrl")), size)
        return found

    async def _size(self, media: Media) -> tuple[int, int] | None:
        """As the image is shown; None where it cannot be had, which its download will tell.

        A storage of somebody else's that is down stops nobody: not all formats need sizes.
        """
        file = file_of(media)

        async def look() -> Header:
            header = Header()
            async with opened(self._client, file) as answer, aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    if header.feed(chunk):
                        break
            return header

        try:
            picture = (await http.patiently(look)).result
        except (RequestError, LinkRefusedError):
            return None
        except RetriableError:
            if file.signed:
                raise
            return None
        if picture is None:
            return None
        is_turned = picture.orientation >= 5
        return (picture.height, picture.width) if is_turned else (picture.width, picture.height)

    async def _text(self, media: Media) -> str | None:
        """None where it cannot be had, or is no text: spans stay as they are counted then."""
        file = file_of(media)
        if file.content is not None:
            return file.content
        try:
            data = await content(self._client, file, MOST_TEXT_BYTES)
        except (RequestError, LinkRefusedError):
            return None
        try:
            return data.decode("utf-8-sig") if len(data) < MOST_TEXT_BYTES else None
        except UnicodeDecodeError:
            return None

    async def _with_brush(self, found: Found, link: str, size: tuple[int, int] | None) -> Found:
        file = File(link, self._project.dataset.id, BRUSHES, signed=True)
        try:
            data = await content(self._client, file, MOST_BRUSH_BYTES)
            traces = tuple(decode(data, self._project.colors, size))
        except UnreadableBrushError as error:
            return replace(found, brush_fault=str(error))
        except (RequestError, LinkRefusedError):
            return replace(found, brush_fault="brush that cannot be fetched")
        return replace(found, traces=traces)
