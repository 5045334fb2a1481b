"""Answers of the two platforms over real HTTP: those of their sandboxes, of which some are broken on their way."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing
from unittest.mock import patch

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import SecretStr

from blocks import http, idah_client
from blocks.ango import AngoSource
from blocks.ango.door import Caller
from blocks.guard import Guard
from blocks.idah import IdahSource
from blocks.sandbox import server
from blocks.sandbox.ango import DEMO_API_KEY as ANGO_KEY
from blocks.sandbox.ango import AngoSandbox
from blocks.sandbox.bodies import Download
from blocks.sandbox.idah import DEMO_EMAIL, DEMO_PASSWORD, IdahSandbox
from blocks.source import Source
from exporters.errors import OuthaulError
from flows.ango.asked import read_event
from tests.fuzz.breaking import Files
from tests.fuzz.folders import read_all
from tests.fuzz.running import Parser

ZIPPED = ".zip"


def parsers() -> Iterator[Parser]:
    yield Parser("idah: answers", lambda: _idah().seeds(), lambda files: _idah().read(files), share=0.1)
    yield Parser("ango: answers", lambda: _ango().seeds(), lambda files: _ango().read(files), share=0.1)
    yield Parser("ango: rows", lambda: _ango().rows(), lambda files: _ango().read_rows(files), share=0.1)
    yield Parser("ango: zip", lambda: _ango().zips(), lambda files: _ango().read(files), share=0.1)
    yield Parser("ango: events", lambda: [{"event.json": orjson.dumps(EVENT)}], _read_event)
    yield Parser("http: answers", lambda: RESPONSES, _read_response)


class Stage:
    """A sandbox that serves, its true answers by what was asked, and the broken ones that come instead."""

    def __init__(self, application: web.Application, source: Callable[[str], Source]) -> None:
        self._spoilt: Files = {}
        self._true: dict[str, bytes] = {}
        self._source = source
        application.middlewares.insert(0, self._answer)
        with ExitStack() as stack:
            self.url = stack.enter_context(server.serve(application, host="127.0.0.1", port=0))
            atexit.register(stack.pop_all().close)

    @functools.cache  # noqa: B019 - there is one for the process
    def true(self) -> Files:
        """All answers that reading the source takes."""
        assert self._read({})
        return dict(self._true)

    def seeds(self) -> Sequence[Files]:
        """One document an answer: each is broken as often as any other."""
        return [{path: data} for path, data in sorted(self.true().items()) if path.endswith(".json")]

    def read(self, files: Files) -> object:
        return self._read(files)

    def _read(self, files: Files) -> object:
        self._spoilt = files
        idah_client._tokens.clear()
        source = self._source(self.url)
        with patch.object(http, "wait_seconds", lambda *_: 0.0):
            found = read_all(source)
            if isinstance(source, IdahSource):
                source.exports()
        return found

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key = re.sub(r"X-Amz-[^&]*&?", "", request.path_qs)
        for name in (f"{key}.json", f"{key}{ZIPPED}"):
            if name in self._spoilt:
                return web.Response(body=self._spoilt[name], content_type="application/json")
        answer = await handler(request)
        if isinstance(answer, Download) and answer.content_type == "application/zip":
            self._true[f"{key}{ZIPPED}"] = answer.content.whole()
        elif isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            self._true[f"{key}{'.json' if answer.body[:1] in (b'{', b'[') else '.bin'}"] = answer.body
        return answer


class AngoStage(Stage):
    """Its exports are zips of one file of rows."""

    def zips(self) -> Sequence[Files]:
        return [{path: data} for path, data in sorted(self.true().items()) if path.endswith(ZIPPED)]

    def rows(self) -> Sequence[Files]:
        """What is in the zips, each row a document as often as any other."""
        found = []
        for files in self.zips():
            for path, data in files.items():
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    content = archive.read(archive.namelist()[0])
                found.append({f"{path}.jsonl": content})
        return found

    def read_rows(self, files: Files) -> object:
        made = {}
        for path, data in files.items():
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("rows.json", data)
            made[path.removesuffix(".jsonl")] = buffer.getvalue()
        return self.read(made)


@functools.cache
def _idah() -> Stage:
    sandbox = IdahSandbox(entries=3, video_datasets=1, video_entries=1)

    def source(url: str) -> IdahSource:
        return IdahSource(url=url, email=DEMO_EMAIL, password=SecretStr(DEMO_PASSWORD), allow_partial=True)

    return Stage(sandbox.application(), source)


@functools.cache
def _ango() -> AngoStage:
    sandbox = AngoSandbox(3, video_tasks=2, document_tasks=2)
    stage = AngoStage(sandbox.application(), lambda url: AngoSource(url=url, api_key=SecretStr(ANGO_KEY), stages=[]))
    sandbox.links.base = stage.url
    return stage


EVENT = {
    "projectId": "650000000000000000000abc",
    "session": "s1",
    "apiKey": "key",
    "orgId": "o1",
    "runBy": "u1",
    "stage": ["Review A"],
    "batches": ["b1"],
    "configJSON": '{"media": "none", "strict": true, "include_key_frames_only": true, "class_map": {"a": 1}}',
}


def _read_event(files: Files) -> object:
    """As it comes out of the decoder of Socket.IO, which is Python's."""
    try:
        event = orjson.loads(files["event.json"])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, dict):
        return None
    asked = read_event(event)
    return asked.only_key_frames, asked.request, asked.options, asked.where, Caller.of(event)


# -- the bytes of an answer -------------------------------------------------------------------------------------------

_BODY = b'{"data": {"id": "1", "type": "x", "attributes": {"name": "a"}}}'.ljust(64)


def _response(status: bytes, *head: bytes, body: bytes = b"{}") -> Files:
    is_chunked = any(b"chunked" in line for line in head)
    sized = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % len(body)
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", b"Date: Mon, 30 Nov 2026 08:00:00 GMT", *head]
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
    return {"answer.txt": b"\r\n".join([*dict.fromkeys([*lines, sized]), b"", sent])}


RESPONSES: Sequence[Files] = [
    _response(b"200 OK", body=_BODY),
    _response(b"200 OK", b"Transfer-Encoding: chunked", body=_BODY),
    _response(b"429 Slow", b"Retry-After: 3"),
    _response(b"503 Gone", b"Retry-After: Mon, 30 Nov 2026 08:00:10 GMT"),
    _response(b"206 Part", b"Content-Range: bytes 5-69/70", b'ETag: "x"', body=_BODY),
    _response(b"422 No", body=b'{"errors": [{"detail": "no, why"}]}'),
    _response(b"302 There", b"Location: /login"),
    _response(b"200 OK", b"Content-Encoding: gzip", body=zlib.compress(_BODY, wbits=31)),
]


def _read_response(files: Files) -> object:
    return asyncio.run(_from_socket(files["answer.txt"]))


async def _from_socket(data: bytes) -> object:
    """The answer to a request for a document, then to one for a file, each as far as it goes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)

    one = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with one:
        host, port = one.sockets[0].getsockname()
        connection = idah_client.Connection(f"http://{host}:{port}", "login", {}, timeout_seconds=2.0)
        async with http.session(connection, Guard(connection.url)) as session:
            client = idah_client.IdahClient(connection, session)
            idah_client._tokens[client._account] = idah_client._Token("token", float("inf"))
            found = []
            with patch.object(http, "wait_seconds", lambda *_: 0.0), contextlib.suppress(OuthaulError):
                found.append(await client.one("thing"))
            async with client.open("file", 5) as file, aclosing(file.chunks()) as chunks:
                found.append([chunk async for chunk in chunks])
            return found
