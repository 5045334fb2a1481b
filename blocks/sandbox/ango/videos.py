"""Clips as assets of the sandbox: each tool is one object in one frame, at its key frames or in all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from blocks.sandbox.ango.answers import Pen, Row
from blocks.sandbox.ango.pictures import geometry, turned
from blocks.sandbox.clips import Clip, Drawn, Piece
from blocks.sandbox.shapes import Box, SceneObject


def annotate(pen: Pen, clip: Clip, rng: random.Random, *, only_key_frames: bool) -> Row:
    """With ``only_key_frames`` the objects are told where somebody has set them; otherwise in every frame."""
    tools: list[Row] = []
    for pieces in clip.tracks.values():
        object_id = pen.object_id()
        metadata = pen.metadata()
        starts = {piece.start for piece in pieces}
        for piece in pieces:
            frames = list(_key_frames(piece, clip, starts) if only_key_frames else _all_frames(piece))
            tools += [_tool(pen, piece, object_id, metadata, *frame) for frame in frames]
    ids = list(dict.fromkeys(tool["objectId"] for tool in tools))
    relation = {"objectId": pen.object_id(), "direction": "reverse", **pen.ontology.tool("one-to-one", "Towing")}
    return {
        "tools": tools,
        "classifications": _weather(pen, clip, rng) if clip.time_of_day else [],
        "relations": [{"from": ids[0], "to": ids[1], "page": 8, **relation}] if len(ids) > 1 else [],
    }


def _tool(pen: Pen, piece: Piece, object_id: str, metadata: Row, frame: int, shape: Drawn, is_gone: bool) -> Row:
    place = geometry(SceneObject(piece.category, shape), is_backwards=piece.track % 2 == 1)
    if isinstance(shape, Box) and any(isinstance(one.shape, Box) and one.shape.angle for one in piece.key_frames):
        place = "rotated-bounding-box", turned(shape)
    assert place is not None
    kind, value = place
    occluded = piece.attributes.get("occluded")
    answers = []
    if occluded is not None and kind == "bounding-box":
        asked = pen.ontology.nested("Occluded")
        answers = [pen.answer(asked, "Partly" if occluded else "No") | {"page": frame}]
    return {
        kind: value,
        "objectId": object_id,
        "classifications": answers,
        "metadata": metadata,
        **pen.ontology.tool(kind, piece.category),
        "page": frame,
        **({"interpolationStopped": True} if is_gone else {}),
    }


def _key_frames(piece: Piece, clip: Clip, starts: set[int]) -> Iterator[tuple[int, Drawn, bool]]:
    """Frame, shape, and whether the object is gone from there on: behind its last frame, where the video goes on.

    ``starts`` are the frames in which the object is there again.
    """
    inside = sorted(
        (key for key in piece.key_frames if piece.start <= key.frame <= piece.end), key=lambda key: key.frame
    )
    for key in inside:
        yield key.frame, key.shape, False
    if inside and inside[-1].frame + 1 < clip.frame_count and inside[-1].frame + 1 not in starts:
        yield inside[-1].frame + 1, inside[-1].shape, True


def _all_frames(piece: Piece) -> Iterator[tuple[int, Drawn, bool]]:
    inside = sorted(
        (key for key in piece.key_frames if piece.start <= key.frame <= piece.end), key=lambda key: key.frame
    )
    for key, following in zip(inside, [*inside[1:], None], strict=True):
        yield key.frame, key.shape, False
        for frame in range(key.frame + 1, following.frame if following else 0):
            yield frame, key.shape, False


def _weather(pen: Pen, clip: Clip, rng: random.Random) -> list[Row]:
    """An answer that holds from a frame on, until another one or none does."""
    asked = pen.ontology.question("Weather")
    said: Sequence[tuple[int, Any]] = [(0, rng.choice(("Rain", "Fog"))), (clip.frame_count // 2, "Dry")]
    answers = [pen.answer(asked, answer) | {"page": page} for page, answer in said]
    answers[1]["interpolationStopped"] = False
    return answers
