"""An S3 lookalike that drops what it is sent: against it the client is what takes the time, not the store.

    python -m tests.fakes.s3_sink PORT

It reads no signature and keeps no byte, only how many there were of each object, so that who looks finds it whole.
"""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from xml.sax.saxutils import escape

from aiohttp import web

PAGE = 1000
XML = '<?xml version="1.0" encoding="UTF-8"?>'


class Sink:
    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._parts: dict[str, dict[str, int]] = defaultdict(dict)
        self._numbers = itertools.count(1)

    async def put(self, request: web.Request) -> web.Response:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        if upload := request.query.get("uploadId"):
            self._parts[upload][request.query["partNumber"]] = size
        else:
            self._sizes[request.path] = size
        if "x-amz-copy-source" in request.headers:
            kind = "CopyPartResult" if upload else "CopyObjectResult"
            return _answer(f"<{kind}><ETag>0</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></{kind}>")
        return web.Response(headers={"ETag": '"00000000000000000000000000000000"'})

    async def post(self, request: web.Request) -> web.Response:
        body = await request.read()
        if "uploads" in request.query:
            return _answer(
                f"<InitiateMultipartUploadResult><UploadId>{next(self._numbers)}</UploadId></InitiateMultipartUploadResult>"
            )
        if "delete" in request.query:
            return _answer("<DeleteResult></DeleteResult>")
        assert b"CompleteMultipartUpload" in body
        self._sizes[request.path] = sum(self._parts.pop(request.query["uploadId"]).values())
        return _answer('<CompleteMultipartUploadResult><ETag>"0-1"</ETag></CompleteMultipartUploadResult>')

    async def head(self, request: web.Request) -> web.Response:
        size = self._sizes.get(request.path)
        if size is None:
            return web.Response(status=404)
        modified = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"0"', "Content-Length": str(size)}
        return web.Response(headers=modified)

    async def get(self, request: web.Request) -> web.Response:
        top = f"{request.path.rstrip('/')}/"
        found = sorted(path for path in self._sizes if path.startswith(top + request.query.get("prefix", "")))
        start = int(request.query.get("continuation-token", 0))
        listed = "".join(
            f"<Contents><Key>{escape(path.removeprefix(top))}</Key><Size>{self._sizes[path]}</Size>"
            "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
            for path in found[start : start + PAGE]
        )
        more = start + PAGE < len(found)
        token = f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>" if more else ""
        cut = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        return _answer(f"<ListBucketResult>{cut}<KeyCount>{len(found)}</KeyCount>{listed}</ListBucketResult>")

    async def delete(self, request: web.Request) -> web.Response:
        self._parts.pop(request.query.get("uploadId", ""), None)
        return web.Response(status=204)

    def application(self) -> web.Application:
        made = web.Application(client_max_size=1 << 40)
        path = "/{path:.*}"
        made.router.add_put(path, self.put)
        made.router.add_post(path, self.post)
        made.router.add_delete(path, self.delete)
        made.router.add_head(path, self.head)
        made.router.add_get(path, self.get, allow_head=False)
        return made


def _answer(text: str) -> web.Response:
    return web.Response(text=XML + text, content_type="application/xml")


if __name__ == "__main__":
    web.run_app(Sink().application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
