"""What all cells of the matrix share: platforms with what they give on a quiet day, servers, a small disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from blocks import idah_client
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from tests.fakes.receiver import Receiver
from tests.fakes.s3_proxy import S3Proxy
from tests.s3_server import S3Server

Kind = Literal["zip", "directory", "S3 zip", "S3 directory", "API"]
KINDS: Mapping[Kind, str] = {
    "zip": "a zip into a folder",
    "directory": "files into a folder",
    "S3 zip": "a zip of several parts into a bucket",
    "S3 directory": "files into a bucket",
    "API": "records to an API",
}
"""What is delivered, and where to."""
ENTRIES = 4
SHARD_ENTRIES = 2
HEAVY_BYTES = 2 << 20
"""Of a picture, so that a zip of them goes to S3 in two parts."""
SILENCE_SECONDS = 0.5
"""After which a source or an API is given up: the tests' patience, not the product's."""

Files = dict[str, bytes]


@dataclass
class Served:
    """A platform, and what it gives on a quiet day, by the kind of package."""

    sandbox: IdahSandbox
    url: str
    truths: dict[str, Files] = field(default_factory=dict)

    def source(self) -> IdahSource:
        return IdahSource(url=self.url, api_key=SecretStr(DEMO_API_KEY), timeout_seconds=SILENCE_SECONDS)

    def forget(self) -> None:
        self.sandbox.faults.clear()
        self.sandbox.requests.clear()
        idah_client._tokens.clear()


@dataclass
class World:
    """What all cells share."""

    light: Served
    heavy: Served
    receiver: Receiver
    s3_server: Callable[[], tuple[S3Server, S3Proxy]]
    """Started when it is asked for."""
    disk: Callable[[], Path]
    """A small file system of its own, empty; skips where there may be none."""

    def of(self, kind: Kind) -> Served:
        return self.heavy if kind == "S3 zip" else self.light
