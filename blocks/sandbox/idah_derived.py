"""The rows of IDAH that follow from scenes: annotations and medias, light until somebody reads a costly column."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from blocks.sandbox.idah_gallery import ORIGINAL, Content, Gallery
from blocks.sandbox.idah_rows import Entry, Kind, Row, columns


@dataclass(slots=True, eq=False)
class Annotation(Row):
    """The ``order``-th annotation of its entry's scene, unless other content is ``given``.

    ``given.dimensions`` may be an ``orjson.Fragment`` of raw JSON, to send what a dict cannot hold: a repeated key.
    """

    TYPE = "dataset:annotations"
    COLUMNS = columns("""
        project_id uuid, dataset_id uuid, entry_id uuid, dimensions json, annotation json,
        metadata json, created_by_email text, created_at time, updated_at time
    """)
    OPERATORS = frozenset({"updated_at__gt"})
    RELATIONS = ("project", "dataset", "entry")

    id: str
    entry: Entry
    order: int
    gallery: Gallery
    created_at: datetime
    updated_at: datetime
    given: Content | None = None
    created_by_email: str = "annotator@example.org"

    @property
    def content(self) -> Content:
        return self.given or self.gallery.contents(self.entry.scene)[self.order]

    @property
    def project_id(self) -> str:
        return self.entry.project_id

    @property
    def dataset_id(self) -> str:
        return self.entry.dataset_id

    @property
    def entry_id(self) -> str:
        return self.entry.id

    @property
    def dimensions(self) -> Any:
        return self.content.dimensions

    @property
    def annotation(self) -> dict[str, Any]:
        return self.content.annotation

    @property
    def metadata(self) -> dict[str, Any] | None:
        return self.content.metadata


@dataclass(slots=True, eq=False)
class Media(Row):
    """A file of the scene that ``entry`` shows; ``id`` is its random-looking name in the storage."""

    TYPE = "media:medias"
    KEY: ClassVar[Kind] = "text"
    COLUMNS = columns("""
        resource text, key text, filename text, size integer, mime_type text,
        created_by integer, created_role text, public boolean, meta json, created_at time,
        updated_at absent, project_id uuid
    """)

    id: str
    resource: str
    key: str
    entry: Entry
    gallery: Gallery
    public: bool = False
    updated_at: None = None

    @property
    def filename(self) -> str | None:
        return self.key or self.entry.name

    @property
    def content(self) -> bytes:
        return self.gallery.media(self.entry.scene, self.key)

    @property
    def size(self) -> int:
        return self.gallery.media_size(self.entry.scene, self.key)

    @property
    def mime_type(self) -> str:
        return "image/jpeg" if self.key == ORIGINAL else "image/webp"

    @property
    def created_by(self) -> int | None:
        return 3 if self.key == ORIGINAL else None

    @property
    def created_role(self) -> str:
        return "user" if self.key == ORIGINAL else "processor"

    @property
    def meta(self) -> dict[str, Any]:
        if self.key != ORIGINAL:
            return {}
        scene = self.gallery.scene(self.entry.scene)
        return {"width": scene.width, "height": scene.height, "format": "jpeg"}

    @property
    def created_at(self) -> datetime:
        return self.entry.created_at

    @property
    def project_id(self) -> str:
        return self.entry.project_id
