"""Video clips with known truth: the same seed and index always give the same clip.

As with scenes, what a clip holds follows from its index in a fixed rhythm, where things are comes from the seed. Every
clip that is no negative has one track of each kind of ``_MAKERS``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from PIL import Image

from blocks.sandbox.avi import write_avi
from blocks.sandbox.picture import encode, paint
from blocks.sandbox.scenes import SKIES
from blocks.sandbox.shapes import CATEGORIES, Box, Polygon, SceneObject

NEGATIVE_EVERY = 5
RATES = (Fraction(25), Fraction(30_000, 1001), Fraction(10))
SHORTEST_FRAMES, LONGEST_FRAMES = 48, 72

Drawn = Box | Polygon


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """What somebody drew at a frame, counted from 0."""

    frame: int
    shape: Drawn


@dataclass(frozen=True, slots=True)
class Piece:
    """One annotation of a track: what is seen from frame ``start`` to frame ``end``, both of them inside.

    ``key_frames`` are in the order in which the platform stores them, which is none; some may lie before ``start`` or
    behind ``end``, and show nothing. Pieces with the same ``track`` (a number within the clip) are one object.
    """

    track: int
    category: str
    start: int
    end: int
    key_frames: tuple[KeyFrame, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def at(self, frame: int) -> Drawn | None:
        """What a key frame shows; None outside of the piece, and where there is no key frame."""
        if not self.start <= frame <= self.end:
            return None
        return next((key.shape for key in self.key_frames if key.frame == frame), None)

    def latest_at(self, frame: int) -> Drawn | None:
        """The last key frame up to ``frame``; None outside of the piece."""
        past = [key for key in self.key_frames if key.frame <= frame]
        if not past or not self.start <= frame <= self.end:
            return None
        return max(past, key=lambda key: key.frame).shape


@dataclass(frozen=True, slots=True)
class Clip:
    """A video of ``frame_count`` frames of ``width`` x ``height`` pixels, and the pieces of its tracks, track by track.

    ``time_of_day`` is the label of the whole, None where nobody labelled anything.
    """

    width: int
    height: int
    fps: Fraction
    frame_count: int
    pieces: tuple[Piece, ...]
    time_of_day: str | None
    sky: str

    @property
    def duration_seconds(self) -> float:
        """To the microsecond as tools tell it, and so that duration times rate is not a hair less than the frames."""
        microseconds = math.ceil(self.frame_count / self.fps * 1_000_000)
        if microseconds / 1_000_000 * float(self.fps) < self.frame_count:
            microseconds += 1
        return microseconds / 1_000_000

    @property
    def tracks(self) -> dict[int, list[Piece]]:
        """The pieces by track, those of one track in the order of time."""
        tracks: dict[int, list[Piece]] = {}
        for piece in sorted(self.pieces, key=lambda piece: (piece.track, piece.start)):
            tracks.setdefault(piece.track, []).append(piece)
        return tracks

    def frames(self) -> Iterator[tuple[Drawn | None, ...]]:
        """What each frame shows of each piece: between key frames what the last one showed, nothing in between."""
        for frame in range(self.frame_count):
            yield tuple(piece.latest_at(frame) for piece in self.pieces)

    def picture(self, shown: tuple[Drawn | None, ...]) -> Image.Image:
        pairs = zip(self.pieces, shown, strict=True)
        objects = [SceneObject(piece.category, shape) for piece, shape in pairs if shape is not None]
        return paint((self.width, self.height), SKIES[self.sky], objects)

    def video(self) -> bytes:
        """The clip as an AVI file. Most frames show what the one before them shows, and are encoded once."""
        encoded: dict[tuple[Drawn | None, ...], bytes] = {}
        frames = []
        for shown in self.frames():
            if shown not in encoded:
                encoded[shown] = encode(self.picture(shown), "jpeg")
            frames.append(encoded[shown])
        return write_avi(frames, width=self.width, height=self.height, fps=self.fps)


def is_negative_clip(index: int) -> bool:
    return index % NEGATIVE_EVERY == NEGATIVE_EVERY - 1


def count_pieces(index: int) -> int:
    """How many pieces ``draw_clip`` will give."""
    return 0 if is_negative_clip(index) else len(_MAKERS) + 1  # one track is in two pieces


def draw_clip(seed: int, index: int) -> Clip:
    rng = random.Random(f"{seed}:clip:{index}")
    canvas = _Canvas(
        rng, rng.choice((160, 176, 192)), rng.choice((112, 120, 128)), rng.randint(SHORTEST_FRAMES, LONGEST_FRAMES)
    )
    sky = rng.choice(tuple(SKIES))
    pieces: list[Piece] = []
    if not is_negative_clip(index):
        for track, maker in enumerate(_MAKERS):
            pieces += maker(canvas, track, rng.choice(tuple(CATEGORIES)))
    time_of_day = sky if pieces else None
    fps = RATES[index % len(RATES)]
    return Clip(canvas.width, canvas.height, fps, canvas.frame_count, tuple(pieces), time_of_day, sky)


@dataclass(frozen=True, slots=True)
class _Canvas:
    rng: random.Random
    width: int
    height: int
    frame_count: int

    def box(self, angle: float = 0.0) -> Box:
        """Inside the picture, also when it is turned."""
        across, down = self.rng.randint(16, 40), self.rng.randint(12, 28)
        reach = math.ceil(math.hypot(across, down) / 2)
        left = self.rng.randint(reach, self.width - reach) - across // 2
        top = self.rng.randint(reach, self.height - reach) - down // 2
        return Box(left, top, across, down, angle)

    def polygon(self, corners: int) -> Polygon:
        reach = self.rng.randint(14, 30)
        cx, cy = self.rng.randint(reach, self.width - reach), self.rng.randint(reach, self.height - reach)
        steps = [(corner + self.rng.uniform(0.3, 0.7)) * 2 * math.pi / corners for corner in range(corners)]
        return Polygon(tuple((round(cx + reach * math.cos(at)), round(cy + reach * math.sin(at))) for at in steps))


def _steady(canvas: _Canvas, track: int, category: str) -> list[Piece]:
    """Three boxes from the first frame to the last, the middle one stored behind the others; it leaves the picture."""
    last = canvas.frame_count - 1
    first, middle, leaving = canvas.box(), canvas.box(), canvas.box()
    leaving = Box(canvas.width - leaving.width // 2, leaving.top, leaving.width, leaving.height)
    keys = (KeyFrame(0, first), KeyFrame(last, leaving), KeyFrame(last // 2, middle))
    return [Piece(track, category, 0, last, keys, {"occluded": False})]


def _turning(canvas: _Canvas, track: int, category: str) -> list[Piece]:
    """Boxes that turn on, beyond a full turn."""
    angle = math.radians(canvas.rng.randint(10, 80))
    turned = [angle, angle + math.pi / 2, angle + 2 * math.pi]
    keys = [KeyFrame(4 + 12 * step, canvas.box(angle)) for step, angle in enumerate(turned)]
    canvas.rng.shuffle(keys)
    return [Piece(track, category, 4, 28, tuple(keys), {"occluded": canvas.rng.random() < 0.5})]


def _trimmed(canvas: _Canvas, track: int, category: str) -> list[Piece]:
    """Begins behind its first key frame and ends before its last, so that only the middle one is seen as drawn."""
    keys = (KeyFrame(20, canvas.box()), KeyFrame(8, canvas.box()), KeyFrame(36, canvas.box()))
    return [Piece(track, category, 12, 30, keys, {"occluded": True})]


def _outlined(canvas: _Canvas, track: int, category: str) -> list[Piece]:
    """A polygon with another number of points at each key frame."""
    keys = [KeyFrame(10 + 10 * step, canvas.polygon(corners)) for step, corners in enumerate((3, 6, 4))]
    return [Piece(track, category, 10, 30, (keys[2], keys[0], keys[1]))]


def _split(canvas: _Canvas, track: int, category: str) -> list[Piece]:
    """Cut in two where its attribute changes; both parts have a key frame at the cut."""
    at_cut = canvas.box()
    left = (KeyFrame(6, canvas.box()), KeyFrame(23, at_cut))
    right = (KeyFrame(24, at_cut), KeyFrame(40, canvas.box()))
    return [
        Piece(track, category, 6, 23, left, {"occluded": False}),
        Piece(track, category, 24, 40, right, {"occluded": True}),
    ]


def _instant(canvas: _Canvas, track: int, category: str) -> list[Piece]:
    """A single frame."""
    return [Piece(track, category, 7, 7, (KeyFrame(7, canvas.box()),), {"occluded": False})]


_MAKERS = (_steady, _turning, _trimmed, _outlined, _split, _instant)
