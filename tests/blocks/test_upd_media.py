"""Media of UPD files: blobs, whole and checked, in bounded memory; and what a file only links to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from blocks.source import CannotResumeError, MediaReader
from blocks.upd import UpdSource
from exporters.errors import RetriableError, SkippableError
from exporters.model import Box, Entry, Media, Unknown
from tests.blocks.samples import everything, picture_bytes, read_media
from tests.conformance.sources import CANARY
from tests.fakes.upd import CORNERS, add, upd_file

ROOT = Path(__file__).parent.parent.parent
PICTURE = picture_bytes(5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.upd"


def with_media(path: Path, url: str, *rows: tuple[Any, ...], **metadata: Any) -> UpdSource:
    """A file of one entry with a box, its `media_url` and the rows of its media."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        add(database, "entries", "e", "d", url, {"Name": "a.png", "Status": "completed", **metadata})
        add(database, "annotations", "a", "e", "idah-image:bounding-box", {"points": CORNERS}, "car", {}, {})
        for row in rows:
            add(database, "medias", *row)
    return UpdSource(url=str(path), media_hosts=["127.0.0.1"])


def only(source: UpdSource) -> tuple[Entry, Media]:
    (entry,) = everything(source)
    (media,) = entry.medias
    return entry, media


def missing(source: UpdSource, media: Media) -> str:
    """Why a media cannot be had."""
    with pytest.raises(SkippableError) as caught:
        read_media(source, media)
    return caught.value.reason


