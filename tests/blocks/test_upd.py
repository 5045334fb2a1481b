"""UPD files read back: the platform's own, of either schema, Outhaul's, and other tools'."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blocks.upd import UpdSource
from exporters.errors import FatalError, RequestError
from exporters.model import (
    Box,
    Category,
    Classification,
    Ellipse,
    Entry,
    Keyframe,
    Mask,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Track,
    Unknown,
)
from tests.blocks.samples import everything, picture_bytes, read_media
from tests.fakes import hostile
from tests.fakes.upd import ATTRIBUTES, CORNERS, TABLES, add, archived, upd_file

SIZE = {"Width": 64, "Height": 48}
CORNER_POINTS = ((8.0, 12.0), (24.0, 12.0), (24.0, 24.0), (8.0, 24.0))
"""CORNERS on a picture of 64 x 48."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.upd"


def one_entry(path: Path, entry: tuple[Any, ...], *annotations: tuple[Any, ...], **medias: Any) -> Entry:
    """The only entry of a file with one dataset, its media rows given as keywords: id and key, type and metadata."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        add(database, "entries", "e", "d", *entry)
        for number, annotation in enumerate(annotations):
            add(database, "annotations", f"a{number}", "e", *annotation)
        for row in medias.get("medias", ()):
            add(database, "medias", *row)
    (entry_read,) = everything(UpdSource(url=str(path)))
    return entry_read


# The platform's own files


@pytest.mark.parametrize("is_old", [False, True], ids=["1.1", "before 1.1"])
def test_the_platforms_own_files(path: Path, is_old: bool) -> None:
    """What the platform's exporter wrote comes back as the platform itself would have sent it, in pixels of pictures of
    which no row says the size; of an older schema, too.
    """
    archived(path, is_old=is_old)
    source = UpdSource(url=str(path))
    entries = everything(source, "d1")
    assert [entry.id for entry in entries] == ["e0", "e1", "e2", "e9"]
    assert [entry.state for entry in entries] == ["completed", "rejected", "completed", "in_progress"]
    assert [len(entry.annotations) for entry in entries] == [8, 1, 0, 0]
    assert [media.id for entry in entries for media in entry.medias] == [f"4c2052a1475842e{n}.png" for n in range(3)]
    first = entries[0]
    assert [annotation.shape for annotation in first.annotations] == [
        Box(8.0, 12.0, 16.0, 12.0),
        RotatedBox(16.0, 18.0, 16.0, 12.0, 0.5),
        Polygon((Part(CORNER_POINTS[:3]),)),
        Polyline(CORNER_POINTS[:2]),
        Ellipse(8.0, 12.0, 12.0, 12.0),
        Ellipse(8.0, 12.0, 24.0, 12.0, 0.25),
        Mask(64, 48, (240, 1, 47, 1, 47, 1, 48 * 64 - 337)),
        Classification(),
    ]
    assert {(one.category_id, one.group_id, one.created_by) for one in first.annotations} == {
        ("vehicles/car", "g1", "ann@example.org")
    }
    assert all(one.attributes == ATTRIBUTES for one in first.annotations)
    media = first.medias[0]
    assert (media.name, media.width, media.height, media.frame) == ("cam 0.png", 64, 48, "stored")
    assert (first.name, first.created_at) == ("cam 0.png", "2026-01-14 10:23:18 +0000")


def test_datasets_of_the_platform(path: Path) -> None:
    """Datasets are the platform's: its modality without its own name, its classes in the order its projects show them,
    as many entries as there are; one that declares no classes has none.
    """
    archived(path)
    first, second = UpdSource(url=str(path)).choose(())
    assert (first.id, first.name, first.modality, first.entries_count) == ("d1", "Street", "image", 4)
    assert first.categories == (
        Category(id="person", name="Person", shapes=("polygon",)),
        Category(id="vehicles/car", name="Car", parent="vehicles", color="#ff0000", shapes=("box",)),
    )
    assert first.record["attributes"]["labels"] == ["a"]
    assert (second.id, second.entries_count, second.categories) == ("d2", 1, ())


def test_derived_media_is_described_when_it_is_asked_for(path: Path) -> None:
    """Derived files come along when all media are asked for, each read by its key; the original is the first."""
    archive = archived(path)
    source = UpdSource(url=str(path))
    dataset = source.dataset("d1")
    entry = next(source.read(dataset, list(source.list_entries(dataset, {})), "all"))
    assert [(media.key, media.name) for media in entry.medias] == [("", "cam 0.png"), ("thumbnail.webp",) * 2]
    assert [read_media(source, media) for media in entry.medias] == [archive.pictures["e0"], b"small"]
    assert len({media.ref for media in entry.medias}) == 1
    assert len({media.id for media in entry.medias}) == 2


def test_a_record_comes_before_the_row(path: Path) -> None:
    """Where the file has the platform's record, the record is what is read, byte for byte; what the record has no word
    for is taken from the row.
    """
    record = {
        "type": "dataset:entries",
        "id": "e",
        "attributes": {"name": "from record", "status": "errored", "x": 1.50},
    }
    text = json.dumps(record, separators=(",", ":")).replace("1.5", "1.50")
    metadata = f'{{"Name":"from row","Outhaul-Record":{text},"Outhaul-Split":"val","Outhaul-Number":7}}'
    entry = one_entry(path, ("", metadata))
    assert (entry.name, entry.state, entry.split, entry.number) == ("from record", "rejected", "val", 7)
    assert bytes(entry.raw) == text.encode()


def test_a_video_of_the_platform(path: Path) -> None:
    """A track comes back in pixels where the record of its video tells the size."""
    meta = {"width": 640, "height": 480, "duration": 2.0, "r_frame_rate": "30/1"}
    attributes = {"resource": "v.mov", "key": "", "filename": "drive.mov", "mime_type": "video/quicktime", "meta": meta}
    record = {"type": "media:medias", "id": "store-1", "attributes": attributes}
    frames = [{"frame": 30, "points": CORNERS}, {"frame": 0, "points": CORNERS}]
    entry = one_entry(
        path,
        ("local:v.mov", {"Status": "completed", "Resource": "v.mov"}),
        ("idah-video:bounding-box", {"start": 0, "end": 30, "frames": frames}, "car", {}, {}),
        medias=[("v.mov", "", b"moving", "video/quicktime", {"Outhaul-Record": record})],
    )
    box = Box(80.0, 120.0, 160.0, 120.0)
    assert entry.annotations[0].shape == Track((Keyframe(0, box), Keyframe(30, box)))
    (media,) = entry.medias
    assert (media.id, media.name, media.duration, media.frames_count) == ("store-1", "drive.mov", 2.0, 60)


def test_entries_may_share_a_media(path: Path) -> None:
    """Copies of a dataset have entries of their own and the media of the first; each entry is described with it."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        add(database, "medias", "r", "", picture_bytes(1), "image/png", SIZE)
        for id_ in ("e2", "e1"):
            add(database, "entries", id_, "d", "local:r", {"Name": f"{id_}.png"})
    first, second = everything(UpdSource(url=str(path)))
    assert [first.id, second.id] == ["e2", "e1"]
    assert first.medias[0].ref == second.medias[0].ref == "local:r"


