"""What became of each media of a shard, a line for each entry: its file in the store, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from blocks.store import Store
from exporters.model import Media
from exporters.pictures.upright import MediaFile
from flows.planned import Former, Plan, ShardPlan
from flows.policy import digest
from flows.results import FetchedMedia, FetchedShard
from flows.stretches import LONGEST, Along, of_shard


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One media of an entry: its file in the store, or why there is none."""

    ref: str
    key: str = ""
    version: str = ""
    file: MediaFile | None = None
    missing: str = ""

    @property
    def size(self) -> int:
        """Bytes; 0 where there is no file."""
        return self.file.size if self.file else 0


Files = dict[tuple[str, str], MediaFile | str]
"""By the media's ref and key: its file, or why there is none."""

NONE = b"[]"
"""The line of an entry of which no media was looked for."""

decode_outcomes = msgspec.json.Decoder(tuple[Outcome, ...]).decode


def recall_fetched(plan: Plan, shard: ShardPlan, store: Store) -> FetchedMedia | None:
    """The media of a shard that is what it was, if all of it was had, and the store still has it."""
    known = _noted(plan, shard.formers[0], store) if shard.is_unchanged else None
    if known is None:
        return None
    lines = store.load_lines(known.path)
    while some := list(islice(lines, LONGEST)):
        if _had(some, store) is None:
            return None
    return known.model_copy(update={"downloaded": 0})


class Earlier:
    """What earlier runs know of the media of a shard, as far as the store still has it."""

    def __init__(self) -> None:
        self.lines: list[bytes | None] = []
        """For each entry; None: it was read, or some of its media is to be fetched."""
        self.others: dict[tuple[str, str], Outcome] = {}
        """Of entries that were not taken over: what was read in their place may have the same media."""
        self.files = self.bytes = 0
        """Of those entries that have a line."""

    def add(self, lines: Sequence[bytes], count: int, store: Store) -> None:
        """The next `count` entries, of which there are these lines."""
        self.lines += [None] * (count - len(lines))
        files = _had(lines, store)
        if files is None and len(lines) > 1:
            for line in lines:
                self.add([line], 1, store)
        elif files is None:
            self.lines.append(None)
            self.add_others(lines)
        else:
            self.lines += lines
            self.files += len(files)
            self.bytes += sum(file.size for file in files)

    def add_others(self, lines: Iterable[bytes]) -> None:
        self.others.update({(one.ref, one.key): one for line in lines for one in decode_outcomes(line)})


def recall_outcomes(plan: Plan, fetched: FetchedShard, store: Store) -> Earlier:
    """What became of the media of those shards that this one was kept from."""
    found = Earlier()
    noted = [_noted(plan, former, store) for former in fetched.shard.formers]
    known = [Along(store.load_lines(one.path) if one else ()) for one in noted]
    for stretch in of_shard(fetched, store):
        if stretch.is_fresh:
            found.lines += [None] * stretch.length
        else:
            found.add_others(known[stretch.former].passed(stretch))
            found.add(list(known[stretch.former].take(stretch)), stretch.length, store)
    for one in known:
        found.add_others(one.rest())
    return found


def _had(lines: Sequence[bytes], store: Store) -> list[MediaFile] | None:
    """The files that these lines tell of; None where any of them is missing, or the store has it no more."""
    outcomes = [one for line in lines for one in decode_outcomes(line)]
    files = [one.file for one in outcomes if one.file]
    return files if len(files) == len(outcomes) and store.has_media(*files) else None


def note_fetched(plan: Plan, fetched: FetchedShard, media: FetchedMedia, store: Store) -> None:
    if plan.tells_changes:
        store.storage.write(note_path(plan, fetched.sha256), [media.model_dump_json().encode()], durable=False)


def _noted(plan: Plan, former: Former, store: Store) -> FetchedMedia | None:
    note = note_path(plan, former.sha256)
    if not store.storage.exists(note):
        return None
    try:
        known = FetchedMedia.model_validate_json(store.storage.read(note))
    except ValidationError:
        return None
    return known if store.storage.exists(known.path) else None


def note_path(plan: Plan, sha256: str) -> str:
    """Where it is noted what became of the media of a shard of this content."""
    return f"outcomes/{digest(plan.source, sha256, plan.request.media)}"


def files_of(line: bytes) -> Files:
    """The media of one entry."""
    return {(one.ref, one.key): one.file or one.missing for one in decode_outcomes(line)}


def load_outcomes(media: FetchedMedia | None, entries: int, store: Store) -> Iterator[bytes]:
    """A line for each entry of a shard; of no media where none was asked for."""
    return store.load_lines(media.path) if media else repeat(NONE, entries)


class EntryFiles:
    """The files of the entry that is at hand; understood when they are asked for."""

    def __init__(self) -> None:
        self._files: Files = {}
        self._line = NONE

    def of(self, line: bytes) -> None:
        """Tell of an entry's files from now on, by its line of the outcomes."""
        self._line, self._files = line, {}

    def __call__(self, media: Media) -> MediaFile | str:
        if not self._files:
            self._files = files_of(self._line)
        return self._files[media.ref, media.key]


def load_files(path: str, entries: int, store: Store) -> Iterator[Files]:
    """The media of all entries of a shard, one after the other; none where no path is given."""
    return map(files_of, store.load_lines(path) if path else repeat(NONE, entries))
