"""Files behind entries: what is learned from pictures, taken out of them, and painted with; run lengths; playlists."""

from __future__ import annotations

import base64
import functools
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson
from PIL import Image, PngImagePlugin

from blocks.ango import brush as ango_brush
from blocks.idah_masks import decode_tile
from blocks.layouts import brush
from blocks.pictures import HEAD_BYTES, TAIL_BYTES, Header, decoded, ends_as_begun, is_cut_off
from exporters.pictures.exif import is_looked_into, without_author, without_position
from exporters.pictures.upright import MediaFile
from exporters.report.pictures import opened
from exporters.shapes import brushrle, cocorle, masks
from flows.playlists import named
from tests.fakes.datasets import BLOB, entry
from tests.fuzz.breaking import Files
from tests.fuzz.running import Parser

WIDTH, HEIGHT = 24, 16
FORMS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "MPO", "JPEG2000", "PPM", "TGA", "ICO", "AVIF")


def parsers() -> Iterator[Parser]:
    yield Parser("media: headers", _pictures, _of_picture(_measure))
    yield Parser("media: redaction", _pictures, _of_picture(_redact), may_raise=(ValueError,))
    yield Parser("media: thumbnails", _pictures, _of_picture(_shrink))
    yield Parser("media: masks", _masks, _of_picture(_decode), may_raise=(ValueError,))
    yield Parser("media: playlists", _playlists, lambda files: list(named(files["list.m3u8"].decode(errors="replace"))))
    yield Parser("masks: run lengths", _runs, _decode_runs)


# -- pictures ---------------------------------------------------------------------------------------------------------


@functools.cache
def _pictures() -> Sequence[Files]:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x8298] = 6, "Ann Author", "hers"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 1.5), 3: "E", 4: (13.0, 24.0, 0.5)})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>52,30N</exif:GPSLatitude></x:xmpmeta>'
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ann", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
    more = {
        "JPEG": {"exif": exif, "xmp": xmp},
        "PNG": {"exif": exif, "pnginfo": texts},
        "WEBP": {"exif": exif, "xmp": xmp},
    }
    found = []
    for form in FORMS:
        if form in Image.SAVE:
            kind = {"exif": exif} if form in ("TIFF", "AVIF") else more.get(form, {})
            found.append({"picture.bin": _saved(form, **kind)})
    Image.init()
    return found


def _saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture = Image.radial_gradient("L").resize((WIDTH, HEIGHT)).convert(mode)
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _of_picture(read: Callable[[bytes], object]) -> Callable[[Files], object]:
    return lambda files: read(files["picture.bin"])


def _measure(data: bytes) -> object:
    """As its bytes come in, and what its end says."""
    header = Header()
    for at in range(0, len(data), 1000):
        if header.feed(data[at : at + 1000]):
            break
    is_whole = ends_as_begun(data[:HEAD_BYTES], data[-TAIL_BYTES:], len(data))
    if is_whole is False:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            path.write_bytes(data)
            return header.result, is_cut_off(path)
    return header.result


def _redact(data: bytes) -> object:
    if not is_looked_into(data[:16]):
        return None
    cleaned = without_author(without_position(data))
    if without_author(cleaned) is not cleaned or without_position(cleaned) is not cleaned:
        raise AssertionError("something was left to be taken out")
    return cleaned


def _shrink(data: bytes) -> object:
    file = MediaFile(sha256="", size=len(data), crc32=zlib.crc32(data), width=WIDTH, height=HEIGHT)
    return opened(io.BytesIO(data), file, entry("e1"))


@functools.cache
def _masks() -> Sequence[Files]:
    return [{"picture.bin": _saved("PNG", mode)} for mode in ("L", "P", "RGBA", "1", "RGB")]


def _decode(data: bytes) -> object:
    with decoded(data) as picture:
        picture.convert("RGB")
    return ango_brush.decode(data, {(255, 0, 0): ["red"]}, None)


# -- run lengths, and lists -------------------------------------------------------------------------------------------


@functools.cache
def _runs() -> Sequence[Files]:
    document = {
        "coco": cocorle.compress(BLOB.counts),
        "brush": brushrle.encode(BLOB),
        "tile": base64.b64encode(b"\x05\x03\x81\x10").decode(),
        "counts": list(BLOB.counts),
        "size": [BLOB.width, BLOB.height],
    }
    return [{"runs.json": orjson.dumps({key: value, "size": document["size"]})} for key, value in document.items()]


def _decode_runs(files: Files) -> object:
    """Each kind of code, in the ways that readers ask for it: what is wrong with it is a ValueError to them."""
    found: list[object] = []
    try:
        document = orjson.loads(files["runs.json"])
        width, height = map(int, document["size"])
        if not 0 <= width * height <= 1 << 22 or min(width, height) < 0:
            return None
        if isinstance(document.get("coco"), str):
            found.append(cocorle.decompress(document["coco"]))
        if isinstance(document.get("tile"), str):
            found.append(masks.from_pixels(decode_tile(document["tile"])))
        if isinstance(document.get("brush"), list):
            found.append(brush.decode(document["brush"], (width, height)))
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    return found


def _playlists() -> Sequence[Files]:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2.0,", "segment-000.ts", "/files/a?key=segment-001.ts"]
    lines += ["https://elsewhere.example.org/x.ts", "#EXT-X-ENDLIST"]
    return [{"list.m3u8": "\n".join(lines).encode()}]