# Outhaul's own


def test_rows_in_the_record_models_words(path: Path) -> None:
    """Rows with the record model's own fields come back as what they were made of, whatever names were too long."""
    long = "x" * 200
    entry = one_entry(
        path,
        ("local:m~1", {"Outhaul-Name": "n", "Outhaul-Id": long, "Outhaul-State": "rejected", "Created-At": "yesterday",
                       "Outhaul-Attributes": {"a": 1}, "Outhaul-Medias": ["k~2", "", "k1"]}),
        ("outhaul:polygon", {"parts": [{"ring": [[0, 0], [4, 0], [4, 4.5]], "holes": []}]}, "", {"x": [1]},
         {"Outhaul-Id": "a/1", "Outhaul-Category-Id": "", "Outhaul-Is-Crowd": True, "Created-By": "me",
          "Outhaul-Box": {"type": "box", "left": 0, "top": 0, "width": 4, "height": 4.5}, "Outhaul-Record": [1]}),
        ("outhaul:unknown", {"name": "cuboid"}, "car", {}, {}),
        ("outhaul:box", {"left": "wide"}, "car", {}, {}),
        ("outhaul:hologram", {}, "car", {}, {}),
        medias=[("m~1", "", None, "image/png", {"Outhaul-Name": "a.png", "Outhaul-Id": long, "Width": 5, "Height": 6,
                 "Outhaul-Frame": "stored", "Outhaul-Size": 12}),
                ("m~1", "k1", None, None, {"Outhaul-Name": "b", "Outhaul-Id": "k1"}),
                ("m~1", "k~2", None, None, {"Outhaul-Name": "c", "Outhaul-Key": long, "Outhaul-Mime-Type": "text/x"})],
    )  # fmt: skip
    assert (entry.id, entry.name, entry.state, entry.attributes) == (long, "n", "rejected", {"a": 1})
    assert (entry.created_at, entry.record) == ("yesterday", {})
    polygon, unknown, *broken = entry.annotations
    assert polygon.shape == Polygon((Part(((0.0, 0.0), (4.0, 0.0), (4.0, 4.5))),))
    assert (polygon.id, polygon.category_id, polygon.attributes, polygon.is_crowd) == ("a/1", "", {"x": [1]}, True)
    assert (polygon.box, polygon.created_by, polygon.record) == (Box(0.0, 0.0, 4.0, 4.5), "me", [1])
    assert unknown.shape == Unknown("cuboid")
    assert [one.shape for one in broken] == [
        Unknown("outhaul:box that cannot be read"),
        Unknown("outhaul:hologram that cannot be read"),
    ]
    (media,) = entry.medias
    assert (media.id, media.name, media.width, media.height) == (long, "a.png", 5, 6)
    assert (media.frame, media.size) == ("stored", 12)
    source = UpdSource(url=str(path))
    dataset = source.dataset("d")
    (whole,) = source.read(dataset, list(source.list_entries(dataset, {})), "all")
    assert [(media.key, media.mime_type) for media in whole.medias] == [
        (long, "text/x"),
        ("", "image/png"),
        ("k1", None),
    ]


