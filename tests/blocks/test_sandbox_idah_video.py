"""The video datasets of the IDAH sandbox: files that play, tracks whose truth is known."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blocks.sandbox.clips import Clip, Drawn, KeyFrame, Piece, count_pieces, draw_clip, is_negative_clip
from blocks.sandbox.idah import IdahSandbox
from blocks.sandbox.shapes import CATEGORIES, Box, Polygon
from tests.blocks.sandbox_client import Client

ORIGINAL = "filter[key]="


@pytest.fixture(scope="module")
def sandbox() -> IdahSandbox:
    """For tests that only read."""
    return IdahSandbox(entries=3, video_datasets=2, video_entries=5)


@pytest.fixture(scope="module")
def client(sandbox: IdahSandbox) -> Iterator[Client]:
    with sandbox.serve() as url:
        yield Client(url)


@pytest.fixture(scope="module")
def dataset_id(sandbox: IdahSandbox) -> str:
    return sandbox.store.datasets[1].id


def test_videos_stand_behind_pictures(client: Client) -> None:
    """Video datasets come last, and pictures are what they are without them, id for id."""
    with IdahSandbox(entries=3).serve() as url:
        alone = Client(url)
        for path in ("dataset/datasets", "dataset/entries", "dataset/annotations"):
            pictures = alone.call(path).json["data"]
            assert client.call(path).json["data"][: len(pictures)] == pictures
    datasets = client.call("dataset/datasets").json["data"]
    assert [row["attributes"]["modality"] for row in datasets] == ["idah-image", "idah-video", "idah-video"]
    assert [row["attributes"]["name"] for row in datasets][1:] == ["Ring road", "Ring road 2"]


def test_entries(client: Client, dataset_id: str) -> None:
    """Entries of videos have the same columns as others; every fourth is unfinished, and the counters know."""
    rows = client.call(f"dataset/entries?filter[dataset_id]={dataset_id}").json["data"]
    assert [row["attributes"]["status"] for row in rows] == [*["completed"] * 3, "in_progress", "completed"]
    assert all(row["attributes"]["name"].endswith(".avi") for row in rows)
    dataset = client.call(f"dataset/datasets/{dataset_id}").json["data"]["attributes"]
    assert [dataset[f"entries_{name}_count"] for name in ("total", "completed", "in_progress")] == [5, 4, 1]


def test_media_rows(client: Client, sandbox: IdahSandbox, dataset_id: str) -> None:
    """A video has a playlist and segments a size, and a thumbnail; only the original's ``meta`` describes the video."""
    entry = sandbox.store.entries_of(dataset_id)[1]
    rows = [row["attributes"] for row in client.call(f"media/medias?filter[resource]={entry.resource}").json["data"]]
    keys = {row["key"] for row in rows}
    assert {"", "master.m3u8", "thumbnail.jpg", "240p.m3u8", "240p_00000.ts", "1080p.m3u8"} <= keys
    assert len(rows) == len(keys) > 12
    meta = next(row["meta"] for row in rows if row["key"] == "")
    assert list(meta) == ["width", "height", "duration", "r_frame_rate", "fps", "has_audio"]
    assert meta["r_frame_rate"] == "30000/1001"
    assert meta["fps"] == pytest.approx(30_000 / 1001)
    kinds = {row["key"].rpartition(".")[2]: row["mime_type"] for row in rows}
    assert kinds == {
        "": "video/x-msvideo",
        "m3u8": "application/vnd.apple.mpegurl",
        "ts": "video/mp2t",
        "jpg": "image/jpeg",
    }
    assert {row["created_role"] for row in rows if row["key"]} == {"processor"}
    for row in rows:
        file = client.call(f"media/medias/files/{entry.resource}?key={row['key']}")
        assert len(file.body) == row["size"] == int(file.headers["Content-Length"])
        assert file.headers["Content-Type"] == row["mime_type"]


