"""Who a far end is, is checked before anything is said to it: by every client, with the settings it comes with."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr

from blocks import http, idah_client
from blocks.ango import AngoSource
from blocks.ango.client import Connection
from blocks.ango.hub import SocketDoor
from blocks.folder import FolderSource
from blocks.guard import Guard
from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.s3_target import S3Target
from blocks.storage import Storage
from blocks.target import Target
from blocks.upd import UpdSource
from blocks.upd_links import Following, links
from blocks.webhook import Webhook
from blocks.workspace import Workspace
from exporters.errors import OuthaulError, RequestError
from exporters.model import Media
from tests.conformance.sources import CANARY
from tests.fakes.stranger import Stranger, stranger

SECRET = SecretStr(CANARY)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None) -> Iterator[Stranger]:
    """One with a certificate that nobody vouches for."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    idah_client._tokens.clear()
    with stranger(tmp_path) as found:
        yield found


def bucket(url: str) -> Storage:
    return S3Target(bucket="exports", endpoint_url=url, access_key_id="k", secret_access_key=SECRET).storage()


def webdav(url: str) -> Target:
    options = SecretDict({"username": "me", "password": CANARY})
    return Target(url=url.replace("https", "webdavs"), options=options)


def any_url(url: str) -> Target:
    return Target(url="s3://exports/x", endpoint_url=url, access_key_id="k", secret_access_key=SECRET)


def s3_workspace(url: str) -> Workspace:
    return Workspace(url="s3://exports/x", options=SecretDict({"endpoint_url": url, "key": "k", "secret": CANARY}))


async def linked(url: str) -> None:
    """A media that a file links to."""
    guard = Guard(hosts=("localhost",))
    async with (
        links(Following(1, guard)) as reader,
        aclosing(reader.read(Media(id="m", name="m", ref=f"{url}/{CANARY}"))) as file,
    ):
        async for _ in file:
            pass


CLIENTS: dict[str, Callable[[str], Any]] = {
    "IDAH by key": lambda url: IdahSource(url=url, api_key=SecretStr(f"IDAH_{CANARY}")).check(),
    "IDAH by password": lambda url: IdahSource(url=url, email="a@example.org", password=SECRET).check(),
    "Ango Hub": lambda url: AngoSource(url=url, api_key=SECRET).check(),
    "a folder": lambda url: FolderSource(url=f"{url}/x", query=SecretStr(f"sig={CANARY}")).check(),
    "a packed folder": lambda url: FolderSource(url=f"{url}/x.zip").check(),
    "a UPD file": lambda url: UpdSource(url=f"{url}/x.upd").check(),
    "linked media": lambda url: asyncio.run(linked(url)),
    "an HTTP API": lambda url: HttpTarget(
        url=f"{url}/{{entry}}", query=SecretStr(f"k={CANARY}"), auth="bearer", secret=SECRET
    ).check(),
    "S3 by s3fs": lambda url: bucket(url).read("x"),
    "S3 by s3fs, asked for sizes": lambda url: bucket(url).size("x"),
    "S3 by obstore": lambda url: bucket(url).write("x", [b"x"]),
    "S3 by any URL": lambda url: any_url(url).check(),
    "an S3 workspace": lambda url: s3_workspace(url).check(),
    "WebDAV": lambda url: webdav(url).check(),
    "a webhook": lambda url: Webhook(url=f"{url}/{CANARY}", secret=SecretStr("c" * 43 + "=")).check(),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stranger_is_refused(server: Stranger, client: str) -> None:
    """In a sentence about the certificate, without a secret, also in the traceback; and he has heard nothing."""
    with pytest.raises(RequestError, match=r"The certificate of \S.* cannot be verified") as caught:
        CLIENTS[client](server.url)
    assert "\n" not in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert server.asked == []


def test_a_strange_hub_is_told_no_secret(server: Stranger, caplog: pytest.LogCaptureFixture) -> None:
    """The service of a plug-in says why it has no connection, and sends no heartbeat, which holds its secret."""

    async def serve() -> None:
        door = SocketDoor(Connection(server.url, api_key=""), "plugin", CANARY)
        serving = asyncio.create_task(door.serve(lambda _event: None))
        while "No connection to" not in caplog.text:
            await asyncio.wait([serving], timeout=0.02)
            assert not serving.done()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(serve())
    assert "(self-signed certificate); trying again" in caplog.text
    assert CANARY not in caplog.text
    assert server.asked == []


@pytest.mark.parametrize(
    ("variable", "client"),
    [
        ("AWS_CA_BUNDLE", "S3 by s3fs, asked for sizes"),
        ("AWS_CA_BUNDLE", "S3 by obstore"),
        ("SSL_CERT_FILE", "WebDAV"),
    ],
)
def test_a_private_authority(server: Stranger, monkeypatch: pytest.MonkeyPatch, variable: str, client: str) -> None:
    """What the refusal advises helps: with its authority in the variable, the far end is asked."""
    monkeypatch.setenv(variable, server.pem)
    with suppress(OuthaulError):  # it has nothing for anybody
        CLIENTS[client](server.url)
    assert server.asked
