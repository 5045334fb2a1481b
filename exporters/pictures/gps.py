"""Where pictures say where they were taken: the GPS directory of a TIFF block, and the properties of an XMP packet.

Names of places that somebody typed, and what makers hide in notes of their own, are not looked for.
"""

from __future__ import annotations

from itertools import islice

from exporters.pictures.tiff import XMP_PACKET, Block, Directory, Sought, Span, erase, length
from exporters.pictures.xmp import Properties

DAMAGED = "its position cannot be taken out, because the data it stands in is damaged"

GPS_DIRECTORY = 0x8825

# A maker writes "longtitude".
_PROPERTIES = Properties(rb"gps[\w.-]*|latitude|longt?itude", words=["gps"], damaged=DAMAGED)


def erase_from_tiff(data: bytes) -> bytes:
    """A TIFF block without its GPS directory, see `tiff.erase`."""
    return erase(data, _SOUGHT)


def erase_from_xmp(packet: bytes) -> bytes:
    """An XMP packet without positions, such as `exif:GPSLatitude` and `drone-dji:GpsLongitude`; see `Properties`."""
    return _PROPERTIES.erase(packet)


def _found(block: Block, directory: Directory) -> list[Span]:
    """The directories that are positions, and what their entries say; none where they have no entry."""
    leads_to = [entry for entry in directory.entries if entry.tag == GPS_DIRECTORY]
    starts = {start for entry in leads_to for start in islice(block.starts(entry), 1)} - {0}
    spans: list[Span] = []
    has_entries = False
    room = len(block.data)
    for start in sorted(starts):
        position = block.directory(start)
        room -= length([position.span])
        if room < 0 or not (position.is_whole and directory.is_whole):
            raise ValueError(DAMAGED)
        has_entries = has_entries or bool(position.entries)
        spans += [position.span, *(entry.values for entry in position.entries)]
    return spans if has_entries else []


_SOUGHT = Sought(frozenset({GPS_DIRECTORY}), _found, {XMP_PACKET: erase_from_xmp}, DAMAGED)