# Other tools'


def test_what_another_tool_wrote(path: Path) -> None:
    """Shapes of another tool are unknown under its word for them, with all of the row in the record; its classes are
    those that annotations have, in the order they come up; what has annotations counts as finished.
    """
    tables = TABLES | {
        "datasets": "id UUID PRIMARY KEY, name VARCHAR, modality VARCHAR, metadata JSON",
        "entries": "id UUID PRIMARY KEY, dataset_id UUID, media_url VARCHAR, metadata JSON, extra INTEGER",
        "annotations": TABLES["annotations"].replace("REFERENCES entries (id)", ""),
    }
    dataset_id, entry_id = "019cad8f-ac00-7000-81b4-56e06326dc65", "019cad8f-ac00-7000-81b4-56e06326dc66"
    with upd_file(path, tables) as database:
        add(database, "datasets", dataset_id, "Scans", "acme-lidar", None)
        add(database, "entries", entry_id, dataset_id, "local://scan", None, 5)
        add(database, "entries", entry_id[:-1] + "7", dataset_id, "", "{}", None)
        add(database, "medias", "scan", "cloud.pcd", b"points", None, {"Sensor": "top"})
        for number, category in enumerate(["tree", "", "car", "tree"]):
            label = ("acme:cuboid", [1, 2.50, 3], category, {"moving": True}, {"Confidence": 0.5, "odd key": None})
            add(database, "annotations", f"a{number}", entry_id, *label)
    source = UpdSource(url=str(path))
    (dataset,) = source.choose(())
    assert (dataset.id, dataset.modality) == (dataset_id, "acme-lidar")
    assert dataset.categories == (Category(id="tree", name="tree"), Category(id="car", name="car"))
    first, second = everything(source)
    assert (first.id, first.state, second.state) == (entry_id, "completed", "in_progress")
    assert [one.shape for one in first.annotations] == [Unknown("acme:cuboid")] * 4
    assert [one.category_id for one in first.annotations] == ["tree", None, "car", "tree"]
    attributes = first.annotations[0].record["attributes"]
    assert attributes["dimensions"] == {"type": "acme:cuboid", "shape_args": [1, 2.50, 3]}
    assert attributes["metadata"] == {"confidence": 0.5, "odd key": None}
    assert attributes["annotation"] == {"category": "tree", "attributes": {"moving": True}}
    (media,) = first.medias
    assert (media.key, media.name, media.record["attributes"]["sensor"]) == ("", "cloud.pcd", "top")
    assert read_media(source, media) == b"points"