# Blobs


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (9 << 20) + 7])
def test_blobs_are_read_whole(path: Path, size: int) -> None:
    """A blob of any size comes back to the last byte, in pieces, also from its middle on."""
    data = bytes(number * 31 % 251 for number in range(997)) * (size // 997 + 1)
    data = data[:size]
    source = with_media(path, "local:m", ("m", "", data, "application/x", {}))
    _, media = only(source)
    assert read_media(source, media) == data

    async def resume(reader: MediaReader) -> list[bytes]:
        return [chunk async for chunk in reader.resume(media, size // 2)]

    chunks = read_with(source, resume)
    assert b"".join(chunks) == data[size // 2 :]
    assert max(map(len, chunks), default=0) <= 1 << 20


def read_with(source: UpdSource, use: Any) -> Any:
    async def run() -> Any:
        async with source.open_media() as reader:
            return await use(reader)

    return asyncio.run(run())


@pytest.mark.parametrize("digest", [hashlib.sha256(PICTURE).hexdigest(), hashlib.sha256(PICTURE).hexdigest().upper()])
def test_the_digest_in_the_file_names_the_bytes(path: Path, digest: str) -> None:
    """A blob whose digest is told is known by it, wherever the file lies; one without is known by the file's age."""
    source = with_media(path, "local:m", ("m", "", PICTURE, "image/png", {"SHA256": digest}))
    _, media = only(source)
    assert media.version == f"sha256:{digest.lower()}"
    assert read_media(source, media) == PICTURE


def test_wrong_bytes_are_found_out(path: Path) -> None:
    """A blob that is not what its digest says costs its entry."""
    digest = hashlib.sha256(b"other").hexdigest()
    source = with_media(path, "local:m", ("m", "", PICTURE, "image/png", {"SHA256": digest}))
    assert missing(source, only(source)[1]) == "its media is not what its SHA-256 in the file says"


def test_media_that_is_not_in_the_file(path: Path) -> None:
    """A media without bytes, or without a row, is described all the same, and costs its entry when it is read."""
    source = with_media(path, "local:m", ("m", "", None, "image/png", {"Width": 64, "Height": 48}))
    entry, media = only(source)
    assert entry.annotations[0].shape == Box(8.0, 12.0, 16.0, 12.0)
    assert missing(source, media) == "its media is not in the file"
    path.unlink()
    source = with_media(path, "local:nowhere")
    entry, media = only(source)
    assert (media.id, media.name, media.key) == ("nowhere", "a.png", "")
    assert entry.annotations[0].shape == Unknown("idah-image:bounding-box on a picture of unknown size")
    assert missing(source, media) == "its media is not in the file"


def test_sizes_of_pictures_with_long_headers(path: Path) -> None:
    """The size of a picture is found behind all that its camera wrote about it."""
    plain = picture_bytes(1, (64, 48), "JPEG")
    picture = plain[:2] + (b"\xff\xe5\xff\xff" + b"x" * 65_533) * 3 + plain[2:]
    source = with_media(path, "local:m", ("m", "", picture, "image/jpeg", {}))
    _, media = only(source)
    assert (media.width, media.height) == (64, 48)


def test_many_blobs_over_one_reader(path: Path) -> None:
    """Files that are read at the same time do not mix."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        for number in range(40):
            add(database, "medias", f"m{number}", "", bytes([number]) * (number * 1000), "image/png", {})
    source = UpdSource(url=str(path))

    async def read(reader: MediaReader) -> list[bytes]:
        async def one(number: int) -> bytes:
            media = Media(id="m", name="m", ref=f"local:m{number}")
            return b"".join([chunk async for chunk in reader.read(media)])

        return list(await asyncio.gather(*map(one, range(40))))

    assert read_with(source, read) == [bytes([number]) * (number * 1000) for number in range(40)]


MEASURE = """
import asyncio, resource, sys
from blocks.upd import UpdSource
from exporters.model import Media

async def read(*names):
    async with UpdSource(url=sys.argv[1]).open_media() as reader:
        for name in names:
            async for chunk in reader.read(Media(id=name, name=name, ref=f"local:{name}")):
                assert len(chunk) <= 1 << 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

small = asyncio.run(read("small0"))
many = asyncio.run(read(*(f"small{number}" for number in range(200))))
large = asyncio.run(read("large"))
print(small, many, large)
"""


def test_memory_does_not_grow_with_media(path: Path) -> None:
    """Reading many blobs takes no more memory than DuckDB is given, and a large one little more than twice its size."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        database.execute(
            "INSERT INTO medias SELECT 'small' || i, '', repeat('ab', 500000)::BLOB, '', '{}' FROM range(200) t(i)"
        )
        database.execute("INSERT INTO medias SELECT 'large', '', repeat('abcdefgh', 18000000)::BLOB, '', '{}'")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    small, many, large = map(int, done.stdout.split())
    assert many - small < 100  # megabytes, of 200
    assert large - small < 2.5 * 144


# Links


@dataclass
class Web:
    """A server; `answers` by path: status, headers and body, `cut` after how many bytes a body breaks off."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def served() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.seen.append((self.path, dict(self.headers)))
            status, headers, body = web.answers.get(self.path, (404, {}, b""))
            begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
            if begin and status == 200 and "ETag" in headers:
                status, headers = 206, {**headers, "Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"}
                body = body[begin:]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            cut = web.cut.pop(self.path, None)
            self.wfile.write(body[:cut])
            self.close_connection = cut is not None

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield web
        finally:
            server.shutdown()


@pytest.fixture
def web() -> Iterator[Web]:
    with served() as running:
        yield running


def test_linked_media_is_fetched(path: Path, web: Web) -> None:
    """Media that a file only links to is fetched from there, and its size learned on the way, over a redirect too."""
    web.answers |= {"/p%20a.png?x=1": (302, {"Location": "/there.png"}, b""), "/there.png": (200, {}, PICTURE)}
    source = with_media(path, f"{web.url}/p%20a.png?x=1", Resource="r")
    entry, media = only(source)
    assert (media.ref, media.width, media.height) == (f"{web.url}/p%20a.png?x=1", 64, 48)
    assert entry.annotations[0].shape == Box(8.0, 12.0, 16.0, 12.0)
    assert read_media(source, media) == PICTURE


def test_rows_describe_linked_media(path: Path, web: Web) -> None:
    """A row without bytes says what is linked: its kind, its size, and what its bytes must be."""
    web.answers["/p"] = (200, {}, PICTURE)
    row = ("r", "", None, "image/png", {"Width": 64, "Height": 48, "SHA256": hashlib.sha256(b"other").hexdigest()})
    source = with_media(path, f"{web.url}/p", row, Resource="r")
    _, media = only(source)
    assert (media.id, media.mime_type, media.width) == ("r", "image/png", 64)
    assert web.seen == []
    assert missing(source, media) == "its media is not what its SHA-256 in the file says"


def test_no_credentials_are_sent(path: Path, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is linked to learns nothing of this machine: no secret of the environment, no .netrc, no cookie."""
    monkeypatch.setenv("OUTHAUL_API_KEY", CANARY)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login someone password {CANARY}\n")
    web.answers |= {
        "/a": (302, {"Location": "/b", "Set-Cookie": f"session={CANARY}"}, b""),
        "/b": (200, {"Set-Cookie": f"session={CANARY}"}, PICTURE),
    }
    source = with_media(path, f"{web.url}/a")
    _, media = only(source)
    assert read_media(source, media) == PICTURE
    assert len(web.seen) == 4
    assert CANARY not in json.dumps(web.seen)
    assert not [headers for _, headers in web.seen if {"Authorization", "Cookie", "Referer"} & headers.keys()]


STATUSES = [
    (404, "is gone from where the file says it is (404)"),
    (410, "is gone from where the file says it is (410)"),
    (401, "may not be read without a login (401)"),
    (403, "may not be read without a login (403)"),
    (400, "is refused where the file says it is (400)"),
]


@pytest.mark.parametrize(("status", "said"), STATUSES)
def test_what_a_link_does_not_give_costs_its_entry(path: Path, web: Web, status: int, said: str) -> None:
    """A link that leads to nothing costs the entry it belongs to, for a reason that others can share."""
    web.answers["/p"] = (status, {}, b"")
    source = with_media(path, f"{web.url}/p")
    entry, media = only(source)
    assert entry.annotations[0].shape == Unknown("idah-image:bounding-box on a picture of unknown size")
    assert missing(source, media) == f"its media {said}"


def test_a_busy_server_is_asked_again(path: Path, web: Web) -> None:
    """A server that is busy, or breaks off, can be asked again; the rest of a file alone where it knows the file."""
    row = ("r", "", None, "image/png", {"Width": 64, "Height": 48})
    source = with_media(path, f"{web.url}/p", row, Resource="r")
    _, media = only(source)
    web.answers["/p"] = (503, {"Retry-After": "7"}, b"")
    with pytest.raises(RetriableError) as caught:
        read_media(source, media)
    assert caught.value.delay_seconds == 7

    async def broken(reader: MediaReader) -> bytes:
        data = b""
        try:
            async for chunk in reader.read(media):
                data += chunk
        except RetriableError:
            assert 0 < len(data) < len(PICTURE * 100)
        try:
            async for chunk in reader.resume(media, len(data)):
                data += chunk
        except CannotResumeError:
            return b"from the beginning"
        return data

    web.answers["/p"] = (200, {"Accept-Ranges": "bytes", "ETag": '"1"'}, PICTURE * 100)
    web.cut["/p"] = 1000
    assert read_with(source, broken) == PICTURE * 100
    assert web.seen[-1][1]["Range"].startswith("bytes=")
    assert web.seen[-1][1]["If-Range"] == '"1"'
    web.answers["/p"] = (200, {}, PICTURE * 100)
    web.cut["/p"] = 1000
    assert read_with(source, broken) == b"from the beginning"


@pytest.mark.parametrize("link", ["file://{path}", "{path}", "ftp://127.0.0.1/x", "http://", "http://[::1", "s3://b/k",
                                  "HTTP://127.0.0.1:99999/x", "data:image/png;base64,AAAA"])  # fmt: skip
def test_only_addresses_of_the_web_are_followed(path: Path, tmp_path: Path, link: str) -> None:
    """An address that is none of the web costs its entry, and nothing is read there, least of all of this machine."""
    (tmp_path / "secret").write_text(CANARY)
    source = with_media(path, link.format(path=tmp_path / "secret"))
    _, media = only(source)
    assert missing(source, media) == "its media lies at an address that is not one of the web, and is not read"


def test_a_redirect_out_of_the_web_is_not_followed(path: Path, web: Web, tmp_path: Path) -> None:
    """A server cannot send us to a file of this machine."""
    (tmp_path / "secret").write_text(CANARY)
    web.answers["/p"] = (302, {"Location": f"file://{tmp_path}/secret"}, b"")
    source = with_media(path, f"{web.url}/p")
    assert "not one of the web" in missing(source, only(source)[1])


def test_links_can_be_left_alone(path: Path, web: Web) -> None:
    """Where links are not to be followed, nobody is asked for anything."""
    web.answers["/p"] = (200, {}, PICTURE)
    with_media(path, f"{web.url}/p")
    source = UpdSource(url=str(path), follow_links=False)
    _, media = only(source)
    assert missing(source, media) == "its media is not in the file, and links are not followed"
    assert web.seen == []


def test_a_packed_answer_is_not_taken_for_the_file(path: Path, web: Web) -> None:
    """A server that packs a file though it was asked not to does not deliver the file."""
    web.answers["/p"] = (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")
    source = with_media(path, f"{web.url}/p")
    assert missing(source, only(source)[1]) == "its media comes packed, and is not unpacked"
