"""What `exporters.pictures.exif.without_author` promises: who took a picture is gone, and nothing else is."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile, IptcImagePlugin, PngImagePlugin, TiffImagePlugin

from exporters.pictures.exif import without_author, without_position

TAGS, EXIF = ExifTags.Base, ExifTags.IFD.Exif
PHOTOGRAPHER = 0xA437
ADA = "Ada Lovelace, of a name too long for an entry"
NAMES = (b"Ada", "Ada".encode("utf-16-le"), b"lovelace")
CAMERA = "Camera maker, long enough to lie elsewhere"
PACKET = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
  xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
  aux:OwnerName="Ada Lovelace" tiff:Artist = 'Ada Lovelace' photoshop:AuthorsPosition="friend of Ada"
  xmp:CreatorTool="kept" exif:GPSLatitude="52.5200N" exif:ExposureTime="1/200">
 <dc:creator><rdf:Seq><rdf:li>Ada Lovelace</rdf:li></rdf:Seq></dc:creator>
 <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) Ada</rdf:li></rdf:Alt></dc:rights>
 <Iptc4xmpCore:CreatorContactInfo Iptc4xmpCore:CiEmailWork="lovelace@example.org"/>
 <dc:title>kept as well</dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""

BYTE_ORDERS = pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])


def picture() -> Image.Image:
    ramp = np.arange(40 * 30 * 3, dtype=np.uint32).reshape(30, 40, 3)
    return Image.fromarray((ramp * 7 % 256).astype(np.uint8))


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind, **options)
    return file.getvalue()


def exif(order: str, *, named: bool) -> Image.Exif:
    tags = Image.Exif()
    tags.endian = order
    tags[TAGS.Make], tags[TAGS.Orientation] = CAMERA, 6
    tags.get_ifd(EXIF)[TAGS.LensModel] = "A lens of a name that does not fit into four bytes"
    if named:
        tags[TAGS.Artist], tags[TAGS.Copyright] = ADA, "Ada"
        tags[TAGS.XPAuthor] = ADA.encode("utf-16-le")
        tags.get_ifd(EXIF)[TAGS.CameraOwnerName] = ADA
        tags.get_ifd(EXIF)[PHOTOGRAPHER] = ADA
    return tags


def jpeg(order: str = "<", *, named: bool = True, xmp: bytes = b"") -> bytes:
    return saved("JPEG", exif=exif(order, named=named), **({"xmp": xmp} if xmp else {}))


def png(order: str = "<", *, named: bool = True, xmp: bytes = b"") -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "kept")
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return saved("PNG", exif=exif(order, named=named), pnginfo=info)


def webp(order: str = "<", *, named: bool = True, xmp: bytes = b"") -> bytes:
    return saved("WEBP", lossless=True, exif=exif(order, named=named).tobytes(), xmp=xmp)


def tiff(order: str = "<", *, named: bool = True, xmp: bytes = b"") -> bytes:
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II" if order == "<" else b"MM")
    directory[TAGS.Make] = CAMERA
    if named:
        directory[TAGS.Artist], directory[TAGS.Copyright] = ADA, "Ada"
    if xmp:
        directory[TAGS.XMLPacket] = xmp
        directory.tagtype[TAGS.XMLPacket] = 1
    return saved("TIFF", tiffinfo=directory)


KINDS: dict[str, Callable[..., bytes]] = {"jpeg": jpeg, "png": png, "webp": webp, "tiff": tiff}
ALL_KINDS = pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))


def opened(data: bytes) -> ImageFile.ImageFile:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def tags_of(data: bytes) -> dict[int, object]:
    """All EXIF tags as Pillow reads them, without where things lie."""
    tags = opened(data).getexif()
    return {tag: value for tag, value in tags.items() if tag not in (EXIF, TAGS.XMLPacket)} | tags.get_ifd(EXIF)


WHO = {TAGS.Artist, TAGS.Copyright, TAGS.XPAuthor, TAGS.CameraOwnerName, PHOTOGRAPHER}


# -- EXIF and XMP -----------------------------------------------------------------------------------------------------


@ALL_KINDS
@BYTE_ORDERS
def test_author_is_gone(make: Callable[..., bytes], order: str) -> None:
    """Pillow finds names before and none afterwards; all other tags, all pixels, and the length are the same."""
    before = make(order)
    after = without_author(before)
    assert {TAGS.Artist, TAGS.Copyright} <= WHO & tags_of(before).keys()
    assert tags_of(after) == {tag: value for tag, value in tags_of(before).items() if tag not in WHO}
    assert tags_of(after)[TAGS.Make] == CAMERA
    assert not any(name in after for name in NAMES)
    assert (np.asarray(opened(after)) == np.asarray(opened(before))).all()
    assert len(after) == len(before)


@ALL_KINDS
def test_author_in_xmp_is_gone(make: Callable[..., bytes]) -> None:
    """Properties that say who become spaces, under any prefix; what else a packet says stays, and it stays a packet."""
    before = make(named=False, xmp=PACKET)
    after = without_author(before)
    assert not any(name in after for name in NAMES)
    assert len(after) == len(before)
    packet = after[after.index(b"<?xpacket begin") : after.index(b'<?xpacket end="w"?>')]
    kept = (b'xmp:CreatorTool="kept"', b'"52.5200N"', b'"1/200"', b"<dc:title>kept as well</dc:title>")
    assert all(one in packet for one in kept)
    ET.fromstring(packet.decode())
    assert (np.asarray(opened(after)) == np.asarray(opened(before))).all()


@ALL_KINDS
def test_picture_that_names_nobody_is_the_same_object(make: Callable[..., bytes]) -> None:
    """Nothing to take out: the very same bytes come back; so they do of what was taken out before."""
    harmless = b'<x:xmpmeta><rdf:Description xmp:CreatorTool="a" exif:GPSLatitude="1" xmlns:artist="x"/></x:xmpmeta>'
    for data in (make(named=False), make(named=False, xmp=harmless), without_author(make(xmp=PACKET))):
        assert without_author(data) is data


def test_blank_names_are_nobody() -> None:
    """Cameras that leave room for a name say nothing with it: the very same bytes come back."""
    tags = Image.Exif()
    tags[TAGS.Artist], tags[TAGS.Copyright] = " " * 40, ""
    data = saved("JPEG", exif=tags)
    assert TAGS.Artist in tags_of(data)
    assert without_author(data) is data


@ALL_KINDS
def test_author_and_position_are_taken_out_apart(make: Callable[..., bytes]) -> None:
    """The one leaves the other; taken out one after the other, in either order, both are gone, with the same bytes."""
    before = make(xmp=PACKET)
    assert b"52.5200N" in without_author(before)
    assert b"Ada" in without_position(before)
    after = without_position(without_author(before))
    assert after == without_author(without_position(before))
    assert b"52.5200N" not in after


# -- IPTC -------------------------------------------------------------------------------------------------------------


def fields(*values: tuple[int, bytes]) -> bytes:
    return b"".join(b"\x1c\x02" + struct.pack(">BH", number, len(value)) + value for number, value in values)


def resources(content: bytes) -> bytes:
    """Photoshop's resources: one of another kind with a name, IPTC's, and a third."""
    padded = content + b"\0" * (len(content) % 2)
    first = b"8BIM\x04\x22\x04name\0\0\0\0\x04Ada\x01"
    return first + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(content)) + padded + b"8BIM\x04\x06\0\0\0\0\0\0"


WHOLE = fields((90, b"London"), (80, b"Ada Lovelace"), (116, b"(c) Ada"), (120, b"By Ada"), (85, b" "))


def with_resources(data: bytes, content: bytes) -> bytes:
    """A JPEG with Photoshop's resources in it."""
    segment = b"Photoshop 3.0\0" + content
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def test_author_in_iptc_is_gone() -> None:
    """IPTC's by-line and notices become spaces; its other fields, and what else Photoshop keeps, stay to the byte."""
    before = with_resources(jpeg(named=False), resources(WHOLE))
    after = without_author(before)
    found = IptcImagePlugin.getiptcinfo(opened(after))
    assert found is not None
    assert {field: found[field] for field in ((2, 80), (2, 116))} == {(2, 80): b" " * 12, (2, 116): b" " * 7}
    assert (found[2, 90], found[2, 120]) == (b"London", b"By Ada")
    assert before.replace(b"Ada Lovelace", b" " * 12).replace(b"(c) Ada", b" " * 7) == after
    assert without_author(after) is after
    assert without_position(before) is before


