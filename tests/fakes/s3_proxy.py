"""A way to a real S3 server on which things go wrong: what is asked for passes as it is, but for what it is told of."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from tests.fakes.s3_way import Way, in_front

S3Request = Literal["PUT", "CREATE", "COPY", "UPLOAD", "PART", "COPY PART", "COMPLETE", "HEAD", "LIST", "GET", "DELETE"]
How = Literal["answers", "resets", "takes and resets", "breaks off", "talks nonsense", "loses", "lags", "is slow"]

_PIECE = 1 << 16
_OBJECT = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)


def kind_of(request: web.BaseRequest) -> str:
    """What S3 is asked for."""
    match request.method:
        case "POST" if "uploads" in request.query:
            return "UPLOAD"
        case "POST" if "uploadId" in request.query:
            return "COMPLETE"
        case "POST":
            return "POST"
        case "PUT" if "x-amz-copy-source" in request.headers:
            return "COPY PART" if "uploadId" in request.query else "COPY"
        case "PUT" if "uploadId" in request.query:
            return "PART"
        case "PUT":
            return "CREATE" if "If-None-Match" in request.headers else "PUT"
        case "GET" if "list-type" in request.query:
            return "LIST"
    return request.method


@dataclass
class S3Trouble:
    """What goes wrong with requests of a kind whose path matches `about`: the next `times` of them, None for ever.

    `loses` says that all is well and passes nothing on; `lags` does not know of objects that match `about` yet.
    """

    kind: S3Request
    how: How
    status: int = 503
    code: str = "SlowDown"
    about: str = ""
    times: int | None = 1
    hits: int = 0

    def hit(self, request: web.BaseRequest) -> bool:
        about = "" if self.how == "lags" and self.kind == "LIST" else self.about
        is_over = self.times is not None and self.hits >= self.times
        if is_over or kind_of(request) != self.kind or not re.search(about, request.path):
            return False
        self.hits += 1
        return True


@dataclass
class S3Proxy:
    way: Way
    url: str = ""
    troubles: list[S3Trouble] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Kind and path of every request."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()  # all of it: whoever is cut off has sent what there was
        self.asked.append((kind_of(request), request.path))
        trouble = next((one for one in self.troubles if one.hit(request)), None)
        return await (self.way.pass_on(request) if trouble is None else self._go_wrong(trouble, request))

    async def _go_wrong(self, trouble: S3Trouble, request: web.Request) -> web.StreamResponse:
        assert request.transport
        match trouble.how:
            case "answers":
                text = f"<Error><Code>{trouble.code}</Code><Message>scripted</Message></Error>"
                return web.Response(status=trouble.status, text="" if request.method == "HEAD" else text)
            case "loses":
                return _all_is_well(request)
            case "talks nonsense":
                return web.Response(body=os.urandom(600), content_type="application/xml")
            case "is slow":
                for _ in range(0, len(await request.read()) + 1, _PIECE):
                    await asyncio.sleep(0.01)
                return await self.way.pass_on(request)
            case "lags":
                if trouble.kind == "HEAD":
                    return web.Response(status=404)
                answer = await self.way.pass_on(request)
                assert isinstance(answer.body, bytes)
                about = trouble.about.encode()
                known = _OBJECT.sub(lambda one: b"" if re.search(about, one[0]) else one[0], answer.body)
                return web.Response(status=answer.status, body=known, content_type="application/xml")
            case "takes and resets":
                await self.way.pass_on(request)
            case "breaks off":
                response = web.StreamResponse(headers={"Content-Length": "1000"})
                await response.prepare(request)
                await response.write(b"<?xml")
        request.transport.abort()
        return web.Response()


def _all_is_well(request: web.Request) -> web.Response:
    etag = {"ETag": '"00000000000000000000000000000000"'}
    if kind_of(request) == "COMPLETE":
        text = '<CompleteMultipartUploadResult><ETag>"0-1"</ETag></CompleteMultipartUploadResult>'
        return web.Response(text=text, content_type="application/xml")
    return web.Response(headers=etag)


@contextmanager
def proxying(endpoint: str) -> Iterator[S3Proxy]:
    proxy = S3Proxy(Way(endpoint))
    with in_front(proxy.way, proxy.handle) as proxy.url:
        yield proxy
