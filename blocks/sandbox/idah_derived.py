"""The rows of IDAH that follow from scenes: annotations and medias, light until somebody reads a costly column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from blocks.sandbox.bodies import Body
from blocks.sandbox.idah_gallery import ORIGINAL, Content, Showing
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
    gallery: Showing
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
        _, _, metadata, piece_of = self.content
        return metadata if piece_of is None else {"group_id": sibling_id(self.id, piece_of)}


def sibling_id(annotation_id: str, order: int) -> str:
    """The id of the ``order``-th annotation of the same entry: three digits of it are that number."""
    return f"{annotation_id[:15]}{order:03x}{annotation_id[18:]}"


@dataclass(slots=True, eq=False)
class Media(Row):
    """A file of the scene that ``entry`` shows; ``id`` is its random-looking name in the storage.

    ``given`` has what a test gave it instead: columns (``size``, ``meta``, ``mime_type``, ``filename``), which then may
    be wrong, or the file's ``content``, None where the storage has lost it.
    """

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
    gallery: Showing
    public: bool = False
    updated_at: None = None
    given: Mapping[str, Any] | None = None

    @property
    def filename(self) -> Any:
        return self._given("filename", lambda: self.key or self.entry.name)

    @property
    def file(self) -> Body | None:
        """What is stored, made on request; None where it is lost."""
        content: bytes | Body | None = self._given("content", self._born)
        return Body.of(content) if isinstance(content, bytes) else content

    @property
    def content(self) -> bytes:
        """The whole file in memory; nothing where it is lost."""
        return self.file.whole() if self.file else b""

    @property
    def size(self) -> int:
        """As the row has it. It stays what it was when the file is lost."""
        return self.declared(self.file or self._born())

    def declared(self, stored: Body) -> int:
        """The size that is told of the file."""
        return int(self._given("size", lambda: stored.size))

    @property
    def mime_type(self) -> str:
        return str(self._given("mime_type", lambda: self.gallery.mime_type(self.key)))

    @property
    def created_by(self) -> int | None:
        return 3 if self.key == ORIGINAL else None

    @property
    def created_role(self) -> str:
        return "user" if self.key == ORIGINAL else "processor"

    @property
    def meta(self) -> Any:
        return self._given("meta", lambda: self.gallery.meta(self.entry.scene, self.key))

    @property
    def created_at(self) -> datetime:
        return self.entry.created_at

    @property
    def project_id(self) -> str:
        return self.entry.project_id

    def _born(self) -> Body:
        return self.gallery.file(self.entry.scene, self.key, self.resource)

    def _given(self, name: str, otherwise: Callable[[], Any]) -> Any:
        return otherwise() if self.given is None or name not in self.given else self.given[name]