def test_iptc_in_a_tiff_is_looked_into() -> None:
    """So are the fields in tags of a TIFF file, bare or among Photoshop's resources."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, content in ((0x83BB, WHOLE), (0x8649, resources(WHOLE))):
        directory[tag] = content
        directory.tagtype[tag] = 7
    before = saved("TIFF", tiffinfo=directory)
    after = without_author(before)
    assert (before.count(b"Ada Lovelace"), after.count(b"Ada Lovelace"), after.count(b"London")) == (2, 0, 2)
    assert len(after) == len(before)


# -- texts of a PNG ---------------------------------------------------------------------------------------------------


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk, behind its header."""
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("keyword", ["Author", "Artist", "Copyright", "author"])
def test_texts_that_name_somebody_become_blank(keyword: str) -> None:
    """A PNG's text of such a keyword is as long as before, and blank, in whatever chunk it stands; others stay."""
    for add in ("add_text", "add_itxt"):
        for packed in (False, True):
            info = PngImagePlugin.PngInfo()
            getattr(info, add)(keyword, ADA, zip=packed)
            info.add_text("Software", "by Ada")
            before = saved("PNG", pnginfo=info)
            after = without_author(before)
            assert opened(before).info[keyword] == ADA
            assert opened(after).info[keyword] == " " * len(ADA)
            assert opened(after).info["Software"] == "by Ada"
            assert packed or len(after) == len(before)
            assert without_author(after) is after
            assert without_position(before) is before


