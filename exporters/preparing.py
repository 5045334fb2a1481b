"""Entries made ready for a format, one at a time: what the options ask for is done here, and said.

In this order: its split, its file name, its numbers; coordinates settled on the picture; authors redacted; of the
annotations those that are asked for, with shapes that the format holds, in classes of the export; and whether the entry
is data at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_not
from typing import NamedTuple

from msgspec.structs import replace

from exporters import annotators
from exporters.classes import ClassMap
from exporters.fitting import Fitter, Size
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import EMPTY, Annotation, Entry, Media
from exporters.options import ClassOptions, ExporterOptions, RecordOptions
from exporters.pictures.upright import MediaFile, settle, size_of
from exporters.splits import in_its_split
from exporters.survey import Placement

NO_CATEGORY = "it has no category"
CLASS_LEFT_OUT = "its class was not asked for"
EMPTIED = "left out as the last of its picture, which goes out without any (empty_entries=none leaves it out)"


class Prepared(NamedTuple):
    """An entry made ready, what became of the rest of it, and why it is left out as a whole, if it is."""

    item: Item
    out: list[tuple[Annotation, str]]
    changes: list[str]
    reason: str | None


class Preparation:
    """What is the same for all entries of a shard."""

    def __init__(self, format_name: str, holds: Holds, options: ExporterOptions, placement: Placement) -> None:
        self._holds = holds
        self._options = options
        self._placement = placement
        self._classes = ClassMap(placement.classes)
        self._changes: list[str] = []
        self._fitter = Fitter(format_name, holds, options, self._change)

    def prepare(self, entry: Entry, number: int, numbers: Sequence[int], files: Mapping[str, MediaFile]) -> Prepared:
        """`number` and `numbers` are the entry's and its annotations' when they are counted; `files` by media id.

        Raises:
            SkippableError: the file of its picture is not of the size that its coordinates are measured on.
        """
        self._changes = []
        placement, ordinal = self._placement, number - 1
        entry = in_its_split(entry, self._options)
        name = placement.file_name(entry, self._holds)
        if placement.keeps_entry_numbers and entry.number is not None:
            number = entry.number
        if placement.keeps_annotation_numbers:
            numbers = [one.number or 0 for one in entry.annotations]
        # What told two states of a file apart at its source has served: from here on, its digest does.
        entry = replace(entry, medias=tuple([_known_by_digest(media, files) for media in entry.medias]))
        original = entry.original
        if original and original.id in files:
            entry = settle(entry, files[original.id])
        unselected: dict[int, str] = {}
        if isinstance(self._options, RecordOptions):
            unselected = annotators.select(entry.annotations, self._options)  # while it still says who
            entry = _redacted(entry, self._options)
        size = size_of(entry)
        placed, out = self._placed(entry, numbers, size, unselected)
        reason = self._no_data(entry, placed, size, unselected)
        written = tuple([one.annotation for one in placed])
        if len(written) < len(entry.annotations) or any(map(is_not, written, entry.annotations)):
            entry = replace(entry, annotations=written)
        return Prepared(Item(entry, number, ordinal, size, name, placed, {}), out, self._changes, reason)

    def _change(self, what: str) -> None:
        self._changes.append(what)

    def _placed(
        self, entry: Entry, numbers: Sequence[int], size: Size | None, unselected: Mapping[int, str]
    ) -> tuple[list[Placed], list[tuple[Annotation, str]]]:
        """The annotations that are written, and those that options and the format leave out, with the reasons."""
        options, classes, needs_category = self._options, self._classes, self._holds.needs_category
        has_classes = isinstance(options, ClassOptions)
        fit, changes = self._fitter.fit, self._changes
        placed: list[Placed] = []
        out: list[tuple[Annotation, str]] = []
        for place, annotation in enumerate(entry.annotations):
            if place in unselected:
                out.append((annotation, unselected[place]))
                continue
            changed_before = len(changes)
            fitted = fit(annotation, size)
            if isinstance(fitted, str):
                out.append((annotation, fitted))
                del changes[changed_before:]  # what was done to it does not matter any more
                continue
            category = classes.get(annotation.category_id)
            if category is None and (needs_category or (has_classes and annotation.category_id is not None)):
                out.append((annotation, NO_CATEGORY if annotation.category_id is None else CLASS_LEFT_OUT))
                del changes[changed_before:]
                continue
            placed.append(Placed(fitted[0], numbers[place], category, fitted[1]))
        return placed, out

    def _no_data(
        self, entry: Entry, placed: Sequence[Placed], size: Size | None, unselected: Mapping[int, str]
    ) -> str | None:
        """Why an entry is no data: it was rejected, its picture is of no known size, nobody looked at it yet.

        One that lost all its annotations to the format or an option goes out as it is, without any, and that is said;
        but not as the work of people who never saw it.
        """
        options = self._options
        if isinstance(options, ClassOptions):
            if entry.state == "rejected":
                return "it was rejected on the platform"
            if not placed and entry.state != "completed" and options.empty_entries != "all":
                return "none of its annotations is exported" if entry.annotations else "it has no annotations yet"
            if not placed and options.empty_entries == "none":
                return "none of its annotations is exported" if entry.annotations else "it has no annotations"
            if entry.annotations and len(unselected) == len(entry.annotations):
                return "none of its annotations was asked for"
            if entry.annotations and not placed:
                self._change(EMPTIED)
        if self._holds.needs_size and size is None:
            return "the size of its picture is not known" if entry.medias else "it has no picture"
        return None


def _redacted(entry: Entry, options: RecordOptions) -> Entry:
    if "authors" in options.redact:
        entry = annotators.without_authors(entry)
    if "positions" in options.redact:  # platforms copy them from the files
        entry = replace(entry, medias=tuple(replace(media, raw=EMPTY) for media in entry.medias))
    return entry


def _known_by_digest(media: Media, files: Mapping[str, MediaFile]) -> Media:
    version = files[media.id].sha256 if media.id in files else ""
    return media if media.version == version else replace(media, version=version)
