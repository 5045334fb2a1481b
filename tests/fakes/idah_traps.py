"""A dataset of everything that the platform lets happen and a client has to survive.

Nothing here is a fault of the platform: it checks neither names nor shapes nor labels, and keeps rows whose files are
not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from blocks.sandbox.idah_store import IdahStore

BOX, MASK, POLYGON = (f"idah-image:{name}" for name in ("bounding-box", "mask", "polygon"))
DATASET_NAME = '../Traps "north" $(date) `id` d\'été\n漢 '
HOSTILE_NAMES = {
    "climbing": "../../etc/passwd",
    "absolute": "/tmp/cam.jpg",
    "folders": "a/b\\c.jpg",
    "hidden": ".htaccess",
    "reserved": "CON.jpg",
    "lines": "one\ntwo\t.jpg",
    "unicode": "кот 🐈 e\u0301.jpg",
    "long": f"{'long' * 75}.jpg",
    "empty": "",
    "blank": " ",
    "no name": None,
    "twice": "twin.jpg",
    "twice again": "twin.jpg",
    "other case": "Twin.JPG",
}
HOSTILE_RESOURCES = {"climbing resource": "../up.jpg", "strange resource": "a b&c=d?e#f%2F.jpg"}
"""Any string is a resource."""


def _box(left: float, top: float, right: float, bottom: float, **more: Any) -> dict[str, Any]:
    return {"type": BOX, "points": [[left, top], [right, top], [right, bottom], [left, bottom]], **more}


_WHOLE_TILE, _FIRST_PIXEL = {"rle": "AA=="}, {"rle": "AAE="}
_CAR = {"category": "vehicles/car", "attributes": {"occluded": False}}
_STALE = f'{{"type": "{MASK}", "points": [], "tile-0x0": {{"rle": "AA=="}}, "tile-0x0": {{"rle": "AAE="}}}}'

SHAPES: dict[str, Any] = {
    "stale tile first": orjson.Fragment(_STALE),
    "mask over the border": {"type": MASK, "points": [], "tile-9x9": _WHOLE_TILE, "tile-0x0": _FIRST_PIXEL},
    "empty mask": {"type": MASK, "points": []},
    "empty tile": {"type": MASK, "points": [], "tile-0x0": {"rle": ""}},
    "cut run": {"type": MASK, "points": [], "tile-0x0": {"rle": "gA=="}},
    "too many runs": {"type": MASK, "points": [], "tile-0x0": {"rle": "v/+//w=="}},
    "no base64": {"type": MASK, "points": [], "tile-0x0": {"rle": "?"}},
    "almost a tile": {"type": MASK, "points": [], "tile-0x0-old": _WHOLE_TILE, "tile-1x0": _FIRST_PIXEL},
    "outside": _box(1.2, 1.2, 1.4, 1.4),
    "around everything": _box(-0.5, -0.5, 1.5, 1.5, angle=0),
    "without size": _box(0.5, 0.5, 0.5, 0.5, angle=0),
    "mirrored": _box(0.8, 0.8, 0.2, 0.2, angle=0),
    "turned thrice": _box(0.4, 0.4, 0.6, 0.5, angle=18.9),
    "whole numbers": _box(0, 0, 1, 1, angle=0),
    "further keys": _box(0.1, 0.1, 0.2, 0.2, angle=0, range=[1, 1], colour="red"),
    "two corners": {"type": POLYGON, "points": [[0.1, 0.1], [0.2, 0.2]]},
    "no points": {"type": POLYGON, "points": []},
    "closed ring": {"type": POLYGON, "points": [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.1]]},
    "crossing itself": {"type": POLYGON, "points": [[0.1, 0.1], [0.4, 0.4], [0.4, 0.1], [0.1, 0.4]]},
    "unknown shape": {"type": "idah-image:spline", "points": [[0.1, 0.1], [0.2, 0.3]], "tension": 0.5},
    "shape of a video": {"type": "idah-video:bounding-box", "start": 0, "end": 0, "frames": []},
    "no type": {"points": [[0.1, 0.1]]},
}
LABELS: dict[str, dict[str, Any]] = {
    "no category": {"attributes": {}},
    "null category": {"category": None, "attributes": None},
    "nothing": {},
    "unknown category": {"category": "vehicles/tram", "attributes": {"speed": "fast"}},
    "hostile category": {"category": "../vehicles/car\n", "attributes": {}},
    "further keys in a label": {"category": "person", "label": "Person", "properties": {"x": 1}, "attributes": {}},
    "values of a wrong kind": {"category": "person", "attributes": {"occluded": "yes", "tags": "night", "note": None}},
}


@dataclass(frozen=True, slots=True)
class Traps:
    """The ids of what was set, by what is wrong with it."""

    dataset_id: str
    entries: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


def set_traps(store: IdahStore) -> Traps:
    """Adds the dataset. Its pictures are sound unless their entry's name here says otherwise.

    Sizes that lie are not among them, since clients wait for what does not come: ``store.set_media_size`` sets those.
    """
    traps = Traps(store.add_dataset(DATASET_NAME).id)

    def add(trap: str, **columns: Any) -> str:
        entry = store.add_entry(traps.dataset_id, is_annotated=False, **columns)
        traps.entries[trap] = entry.id
        return entry.resource or ""

    for trap, name in HOSTILE_NAMES.items():
        add(trap, name=name)
    for trap, resource in HOSTILE_RESOURCES.items():
        add(trap, resource=resource)
    add("shares its media", resource=add("its media is shared"))
    add("no media", resource=None)
    store.delete_media(add("original is deleted"))
    store.set_media(add("file is lost"), content=None)
    store.set_media(add("file is no picture"), content=b"no picture")
    store.set_media(add("not processed yet", status="processing", wf_step="start"), meta={})
    store.set_media(add("size of another picture"), meta={"width": 7, "height": 5, "format": "jpeg"})
    add("failed", status="errored", wf_step="error")
    add("waits for review", status="in_progress", wf_step="review")
    add("counted twice")
    store.reopen_entry(traps.entries["counted twice"])
    store.complete_entry(traps.entries["counted twice"])
    add("shapes")
    for trap, dimensions in SHAPES.items():
        traps.annotations[trap] = store.add_annotation(traps.entries["shapes"], dimensions, dict(_CAR)).id
    add("labels")
    for trap, label in LABELS.items():
        added = store.add_annotation(traps.entries["labels"], _box(0.2, 0.2, 0.6, 0.6, angle=0), label)
        traps.annotations[trap] = added.id
    for trap, metadata in (("empty metadata", {}), ("parent", {"parent_id": "x", "confidence": None})):
        added = store.add_annotation(traps.entries["labels"], _box(0.2, 0.2, 0.6, 0.6), dict(_CAR), metadata)
        traps.annotations[trap] = added.id
    return traps