@pytest.mark.parametrize("name", ["exif", "APP1", "8bim", "iptc"])
def test_profiles_as_text_are_looked_into(name: str) -> None:
    """EXIF data and IPTC's fields that ImageMagick keeps as hexadecimal text lose their names, and stay as long."""
    profile = exif("<", named=True).tobytes() if name in ("exif", "APP1") else resources(WHOLE)
    text = f"\n{name}\n    {len(profile)}\n{profile.hex()}\n".encode()
    before = with_chunk(saved("PNG"), b"tEXt", f"Raw profile type {name}\0".encode() + text)
    after = without_author(before)
    lines = str(opened(after).info[f"Raw profile type {name}"]).splitlines()
    assert b"Ada Lovelace" in profile
    assert b"Ada Lovelace" not in bytes.fromhex(lines[3])
    assert len(after) == len(before)


def test_text_that_grows_without_end_is_refused() -> None:
    """A small chunk that unpacks to more than any reader takes is not unpacked: nobody can say what is in it."""
    bomb = b"Author\0\0" + zlib.compress(bytes(1 << 25), 9)
    with pytest.raises(ValueError, match="whether it holds an author, because a text in it is too large"):
        without_author(with_chunk(saved("PNG"), b"zTXt", bomb))


# -- damaged and hostile files ----------------------------------------------------------------------------------------


