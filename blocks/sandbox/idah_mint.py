"""Makes the rows of the IDAH sandbox: every id, name and time follows from the seed and a running number."""

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count

from blocks.sandbox.idah_derived import Annotation, Media
from blocks.sandbox.idah_gallery import Content, Gallery
from blocks.sandbox.idah_rows import Dataset, Entry, Member, Project

FOUNDED_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
ANNOTATED_AT = datetime(2026, 3, 9, 16, 8, 26, 481_516, tzinfo=UTC)
SETTLED_AT = datetime(2026, 3, 9, 16, 20, 11, 234_200, tzinfo=UTC)  # when everything there is had happened
ANNOTATOR_ID, REVIEWER_ID = 12, 13  # of accounts
ANNOTATOR_EMAIL, REVIEWER_EMAIL = "annotator@example.org", "reviewer@example.org"


class Mint:
    """Numbers entries from 0, over all datasets.

    Every twelfth is in progress (5, 17, ...), and so is every twenty-fourth (15, 39, ...), which nobody has annotated
    yet; the others are completed. Every twelfth (8, 20, ...) has the name of the one before it.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._entry_numbers, self._annotation_numbers = count(), count()

    def project(self) -> Project:
        return Project(self._uuid("project"), "Street scenes", FOUNDED_AT, SETTLED_AT)

    def dataset(self, project: Project, number: int) -> Dataset:
        name = 'Crossing, "north" d\'été' if number == 0 else f"Crossing {number + 1}"
        created_at = FOUNDED_AT + timedelta(minutes=1, seconds=number)
        return Dataset(self._uuid("dataset", number=number), project.id, name, created_at, SETTLED_AT)

    def members(self, project: Project) -> list[Member]:
        joined_at = FOUNDED_AT + timedelta(minutes=2)
        return [
            Member(key, project.id, account_id, name, email, role, joined_at, joined_at)
            for key, account_id, name, email, role in (
                ("8", ANNOTATOR_ID, "Ann Otator", ANNOTATOR_EMAIL, "annotator"),
                ("9", REVIEWER_ID, "Re Viewer", REVIEWER_EMAIL, "reviewer"),
            )
        ]

    def entry(self, dataset: Dataset) -> Entry:
        """The next one in the rhythm above."""
        entry = self.new_entry(dataset)
        if entry.number % 12 == 8:
            entry.name = _file_name(entry.number - 1)
        if entry.number % 12 == 5 or entry.number % 24 == 15:
            entry.status, entry.wf_step, entry.is_annotated = "in_progress", "annotate", entry.number % 12 == 5
            entry.assigned_to_id, entry.assigned_to_email = ANNOTATOR_ID, ANNOTATOR_EMAIL
            entry.submitted_by_id = entry.submitted_by_email = entry.reviewed_by_id = entry.reviewed_by_email = None
        return entry

    def new_entry(self, dataset: Dataset) -> Entry:
        """A completed one, whatever its number."""
        number = next(self._entry_numbers)
        return Entry(
            id=self._uuid("entry", number=number),
            project_id=dataset.project_id,
            dataset_id=dataset.id,
            number=number,
            scene=number,
            job_id=self._uuid("job", number=number),
            resource=f"{self._digest('resource', number)[:16]}.jpg",
            name=_file_name(number),
            created_at=FOUNDED_AT + timedelta(minutes=5, seconds=number),
            updated_at=SETTLED_AT,
            submitted_by_id=ANNOTATOR_ID,
            submitted_by_email=ANNOTATOR_EMAIL,
            reviewed_by_id=REVIEWER_ID,
            reviewed_by_email=REVIEWER_EMAIL,
        )

    def annotation(self, entry: Entry, order: int) -> Annotation:
        """The ``order``-th of the entry's scene; ids sort by entry, then by order."""
        key = self._uuid("annotation", at=ANNOTATED_AT, number=entry.number, order=order)
        return Annotation(key, entry, order, self._gallery, ANNOTATED_AT, ANNOTATED_AT + timedelta(minutes=3))

    def new_annotation(self, entry: Entry, content: Content) -> Annotation:
        """With content of its own, and an id after all others."""
        key = self._uuid("annotation", at=SETTLED_AT + timedelta(days=365), number=next(self._annotation_numbers))
        return Annotation(key, entry, 0, self._gallery, SETTLED_AT, SETTLED_AT, content)

    def media(self, entry: Entry, resource: str, key: str) -> Media:
        name = self._digest("media", f"{resource}/{key}") + (".webp" if key else ".jpg")
        return Media(name, resource, key, entry, self._gallery)

    def _uuid(self, kind: str, *, at: datetime = FOUNDED_AT, number: int = 0, order: int = 0) -> str:
        """Shaped like a UUIDv7 made ``number`` milliseconds after ``at``."""
        milliseconds = f"{int(at.timestamp() * 1000) + number:012x}"
        digest = self._digest(kind, number)
        return f"{milliseconds[:8]}-{milliseconds[8:]}-7{order:03x}-8{digest[:3]}-{digest[3:15]}"

    def _digest(self, kind: str, key: int | str) -> str:
        return hashlib.blake2b(f"{self._gallery.seed}:{kind}:{key}".encode(), digest_size=16).hexdigest()


def _file_name(number: int) -> str:
    return f"cam_{number + 1:06d}.jpg"
