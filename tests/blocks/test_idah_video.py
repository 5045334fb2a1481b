"""Videos of IDAH: every track is, at every frame somebody drew, exactly what was drawn, and files are kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox import shapes
from blocks.sandbox.clips import draw_clip
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from exporters.model import Box, Classification, Dataset, Entry, Polygon, RotatedBox, Track
from exporters.shapes import tracks

SEED = 7


@pytest.fixture(scope="module")
def source() -> Iterator[IdahSource]:
    sandbox = IdahSandbox(entries=2, datasets=1, video_datasets=1, video_entries=6, seed=SEED)
    with sandbox.serve() as url:
        yield IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY))


@pytest.fixture(scope="module")
def dataset(source: IdahSource) -> Dataset:
    (video,) = source.choose([], {"dataset.modality": ["video"]})
    return video


def read(source: IdahSource, dataset: Dataset, media: Any = "original") -> list[Entry]:
    entries = source.read(dataset, list(source.list_entries(dataset, {})), media)
    return [entry for entry in entries if isinstance(entry, Entry)]


def is_where(found: Any, drawn: Any) -> bool:
    """Whether a shape of the model is what somebody drew, to a thousandth of a pixel."""
    match found, drawn:
        case Polygon((part,)), shapes.Polygon():
            return part.ring == pytest.approx([tuple(map(float, point)) for point in drawn.points], abs=1e-3)
        case Box(), shapes.Box(angle=0.0):
            expected = (drawn.left, drawn.top, drawn.width, drawn.height)
            return (found.left, found.top, found.width, found.height) == pytest.approx(expected, abs=1e-3)
        case RotatedBox(), shapes.Box():
            centre = (drawn.left + drawn.width / 2, drawn.top + drawn.height / 2)
            expected = (*centre, drawn.width, drawn.height, drawn.angle)
            return (found.center_x, found.center_y, found.width, found.height, found.angle) == pytest.approx(
                expected, abs=1e-3
            )
    return False


def test_every_track_is_what_was_drawn(source: IdahSource, dataset: Dataset) -> None:
    """Each track begins and ends in its frames, and has at each key frame the box or outline that was drawn there."""
    compared = 0
    for index, entry in enumerate(read(source, dataset)):
        clip = draw_clip(SEED, index)
        found = [one for one in entry.annotations if not isinstance(one.shape, Classification)]
        assert len(found) == len(clip.pieces)
        for piece, annotation in zip(clip.pieces, found, strict=True):
            assert isinstance(annotation.shape, Track)
            shown = {one.number: one.shape for one in tracks.frames(annotation.shape, size=(clip.width, clip.height))}
            assert (min(shown), max(shown)) == (piece.start, piece.end)
            assert annotation.category_id == piece.category
            for key in piece.key_frames:
                if piece.start <= key.frame <= piece.end:
                    assert is_where(shown[key.frame], key.shape)
                    compared += 1
    assert compared > 40


def test_pieces_of_one_object_share_a_group(source: IdahSource, dataset: Dataset) -> None:
    """A track that its annotators cut in two is two annotations of one group."""
    (first, *_) = read(source, dataset)
    groups = [one.group_id for one in first.annotations if one.group_id]
    assert any(groups.count(group) == 2 for group in groups)


def test_what_a_video_is(source: IdahSource, dataset: Dataset) -> None:
    """A video has its size, duration, exact frame rate and number of frames."""
    for index, entry in enumerate(read(source, dataset)):
        clip, media = draw_clip(SEED, index), entry.original
        assert media is not None
        assert (media.width, media.height, media.frames_count) == (clip.width, clip.height, clip.frame_count)
        assert media.frame_rate == float(clip.fps)


def test_segments_are_there_when_asked_for(source: IdahSource, dataset: Dataset) -> None:
    """Playlists and their segments come with `all`, each under a key of its own, and not otherwise."""
    for entry in read(source, dataset, "all"):
        keys = [media.key for media in entry.medias]
        assert keys[0] == ""
        assert len(set(keys)) == len(keys) > 5
        assert "master.m3u8" in keys
        assert any(key.endswith(".ts") for key in keys)
    assert all([media.key for media in entry.medias] == [""] for entry in read(source, dataset))