def block(*entries: tuple[int, int, int, int], behind: bytes = b"") -> bytes:
    """A TIFF block of one directory, little-endian: entries of tag, type, count, value, and what lies behind it."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + behind


ARTIST, MAKE, XMP = 0x013B, 0x010F, 0x02BC
DAMAGED = {
    "the name is that of another tag": block(
        (MAKE, 2, 20, 38), (ARTIST, 2, 20, 38), behind=b"Ada of a long name, to it"
    ),
    "the table is cut off": b"II*\0" + struct.pack("<IHHHI4s", 8, 2, ARTIST, 2, 4, b"Ada\0"),
    "a property that does not end": block((XMP, 1, 30, 26), behind=b"<dc:creator>Ada and so on      "),
    "a property without quotes": block((XMP, 1, 30, 26), behind=b"<a tiff:Artist=Ada />          "),
    "a packet in wide characters": block((XMP, 1, 50, 26), behind="<a tiff:Artist='Ada'/>   ".encode("utf-16-be")),
    "IPTC's fields are cut off": block((0x83BB, 7, 12, 26), behind=fields((80, b"Ada Lovelace"))),
    "a resource is cut off": block((0x8649, 7, 40, 26), behind=resources(WHOLE)),
    "a resource lies behind rubbish": block((0x8649, 7, 16, 26), behind=b"rubbish 8BIM\x04\x04\0\0"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=list(DAMAGED))
def test_author_that_cannot_be_taken_out_is_said(data: bytes) -> None:
    """A name that is to be seen in damaged data is not passed on in silence: a short phrase says so."""
    inside = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(data) + 8) + b"Exif\0\0" + data + b"\xff\xd9"
    for file in (data, inside):
        with pytest.raises(ValueError, match=r"^its author cannot be taken out, because"):
            without_author(file)


def passed(data: bytes) -> bytes | None:
    """What comes back; None when it is refused in a phrase about the author."""
    try:
        return without_author(data)
    except ValueError as error:
        if "author" not in str(error):
            raise
        return None


STARTS = (
    b"\xff\xd8\xff\xe1\x02\0Exif\0\0II*\0",
    b"\xff\xd8\xff\xed\x02\0Photoshop 3.0\0008BIM\x04\x04\0\0",
    b"MM\0*",
    b"",
)


@given(st.sampled_from(STARTS), st.binary())
@settings(max_examples=300)
def test_any_bytes_pass_or_are_refused(start: bytes, rest: bytes) -> None:
    """Rubbish behind a good beginning raises nothing but a phrase."""
    after = passed(start + rest)
    assert after is None or len(after) == len(start + rest)


WITH_EVERYTHING = with_resources(jpeg(xmp=PACKET), resources(WHOLE))


@given(st.integers(2, 1800), st.binary(min_size=1, max_size=8))
@settings(max_examples=300)
def test_damaged_pictures_pass_or_are_refused(at: int, scratch: bytes) -> None:
    """With any bytes of its head overwritten, a picture passes as long as before, or is refused in a phrase."""
    data = WITH_EVERYTHING[:at] + scratch + WITH_EVERYTHING[at + len(scratch) :]
    after = passed(data)
    assert after is None or len(after) == len(data)


HOSTILE = {
    "a thousand names across each other": block(
        *((ARTIST, 2, 1 << 19, 65_000) for _ in range(5000)), behind=b"\0" * 1_000_000
    ),
    "elements that do not end": block((XMP, 1, 1 << 20, 26), behind=b"<dc:creator " * (1 << 17)),
    "attributes that do not end": block((XMP, 1, 1 << 20, 26), behind=b"a:artist='\" " * (1 << 17)),
    "prefixes without a name": block((XMP, 1, 1 << 20, 26), behind=b"a:" * (1 << 19)),
    "resources of no size": block((0x8649, 7, 1 << 20, 26), behind=b"8BIM\x04\x04\0\0\0\0\0\0" * (1 << 17)),
    "fields of no size": block((0x83BB, 7, 1 << 20, 26), behind=b"\x1c\x02\x50\0\0" * (1 << 18)),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_files_take_no_time(data: bytes) -> None:
    """Data made to be read for ever is read in a moment."""
    after = passed(data)
    assert after is None or len(after) == len(data)
