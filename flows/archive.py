"""Archives as a stream, byte for byte the same for the same members: fixed times and modes, members in given order.

Members are stored, not deflated: media is compressed already, and what a compressor makes of text differs between
versions of its library, so that the same export would have other bytes on another machine. Sizes and CRCs are known
beforehand, so a zip is written without data descriptors: every reader can read it, also one that cannot seek.
"""

from __future__ import annotations

import struct
import tarfile
import tempfile
from collections.abc import Iterable, Iterator

from blocks.chunks import chunks_of
from flows.index import Member

DOS_TIME, DOS_DATE = 0, 0x21
"""1980-01-01 00:00:00, the earliest a zip can say."""
UTF8_NAMES = 0x800
STORED = 0
UNIX_FILE_0644 = 0o100644 << 16
MADE_BY_UNIX = 3 << 8
VERSION, VERSION_ZIP64 = 20, 45
LIMIT_32, LIMIT_16 = 0xFFFFFFFF, 0xFFFF

TAR_TIME = 315532800
"""1980-01-01 00:00:00 UTC, as in the zip."""


def zip_stream(members: Iterable[tuple[Member, Iterable[bytes]]]) -> Iterator[bytes]:
    """The bytes of a zip (APPNOTE 6.3), ZIP64 where sizes or counts ask for it.

    The central directory waits on disk, so memory does not grow with the number of members.
    """
    offset = count = 0
    with tempfile.TemporaryFile() as directory:
        for member, chunks in members:
            name = member.path.encode()
            header = _local_header(member, name)
            directory.write(_central_header(member, name, offset))
            yield header
            yield from chunks
            offset += len(header) + member.size
            count += 1
        directory_size = directory.tell()
        directory.seek(0)
        yield from chunks_of(directory)
        yield _end(count, directory_size, offset)


def tar_stream(members: Iterable[tuple[Member, Iterable[bytes]]]) -> Iterator[bytes]:
    """The bytes of an uncompressed tar in the PAX form."""
    written = 0
    for member, chunks in members:
        info = tarfile.TarInfo(member.path)
        info.size, info.mtime, info.mode = member.size, TAR_TIME, 0o644
        header = info.tobuf(tarfile.PAX_FORMAT)
        yield header
        yield from chunks
        padding = -member.size % tarfile.BLOCKSIZE
        yield bytes(padding)
        written += len(header) + member.size + padding
    end = 2 * tarfile.BLOCKSIZE
    yield bytes(end + -(written + end) % tarfile.RECORDSIZE)


def _local_header(member: Member, name: bytes) -> bytes:
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if member.size >= LIMIT_32 else b""
    size = LIMIT_32 if extra else member.size
    version = VERSION_ZIP64 if extra else VERSION
    fields = (version, UTF8_NAMES, STORED, DOS_TIME, DOS_DATE, member.crc32, size, size, len(name), len(extra))
    return b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *fields) + name + extra


def _central_header(member: Member, name: bytes, offset: int) -> bytes:
    large: list[int] = [member.size, member.size] if member.size >= LIMIT_32 else []
    if offset >= LIMIT_32:
        large.append(offset)
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    version = VERSION_ZIP64 if large else VERSION
    size = min(member.size, LIMIT_32)
    fields = (
        *(MADE_BY_UNIX | version, version, UTF8_NAMES, STORED, DOS_TIME, DOS_DATE, member.crc32, size, size),
        *(len(name), len(extra), 0, 0, 0, UNIX_FILE_0644, min(offset, LIMIT_32)),
    )
    return b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *fields) + name + extra


def _end(count: int, directory_size: int, directory_offset: int) -> bytes:
    end64 = b""
    if count >= LIMIT_16 or directory_size >= LIMIT_32 or directory_offset >= LIMIT_32:
        fields = (44, MADE_BY_UNIX | VERSION_ZIP64, VERSION_ZIP64, 0, 0, count, count, directory_size, directory_offset)
        end64 = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", *fields)
        end64 += b"PK\x06\x07" + struct.pack("<IQI", 0, directory_offset + directory_size, 1)
    short_count = min(count, LIMIT_16)
    sizes = (min(directory_size, LIMIT_32), min(directory_offset, LIMIT_32))
    return end64 + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, short_count, short_count, *sizes, 0)
