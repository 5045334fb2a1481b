"""Files of Ango Hub as media, and how they are opened again.

A media's `ref` is its address without a signature: it names the file on any day. Its record says how to open it, with
the project that a new signature is asked for in, and has the content of an asset that is no file at all.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Raw, Struct

from blocks.ango import kinds
from blocks.ango.row import Listed, Row
from exporters.model import Media

ASSETS, BRUSHES = "assets", "brushes"
INLINE = "inline:"


class File(Struct, frozen=True, omit_defaults=True):
    """`kind` is where the hub files it."""

    link: str
    project: str
    kind: str = ASSETS
    signed: bool = False
    content: str | None = None


def file_of(media: Media) -> File:
    return msgspec.json.decode(media.raw, type=File)


def to_media(row: Row, project_id: str, listed: Listed, size: tuple[int, int] | None) -> Media | None:
    """The file of an entry; None where its row names none. `size` is what was found where the row does not tell."""
    link = row.content if listed.page is None else row.pages[listed.page]
    if not link:
        return None
    is_file, name = kinds.is_address(link) or row.modality != "text", row.name
    if listed.page is not None:
        name = f"{name or row.asset_id}/{listed.page:04}"
    file = File(link if is_file else "", project_id, signed=listed.signed, content=None if is_file else link)
    told = row.metadata if not listed.page else {}  # of the first page, as far as anybody knows
    width, height = _count(told.get("width")), _count(told.get("height"))
    if not (width and height) and size:
        width, height = size
    rate, frames = _positive(told.get("frameRate")), _count(told.get("frameTotal"))
    return Media(
        id=row.asset_id if listed.page is None else f"{row.asset_id}/{listed.page:04}",
        name=name,
        ref=link if is_file else INLINE + hashlib.sha256(link.encode()).hexdigest(),
        mime_type=kinds.mime_type(link, row.name) if is_file else "text/plain",
        width=width,
        height=height,
        duration=frames / rate if frames and rate else None,
        frame_rate=rate,
        frames_count=frames,
        raw=Raw(msgspec.json.encode(file)),
    )


def _positive(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < float("inf") else None


def _count(value: Any) -> int | None:
    number = _positive(value)
    return int(number) if number is not None and number == int(number) and number < 1 << 63 else None
