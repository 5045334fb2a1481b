"""The IDAH source against a stand-in of the platform, over real HTTP: what it understands, and what it survives."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import orjson
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Raw
from pydantic import SecretStr

from blocks import http, idah_client, idah_reading
from blocks.idah import IdahSource
from blocks.idah_client import Resource, batches
from blocks.idah_masks import decode_tile
from blocks.idah_records import to_annotation, to_categories, to_dataset, to_entry, to_media
from blocks.idah_shapes import to_shape
from blocks.sandbox import server, shapes
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY, DEMO_EMAIL, DEMO_PASSWORD, IdahSandbox
from blocks.sandbox.idah_rows import Entry as EntryRow
from blocks.sandbox.idah_store import Table
from exporters.errors import FatalError, RequestError, RetriableError, SkippableError
from exporters.model import (
    Box,
    Category,
    Classification,
    Dataset,
    Ellipse,
    Entry,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Unknown,
    decode_dataset,
    decode_entry,
    encode,
)
from exporters.shapes import masks
from tests.blocks.samples import ask_idah, everything, picture_bytes, read_media

SIZE = (300, 200)
LOGINS = "iam/auth/api/login"


@dataclass
class Platform:
    sandbox: IdahSandbox
    url: str

    @property
    def store(self) -> Any:
        return self.sandbox.store

    @property
    def dataset_id(self) -> str:
        return str(self.store.datasets[0].id)

    def source(self, **fields: Any) -> IdahSource:
        return IdahSource(**({"url": self.url, "api_key": SecretStr(DEMO_API_KEY)} | fields))

    def listing(self, source: IdahSource | None = None, **where: list[str]) -> tuple[Dataset, list[bytes]]:
        source = source or self.source()
        dataset = source.dataset(self.dataset_id)
        return dataset, list(source.list_entries(dataset, where))

    def read(self, **fields: Any) -> list[Entry]:
        source = self.source(**fields)
        return list(source.read(*self.listing(source), "original"))

    def fault(self, path_pattern: str, status: int = 500, **values: Any) -> Fault:
        fault = Fault(path_pattern, status, **values)
        self.sandbox.faults.append(fault)
        return fault

    def requests(self) -> int:
        return sum(self.sandbox.requests.values())


@contextmanager
def serving(**arguments: Any) -> Iterator[Platform]:
    sandbox = IdahSandbox(**arguments)
    with sandbox.serve() as url:
        yield Platform(sandbox, url)


@pytest.fixture(scope="module")
def gallery() -> Iterator[Platform]:
    """For tests that only read: every shape, negatives, entries in progress, two datasets."""
    with serving(entries=24, datasets=2) as platform:
        yield platform


@pytest.fixture
def platform() -> Iterator[Platform]:
    """For tests that change the platform or count what it is asked."""
    with serving(entries=6) as platform:
        yield platform


@pytest.fixture(autouse=True)
def forget() -> Callable[[], None]:
    """Makes this process log in anew: clients may go on with the token of another."""
    forgetting = getattr(idah_client, "_tokens", {}).clear
    forgetting()
    return forgetting


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries are the product's, their waits are not the tests'."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.02)


# What is understood: shapes


def test_every_shape_is_exactly_what_was_drawn(gallery: Platform) -> None:
    """Whatever was drawn comes back to the pixel: boxes, turned boxes, polygons, masks, lines, circles, ellipses."""
    met: set[type] = set()
    for entry in gallery.read():
        scene = gallery.store.scene(entry.id)
        for annotation in entry.annotations:
            truth = gallery.store.truth(annotation.id)
            if truth is None:
                assert (annotation.shape, annotation.category_id) == (Classification(), scene.time_of_day)
            else:
                met.add(type(truth.shape))
                assert _same(annotation.shape, truth.shape), (annotation.shape, truth.shape)
                assert (annotation.category_id, annotation.attributes) == (truth.category, dict(truth.attributes))
    assert met == {shapes.Box, shapes.Polygon, shapes.Mask, shapes.Line, shapes.Circle, shapes.Ellipse}


def _same(read: Shape, drawn: shapes.Shape) -> bool:
    match read, drawn:
        case Box(), shapes.Box(angle=0.0):
            return read == Box(drawn.left, drawn.top, drawn.width, drawn.height)
        case RotatedBox(), shapes.Box():
            center_x, center_y = drawn.left + drawn.width / 2, drawn.top + drawn.height / 2
            return read == RotatedBox(center_x, center_y, drawn.width, drawn.height, drawn.angle)
        case Polygon(), shapes.Polygon():
            return read == Polygon((Part(tuple((float(x), float(y)) for x, y in drawn.points)),))
        case Polyline(), shapes.Line():
            return read == Polyline((drawn.start, drawn.end))
        case Ellipse(), shapes.Circle():
            return read == Ellipse(drawn.cx, drawn.cy, drawn.radius, drawn.radius)
        case Ellipse(), shapes.Ellipse():
            return read == Ellipse(drawn.cx, drawn.cy, drawn.rx, drawn.ry, drawn.angle)
        case _, shapes.Mask():
            return np.array_equal(masks.to_pixels(cast("Any", read)), drawn.pixels)
    return False


SAMPLES: dict[str, tuple[dict[str, Any], Shape]] = {
    "box": (
        {"points": [[0.1, 0.25], [0.3, 0.25], [0.3, 0.5], [0.1, 0.5]], "angle": 0},
        Box(30.0, 50.0, 60.0, 50.0),
    ),
    "box turned": (
        {"points": [[0.5, 0.25], [0.7, 0.25], [0.7, 0.5], [0.5, 0.5]], "angle": 0.5235987755982988},
        RotatedBox(180.0, 75.0, 60.0, 50.0, 0.5235987755982988),
    ),
    "box over the border": (
        {"points": [[-0.0125, 0.25], [0.1, 0.25], [0.1, 0.5], [-0.0125, 0.5]], "angle": 0},
        Box(-3.75, 50.0, 33.75, 50.0),
    ),
    "box whose corners were moved": (
        {"points": [[0.3, 0.5], [0.1, 0.5], [0.1, 0.25], [0.3, 0.25]]},
        Box(30.0, 50.0, 60.0, 50.0),
    ),
    "box turned half round": (
        {"points": [[0.1, 0.25], [0.3, 0.25], [0.3, 0.5], [0.1, 0.5]], "angle": 3.141592653589793},
        Box(30.0, 50.0, 60.0, 50.0),
    ),
    "polygon": (
        {"points": [[0.1, 0.1], [0.4, 0.15], [0.35, 0.6], [0.12, 0.4]]},
        Polygon((Part(((30.0, 20.0), (120.0, 30.0), (105.0, 120.0), (36.0, 80.0))),)),
    ),
    "polygon outside the picture": (
        {"points": [[-0.5, -0.5], [1.5, -0.5], [1.5, 2.0]], "range": [0, 1]},
        Polygon((Part(((-150.0, -100.0), (450.0, -100.0), (450.0, 400.0))),)),
    ),
    "line": ({"points": [[0.05, 0.9], [0.95, 0.85]]}, Polyline(((15.0, 180.0), (285.0, 170.0)))),
    "circle": ({"points": [[0.5, 0.5]], "radius": 0.25}, Ellipse(150.0, 100.0, 50.0, 50.0)),
    "ellipse": (
        {"points": [[0.5, 0.5], [0.2, 0.1]], "angle": 0.7853981633974483},
        Ellipse(150.0, 100.0, 60.0, 20.0, 0.7853981633974483),
    ),
}
TYPES = {"box": "bounding-box"}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_platforms_own_samples(name: str) -> None:
    """Shapes as the platform writes them, on a picture of 300 x 200, come out in pixels; nothing is clipped."""
    dimensions, expected = SAMPLES[name]
    word = name.partition(" ")[0]
    assert to_shape({"type": f"idah-image:{TYPES.get(word, word)}", **dimensions}, SIZE) == expected


def test_the_label_of_the_whole_entry() -> None:
    """An `entry:root` labels the entry, whether the size of the picture is known or not."""
    assert to_shape({"type": "entry:root"}, SIZE) == to_shape({"type": "entry:root"}, None) == Classification()


TILES = {
    "": (0, "4fe7b59af6de3b665b67788cc2f99892ab827efae3a467342b3bb4e3bc8e5bfe"),
    "AA==": (16384, "111ce3c2a38d83a2e4706bde4abddd509d7f8248116c6832b06745bdc349e09f"),
    "AAE=": (1, "dfc53015b39cdf85a8eec8608cd7413330a8e260e8954bc315aedd85bd8954a0"),
    "v/8=": (1, "2ec10327db9d9b0c7030cadc714431e6342affe9adf3b9d5eb2c9d194c61e239"),
    "fwE=": (1, "92ba122d48c09ab4f5b38a9401365c438c689fa10bd6a2b3c084ca01986bb100"),
    "gIAB": (1, "41f8661fe1153ece82a515628e22ee553e6c5dae9b9c5678177cffdbd87909fb"),
    "gICAgA==": (128, "7bfcc74b26f2b0c1a8e8211af363fc7f38b813c440c3b8dee4f929e116e3d865"),
    "BQM=": (3, "a0bbec7256410521d754fd15096fd62d753fdc1c69fe790fad88864feee39e9e"),
    "oAA=": (8192, "b20a38bfd768b53d02fb2641e09b8ffc975f58cf8d5a935e324f6ffdffcd3c5e"),
}


@pytest.mark.parametrize("rle", TILES)
def test_tiles_decode_as_the_platform_encoded_them(rle: str) -> None:
    """A tile's run lengths give, row by row, the pixels that the platform's own encoder was given."""
    painted, sha256 = TILES[rle]
    tile = decode_tile(rle)
    assert (tile.shape, int(tile.sum())) == ((128, 128), painted)
    assert hashlib.sha256(tile.astype(np.uint8).tobytes()).hexdigest() == sha256


@pytest.mark.parametrize(
    ("rle", "why"), [("gA==", "cut"), ("wAGAAA==", "more pixels"), ("?", None), ("QQ", None), ("ж", None)]
)
def test_broken_tiles_are_refused(rle: str, why: str | None) -> None:
    """A tile that ends within a run, paints more pixels than it has or is no base64 is an error, not a guess."""
    with pytest.raises(ValueError, match=why):
        decode_tile(rle)


DISC = {
    "type": "idah-image:mask",
    "points": [],
    "tile-0x0": {
        "rle": "oH8BfQN7BXkHdwl2CnQMcw1xD3AQbxFuEm0TbBRrFWoWaRdoGGcZZhpmGmUbZBxkHGMdYh5iHmEfYR9gIGAgXyFfIV4iXiJeIl0j"
        "XSNdI1wkXCRcJFwkWyVbJVslWyVbJVomWiZaJlomWiZaJlomWiZaJlomWiZaJlomWiZaJlo="
    },
    "tile-1x0": {
        "rle": "ng4QaxpiIlsoVi1TL1ExTzNNNUs2SjhIOUc7RTxEPUM+Qj9BQEBBP0I+Qz1EPEU7RjpGOkc5SDhIOEk3SjZKNks1SzVMNEw0TTNN"
        "M04yTjJOMk8xTzFPMVAwUDBQMFAwUS9RL1EvUS9RL1IuUi5SLlIuUi5SLlIuUi5SLlIuUi5SLlIuUi5SLlI="
    },
    "tile-0x1": {
        "rle": "WyVbJVslWyVbJVwkXCRcJFwkXSNdI10jXiJeIl4iXyFfIWAgYCBhH2EfYh5iHmMdZBxkHGUbZhpmGmcZaBhpF2oWaxVsFG0TbhJv"
        "EXAQcQ9zDXQMdgp3CXkHewV9A38B"
    },
    "tile-1x1": {
        "rle": "AFEvUS9RL1EvUS9QMFAwUDBQME8xTzFPMU4yTjJOMk0zTTNMNEw0SzVLNUo2SjZJN0g4SDhHOUY6RjpFO0Q8Qz1CPkE/QEA/QT5C"
        "PUM8RDtFOUc4SDZKNUszTTFPL1EtVShbImIaaxA="
    },
}
"""The platform's own: a disc of radius 60 about (150, 120) on a picture of 300 x 200."""


