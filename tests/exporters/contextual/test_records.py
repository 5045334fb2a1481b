"""Records of the platform, and of sources that send no such records."""

from __future__ import annotations

import copy
import json
import pickle

import orjson
import pytest
from msgspec import Raw

from blocks.idah_shapes import to_shape
from exporters.contextual import records
from exporters.contextual.platform_form import dimensions
from exporters.contextual.records import FIELDS, Record
from exporters.model import Annotation, Box, Entry, Mask, Track, Unknown
from exporters.testing import plain_data
from tests.fakes.datasets import annotation, dataset, entry, one_of_each, picture

DOCUMENT = {
    "type": "dataset:entries",
    "id": "e1",
    "attributes": {"name": "a.jpg", "status": "completed", "weather": {"rain": True}, "items": 3},
    "relationships": {"dataset": {"data": {"type": "dataset:datasets", "id": "d1"}}, "assigned_to": {"data": None}},
}


@pytest.fixture
def record() -> Record:
    return records.entry_record(Entry(id="e1", dataset_id="d1", name="a.jpg", raw=Raw(orjson.dumps(DOCUMENT))))


def test_every_field_that_was_sent_is_an_attribute(record: Record) -> None:
    """Id, type, attributes and relationships; also those that nobody has documented."""
    assert (record.id, record.type, record.name, record.status) == ("e1", "dataset:entries", "a.jpg", "completed")
    assert record.weather["rain"] is True
    assert record.dataset == {"type": "dataset:datasets", "id": "d1"}
    assert record.assigned_to is None
    assert record["items"] == 3  # the name of a method of dict


def test_a_documented_field_that_was_not_sent_is_none(record: Record) -> None:
    """Older platforms send less; code written for the newer ones runs all the same."""
    assert record.reviewed_by_email is None
    assert all(getattr(record, name) is None for name in FIELDS["entry"] if name not in record)


def test_a_misspelt_field_is_an_error(record: Record) -> None:
    """It must not quietly export nothing; the nearest name is said."""
    with pytest.raises(AttributeError, match="no field 'statsu'; did you mean 'status'"):
        _ = record.statsu
    assert getattr(record, "zzz", "otherwise") == "otherwise"


def test_a_record_is_its_own_json(record: Record) -> None:
    """Any encoder takes it, nested too; the fields come back as they were sent."""
    again = json.loads(json.dumps({"record": record}))["record"]
    assert again == orjson.loads(orjson.dumps(record)) == record.to_dict()
    assert again == {
        **{name: value for name, value in DOCUMENT["attributes"].items()},  # type: ignore[attr-defined]  # noqa: C416
        "id": "e1",
        "type": "dataset:entries",
        "dataset": {"type": "dataset:datasets", "id": "d1"},
        "assigned_to": None,
    }


def test_a_record_can_be_copied_and_sent_to_another_process(record: Record) -> None:
    """Copies are records again."""
    for other in (copy.deepcopy(record), copy.copy(record), pickle.loads(pickle.dumps(record))):
        assert other == record
        assert other.status == "completed"
        assert other.reviewed_by_id is None


def test_shape_is_the_documentations_word_for_dimensions() -> None:
    """Where the platform itself gives nothing, which exports nothing."""
    data = plain_data({"entries": [{"annotations": [{"dimensions": {"type": "entry:root"}}]}]})
    (made,) = data.entries(data.datasets[0])
    record = records.annotation_record(made.annotations[0], made)
    assert record.shape == record.dimensions == {"type": "entry:root"}


def test_other_sources_give_the_platforms_fields() -> None:
    """An exporter written for the platform finds id, name, status, dimensions and label whatever the source sends."""
    made = entry("e1", Box(16.0, 12.0, 32.0, 24.0), state="rejected")
    of_entry, of_annotation = records.entry_record(made), records.annotation_record(made.annotations[0], made)
    of_media, of_dataset = records.media_record(made.medias[0], made), records.dataset_record(dataset("d1"))
    assert (of_entry.id, of_entry.name, of_entry.status, of_entry.resource) == ("e1", "e1.png", "errored", "ref/e1-m")
    assert of_entry["entry"] == "e1"  # what the source sent besides is there too
    assert of_annotation.annotation == {"category": "c-car", "attributes": {}}
    assert of_annotation.dimensions == {
        "type": "idah-image:bounding-box",
        "points": [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]],
        "angle": 0.0,
    }
    assert (of_media.filename, of_media.key, of_media.meta) == ("e1-m.png", "", {"width": 64, "height": 48})
    assert of_dataset.modality == "idah-image"
    assert [one["id"] for one in of_dataset.labeling_configuration["idah-image:bounding-box"]["values"]] == [
        "c-car",
        "c-person",
        "c-tree",
    ]
    assert set(FIELDS["annotation"]) - set(of_annotation) == {"project_id", "project", "dataset", "entry"}


@pytest.mark.parametrize("name", sorted(one_of_each()))
def test_every_shape_has_a_form(name: str) -> None:
    """Each is JSON with a type: the platform's where it has such a shape, else the record model's."""
    made = dimensions(one_of_each()[name], picture("m"))
    assert isinstance(made["type"], str)
    assert made["type"]
    json.dumps(made)


@pytest.mark.parametrize("name", ["box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "classification"])
def test_the_platforms_form_means_the_same_shape(name: str) -> None:
    """Read as the platform's own records are, it is the shape that it was made of."""
    shape, picture_ = one_of_each()[name], picture("m")
    assert to_shape(dimensions(shape, picture_), (picture_.width or 0, picture_.height or 0)) == shape


@pytest.mark.parametrize("mask", [Mask(300, 140, (0, 42_000)), Mask(130, 130, (16_000, 200, 700)), Mask(3, 2, (6,))])
def test_masks_of_several_tiles_keep_their_pixels(mask: Mask) -> None:
    """Full ones, ones at the border of a tile, empty ones."""
    assert to_shape(dimensions(mask, None), (mask.width, mask.height)) == mask


def test_a_shape_on_a_picture_of_unknown_size_keeps_its_pixels() -> None:
    """Shares of an unknown width cannot be told."""
    made = dimensions(Box(1.0, 2.0, 3.0, 4.0), None)
    assert made == {"type": "box", "left": 1.0, "top": 2.0, "width": 3.0, "height": 4.0}


def test_a_shape_that_nobody_knows_keeps_the_platforms_word() -> None:
    """`type` is what the source called it."""
    made = entry("e1", Annotation(id="a", shape=Unknown("other-plugin:cuboid")))
    assert records.annotation_record(made.annotations[0], made).dimensions["type"] == "other-plugin:cuboid"
    assert annotation("a", Unknown("x")).shape == Unknown("x")


def test_a_track_of_boxes_has_its_key_frames() -> None:
    """As the platform writes videos: type, first and last frame, and where the object is in each key frame."""
    track = one_of_each()["track"]
    assert isinstance(track, Track)
    inside = Track(tuple(one for one in track.keyframes if not one.is_outside))
    made = dimensions(inside, picture("m"))
    assert made["type"] == "idah-video:bounding-box"
    assert (made["start"], made["end"]) == (inside.keyframes[0].frame, inside.keyframes[-1].frame)
    assert [sorted(frame) for frame in made["frames"]] == [["angle", "frame", "points"]] * len(inside.keyframes)
