"""Entries of IDAH with all that belongs to them, in few requests, each entry as it was at one moment.

Annotations and media rows are asked for by lists of ids, as many as fit into one address: people work while we read,
and a list of ids does not shift as pages do. All annotations of an entry come in one answer, which is one moment.

Whether something has happened to the entries since they were listed, the dataset's own record tells, for one request:
every change of an entry moves it. If it has moved, the entries are read again, and those that are not what they were
get their annotations read again, until an entry has not changed around its annotations. What moves nothing at all (an
annotation was deleted, or two things happened within a second, which is what the platform's times are cut to) makes no
entry other than it was at a moment of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from blocks import http
from blocks.idah_client import IdahClient, Query, Resource, batches
from blocks.idah_filters import check_rows, query_of, read_filters
from blocks.idah_listing import read_listing
from blocks.idah_pace import HELD_BYTES, Pace
from blocks.idah_records import to_entry, to_media
from blocks.pictures import Header, Picture
from blocks.source import Where, Withdrawn
from blocks.values import text
from exporters.errors import FatalError, RetriableError, quoted
from exporters.model import Dataset, Entry, Media
from exporters.shard import MediaChoice

ENTRIES_AT_ONCE = 500
"""Entries whose annotations are held in memory together, at most."""
FIRST_MASKS = 16
"""Entries that are read first where masks may come: nothing else tells how large they are."""
ATTEMPTS = 5
"""Times that entries are looked at again before a dataset is told to be too busy."""

DELETED = "it was deleted while the export ran"
UNFIT = "it did not fit the filter any more when it was read"


@dataclass(frozen=True)
class Complete:
    """An entry, and what was read of it while it was so."""

    entry: Resource
    annotations: tuple[Resource, ...] = ()
    medias: tuple[Media, ...] = ()


class Reading:
    """The reading of one shard."""

    def __init__(self, client: IdahClient, dataset: Dataset, where: Where, media: MediaChoice) -> None:
        self._client = client
        self._dataset = dataset
        self._as_listed = _stamp(dataset.record.get("attributes", {}))
        self._entry_filters = [one for one in read_filters(where, "entry") if one.column != "id"]
        self._annotation_filters = read_filters(where, "annotation")
        self._media = media
        has_segments = media == "all" and dataset.modality == "video"
        self._annotation_pace = Pace(rows=5.0, row_bytes=1_000.0)
        self._media_pace = Pace(rows=500.0 if has_segments else 3.0, row_bytes=600.0)
        self._must_feel_its_way = any("mask" in category.shapes for category in dataset.categories)

    @property
    def at_once(self) -> int:
        """How many entries to hand over next."""
        most = FIRST_MASKS if self._must_feel_its_way else ENTRIES_AT_ONCE
        return max(1, min(most, int(self._annotation_pace.owners_in(HELD_BYTES))))

    async def read(self, listed: Sequence[Resource]) -> list[Entry | Withdrawn]:
        """What became of these entries, in their order.

        Raises:
            RetriableError: some of them changed whenever they were read.
        """
        read = await self._complete(listed)
        self._must_feel_its_way = False
        gone: dict[str, str] = {}
        for _ in range(ATTEMPTS):
            if await self._is_as_listed():
                break
            now = {entry.id: entry for entry in await self._entries(list(read), fitting=True)}
            if missing := [key for key in read if key not in now]:
                there = {entry.id for entry in await self._entries(missing, fitting=False)}
                gone |= {key: UNFIT if key in there else DELETED for key in missing}
                read = {key: one for key, one in read.items() if key in now}
            changed = [entry for key, entry in now.items() if entry.raw != read[key].entry.raw]
            if not changed:
                break
            read |= await self._complete(changed)
        else:
            raise RetriableError(
                f"Entries of dataset {quoted(self._dataset.name)} changed whenever they were read; "
                f"try again when it is quieter."
            )
        return [Withdrawn(entry.id, gone[entry.id]) if entry.id in gone else _entry(read[entry.id]) for entry in listed]

    async def _is_as_listed(self) -> bool:
        try:
            now = await self._client.one(f"dataset/datasets/{self._dataset.id}")
        except http.NotFoundError:
            raise FatalError(
                f"Dataset {quoted(self._dataset.name)} was deleted while the export ran; export without it."
            ) from None
        return _stamp(now.attributes) == self._as_listed

    async def _entries(self, ids: Sequence[str], *, fitting: bool) -> list[Resource]:
        """The entries of these ids as they are now, only those that fit the filters if asked for."""
        filters = self._entry_filters if fitting else []
        rows = await self._rows("dataset/entries", "id", ids, Pace(1.0, 1_000.0), query_of(filters))
        return [row for row in rows if row.id in set(ids)]

    async def _complete(self, entries: Sequence[Resource]) -> dict[str, Complete]:
        """By id, the entries with everything that belongs to them."""
        resources = {entry.id: _media_of(entry) for entry in entries}
        keys = list(dict.fromkeys(key for key in resources.values() if key))
        annotations, medias = await http.together(
            self._grouped(
                "dataset/annotations",
                "entry_id",
                [entry.id for entry in entries],
                self._annotation_pace,
                query_of(self._annotation_filters),
            ),
            self._grouped(
                "media/medias",
                "resource",
                keys,
                self._media_pace,
                [] if self._media == "all" else [("filter[key]", "")],
            ),
        )
        check_rows([row for rows in annotations.values() for row in rows], self._annotation_filters)
        complete = {}
        for entry in entries:
            files = _in_order(entry, map(to_media, medias.get(resources[entry.id], ())))
            sized = await http.together(*(_sized(self._client, one) for one in files))
            of_entry = sorted(annotations.get(entry.id, ()), key=lambda one: one.id)
            complete[entry.id] = Complete(entry, tuple(of_entry), tuple(sized))
        return complete

    async def _grouped(
        self, path: str, attribute: str, owners: Sequence[str], pace: Pace, further: Query
    ) -> dict[str, list[Resource]]:
        """Records by what they belong to, each once; that every one was asked for is checked, not believed."""
        rows = await self._rows(path, attribute, owners, pace, further)
        wanted = set(owners)
        grouped: dict[str, dict[str, Resource]] = {}
        for row in rows:
            owner = text(row.attributes.get(attribute))
            if owner not in wanted:
                raise FatalError(
                    f"IDAH answered with {row.id} of {attribute} {row.attributes.get(attribute)}, which was not asked "
                    f"for; this version of the platform does not filter by {attribute}, please report it."
                )
            grouped.setdefault(owner, {})[row.id] = row
        pace.learn(len(owners), rows)
        return {owner: list(found.values()) for owner, found in grouped.items()}

    async def _rows(
        self, path: str, attribute: str, owners: Sequence[str], pace: Pace, further: Query
    ) -> list[Resource]:
        lists = await http.together(
            *(
                self._of_owners(path, query, pace, further)
                for query in batches(f"filter[{attribute}]", owners, pace.owners())
            )
        )
        return [row for rows in lists for row in rows]

    async def _of_owners(self, path: str, owners: Query, pace: Pace, further: Query) -> list[Resource]:
        """The records of a list of owners. Taken from a single page where possible: one answer is one moment."""
        rows = await self._client.page(path, [*owners, *further])
        if len(rows) < self._client.page_rows:
            return rows
        if len(owners) > 1:
            middle = len(owners) // 2
            halves = await http.together(
                self._of_owners(path, owners[:middle], pace, further),
                self._of_owners(path, owners[middle:], pace, further),
            )
            return halves[0] + halves[1]
        pages = read_listing(self._client, path, [*owners, *further], most=pace.page_rows())
        return [row async for page in pages for row in page]


def _stamp(attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of a dataset moves with every change of its entries; counts move also within the second of a time."""
    return tuple(
        attributes.get(name)
        for name in ("updated_at", "entries_total_count", "entries_completed_count", "entries_in_progress_count")
    )