def test_a_whole_mask_of_the_platform() -> None:
    """Tiles are put together where their names say, and those that hang over the picture are cut off at its border."""
    mask = to_shape(DISC, SIZE)
    assert isinstance(mask, masks.Mask)
    pixels = masks.to_pixels(mask)
    assert (masks.area(mask), masks.bounds(mask)) == (11304, Box(90.0, 60.0, 120.0, 120.0))
    sha256 = hashlib.sha256(pixels.astype(np.uint8).tobytes()).hexdigest()
    assert sha256 == "79b4da9fdf451de85bd3afca737337abecbd5e31243ced80504034f52bef44b3"
    rows, columns = np.mgrid[0.5:200.5, 0.5:300.5]
    assert np.array_equal(pixels, (columns - 150) ** 2 + (rows - 120) ** 2 < 60**2)


def test_paint_over_the_border_is_cut_off() -> None:
    """A full tile at the border paints only the pixels that the picture has there; far tiles paint nothing."""
    full = {"rle": "AA=="}
    tiles = {"tile-2x1": full, "tile-99x99": full, "tile-x": 1, "tile-0x0-": 2}
    mask = to_shape({"type": "idah-image:mask", **tiles}, SIZE)
    assert isinstance(mask, masks.Mask)
    assert masks.bounds(mask) == Box(256.0, 128.0, 44.0, 72.0)
    assert masks.area(mask) == 44 * 72


