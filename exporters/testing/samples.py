"""Two small datasets of the kind that surprises exporters."""

from __future__ import annotations

from typing import Any

from exporters.testing.data import Datasets, plain_data

CORNERS = [[0.1, 0.25], [0.3, 0.25], [0.3, 0.5], [0.1, 0.5]]
SHAPES: tuple[dict[str, Any], ...] = (
    {"type": "idah-image:bounding-box", "points": CORNERS, "angle": 0},
    {"type": "idah-image:bounding-box", "points": CORNERS, "angle": 0.5},
    {"type": "idah-image:polygon", "points": CORNERS[:3]},
    {"type": "idah-image:line", "points": CORNERS[:2]},
    {"type": "idah-image:circle", "points": CORNERS[:1], "radius": 0.2},
    {"type": "idah-image:ellipse", "points": CORNERS[:2], "angle": 1.5},
    {"type": "idah-image:mask", "points": [], "tile-0x0": {"rle": "BQM="}},
    {"type": "entry:root"},
    {"type": "other-plugin:cuboid", "depth": 3},
    {},
)
NAMES = ("a.jpg", "a.jpg", "../up.jpg", "/root.jpg", 'quo"te.jpg', "新しい\n写真.jpg", "", "A.JPG", "con.jpg")
"""Of uploaded files: nothing makes them unique, or fit for a disk."""


def sample_data() -> Datasets:
    """Every shape, names that meet or lead elsewhere, an entry that nobody has annotated, one without a media."""
    many: list[dict[str, Any]] = [
        {
            "name": name,
            "status": "completed",
            "annotations": [
                {
                    "dimensions": shape,
                    "annotation": {"category": "vehicles/car", "attributes": {"occluded": False, "tags": ["night"]}},
                    "metadata": {"confidence": 0.5},
                    "created_by_email": "annotator@example.org",
                }
                for shape in SHAPES[number % len(SHAPES) :]
            ],
            "medias": [
                {
                    "filename": name,
                    "mime_type": "image/jpeg",
                    "meta": {"width": 300, "height": 200},
                    "bytes": b"picture %d" % number,
                }
            ],
        }
        for number, name in enumerate(NAMES)
    ]
    few: list[dict[str, Any]] = [
        {"name": None, "status": "in_progress", "resource": None},
        {
            "name": "b.jpg",
            "status": "errored",
            "annotations": [{"dimensions": None, "annotation": {}, "metadata": None}],
        },
    ]
    return plain_data({"name": 'Crossing, "north" d\'été', "entries": many}, {"name": "Few", "entries": few})