def test_older_labels_of_other_tools(path: Path) -> None:
    """The class inside of an older schema's column is found under `class`, too, and where it stands alone."""
    tables = TABLES | {"annotations": "id VARCHAR, entry_id VARCHAR, shape_type VARCHAR, shape_args VARCHAR, "
                       "annotation VARCHAR, metadata VARCHAR"}  # fmt: skip
    labels = ['{"class": "car", "note": "x"}', '"tree"', "{}", '{"category": 7, "properties": {"wet": true}}', None]
    with upd_file(path, tables, {"Schema-Type": "Universal Portable Dataset", "Schema-Version": 1.0}) as database:
        add(database, "datasets", "d", "D", "acme-image", {})
        add(database, "entries", "e", "d", "", {})
        for number, label in enumerate(labels):
            add(database, "annotations", f"a{number}", "e", "entry:root", "{}", label, "{}")
    source = UpdSource(url=str(path))
    (dataset,) = source.choose(())
    assert [one.id for one in dataset.categories] == ["car", "tree", "7"]
    (entry,) = everything(source)
    assert [one.category_id for one in entry.annotations] == ["car", "tree", None, "7", None]
    assert [one.attributes for one in entry.annotations] == [{}, {}, {}, {"wet": True}, {}]
    assert entry.annotations[0].record["attributes"]["annotation"] == {"category": "car", "class": "car", "note": "x"}


# Names and ids


def test_hostile_names_and_ids(path: Path) -> None:
    """Whatever datasets, entries, classes and media are called comes back as it is, and finds its own rows."""
    names, ids = hostile.NAMES, hostile.IDS
    with upd_file(path) as database:
        add(database, "datasets", "d", names[5], "idah-image", {"Name": names[-12]})
        for number, id_ in enumerate(ids):
            add(database, "medias", id_, f"{id_}?key=", picture_bytes(number), "image/png", {})
        for number, name in enumerate(names):
            resource = ids[number % len(ids)]
            metadata = {"Outhaul-Name": name} if number % 2 else {"Name": name, "Status": "completed"}
            entry_id = ids[number] if number < len(ids) else f"e{number}"
            add(database, "entries", entry_id, "d", f"local:{resource}", metadata)
            add(database, "annotations", f"a{number}", entry_id, "entry:root", "{}", name, {name: name}, {"n": name})
    source = UpdSource(url=str(path))
    entries = everything(source)
    assert [entry.id for entry in entries] == [*ids, *(f"e{number}" for number in range(len(ids), len(names)))]
    for number, (entry, name) in enumerate(zip(entries, names, strict=True)):
        if number % 2 or name:
            assert entry.name == name
        (annotation,) = entry.annotations
        assert (annotation.category_id, annotation.attributes) == (name or None, {name: name})
        medias = [media for media in entry.medias if not media.key]
        assert [read_media(source, media) for media in medias] == [picture_bytes(number % len(ids))]


# Filters


FILTERED = [
    ({"id": ["e1"]}, ["e1"]),
    ({"id__in": ["e3", "e0"]}, ["e0", "e3"]),
    ({"name": ["cam 1.png"]}, ["e1"]),
    ({"name__match": ["CAM"]}, ["e0", "e1", "e3"]),
    ({"status": ["completed"]}, ["e0", "e2"]),
    ({"status": ["completed", "errored"]}, ["e0", "e1", "e2"]),
    ({"split": ["val"]}, ["e2"]),
    ({"wf_step": ["done"], "status": ["errored"]}, ["e1"]),
    ({"priority__in": ["0", "3"]}, ["e0", "e3"]),
    ({"assigned_to_id": ["12"]}, ["e3"]),
    ({"resource": [""]}, []),
]


