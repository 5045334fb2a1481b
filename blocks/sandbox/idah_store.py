"""The database behind the IDAH sandbox: one project with image datasets, changed by tests while clients read it.

Everything follows from the seed. Entries exist from the start; annotations and medias come into being when they are
first asked for, so that 50,000 entries start within about a second.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from threading import RLock
from typing import Any, TypeVar

from blocks.sandbox.idah_derived import Annotation, Media
from blocks.sandbox.idah_gallery import MEDIA_KEYS, Content, Gallery
from blocks.sandbox.idah_mint import SETTLED_AT, Mint
from blocks.sandbox.idah_rows import Dataset, Entry, Project, Row
from blocks.sandbox.scenes import Scene
from blocks.sandbox.shapes import SceneObject

RowT = TypeVar("RowT", bound=Row)
by_id = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of their primary key; ``find`` answers equality on some columns without a look at every row."""

    row_type: type[Row]
    scan: Callable[[], Sequence[Row]]
    find: Mapping[str, Callable[[str], Sequence[Row]]]

    def get(self, key: str) -> Row | None:
        rows = self.find["id"](key) if "id" in self.find else self.scan()
        return next((row for row in rows if row.id == key), None)


def _merge(lists: Iterable[Sequence[RowT]]) -> list[RowT]:
    return sorted(chain.from_iterable(lists), key=by_id)