def _entry(one: Complete) -> Entry:
    return to_entry(one.entry, one.annotations, one.medias)


def _media_of(entry: Resource) -> str:
    """The key that joins an entry to its medias; empty when it has none (yet)."""
    return text(entry.attributes.get("resource")) or ""


def _in_order(entry: Resource, medias: Iterable[Media]) -> list[Media]:
    """An entry's media, the original first. An original without a row is named all the same: that it cannot be fetched
    must come to light, not look like an entry that never had one.
    """
    resource = _media_of(entry)
    found = sorted(medias, key=lambda media: (media.key, media.id))
    if resource and not (found and not found[0].key):
        found.insert(0, Media(id=resource, name=text(entry.attributes.get("name")) or "", ref=resource, frame="stored"))
    return found


async def _sized(client: IdahClient, media: Media) -> Media:
    """The media with its width and height, from the file itself where the platform has not processed it yet."""
    is_picture = (media.mime_type or "").startswith("image/") and not media.key
    if not is_picture or (media.width and media.height):
        return media

    async def read() -> Picture | None:
        header = Header()
        async with client.open(media_path(media)) as answer, aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                if header.feed(chunk):
                    break
        return header.result

    try:
        found = await http.patiently(read)
    except http.NotFoundError:
        return media  # the media step meets it too, and has a policy for it
    return msgspec.structs.replace(media, width=found.width, height=found.height) if found else media


def media_path(media: Media) -> str:
    path = f"media/medias/files/{http.encoded(media.ref)}"
    return f"{path}?key={http.encoded(media.key)}" if media.key else path
