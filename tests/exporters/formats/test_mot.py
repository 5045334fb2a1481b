"""What the format `mot` promises beside what every format does, read by motmetrics and by Datumaro."""

from __future__ import annotations

import configparser
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors import RequestError
from exporters.formats.mot import MotExporter
from exporters.model import Box, Entry, Keyframe, RotatedBox, Track
from exporters.shapes import tracks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, media_bytes, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "mot"
COUNT = 20
BOX = Box(8.0, 6.0, 16.5, 12.0)
TRACK = one_of_each()["track"]
KEYS = {"name", "imDir", "frameRate", "seqLength", "imWidth", "imHeight", "imExt"}


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(MotExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    for path in made.files:
        if path.endswith("gt.txt"):
            prove(made, path.removesuffix("/gt/gt.txt"))
    return made


def rows(made: Export, sequence: str) -> list[list[str]]:
    return [line.split(",") for line in made.files[f"{sequence}/gt/gt.txt"].decode().splitlines()]


def prove(made: Export, sequence: str) -> None:
    """Raise unless a sequence is what readers of MOT rely on."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(made.files[f"{sequence}/seqinfo.ini"].decode())
    assert parser.sections() == ["Sequence"]
    info = dict(parser["Sequence"])
    assert info.keys() == KEYS
    assert all(int(info[key]) >= 1 for key in ("frameRate", "seqLength", "imWidth", "imHeight"))
    labels = made.files[f"{sequence}/gt/labels.txt"].decode().split("\n")[:-1]
    met = set()
    for row in rows(made, sequence):
        frame, number, *place, flag, category, seen = row
        assert 1 <= int(frame) <= int(info["seqLength"])
        assert int(number) >= 1
        assert (frame, number) not in met
        met.add((frame, number))
        assert all(math.isfinite(float(value)) for value in place)
        assert float(place[2]) > 0
        assert float(place[3]) > 0
        assert flag in ("0", "1")
        assert 1 <= int(category) <= len(labels)
        assert 0 <= float(seen) <= 1


def film(id_: str, *shapes: Any, **values: Any) -> Entry:
    media = picture(f"{id_}-m", mime_type="video/mp4", frame_rate=29.97, frames_count=COUNT)
    return entry(id_, *shapes, **{"name": f"{id_}.mp4", "medias": (media,), **values})


def frame(number: int, *boxes: tuple[Any, Box], folder: str = "street/img1", **values: Any) -> Entry:
    """A picture named as MOT names them, with boxes of objects by their ids."""
    id_ = f"{folder}-{number}"
    annotations = (
        annotation(f"{id_}-{index}", box, attributes={"track_id": object_id})
        for index, (object_id, box) in enumerate(boxes)
    )
    return entry(id_, *annotations, **{"name": f"{folder}/{number:06d}.jpg", **values})


def write(made: Export, folder: Path) -> None:
    """The export with real pictures."""
    for path, data in [*made.files.items(), *((path, media_bytes(picture("any"))) for path in made.medias)]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


# -- the files --------------------------------------------------------------------------------------------------------


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    ignored = annotation(
        "far", BOX, attributes={"track_id": 9, "visibility": 0.25}, is_crowd=True, category_id="c-tree"
    )
    made = export(
        film("film", TRACK),
        frame(1, (7, BOX), (3, Box(0.0, 0.0, WIDTH, HEIGHT))),
        entry("street-2", annotation("b", BOX, attributes={"track_id": 7}), ignored, name="street/img1/000002.jpg"),
    )
    assert made.medias.keys() == {"film/film.mp4", "street/img1/000001.jpg", "street/img1/000002.jpg"}
    golden = {str(path.relative_to(GOLDEN)): path.read_bytes() for path in GOLDEN.rglob("*") if path.is_file()}
    assert made.files == golden


def test_full_picture_is_1_1_width_height() -> None:
    """Left and top count from 1, the size does not."""
    made = export(frame(1, (3, Box(0.0, 0.0, WIDTH, HEIGHT))))
    assert rows(made, "street") == [["1", "3", "1", "1", str(WIDTH), str(HEIGHT), "1", "1", "1"]]


@st.composite
def box_tracks(draw: st.DrawFn) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, COUNT + 5), min_size=1, max_size=5)))
    return Track(tuple(Keyframe(number, draw(strategies.boxes()), is_outside=draw(st.booleans())) for number in frames))


@given(st.lists(box_tracks(), max_size=3))
def test_tracks_have_a_row_a_frame(found: list[Track]) -> None:
    """Each frame that an object is in has one row, by frame and id; frames it is outside of have none."""
    made = export(film("e1", *found))
    meant = {
        (one.number + 1, index): one.shape
        for index, track in enumerate((one for one in found if list(tracks.frames(one, COUNT))), 1)
        for one in tracks.frames(track, COUNT)
    }
    read = rows(made, "e1")
    assert [(int(row[0]), int(row[1])) for row in read] == sorted(meant)
    for row in read:
        box = meant[int(row[0]), int(row[1])]
        assert isinstance(box, Box)
        left, top, width, height = map(float, row[2:6])
        assert (left - 1, top - 1, width, height) == pytest.approx((box.left, box.top, box.width, box.height))


@given(strategies.entry_lists("d1", margin=25))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, every sequence proves sound, and each box has a row."""
    made = export(*entries, shard_size=2)
    written = sum(len(rows(made, path.removesuffix("/gt/gt.txt"))) for path in made.files if path.endswith("gt.txt"))
    assert written == made.tally.went_out.get("annotations", 0)


def test_hostile_names_are_sound() -> None:
    """Names of any kind are sequences with sound files, a class a line."""
    export(*hostile.entries())
    many = hostile.categories()
    made = export(*hostile.of_every_category(many), dataset=many)
    assert made.files["e0/gt/labels.txt"].count(b"\n") == len(many.categories)


# -- independent readers ----------------------------------------------------------------------------------------------


def scene() -> list[Entry]:
    """Two objects through ten frames, one of them gone for a while; in the last, one alone."""
    return [
        frame(number, *([(7, Box(number, 5.0, 10.0, 8.0))] if number != 5 else []), ("4", Box(30.0, number, 6.0, 9.5)))
        for number in range(1, 11)
    ]


# motmetrics parses with pandas's old way of inferring types, and counts with NumPy's old names.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_scored_against_itself_it_is_perfect(tmp_path: Path) -> None:
    """Pictures with track ids go out as they came: motmetrics finds MOTA 1, IDF1 1 and no switch of identity."""
    import motmetrics  # noqa: PLC0415 - it takes a second to import

    entries = scene()
    write(export(*entries, shard_size=3), tmp_path)
    truth = motmetrics.io.loadtxt(tmp_path / "street/gt/gt.txt", fmt="mot16", min_confidence=1)
    assert truth.index.tolist() == [
        (number, object_id) for number in range(1, 11) for object_id in (4, 7) if (number, object_id) != (5, 7)
    ]
    for (number, object_id), row in truth.iterrows():
        box = next(
            one.shape
            for one in entries[number - 1].annotations
            if str(one.attributes["track_id"]) == str(object_id) and isinstance(one.shape, Box)
        )
        assert (row["X"], row["Y"], row["Width"], row["Height"]) == (box.left, box.top, box.width, box.height)
    compared = motmetrics.utils.compare_to_groundtruth(truth, truth, "euc", distth=5.0)
    summary = motmetrics.metrics.create().compute(compared, metrics=["mota", "idf1", "num_switches"], name="all")
    assert summary.loc["all"].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_boxes_over_the_border_stay_whole(tmp_path: Path) -> None:
    """Objects that leave the picture keep the boxes they came with: a score against these is perfect, at defaults."""
    import motmetrics  # noqa: PLC0415 - it takes a second to import

    leaving = {number: Box(8.0 * number - 30.0, -6.5, 20.0, 60.0) for number in range(1, 11)}
    came = "".join(
        f"{number},7,{box.left + 1},{box.top + 1},{box.width},{box.height},1,1,1\n" for number, box in leaving.items()
    )
    (tmp_path / "came.txt").write_text(came)
    made = export(*(frame(number, (7, box)) for number, box in leaving.items()))
    assert made.tally.changed == {}
    write(made, tmp_path)
    truth, found = (
        motmetrics.io.loadtxt(tmp_path / path, fmt="mot16", min_confidence=1)
        for path in ("came.txt", "street/gt/gt.txt")
    )
    columns = ["X", "Y", "Width", "Height"]
    assert (found[columns] == truth[columns]).all(axis=None)
    compared = motmetrics.utils.compare_to_groundtruth(truth, found, "euc", distth=0.01)
    summary = motmetrics.metrics.create().compute(compared, metrics=["mota", "idf1"], name="all")
    assert summary.loc["all"].tolist() == [1.0, 1.0]


def test_datumaro_reads_sequences(tmp_path: Path) -> None:
    """Datumaro's reader finds each frame, its picture, ids, classes and what is to be ignored."""
    from datumaro.plugins.data_formats.mot import MotSeqBase  # noqa: PLC0415 - it takes a second to import

    crowd = annotation("x", BOX, attributes={"track_id": 9, "visibility": 0.5}, is_crowd=True, category_id="c-tree")
    made = export(*scene(), entry("last", crowd, name="street/img1/000012.jpg"))
    write(made, tmp_path)
    items = list(MotSeqBase(str(tmp_path / "street/gt/gt.txt")))
    assert len(items) == 12
    assert [len(item.annotations) for item in items] == [2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 0, 1]
    assert Path(items[11].media.path).is_file()
    (one,) = items[11].annotations
    assert one.label == 2
    assert one.attributes == {"track_id": 9, "visibility": 0.5, "occluded": False, "ignored": True}


# -- sequences --------------------------------------------------------------------------------------------------------


def test_videos_lie_in_their_sequence() -> None:
    """A video is delivered whole in its sequence's folder; `seqinfo.ini` has its length, rate and size."""
    made = export(film("e1", TRACK, split="train", name="cam/e1.mp4"))
    assert made.medias.keys() == {"train/cam/e1/e1.mp4"}
    assert made.files["train/cam/e1/seqinfo.ini"].decode().splitlines() == [
        "[Sequence]",
        "name=e1",
        "imDir=img1",
        "frameRate=30",
        f"seqLength={COUNT}",
        f"imWidth={WIDTH}",
        f"imHeight={HEIGHT}",
        "imExt=.jpg",
    ]


def test_tracks_of_a_video_keep_their_ids() -> None:
    """Ids that all tracks have, and no two in one frame alike, are kept; else they count from 1."""
    first, second = (annotation(f"t{number}", TRACK, attributes={"track_id": number}) for number in (12, 5))
    assert {row[1] for row in rows(export(film("e1", first, second)), "e1")} == {"12", "5"}
    assert {row[1] for row in rows(export(film("e1", first, TRACK)), "e1")} == {"1", "2"}
    assert {row[1] for row in rows(export(film("e1", first, first)), "e1")} == {"1", "2"}
    later = Track((Keyframe(10, BOX, attributes={"pose": 1}), Keyframe(12, BOX)))
    made = export(film("e1", first, annotation("later", later, attributes={"track_id": 12}, category_id="c-tree")))
    assert [row[1] for row in rows(made, "e1")] == ["12"] * 9
    assert made.tally.changed == {"attributes are not held": 1}


def test_length_of_a_sequence_is_its_last_frame() -> None:
    """Frames without a picture are frames too: the length is the number of the last one, over all shards."""
    made = export(frame(3), frame(9, (1, BOX)), frame(4), shard_size=1)
    assert b"seqLength=9\n" in made.files["street/seqinfo.ini"]
    assert len(made.medias) == 3


def test_pictures_that_are_no_frames_are_sequences() -> None:
    """A picture whose frame is not known is a sequence of one frame, its boxes objects from 1."""
    made = export(entry("e1", BOX, BOX, name="photo.jpg"), entry("e2", BOX, name="b/000007x.jpg"))
    assert [row[:2] for row in rows(made, "photo")] == [["1", "1"], ["1", "2"]]
    assert made.medias.keys() == {"photo/img1/000001.jpg", "b/000007x/img1/000001.jpg"}


def test_frames_can_be_told_by_attributes() -> None:
    """Sequence, frame and object can be in attributes of any name."""
    entries = [
        entry(
            f"e{number}",
            annotation(f"a{number}", BOX, attributes={"who": 5}),
            attributes={"clip": "c1", "at": number + 1},
        )
        for number in range(3)
    ]
    options = {"frame_from": "attribute", "frame_attribute": "at", "sequence_attribute": "clip"}
    made = export(*entries, options=options | {"track_attribute": "who"})
    assert [row[:2] for row in rows(made, "c1")] == [["1", "5"], ["2", "5"], ["3", "5"]]
    assert "c1/img1/000003.png" in made.medias


def test_frames_can_be_the_last_digits_of_names() -> None:
    """With frame_from=digits, frames are numbered by the last digits of their names."""
    entries = [entry(f"e{number}", BOX, name=f"cam2/frame_{number}.jpg") for number in (9, 10)]
    made = export(*entries, options={"frame_from": "digits"})
    assert made.medias.keys() == {"cam2/img1/000009.jpg", "cam2/img1/000010.jpg"}


@pytest.mark.parametrize("size", [1, 1000])
def test_one_frame_twice_is_refused(size: int) -> None:
    """Two pictures that would be one frame are refused with what to do, be they in one shard or in two."""
    entries = [frame(1, folder="a"), frame(1, folder="a/img1")]
    with pytest.raises(RequestError, match=r"frame 1 of the sequence “a”; .*sequence_attribute"):
        export(*entries, shard_size=size)


@pytest.mark.parametrize("size", [1, 1000])
def test_sequences_that_differ_in_case_are_refused(size: int) -> None:
    """Two sequences that some file systems take for one are refused, not joined."""
    with pytest.raises(RequestError, match=r"“Street” and “street” are one folder"):
        export(frame(1, folder="Street"), frame(2, folder="street"), shard_size=size)


# -- objects ----------------------------------------------------------------------------------------------------------


def test_ids_that_are_no_numbers_stay_the_same() -> None:
    """A text is one number wherever it is met, in all shards; unlike texts are unlike numbers; each is counted."""
    made = export(frame(1, ("a", BOX), ("b", BOX)), frame(2, ("b", BOX)), shard_size=1)
    numbers = {row[1] for row in rows(made, "street")}
    assert len(numbers) == 2
    assert {row[1] for row in rows(made, "street") if row[0] == "2"} < numbers
    assert made.tally.changed == {"its track id became a number": 3}


def test_boxes_without_an_id_are_objects_of_their_own() -> None:
    """A box of no object, and the second box of one in a frame, share their id with nothing, and are counted."""
    made = export(frame(1, (None, BOX), (5, BOX), (5, BOX)), frame(2, (None, BOX)))
    assert len({row[1] for row in rows(made, "street")}) == 4
    assert made.tally.changed == {
        "another box of its frame has its track id: it became an object of its own": 1,
        "it has no track id: it became an object of its own": 2,
    }


def test_groups_are_objects_where_there_are_no_ids() -> None:
    """Boxes of one group are one object through the frames."""
    entries = [
        entry(f"e{number}", annotation(f"a{number}", BOX, group_id="12"), name=f"s/{number:06d}.jpg")
        for number in (1, 2)
    ]
    assert [row[1] for row in rows(export(*entries), "s")] == ["12", "12"]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (BOX, "mot cannot hold a box of a video that is in no frame of it"),
        (Track((Keyframe(1, RotatedBox(9, 9, 4, 4, 0.5)),)), "mot cannot hold a track of other shapes than boxes"),
        (Track((Keyframe(1, Box(1, 1, math.nan, 1)),)), "its coordinates are no numbers"),
        (Track((Keyframe(COUNT, BOX),)), "it is in no frame of its video"),
    ],
)
def test_what_is_left_out_is_counted(shape: Any, reason: str) -> None:
    """What a sequence cannot hold is left out with the reason, the video is not."""
    tally = export(film("e1", shape, TRACK)).tally
    assert [(left.kind, left.reason, left.count) for left in tally.left_out] == [("annotations", reason, 1)]
    assert tally.went_out["entries"] == 1


def test_attributes_without_a_column_are_counted() -> None:
    """`visibility` and `ignored` have columns, other attributes are counted as changes."""
    known = annotation("a", BOX, attributes={"track_id": 1, "visibility": 0.5, "ignored": True})
    other = annotation("b", BOX, attributes={"track_id": 2, "color": "red"})
    made = export(entry("e1", known, other, name="s/000001.jpg"))
    assert [row[6:] for row in rows(made, "s")] == [["0", "1", "0.5"], ["1", "1", "1"]]
    assert made.tally.changed == {"attributes are not held": 1}
