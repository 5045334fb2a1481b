"""media: the files behind the entries of shards, from the source into the media store, each distinct file once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing

import msgspec
from prefect import task

from blocks import stopping
from blocks.catalog import AnySource
from blocks.source import MediaReader
from blocks.store import Store, media_key
from blocks.workspace import Workspace
from exporters import RetriableError, SkippableError
from exporters.errors import quoted
from exporters.model import Media
from flows import progress
from flows.batches import PATIENT_BATCH, one_by_one
from flows.download import Download, off_loop
from flows.headway import Headway, open_shared
from flows.outcomes import Earlier, Outcome, note_fetched, recall_fetched, recall_outcomes
from flows.pieces import Records
from flows.planned import Plan
from flows.playlists import broken_playlists
from flows.policy import one_at_a_time
from flows.results import FetchedMedia, FetchedShard
from flows.stretches import which_are_fresh

Wanted = tuple[str, Media]
"""The id of an entry, and a media of it."""
Name = tuple[str, str]
"""Of a media in its source: its ref and key."""

MOST_IN_A_ROW = 2
"""Failures for each connection, without a success between, after which the source is taken to be down."""


@task(name="media", **PATIENT_BATCH)
def fetch_media(
    fetched: Sequence[FetchedShard], plan: Plan, source: AnySource, workspace: Workspace
) -> list[FetchedMedia]:
    """Fetch every file of shards that the store does not have yet, over many connections, checked for its length.

    Holds one chunk for each connection. Asks the store, not a cache: a second run or a retry finds what is really
    there, and what was missing yesterday is asked for again.
    """
    store = open_shared(workspace, plan)
    kept = Headway.of(plan, store, FetchedMedia)
    return one_by_one(fetched, lambda shard: fetch_media_of(shard, plan, source, store), kept)


def fetch_media_of(fetched: FetchedShard, plan: Plan, source: AnySource, store: Store) -> FetchedMedia:
    """The files of one shard."""
    if known := recall_media(plan, fetched, store):
        return known
    earlier = recall_outcomes(plan, fetched, store)
    wanted = _wanted(fetched, earlier, plan.request.media, store)
    fetching = Fetching([one for of_entry in wanted for one in of_entry.values()], plan, store)
    progress.expect("media", earlier.files + len(fetching))
    progress.advance("media", earlier.files, earlier.bytes)
    fetching.take_over(earlier.others)
    if fetching.missing:
        with one_at_a_time("media", plan.source):
            asyncio.run(stopping.watched(_fetch(fetching, source)))
    found = fetching.outcomes
    fresh = ([found[one] for one in of_entry] for of_entry in wanted)
    path, sha256 = store.save_lines(line or msgspec.json.encode(next(fresh)) for line in earlier.lines)
    size = sum(found[one].size for of_entry in wanted for one in of_entry)
    made = FetchedMedia(path=path, sha256=sha256, bytes=earlier.bytes + size, downloaded=fetching.downloaded)
    note_fetched(plan, fetched, made, store)
    return made


def recall_media(plan: Plan, fetched: FetchedShard, store: Store) -> FetchedMedia | None:
    """The media of a shard that is what it was, counted as done; None when any of it is to be fetched."""
    if known := recall_fetched(plan, fetched.shard, store):
        progress.expect("media", fetched.medias)
        progress.advance("media", fetched.medias, known.bytes)
    return known


async def _fetch(fetching: Fetching, source: AnySource) -> None:
    async with source.open_media() as reader:
        await fetching.run(reader, min(source.connections, len(fetching.missing)))


def _wanted(fetched: FetchedShard, earlier: Earlier, choice: str, store: Store) -> list[dict[Name, Wanted]]:
    """The media to look for, of each entry of which nothing is known."""
    wanted, records = [], Records(fetched, store)
    for number, (is_fresh, known) in enumerate(zip(which_are_fresh(fetched, store), earlier.lines, strict=True)):
        if known is None:
            entry, of_entry = _decode_described(records.get(number, is_fresh=is_fresh)), dict[Name, Wanted]()
            for media in entry.medias:
                if choice == "all" or not media.key:
                    of_entry.setdefault((media.ref, media.key), (entry.id, media))
            wanted.append(of_entry)
    records.finish()
    return wanted


class _Described(msgspec.Struct):
    """An entry without what is of no concern here."""

    id: str
    medias: tuple[Media, ...] = ()


_decode_described = msgspec.json.Decoder(_Described).decode


class Fetching:
    """The files of one shard on their way into the store, each distinct one once; the first that tells of it counts."""

    _reader: MediaReader

    def __init__(self, wanted: Iterable[Wanted], plan: Plan, store: Store) -> None:
        distinct: dict[Name, Wanted] = {}
        for entry_id, media in wanted:
            distinct.setdefault((media.ref, media.key), (entry_id, media))
        self._wanted = list(distinct.values())
        self._plan, self._store = plan, store
        self._found: dict[int, Outcome] = {}
        self._failed: dict[int, RetriableError] = {}
        self._in_a_row = 0
        self.downloaded = 0

    def __len__(self) -> int:
        return len(self._wanted)

    @property
    def outcomes(self) -> dict[Name, Outcome]:
        """What became of each."""
        return {(one.ref, one.key): one for one in self._found.values()}

    @property
    def missing(self) -> list[int]:
        """Which files nothing is known of yet."""
        return [index for index in range(len(self._wanted)) if index not in self._found]

    def take_over(self, earlier: Mapping[Name, Outcome]) -> None:
        """Files that an earlier run fetched under the same name, and that the store still has."""
        for index, (_, media) in enumerate(self._wanted):
            found = earlier.get((media.ref, media.key))
            if found and found.file and found.version == media.version and self._store.has_media(found.file):
                self._found[index] = found
                progress.advance("media", 1, found.file.size)

    async def run(self, reader: MediaReader, connections: int) -> None:
        """Raises RetriableError: the source fails; FatalError: a file cannot be had, and none may be missing."""
        self._reader = reader
        await self._all(self.missing, connections)
        if self._failed:
            again, self._failed = sorted(self._failed), {}
            await self._all(again, connections)
        if self._failed:
            await self._give_up()
        if self._plan.request.media == "all":
            for index, reason in broken_playlists(self._wanted, self._found, self._store):
                self._miss(index, reason)

    async def _all(self, indexes: Iterable[int], connections: int) -> None:
        waiting = iter(indexes)

        async def work() -> None:
            for index in waiting:  # shared by all workers: each takes the next one
                await self._one(index)
                if self._in_a_row >= MOST_IN_A_ROW * connections:
                    raise self._failed[index]

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(connections):
                    group.create_task(work())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _one(self, index: int) -> None:
        _, media = self._wanted[index]
        key = media_key(*self._plan.source.values(), media.ref, media.key, media.version)
        file = await off_loop(self._store, self._store.known_media, key)
        if file is None:
            try:
                file = await Download(media, key, self._reader, self._store).run()
            except SkippableError as error:
                self._miss(index, error.reason)
                progress.advance("media")
                return
            except RetriableError as error:
                self._failed[index] = error
                self._in_a_row += 1
                return
            self.downloaded += 1
            self._in_a_row = 0
        self._found[index] = Outcome(ref=media.ref, key=media.key, version=media.version, file=file)
        progress.advance("media", 1, file.size)

    async def _give_up(self) -> None:
        """Of files that failed over and over, say that they cannot be had, if others can; else the source is down.

        Raises:
            RetriableError: the source is down, or no file may be missing.
        """
        first = min(self._failed)
        entry_id, media = self._wanted[first]
        good = next((self._wanted[index][1] for index, one in self._found.items() if one.file), None)
        if good is None or not await self._can_be_read(good):
            raise self._failed[first]
        if self._plan.request.on_error == "fail":
            raise RetriableError(
                f"Entry {entry_id} cannot be exported, because its media {quoted(media.name)} keeps failing "
                f"({self._failed[first].message.rstrip('.')}); leave such entries out with --on-error skip."
            )
        for index in self._failed:
            self._miss(index, "its media keeps failing on its way")
            progress.advance("media")

    async def _can_be_read(self, media: Media) -> bool:
        try:
            async with aclosing(self._reader.read(media)) as chunks:  # type: ignore[type-var]
                async for _ in chunks:
                    break
        except (RetriableError, SkippableError):
            return False
        return True

    def _miss(self, index: int, reason: str) -> None:
        entry_id, media = self._wanted[index]
        if self._plan.request.on_error == "fail":
            raise SkippableError(entry_id, reason, f"{reason} ({quoted(media.name)})").refusal()
        self._found[index] = Outcome(ref=media.ref, key=media.key, missing=reason)