class IdahStore:
    """``entries`` counts per dataset. Its methods may be called from any thread while the sandbox serves."""

    def __init__(self, seed: int, *, entries: int, datasets: int) -> None:
        self.lock = RLock()
        self.gallery = Gallery(seed)
        self._mint = Mint(self.gallery)
        self._now = SETTLED_AT
        self.project = self._mint.project()
        self.datasets = [self._mint.dataset(self.project, number) for number in range(datasets)]
        self.members = {member.account_id: member for member in self._mint.members(self.project)}
        self._entry: dict[str, Entry] = {}
        self._entries: dict[str, list[Entry]] = {dataset.id: [] for dataset in self.datasets}
        self._annotations: dict[str, list[Annotation]] = {}  # by entry, once asked for
        self._dataset_annotations: dict[str, list[Annotation]] = {}  # by dataset, until something changes
        self._shown_by: dict[str, Entry] = {}  # by resource: the entry it was uploaded for
        self._medias: dict[str, list[Media]] = {}  # by resource, once asked for
        for dataset in self.datasets:
            for _ in range(entries):
                self._insert(self._mint.entry(dataset))
        self.tables: Mapping[str, Table] = {
            "dataset/projects": Table(Project, lambda: [self.project], {}),
            "dataset/datasets": Table(Dataset, lambda: self.datasets, {}),
            "dataset/entries": Table(
                Entry,
                lambda: _merge(map(self.entries_of, self._entries)),
                {"id": lambda key: [self._entry[key]] if key in self._entry else [], "dataset_id": self.entries_of},
            ),
            "dataset/annotations": Table(
                Annotation,
                lambda: _merge(map(self._annotations_in, self._entries)),
                {"id": self._annotation, "entry_id": self.annotations_of, "dataset_id": self._annotations_in},
            ),
            "media/medias": Table(
                Media,
                lambda: _merge(map(self.medias_of, self._shown_by)),
                {"resource": self.medias_of},
            ),
        }

    # Reading

    def entries_of(self, dataset_id: str) -> Sequence[Entry]:
        return self._entries.get(dataset_id, [])

    def annotations_of(self, entry_id: str) -> Sequence[Annotation]:
        entry = self._entry.get(entry_id)
        if entry is None:
            return []
        if entry_id not in self._annotations:
            amount = self.gallery.count_annotations(entry.scene) if entry.is_annotated else 0
            # setdefault: of two threads that come here at once, both keep the list of the first.
            self._annotations.setdefault(entry_id, [self._mint.annotation(entry, order) for order in range(amount)])
        return self._annotations[entry_id]

    def medias_of(self, resource: str) -> Sequence[Media]:
        """The original and its derived files, in the order of their ids: that is, in no order."""
        if resource not in self._medias:
            entry = self._shown_by.get(resource)
            medias = [self._mint.media(entry, resource, key) for key in MEDIA_KEYS] if entry else []
            self._medias.setdefault(resource, sorted(medias, key=by_id))
        return self._medias[resource]

    def scene(self, entry_id: str) -> Scene:
        """What the entry's media shows: the truth about its annotations."""
        return self.gallery.scene(self._entry[entry_id].scene)

    def truth(self, annotation_id: str) -> SceneObject | None:
        """The object behind an annotation; None for the label of a whole entry and for what a test added."""
        (annotation,) = self._annotation(annotation_id)
        objects = self.gallery.scene(annotation.entry.scene).objects
        return None if annotation.given or annotation.order >= len(objects) else objects[annotation.order]

    # Changing: timestamps move as on the platform, by a clock of their own that advances a second a change

    def add_entry(self, dataset_id: str | None = None, **columns: Any) -> Entry:
        """A further entry, of the first dataset unless told otherwise; ``columns`` replace what it would have.

        ``resource``: that of another entry shows the same media, None shows nothing. ``scene`` picks what the media
        shows. ``id``: an early one moves the rows after it, as a client may do while others read.
        ``is_annotated=False``: no annotations.
        """
        with self.lock:
            dataset = next(dataset for dataset in self.datasets if dataset_id in {None, dataset.id})
            entry = self._mint.new_entry(dataset)
            for name, value in columns.items():
                setattr(entry, name, value)
            if entry.resource in self._shown_by:
                entry.scene = self._shown_by[entry.resource].scene
            entry.created_at = self._touch(dataset, entry)
            self._insert(entry)
            return entry

    def delete_entry(self, entry_id: str) -> None:
        """Takes its annotations along and leaves its medias."""
        with self.lock:
            entry = self._entry.pop(entry_id)
            dataset = self._dataset(entry)
            self._entries[dataset.id].remove(entry)
            self._annotations.pop(entry_id, None)
            self._dataset_annotations.clear()
            self._count(dataset, entry.status, -1)
            dataset.entries_total_count -= 1
            self._touch(dataset)

    def reopen_entry(self, entry_id: str) -> None:
        """Back to the annotators; the dataset's count of completed entries stays, as on the platform."""
        with self.lock:
            entry = self._entry[entry_id]
            entry.status, entry.wf_step = "in_progress", "annotate"
            self._count(self._dataset(entry), entry.status, 1)
            self._touch(self._dataset(entry), entry)

    def complete_entry(self, entry_id: str) -> None:
        with self.lock:
            entry = self._entry[entry_id]
            self._count(self._dataset(entry), entry.status, -1)
            entry.status, entry.wf_step = "completed", "done"
            self._count(self._dataset(entry), entry.status, 1)
            self._touch(self._dataset(entry), entry)

    def add_annotation(
        self,
        entry_id: str,
        dimensions: Any,
        annotation: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Annotation:
        """Any JSON goes, as on the platform, which checks none of it."""
        with self.lock:
            entry = self._entry[entry_id]
            added = self._mint.new_annotation(entry, Content(dimensions, annotation or {}, metadata))
            added.created_at = self._touch(self._dataset(entry), entry, added)
            insort(self._change_annotations(entry), added, key=by_id)
            return added

    def delete_annotation(self, annotation_id: str) -> None:
        """Leaves no trace in the ``updated_at`` of the entry or the dataset, as on the platform."""
        with self.lock:
            (annotation,) = self._annotation(annotation_id)
            self._change_annotations(annotation.entry).remove(annotation)

    def delete_media(self, resource: str, key: str = "") -> None:
        """Removes one file and its row; entries keep pointing to it."""
        with self.lock:
            self._medias[resource] = [media for media in self.medias_of(resource) if media.key != key]

    # Keeping them in order

    def _insert(self, entry: Entry) -> None:
        insort(self._entries[entry.dataset_id], entry, key=by_id)
        self._entry[entry.id] = entry
        self._dataset_annotations.clear()
        if entry.resource is not None:
            self._shown_by.setdefault(entry.resource, entry)
        dataset = self._dataset(entry)
        dataset.entries_total_count += 1
        self._count(dataset, entry.status, 1)

    def _annotations_in(self, dataset_id: str) -> Sequence[Annotation]:
        if dataset_id not in self._dataset_annotations:
            entries = self.entries_of(dataset_id)
            self._dataset_annotations[dataset_id] = _merge(self.annotations_of(entry.id) for entry in entries)
        return self._dataset_annotations[dataset_id]

    def _annotation(self, annotation_id: str) -> Sequence[Annotation]:
        for rows in map(self._annotations_in, self._entries):
            place = bisect_left(rows, annotation_id, key=by_id)
            if rows[place : place + 1] and rows[place].id == annotation_id:
                return [rows[place]]
        return []

    def _change_annotations(self, entry: Entry) -> list[Annotation]:
        self._dataset_annotations.clear()
        self.annotations_of(entry.id)
        return self._annotations[entry.id]

    def _dataset(self, entry: Entry) -> Dataset:
        return next(dataset for dataset in self.datasets if dataset.id == entry.dataset_id)

    @staticmethod
    def _count(dataset: Dataset, status: str, change: int) -> None:
        if status == "completed":
            dataset.entries_completed_count += change
        elif status == "in_progress":
            dataset.entries_in_progress_count += change

    def _touch(self, *rows: Dataset | Entry | Annotation) -> datetime:
        self._now += timedelta(seconds=1)
        for row in rows:
            row.updated_at = self._now
        return self._now
