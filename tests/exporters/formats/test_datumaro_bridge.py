"""What the formats `datumaro:…` promise: Datumaro's own writers, and books of what they drop."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from exporters.errors import FatalError, RequestError
from exporters.formats import datumaro_bridge
from exporters.formats.datumaro_bridge import bridge, formats_written
from exporters.model import Box, Category, Classification, Dataset, Entry
from exporters.testing import Datasets, run
from exporters.testing.result import Result
from tests.fakes import hostile
from tests.fakes.datasets import BLOB, PAIR, SQUARE, annotation, dataset, entry, media_bytes, one_of_each, picture

# Datumaro's plug-ins use what their libraries no longer want.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

BOX = Box(1.0, 2.0, 30.0, 20.0)
FORMATS = ("coco_instances", "cvat", "datumaro", "kitti_detection", "label_me", "open_images", "voc", "yolo")
"""Those that most people ask for."""


def export(format_name: str, *entries: Entry, of: Dataset | None = None, **options: Any) -> Result:
    data = Datasets([(of or dataset(), entries)], media_bytes)
    made = run(bridge(format_name), data, **options)
    assert not made.errors
    return made


def reasons(made: Result, kind: str = "annotations") -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == kind}


def test_voc_is_written_by_datumaro() -> None:
    """A format of Datumaro's is its own layout, with the pictures as they were."""
    one = entry("e1", BOX, split="train")
    made = export("voc_detection", one)
    (found,) = ET.fromstring(made.text("Annotations/e1.xml")).iter("object")
    assert found.findtext("name") == "car"
    assert made.text("ImageSets/Main/train.txt").split() == ["e1"]
    (picture_path,) = [path for path in made.files if path.startswith("JPEGImages/")]
    assert Image.open(io.BytesIO(made.bytes(picture_path))).size == (64, 48)


@pytest.mark.parametrize("format_name", FORMATS)
def test_boxes_go_out_and_nothing_is_left_out(format_name: str) -> None:
    """What a format holds goes out: two boxes of two classes, in two splits, beside a negative."""
    entries = [
        entry("e1", BOX, annotation("b", Box(5.0, 5.0, 8.0, 8.0), category_id="c-tree"), split="train"),
        entry("e2", BOX, split="val"),
        entry("e3", split="train"),
    ]
    made = export(format_name, *entries)
    assert made.tally.went_out == {"entries": 3, "annotations": 3, "medias": 3}


@pytest.mark.parametrize("format_name", FORMATS)
def test_two_runs_give_the_same_bytes(format_name: str) -> None:
    """The same entries give the same files, with nothing of where they were written in them."""
    entries = [entry("e1", BOX, SQUARE, BLOB, split="train"), entry("e2", PAIR, split="val")]
    one, other = export(format_name, *entries), export(format_name, *entries)
    assert one.files == other.files
    assert not any(b"/tmp" in data for path, data in one.files.items() if not path.endswith((".png", ".jpg")))


def test_what_a_format_drops_is_counted() -> None:
    """Annotations that Datumaro does not read back are left out by name: KITTI holds boxes, not classes of pictures."""
    tag = annotation("t", Classification(), category_id="c-tree")
    made = export("kitti_detection", entry("e1", BOX, tag), entry("e2", tag))
    assert reasons(made) == {"datumaro:kitti_detection does not hold it": 2}
    assert made.tally.went_out["annotations"] == 1
    assert made.tally.by_shape == {"box": 1}


def test_what_datumaro_itself_cannot_hold_is_counted() -> None:
    """Shapes that do not even get into Datumaro are left out by their name."""
    made = export("coco_instances", entry("e1", BOX, one_of_each()["unknown"]))
    assert reasons(made) == {"datumaro cannot hold the shape cuboid": 1}


def test_parts_of_one_object_are_one() -> None:
    """An object of two parts that comes back whole is not counted as lost."""
    assert reasons(export("coco_instances", entry("e1", PAIR, SQUARE))) == {}


def test_formats_that_cannot_be_read_back_say_so() -> None:
    """Where Datumaro cannot read what it wrote, the log says that nothing was counted."""
    made = export("mvtec_classification", entry("e1", annotation("t", Classification())))
    assert any("cannot read back" in line and "not counted" in line for line in made.log)