@pytest.mark.parametrize(
    ("dimensions", "name"),
    [
        ({"type": "idah-video:bounding-box", "frames": []}, "idah-video:bounding-box that cannot be read"),
        ({"type": "lidar:cuboid", "points": [[0, 0, 0]]}, "lidar:cuboid"),
        ({}, "without a type"),
        ({"type": None}, "None"),
        ({"type": "idah-image:polygon", "points": [[0, 0], [1, 1]]}, "idah-image:polygon that cannot be read"),
        ({"type": "idah-image:bounding-box"}, "idah-image:bounding-box that cannot be read"),
        ({"type": "idah-image:bounding-box", "points": []}, "idah-image:bounding-box that cannot be read"),
        ({"type": "idah-image:polygon", "points": [[0, 0], [1, 1], ["x"]]}, "idah-image:polygon that cannot be read"),
        ({"type": "idah-image:polygon", "points": [[0, 0], [1, 1], None]}, "idah-image:polygon that cannot be read"),
        ({"type": "idah-image:line", "points": [[0, 0], [1e999, 1]]}, "idah-image:line that cannot be read"),
        ({"type": "idah-image:circle", "points": [[0, 0]]}, "idah-image:circle that cannot be read"),
        ({"type": "idah-image:ellipse", "points": [[0, 0]]}, "idah-image:ellipse that cannot be read"),
        ({"type": "idah-image:mask", "tile-0x0": {"rle": "gA=="}}, "idah-image:mask that cannot be read"),
        ({"type": "idah-image:mask", "tile-0x0": {"rle": None}}, "idah-image:mask that cannot be read"),
        ({"type": "idah-image:mask", "tile-0x0": []}, "idah-image:mask that cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_placed_is_kept_under_its_name(dimensions: dict[str, Any], name: str) -> None:
    """A shape of another kind, or one that cannot be read, is no error: it is named as the platform names it."""
    assert to_shape(dimensions, SIZE) == Unknown(name)


@pytest.mark.parametrize("dimensions", [[], "text", 5, [1, 2]], ids=str)
def test_dimensions_of_any_kind_are_kept(platform: Platform, dimensions: Any) -> None:
    """The platform checks none of what its editors send: whatever JSON stands there comes out as an unknown shape."""
    (entry, *_) = platform.store.entries_of(platform.dataset_id)
    added = platform.store.add_annotation(entry.id, dimensions)
    (read,) = [one for each in platform.read() for one in each.annotations if one.id == added.id]
    assert isinstance(read.shape, Unknown)
    assert read.record["attributes"]["dimensions"] == dimensions


def test_an_unknown_shape_keeps_its_record(platform: Platform) -> None:
    """An annotation whose shape is unknown has its label and all that the platform sent."""
    (entry, *_) = platform.store.entries_of(platform.dataset_id)
    dimensions = {"type": "lidar:cuboid", "points": [[0.25, 0.5, 1e-300]], "yaw": -0.0}
    added = platform.store.add_annotation(entry.id, dimensions, {"category": "person"}, {"group_id": "g1"})
    (read,) = [one for each in platform.read() for one in each.annotations if one.id == added.id]
    assert (read.shape, read.category_id, read.group_id) == (Unknown("lidar:cuboid"), "person", "g1")
    assert read.record["attributes"]["dimensions"] == dimensions


def test_repeated_keys_count_for_the_last_and_are_kept(platform: Platform) -> None:
    """Of a tile that is sent twice the last is the present one; the record still has both, as they were sent."""
    (entry, *_) = platform.store.entries_of(platform.dataset_id)
    twice = b'{"type":"idah-image:mask","points":[],"tile-0x0":{"rle":"AA=="},"tile-0x0":{"rle":"AAE="}}'
    added = platform.store.add_annotation(entry.id, orjson.Fragment(twice), {"category": "person"})
    (read,) = [one for each in platform.read() for one in each.annotations if one.id == added.id]
    assert isinstance(read.shape, masks.Mask)
    assert masks.bounds(read.shape) == Box(0.0, 0.0, 1.0, 1.0)
    assert twice in bytes(read.raw)


def test_records_keep_numbers_as_they_were_written(platform: Platform) -> None:
    """Numbers of a record are not read and written again: no digit more or less."""
    (entry, *_) = platform.store.entries_of(platform.dataset_id)
    written = b'{"type":"x","a":1.10,"b":1E2,"c":12345678901234567890123,"d":0.1000000000000000055}'
    added = platform.store.add_annotation(entry.id, orjson.Fragment(written))
    (read,) = [one for each in platform.read() for one in each.annotations if one.id == added.id]
    assert written in bytes(read.raw)


# What is understood: labels, entries, media


def test_the_ontology_in_the_order_the_project_shows_it(gallery: Platform) -> None:
    """Categories come once each, in the project's order, with parent, colour and the shapes they are declared for."""
    dataset = gallery.source().dataset(gallery.dataset_id)
    drawn = ("box", "polygon", "mask", "polyline", "ellipse")
    assert dataset.categories == (
        Category(id="vehicles/car", name="Car", parent="vehicles", color="#F6402B", shapes=drawn),
        Category(id="vehicles/bus", name="Bus", parent="vehicles", color="#3C4DB7", shapes=drawn),
        Category(id="person", name="Person", color="#009687", shapes=drawn),
        Category(id="day", name="Day", shapes=("classification",)),
        Category(id="night", name="Night", shapes=("classification",)),
    )
    assert (dataset.modality, dataset.entries_count) == ("image", 24)


def test_the_order_of_keys_means_nothing() -> None:
    """Shape types come by their `order`, those without one last by name; what is no object is skipped."""
    configuration = {
        "category_field": "category",
        "idah-image:polygon": {"values": [{"id": "b"}]},
        "idah-image:mask": {"values": [{"id": "a"}]},
        "idah-image:bounding-box": {
            "values": [{"id": "z", "label": "Zebra"}, {"id": "x/y/z", "label": ""}],
            "order": 1,
        },
        "entry:root": {"values": [{"id": "z", "label": "Other"}], "order": 0},
        "lidar:cuboid": {"values": None},
        "other": None,
    }
    found = {one.id: one for one in to_categories(configuration)}
    assert list(found) == ["z", "x/y/z", "a", "b"]
    assert found["z"] == Category(id="z", name="Other", shapes=("classification", "box"))
    assert found["x/y/z"] == Category(id="x/y/z", name="x/y/z", parent="x/y", shapes=("box",))
    assert list(to_categories(dict(reversed(configuration.items())))) == list(found.values())


def test_a_null_order_is_no_order() -> None:
    """A shape type whose `order` is null counts as one without."""
    configuration = {
        "idah-image:mask": {"values": [{"id": "last"}], "order": None},
        "idah-image:polygon": {"values": [{"id": "first"}], "order": 3},
    }
    assert [one.id for one in to_categories(configuration)] == ["first", "last"]


def test_a_dataset_without_labels_or_name() -> None:
    """A dataset may have no labelling configuration and an empty name; then its id stands for the name."""
    attributes = {"name": "", "modality": "idah-video", "labeling_configuration": {}, "entries_total_count": 0}
    dataset = to_dataset(Resource("d", attributes, Raw(b"{}")))
    assert (dataset.name, dataset.modality, dataset.categories, dataset.entries_count) == ("d", "video", (), 0)


@pytest.mark.parametrize(
    ("status", "state"),
    [("completed", "completed"), ("errored", "rejected"), ("in_progress", "in_progress"), ("pending", "in_progress")],
)
def test_states_of_entries(status: str, state: str) -> None:
    """Only what a person finished is completed, what was refused is rejected, all else is in progress."""
    entry = to_entry(Resource("e", {"dataset_id": "d", "status": status, "name": None}, Raw(b"{}")), [], [])
    assert (entry.state, entry.name) == (state, "")


@pytest.mark.parametrize(
    "label", [{}, None, {"category": None}, {"category": ""}, {"label": "kerb", "attributes": None}]
)
def test_annotations_without_a_category(label: Any) -> None:
    """A label may be missing in part or as a whole: the annotation is kept without a category."""
    attributes = {"dimensions": {"type": "entry:root"}, "annotation": label, "metadata": None}
    annotation = to_annotation(Resource("a", attributes, Raw(b"{}")), None)
    assert (annotation.category_id, annotation.attributes, annotation.group_id) == (None, {}, None)


ODD: tuple[Any, ...] = (None, 5, -1, 2.5, True, "", "text", [], ["x"], {}, {"a": 1}, 1e308, 10**30)


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_odd_records_stop_nothing(odd: Any) -> None:
    """A value of the wrong kind anywhere in a record costs what it stands for, and the entry can be stored and read."""
    fields = ("annotation", "metadata", "created_by_email", "created_at", "updated_at", "dimensions")
    records = [
        *({field: odd} for field in fields),
        *({"annotation": {field: odd}} for field in ("category", "attributes")),
        {"metadata": {"group_id": odd}},
        {"dimensions": {"type": "idah-image:bounding-box", "points": [[odd, 0], [1, 1]], "angle": odd}},
        {"dimensions": {"type": "idah-image:mask", "tile-0x0": odd}},
    ]
    annotations = [Resource(f"a{index}", record, Raw(b"{}")) for index, record in enumerate(records)]
    names = ("resource", "filename", "key", "size", "mime_type", "meta")
    described = [{"resource": "r", "meta": {"width": odd, "height": odd}}, *({name: odd} for name in names)]
    medias = [to_media(Resource(f"m{index}", one, Raw(b"{}"))) for index, one in enumerate(described)]
    sized = to_media(Resource("m", {"resource": "r", "meta": {"width": 300, "height": 200.0}}, Raw(b"{}")))
    for field in ("dataset_id", "name", "status", "created_at", "updated_at"):
        entry = to_entry(Resource("e", {field: odd}, Raw(b"{}")), annotations, [sized, *medias])
        assert len(entry.annotations) == len(records)
        assert decode_entry(encode(entry)) == entry
    labels = {"idah-image:mask": {"values": [{"id": "x", "label": odd, "parent": odd, "color": odd}, {"id": odd}, odd]}}
    for value in ({"labeling_configuration": labels}, {"labeling_configuration": {"idah-image:mask": {"values": odd}}}):
        attributes = {"name": odd, "modality": odd, "entries_total_count": odd, **value}
        dataset = to_dataset(Resource("d", attributes, Raw(b"{}")))
        assert decode_dataset(encode(dataset)) == dataset


def test_a_category_that_is_a_number() -> None:
    """A category id that is a number is its digits, in the annotation as in the configuration."""
    annotation = to_annotation(Resource("a", {"annotation": {"category": 5}}, Raw(b"{}")), None)
    (category,) = to_categories({"idah-image:mask": {"values": [{"id": 5}]}})
    assert annotation.category_id == category.id == "5"


def test_media_that_has_not_been_processed() -> None:
    """Before its processing job has run, a media has no size and an empty `meta`: that is no error."""
    media = to_media(Resource("m", {"resource": "r.jpg", "key": "", "filename": None, "meta": {}}, Raw(b"{}")))
    assert (media.ref, media.name, media.width, media.height, media.frame) == ("r.jpg", "", None, None, "stored")


def test_the_size_of_a_picture_is_learned_from_its_header(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the platform has not measured a picture yet, its file tells the size, and its shapes are placed by it."""
    expected = platform.read()
    monkeypatch.setattr("blocks.sandbox.idah_derived.Media.meta", {})
    found = platform.read()
    assert [entry.annotations for entry in found] == [entry.annotations for entry in expected]
    assert all(entry.original and (entry.original.width, entry.original.height) for entry in found)
    assert found[0].original != expected[0].original  # what the platform sent is kept as it was sent


def test_shapes_on_a_picture_of_unknown_size(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a size shapes cannot be placed: they are unknown, by a name that says why; the others stay."""
    monkeypatch.setattr("blocks.sandbox.idah_derived.Media.meta", {})
    monkeypatch.setattr("blocks.sandbox.idah_derived.Media.content", b"no picture")
    read = [one.shape for entry in platform.read() for one in entry.annotations]
    unplaced = {shape.name for shape in read if isinstance(shape, Unknown)}
    assert "idah-image:bounding-box on a picture of unknown size" in unplaced
    assert {type(shape) for shape in read} == {Unknown, Classification}


@pytest.mark.parametrize("where", [{"status": ["complete"]}, {"wf_step__in": ["done", "finished"]}], ids=str)
def test_a_state_that_there_is_not_is_refused(platform: Platform, where: dict[str, list[str]]) -> None:
    """The platform would answer with no entries, and a nightly export would stay green and empty."""
    with pytest.raises(RequestError, match=r"there is|did you mean"):
        platform.source().check_filters(where)


def test_an_entry_without_media(platform: Platform) -> None:
    """An entry whose resource is null has no media; its annotations are kept."""
    added = platform.store.add_entry(resource=None)
    platform.store.add_annotation(added.id, {"type": "entry:root"}, {"category": "day"})
    read = {entry.id: entry for entry in platform.read()}[added.id]
    assert (read.medias, read.original) == ((), None)
    assert read.annotations[-1].shape == Classification()


def test_two_entries_of_one_media(platform: Platform) -> None:
    """Entries that share a resource, as duplicated datasets do, each have all of its media."""
    first = platform.store.entries_of(platform.dataset_id)[0]
    added = platform.store.add_entry(resource=first.resource)
    read = {entry.id: entry for entry in platform.read()}
    assert read[added.id].medias == read[first.id].medias != ()
    assert read[added.id].annotations != read[first.id].annotations


def test_derived_media_only_when_asked_for(gallery: Platform) -> None:
    """With "all" each entry has its derived files behind the original, by key; with "original" only that."""
    source = gallery.source()
    dataset, listing = gallery.listing(source)
    for entry in source.read(dataset, listing[:3], "all"):
        assert [media.key for media in entry.medias] == ["", "processed.webp", "thumbnail.webp"]
        assert read_media(source, entry.medias[2])[:4] == b"RIFF"
    for entry in source.read(dataset, listing[:3], "original"):
        assert [media.key for media in entry.medias] == [""]


@pytest.mark.parametrize("odd", ["a b.jpg", "ü#1.jpg", "50%2F.jpg", "a&b=c?.jpg", "写真[1].jpg", "a+b.jpg"])
def test_media_of_odd_names_is_read(platform: Platform, odd: str) -> None:
    """The bytes behind a resource of any name are read."""
    added = platform.store.add_entry(resource=odd)
    read = {entry.id: entry for entry in platform.read()}[added.id]
    assert read.original is not None
    assert read_media(platform.source(), read.original) == platform.store.scene(added.id).jpeg()


# How much is asked for


def test_a_thousand_entries_take_few_requests() -> None:
    """Nothing is asked for one entry at a time: 1,000 entries with all they have take 25 requests at most."""
    with serving(entries=1000, behind_proxy=True) as platform:  # which refuses long addresses
        entries = platform.read()
        assert len(entries) == 1000
        assert 4000 < sum(len(entry.annotations) for entry in entries) < 6000
        assert platform.requests() <= 25
        assert max(platform.sandbox.peaks.values()) <= 4  # people annotate through the same threads


def test_reading_takes_one_login_at_most(platform: Platform) -> None:
    """Reading a piece of the listing takes no more than one login, however many questions it asks."""
    dataset, listing = platform.listing()
    platform.sandbox.requests.clear()
    list(platform.source().read(dataset, listing, "original"))
    assert platform.sandbox.requests.pop(LOGINS, 0) <= 1
    assert platform.sandbox.requests == {"dataset/annotations": 1, "media/medias": 1, "dataset/datasets/:id": 1}


def test_nothing_is_asked_with_an_empty_list() -> None:
    """A list of no ids would be answered with everything: such a question is not asked."""
    assert batches("filter[entry_id]", [], 100) == []
    with serving(entries=0) as platform:
        unfiltered = platform.fault(r"GET /api/v1/(dataset/annotations|media/medias)\?(?!.*filter\[)", times=None)
        platform.store.add_entry(resource=None, is_annotated=False)
        (entry,) = platform.read()
        assert entry.medias == entry.annotations == ()
        assert platform.sandbox.requests["media/medias"] == 0
        assert unfiltered.hits == 0
        dataset, _ = platform.listing()
        before = platform.requests()
        assert list(platform.source().read(dataset, [], "all")) == []
        assert platform.requests() == before


def test_addresses_stay_short() -> None:
    """Lists of ids are cut so that no query passes what proxies take, and no value is lost or asked for twice."""
    values = [f"{'ü' * (index % 40)}{index}" for index in range(2000)]
    for most, longest in ((10, 10), (100_000, 200)):
        cut = batches("filter[resource]", values, most)
        assert [value for query in cut for _, value in query] == values
        assert max(len(http.query_text(query)) for query in cut) <= idah_client.QUERY_CHARACTERS
        assert max(len(query) for query in cut) <= longest
    assert len(cut) < 60  # and not shorter than they have to be


def test_annotations_of_one_entry_over_many_pages(platform: Platform) -> None:
    """An entry with more annotations than a page holds has all of them, once each, in order; so have its neighbours."""
    before = {entry.id: len(entry.annotations) for entry in platform.read()}
    crowded = platform.store.entries_of(platform.dataset_id)[2]
    for _ in range(2100):
        platform.store.add_annotation(crowded.id, {"type": "entry:root"}, {"category": "day"})
    read = {entry.id: [one.id for one in entry.annotations] for entry in platform.read()}
    assert {key: len(ids) for key, ids in read.items()} == before | {crowded.id: before[crowded.id] + 2100}
    assert all(ids == sorted(set(ids)) for ids in read.values())


# Listing


def test_the_catalog_has_no_end_at_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """All datasets are listed, also when they fill several pages, the last of them to its end."""
    monkeypatch.setattr(idah_client, "PAGE_ROWS", 10)
    with serving(entries=0, datasets=28) as platform:
        assert len(platform.source().catalog()) == 28


def test_a_dataset_that_does_not_exist(gallery: Platform) -> None:
    """An id of nobody, a name of nobody and an empty text are refused, naming what there is."""
    for wanted in ("019b5c10-3a2b-7c3d-8e4f-000000000099", "Crossing 3", "", "%", "../datasets"):
        with pytest.raises(RequestError, match=r"There is no dataset .* in IDAH at http://127") as caught:
            gallery.source().dataset(wanted)
        assert "Crossing 2" in str(caught.value)


def test_names_that_two_datasets_share(platform: Platform) -> None:
    """A name that several datasets have is refused with their ids."""
    twin = platform.sandbox.store._mint.dataset(platform.store.project, 1)
    twin.name = platform.store.datasets[0].name
    platform.store.datasets.append(twin)
    with pytest.raises(RequestError, match=f"{platform.dataset_id}, {twin.id}"):
        platform.source().dataset(twin.name)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"status": ["completed"]}, lambda row: row["status"] == "completed"),
        ({"status": ["completed", "in_progress"]}, lambda row: row["status"] in ("completed", "in_progress")),
        ({"status__in": ["in_progress"]}, lambda row: row["status"] == "in_progress"),
        ({"priority": ["0"], "name__match": ["0000"]}, lambda row: "0000" in row["name"]),
        ({"assigned": ["true"]}, lambda row: row["assigned_to_id"] is not None),
        ({"assigned_to_id": ["12"]}, lambda row: row["assigned_to_id"] == 12),
        ({"name": ["cam_000003.jpg"]}, lambda row: row["name"] == "cam_000003.jpg"),
        ({"name": ["nobody"]}, lambda _: False),
    ],
    ids=lambda value: None if callable(value) else str(value),
)
def test_filters_are_the_platforms(
    gallery: Platform, where: dict[str, list[str]], expected: Callable[[dict[str, Any]], bool]
) -> None:
    """A filter gives exactly the entries that the platform means by it, one value or several."""
    rows = ask_idah(gallery.url, "dataset/entries", dataset_id=gallery.dataset_id)
    _, listing = gallery.listing(**where)
    assert [orjson.loads(line) for line in listing] == [row for row in rows if expected(row["attributes"])]


