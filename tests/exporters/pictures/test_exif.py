"""What `exporters.pictures.exif` promises: the position is gone, and nothing else is."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from exporters.pictures.exif import without_position

GPS, EXIF, XMP = 0x8825, 0x8769, 0x02BC
MAKE, SOFTWARE, ORIENTATION, DATE_TAKEN, LENS = 0x010F, 0x0131, 0x0112, 0x9003, 0xA434
POSITION = {1: "N", 2: (52.0, 31.0, 12.0625), 3: "E", 4: (13.0, 24.0, 17.5), 29: "2026:05:01"}
COORDINATES = (b"52.5200", b"13.4050")
PACKET = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:gps="http://example.org/"
  xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/"
  exif:GPSLatitude="52.5200N" exif:GPSLongitude = '13.4050E' drone-dji:GpsLatitude="52.5200"
  exif:ExposureTime="1/200" xmp:Label="kept">
 <exif:GPSPosition rdf:parseType="Resource"><rdf:Seq><rdf:li>52.5200</rdf:li></rdf:Seq></exif:GPSPosition>
 <exif:GPSAltitude />
 <dc:title>kept as well</dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"

BYTE_ORDERS = pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])


def picture() -> Image.Image:
    ramp = np.arange(40 * 30 * 3, dtype=np.uint32).reshape(30, 40, 3)
    return Image.fromarray((ramp * 7 % 256).astype(np.uint8))


def exif(order: str = "<", *, position: bool = True) -> Image.Exif:
    tags = Image.Exif()
    tags.endian = order
    tags[MAKE], tags[SOFTWARE], tags[ORIENTATION] = "Camera maker, long enough to lie elsewhere", "ABC", 6
    tags.get_ifd(EXIF)[DATE_TAKEN] = "2026:05:01 10:00:00"
    tags.get_ifd(EXIF)[LENS] = "A lens of a name that does not fit into four bytes"
    if position:
        tags.get_ifd(GPS).update(POSITION)
    return tags


def jpeg(order: str = "<", *, position: bool = True, xmp: bytes = b"") -> bytes:
    return saved("JPEG", exif=exif(order, position=position), **({"xmp": xmp} if xmp else {}))


def png(order: str = "<", *, position: bool = True, xmp: bytes = b"", packed: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "kept")
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=packed)
    return saved("PNG", exif=exif(order, position=position), pnginfo=info)


def webp(order: str = "<", *, position: bool = True, xmp: bytes = b"") -> bytes:
    return saved("WEBP", lossless=True, exif=exif(order, position=position).tobytes(), xmp=xmp)


def tiff(order: str = "<", *, position: bool = True, xmp: bytes = b"", big: bool = False) -> bytes:
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II" if order == "<" else b"MM")
    directory[MAKE] = "Camera maker, long enough to lie elsewhere"
    if position:
        directory[GPS] = POSITION
    if xmp:
        directory[XMP] = xmp
        directory.tagtype[XMP] = 1
    return saved("TIFF", tiffinfo=directory, big_tiff=big)


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind, **options)
    return file.getvalue()


KINDS: dict[str, Callable[..., bytes]] = {"jpeg": jpeg, "png": png, "webp": webp, "tiff": tiff}
ALL_KINDS = pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def tags_of(data: bytes) -> dict[int, object]:
    """All EXIF tags but that of the GPS directory, as Pillow reads them, without where things lie."""
    tags = opened(data).getexif()
    return {tag: value for tag, value in tags.items() if tag not in (GPS, EXIF, XMP)} | tags.get_ifd(EXIF)


# -- the position is gone, all else is as before ----------------------------------------------------------------------


@ALL_KINDS
@BYTE_ORDERS
def test_position_is_gone(make: Callable[..., bytes], order: str) -> None:
    """Pillow finds a position before and none afterwards; all other tags, and all pixels, are the same."""
    before = make(order)
    after = without_position(before)
    assert opened(before).getexif().get_ifd(GPS)
    assert GPS not in opened(after).getexif()
    assert not opened(after).getexif().get_ifd(GPS)
    assert tags_of(after) == tags_of(before)
    assert tags_of(after)[MAKE] == "Camera maker, long enough to lie elsewhere"
    assert (np.asarray(opened(after)) == np.asarray(opened(before))).all()


@ALL_KINDS
@BYTE_ORDERS
def test_file_stays_as_long_and_nothing_else_moves(make: Callable[..., bytes], order: str) -> None:
    """The file has its length still, and differs in fewer bytes than the position and its directory take."""
    before = make(order)
    after = without_position(before)
    assert len(after) == len(before)
    assert 10 < sum(one != other for one, other in zip(before, after, strict=True)) < 300
    assert b"2026:05:01\0" not in after


@ALL_KINDS
def test_picture_without_a_position_is_the_same_object(make: Callable[..., bytes]) -> None:
    """Nothing to take out: the very same bytes come back, whatever else is known about the picture."""
    harmless = b'<x:xmpmeta><rdf:Description exif:ExposureTime="1/200" xmlns:gps="http://example.org"/></x:xmpmeta>'
    for data in (make(position=False), make(position=False, xmp=harmless)):
        assert without_position(data) is data


@ALL_KINDS
def test_taking_out_twice_changes_nothing_more(make: Callable[..., bytes]) -> None:
    """What has no position any more comes back as it is."""
    once = without_position(make(xmp=PACKET))
    assert without_position(once) is once


@ALL_KINDS
def test_position_in_xmp_is_gone(make: Callable[..., bytes]) -> None:
    """Attributes and elements that say a position become spaces, under any prefix; the others stay."""
    before = make(position=False, xmp=PACKET)
    after = without_position(before)
    packet = xmp_of(after)
    assert not any(coordinate in packet for coordinate in COORDINATES)
    assert b"GPS" not in packet
    assert all(kept in packet for kept in (b'"1/200"', b'xmp:Label="kept"', b"<dc:title>kept as well</dc:title>"))
    assert len(packet) == len(PACKET)
    assert len(after) == len(before)
    assert (np.asarray(opened(after)) == np.asarray(opened(before))).all()


def xmp_of(data: bytes) -> bytes:
    image = opened(data)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        packet = image.tag_v2[XMP]
    else:
        packet = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    return packet.encode() if isinstance(packet, str) else packet


def test_packet_stays_well_formed() -> None:
    """An XML reader still reads the packet, and finds in it all that is no position, and nothing that is."""
    names = []
    for packet in (PACKET, xmp_of(without_position(jpeg(xmp=PACKET)))):
        elements = list(ET.fromstring(packet.decode()).iter())
        names.append({element.tag for element in elements} | {name for one in elements for name in one.attrib})
    before, after = names
    assert {name for name in before - after if "gps" not in name.lower()} <= {
        f"{RDF}parseType",
        f"{RDF}Seq",
        f"{RDF}li",
    }
    assert not any("gps" in name.lower() for name in after)
    assert after < before


def test_thumbnail_stays() -> None:
    """The small picture in EXIF data, and the directory that says where it is, are as before."""
    thumbnail = saved("JPEG")
    first = struct.pack("<HHHIHHHHIII", 2, ORIENTATION, 3, 1, 6, 0, GPS, 4, 1, 80, 40)
    second = struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 120, 0x0202, 4, 1, len(thumbnail))
    position = struct.pack("<HHHI4sI", 1, 1, 2, 2, b"N", 0)
    tags = (b"II*\0\x08\0\0\0" + first).ljust(40, b"\0") + second
    tags = (tags.ljust(80, b"\0") + position).ljust(120, b"\0") + thumbnail
    before = saved("JPEG", exif=b"Exif\0\0" + tags)
    assert opened(before).getexif().get_ifd(GPS) == {1: "N"}
    after = without_position(before)
    assert not opened(after).getexif().get_ifd(GPS)
    assert opened(after).getexif().get_ifd(ExifTags.IFD.IFD1) == {0x0201: 120, 0x0202: len(thumbnail)}
    assert after.count(thumbnail) == 1


def test_big_tiff() -> None:
    """TIFF files with wide numbers lose their position like others."""
    for order in ("<", ">"):
        before = tiff(order, big=True)
        assert opened(before).getexif().get_ifd(GPS)
        after = without_position(before)
        assert GPS not in opened(after).getexif()
        assert tags_of(after) == tags_of(before)


def test_every_picture_in_a_file_is_seen_to() -> None:
    """Files with more than one JPEG, and TIFF files of several pages, lose the position of each."""
    after = without_position(jpeg() + b"between" + jpeg(">"))
    second = after[after.rindex(b"\xff\xd8\xff") :]
    assert GPS not in opened(after).getexif()
    assert GPS not in opened(second).getexif()
    file = io.BytesIO()
    pages = [picture(), picture()]
    for page in pages:
        page.encoderinfo = {"tiffinfo": TiffImagePlugin.ImageFileDirectory_v2()}
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[GPS] = POSITION
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], tiffinfo=directory)
    image = opened(without_position(file.getvalue()))
    for page in range(2):
        image.seek(page)
        assert GPS not in image.tag_v2


# -- PNG's other places -----------------------------------------------------------------------------------------------


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length], int.from_bytes(data[at + 8 + length :][:4], "big")
        at += 12 + length


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk, behind its header."""
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("make", [png, lambda: png(position=False, xmp=PACKET, packed=True)])
def test_checksums_of_png_are_right(make: Callable[[], bytes]) -> None:
    """Every chunk's checksum is that of what is in it."""
    after = without_position(make())
    assert after != make()
    assert all(zlib.crc32(kind + content) == checksum for kind, content, checksum in chunks(after))
    assert opened(after).info["Comment"] == "kept"


