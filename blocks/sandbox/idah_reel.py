"""What IDAH derives from clips: video files, what the platform makes of them for its player, and tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from blocks.sandbox.bodies import Body
from blocks.sandbox.clips import Clip, Drawn, Piece, count_pieces, draw_clip
from blocks.sandbox.idah_gallery import ORIGINAL, Content
from blocks.sandbox.idah_ontology import ROOT_TYPE
from blocks.sandbox.kept import Kept
from blocks.sandbox.picture import encode, thumbnail
from blocks.sandbox.shapes import Box

MASTER, THUMBNAIL = "master.m3u8", "thumbnail.jpg"
SIZES = {"240p": 426, "360p": 640, "480p": 854, "720p": 1280, "1080p": 1920}  # with their widths in pixels
SEGMENT_SECONDS = 2
_MIME_TYPES = {"": "video/x-msvideo", "m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t", "jpg": "image/jpeg"}
# A packet of an MPEG transport stream that carries nothing: segments are streams of these, since nobody plays them.
_NULL_PACKET = b"\x47\x1f\xff\x10" + b"\xff" * 184


class Reel:
    """The clips of one seed, with the files that the platform has of each: a playlist a size, segments, a thumbnail."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clip = lru_cache(maxsize=64)(self._clip)
        self.contents = lru_cache(maxsize=512)(self._contents)
        self._files = Kept()

    def index_of(self, number: int) -> int:
        return number

    def count_annotations(self, index: int) -> int:
        """The pieces of tracks and the label of the whole; nothing at all on a negative."""
        count = count_pieces(index)
        return count + 1 if count else 0

    def keys(self, index: int) -> Sequence[str]:
        segments = range(-(-self.clip(index).frame_count // self._segment_frames(index)))
        streams = [[f"{size}.m3u8", *(f"{size}_{number:05d}.ts" for number in segments)] for size in SIZES]
        return [ORIGINAL, MASTER, THUMBNAIL, *(key for stream in streams for key in stream)]

    def meta(self, index: int, key: str) -> dict[str, Any]:
        if key == MASTER:
            return {"sizes": list(SIZES)}
        if key != ORIGINAL:
            return {}
        clip = self.clip(index)
        return {
            "width": clip.width,
            "height": clip.height,
            "duration": clip.duration_seconds,
            "r_frame_rate": f"{clip.fps.numerator}/{clip.fps.denominator}",
            "fps": float(clip.fps),
            "has_audio": False,
        }

    def mime_type(self, key: str) -> str:
        return _MIME_TYPES[key.rpartition(".")[2]]

    def media(self, index: int, key: str) -> bytes:
        return self._files.get((index, key), lambda: self._media(index, key))

    def file(self, index: int, key: str, _: str) -> Body:
        return Body.of(self.media(index, key))

    def _clip(self, index: int) -> Clip:
        return draw_clip(self.seed, index)

    def _segment_frames(self, index: int) -> int:
        return round(self.clip(index).fps * SEGMENT_SECONDS)

    def _contents(self, index: int) -> list[Content]:
        clip = self.clip(index)
        pieces_by_track = Counter(piece.track for piece in clip.pieces)
        first_pieces: dict[int, int] = {}
        contents = []
        for order, piece in enumerate(clip.pieces):
            first = first_pieces.setdefault(piece.track, order)
            label = {"category": piece.category, "attributes": dict(piece.attributes)}
            # A first piece may name the group, which has its own id, or leave it out; further pieces always name it.
            names_group = first != order or (pieces_by_track[piece.track] > 1 and index % 2 == 0)
            metadata = {"confidence": 0.4} if piece.start == piece.end else None
            content = Content(track_dimensions(piece, clip), label, metadata, first if names_group else None)
            contents.append(content)
        if clip.time_of_day:
            contents.append(Content({"type": ROOT_TYPE}, {"category": clip.time_of_day, "attributes": {}}))
        return contents

    def _media(self, index: int, key: str) -> bytes:
        clip = self.clip(index)
        if key == ORIGINAL:
            return clip.video()
        if key == THUMBNAIL:
            return encode(thumbnail(clip.picture(next(clip.frames()))), "jpeg")
        if key == MASTER:
            return _master(clip).encode()
        if key.endswith(".m3u8"):
            return self._playlist(index, key.removesuffix(".m3u8")).encode()
        size, _, number = key.removesuffix(".ts").partition("_")
        return _NULL_PACKET * (10 + 5 * list(SIZES).index(size) + int(number))

    def _playlist(self, index: int, size: str) -> str:
        clip, step = self.clip(index), self._segment_frames(index)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}", "#EXT-X-MEDIA-SEQUENCE:0"]
        for number, start in enumerate(range(0, clip.frame_count, step)):
            seconds = float(min(step, clip.frame_count - start) / clip.fps)
            lines += [f"#EXTINF:{seconds:.6f},", f"{size}_{number:05d}.ts"]
        return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def track_dimensions(piece: Piece, clip: Clip) -> dict[str, Any]:
    """An annotation's ``dimensions``, in the key order of the platform's database; some carry a ``range`` besides."""
    shape = "bounding-box" if isinstance(piece.key_frames[0].shape, Box) else "polygon"
    return {
        "end": piece.end,
        "type": f"idah-video:{shape}",
        **({"range": [1, 1]} if piece.track % 3 == 0 else {}),
        "start": piece.start,
        "frames": [{"frame": key.frame, **_drawn(key.shape, key.frame, clip)} for key in piece.key_frames],
    }


def _drawn(shape: Drawn, frame: int, clip: Clip) -> dict[str, Any]:
    """An angle of 0 is sometimes left out, and polygons have none."""
    corners = shape.corners if isinstance(shape, Box) else shape.points
    points = [[x / clip.width, y / clip.height] for x, y in corners]
    if isinstance(shape, Box) and (shape.angle or frame % 2 == 0):
        return {"angle": shape.angle, "points": points}
    return {"points": points}


def _master(clip: Clip) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3"]
    for size, width in SIZES.items():
        height = width * clip.height // clip.width
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={width * 1000},RESOLUTION={width}x{height}", f"{size}.m3u8"]
    return "\n".join([*lines, ""])
