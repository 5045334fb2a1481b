"""Label Studio's JSON as it is exported."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks.folder import FolderSource
from exporters.errors import RequestError
from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Entry,
    Mask,
    Polyline,
    Relation,
    RotatedBox,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
    Unknown,
)
from exporters.shapes import brushrle, masks
from tests.blocks.samples import everything, lay_out
from tests.fakes import layouts
from tests.fakes.datasets import BLOB, HEIGHT, WIDTH

RIGHT = math.pi / 2


def open_files(folder: Path, **files: Any) -> FolderSource:
    return FolderSource(url=str(lay_out(folder / "set", files)))


def region(kind: str, id_: str = "r", size: tuple[int, int] = (200, 100), **value: Any) -> dict[str, Any]:
    sizes = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    return {"id": id_, "type": kind, "from_name": "tag", "to_name": "image", "value": value, **sizes}


def opinion(*result: Any, **values: Any) -> dict[str, Any]:
    return {"id": 5, "completed_by": 1, "was_cancelled": False, "result": list(result), **values}


def tasks(folder: Path, *opinions: Any, data: str = "s3://b/a.png", **files: Any) -> Entry:
    task = {"id": 1, "data": {"image": data}, "annotations": list(opinions)}
    (found,) = everything(open_files(folder, **{"export.json": [task], **files}))
    return found


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (region("rectanglelabels", x=50, y=50, width=10, height=10, rotation=0), Box(100, 50, 20, 10)),
        (region("rectangle", x=50, y=50, width=10, height=10), Box(100, 50, 20, 10)),
        (region("rectanglelabels", x=50, y=50, width=10, height=10, rotation=90), RotatedBox(95, 60, 20, 10, RIGHT)),
        (region("ellipselabels", x=50, y=50, radiusX=5, radiusY=20), Ellipse(100, 50, 10, 20)),
        (region("keypointlabels", x=10, y=10, width=0.5), Skeleton(((20, 10),), (2,))),
        (region("polygonlabels", points=[[0, 0], [50, 0]], closed=False), Polyline(((0, 0), (100, 0)))),
        (region("brushlabels", format="rle", rle=[0, 0, 0]), Unknown("brushlabels that cannot be read")),
        (region("brushlabels", maskDataURL="x"), Unknown("brush without run lengths")),
        (region("rectanglelabels", x="a", y=1, width=1, height=1), Unknown("rectanglelabels that cannot be read")),
        (region("magiclabels", x=1), Unknown("magiclabels")),
        (region("labels", start=3, end=7, text="text"), TextSpan(3, 7, "text")),
        (region("labels", start=0.5, end=2.25, channel=0), TimeSpan(0.5, 2.25)),
        (region("hypertextlabels", start="/p[1]", end="/p[1]", text="x"), Unknown("hypertextlabels")),
        ({**region("rectanglelabels", x=1, y=1, width=1, height=1), "image_rotation": 90},
         Unknown("rectangle on a picture that was turned in Label Studio")),
    ],
)  # fmt: skip
def test_label_studio_regions(tmp_path: Path, given: Any, read: Any) -> None:
    """Percent become pixels, each region the shape it stands for; a rectangle turns about its corner."""
    (found,) = tasks(tmp_path, opinion(given)).annotations
    assert found.shape == read


def test_label_studio_brushes(tmp_path: Path) -> None:
    """A brush is its opacity, run length by run length."""
    rle = brushrle.encode(BLOB)
    (found,) = tasks(tmp_path, opinion(region("brushlabels", size=(WIDTH, HEIGHT), format="rle", rle=rle))).annotations
    assert found.shape == BLOB


def test_label_studio_brushes_of_its_own_encoder(tmp_path: Path) -> None:
    """The known bytes of a painted square are read as that, literal words and all."""
    pixels = np.zeros((4, 6), np.bool_)
    pixels[1:3, 2:5] = True
    bits = f"{96:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}"
    for value in np.repeat(pixels.ravel(), 4).astype(int) * 255:  # each word a literal of its own
        bits += f"000000{value:08b}"
    data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    given = region("brushlabels", size=(6, 4), format="rle", rle=list(data))
    (found,) = tasks(tmp_path, opinion(given)).annotations
    assert isinstance(found.shape, Mask)
    assert np.array_equal(masks.to_pixels(found.shape), pixels)


def test_label_studio_people(tmp_path: Path) -> None:
    """Every person's regions are there with who made them, ids told apart; skipped ones are counted, not taken."""
    box = region("rectanglelabels", x=1, y=1, width=1, height=1, rectanglelabels=["car"])
    people = [opinion(box, id=1, completed_by={"id": 7, "email": "a@example.org"}), opinion(box, id=2, completed_by=8)]
    found = tasks(tmp_path / "1", *people, opinion(box, id=3, was_cancelled=True))
    assert [(one.id, one.created_by) for one in found.annotations] == [
        ("1-r", "a@example.org"),
        ("2-r", "8"),
        ("3-r", "1"),
    ]
    assert found.annotations[2].shape == Unknown("region of a skipped annotation")
    assert found.state == "completed"
    assert tasks(tmp_path / "2", opinion(box, was_cancelled=True)).state == "rejected"
    assert tasks(tmp_path / "3").state == "in_progress"


