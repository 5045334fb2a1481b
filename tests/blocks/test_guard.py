"""Links lead neither to this machine nor to a cloud's secrets, whatever they are called and whoever redirects."""

from __future__ import annotations

import asyncio
import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from pydantic import SecretStr

from blocks import http
from blocks.ango import AngoSource
from blocks.ango.medias import File
from blocks.catalog import find_source
from blocks.guard import LINK_LOCAL, LOOPBACK, METADATA, UNLISTED, Guard, RefusedAddressError, check_hosts, kind_of
from blocks.idah import IdahSource
from blocks.storage import Storage
from blocks.upd import UpdSource
from blocks.upd_links import Following, links
from exporters.errors import OuthaulError, RequestError, SkippableError
from exporters.model import Media
from tests.fakes.upd import add, upd_file


class Server(ThreadingHTTPServer):
    """Says where to go instead, or that it was found; keeps who asked for what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.elsewhere = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        if self.server.elsewhere and self.path.startswith("/begin"):
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"found")

    do_POST = do_GET  # noqa: N815 - as the server calls it

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        yield one


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names with the addresses that they resolve to, one after the other and then the last for ever."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **more: Any) -> Any:
        if host in known:
            addresses = known[host]
            return real(addresses.pop(0) if len(addresses) > 1 else addresses[0], *arguments, **more)
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def fetched(url: str, guard: Guard) -> bytes:
    async def read() -> bytes:
        media = Media(id="m", name="m", ref=url)
        async with links(Following(2, guard)) as reader:
            return b"".join([chunk async for chunk in reader.read(media)])

    return asyncio.run(read())


def refused(url: str, guard: Guard) -> str:
    """Why its bytes do not come."""
    with pytest.raises(SkippableError) as caught:
        fetched(url, guard)
    assert str(caught.value).endswith("; check the address.")
    return caught.value.reason.partition("(")[2].rstrip(")")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        *((one, LOOPBACK) for one in ("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1")),
        *((one, LOOPBACK) for one in ("64:ff9b::7f00:1", "2002:7f00:1::")),
        *((one, LINK_LOCAL) for one in ("169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1")),
        *((one, METADATA) for one in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254")),
        *((one, "") for one in ("10.0.0.1", "192.168.1.1", "172.16.0.1", "fd00::1", "8.8.8.8", "2001:db8::1")),
    ],
)
def test_addresses_have_their_kinds(address: str, kind: str) -> None:
    """This machine, its link and clouds' metadata are told from private and public networks, in every disguise."""
    assert kind_of(address) == kind


HERE = ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/", "http://a.localhost:{port}/",
        "http://127.0.0.1.:{port}/"]  # fmt: skip


@pytest.mark.parametrize("link", HERE)
def test_links_to_this_machine(server: Server, link: str) -> None:
    """A link to this machine, however it is written, is not followed: nothing is even asked."""
    assert refused(link.format(port=server.server_port), Guard()) == LOOPBACK
    assert server.seen == []


@pytest.mark.parametrize(
    "link", ["http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/x", "http://[fd00:ec2::254]/"]
)
def test_links_to_a_clouds_secrets(link: str) -> None:
    """Nor is one to where a cloud keeps them, also of a source that lives on a link itself."""
    assert refused(link, Guard()) == refused(link, Guard(own="http://169.254.1.1")) == METADATA
    assert refused(link, Guard(own=link)) == METADATA


def test_a_name_that_changes_its_mind(server: Server, names: dict[str, list[str]]) -> None:
    """What counts is the address that is connected to: a name that was harmless once is not trusted."""
    names["cdn.example.org"] = ["203.0.113.1", "127.0.0.1"]
    socket.getaddrinfo("cdn.example.org", 80)
    for guard in (Guard(), Guard(hosts=("*.example.org",)), Guard(hosts=("cdn.example.org",))):
        assert refused(f"http://cdn.example.org:{server.server_port}/", guard) == LOOPBACK
    assert server.seen == []


@pytest.mark.parametrize(
    ("elsewhere", "kind"),
    [
        ("http://169.254.169.254/", METADATA),
        ("http://127.0.0.2:9/", LOOPBACK),
        ("http://cdn.example.org/", UNLISTED),
        ("//169.254.1.1/", LINK_LOCAL),
    ],
)
def test_redirects_are_looked_at_too(server: Server, elsewhere: str, kind: str) -> None:
    """Whoever is trusted cannot send us where nobody may."""
    server.elsewhere = elsewhere
    guards = {
        METADATA: Guard(own=server.url),
        LINK_LOCAL: Guard(own=server.url),
        UNLISTED: Guard(hosts=("127.0.0.1",)),
        LOOPBACK: Guard(hosts=("127.0.0.1", "*.2")),
    }
    assert refused(f"{server.url}/begin", guards[kind]) == kind
    assert [path for path, _ in server.seen] == ["/begin"]


@pytest.mark.parametrize(
    ("hosts", "link", "is_allowed"),
    [
        (("cdn.example.org",), "http://cdn.example.org/x", True),
        (("CDN.example.org.",), "http://cdn.EXAMPLE.org./x", True),
        (("*.example.org",), "http://a.b.example.org/x", True),
        (("*.example.org",), "http://example.org/x", False),
        (("*.example.org",), "http://badexample.org/x", False),
        (("example.org",), "http://example.org.evil.net/x", False),
        (("example.org",), "http://example.org@evil.net/x", False),
        (("bücher.example",), "http://xn--bcher-kva.example/x", True),
        (("10.0.0.7",), "http://10.0.0.7:8080/x", True),
        (("10.0.0.7",), "http://10.0.0.8/x", False),
        ((), "http://anything.example.net/x", True),
    ],
)
def test_only_listed_hosts(hosts: tuple[str, ...], link: str, is_allowed: bool) -> None:
    """With a list, a host is fetched from when it is on it, by its whole name or below a wildcard."""
    from yarl import URL  # noqa: PLC0415

    guard = Guard(hosts=check_hosts(hosts))
    if is_allowed:
        guard.check(URL(link))
    else:
        with pytest.raises(RefusedAddressError, match="not among media_hosts"):
            guard.check(URL(link))


