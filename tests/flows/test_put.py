"""Files on their way to the target: however many there are, each arrives."""

from __future__ import annotations

import base64
import hashlib
import zlib
from pathlib import Path

import pytest
from aiohttp import web

from blocks.sandbox.server import serve
from blocks.storage import Storage
from blocks.store import Store
from exporters import RetriableError
from flows.index import Member, Run
from flows.put import FILES_AT_ONCE, put_directory
from tests.fakes.s3_sink import Sink


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


class Forgetful(Sink):
    """Says that it has taken everything, and has not."""

    def __init__(self, lost: str) -> None:
        super().__init__()
        self._lost = lost

    async def put(self, request: web.Request) -> web.Response:
        answer = await super().put(request)
        if request.path.endswith(self._lost):
            del self._sizes[request.path]
        return answer


def test_a_file_that_the_store_lost(tmp_path: Path) -> None:
    """Of thousands of files that a store says it has taken, the one that is not there is found out and named."""
    store = Store(Storage(str(tmp_path / "workspace")))
    keys = {"key": "k", "secret": "canary"}
    for lost, found in (("/none", 2100), ("/files/1234", 0)):
        with serve(Forgetful(lost).application(), host="127.0.0.1", port=0) as url:
            storage = Storage("s3://bucket/exports", {"endpoint_url": url, **keys})
            if found:
                assert put_directory(map(member, range(found)), "name/id", "", storage, store).files == found
                continue
            with pytest.raises(RetriableError, match="files/1234 should have 4 bytes, but the target has none"):
                put_directory(map(member, range(2100)), "name/id", "", storage, store)
