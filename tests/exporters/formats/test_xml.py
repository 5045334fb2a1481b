"""What the format `xml` promises beside what every format does, validated by its own schema and read back whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec import Raw
from msgspec.structs import replace

from exporters.formats.xml import XmlExporter
from exporters.model import (
    EMPTY,
    SHAPES,
    Annotation,
    Box,
    Category,
    Dataset,
    Entry,
    Keyframe,
    Mask,
    Media,
    Part,
    Point,
    Polygon,
    Polyline,
    Skeleton,
    TextSpan,
    Track,
)
from exporters.pictures.upright import MediaFile
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.exporters.formats.test_json import ODD
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, PAIR, RING, WIDTH, annotation, dataset, entry, fetched, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "xml"
BOX = one_of_each()["box"]


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(XmlExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


# -- a reader ---------------------------------------------------------------------------------------------------------


def document(made: Export) -> Any:
    """The root of the document, which is valid."""
    schema = etree.XMLSchema(etree.fromstring(made.files["export.xsd"]))
    root = etree.fromstring(made.files["export.xml"], etree.XMLParser(huge_tree=True))
    schema.assertValid(root)
    return root


def text(written: str | None) -> str:
    r"""A text without its escapes: `\\` and `\u` with four digits."""
    first, *rest = (written or "").split("\\\\")
    return "\\".join(_without_codes(one) for one in (first, *rest))


def _without_codes(written: str) -> str:
    first, *rest = written.split("\\u")
    return first + "".join(chr(int(one[:4], 16)) + one[4:] for one in rest)


NUMBERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("number", "size", "width", "height", "frames_count", "entries_count"), int),
    **dict.fromkeys(("start", "end", "visibility", "frame"), int),
    **dict.fromkeys(("duration", "frame_rate", "area", "x", "y", "left", "top", "angle"), float),
    **dict.fromkeys(("center_x", "center_y", "radius_x", "radius_y"), float),
    **dict.fromkeys(("is_crowd", "is_outside"), {"true": True, "false": False}.__getitem__),
}


def fields(element: Any, **others: Callable[[str], Any]) -> dict[str, Any]:
    known = NUMBERS | others
    return {name: known[name](value) if name in known else text(value) for name, value in element.items()}


def attributes(element: Any) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for one in element.findall("attribute"):
        kind = one.get("type")
        is_text = kind == "text"
        read[text(one.get("name"))] = text(one.text) if is_text else json.loads(one.text or "null")
        assert (
            type(read[text(one.get("name"))]).__name__
            in {
                "text": ("str",),
                "null": ("NoneType",),
                "boolean": ("bool",),
                "number": ("int", "float"),
                "json": ("list", "dict"),
            }[kind]
        )
    return read


def raw(element: Any) -> Raw:
    found = element.find("record")
    return EMPTY if found is None else Raw(found.text.encode())


def points(element: Any) -> tuple[Point, ...]:
    pairs = (pair.split(",") for pair in (element.text or "").split())
    return tuple((float(x), float(y)) for x, y in pairs)


def shape(element: Any) -> Any:
    name = element.tag
    if name == "polygon":
        parts = [Part(points(one.find("ring")), tuple(map(points, one.findall("hole")))) for one in element]
        return Polygon(tuple(parts))
    if name == "polyline":
        return Polyline(points(element))
    if name == "mask":
        return Mask(**fields(element), counts=tuple(map(int, (element.text or "").split())))
    if name == "skeleton":
        marks = [fields(one) for one in element.findall("point")]
        outline = [shape(one) for one in element if one.tag != "point"]
        return Skeleton(
            tuple((one["x"], one["y"]) for one in marks),
            tuple(one["visibility"] for one in marks),
            outline[0] if outline else None,
        )
    if name == "track":
        return Track(tuple(Keyframe(shape=shape(one[0]), attributes=attributes(one), **fields(one)) for one in element))
    if name == "text_span":
        return TextSpan(**fields(element), text=text(element.text))
    sides = {"width": float, "height": float}
    return SHAPES[name](**fields(element, **sides, **({"start": float, "end": float} if name == "time_span" else {})))


def read_annotation(element: Any) -> Annotation:
    given_ = fields(element)
    given_.pop("category", None)
    stated = element.find("stated_box")
    box = None if stated is None else Box(**fields(stated, width=float, height=float))
    return Annotation(shape=shape(element[0]), box=box, attributes=attributes(element), raw=raw(element), **given_)


def read_media(element: Any) -> Media:
    given_ = fields(element, frame=str)
    given_.pop("file", None)
    return Media(raw=raw(element), **given_)


def read_entry(element: Any, dataset_id: str) -> Entry:
    return Entry(
        dataset_id=dataset_id,
        medias=tuple(map(read_media, element.findall("media"))),
        annotations=tuple(map(read_annotation, element.findall("annotation"))),
        attributes=attributes(element),
        raw=raw(element),
        **fields(element),
    )


def read_category(element: Any) -> Category:
    return Category(
        keypoints=tuple(text(one.get("name")) for one in element.findall("keypoint")),
        skeleton=tuple((int(one.get("start")), int(one.get("end"))) for one in element.findall("edge")),
        shapes=tuple(one.get("name") for one in element.findall("shape")),
        **fields(element),
    )


def read_dataset(element: Any) -> Dataset:
    return Dataset(
        categories=tuple(map(read_category, element.findall("category"))),
        attributes=attributes(element),
        raw=raw(element),
        **fields(element),
    )


def read_entries(made: Export) -> list[Entry]:
    return [
        read_entry(one, text(element.get("id")))
        for element in document(made).findall("dataset")
        for one in element.findall("entry")
    ]


def as_delivered(entry: Entry) -> Entry:
    """The entry with the digest of each file that is taken along for its version."""
    medias = (replace(media, version="" if media.key else fetched(media).sha256) for media in entry.medias)
    return replace(entry, medias=tuple(medias))


# -- the promises -----------------------------------------------------------------------------------------------------


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    shapes = one_of_each()
    box = Box(8.0, 6.0, 17.0, 13.0)
    odd = annotation("e1-odd", RING, attributes={"note": "<a> & \x00", "count": 3, "list": [1]}, box=box, area=7.5)
    made = export(
        entry("e1", shapes["box"], odd, shapes["skeleton"], split="train"), entry("e2", medias=()), media="none"
    )
    document(made)
    assert made.files["export.xml"].decode() == (GOLDEN / "export.xml").read_text("utf-8")


@given(strategies.entry_lists("d1", margin=30))
def test_any_export_reads_back(entries: list[Entry]) -> None:
    """Whatever the entries, the document is valid, and each entry comes back from it as it was."""
    assert read_entries(export(*entries, shard_size=2)) == list(map(as_delivered, entries))


def test_every_shape_reads_back() -> None:
    """Nothing is left out: every shape, with its parts, holes, outlines and key frames, comes back."""
    skeleton = Skeleton(((1.0, 2.0), (3.0, 4.0), (0.0, 0.0)), (2, 1, 0), outline=PAIR)
    moving = Track((Keyframe(0, RING, attributes={"a": True}), Keyframe(5, RING, is_outside=True)))
    one = entry("e1", *one_of_each().values(), RING, PAIR, skeleton, moving, Mask(0, 0, ()), Polyline(()))
    made = export(one, entry("e2", state="rejected"), entry("e3", state="in_progress"))
    assert made.tally.left_out == ()
    assert read_entries(made)[0] == as_delivered(one)


@given(
    texts=st.lists(
        st.text(max_size=12) | st.sampled_from(["\\u0000", "\\\\u0000", "\r\n", "\t ", "]]>", "\x00\uffff"])
    ),
)
def test_any_text_reads_back(texts: list[str]) -> None:
    """Any text, with characters that XML forbids or parsers change, comes back to the character."""
    sound = [one.encode("utf-8", "ignore").decode() for one in texts]
    values: dict[str, Any] = {f"{index}{one}": one for index, one in enumerate(sound)}
    one = entry("e1", annotation("a", TextSpan(0, 1, "".join(sound))), name="".join(sound), attributes=values)
    nested = replace(one, id="e2", attributes={"list": sound, "none": None, "yes": True, "large": 10**30, "real": 1e-7})
    assert read_entries(export(one, nested)) == [as_delivered(one), as_delivered(nested)]


def test_hostile_entries_read_back() -> None:
    """Names of any kind come back as they were, of entries, splits and categories."""
    split = [entry(f"s{index}", BOX, split=name) for index, name in enumerate(hostile.SPLITS)]
    assert read_entries(export(*hostile.entries(), *split)) == list(map(as_delivered, [*hostile.entries(), *split]))
    many = hostile.categories()
    (element,) = document(export(dataset=many)).findall("dataset")
    assert read_dataset(element) == many


def test_datasets_read_back() -> None:
    """Datasets come back with their categories, in the order asked for, empty ones too, each with its own entries."""
    shaped = Category(id="c", name="c", number=7, color="#ff0000", shapes=("box", "mask"))
    datasets = [dataset("d1"), dataset("d2", [shaped], split="val", entries_count=0), dataset("d3", [], raw=EMPTY)]
    entries = {"d1": [entry("e1")], "d3": [entry("e3", dataset_id="d3")]}
    made = run_export(XmlExporter(), datasets, entries)
    elements = document(made).findall("dataset")
    assert [read_dataset(one) for one in elements] == datasets
    assert [[one.get("id") for one in element.findall("entry")] for element in elements] == [["e1"], [], ["e3"]]


def test_records_mean_what_they_meant() -> None:
    """Under `record` each thing is what the platform sent: the same keys, in the same order, the same numbers."""
    one = entry("e1", annotation("a", BOX, raw=ODD), medias=(picture("m", raw=ODD),), raw=ODD)
    records = [element.text for element in document(export(one)).iter("record")]
    assert records[1:] == [bytes(ODD).decode()] * 3
    forbidden = entry("e1", raw=Raw('{"a":"\uffff\\n\\\\"}'.encode()))
    (_, _, record) = [element.text for element in document(export(forbidden)).iter("record")]
    assert json.loads(record) == {"a": "\uffff\n\\"}


def test_files_say_where_media_lie() -> None:
    """`file` has the path in the package of each media that is part of it."""
    one = entry("e1", name="a.png", medias=(picture("p"), picture("q", key="preview.png")))
    made = export(one, media="all")
    files = {element.get("id"): element.get("file") for element in document(made).iter("media")}
    assert files == {"p": "images/a.png", "q": "derived/images/a.png/preview.png"}
    assert set(files.values()) == set(made.medias)
    assert all(element.get("file") is None for element in document(export(one, media="none")).iter("media"))


def test_annotation_names_its_category() -> None:
    """An annotation has its category's name beside the id; an undeclared one is still there by its id."""
    made = export(entry("e1", annotation("a", BOX), annotation("b", BOX, category_id="new")))
    found = [(one.get("category_id"), one.get("category")) for one in document(made).iter("annotation")]
    assert found == [("c-car", "car"), ("new", "new")]