def test_playlists_name_what_is_there(client: Client, sandbox: IdahSandbox, dataset_id: str) -> None:
    """Every file that a playlist names is a media of the video, and its segments are as long as the video."""
    entry = sandbox.store.entries_of(dataset_id)[0]
    clip, keys = sandbox.store.clip(entry.id), {media.key for media in sandbox.store.medias_of(entry.resource or "")}

    def named(key: str) -> list[str]:
        lines = client.call(f"media/medias/files/{entry.resource}/{key}").body.decode().splitlines()
        assert lines[0] == "#EXTM3U"
        assert sum(float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")) in (
            0.0,
            pytest.approx(float(clip.frame_count / clip.fps), abs=1e-4),
        )
        return [line for line in lines if not line.startswith("#")]

    playlists = named("master.m3u8")
    assert set(playlists) | {segment for playlist in playlists for segment in named(playlist)} <= keys
    segment = client.call(f"media/medias/files/{entry.resource}/240p_00000.ts").body
    assert {segment[place] for place in range(0, len(segment), 188)} == {0x47}
    with Image.open(BytesIO(client.call(f"media/medias/files/{entry.resource}/thumbnail.jpg").body)) as image:
        assert image.format == "JPEG"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file from within; lists go by their own name and are opened."""
    position = 0
    while position < len(data):
        name, size = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        content = data[position + 8 : position + 8 + size]
        assert len(content) == size
        yield (content[:4], content[4:]) if name in {b"LIST", b"RIFF"} else (name, content)
        position += 8 + size + size % 2


def test_the_file_is_a_video(client: Client, sandbox: IdahSandbox, dataset_id: str) -> None:
    """The original is an AVI with a JPEG a frame; its header and its index agree with them and with the clip."""
    for entry in sandbox.store.entries_of(dataset_id):
        clip = sandbox.store.clip(entry.id)
        ((form, content),) = chunks(client.call(f"media/medias/files/{entry.resource}").body)
        parts = dict(chunks(content))
        assert form == b"AVI "
        header, stream = dict(chunks(parts[b"hdrl"])), dict(chunks(dict(chunks(parts[b"hdrl"]))[b"strl"]))
        assert struct.unpack_from("<I", header[b"avih"], 16)[0] == clip.frame_count
        scale, rate = struct.unpack_from("<II", stream[b"strh"], 20)
        assert Fraction(rate, scale) == clip.fps
        frames = [frame for _, frame in chunks(parts[b"movi"])]
        assert len(frames) == clip.frame_count
        for place, frame in enumerate(frames):
            _, _, offset, size = struct.unpack_from("<4sIII", parts[b"idx1"], 16 * place)
            assert parts[b"movi"][offset + 4 : offset + 4 + size] == frame
        with Image.open(BytesIO(frames[-1])) as image:
            assert image.size == (clip.width, clip.height)


def test_a_player_plays_it(tmp_path: Path, sandbox: IdahSandbox, dataset_id: str) -> None:
    """OpenCV finds every frame, the rate and the size; what was drawn last on a frame has its category's colour."""
    cv2 = pytest.importorskip("cv2")
    for entry in sandbox.store.entries_of(dataset_id)[:2]:
        clip = sandbox.store.clip(entry.id)
        media = sandbox.store.media(entry.resource or "")
        assert media is not None
        (tmp_path / "clip.avi").write_bytes(media.content)
        video = cv2.VideoCapture(str(tmp_path / "clip.avi"), cv2.CAP_OPENCV_MJPEG)
        assert video.isOpened()
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(float(clip.fps))
        frames = []
        while (read := video.read())[0]:
            frames.append(read[1])
        assert len(frames) == clip.frame_count
        for frame, (picture, shown) in enumerate(zip(frames, clip.frames(), strict=True)):
            assert picture.shape == (clip.height, clip.width, 3)
            piece, box = [pair for pair in zip(clip.pieces, shown, strict=True) if pair[1] is not None][-1]
            if isinstance(box, Box):
                x, y = min(box.left + box.width // 2, clip.width - 1), box.top + box.height // 2
                blue, green, red = picture[y, x]
                assert math.dist((red, green, blue), CATEGORIES[piece.category].colour) < 60, frame


def read_piece(row: dict[str, Any], track: int, width: int, height: int) -> Piece:
    """A second reading of the platform's description: an annotation back in pixels."""
    dimensions = row["dimensions"]
    keys = []
    for frame in dimensions["frames"]:
        points = [(round(x * width, 6), round(y * height, 6)) for x, y in frame["points"]]
        shape: Drawn = Polygon(tuple(points))
        if dimensions["type"] == "idah-video:bounding-box":
            (left, top), _, (right, bottom), _ = points
            shape = Box(left, top, right - left, bottom - top, frame.get("angle", 0.0))
        keys.append(KeyFrame(frame["frame"], shape))
    label = row["annotation"]
    start, end = dimensions["start"], dimensions["end"]
    return Piece(track, label["category"], start, end, tuple(keys), label["attributes"])


def test_annotations_are_the_truth(client: Client, sandbox: IdahSandbox, dataset_id: str) -> None:
    """Every annotation, read back into pixels, is a piece of the clip; the last one labels the whole."""
    for entry in sandbox.store.entries_of(dataset_id):
        clip = sandbox.store.clip(entry.id)
        rows = client.call(f"dataset/annotations?filter[entry_id]={entry.id}").json["data"]
        if is_negative_clip(entry.scene):
            assert rows == []
            continue
        *pieces, root = rows
        assert [
            read_piece(row["attributes"], piece.track, clip.width, clip.height)
            for row, piece in zip(pieces, clip.pieces, strict=True)
        ] == list(clip.pieces)
        assert root["attributes"]["dimensions"] == {"type": "entry:root"}
        assert root["attributes"]["annotation"]["category"] == clip.time_of_day
        assert [sandbox.store.truth(row["id"]) for row in rows] == [*clip.pieces, None]


def test_groups_make_tracks(client: Client, sandbox: IdahSandbox, dataset_id: str) -> None:
    """Grouped by ``group_id``, or else by their own id, annotations are the clip's tracks, one of them in two pieces.

    The first piece of a track names the group in one video and leaves it out in another.
    """
    named = set()
    for entry in sandbox.store.entries_of(dataset_id)[:2]:
        rows = client.call(f"dataset/annotations?filter[entry_id]={entry.id}").json["data"][:-1]
        groups: dict[str, list[str]] = {}
        for row in rows:
            metadata = row["attributes"]["metadata"] or {}
            groups.setdefault(metadata.get("group_id", row["id"]), []).append(row["id"])
        tracks = sandbox.store.clip(entry.id).tracks.values()
        assert [[sandbox.store.truth(one) for one in ids] for ids in groups.values()] == list(tracks)
        first = next(ids[0] for ids in groups.values() if len(ids) == 2)
        metadata = next(row["attributes"]["metadata"] for row in rows if row["id"] == first)
        named.add(metadata == {"group_id": first})
    assert named == {True, False}


def test_labels_are_configured(client: Client, dataset_id: str) -> None:
    """Every shape type, category and property that annotations use is in the labelling configuration."""
    configuration = client.call(f"dataset/datasets/{dataset_id}").json["data"]["attributes"]["labeling_configuration"]
    assert set(configuration) == {"idah-video:bounding-box", "idah-video:polygon", "entry:root"}
    rows = client.call(f"dataset/annotations?filter[dataset_id]={dataset_id}").json["data"]
    assert rows
    for row in rows:
        shape, label = row["attributes"]["dimensions"]["type"], row["attributes"]["annotation"]
        assert label["category"] in {value["id"] for value in configuration[shape]["values"]}
        assert set(label["attributes"]) <= {value["id"] for value in configuration[shape]["properties"]}


def test_every_clip_shows_everything() -> None:
    """Clips have key frames out of order, outside of their piece, turned, with angles left out, and split tracks."""
    for index in range(40):
        clip = draw_clip(3, index)
        assert len(clip.pieces) == count_pieces(index)
        if is_negative_clip(index):
            continue
        frames = [[key.frame for key in piece.key_frames] for piece in clip.pieces]
        assert any(numbers != sorted(numbers) for numbers in frames)
        assert any(min(numbers) < piece.start for piece, numbers in zip(clip.pieces, frames, strict=True))
        assert any(max(numbers) > piece.end for piece, numbers in zip(clip.pieces, frames, strict=True))
        assert all(len(set(numbers)) == len(numbers) for numbers in frames)
        assert max(map(max, frames)) == clip.frame_count - 1
        outlines = [[key.shape for key in piece.key_frames if isinstance(key.shape, Polygon)] for piece in clip.pieces]
        assert any(len({len(outline.points) for outline in piece}) == 3 for piece in outlines)
        assert any(isinstance(key.shape, Box) and key.shape.angle > 2 * math.pi for key in keys_of(clip))
        left, right = next(pieces for pieces in clip.tracks.values() if len(pieces) == 2)
        assert (left.end + 1, left.category) == (right.start, right.category)
        assert left.at(left.end) == right.at(right.start) is not None
        assert left.attributes != right.attributes


def keys_of(clip: Clip) -> list[KeyFrame]:
    return [key for piece in clip.pieces for key in piece.key_frames]


def test_truth_at_a_frame() -> None:
    """A piece is what was drawn at its key frames between its start and its end, and nothing elsewhere."""
    trimmed = draw_clip(1, 0).tracks[2][0]
    seen = [frame for frame in range(60) if trimmed.at(frame) is not None]
    assert seen == [20]
    assert {frame for frame in range(60) if trimmed.latest_at(frame) is not None} == set(range(12, 31))


def test_frames_are_counted_alike() -> None:
    """The number of frames is duration times rate, rounded or cut off, for every rate."""
    for index in range(60):
        clip = draw_clip(5, index)
        frames = clip.duration_seconds * float(clip.fps)
        assert math.floor(frames) == round(frames) == clip.frame_count


def test_same_arguments_serve_the_same_bytes() -> None:
    """The same seed gives the same video and tracks, another seed others; other pictures before them change neither."""

    def everything(seed: int, entries: int) -> list[Any]:
        store = IdahSandbox(entries=entries, seed=seed, video_datasets=1, video_entries=2).store
        entry = store.entries_of(store.datasets[-1].id)[1]
        media = store.media(entry.resource or "")
        assert media is not None
        return [media.content, *(row.dimensions for row in store.annotations_of(entry.id)[:-1])]

    assert everything(7, 0) == everything(7, 3)
    assert not [one for one in everything(7, 0) if one in everything(8, 0)]


def test_added_videos() -> None:
    """An entry added to a video dataset is a further video; a picture added beside stays a picture."""
    sandbox = IdahSandbox(entries=1, video_datasets=1, video_entries=1)
    store = sandbox.store
    added = store.add_entry(store.datasets[1].id)
    picture = store.add_entry()
    assert (added.scene, added.name) == (1, "ring_000002.avi")
    assert len(store.annotations_of(added.id)) == count_pieces(1) + 1
    assert (picture.is_video, str(picture.name)[-4:]) == (False, ".jpg")
    assert len(store.medias_of(picture.resource or "")) == 3