@pytest.mark.parametrize(("where", "expected"), FILTERED, ids=str)
def test_filters(path: Path, where: dict[str, list[str]], expected: list[str]) -> None:
    """Filters compare what the row of an entry says, as text; one that says nothing of it does not fit."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        rows: list[dict[str, Any]] = [
            {"Name": "cam 0.png", "Status": "completed", "Priority": 0},
            {"Name": "cam 1.png", "Status": "errored", "Priority": 1, "Wf-Step": "done"},
            {"Outhaul-Name": "other", "Outhaul-Split": "val"},
            {"Name": "Cam 3.png", "Priority": 3, "Assigned-To-Id": 12, "Status": None},
        ]
        for number, metadata in enumerate(rows):
            add(database, "entries", f"e{number}", "d", "", metadata)
    source = UpdSource(url=str(path))
    source.check_filters(where)
    dataset = source.dataset("d")
    listing = list(source.list_entries(dataset, where))
    assert [entry.id for entry in source.read(dataset, listing, "none", where)] == expected


def test_filters_that_cannot_be_meant() -> None:
    """A part of a name can be asked for once, since a name has to have all of it."""
    with pytest.raises(RequestError, match="name__match takes one value"):
        UpdSource(url="x.upd").check_filters({"name__match": ["a", "b"]})


# Bulk


def test_many_entries_in_any_order(path: Path) -> None:
    """More entries than are read together come in the order of the listing, each with its own annotations and media."""
    count = 1200
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        database.execute(
            "INSERT INTO entries SELECT 'e' || i, 'd', 'local:m' || (i % 7), '{\"Status\":\"completed\"}' "
            "FROM range(?) t(i)", [count]
        )  # fmt: skip
        for number in range(7):
            add(database, "medias", f"m{number}", "", None, "image/png", SIZE)
        database.execute(
            "INSERT INTO annotations SELECT 'a' || i, 'e' || ((i * 7919) % ?), 'entry:root', '{}', 'c', '{}', '{}' "
            "FROM range(?) t(i)", [count, 3 * count - 5]
        )  # fmt: skip
    source = UpdSource(url=str(path))
    dataset = source.dataset("d")
    listing = list(source.list_entries(dataset, {}))
    entries = list(source.read(dataset, listing[::-1], "original"))
    assert [entry.id for entry in entries] == [f"e{number}" for number in reversed(range(count))]
    for entry in entries:
        number = int(entry.id[1:])
        expected = [f"a{index}" for index in range(3 * count - 5) if index * 7919 % count == number]
        assert [annotation.id for annotation in entry.annotations] == expected
        assert [media.ref for media in entry.medias] == [f"local:m{number % 7}"]


def test_what_changed_meanwhile_is_told(path: Path) -> None:
    """A file that was replaced after its entries were listed stops the run: nothing says which entries are meant."""
    archived(path)
    source = UpdSource(url=str(path))
    dataset = source.dataset("d1")
    listing = list(source.list_entries(dataset, {}))
    path.unlink()
    with upd_file(path) as database:
        add(database, "datasets", "d1", "Street", "idah-image", {})
        add(database, "entries", "other", "d1", "", {})
    with pytest.raises(FatalError, match="was changed while the export ran"):
        list(source.read(dataset, listing, "original"))


def test_numbers_keep_their_last_digit(path: Path) -> None:
    """Coordinates are read as they stand: what was written with all its digits is the same number."""
    third = 1 / 3
    entry = one_entry(
        path,
        ("", {"Outhaul-Name": ""}),
        ("outhaul:box", {"left": third, "top": math.pi, "width": 1e-9, "height": 1}, "", {}, {}),
    )
    shape = entry.annotations[0].shape
    assert isinstance(shape, Box)
    assert msgspec.structs.astuple(shape) == (third, math.pi, 1e-9, 1.0)