def test_coordinates_are_upright() -> None:
    """An entry whose coordinates count on the stored pixels is written as the picture is shown, and says so."""

    def sideways(media: Media) -> MediaFile:
        return replace(fetched(media), orientation=6)

    (read,) = read_entries(export(entry("e1", BOX, medias=(picture("m", frame="stored"),)), files=sideways))
    assert read.original is not None
    assert (read.original.width, read.original.height, read.original.frame) == (HEIGHT, WIDTH, "upright")


def test_an_entry_is_a_line() -> None:
    """Each entry stands on a line of its own, whatever line ends its texts have, so that it can be read as a stream."""
    lines = export(*hostile.entries()).files["export.xml"].split(b"\n")
    assert sum(line.startswith(b"<entry ") for line in lines) == len(hostile.NAMES)
    assert all(line.endswith((b"</entry>", b"/>")) for line in lines if line.startswith(b"<entry "))


@pytest.mark.parametrize("wrong", [b"<entry/>", b"<annotation/>", b"<dataset/>"])
def test_schema_refuses_what_does_not_belong(wrong: bytes) -> None:
    """The schema is not empty words: an element in the wrong place, or without its attributes, is refused."""
    made = export(entry("e1", BOX))
    made.files["export.xml"] = made.files["export.xml"].replace(b"<entry ", wrong + b"<entry ")
    with pytest.raises(etree.DocumentInvalid):
        document(made)
