"""Files on their way to the target: however many there are, each arrives."""

from __future__ import annotations

import base64
import hashlib
import zlib
from pathlib import Path

import pytest

from blocks.storage import Storage
from blocks.store import Store
from flows.index import Member, Run
from flows.put import FILES_AT_ONCE, put_directory


def member(number: int) -> Member:
    data = str(number).encode()
    run = Run(literal=base64.b64encode(data).decode())
    return Member(f"files/{number}", len(data), hashlib.sha256(data).hexdigest(), zlib.crc32(data), (run,))


@pytest.mark.parametrize("count", [0, 1, 32 * FILES_AT_ONCE, 32 * FILES_AT_ONCE + 1, 1000])
def test_every_file_arrives(tmp_path: Path, count: int) -> None:
    """Also those between two batches."""
    storage, store = Storage(str(tmp_path / "out")), Store(Storage(str(tmp_path / "workspace")))
    moved = put_directory(map(member, range(count)), "name/id", "", storage, store)
    assert moved.files == count
    assert storage.files("name/id/files").keys() == {str(number) for number in range(count)}
