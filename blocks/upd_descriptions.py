"""What the media of an entry in a UPD file are, and how large pictures are of which no row says it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from blocks import stopping
from blocks.layouts.opened import media_kind
from blocks.pictures import Picture
from blocks.upd_file import UpdFile
from blocks.upd_links import Following, links
from blocks.upd_media import blob_picture, blob_ref
from blocks.upd_records import to_media
from blocks.upd_rows import EntryRow, MediaRow
from exporters.model import Media
from exporters.upd.schema import LOCAL


def described(entry: EntryRow, rows: Sequence[MediaRow], version: str) -> list[Media]:
    """An entry's media in their order. An original without a row is named all the same: that it cannot be had must come
    to light, not look like an entry that never had one.

    Args:
        entry: what they belong to.
        rows: those of its media that are asked for.
        version: of the file.
    """
    id_ = next((id_ for id_ in entry.resources if any(one.row.id == id_ for one in rows)), "")
    rows = [one for one in rows if one.row.id == id_]
    keys = entry.media_keys
    if keys is not None:
        by_key = {one.key: one for one in rows}
        rows = [by_key[key] for key in keys if key in by_key]
    medias = [_media(entry, one, version, is_only=len(rows) == 1) for one in rows]
    has_one = (entry.media_url or entry.resources) and not (rows and entry.row.is_ours)
    if has_one and (keys is None or "" in keys) and all(media.key for media in medias):
        id_ = entry.resources[-1] if entry.resources else entry.row.id
        ref = entry.link or blob_ref(id_, "", "")
        medias.insert(0, Media(id=id_, name=entry.name, ref=ref, version=version, frame="stored"))
    return medias


def _media(entry: EntryRow, one: MediaRow, version: str, *, is_only: bool) -> Media:
    media = to_media(one, blob_ref(one.row.id, one.key, one.true_key), version, entry.name)
    if is_only and media.key and not (one.row.is_ours or one.row.has_record):
        media = replace(media, ref=blob_ref(one.row.id, one.key, ""), key="")  # tools give a key to the only file, too
    return replace(media, ref=entry.link) if entry.link and not media.key else media


def pictures(
    file: UpdFile, medias: Iterable[Media], modality: str, following: Following | None
) -> Mapping[str, Picture]:
    """The pictures among these media whose size is not known, by their `ref`; shapes may be shares of it.

    Args:
        file: that they are in, or are linked from.
        medias: originals.
        modality: of their dataset.
        following: how links are followed, None where they are not.
    """
    unsized = [one for one in medias if not (one.width and one.height) and _may_be_picture(one, modality)]
    blobs = {one.ref: one for one in unsized if one.ref.startswith(LOCAL)}
    found = {ref: blob_picture(file, media) for ref, media in blobs.items()}
    linked = {one.ref: one for one in unsized if one.ref not in blobs}
    if linked and following:
        found |= asyncio.run(stopping.watched(_linked_pictures(linked, following)))
    return {ref: picture for ref, picture in found.items() if picture}


def sized(media: Media, found: Mapping[str, Picture]) -> Media:
    """The media with the size that was found for it."""
    picture = None if media.key else found.get(media.ref)
    return replace(media, width=picture.width, height=picture.height) if picture else media


def _may_be_picture(media: Media, modality: str) -> bool:
    kind = media.mime_type or media_kind(media.name)
    return kind.startswith("image/") if kind else modality == "image"


async def _linked_pictures(medias: Mapping[str, Media], following: Following) -> dict[str, Picture | None]:
    async with links(following) as reader:
        found = await asyncio.gather(*map(reader.picture, medias.values()))
    return dict(zip(medias, found, strict=True))
