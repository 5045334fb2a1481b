"""The run of an exporter over one shard: the entries in, the parts and files out, and the books of both.

The exporter decides, the shard counts: what came in is counted before the exporter sees it, so an exporter that forgets
an entry is found out, not believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Literal

from exporters.base import Exporter
from exporters.classes import ClassMap
from exporters.converted import ConvertedEntry, kept_by, left_out, reasoned, size_in
from exporters.errors import FatalError, OuthaulError, SkippableError
from exporters.item import Item, Placed
from exporters.model import Annotation, Dataset, Entry, Media
from exporters.naming import safe_path
from exporters.options import Options, RecordOptions
from exporters.output import MediaMember, Output
from exporters.pictures.redaction import redacted
from exporters.pictures.upright import MediaFile
from exporters.preparing import Preparation
from exporters.shapes import masks
from exporters.survey import Placement
from exporters.tally import Counters

MEDIA_NOT_ASKED_FOR = "media was not asked for"
DERIVED_NOT_ASKED_FOR = "derived media was not asked for"

MediaChoice = Literal["none", "original", "all"]


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
        output: Output,
    ) -> None:
        """`files` gives the fetched file of a media, or why there is none; None when no media was asked for."""
        self.options = options
        self.dataset = dataset
        self.classes = ClassMap(placement.classes)
        self.counters = Counters()
        self.memory: dict[str, Any] = {}
        """What the exporter keeps from one entry of this shard to the next, and for `finish`."""
        self._exporter = exporter
        self.next_number = placement.first_entry_number
        self.next_annotation_number = placement.first_annotation_number
        self._media = media
        self._files = files
        self._skips_faults = skips_faults
        self._output = output
        self._entry_id = ""
        self._preparation = Preparation(exporter.name, exporter.holds, options, placement)
        self._begin()

    def _begin(self) -> None:
        """Nothing is decided about the next entry yet."""
        self._additions: list[tuple[str, bytes, bytes]] = []
        self._written: list[tuple[str, bytes]] = []
        self._kept: list[Annotation] | None = None
        self._out: list[tuple[Annotation, str]] = []
        self._changes: list[str] = []
        self._reason: str | None = None

    # -- what an exporter calls ---------------------------------------------------------------------------------------

    def append(self, part: str, data: bytes, separator: bytes = b"") -> None:
        """Add to a part, behind `separator` unless it is the part's first; takes effect when the entry is kept."""
        self._additions.append((part, data, separator))

    def write(self, path: str, data: bytes) -> None:
        """Write a file of the package whole, a small one; takes effect when the entry is kept."""
        self._written.append((path, data))

    def keep(self, annotations: Iterable[Annotation | Placed]) -> None:
        """The entry is exported, with these of its annotations."""
        self._kept = [one.annotation if isinstance(one, Placed) else one for one in annotations]

    def leave_out(self, reason: str) -> None:
        """The entry is left out by a rule of the format or an option."""
        self._reason = reason

    def leave_out_annotation(self, annotation: Annotation | Placed, reason: str) -> None:
        self._out.append((annotation.annotation if isinstance(annotation, Placed) else annotation, reason))

    def change(self, what: str) -> None:
        """An annotation is written, but not as it came: say what was done to it."""
        self._changes.append(what)

    def read_media(self, media: Media) -> bytes | None:
        """The bytes of a fetched media, position redacted where that is asked for; None when media was not asked for.

        Holds the file in memory: for formats that embed it.
        """
        if self._files is None:
            return None
        file = self._files(media)
        if isinstance(file, str):
            raise FatalError(f"The media {media.id} was not fetched ({file}); please report this.")
        data = self._redacted_file(media, file)
        if data is not None:
            return data
        with self._output.open_media(file) as handle:
            return handle.read()

    # -- what the transform step calls --------------------------------------------------------------------------------

    def run(self, entries: Iterable[Entry]) -> None:
        """Convert all entries, one at a time, then let the exporter finish."""
        for entry in entries:
            self.add(self.convert(entry))
        self.finish()

    def convert(self, entry: Entry) -> ConvertedEntry:
        """What becomes of the next entry; nothing is written yet, nor put down in the books."""
        self._begin()
        self._entry_id = entry.id
        first = self.next_annotation_number
        numbers = range(first, first + len(entry.annotations))
        try:
            files = self._fetched(entry)
            prepared = self._preparation.prepare(entry, self.next_number, numbers, files)
            item, self._out, self._changes, self._reason = prepared
            members = self._members(item, files)
            if self._reason is None:
                self._exporter.convert(item, self)
            if self._reason is None:
                without = [self._redacted_file(media, member.file) for media, member in members]
        except SkippableError as error:
            if not self._skips_faults:
                raise error.refusal() from None
            return left_out(entry, error.reason, is_fault=True)
        except masks.TooLargeError as error:
            reason = "its picture is too large to be painted"
            if not self._skips_faults:
                raise SkippableError(entry.id, reason, str(error)).refusal() from None
            return left_out(entry, reason, is_fault=True)
        except OuthaulError:
            raise
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise FatalError(
                f"The exporter {self._exporter.name} failed at the entry {entry.id} ({said}); "
                f"please report this as a fault of the exporter."
            ) from error
        if self._reason is not None:
            return left_out(entry, self._reason, is_fault=False)
        medias = [
            (member.path, member.file if data is None else data)
            for (_, member), data in zip(members, without, strict=True)
        ]
        return self._converted(entry, files, medias)

    def add(self, converted: ConvertedEntry) -> None:
        """Write what became of the next entry, and put it down in the books."""
        self.next_number += 1
        self.next_annotation_number += converted.came_in[1]
        converted.book(self.counters)
        for addition in converted.additions:
            self._output.append(*addition)
        for path, file in converted.files:
            if isinstance(file, MediaFile):
                self._output.put_media(MediaMember(path, file))
            else:
                self._output.write(path, file)

    def finish(self) -> None:
        """After the last entry."""
        self._begin()
        self._exporter.finish(self)
        for addition in self._additions:
            self._output.append(*addition)
        for path, data in self._written:
            self._output.write(path, data)

    def pass_over(self, entry: Entry, reason: str) -> None:
        """Count an entry that the exporter is not to see."""
        left_out(entry, reason, is_fault=False).book(self.counters)

    # -- media --------------------------------------------------------------------------------------------------------

    def _fetched(self, entry: Entry) -> dict[str, MediaFile]:
        """The files of the entry's media that are exported, by media id."""
        found: dict[str, MediaFile] = {}
        if self._files is None:
            return found
        for media in entry.medias:
            if media.key and self._media != "all":
                continue
            file = self._files(media)
            if isinstance(file, str):
                raise SkippableError(entry.id, file)
            found[media.id] = file
        return found

    def _members(self, item: Item, files: dict[str, MediaFile]) -> list[tuple[Media, MediaMember]]:
        """The package's media files for this entry; fills `item.files`."""
        members: list[tuple[Media, MediaMember]] = []
        if not files or self._reason is not None:
            return members
        embeds = self._exporter.holds.embeds_media
        path = f"images/{item.file_name}" if embeds else self._exporter.media_path(item, self)
        for media in item.entry.medias:
            if media.id not in files or (embeds and not media.key):
                continue
            members.append((media, MediaMember(derived_path(path, media.key) if media.key else path, files[media.id])))
        item.files.update({media.id: member.path for media, member in members})
        return members

    def _redacted_file(self, media: Media, file: MediaFile) -> bytes | None:
        """What stands for a file that says where, or by whom, it was made; None where it is written as it is."""
        asked = self.options.redact if isinstance(self.options, RecordOptions) else ()
        if not asked:
            return None
        with self._output.open_media(file) as handle:
            return redacted(handle, media, self._entry_id, asked)

    # -- the books ----------------------------------------------------------------------------------------------------

    def _converted(
        self, entry: Entry, files: dict[str, MediaFile], medias: Sequence[tuple[str, bytes | MediaFile]]
    ) -> ConvertedEntry:
        if self._kept is None:
            raise FatalError(
                f"The exporter {self._exporter.name} neither kept entry {entry.id} nor left it out with a reason; "
                f"please report this as a fault of the exporter."
            )
        out = [reasoned("annotations", reason, [annotation.id]) for annotation, reason in self._out]
        if len(files) < len(entry.medias):
            reason = MEDIA_NOT_ASKED_FOR if self._files is None else DERIVED_NOT_ASKED_FOR
            out.append(reasoned("medias", reason, [media.id for media in entry.medias if media.id not in files]))
        by_category, by_shape = kept_by(self._kept)
        return ConvertedEntry(
            size_in(entry),
            (1, len(self._kept), len(files)),
            tuple(out),
            tuple(self._additions),
            (*self._written, *medias),
            by_category,
            by_shape,
            dict(Counter(self._changes)),
        )


def derived_path(path: str, key: str) -> str:
    """Where a derived file of an entry lies: in a folder named like the original's path, so that none can meet."""
    return f"derived/{path}/{safe_path(key)}"
