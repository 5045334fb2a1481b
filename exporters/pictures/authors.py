"""Where pictures say who took them or owns them: tags of a TIFF block, properties of an XMP packet, fields of IPTC.

[IPTC](https://www.iptc.org/std/IIM/4.2/specification/IIMV4.2.pdf)'s fields lie among the resources that Photoshop keeps
in a picture. Serial numbers of cameras, captions, what somebody painted into the picture, and what makers hide in notes
of their own, are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporters.pictures.tiff import XMP_PACKET, Block, Directory, Sought, Span, erase, length
from exporters.pictures.xmp import Properties

DAMAGED = "its author cannot be taken out, because the data it stands in is damaged"

ARTIST, COPYRIGHT, XP_AUTHOR, CAMERA_OWNER, PHOTOGRAPHER, IMAGE_EDITOR = 0x013B, 0x8298, 0x9C9D, 0xA430, 0xA437, 0xA438
_TAGS = frozenset({ARTIST, COPYRIGHT, XP_AUTHOR, CAMERA_OWNER, PHOTOGRAPHER, IMAGE_EDITOR})
IPTC_FIELDS, PHOTOSHOP_RESOURCES = 0x83BB, 0x8649

RESOURCE, IPTC_RESOURCE = b"8BIM", b"8BIM\x04\x04"
_FIELD = b"\x1c\x02"
_WHO = frozenset({80, 85, 110, 116, 118, 122})
"""IPTC's by-line and its title, credit, copyright notice, contact, and writer."""

_PROPERTIES = Properties(
    rb"(?:image)?creator(?:contactinfo|name|id)?|artist|authors?(?:position)?|photographer|captionwriter|credit|rights"
    rb"|copyright(?:owner(?:name|id)?)?|(?:camera)?owner(?:name)?",
    words=["creator", "artist", "author", "photographer", "credit", "rights", "copyright", "owner"],
    damaged=DAMAGED,
)


def erase_from_tiff(data: bytes) -> bytes:
    """A TIFF block without its author, see `tiff.erase`."""
    return erase(data, _SOUGHT)


def erase_from_xmp(packet: bytes) -> bytes:
    """An XMP packet without authors, such as `dc:creator` and `aux:OwnerName`; see `Properties`."""
    return _PROPERTIES.erase(packet)


def erase_from_photoshop(resources: bytes) -> bytes:
    """Photoshop's resources with spaces in IPTC's fields that say who; the same object when there are none.

    Raises:
        ValueError: such fields are there, but cut off.
    """
    at, pieces = 0, []
    while resources[at : at + 4] == RESOURCE:
        # Behind the number, a name with its length in front; it and the content are each filled up to even lengths.
        size_at = at + 6 + (resources[at + 6 : at + 7] or b"\0")[0] // 2 * 2 + 2
        start = size_at + 4
        stop = start + int.from_bytes(resources[size_at:start], "big")
        if resources.startswith(IPTC_RESOURCE, at):
            if stop > len(resources):
                raise ValueError(DAMAGED)
            fields = resources[start:stop]
            erased = erase_from_iptc(fields)
            if erased is not fields:
                pieces.append((start, erased))
        at = stop + stop % 2
    if resources.find(IPTC_RESOURCE, at) >= 0:
        raise ValueError(DAMAGED)
    return _with_pieces(resources, pieces)


def erase_from_iptc(fields: bytes) -> bytes:
    """IPTC's fields with spaces in those that say who; the same object when there are none."""
    return _with_pieces(fields, [(start, b" " * (stop - start)) for start, stop in _iptc_values(fields)])


def is_blank(value: bytes) -> bool:
    """Whether a text says nothing, as many cameras leave theirs."""
    return not value.strip(b"\0 ")


def _iptc_values(fields: bytes) -> Iterator[Span]:
    at = 0
    while fields[at : at + 1] == _FIELD[:1] and at + 5 <= len(fields):
        start = at + 5
        stop = start + int.from_bytes(fields[at + 3 : start], "big")
        if fields.startswith(_FIELD, at) and fields[at + 2] in _WHO:
            if stop > len(fields):
                raise ValueError(DAMAGED)
            if not is_blank(fields[start:stop]):
                yield start, stop
        at = stop


def _with_pieces(data: bytes, pieces: list[tuple[int, bytes]]) -> bytes:
    if not pieces:
        return data
    changed = bytearray(data)
    for start, piece in pieces:
        changed[start : start + len(piece)] = piece
    return bytes(changed)


def _found(block: Block, directory: Directory) -> list[Span]:
    """The values of entries that say who."""
    spans = [entry.values for entry in directory.entries if entry.tag in _TAGS]
    if length(spans) > len(block.data):
        raise ValueError(DAMAGED)
    said = [span for span in spans if not is_blank(block.data[slice(*span)])]
    if said and not directory.is_whole:
        raise ValueError(DAMAGED)
    start, stop = directory.span
    # What stands in its entry goes with that.
    return [(start, start) if start <= span[0] < stop else span for span in said]


_SOUGHT = Sought(
    _TAGS,
    _found,
    {XMP_PACKET: erase_from_xmp, IPTC_FIELDS: erase_from_iptc, PHOTOSHOP_RESOURCES: erase_from_photoshop},
    DAMAGED,
)
