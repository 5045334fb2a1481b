"""The tables behind the IDAH sandbox: one project with image and video datasets.

Everything follows from the seed. Entries exist from the start; annotations and medias come into being when they are
first asked for, so that 50,000 entries start within about a second.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from operator import attrgetter
from threading import RLock

from blocks.sandbox.clips import Clip, Piece
from blocks.sandbox.idah_derived import Annotation, Media
from blocks.sandbox.idah_gallery import Gallery, Showing
from blocks.sandbox.idah_lists import Joined, Table, by_id, merge
from blocks.sandbox.idah_mint import MOST_ANNOTATIONS, Mint
from blocks.sandbox.idah_reel import Reel
from blocks.sandbox.idah_rows import VIDEO, Dataset, Entry, EntryStat, Member, Project
from blocks.sandbox.idah_sync import Export, Job, exports_and_jobs
from blocks.sandbox.scenes import Scene
from blocks.sandbox.shapes import SceneObject


class IdahTables:
    """What can be read. ``entries`` and ``video_entries`` count per dataset; ``IdahSandbox`` explains the rest."""

    def __init__(
        self,
        seed: int,
        *,
        entries: int,
        datasets: int,
        video_entries: int = 0,
        video_datasets: int = 0,
        media_bytes: int | None = None,
        annotations_per_entry: int | None = None,
        large_media_bytes: int | None = None,
    ) -> None:
        if annotations_per_entry is not None and not 0 <= annotations_per_entry <= MOST_ANNOTATIONS:
            raise ValueError(f"An entry of the sandbox has from 0 to {MOST_ANNOTATIONS} annotations.")
        self.lock = RLock()
        self.gallery = Gallery(seed, media_bytes, annotations_per_entry)
        self.reel = Reel(seed)
        self._mint = Mint(self.gallery, self.reel)
        self.project = self._mint.project()
        self.datasets = [self._mint.dataset(self.project, number) for number in range(datasets)]
        for nth in range(video_datasets):
            self.datasets.append(self._mint.video_dataset(self.project, datasets + nth, nth))
        self._datasets_made = len(self.datasets)
        self.members = {member.account_id: member for member in self._mint.members(self.project)}
        self.exports, self.jobs = exports_and_jobs(self._mint, self.project, self.datasets)
        self._entry: dict[str, Entry] = {}
        self._entries: dict[str, list[Entry]] = {}  # by dataset
        self._all_entries: list[Entry] | None = None  # until something changes, as all that follows
        self._annotations: dict[str, list[Annotation]] = {}  # by entry, once asked for
        self._joined: dict[str | None, Sequence[Annotation]] = {}  # by dataset, and of all
        self._datasets_with_additions: set[str] = set()
        self._shown_by: dict[str, Entry] = {}  # by resource: the entry it was uploaded for
        self._medias: dict[str, list[Media]] = {}  # by resource, once asked for
        self._all_medias: list[Media] | None = None
        self._medias_by_key: dict[str, list[Media]] = {}
        for dataset in self.datasets:
            self._fill(dataset, video_entries if dataset.modality == VIDEO else entries)
        if large_media_bytes is not None:
            first = next((entry for entry in self._entry.values() if not entry.is_video), None)
            if first is None or first.resource is None:
                raise ValueError("A sandbox without pictures has none to make large.")
            self.gallery.padded[first.resource] = large_media_bytes
        self.tables: Mapping[str, Table] = {
            "dataset/projects": Table(Project, lambda: [self.project], {}),
            "dataset/project_members": Table(Member, lambda: sorted(self.members.values(), key=by_id), {}),
            "dataset/datasets": Table(Dataset, lambda: self.datasets, {}),
            "dataset/entries": Table(
                Entry, self._entries_of_all, {"id": self._entry_by_id, "dataset_id": self.entries_of}
            ),
            "dataset/entry_stats": Table(EntryStat, list, {}),
            "dataset/annotations": Table(
                Annotation,
                lambda: self._annotations_in(None),
                {"id": self._annotation, "entry_id": self.annotations_of, "dataset_id": self._annotations_in},
            ),
            "media/medias": Table(Media, self._medias_of_all, {"resource": self.medias_of, "key": self._medias_of_key}),
            "sync/exports": Table(Export, lambda: self.exports, {}),
            "sync/jobs": Table(Job, lambda: self.jobs, {}),
        }

    def entries_of(self, dataset_id: str) -> Sequence[Entry]:
        return self._entries.get(dataset_id, [])

    def annotations_of(self, entry_id: str) -> Sequence[Annotation]:
        entry = self._entry.get(entry_id)
        if entry is None:
            return []
        if entry_id not in self._annotations:
            # setdefault: of two threads that come here at once, both keep the list of the first.
            self._annotations.setdefault(entry_id, self._born(entry))
        return self._annotations[entry_id]

    def medias_of(self, resource: str) -> Sequence[Media]:
        """The original and its derived files, in the order of their ids: that is, in no order."""
        if resource not in self._medias:
            entry = self._shown_by.get(resource)
            self._medias.setdefault(resource, self._mint.medias(entry, resource) if entry else [])
        return self._medias[resource]

    def media(self, resource: str, key: str = "") -> Media | None:
        return next((media for media in self.medias_of(resource) if media.key == key), None)

    # Truth

    def scene(self, entry_id: str) -> Scene:
        """What the entry's picture shows: the truth about its annotations."""
        return self.gallery.scene(self._entry[entry_id].scene)

    def clip(self, entry_id: str) -> Clip:
        """The same for the entry of a video."""
        return self.reel.clip(self._entry[entry_id].scene)

    def truth(self, annotation_id: str) -> SceneObject | Piece | None:
        """What is behind an annotation; None for the label of a whole entry and for what a test added."""
        (annotation,) = self._annotation(annotation_id)
        scene = annotation.entry.scene
        drawn: Sequence[SceneObject | Piece]
        drawn = self.reel.clip(scene).pieces if annotation.entry.is_video else self.gallery.scene(scene).objects
        return None if annotation.given or annotation.order >= len(drawn) else drawn[annotation.order]

    # Keeping them in order

    def _fill(self, dataset: Dataset, amount: int) -> None:
        """Entries come into being in the order of their ids."""
        entries = [self._mint.entry(dataset) for _ in range(amount)]
        self._entries[dataset.id] = entries
        self._entry |= {entry.id: entry for entry in entries}
        self._shown_by |= {entry.resource: entry for entry in entries if entry.resource is not None}
        dataset.entries_total_count = amount
        dataset.entries_in_progress_count = sum(entry.status == "in_progress" for entry in entries)
        dataset.entries_completed_count = amount - dataset.entries_in_progress_count

    def _insert(self, entry: Entry) -> None:
        insort(self._entries.setdefault(entry.dataset_id, []), entry, key=by_id)
        self._entry[entry.id] = entry
        self._forget_lists()
        if entry.resource is not None and entry.resource not in self._shown_by:
            self._shown_by[entry.resource] = entry
            self._medias.pop(entry.resource, None)  # somebody may have asked before there was any

    def _forget_lists(self) -> None:
        self._joined.clear()
        self._all_entries = None
        self._forget_medias()

    def _forget_medias(self) -> None:
        self._all_medias = None
        self._medias_by_key.clear()

    def _born(self, entry: Entry) -> list[Annotation]:
        return [self._mint.annotation(entry, order) for order in range(self._count_born(entry))]

    def _count_born(self, entry: Entry) -> int:
        return self._showing(entry).count_annotations(entry.scene) if entry.is_annotated else 0

    def _showing(self, entry: Entry) -> Showing:
        return self.reel if entry.is_video else self.gallery

    def _count(self, entry: Entry) -> int:
        changed = self._annotations.get(entry.id)
        return self._count_born(entry) if changed is None else len(changed)

    def _peek(self, entry: Entry) -> Sequence[Annotation]:
        """Not kept: a client that pages through a million annotations should not leave them all here."""
        changed = self._annotations.get(entry.id)
        return self._born(entry) if changed is None else changed

    def _annotations_in(self, dataset_id: str | None) -> Sequence[Annotation]:
        if dataset_id not in self._joined:
            entries = self._entries_of_all() if dataset_id is None else self.entries_of(dataset_id)
            changed = self._datasets_with_additions
            if dataset_id in changed or (dataset_id is None and changed):
                self._joined[dataset_id] = merge(self.annotations_of(entry.id) for entry in entries)
            else:
                in_order = sorted(
                    entries, key=attrgetter("number")
                )  # in which annotations sort, whatever ids entries have
                self._joined[dataset_id] = Joined(
                    in_order,
                    count=self._count,
                    peek=self._peek,
                    rows=lambda entry: self.annotations_of(entry.id),
                )
        return self._joined[dataset_id]

    def _entry_by_id(self, entry_id: str) -> Sequence[Entry]:
        return [self._entry[entry_id]] if entry_id in self._entry else []

    def _entries_of_all(self) -> Sequence[Entry]:
        if self._all_entries is None:
            self._all_entries = merge(self._entries.values())
        return self._all_entries

    def _medias_of_all(self) -> Sequence[Media]:
        if self._all_medias is None:
            self._all_medias = merge(map(self.medias_of, self._shown_by))
        return self._all_medias

    def _medias_of_key(self, key: str) -> Sequence[Media]:
        if not self._medias_by_key:
            for media in self._medias_of_all():
                self._medias_by_key.setdefault(media.key, []).append(media)
        return self._medias_by_key.get(key, [])

    def _annotation(self, annotation_id: str) -> Sequence[Annotation]:
        rows = self._annotations_in(None)
        place = bisect_left(rows, annotation_id, key=by_id)
        if place == len(rows) or rows[place].id != annotation_id:
            return []
        return [next(row for row in self.annotations_of(rows[place].entry_id) if row.id == annotation_id)]
