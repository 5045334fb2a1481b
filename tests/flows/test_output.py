"""What an exporter makes of one shard, on its way into the workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.ranges import stream_range
from blocks.storage import Storage
from exporters import FatalError
from exporters.output import MediaMember
from exporters.pictures.upright import MediaFile
from flows import output as module
from flows.index import decode_member
from flows.output import ShardOutput
from flows.results import Part


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "workspace"))


@pytest.fixture
def output(tmp_path: Path, storage: Storage) -> Iterator[ShardOutput]:
    folder = tmp_path / "spool"
    folder.mkdir()
    made = ShardOutput(folder, "parts/k", storage)
    yield made
    made.close()


def read(storage: Storage, part: Part) -> bytes:
    data = b"".join(stream_range(storage, part.path, part.offset, part.size))
    assert (len(data), hashlib.sha256(data).hexdigest()) == (part.size, part.sha256)
    return data


def test_parts_and_files_are_read_back(output: ShardOutput, storage: Storage) -> None:
    """Every part holds what was appended to it, separators between; every small file what was written."""
    output.append("a", b"1", b",")
    output.write("labels/x.txt", b"hello")
    output.append("b", b"other", b"")
    output.append("a", b"2", b",")
    output.write("labels/empty.txt", b"")
    parts = output.save()
    assert {name: read(storage, part) for name, part in parts.items()} == {"a": b"1,2", "b": b"other"}
    members = [decode_member(line) for line in output.members()]
    assert {member.path: b"".join(member.read(storage)) for member in members} == {
        "labels/x.txt": b"hello",
        "labels/empty.txt": b"",
    }


def test_small_things_are_one_object(output: ShardOutput, storage: Storage) -> None:
    """A thousand label files and a thousand small parts are one object in the workspace."""
    for number in range(1000):
        output.append(f"part {number}", b"x%d" % number, b"")
        output.write(f"labels/{number}.txt", b"y%d" % number)
    parts = output.save()
    assert list(storage.files()) == ["parts/k/pack"]
    assert read(storage, parts["part 999"]) == b"x999"


def test_large_parts_are_objects_of_their_own(output: ShardOutput, storage: Storage) -> None:
    """A part of many megabytes is moved, not copied into the pack."""
    for _ in range(20):
        output.append("large", bytes(1_000_000), b"")
    output.append("small", b"x", b"")
    parts = output.save()
    assert parts["large"].path != parts["small"].path
    assert read(storage, parts["large"]) == bytes(20_000_000)


def test_more_parts_than_files_can_be_open(
    output: ShardOutput, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are written out when much is buffered, each file open only meanwhile: any number of parts is fine."""
    monkeypatch.setattr(module, "BUFFERED_BYTES", 100_000)
    for turn in range(3):
        for number in range(3000):
            output.append(f"part {number}", b"%d:%d." % (turn, number) * 5, b"|")
    parts = output.save()
    assert len(parts) == 3000
    assert read(storage, parts["part 7"]) == b"|".join(b"%d:7." % turn * 5 for turn in range(3))


def test_media_of_the_shard_is_listed_in_order(output: ShardOutput, storage: Storage) -> None:
    """Media and small files are listed as they came, so that a package is the same however often it is made."""
    file = MediaFile(sha256="ab" * 32, size=3, crc32=7, width=1, height=1)
    output.put_media(MediaMember("images/a.png", file))
    output.write("labels/a.txt", b"x")
    output.save()
    assert [decode_member(line).path for line in output.members()] == ["images/a.png", "labels/a.txt"]


def test_two_files_in_one_place_are_refused(output: ShardOutput) -> None:
    """An exporter that writes a path twice would lose one of the two: the run fails instead."""
    output.write("a.txt", b"1")
    with pytest.raises(FatalError, match=r"Two files of the package would lie at a\.txt"):
        output.write("a.txt", b"2")