def test_an_operator_that_the_platform_does_not_know(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that drops a filter answers with entries nobody asked for: that is found out, not exported."""
    monkeypatch.setattr(EntryRow, "OPERATORS", frozenset())
    with pytest.raises(FatalError, match="does not filter by it"):
        platform.listing(status__in=["in_progress"])


@pytest.mark.parametrize(("table", "column"), [("dataset/annotations", "entry_id"), ("media/medias", "resource")])
def test_rows_that_were_not_asked_for(table: str, column: str) -> None:
    """Annotations and media of other entries than those asked for are found out, whatever the platform thinks."""
    sandbox = IdahSandbox(entries=4)
    real = sandbox.store.tables[table]
    columns = {name: kind for name, kind in real.row_type.COLUMNS.items() if name != column}
    deaf = type("Deaf", (real.row_type,), {"COLUMNS": columns})
    cast("dict[str, Table]", sandbox.store.tables)[table] = Table(deaf, real.scan, {})
    with sandbox.serve() as url:
        platform = Platform(sandbox, url)
        dataset, listing = platform.listing()
        with pytest.raises(FatalError, match=f"does not filter by {column}"):
            list(platform.source().read(dataset, listing[:1], "original"))


@pytest.mark.parametrize(("key", "said"), [("IDAH_wrong", "Invalid Key"), ("IDAH_" + "0" * 64, "Invalid credentials")])
def test_a_wrong_key(gallery: Platform, key: str, said: str) -> None:
    """A key that is refused is told in the platform's words and without the key, after a single try."""
    before = gallery.sandbox.requests[LOGINS]
    with pytest.raises(RequestError, match=said) as caught:
        gallery.source(api_key=SecretStr(key)).catalog()
    assert key not in str(caught.value)
    assert gallery.sandbox.requests[LOGINS] == before + 1


def test_e_mail_and_password(gallery: Platform) -> None:
    """Instead of a key an account's e-mail and password open the same datasets; a wrong password is refused."""
    account = {"api_key": SecretStr(""), "email": DEMO_EMAIL}
    source = gallery.source(**account, password=SecretStr(DEMO_PASSWORD))
    assert source.catalog() == gallery.source().catalog()
    with pytest.raises(RequestError, match="invalid_credentials") as caught:
        gallery.source(**account, password=SecretStr("canary")).catalog()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("fields", [{}, {"email": DEMO_EMAIL}, {"password": SecretStr("x")}])
def test_no_credentials_at_all(gallery: Platform, fields: dict[str, Any]) -> None:
    """Without a key, or with half of an account, it is said what to set, before anything is asked."""
    before = gallery.requests()
    with pytest.raises(RequestError, match="OUTHAUL_API_KEY"):
        gallery.source(api_key=SecretStr(""), **fields).catalog()
    assert gallery.requests() == before


def test_a_token_that_expires_midway(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is renewed when its time has come, not when it is refused."""
    monkeypatch.setattr(idah_reading, "FIRST_MASKS", 2)
    with serving(entries=4, token_lifetime_seconds=2) as platform:
        dataset, listing = platform.listing()
        reading = platform.source().read(dataset, listing, "original")
        first = list(islice(reading, 2))
        platform.sandbox.requests.clear()
        time.sleep(2.1)
        assert len(first + list(reading)) == 4
        rows = {"dataset/annotations": 1, "media/medias": 1, "dataset/datasets/:id": 1}
        assert platform.sandbox.requests == {LOGINS: 1, **rows}


def test_a_token_refused_midway_costs_one_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the platform ends a token early, all requests that it refuses share a single new login."""
    monkeypatch.setattr(idah_reading, "FIRST_MASKS", 4)
    with serving(entries=8) as platform:
        dataset, listing = platform.listing()
        reading = platform.source().read(dataset, listing, "original")
        first = list(islice(reading, 4))
        platform.sandbox.requests.clear()
        platform.sandbox.auth.expire_tokens()
        assert len(first + list(reading)) == 8
        assert platform.sandbox.requests[LOGINS] == 1


def test_a_401_that_a_login_does_not_cure(platform: Platform) -> None:
    """A request that is refused with a fresh token too is not tried for ever: two tries, two logins, an error."""
    fault = platform.fault(r"dataset/datasets\?", 401, times=None)
    with pytest.raises(RequestError, match="refused the credentials"):
        platform.source().catalog()
    assert (fault.hits, platform.sandbox.requests[LOGINS]) == (2, 2)


def test_a_revoked_key(platform: Platform) -> None:
    """A key that was revoked is told as such."""
    platform.sandbox.auth.revoked_keys.add(DEMO_API_KEY)
    with pytest.raises(RequestError, match="revoked or expired"):
        platform.source().catalog()


def test_a_login_that_is_not_understood(platform: Platform) -> None:
    """An answer to the login without a token is no login."""
    platform.fault("login", 200, times=None)
    with pytest.raises(RetriableError, match=r"cannot be read \(login\)"):
        platform.source().catalog()


# What is survived


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "times": 2},
        {"status": 502, "kind": "html"},
        {"status": 500},
        {"status": 408},
        {"status": 429, "retry_after": 0.1, "times": 3},
        {"kind": "reset", "times": 2},
        {"kind": "truncate", "times": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["auth/api/login", r"dataset/entries\?", "dataset/annotations", "media/medias"])
def test_what_passes_is_survived(
    platform: Platform, forget: Callable[[], None], path: str, fault: dict[str, Any]
) -> None:
    """A server that is overloaded, restarted or cut off for a moment is asked again, and nothing is lost."""
    expected = platform.read()
    forget()
    scripted = platform.fault(path, **fault)
    assert platform.read() == expected
    assert scripted.hits == fault.get("times", 1)


def test_the_server_says_how_long_to_wait(platform: Platform) -> None:
    """A `Retry-After` is waited for in full, where our own first wait would be shorter."""
    platform.fault(r"dataset/datasets\?", 429, retry_after=1)
    started = time.monotonic()
    platform.source().catalog()
    assert 1.0 <= time.monotonic() - started < 3.0


def test_what_does_not_pass(platform: Platform) -> None:
    """A server that stays overloaded is given up after four tries; the error says how long it asked to wait."""
    fault = platform.fault(r"dataset/datasets\?", 503, times=None, retry_after=0.05)
    with pytest.raises(RetriableError, match=r"answered 503 \(scripted fault\)") as caught:
        platform.source().catalog()
    assert (fault.hits, caught.value.delay_seconds) == (4, 0.05)


def test_a_server_that_falls_silent(platform: Platform) -> None:
    """Silence in the middle of an answer ends after the time that the block allows."""
    platform.fault(r"dataset/datasets\?", kind="stall", times=None, stall_seconds=30)
    started = time.monotonic()
    with pytest.raises(RetriableError, match="did not answer in time"):
        platform.source(timeout_seconds=0.2).catalog()
    assert time.monotonic() - started < 5


def test_web_pages_instead_of_answers(platform: Platform) -> None:
    """A web page where the API should be may be a proxy's and pass; one that stays means a wrong address."""
    platform.fault(r"dataset/datasets\?", 200, kind="html")
    assert len(platform.source().catalog()) == 1
    fault = platform.fault(r"dataset/datasets\?", 200, kind="html", times=None)
    with pytest.raises(RequestError, match="web page"):
        platform.source().catalog()
    assert fault.hits == http.ATTEMPTS


def test_redirects_are_not_followed(platform: Platform) -> None:
    """A redirect that stays is refused, saying where the mistake may be; one that passes is survived."""
    for path, status in (("login", 307), (r"dataset/datasets\?", 302)):
        fault = platform.fault(path, status, times=http.ATTEMPTS)
        with pytest.raises(RequestError, match=r"redirects elsewhere \(30[27]\); check the address"):
            platform.source().catalog()
        assert fault.hits == http.ATTEMPTS
    platform.fault(r"dataset/datasets\?", 302)
    assert len(platform.source().catalog()) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("asks", ["the login", "a question"])
def test_secrets_are_not_carried_elsewhere(gallery: Platform, asks: str, status: int) -> None:
    """A platform that redirects, be it a proxy's mistake, gets neither key nor token sent to another place."""
    before = gallery.requests()

    class Redirecting(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", f"{gallery.url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if asks == "the login":
                self.do_GET()
                return
            body = orjson.dumps({"data": {"attributes": {"exp": int(time.time()) + 600}}, "meta": {"token": "canary"}})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, args=(0.01,), daemon=True).start()
        source = gallery.source(url=f"http://127.0.0.1:{elsewhere.server_port}")
        with pytest.raises(FatalError, match="redirects elsewhere"):
            source.catalog()
        elsewhere.shutdown()
    assert gallery.requests() == before


@pytest.mark.parametrize(
    ("status", "said"), [(403, "does not allow"), (404, "has nothing there"), (422, "answered 422")]
)
def test_refusals_are_not_tried_again(platform: Platform, status: int, said: str) -> None:
    """What the platform refuses for good is asked once, and its words are passed on."""
    fault = platform.fault(r"dataset/datasets\?", status, times=None)
    with pytest.raises(FatalError, match=rf"{said}.*scripted fault"):
        platform.source().catalog()
    assert fault.hits == 1


def test_backtraces_are_not_passed_on(gallery: Platform) -> None:
    """Of an error document only the sentence is told, never the calls that led to it, and on one line."""
    with pytest.raises((FatalError, RetriableError)) as caught:
        gallery.listing(job_id=["no uuid"])
    assert "/app/vendor" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_platform_that_is_down() -> None:
    """An address where nobody answers is told within seconds, to be tried again, with the reason in words."""
    with serving(entries=0) as platform:
        source = platform.source()
    started = time.monotonic()
    with pytest.raises(RetriableError, match=r"127\.0\.0\.1:\d+ cannot be reached \(connect"):
        source.catalog()
    assert time.monotonic() - started < 5


def test_a_platform_without_a_name() -> None:
    """A host that no name server knows is told within seconds."""
    started = time.monotonic()
    with pytest.raises(RetriableError, match=r"idah\.invalid cannot be reached"):
        IdahSource(url="https://idah.invalid", api_key=SecretStr(DEMO_API_KEY)).catalog()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "url",
    ["idah.example.org", "", "https://", "http://[::1", "http://127.0.0.1:99999", "ftp://127.0.0.1", "http:/x"],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    """An address that is none is the request's fault: refused with one sentence, not tried again."""
    with pytest.raises(RequestError, match="address"):
        IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)).catalog()