def test_compressed_packet_is_looked_into() -> None:
    """A compressed XMP packet in a PNG is unpacked, cleared, and packed again."""
    packet = xmp_of(without_position(png(position=False, xmp=PACKET, packed=True)))
    assert b"GPS" not in packet
    assert len(packet) == len(PACKET)
    harmless = png(position=False, xmp=PACKET[:40], packed=True)
    assert without_position(harmless) is harmless


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
def test_profiles_as_text_are_looked_into(kind: bytes) -> None:
    """EXIF data that ImageMagick keeps as hexadecimal text in a PNG loses its position, and its lines stay."""
    profile = b"Exif\0\0" + exif().tobytes().removeprefix(b"Exif\0\0")
    digits = profile.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    text = f"\nexif\n    {len(profile)}\n{chr(10).join(lines)}\n".encode()
    content = b"Raw profile type exif\0" + (text if kind == b"tEXt" else b"\0" + zlib.compress(text))
    before = with_chunk(saved("PNG"), kind, content)
    assert opened(before).getexif().get_ifd(GPS)
    after = without_position(before)
    assert GPS not in opened(after).getexif()
    assert tags_of(after) == tags_of(before)
    assert opened(after).info["Raw profile type exif"].count("\n") == text.count(b"\n")
    assert all(zlib.crc32(name + content) == checksum for name, content, checksum in chunks(after))


