"""The run of an exporter over one shard: the entries in, the parts out, and the books of both.

The exporter decides, the shard counts: what came in is counted before the exporter sees it, so an exporter that forgets
an entry is found out, not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal

from msgspec.structs import replace

from exporters.base import Exporter, Item, Options
from exporters.classes import ClassMap
from exporters.errors import FatalError, SkippableError
from exporters.model import Annotation, Dataset, Entry, Media, shape_name
from exporters.naming import safe_path
from exporters.survey import Placement
from exporters.tally import Counters
from exporters.upright import MediaFile, settle

ENTRY_LEFT_OUT = "its entry was left out"
MEDIA_NOT_ASKED_FOR = "media was not asked for"
DERIVED_NOT_ASKED_FOR = "derived media was not asked for"

MediaChoice = Literal["none", "original", "all"]


@dataclass(frozen=True, slots=True)
class MediaMember:
    """A media file's place in the package."""

    path: str
    file: MediaFile


class Shard(Generic[Options]):
    """What `convert` is given beside the entry: the shared decisions, the place to write, the books to keep."""

    def __init__(
        self,
        exporter: Exporter[Options],
        options: Options,
        placement: Placement,
        *,
        dataset: Dataset,
        media: MediaChoice,
        files: Callable[[Media], MediaFile | str] | None,
        skips_faults: bool,
        append: Callable[[str, bytes, bytes], None],
    ) -> None:
        """`files` gives the fetched file of a media, or why there is none; None when no media was asked for."""
        self.options = options
        self.dataset = dataset
        self.classes = ClassMap(placement.classes)
        self.counters = Counters()
        self._exporter = exporter
        self._placement = placement
        self._media = media
        self._files = files
        self._skips_faults = skips_faults
        self._append = append
        self._begin()

    def _begin(self) -> None:
        """Nothing is decided about the next entry yet."""
        self._buffer: list[tuple[str, bytes, bytes]] = []
        self._kept: list[Annotation] | None = None
        self._out: list[tuple[Annotation, str]] = []
        self._changes: list[str] = []
        self._reason: str | None = None

    def append(self, part: str, data: bytes, separator: bytes = b"") -> None:
        """Add to a part, behind `separator` unless it is the part's first; takes effect when the entry is kept."""
        self._buffer.append((part, data, separator))

    def keep(self, annotations: Iterable[Annotation]) -> None:
        """The entry is exported, with these of its annotations."""
        self._kept = list(annotations)

    def leave_out(self, reason: str) -> None:
        """The entry is left out by a rule of the format or an option."""
        self._reason = reason

    def leave_out_annotation(self, annotation: Annotation, reason: str) -> None:
        self._out.append((annotation, reason))

    def change(self, what: str) -> None:
        """An annotation is written, but not as it came: say what was done to it."""
        self._changes.append(what)

    def run(self, entries: Iterable[Entry]) -> Iterator[MediaMember]:
        """Convert all entries, one at a time; yields the media that belong into the package."""
        number, annotation_number = self._placement.first_entry_number, self._placement.first_annotation_number
        for entry in entries:
            numbers = range(annotation_number, annotation_number + len(entry.annotations))
            yield from self._one(entry, number, numbers)
            number, annotation_number = number + 1, annotation_number + len(entry.annotations)

    def _one(self, entry: Entry, number: int, numbers: Sequence[int]) -> Iterator[MediaMember]:
        came_in = self.counters.came_in
        came_in["entries"] += 1
        came_in["annotations"] += len(entry.annotations)
        came_in["medias"] += len(entry.medias)
        self._begin()
        try:
            item, members = self._item(entry, number, numbers)
            self._exporter.convert(item, self)
        except SkippableError as error:
            if not self._skips_faults:
                raise FatalError(f"{error} Leave such entries out with --on-error skip.") from None
            self._count_left_out(entry, error.reason, is_fault=True)
            return
        if self._reason is not None:
            self._count_left_out(entry, self._reason, is_fault=False)
            return
        self._count_kept(item)
        for addition in self._buffer:
            self._append(*addition)
        yield from members

    def _item(self, entry: Entry, number: int, numbers: Sequence[int]) -> tuple[Item, list[MediaMember]]:
        placement = self._placement
        name = placement.file_name(entry)
        members = self._members(entry, name)
        original = next((member.file for media, member in members if not media.key), None)
        if placement.keeps_entry_numbers and entry.number is not None:
            number = entry.number
        if placement.keeps_annotation_numbers:
            numbers = [one.number or 0 for one in entry.annotations]
        files = {media.id: member.path for media, member in members}
        digests = {media.id: member.file.sha256 for media, member in members}
        # What told two states of a file apart at its source has served: from here on, its digest does.
        medias = tuple(replace(media, version=digests.get(media.id, "")) for media in entry.medias)
        settled = settle(replace(entry, medias=medias), original)
        return Item(settled, number, numbers, name, files), [member for _, member in members]

    def _members(self, entry: Entry, name: str) -> list[tuple[Media, MediaMember]]:
        if self._files is None:
            return []
        folder = self._exporter.media_folder(entry)
        path = f"{folder}/{name}" if folder else name
        members = []
        for media in entry.medias:
            if media.key and self._media != "all":
                continue
            file = self._files(media)
            if isinstance(file, str):
                raise SkippableError(entry.id, file)
            members.append((media, MediaMember(derived_path(path, media.key) if media.key else path, file)))
        return members

    def _count_left_out(self, entry: Entry, reason: str, *, is_fault: bool) -> None:
        counters = self.counters
        counters.leave_out("entries", reason, [entry.id], is_fault=is_fault)
        counters.leave_out("annotations", ENTRY_LEFT_OUT, [one.id for one in entry.annotations], is_fault=is_fault)
        counters.leave_out("medias", ENTRY_LEFT_OUT, [one.id for one in entry.medias], is_fault=is_fault)

    def _count_kept(self, item: Item) -> None:
        entry, counters = item.entry, self.counters
        if self._kept is None:
            raise FatalError(
                f"The exporter {self._exporter.name} neither kept entry {entry.id} nor left it out with a reason; "
                f"please report this as a fault of the exporter."
            )
        counters.went_out["entries"] += 1
        counters.went_out["annotations"] += len(self._kept)
        counters.went_out["medias"] += len(item.files)
        for annotation in self._kept:
            counters.by_category[annotation.category_id or ""] += 1
            counters.by_shape[shape_name(annotation.shape)] += 1
        counters.changed.update(self._changes)
        for annotation, reason in self._out:
            counters.leave_out("annotations", reason, [annotation.id])
        reason = MEDIA_NOT_ASKED_FOR if self._files is None else DERIVED_NOT_ASKED_FOR
        counters.leave_out("medias", reason, [media.id for media in entry.medias if media.id not in item.files])


def derived_path(path: str, key: str) -> str:
    """Where a derived file of an entry lies: in a folder named like the original's path, so that none can meet."""
    return f"derived/{path}/{safe_path(key)}"
