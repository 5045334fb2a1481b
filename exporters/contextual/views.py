"""Datasets, entries, annotations and medias as a contextual exporter sees them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from exporters import naming
from exporters.contextual import records
from exporters.contextual.books import Place
from exporters.contextual.filters import Filter, Where
from exporters.contextual.passage import Passage
from exporters.contextual.records import Record
from exporters.contextual.source import Faulty
from exporters.errors import FatalError
from exporters.model import Annotation, Dataset, Entry, Media
from exporters.temporary import temporary_folder

LARGE_BYTES = 64 << 20
"""Of a media that `download()` had better not hold in memory as a whole."""

EVERYTHING: Where = {}


class DatasetContext:
    """A dataset. `model` is what the source says of it, with the classes of its ontology."""

    def __init__(self, dataset: Dataset, place: Place, passage: Passage) -> None:
        self.model = dataset
        self._place = place
        self._passage = passage

    @cached_property
    def record(self) -> Record:
        """The dataset as the platform sends it."""
        return records.dataset_record(self.model)

    @property
    def dataset(self) -> Record:
        return self.record

    def entries(self, where: Where = EVERYTHING, /, **more: Any) -> Entries:
        """The entries that a filter lets pass (see `exporters.contextual.filters`), read while they are iterated."""
        return Entries(self, Filter("entry", {**where, **more}))

    def read(self, filtering: Filter, *, is_given: bool) -> Iterator[EntryContext]:
        """The entries; `is_given` says whether the exporter gets them, rather than their number."""
        place = self._place
        for found in self._passage.source.entries(self.model):
            entry = found.entry if isinstance(found, Faulty) else found
            with contextlib.ExitStack() as copies:
                context = EntryContext(entry, self, place, self._passage, copies)
                if isinstance(found, Faulty):
                    if is_given:
                        self._passage.refuse_fault(entry.id, found.reason, found.detail)
                        self._passage.books.leave_out_entry(entry, place, found.reason, is_fault=True)
                elif filtering.passes(context):
                    if is_given:
                        self._passage.books.give("entries", place.entry)
                    yield context
                elif is_given:
                    self._passage.books.exclude_entry(entry, place)
            place = place.after(entry)
            if is_given:
                self._passage.passed(place.entry)

    def count(self, filtering: Filter) -> int:
        """How many entries `read` gives; they have to be looked at where not all of them pass."""
        if filtering.is_empty and not self._passage.skips_faults:
            return self._passage.source.counts(self.model).entries
        return sum(1 for _ in self.read(filtering, is_given=False))


class Entries:
    """Entries of a dataset, read from the source each time they are iterated, or counted behind a filter."""

    def __init__(self, dataset: DatasetContext, filtering: Filter) -> None:
        self._dataset = dataset
        self._filtering = filtering

    def __iter__(self) -> Iterator[EntryContext]:
        return self._dataset.read(self._filtering, is_given=True)

    def __len__(self) -> int:
        return self._dataset.count(self._filtering)

    def __bool__(self) -> bool:
        return any(True for _ in self._dataset.read(self._filtering, is_given=False))


class EntryContext:
    """An entry. `model` is it in the record model: float pixels instead of the platform's own coordinates."""

    def __init__(
        self, entry: Entry, dataset: DatasetContext, place: Place, passage: Passage, copies: contextlib.ExitStack
    ) -> None:
        """`copies` is closed when the exporter has moved on: local copies of medias go then."""
        self.model = entry
        self.dataset = dataset
        self._place = place
        self._passage = passage
        self._copies = copies

    @cached_property
    def record(self) -> Record:
        """The entry as the platform sends it."""
        return records.entry_record(self.model)

    @property
    def entry(self) -> Record:
        return self.record

    def annotations(self, where: Where = EVERYTHING, /, **more: Any) -> list[AnnotationContext]:
        """The entry's annotations that a filter lets pass; `type` filters by shape."""
        filtering, books = Filter("annotation", {**where, **more}), self._passage.books
        passing = []
        for number, annotation in enumerate(self.model.annotations, self._place.annotation):
            context = AnnotationContext(annotation, self, number, self._passage)
            if filtering.passes(context):
                books.give("annotations", number, annotation)
                passing.append(context)
            else:
                books.exclude("annotations", number, annotation.id)
        return passing

    def medias(self, where: Where = EVERYTHING, /, **more: Any) -> list[MediaContext]:
        """The entry's medias that a filter lets pass; `key=""` is the original. The run fetches what `--media` says."""
        filtering, books, source = Filter("media", {**where, **more}), self._passage.books, self._passage.source
        passing = []
        for number, media in enumerate(self.model.medias, self._place.media):
            context = MediaContext(media, self, self._passage, self._copies)
            if not filtering.passes(context):
                books.exclude("medias", number, media.id)
                continue
            if missing := source.missing(media):
                books.leave_out("medias", number, media.id, missing)
            else:
                books.give("medias", number)
            passing.append(context)
        return passing

    def leave_out(self, reason: str, *, is_fault: bool = False) -> None:
        """This entry is not part of what is written: count it, and all that belongs to it, under a short reason.

        `is_fault`: something is wrong with it, rather than a choice; unless the run skips such entries, that ends it.
        """
        if is_fault:
            self._passage.refuse_fault(self.model.id, reason)
        self._passage.books.leave_out_entry(self.model, self._place, reason, is_fault=is_fault)