def test_text_that_grows_without_end_is_refused() -> None:
    """A small chunk that unpacks to more than any reader takes is not unpacked: nobody can say what is in it."""
    bomb = b"Raw profile type exif\0\0" + zlib.compress(bytes(1 << 25), 9)
    with pytest.raises(ValueError, match="too large"):
        without_position(with_chunk(saved("PNG"), b"zTXt", bomb))


# -- damaged and hostile files ----------------------------------------------------------------------------------------


def block(*entries: tuple[int, int, int, int], behind: bytes = b"") -> bytes:
    """A TIFF block of one directory, little-endian: entries of tag, type, count, value, and what lies behind it."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + behind


DAMAGED = {
    "the directory lies behind the end": block((GPS, 4, 1, 5000)),
    "the directory is cut off": block((GPS, 4, 1, 26), behind=struct.pack("<H", 9) + bytes(30)),
    "the table that leads there is cut off": b"II*\0"
    + struct.pack("<IHHHI4sI", 26, 1, 1, 2, 2, b"N", 0)
    + struct.pack("<HHHII", 9, GPS, 4, 1, 8),
    "the directory is the one that leads to it": block((GPS, 4, 1, 8)),
    "the values are those of another tag": block(
        (MAKE, 2, 20, 50), (GPS, 4, 1, 38), behind=struct.pack("<HHHII", 1, 2, 5, 3, 50) + bytes(40)
    ),
    "a property that does not end": block((XMP, 1, 40, 26), behind=b"<exif:GPSLatitude>52.5200 and so on     "),
    "a property without quotes": block((XMP, 1, 40, 26), behind=b"<a exif:GPSLatitude=52.5200 />         "),
    "a packet in wide characters": block((XMP, 1, 60, 26), behind="<a exif:GPSAltitude='1'/>    ".encode("utf-16-be")),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=list(DAMAGED))
def test_position_that_cannot_be_taken_out_is_said(data: bytes) -> None:
    """A position that is to be seen in damaged data is not passed on in silence: a short phrase says so."""
    inside = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(data) + 8) + b"Exif\0\0" + data + b"\xff\xd9"
    for file in (data, inside):
        with pytest.raises(ValueError, match=r"^its position cannot be taken out, because"):
            without_position(file)


def passed(data: bytes) -> bytes | None:
    """What comes back; None when it is refused in a phrase about the position."""
    try:
        return without_position(data)
    except ValueError as error:
        if "position" not in str(error):
            raise
        return None


def position_read(data: bytes) -> dict[int, object]:
    """The position that Pillow finds in a file, which may be damaged as badly as it likes."""
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(Exception):
        return Image.open(io.BytesIO(data)).getexif().get_ifd(GPS)
    return {}


def test_png_that_ends_within_its_position_is_refused() -> None:
    """A chunk that is cut off behind its position cannot be written anew."""
    data = png()
    with pytest.raises(ValueError, match="its position cannot be taken out"):
        without_position(data[: data.index(b"IDAT") - 10])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"RIFF\0\0\0\0WEBP",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"GIF89a" + PACKET,
        block((GPS, 4, 1, 0)),
        block((GPS, 4, 1, 26), behind=bytes(6)),
        jpeg(position=False)[:60],
    ],
)
def test_what_has_no_position_to_be_seen_is_the_same_object(data: bytes) -> None:
    """Stumps, other kinds of files, and directories without anything in them come back as they are."""
    assert without_position(data) is data


WHOLE = {
    "jpeg": jpeg(xmp=PACKET),
    "png": png(xmp=PACKET, packed=True),
    "webp": webp(">", xmp=PACKET),
    "tiff": tiff(xmp=PACKET),
    "big tiff": tiff(">", big=True),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=list(WHOLE))
def test_cut_off_files_pass_or_are_refused(data: bytes) -> None:
    """Wherever a file is cut off, no coordinate is left in what comes back, or it is refused in a phrase."""
    for length in range(0, len(data), max(1, len(data) // 400)):
        after = passed(data[:length])
        assert after is None or not any(coordinate in after for coordinate in COORDINATES)


@pytest.mark.parametrize("data", WHOLE.values(), ids=list(WHOLE))
@given(edits=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=12))
@settings(max_examples=200)
def test_damaged_files_pass_or_are_refused(data: bytes, edits: list[tuple[int, int]]) -> None:
    """Whatever bytes are changed, nothing is raised but a phrase, and what comes back has no position any more."""
    damaged = bytearray(data)
    for at, value in edits:
        damaged[at % len(data)] = value
    after = passed(bytes(damaged))
    assert after is None or (without_position(after) is after and not position_read(after))


@given(st.sampled_from((b"\xff\xd8\xff\xe1\x02\0Exif\0\0II*\0", b"II*\0", b"MM\0*", b"II+\0", b"")), st.binary())
@settings(max_examples=300)
def test_any_bytes_pass_or_are_refused(start: bytes, rest: bytes) -> None:
    """Rubbish behind a good beginning raises nothing but a phrase."""
    after = passed(start + rest)
    assert after is None or len(after) == len(start + rest)


HOSTILE = {
    "directories that lead to each other": block((EXIF, 4, 1, 8), (0x014A, 4, 2, 8)),
    "large directories across each other": block(
        (0x014A, 4, 2000, 26), behind=struct.pack("<2000I", *range(9000, 11000)) + b"\xff" * 1_000_000
    ),
    "a thousand positions": block(*((GPS, 4, 1, 14 + 12 * index) for index in range(5000))),
    "a name that does not end": b"II*\0"
    + struct.pack("<IHHHII", 8, 1, XMP, 1, 1 << 20, 26)
    + bytes(4)
    + b"a" * (1 << 20),
    "elements that do not end": block((XMP, 1, 1 << 20, 26), behind=b"<a:GPSx " * (1 << 17)),
    "attributes that do not end": block((XMP, 1, 1 << 20, 26), behind=b"a:GPS='\" " * (1 << 17)),
    "nothing but markers": b"\xff\xd8" + b"\xff" * 500_000 + b"\xff\xe1\0\0" * 100_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_files_take_no_time(data: bytes) -> None:
    """Data made to be read for ever is read in a moment."""
    after = passed(data)
    assert after is None or len(after) == len(data)