def test_what_is_allowed_here(server: Server) -> None:
    """A source that lives on this machine may lead to it, and so may an address that somebody wrote out."""
    for guard in (Guard(own=server.url), Guard(own="http://localhost"), Guard(hosts=("127.0.0.1",))):
        assert fetched(f"{server.url}/x", guard) == b"found"
    assert fetched(f"http://localhost:{server.server_port}/x", Guard(hosts=("localhost",))) == b"found"
    assert refused(f"{server.url}/x", Guard(own="http://10.0.0.1")) == LOOPBACK


def test_a_proxy_on_this_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked as ever, though not for what nobody may be asked for."""
    monkeypatch.setenv("http_proxy", server.url)
    assert fetched("http://cdn.example.org/x", Guard()) == b"found"
    asked = len(server.seen)
    assert refused("http://169.254.169.254/", Guard()) == METADATA
    assert refused("http://127.0.0.1:9/", Guard()) == LOOPBACK
    assert len(server.seen) == asked == 1


@pytest.mark.parametrize("host", ["", "https://x", "a/b", "*", "*.*.org", "a b", "a:80", "user@h"])
def test_lists_that_are_none(host: str, tmp_path: Path) -> None:
    """What is no name of a host is refused when the source is used."""
    with pytest.raises(RequestError, match="media_hosts takes names such as"):
        AngoSource(url="https://x", api_key=SecretStr("k"), media_hosts=[host]).connection()
    with pytest.raises(RequestError, match="media_hosts takes names such as"):
        check_hosts([host])


def test_a_platform_at_a_clouds_secrets() -> None:
    """An address that somebody typed into a form leads there no more than a link does."""
    for url in ("http://169.254.169.254", "http://[fd00:ec2::254]"):
        with pytest.raises(RequestError, match="Nothing is fetched from"):
            IdahSource(url=url, api_key=SecretStr("k")).check()


@pytest.mark.parametrize("address", ["{}", "zip://::{}"])
def test_files_at_web_addresses(server: Server, address: str) -> None:
    """Nor does a folder or a file at a web address that was typed into a form, not even by a redirect."""
    server.elsewhere = "http://169.254.169.254/latest"
    for url in ("http://169.254.169.254/x", "http://metadata.google.internal/x", f"{server.url}/begin"):
        with pytest.raises(RequestError, match="cloud's metadata"):
            Storage(address.format(url)).read("a")
    server.elsewhere = ""
    assert Storage(server.url).read("x") == b"found"


def test_keys_stay_with_their_platform(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that redirects is not followed, so its key is shown to nobody else."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    with running() as other:
        server.elsewhere = f"{other.url}/x"
        for source in (IdahSource, AngoSource):
            with pytest.raises(OuthaulError):
                source(url=f"{server.url}/begin?", api_key=SecretStr("canary")).check()
        assert other.seen == []


def test_links_of_a_file(tmp_path: Path, server: Server) -> None:
    """Media of a UPD file that links to this machine is left out and counted, unless the source's list says so."""
    path = tmp_path / "x.upd"
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        add(database, "entries", "e", "d", f"{server.url}/a.png", {"Name": "a.png", "Status": "completed"})

    def read(source: Any) -> bytes:
        dataset = source.dataset("d")
        (entry,) = source.read(dataset, list(source.list_entries(dataset, {})), "original")

        async def fetch() -> bytes:
            async with source.open_media() as reader:
                return b"".join([chunk async for chunk in reader.read(entry.medias[0])])

        return asyncio.run(fetch())

    with pytest.raises(SkippableError, match=r"Nothing is fetched from “127\.0\.0\.1” \(this machine\)"):
        read(UpdSource(url=str(path)))
    assert server.seen == []
    assert read(find_source(f"upd:{path}", {"OUTHAUL_MEDIA_HOSTS": "cdn.example.org, 127.0.0.1"})) == b"found"


def test_links_of_a_hub(server: Server) -> None:
    """A hub on this machine may lead to it, but not to a cloud's secrets, nor off its list; no key goes along."""

    def read(link: str, *hosts: str) -> bytes:
        source = AngoSource(url=server.url, api_key=SecretStr("canary"), media_hosts=list(hosts))
        media = Media(id="m", name="m", ref=link, raw=Raw(msgspec.json.encode(File(link, "p"))))

        async def fetch() -> bytes:
            async with source.open_media() as reader:
                return b"".join([chunk async for chunk in reader.read(media)])

        return asyncio.run(fetch())

    assert read(f"{server.url}/x") == read(f"{server.url}/x", "*.example.org") == b"found"
    assert "canary" not in str(server.seen)
    for link, hosts in (("http://169.254.169.254/x", ()), ("http://cdn.example.net/x", ("*.example.org",))):
        with pytest.raises(SkippableError, match="name it in media_hosts"):
            read(link, *hosts)


def test_a_refusal_travels() -> None:
    """It survives the way between processes, with its kind."""
    error = RefusedAddressError("x.", METADATA)
    travelled = pickle.loads(pickle.dumps(error))
    assert (str(travelled), travelled.kind) == ("x.", METADATA)
