"""What IDAH derives from scenes: media files and the annotations' contents, made on request and soon forgotten."""

from functools import lru_cache
from typing import Any, NamedTuple

from blocks.sandbox.idah_dimensions import dimensions_of
from blocks.sandbox.idah_ontology import ROOT_TYPE
from blocks.sandbox.picture import encode, thumbnail
from blocks.sandbox.scenes import Scene, count_objects, draw_scene

ORIGINAL, PROCESSED, THUMBNAIL = MEDIA_KEYS = ("", "processed.webp", "thumbnail.webp")


class Content(NamedTuple):
    """The three JSON columns of an annotation."""

    dimensions: Any
    annotation: dict[str, Any]
    metadata: dict[str, Any] | None = None


class Gallery:
    """The scenes of one seed. Keeps a few scenes, the files of some hundred, and the size of every file once drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.scene = lru_cache(maxsize=64)(self._scene)
        self.contents = lru_cache(maxsize=512)(self._contents)
        self.media = lru_cache(maxsize=1024)(self._media)
        self._sizes: dict[tuple[int, str], int] = {}

    def media_size(self, index: int, key: str) -> int:
        """Bytes of a media file; drawing it is the only way to know."""
        if (index, key) not in self._sizes:
            self._sizes[index, key] = len(self.media(index, key))
        return self._sizes[index, key]

    def count_annotations(self, index: int) -> int:
        """The objects and the label of the whole; nothing at all on a negative."""
        count = count_objects(self.seed, index)
        return count + 1 if count else 0

    def _scene(self, index: int) -> Scene:
        return draw_scene(self.seed, index)

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