def test_a_password_in_the_address(gallery: Platform) -> None:
    """A user name and password in the address are refused or used, and in no case shown."""
    url = gallery.url.replace("http://", "http://someone:canary@")
    source = gallery.source(url=url)
    assert "canary" not in str(source.identity())
    with pytest.raises(RequestError) as caught:
        source.catalog()
    assert "canary" not in str(caught.value)


# Media


def test_media_that_breaks_off(platform: Platform) -> None:
    """A file that ends early is an error to be tried again, never a short file."""
    media = platform.read()[0].original
    assert media is not None
    for fault in ({"kind": "truncate"}, {"kind": "reset"}, {"status": 503}):
        platform.fault("media/medias/files", times=None, **fault)
        with pytest.raises(RetriableError):
            read_media(platform.source(), media)
        platform.sandbox.faults.clear()
    platform.fault("media/medias/files", kind="wrong_length", stall_seconds=30)
    with pytest.raises(RetriableError, match="in time"):
        read_media(platform.source(timeout_seconds=0.2), media)
    assert len(read_media(platform.source(), media)) == media.size


def test_a_length_that_is_too_small(platform: Platform) -> None:
    """Of a file announced too short no byte is taken for another file's: a later file on that connection is whole."""
    entries = platform.read()
    first, second = entries[0].original, entries[1].original
    platform.fault("media/medias/files", kind="wrong_length", length_error_bytes=-100)

    async def read() -> tuple[bytes, bytes]:
        async with platform.source(connections=1).open_media() as reader:

            async def whole(media: Any) -> bytes:
                return b"".join([chunk async for chunk in reader.read(media)])

            try:
                short = await whole(first)
            except RetriableError:
                short = b""  # the rest came so soon that it was seen
            return short, await http.patiently(lambda: whole(second))

    short, other = asyncio.run(read())
    assert short in (b"", platform.store.scene(entries[0].id).jpeg()[:-100])
    assert other == platform.store.scene(entries[1].id).jpeg()


