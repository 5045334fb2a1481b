"""A small dataset of four pictures in the layout of each tool, written by hand, and the truth about it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from PIL import Image

WIDTH, HEIGHT = 64, 48
STEMS = ("000001", "000002", "000003", "000004")


@dataclass(frozen=True)
class Sample:
    """`pictures` are the paths of entries' pictures, `records` what there is of entries and annotations, by id."""

    files: Mapping[str, bytes]
    pictures: Mapping[str, str]
    records: Mapping[str, Any]


def picture(shade: int, size: tuple[int, int] = (WIDTH, HEIGHT), form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade % 256, 255 - shade % 256, 80)).save(buffer, form, **options)
    return buffer.getvalue()


def _pictures(folder: str) -> dict[str, bytes]:
    return {f"{folder}{stem}.png": picture(number) for number, stem in enumerate(STEMS)}


# -- rows -------------------------------------------------------------------------------------------------------------


def yolo() -> Sample:
    rows = ["0 0.5 0.5 0.25 0.25", "1 0.25 0.25 0.5 0.5 0.75 0.25"]
    files = {
        "data.yaml": b"train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['car', 'person']\n",
        **{path.replace("000004", "val"): data for path, data in _pictures("train/images/").items()},
        "train/labels/000001.txt": "\n".join(rows).encode(),
    }
    files["valid/images/000004.png"] = files.pop("train/images/val.png")
    paths = [path for path in files if path.endswith(".png")]
    records = {f"train/images/000001#{number}": {"row": row} for number, row in enumerate(rows, 1)}
    return Sample(files, {path: path for path in paths}, {**{path: {} for path in paths}, **records})


def kitti() -> Sample:
    row = "Car 0.50 2 -1.58 10.00 12.50 40.25 30.00 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
    files = {
        **_pictures("training/image_2/"),
        **{f"training/label_2/{stem}.txt": b"" for stem in STEMS},
        "training/label_2/000001.txt": f"{row}\n".encode(),
    }
    ids = {f"training/{stem}": f"training/image_2/{stem}.png" for stem in STEMS}
    return Sample(files, ids, {**{id_: {} for id_ in ids}, "training/000001#1": {"row": row}})


def mot() -> Sample:
    rows = ["1,1,11,13,20.5,10,1,1,1", "1,2,1,1,64,48,0,7,0.25", "3,1,12,13,20.5,10,1,1,1"]
    info = "[Sequence]\nname=MOT-01\nimDir=img1\nframeRate=30\nseqLength=4\nimExt=.png\n"
    info += f"imWidth={WIDTH}\nimHeight={HEIGHT}\n"
    files = {
        **_pictures("train/MOT-01/img1/"),
        "train/MOT-01/gt/gt.txt": "\n".join(rows).encode(),
        "train/MOT-01/seqinfo.ini": info.encode(),
    }
    ids = {f"train/MOT-01#{number}": f"train/MOT-01/img1/{stem}.png" for number, stem in enumerate(STEMS, 1)}
    places = ("1#1", "1#2", "3#1")
    records = {f"train/MOT-01#{place}": {"row": row} for place, row in zip(places, rows, strict=True)}
    return Sample(files, ids, {**{id_: {} for id_ in ids}, **records})


def imagefolder() -> Sample:
    files = {f"{'train' if number % 2 else 'val'}/{'cat' if number < 3 else 'dog'}/{number}.png": picture(number)
             for number in range(1, 5)}  # fmt: skip
    records = {id_: {} for path in files for id_ in (path, f"{path}#class")}
    return Sample(files, {path: path for path in files}, records)


# -- XML --------------------------------------------------------------------------------------------------------------


def pascal_voc() -> Sample:
    box = "<object><name>car</name><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></object>"
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
    files = _pictures("JPEGImages/")
    for stem in STEMS:
        inner = box if stem == STEMS[0] else ""
        files[f"Annotations/{stem}.xml"] = (
            f"<annotation><filename>{stem}.png</filename>{size}{inner}</annotation>".encode()
        )
    records = {"Annotations/000001.xml#1": {"xml": box}}
    return Sample(
        files, {stem: f"JPEGImages/{stem}.png" for stem in STEMS}, {**{stem: {} for stem in STEMS}, **records}
    )