def test_label_studio_descriptions_and_choices(tmp_path: Path) -> None:
    """What is said of a region is its attributes, of a task its classes; relations lead from region to region."""
    box = region("rectanglelabels", x=1, y=1, width=1, height=1, rectanglelabels=["car", "red"])
    said = {**region("choices", choices=["parked"]), "from_name": "state"}
    whole = [region("choices", "c", choices=["night", "rain"]), region("rating", "s", rating=4)]
    relation = {"type": "relation", "from_id": "r", "to_id": "r2", "direction": "right"}
    found = tasks(tmp_path, opinion(box, said, *whole, relation)).annotations
    assert [(one.category_id, type(one.shape)) for one in found] == [
        ("car", Box),
        ("red", Box),
        ("night", Classification),
        ("rain", Classification),
        (None, Unknown),
        (None, Relation),
    ]
    assert found[0].attributes == {"state": "parked"}
    assert found[-1].shape == Relation("r", "r2")


def test_label_studio_videos(tmp_path: Path) -> None:
    """Frames count from 1 there; a key frame that is not enabled ends a stretch, an enabled last one stays."""
    sequence = [
        {
            "frame": number,
            "enabled": is_on,
            "x": 0,
            "y": 0,
            "width": 50,
            "height": 50,
            "rotation": 0,
            "time": number / 25,
        }
        for number, is_on in ((1, True), (4, False), (9, True))
    ]
    given = region("videorectangle", sequence=sequence, framesCount=20, labels=["car"])
    (found,) = tasks(tmp_path, opinion(given), data="/data/upload/1/a.mp4").annotations
    assert isinstance(found.shape, Track)
    assert [(key.frame, key.is_outside) for key in found.shape.keyframes] == [
        (0, False),
        (3, False),
        (4, True),
        (8, False),
        (19, False),
    ]
    assert found.category_id == "car"
    del given["original_width"]
    (found,) = tasks(tmp_path / "2", opinion(given)).annotations
    assert found.shape == Unknown("videorectangle of a video of unknown size")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/data/upload/1/0a1b2c3d-a.png", "0a1b2c3d-a.png"),
        ("/data/local-files/?d=street/a%20b.png", "street/a b.png"),
        ("s3://bucket/deep/street/a.png", "street/a.png"),
        ("https://example.org/street/a%20b.png?x=1", "images/a b.png"),
        ("a.png", "images/a.png"),
    ],
)
def test_label_studio_finds_its_files(tmp_path: Path, url: str, path: str) -> None:
    """Whatever the URL in a task, its file is found under as much of the path as there is."""
    found = tasks(tmp_path, opinion(), data=url, **{path: layouts.picture(1)}).original
    assert found
    assert found.ref == path
    assert not found.name.startswith("0a1b2c3d-")


@pytest.mark.parametrize(
    "data",
    [
        b'[{"data":{},"annotations":[]},',
        b'[{"data":{}}, 5]',
        b'[{"data":{}}, ' + b" " * 70_000 + b'{"data":{"x":' + b"[" * 3000,
    ],
)
def test_unsound_label_studio_is_refused(tmp_path: Path, data: bytes) -> None:
    """What is cut off, nested beyond reason or no list of tasks is refused by the file's name."""
    with pytest.raises(RequestError, match=r"export\.json"):
        everything(open_files(tmp_path, **{"export.json": data}))


def test_label_studio_data_is_kept(tmp_path: Path) -> None:
    """All that a task's data says beside its file, and how many predictions it has, are attributes of the entry."""
    data = {"city": "Oslo", "image": "a.png", "shot": {"hour": 7}, "other": "b.png"}
    task = {"id": 1, "data": data, "annotations": [], "predictions": [{"result": []}, {"result": []}]}
    (found,) = everything(open_files(tmp_path, **{"export.json": [task]}))
    assert found.attributes == {"predictions": 2, "city": "Oslo", "shot": {"hour": 7}, "other": "b.png"}
