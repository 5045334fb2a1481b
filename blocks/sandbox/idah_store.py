"""The database behind the IDAH sandbox: its tables, changed by tests while clients read them.

Timestamps move as on the platform, by a clock of their own that advances a second a change.
"""

from __future__ import annotations

from bisect import insort
from datetime import datetime, timedelta
from typing import Any

from blocks.sandbox.idah_derived import Annotation
from blocks.sandbox.idah_gallery import Content
from blocks.sandbox.idah_lists import Table, by_id
from blocks.sandbox.idah_mint import SETTLED_AT
from blocks.sandbox.idah_rows import IMAGE, Dataset, Entry
from blocks.sandbox.idah_sync import Export, Job, finish
from blocks.sandbox.idah_tables import IdahTables

__all__ = ["IdahStore", "Table"]

_UNCHANGED: Any = object()


class IdahStore(IdahTables):
    """Its methods may be called from any thread while the sandbox serves."""

    _now = SETTLED_AT

    # Datasets

    def add_dataset(self, name: str, modality: str = IMAGE) -> Dataset:
        """An empty one behind all others; ``modality`` may be one that no plug-in here has."""
        with self.lock:
            dataset = self._mint.dataset(self.project, self._datasets_made, modality)
            self._datasets_made += 1
            dataset.name = name
            dataset.created_at = self._touch(dataset)
            self.datasets.append(dataset)
            return dataset

    def copy_dataset(self, dataset_id: str, name: str) -> Dataset:
        """As the platform duplicates: entries and annotations are copied, medias are shared."""
        with self.lock:
            original = next(dataset for dataset in self.datasets if dataset.id == dataset_id)
            dataset = self.add_dataset(name, original.modality)
            for entry in list(self.entries_of(dataset_id)):
                columns = {one: getattr(entry, one) for one in ("name", "resource", "scene", "status", "wf_step")}
                copied = self.add_entry(dataset.id, **columns, is_annotated=False)
                for annotation in self.annotations_of(entry.id):
                    self.add_annotation(copied.id, annotation.dimensions, annotation.annotation, annotation.metadata)
            return dataset

    def rename_dataset(self, dataset_id: str, name: str) -> None:
        with self.lock:
            dataset = next(dataset for dataset in self.datasets if dataset.id == dataset_id)
            dataset.name = name
            self._touch(dataset)

    def delete_dataset(self, dataset_id: str) -> None:
        """Takes its entries and annotations along and leaves the medias."""
        with self.lock:
            for entry in self._entries.pop(dataset_id, []):
                del self._entry[entry.id]
                self._annotations.pop(entry.id, None)
            self.datasets = [dataset for dataset in self.datasets if dataset.id != dataset_id]
            self._forget_lists()

    # Entries

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
            dataset.entries_total_count += 1
            self._count_in(dataset, entry.status, 1)
            return entry

    def change_entry(self, entry_id: str, **columns: Any) -> None:
        """Of columns that no counter depends on, such as ``name``, ``resource`` or ``assigned_to_id``."""
        with self.lock:
            entry = self._entry[entry_id]
            for name, value in columns.items():
                setattr(entry, name, value)
            self._touch(self._dataset(entry), entry)

    def move_entry(self, entry_id: str, status: str, wf_step: str) -> None:
        """Through the workflow. The dataset counts what *becomes* completed or errored, and never takes that back."""
        with self.lock:
            entry = self._entry[entry_id]
            dataset = self._dataset(entry)
            if status != entry.status:
                if entry.status == "in_progress":
                    self._count_in(dataset, entry.status, -1)
                self._count_in(dataset, status, 1)
            entry.status, entry.wf_step = status, wf_step
            self._touch(dataset, entry)

    def reopen_entry(self, entry_id: str) -> None:
        """Back to the annotators."""
        self.move_entry(entry_id, "in_progress", "annotate")

    def complete_entry(self, entry_id: str) -> None:
        self.move_entry(entry_id, "completed", "done")

    def fail_entry(self, entry_id: str) -> None:
        self.move_entry(entry_id, "errored", "error")

    def delete_entry(self, entry_id: str) -> None:
        """Takes its annotations along and leaves its medias."""
        with self.lock:
            entry = self._entry.pop(entry_id)
            dataset = self._dataset(entry)
            self._entries[dataset.id].remove(entry)
            self._annotations.pop(entry_id, None)
            self._forget_lists()
            self._count_in(dataset, entry.status, -1)
            dataset.entries_total_count -= 1
            self._touch(dataset)

    # Annotations

    def add_annotation(
        self,
        entry_id: str,
        dimensions: Any,
        annotation: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the column's name
    ) -> Annotation:
        """Any JSON goes, as on the platform, which checks none of it. Sorts last unless its id is chosen."""
        with self.lock:
            entry = self._entry[entry_id]
            added = self._mint.new_annotation(entry, Content(dimensions, annotation or {}, metadata))
            added.id = id or added.id
            added.created_at = self._touch(self._dataset(entry), entry, added)
            insort(self._own_annotations(entry), added, key=by_id)
            self._datasets_with_additions.add(entry.dataset_id)
            return added

    def change_annotation(
        self,
        annotation_id: str,
        *,
        dimensions: Any = _UNCHANGED,
        annotation: Any = _UNCHANGED,
        metadata: Any = _UNCHANGED,
    ) -> None:
        """Moves the ``updated_at`` of the annotation, its entry and its dataset."""
        with self.lock:
            (changed,) = self._annotation(annotation_id)
            before = (changed.dimensions, changed.annotation, changed.metadata)
            after = (dimensions, annotation, metadata)
            changed.given = Content(
                *(old if new is _UNCHANGED else new for old, new in zip(before, after, strict=True))
            )
            self._touch(self._dataset(changed.entry), changed.entry, changed)

    def delete_annotation(self, annotation_id: str) -> None:
        """Leaves no trace in the ``updated_at`` of the entry or the dataset, as on the platform."""
        with self.lock:
            (annotation,) = self._annotation(annotation_id)
            self._own_annotations(annotation.entry).remove(annotation)

    # Medias

    def set_media(self, resource: str, key: str = "", **given: Any) -> None:
        """Columns of a row (``size``, ``meta``, ``mime_type``, ``filename``), true or not, or its file's ``content``.

        ``content=None``: the storage has lost the file, and the row does not know. Entries of the resource share it.
        """
        with self.lock:
            media = self.media(resource, key)
            if media is None:
                raise KeyError(f"There is no media {key!r} of {resource!r}.")
            media.given = {**(media.given or {}), **given}

    def set_media_size(self, resource: str, key: str, size: int) -> None:
        """What the row says, and therefore the Content-Length; the file stays as long as it is."""
        self.set_media(resource, key, size=size)

    def delete_media(self, resource: str, key: str = "") -> None:
        """Removes one file and its row; entries keep pointing to it."""
        with self.lock:
            self._medias[resource] = [media for media in self.medias_of(resource) if media.key != key]
            self._forget_medias()

    # Exports of the platform's own

    def start_export(self, export_id: str) -> None:
        with self.lock:
            _, job = self._job(export_id)
            job.status, job.updated_at = "running", self._touch()

    def finish_export(self, export_id: str, content: bytes = b"UPD\n") -> None:
        with self.lock:
            export, job = self._job(export_id)
            finish(self._mint, export, job, content)
            job.updated_at = self._touch()

    def fail_export(self, export_id: str) -> None:
        with self.lock:
            _, job = self._job(export_id)
            job.status, job.updated_at = "errored", self._touch()

    def _job(self, export_id: str) -> tuple[Export, Job]:
        export = next(export for export in self.exports if export.id == export_id)
        return export, next(job for job in self.jobs if job.id == export.job_id)

    def _own_annotations(self, entry: Entry) -> list[Annotation]:
        """The list to change."""
        self._joined.clear()
        self.annotations_of(entry.id)
        return self._annotations[entry.id]

    def _dataset(self, entry: Entry) -> Dataset:
        return next(dataset for dataset in self.datasets if dataset.id == entry.dataset_id)

    @staticmethod
    def _count_in(dataset: Dataset, status: str, change: int) -> None:
        if status in {"completed", "errored"}:
            dataset.entries_completed_count += change
        elif status == "in_progress":
            dataset.entries_in_progress_count += change

    def _touch(self, *rows: Dataset | Entry | Annotation) -> datetime:
        self._now += timedelta(seconds=1)
        for row in rows:
            row.updated_at = self._now
        return self._now
