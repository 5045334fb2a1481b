"""The rights on S3 that the guide asks for are those that exports use, no more and no fewer, on their folder only."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import s3fs
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr

from blocks.s3_target import S3Target
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import OuthaulError
from flows.collect import collect
from flows.delivered import Summary
from flows.export import export
from tests.fakes.s3_door import S3Door, guarded
from tests.flows.harness import Platform
from tests.s3_server import S3Server

GUIDE = Path(__file__).parents[2] / "deployments" / "security.md"
DELIVER, KEEP, WORKSPACE = range(3)

pytestmark = pytest.mark.usefixtures("prefect_api")


def policy(number: int, bucket: str, folder: str) -> dict[str, Any]:
    """One of the guide's, for this bucket and this folder."""
    texts = re.findall(r"```json\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(texts) == 3
    own = texts[number].replace(":::exports", f":::{bucket}")
    assert own.count("nightly/") + own.count("workspace/") >= 2
    found: dict[str, Any] = json.loads(own.replace("nightly/", f"{folder}/").replace("workspace/", f"{folder}/"))
    return found


def deliver(platform: Platform, place: Path, folder: str, door: S3Door, **parameters: Any) -> Summary:
    target = S3Target(
        bucket="test", folder=folder, endpoint_url=door.url, access_key_id="testkey",
        secret_access_key=SecretStr("testsecret"),
    )  # fmt: skip
    workspace = Workspace(url=str(place))
    return export(
        source=platform.source, target=target, workspace=workspace, exporter="jsonl", package="directory", **parameters
    )


def leave_open(server: S3Server, place: str) -> None:
    """As a killed run leaves it: no receipt, and an upload that nobody completes."""
    fs = s3fs.S3FileSystem(
        key=server.access_key_id, secret=server.secret_access_key, endpoint_url=server.endpoint_url,
        client_kwargs={"region_name": "us-east-1"}, skip_instance_cache=True,
    )  # fmt: skip
    fs.rm_file(f"{place}/receipt.json")
    fs.call_s3("create_multipart_upload", Bucket=server.bucket, Key=f"{place.partition('/')[2]}/open")


@pytest.mark.parametrize("number", [DELIVER, KEEP])
def test_delivering(platform: Platform, tmp_path: Path, s3_server: S3Server, number: int) -> None:
    """A first export, one that was broken off, one again, and another, a delta; with the right to remove, only the last
    stays.
    """
    folder = os.urandom(6).hex()
    keep = {"keep": 1} if number == KEEP else {}
    with guarded(s3_server, policy(number, s3_server.bucket, folder)) as door:
        first = deliver(platform, tmp_path, folder, door, **keep)
        leave_open(s3_server, first.delivery.url.partition("://")[2])
        deliver(platform, tmp_path, folder, door, **keep)
        assert deliver(platform, tmp_path, folder, door, **keep).delivery.was_there
        deliver(platform, tmp_path, folder, door, where=["status=completed"], **keep)
        deliver(platform, tmp_path, folder, door, where=["status=completed"], delta=True, **keep)
        assert (door.refused, door.unused) == (set(), set())


def test_a_workspace(platform: Platform, tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports that work in a bucket, and what removes what they do not need any more."""
    monkeypatch.setattr("blocks.leftovers.LONGEST_SECONDS", 0)  # an upload that was left open is old enough
    folder = os.urandom(6).hex()
    with guarded(s3_server, policy(WORKSPACE, s3_server.bucket, folder)) as door:
        options = {"key": "testkey", "secret": "testsecret", "endpoint_url": door.url}
        workspace = Workspace(url=f"s3://{s3_server.bucket}/{folder}", options=SecretDict(options))
        fs = workspace.folder().fs
        fs.call_s3("create_multipart_upload", Bucket=s3_server.bucket, Key=f"{folder}/media/open")
        for where in ([], ["status=completed"]):
            export(
                source=platform.source, target=Target(url=str(tmp_path)), workspace=workspace, exporter="coco",
                where=where, name="street",
            )  # fmt: skip
        assert collect(workspace.open(), 1, grace_seconds=0).files
        assert (door.refused, door.unused) == (set(), set())


def test_the_door_refuses(platform: Platform, tmp_path: Path, s3_server: S3Server) -> None:
    """The tests above can fail: outside of its folder nothing is let through, and a run says so in a sentence."""
    with (
        guarded(s3_server, policy(DELIVER, s3_server.bucket, "elsewhere")) as door,
        pytest.raises(OuthaulError, match=r"may not be read or written \(\w+\); check the rights"),
    ):
        deliver(platform, tmp_path, os.urandom(6).hex(), door)
    assert {right for right, _ in door.refused} == {"s3:PutObject"}
    assert door.unused