def test_media_that_is_gone(platform: Platform) -> None:
    """A media whose file is gone costs its entry only, for a reason that many entries can share."""
    media = platform.read()[0].original
    assert media is not None
    platform.store.delete_media(media.ref)
    with pytest.raises(SkippableError) as caught:
        read_media(platform.source(), media)
    assert caught.value.reason == "its media is gone from the platform (404)"


def test_an_original_without_a_row(platform: Platform) -> None:
    """An original whose row is gone is named all the same: that it is missing comes to light when it is to be read."""
    entry = platform.store.entries_of(platform.dataset_id)[0]
    platform.store.delete_media(entry.resource)
    source = platform.source()
    dataset, listing = platform.listing(source)
    for choice in ("original", "all"):
        (read, *_) = source.read(dataset, listing, choice)  # type: ignore[arg-type]
        assert read.original is read.medias[0]
        assert (read.id, read.original.ref, read.original.width) == (entry.id, entry.resource, None)
        with pytest.raises(SkippableError, match="its media is gone"):
            read_media(source, read.original)


def test_pictures_that_cannot_be_measured(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is missing when it is to be measured does not stop its entry from being read."""
    monkeypatch.setattr("blocks.sandbox.idah_derived.Media.meta", {})
    platform.fault("media/medias/files", times=None, status=404)
    read = platform.read()
    assert len(read) == 6
    assert all(entry.original and entry.original.width is None for entry in read)


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"status": 503}], ids=["reset", "503"])
def test_a_fault_that_passes_costs_no_shapes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    """A picture is measured again when that fails for a moment; when it goes on, the read fails, to be retried."""
    expected = platform.read()
    monkeypatch.setattr("blocks.sandbox.idah_derived.Media.meta", {})
    platform.fault("media/medias/files", times=1, **fault)
    assert [entry.annotations for entry in platform.read()] == [entry.annotations for entry in expected]
    platform.fault("media/medias/files", times=None, **fault)
    with pytest.raises(RetriableError):
        platform.read()


# Certificates


@dataclass
class Authority:
    bundle: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate for 127.0.0.1 that signs itself, as development platforms have."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, private = folder / "ca.pem", folder / "key.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return Authority(bundle, context)


@pytest.fixture
def encrypted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a platform behind HTTPS."""
    plain = web.SockSite

    def site(runner: web.AppRunner, listener: Any) -> web.SockSite:
        return plain(runner, listener, ssl_context=authority.context)

    monkeypatch.setattr(server, "web", SimpleNamespace(AppRunner=web.AppRunner, SockSite=site))
    with IdahSandbox(entries=1).serve() as url:
        yield url.replace("http://", "https://")


def test_certificates_of_nobody_are_refused(encrypted: str) -> None:
    """A certificate that no known authority signed is refused, saying what can be done."""
    with pytest.raises(RequestError, match=r"certificate of .* cannot be verified .*; give a CA bundle"):
        IdahSource(url=encrypted, api_key=SecretStr(DEMO_API_KEY)).catalog()


def test_a_private_authority(encrypted: str, authority: Authority) -> None:
    """With the authority's certificate in a bundle, or with verification off, the platform is read."""
    key = SecretStr(DEMO_API_KEY)
    bundled = IdahSource(url=encrypted, api_key=key, ca_bundle=str(authority.bundle))
    (entry,) = everything(bundled)
    assert entry.original is not None
    assert read_media(bundled, entry.original)[:2] == b"\xff\xd8"
    assert IdahSource(url=encrypted, api_key=key, verify_ssl=False).catalog() == bundled.catalog()


@pytest.mark.parametrize("content", [None, b"", b"no certificate", picture_bytes()])
def test_a_bundle_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    """A CA bundle that is missing or holds no certificate is refused by its path."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(RequestError, match=r"The CA bundle .*ca\.pem cannot be read"):
        IdahSource(url="https://127.0.0.1", api_key=SecretStr("x"), ca_bundle=str(bundle)).catalog()


def test_sources_are_used_from_many_threads(gallery: Platform) -> None:
    """One source serves several tasks at once, each in its own thread."""
    source = gallery.source()
    dataset, listing = gallery.listing(source)
    expected = list(source.read(dataset, listing, "original"))
    read: dict[int, list[Entry]] = {}

    def work(part: int) -> None:
        read[part] = list(source.read(dataset, listing[part::3], "none"))

    threads = [threading.Thread(target=work, args=(part,)) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == {part: expected[part::3] for part in range(3)}