def test_options_of_pictures_apply() -> None:
    """Splits, classes and the border are seen to as in formats to train on, and changes are in the log."""
    over = entry("e1", Box(-5.0, 0.0, 20.0, 20.0), annotation("b", BOX, category_id="c-tree"), split="train")
    made = export("coco_instances", over, drop_classes="tree", split_by="none")
    document = json.loads(made.bytes("annotations/instances_default.json"))
    assert [one["bbox"] for one in document["annotations"]] == [[0.0, 0.0, 15.0, 20.0]]
    assert reasons(made) == {"its class was not asked for": 1}
    assert made.tally.changed["clipped to the picture"]


def test_rejected_entries_are_left_out_with_what_they_have() -> None:
    """An entry that is left out is counted with its annotations and its picture."""
    made = export("voc", entry("e1", BOX), entry("e2", BOX, BOX, state="rejected"))
    assert made.counts["entries"] == {"in": 2, "out": 1, "left_out": 1}
    assert made.counts["annotations"] == {"in": 3, "out": 1, "left_out": 2}
    assert made.counts["medias"] == {"in": 2, "out": 1, "left_out": 1}


def test_picture_that_cannot_be_read_is_named() -> None:
    """A file that is no picture, though it should be, ends the export in a sentence that names the entry."""
    bad = entry("bad", BOX, medias=(picture("m", width=None, mime_type="image/png"),))
    with pytest.raises(FatalError, match=r"^Entry bad cannot be exported: its picture cannot be read"):
        export("coco_instances", entry("e1", BOX), bad)


def test_several_datasets_have_one_class_list() -> None:
    """Datasets become one export with one class map; pictures of one name are told apart."""
    other = dataset("d2", [Category(id="x", name="x")])
    data = Datasets(
        [
            (dataset(), [entry("e1", BOX, name="a.png")]),
            (other, [entry("f1", annotation("a", BOX, category_id="x"), dataset_id="d2", name="a.png")]),
        ],
        media_bytes,
    )
    made = run(bridge("coco_instances"), data)
    document = json.loads(made.bytes("annotations/instances_default.json"))
    assert [one["name"] for one in document["categories"]] == ["car", "person", "tree", "x"]
    assert len({one["file_name"] for one in document["images"]}) == 2


def test_hostile_names_go_through() -> None:
    """Pictures of hostile names are all written, to paths that are safe."""
    made = export("coco_instances", *hostile.entries())
    assert made.tally.went_out["entries"] == len(hostile.NAMES)


def test_format_that_datumaro_cannot_write_from_this_is_refused_in_a_sentence() -> None:
    """What Datumaro's writer raises becomes one sentence with the format's name."""
    with pytest.raises(FatalError, match=r"cannot write this export as tabular \(.*\); choose another format\.$"):
        export("tabular", entry("e1", BOX))


def test_unknown_format_is_refused() -> None:
    """A format that Datumaro does not write is refused with the nearest that it does."""
    with pytest.raises(RequestError, match=r"no format 'datumaro:vok'.*'datumaro:voc'"):
        bridge("vok")


def test_formats_with_a_clock_are_not_offered() -> None:
    """Formats that would give other bytes each time are none of ours."""
    assert set(FORMATS) <= set(formats_written())
    assert not datumaro_bridge.WITH_A_CLOCK & set(formats_written())


def test_missing_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Datumaro, the refusal says what to install."""
    monkeypatch.setitem(sys.modules, "datumaro.components.environment", None)
    with pytest.raises(RequestError, match=r"pip install 'outhaul\[datumaro\]'"):
        bridge("mot_seq_gt")


def test_importing_loads_no_datumaro() -> None:
    """Datumaro is loaded only when one of its formats is asked for."""
    script = "import sys, exporters.formats.datumaro_bridge; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    assert not {"datumaro", "pycocotools", "cv2"} & set(loaded)


def test_exporter_introduces_itself() -> None:
    """It has the name that it is asked for by, a sentence, and a version that is the library's."""
    made = bridge("voc")
    assert made.name == "datumaro:voc"
    assert made.description.endswith(".")
    assert made.version > 1_000_000
    assert bridge("voc") is made
    assert made.holds.needs_media