class AnnotationContext:
    """An annotation. `model` is it in the record model: a shape in float pixels, a category, attributes."""

    def __init__(self, annotation: Annotation, entry: EntryContext, number: int, passage: Passage) -> None:
        self.model = annotation
        self.entry = entry
        self._number = number
        self._passage = passage

    @cached_property
    def record(self) -> Record:
        """The annotation as the platform sends it; `record.shape` is its `dimensions`."""
        return records.annotation_record(self.model, self.entry.model)

    @property
    def annotation(self) -> Record:
        return self.record

    def leave_out(self, reason: str) -> None:
        """This annotation is not part of what is written: count it under a short reason that many can share."""
        books, annotation = self._passage.books, self.model
        books.leave_out("annotations", self._number, annotation.id, reason, annotation=annotation)


class MediaContext:
    """A media: the original of an entry (`key` is empty), or a file derived from it."""

    def __init__(self, media: Media, entry: EntryContext, passage: Passage, copies: contextlib.ExitStack) -> None:
        self.model = media
        self.entry = entry
        self._passage = passage
        self._copies = copies

    @cached_property
    def record(self) -> Record:
        """The media as the platform sends it. Its `filename` is neither unique nor safe, see `safe_name`."""
        return records.media_record(self.model, self.entry.model)

    @property
    def media(self) -> Record:
        return self.record

    @property
    def safe_name(self) -> str:
        """A name for a file: legal on every system, unlike that of any other media of its dataset, always the same."""
        name = self.model.name.rpartition("/")[2] or self.model.id
        name = naming.safe_component(naming.with_extension(name, self.model.mime_type))
        return naming.told_apart(name, self.model.id)

    @property
    def missing(self) -> str:
        """Why the run has no bytes of this media; empty when it has."""
        return self._passage.source.missing(self.model)

    def open(self) -> IO[bytes]:
        """The bytes as a stream, to be closed by the caller.

        Raises:
            FatalError: the run has no bytes of this media: it was told not to fetch it.
        """
        self._require()
        return self._passage.source.open(self.model)

    def download(self) -> bytes:
        """The bytes, all in memory. See `open` for what is large."""
        size = self.model.size or 0
        if size > LARGE_BYTES and not self._passage.has_warned_of_size:
            self._passage.has_warned_of_size = True
            self._passage.log.warning(
                "Media %s has %.0f MB, and download() holds all of it in memory; open() reads it as a stream.",
                *(self.model.id, size / 1e6),
            )
        with self.open() as stream:
            return stream.read()

    @cached_property
    def path(self) -> Path:
        """A local file with the bytes, not to be written to. It is there until the next entry is asked for."""
        self._require()
        here = self._passage.source.path(self.model)
        if here is not None:
            return here
        folder = Path(self._copies.enter_context(temporary_folder()))
        with self.open() as stream, (folder / "media").open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
        return folder / "media"

    def _require(self) -> None:
        if missing := self.missing:
            raise FatalError(f"There are no bytes of media {self.model.id}: {missing}; export with --media all.")
