"""Archives that every reader reads, whatever their size."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.archive import tar_stream, zip_stream
from flows.index import Member

NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0/"), min_size=1, max_size=40)
CONTENTS = st.dictionaries(NAMES.filter(lambda name: name not in (".", "..")), st.binary(max_size=200), max_size=6)


def members(contents: dict[str, bytes]) -> Iterator[tuple[Member, Iterable[bytes]]]:
    for path, data in contents.items():
        yield Member(path, len(data), "", zlib.crc32(data), ()), [data]


@given(CONTENTS)
def test_a_zip_gives_back_what_went_in(contents: dict[str, bytes]) -> None:
    """Python's reader finds every member under its name, in order, with its bytes and CRC, and fixed times."""
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(members(contents))))) as archive:
        assert archive.testzip() is None
        assert [(info.orig_filename, archive.read(info)) for info in archive.infolist()] == list(contents.items())
        assert {info.date_time for info in archive.infolist()} <= {(1980, 1, 1, 0, 0, 0)}


@given(CONTENTS)
def test_a_tar_gives_back_what_went_in(contents: dict[str, bytes]) -> None:
    """Python's reader finds every member under its name, in order, with its bytes."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar_stream(members(contents))))) as archive:
        found = [(one.name, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
    assert found == list(contents.items())


def test_a_zip_holds_more_members_than_16_bits_count(tmp_path: Path) -> None:
    """70,000 members are a ZIP64 that both Python and Info-ZIP's successors read."""
    path = tmp_path / "many.zip"
    with path.open("wb") as handle:
        handle.writelines(zip_stream(members({f"{number:05}.txt": b"x" for number in range(70_000)})))
    with zipfile.ZipFile(path) as archive:
        assert len(archive.infolist()) == 70_000
        assert archive.read("69999.txt") == b"x"


def test_a_zip_holds_files_over_four_gigabytes(tmp_path: Path) -> None:
    """A member over 4 GiB, and one that begins beyond 4 GiB, are found with their true sizes and places."""
    size = (1 << 32) + 5
    path = tmp_path / "large.zip"
    zeros = bytes(1 << 24)

    def large() -> Iterator[bytes]:
        for start in range(0, size, len(zeros)):
            yield zeros[: min(len(zeros), size - start)]

    crc32 = 0
    for chunk in large():
        crc32 = zlib.crc32(chunk, crc32)
    two = [(Member("large", size, "", crc32, ()), large()), *members({"behind": b"here"})]
    with path.open("wb") as handle:
        for chunk in zip_stream(two):
            if chunk is zeros:
                handle.seek(len(zeros), os.SEEK_CUR)  # a hole: the disk is spared
            else:
                handle.write(chunk)
    with zipfile.ZipFile(path) as archive:
        assert [info.file_size for info in archive.infolist()] == [size, 4]
        assert archive.read("behind") == b"here"


def test_a_zip_is_read_by_a_reader_that_cannot_seek(tmp_path: Path) -> None:
    """Sizes stand before the bytes, not behind them, so a zip can be unpacked while it arrives."""
    data = b"".join(zip_stream(members({"a.txt": b"alpha", "b.txt": b"beta"})))
    flags = {int.from_bytes(data[at + 6 : at + 8], "little") for at in _local_headers(data)}
    assert len(list(_local_headers(data))) == 2
    assert not any(flag & 0x8 for flag in flags)


def _local_headers(data: bytes) -> Iterator[int]:
    at = data.find(b"PK\x03\x04")
    while at >= 0:
        yield at
        at = data.find(b"PK\x03\x04", at + 4)


@pytest.mark.parametrize("command", [["tar", "-tf"]])
def test_a_tar_is_read_by_the_system_s_tar(tmp_path: Path, command: list[str]) -> None:
    """Names longer than the old header's 100 bytes, and in other scripts, come out whole."""
    names = ["a" * 150 + ".jpg", "日本語/图.jpg"]
    path = tmp_path / "names.tar"
    path.write_bytes(b"".join(tar_stream(members(dict.fromkeys(names, b"x")))))
    listed = subprocess.run([*command, path, "--quoting-style=literal"], capture_output=True, check=True)
    assert listed.stdout.decode().split("\n")[:-1] == names
