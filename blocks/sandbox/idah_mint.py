"""Makes the rows of the IDAH sandbox: every id, name and time follows from the seed and a running number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from blocks.sandbox.idah_accounts import ANNOTATOR_EMAIL, REVIEWER_EMAIL
from blocks.sandbox.idah_derived import Annotation, Media
from blocks.sandbox.idah_gallery import Content, Gallery, Showing
from blocks.sandbox.idah_reel import Reel
from blocks.sandbox.idah_rows import IMAGE, VIDEO, Dataset, Entry, Member, Project

FOUNDED_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
ANNOTATED_AT = datetime(2026, 3, 9, 16, 8, 26, 481_516, tzinfo=UTC)
FINISHED_AT = ANNOTATED_AT + timedelta(minutes=3)
SETTLED_AT = datetime(2026, 3, 9, 16, 20, 11, 234_200, tzinfo=UTC)  # when everything there is had happened
UPLOADER_ID, ANNOTATOR_ID, REVIEWER_ID = 3, 12, 13  # of accounts
MOST_ANNOTATIONS = 0x1000  # of an entry: their number has three digits of the id


class Mint:
    """Numbers entries from 0, over all datasets; pictures and videos are numbered by themselves besides.

    Of pictures, every twelfth is in progress (5, 17, ...), and so is every twenty-fourth (15, 39, ...), which nobody
    has annotated yet; the others are completed. Every twelfth (8, 20, ...) has the name of the one before it. Of
    videos, every fourth is in progress (3, 7, ...).
    """

    def __init__(self, gallery: Gallery, reel: Reel) -> None:
        self._gallery, self._reel = gallery, reel
        self._numbers, self._video_numbers = count(), count()
        self._annotation_numbers = count()

    def project(self) -> Project:
        return Project(self.uuid("project"), "Street scenes", FOUNDED_AT, SETTLED_AT)

    def dataset(self, project: Project, number: int, modality: str = IMAGE) -> Dataset:
        """``number`` counts all; ids sort by it."""
        created_at = FOUNDED_AT + timedelta(minutes=1, seconds=number)
        name = 'Crossing, "north" d\'été' if number == 0 else f"Crossing {number + 1}"
        identifier = self.uuid("dataset", number=number)
        return Dataset(identifier, project.id, name, created_at, SETTLED_AT, modality=modality)

    def video_dataset(self, project: Project, number: int, nth: int) -> Dataset:
        """The ``nth`` of its kind, counted from 0."""
        dataset = self.dataset(project, number, VIDEO)
        dataset.name = "Ring road" if nth == 0 else f"Ring road {nth + 1}"
        return dataset

    def members(self, project: Project) -> list[Member]:
        joined_at = FOUNDED_AT + timedelta(minutes=2)
        return [
            Member(key, project.id, account_id, name, email, role, joined_at, joined_at)
            for key, account_id, name, email, role in (
                ("7", UPLOADER_ID, "Pro Owner", "owner@example.org", "owner"),
                ("8", ANNOTATOR_ID, "Ann Otator", ANNOTATOR_EMAIL, "annotator"),
                ("9", REVIEWER_ID, "Re Viewer", REVIEWER_EMAIL, "reviewer"),
            )
        ]

    def entry(self, dataset: Dataset) -> Entry:
        """The next one in the rhythm above."""
        entry = self.new_entry(dataset)
        number = entry.scene if entry.is_video else entry.number
        if entry.is_video:
            is_open, is_untouched = number % 4 == 3, False
        else:
            is_open, is_untouched = number % 12 == 5, number % 24 == 15
            entry.is_annotated = not is_untouched or self._gallery.is_crowded
            if number % 12 == 8:
                entry.name = _file_name(entry, number - 1)
        if is_open or is_untouched:
            entry.status, entry.wf_step = "in_progress", "annotate"
            entry.assigned_to_id, entry.assigned_to_email = ANNOTATOR_ID, ANNOTATOR_EMAIL
            entry.submitted_by_id = entry.submitted_by_email = entry.reviewed_by_id = entry.reviewed_by_email = None
        return entry

    def new_entry(self, dataset: Dataset) -> Entry:
        """A completed one, whatever its number."""
        number, is_video = next(self._numbers), dataset.modality == VIDEO
        scene = next(self._video_numbers) if is_video else self._gallery.index_of(number)
        entry = Entry(
            id=self.uuid("entry", number=number),
            project_id=dataset.project_id,
            dataset_id=dataset.id,
            number=number,
            scene=scene,
            is_video=is_video,
            job_id=self.uuid("job", number=number),
            resource=f"{self.digest('resource', number)[:16]}.{'avi' if is_video else 'jpg'}",
            name=None,
            created_at=FOUNDED_AT + timedelta(minutes=5, seconds=number),
            updated_at=SETTLED_AT,
            submitted_by_id=ANNOTATOR_ID,
            submitted_by_email=ANNOTATOR_EMAIL,
            reviewed_by_id=REVIEWER_ID,
            reviewed_by_email=REVIEWER_EMAIL,
        )
        entry.name = _file_name(entry, scene if is_video else number)
        return entry

    def annotation(self, entry: Entry, order: int) -> Annotation:
        """The ``order``-th of the entry's scene; ids sort by entry, then by order."""
        key = self.uuid("annotation", at=ANNOTATED_AT, number=entry.number, order=order)
        return Annotation(key, entry, order, self._shown_by(entry), ANNOTATED_AT, FINISHED_AT)

    def new_annotation(self, entry: Entry, content: Content) -> Annotation:
        """With content of its own, and an id after all others."""
        key = self.uuid("annotation", at=SETTLED_AT + timedelta(days=365), number=next(self._annotation_numbers))
        return Annotation(key, entry, 0, self._shown_by(entry), SETTLED_AT, SETTLED_AT, content)

    def medias(self, entry: Entry, resource: str) -> list[Media]:
        """The original and its derived files, in the order of their ids: that is, in no order."""
        shown = self._shown_by(entry)
        medias = [
            Media(self.digest("media", f"{resource}/{key}") + _suffix(key, entry), resource, key, entry, shown)
            for key in shown.keys(entry.scene)
        ]
        return sorted(medias, key=lambda media: media.id)

    def uuid(self, kind: str, *, at: datetime = FOUNDED_AT, number: int = 0, order: int = 0) -> str:
        """Shaped like a UUIDv7 made ``number`` milliseconds after ``at``."""
        milliseconds = f"{_milliseconds(at) + number:012x}"
        digest = self.digest(kind, number)
        return f"{milliseconds[:8]}-{milliseconds[8:]}-7{order:03x}-8{digest[:3]}-{digest[3:15]}"

    def digest(self, kind: str, key: Any) -> str:
        return hashlib.blake2b(f"{self._gallery.seed}:{kind}:{key}".encode(), digest_size=16).hexdigest()

    def _shown_by(self, entry: Entry) -> Showing:
        return self._reel if entry.is_video else self._gallery


@cache
def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _file_name(entry: Entry, number: int) -> str:
    return f"ring_{number + 1:06d}.avi" if entry.is_video else f"cam_{number + 1:06d}.jpg"


def _suffix(key: str, entry: Entry) -> str:
    """Of a storage name; playlists have none."""
    if not key:
        return ".avi" if entry.is_video else ".jpg"
    suffix = key.rpartition(".")[2]
    return "" if suffix == "m3u8" else f".{suffix}"
