"""What IDAH derives from scenes: media files and the annotations' contents, made on request and soon forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from blocks.sandbox.bodies import Body
from blocks.sandbox.idah_dimensions import dimensions_of
from blocks.sandbox.idah_ontology import ROOT_TYPE
from blocks.sandbox.kept import Kept
from blocks.sandbox.padding import pad_jpeg
from blocks.sandbox.picture import encode, thumbnail
from blocks.sandbox.scenes import Scene, count_objects, draw_crowd, draw_scene

ORIGINAL, PROCESSED, THUMBNAIL = MEDIA_KEYS = ("", "processed.webp", "thumbnail.webp")
BENCHMARK_SCENES = 64


class Content(NamedTuple):
    """The three JSON columns of an annotation.

    ``piece_of``: instead of ``metadata``, a reference to the annotation of the entry with that number, the first piece
    of the track that this one goes on with.
    """

    dimensions: Any
    annotation: dict[str, Any]
    metadata: dict[str, Any] | None = None
    piece_of: int | None = None


class Showing(Protocol):
    """What the entries of one modality show, by the index of a scene and, for files, by the name of the upload."""

    def index_of(self, number: int) -> int:
        """What the entry shows that is the ``number``-th of its modality."""

    def count_annotations(self, index: int) -> int: ...

    def contents(self, index: int) -> Sequence[Content]: ...

    def keys(self, index: int, /) -> Sequence[str]:
        """Of the media files: the original's, which is empty, and those of derived ones."""

    def meta(self, index: int, key: str) -> Mapping[str, Any]: ...

    def mime_type(self, key: str) -> str: ...

    def file(self, index: int, key: str, resource: str, /) -> Body: ...


class Gallery:
    """The scenes of one seed. Keeps a few scenes, some megabytes of files, and the size of every file once drawn.

    For benchmarks, ``media_bytes`` pads originals to that size, and ``annotations_per_entry`` fills every scene with
    that many boxes. Either way there are only ``BENCHMARK_SCENES`` scenes, drawn once; files of the same scene still
    differ. ``padded`` names originals that have a size of their own.
    """

    def __init__(self, seed: int, media_bytes: int | None = None, annotations_per_entry: int | None = None) -> None:
        self.seed = seed
        self.padded: dict[str, int] = {}
        self._is_benchmark = media_bytes is not None or annotations_per_entry is not None
        self._media_bytes, self._crowd = media_bytes or 0, annotations_per_entry
        self.scene = lru_cache(maxsize=64)(self._scene)
        self.contents = lru_cache(maxsize=4096)(self._contents)
        self._files = Kept()
        self._sizes: dict[tuple[int, str], int] = {}
        self._counts: dict[int, int] = {}

    @property
    def is_crowded(self) -> bool:
        """Whether every entry has the same number of annotations."""
        return self._crowd is not None

    def index_of(self, number: int) -> int:
        return number % BENCHMARK_SCENES if self._is_benchmark else number

    def keys(self, _: int) -> Sequence[str]:
        return MEDIA_KEYS

    def meta(self, index: int, key: str) -> dict[str, Any]:
        if key != ORIGINAL:
            return {}
        scene = self.scene(index)
        return {"width": scene.width, "height": scene.height, "format": "jpeg"}

    def mime_type(self, key: str) -> str:
        return "image/jpeg" if key == ORIGINAL else "image/webp"

    def media(self, index: int, key: str) -> bytes:
        """A file as it is drawn."""
        return self._files.get((index, key), lambda: self._media(index, key))

    def file(self, index: int, key: str, resource: str) -> Body:
        """Drawing a file is the only way to know its size, but that is remembered."""
        if key == ORIGINAL and (self._is_benchmark or resource in self.padded):
            size = self.padded.get(resource, self._media_bytes)
            return pad_jpeg(self.media(index, key), size, resource.encode())
        if (index, key) not in self._sizes:
            self._sizes[index, key] = len(self.media(index, key))
        return Body(self._sizes[index, key], lambda: iter((self.media(index, key),)))

    def count_annotations(self, index: int) -> int:
        """The objects and the label of the whole; nothing at all on a negative."""
        if self._crowd is not None:
            return self._crowd
        if index not in self._counts:
            count = count_objects(self.seed, index)
            self._counts[index] = count + 1 if count else 0
        return self._counts[index]

    def _scene(self, index: int) -> Scene:
        return draw_scene(self.seed, index) if self._crowd is None else draw_crowd(self.seed, index, self._crowd)

    def _contents(self, index: int) -> list[Content]:
        """The objects in the scene's order, the label of the whole last."""
        scene = self.scene(index)
        contents = [
            Content(
                dimensions_of(item.shape, scene.width, scene.height),
                {"category": item.category, "attributes": dict(item.attributes)},
                # Some annotations come from an importer, which left its confidence.
                {"confidence": 0.92} if (index + order) % 8 == 0 else None,
            )
            for order, item in enumerate(scene.objects)
        ]
        if scene.time_of_day:
            contents.append(Content({"type": ROOT_TYPE}, {"category": scene.time_of_day, "attributes": {}}))
        return contents

    def _media(self, index: int, key: str) -> bytes:
        scene = self.scene(index)
        if key == ORIGINAL:
            return scene.jpeg()
        picture = scene.picture()
        return encode(thumbnail(picture) if key == THUMBNAIL else picture, "webp")
