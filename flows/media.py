"""media: the files behind the entries of one shard, from the source into the media store, each distinct file once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
import tempfile
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec
from prefect import task

from blocks import http, stopping
from blocks.catalog import AnySource
from blocks.pictures import Header
from blocks.source import MediaReader
from blocks.storage_errors import translated
from blocks.store import Store, media_key
from blocks.workspace import Workspace
from exporters import FatalError, RetriableError, SkippableError
from exporters.errors import quoted
from exporters.model import Media, decode_entry
from exporters.pictures.upright import MediaFile
from flows import progress
from flows.outcomes import Outcome
from flows.policy import PATIENT
from flows.results import FetchedMedia, FetchedShard, Plan

_one_shard_at_a_time: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""By source: a platform is asked over the connections of one reader at a time, however many shards wait."""


class IncompleteError(RetriableError):
    """A transfer broke off, or ended with another number of bytes than the source has on its books."""

    def __init__(self, message: str, arrived: int, delay_seconds: float | None = None) -> None:
        super().__init__(message, delay_seconds)
        self.arrived = arrived

    def __reduce__(self) -> tuple[type[IncompleteError], tuple[str, int, float | None]]:
        return type(self), (self.message, self.arrived, self.delay_seconds)


@task(name="media", task_run_name="media {fetched.shard.label}", **PATIENT)
def fetch_media(fetched: FetchedShard, plan: Plan, source: AnySource, workspace: Workspace) -> FetchedMedia:
    """Fetch every file of a shard that the store does not have yet, over many connections, checked for its length.

    Holds one chunk for each connection. Asks the store, not a cache: a second run or a retry finds what is really
    there, and what was missing yesterday is asked for again.
    """
    store = workspace.open()
    wanted = _wanted(store.load_lines(fetched.path), plan.request.media)
    progress.expect("media", len(wanted))
    with _one_shard_at_a_time[json.dumps(plan.source)]:
        outcomes, downloaded = asyncio.run(stopping.watched(_fetch_all(wanted, plan, source, store)))
    path, sha256 = store.save_lines(msgspec.json.encode(outcome) for outcome in outcomes)
    size = sum(outcome.file.size for outcome in outcomes if outcome.file)
    return FetchedMedia(path=path, sha256=sha256, bytes=size, downloaded=downloaded)


def _wanted(lines: Iterable[bytes], choice: str) -> list[tuple[str, Media]]:
    """The media to fetch, each distinct one once, with the entry it is told of by."""
    wanted: dict[tuple[str, str], tuple[str, Media]] = {}
    for entry in map(decode_entry, lines):
        for media in entry.medias:
            if choice == "all" or not media.key:
                wanted.setdefault((media.ref, media.key), (entry.id, media))
    return list(wanted.values())


async def _fetch_all(
    wanted: list[tuple[str, Media]], plan: Plan, source: AnySource, store: Store
) -> tuple[list[Outcome], int]:
    """An outcome for each media, in the same order, and how many had to be downloaded."""
    outcomes: list[Outcome | None] = [None] * len(wanted)
    waiting = iter(enumerate(wanted))
    downloaded = 0

    async def work(reader: MediaReader) -> None:
        nonlocal downloaded
        for index, (entry_id, media) in waiting:  # shared by all workers: each takes the next one
            key = media_key(*plan.source.values(), media.ref, media.key, media.version)
            file, missing = await asyncio.to_thread(store.known_media, key), ""
            if file is None:
                try:
                    file = await _download(media, key, reader, store)
                    downloaded += 1
                except SkippableError as error:
                    missing = error.reason
                    if plan.request.on_error == "fail":
                        refused = SkippableError(entry_id, missing, f"{missing} ({quoted(media.name)})")
                        raise FatalError(f"{refused} Leave such entries out with --on-error skip.") from None
            outcomes[index] = Outcome(ref=media.ref, key=media.key, file=file, missing=missing)
            progress.advance("media", 1, file.size if file else 0)

    try:
        async with source.open_media() as reader, asyncio.TaskGroup() as group:
            for _ in range(min(source.connections, len(wanted))):
                group.create_task(work(reader))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [outcome for outcome in outcomes if outcome is not None], downloaded


async def _download(media: Media, key: str, reader: MediaReader, store: Store) -> MediaFile:
    """Stream one file into the store, trying again when the transfer breaks.

    Raises:
        RetriableError: it kept breaking.
        SkippableError: the source has no such file, or breaks off after the same number of bytes again: it has no more,
            whatever its books say.
    """
    arrived = -1

    async def attempt() -> MediaFile:
        nonlocal arrived
        try:
            with translated(store.storage.shown):
                return await _download_once(media, key, reader, store)
        except IncompleteError as error:
            if error.arrived == arrived:
                raise SkippableError(media.id, "its media does not arrive in full length") from None
            arrived = error.arrived
            raise

    return await http.patiently(attempt)


async def _download_once(media: Media, key: str, reader: MediaReader, store: Store) -> MediaFile:
    digest, crc32, size = hashlib.sha256(), 0, 0
    mime_type = media.mime_type or mimetypes.guess_type(media.name)[0] or "image/unknown"
    header = Header()
    with tempfile.NamedTemporaryFile(dir=store.spool_folder(), delete=False) as spool:
        local = Path(spool.name)
        try:
            async for chunk in reader.read(media):
                spool.write(chunk)
                digest.update(chunk)
                crc32 = zlib.crc32(chunk, crc32)
                size += len(chunk)
                if mime_type.startswith("image/"):
                    header.feed(chunk)
            spool.flush()
            if media.size not in (None, size):
                raise IncompleteError(f"{size} bytes of {media.name!r} arrived, not {media.size}.", size)
            picture = header.result
            file = MediaFile(
                sha256=digest.hexdigest(),
                size=size,
                crc32=crc32,
                width=picture.width if picture else None,
                height=picture.height if picture else None,
                orientation=picture.orientation if picture else 1,
            )
            await asyncio.to_thread(store.keep_media, key, local, file)
        except RetriableError as error:
            raise IncompleteError(error.message, size, error.delay_seconds) if size else error from None
        finally:
            local.unlink(missing_ok=True)  # noqa: ASYNC240 - a system call of microseconds
    return file