def cvat() -> Sample:
    labels = "<labels><label><name>car</name></label></labels>"
    meta = f"<meta><task><name>street</name><mode>annotation</mode>{labels}</task></meta>"
    box = '<box label="car" source="manual" occluded="0" xtl="4.00" ytl="5.00" xbr="20.00" ybr="30.00" z_order="0" />'
    records: dict[str, Any] = {}
    images = []
    for number, stem in enumerate(STEMS):
        head = f'<image id="{number}" name="{stem}.png" width="{WIDTH}" height="{HEIGHT}"'
        images.append(f"{head}>{box if not number else ''}</image>")
        records[str(number)] = {"xml": f"{head} />"}
    records["0#1"] = {"xml": box}
    document = f'<?xml version="1.0"?><annotations><version>1.1</version>{meta}{"".join(images)}</annotations>'
    files = {"annotations.xml": document.encode(), **_pictures("images/")}
    return Sample(files, {str(number): f"images/{stem}.png" for number, stem in enumerate(STEMS)}, records)


# -- JSON -------------------------------------------------------------------------------------------------------------


def labelme() -> Sample:
    crop = io.BytesIO()
    Image.new("L", (3, 2), 255).save(crop, "PNG")
    shapes = [
        {"label": "car", "points": [[4, 5], [20, 30]], "group_id": None, "shape_type": "rectangle", "flags": {}},
        {
            "label": "tree",
            "points": [[6, 7], [8, 8]],
            "group_id": None,
            "shape_type": "mask",
            "flags": {"cut": True},
            "description": "in leaf",
            "mask": base64.b64encode(crop.getvalue()).decode(),
        },
    ]
    files, records = _pictures(""), {}
    for stem in STEMS:
        document = {"version": "5.4.1", "flags": {}, "shapes": shapes if stem == STEMS[0] else []}
        tail = {"imagePath": f"{stem}.png", "imageHeight": HEIGHT, "imageWidth": WIDTH}
        files[f"{stem}.json"] = json.dumps({**document, "imageData": "eHg=", **tail}, indent=2).encode()
        records[f"{stem}.json"] = {"version": "5.4.1", "flags": {}, **tail}
    records |= {f"{STEMS[0]}.json#{number}": shape for number, shape in enumerate(shapes, 1)}
    return Sample(files, {f"{stem}.json": f"{stem}.png" for stem in STEMS}, records)


def label_studio() -> Sample:
    region = {
        "id": "r1",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["car"]},
    }
    tasks, records, pictures = [], {"r1": region}, {}
    for number, stem in enumerate(STEMS, 1):
        task = {"id": number, "data": {"image": f"/data/upload/1/0a1b2c3d-{stem}.png"}, "meta": {}, "predictions": []}
        result = [region] if number == 1 else []
        tasks.append({**task, "annotations": [{"id": 9, "completed_by": 3, "was_cancelled": False, "result": result}]})
        records[str(number)] = task
        pictures[str(number)] = f"images/0a1b2c3d-{stem}.png"
    files = {"project-1-at-2024.json": orjson.dumps(tasks), **_pictures("images/0a1b2c3d-")}
    return Sample(files, pictures, records)


def datumaro() -> Sample:
    box = {"id": 0, "type": "bbox", "attributes": {}, "group": 0, "label_id": 0, "z_order": 0, "bbox": [4, 5, 10, 8.5]}
    items, records = [], {}
    for number, stem in enumerate(STEMS):
        item = {"id": stem, "attr": {"frame": number}, "image": {"path": f"{stem}.png", "size": [HEIGHT, WIDTH]}}
        items.append({**item, "annotations": [] if number else [box]})
        records[stem] = item
    records["000001#1"] = box
    labels = {"labels": [{"name": "car", "parent": "", "attributes": []}], "label_groups": [], "attributes": []}
    document = {"dm_format_version": "1.0", "infos": {}, "categories": {"label": labels}, "items": items}
    files = {"annotations/default.json": orjson.dumps(document), **_pictures("images/default/")}
    return Sample(files, {stem: f"images/default/{stem}.png" for stem in STEMS}, records)


def metadata_folder() -> Sample:
    """As Hugging Face's documentation shows it."""
    rows, records = [], {}
    for number, stem in enumerate(STEMS):
        boxes = [] if number else [[4.0, 5.0, 10.0, 8.5]]
        row = {
            "file_name": f"{stem}.png",
            "objects": {"bbox": boxes, "categories": [0] * len(boxes)},
            "weather": "rain",
        }
        rows.append(orjson.dumps(row))
        records[f"train/{stem}.png"] = row
    records["train/000001.png#1"] = {"bbox": [4.0, 5.0, 10.0, 8.5], "categories": 0}
    files = {"train/metadata.jsonl": b"\n".join(rows), **_pictures("train/")}
    return Sample(files, {f"train/{stem}.png": f"train/{stem}.png" for stem in STEMS}, records)


SAMPLES = {
    sample.__name__: sample
    for sample in (yolo, kitti, mot, imagefolder, pascal_voc, cvat, labelme, label_studio, datumaro, metadata_folder)
}
