"""The IDAH sandbox: a labelling platform of one project, as an outside client meets it.

Spoken here: logins, listings and single records of projects, datasets, entries, annotations and medias, and media
files, with the platform's limits, quirks and errors. Left out: everything that writes, the ``sync`` service, a login's
cookies, ``project_members`` and ``entry_stats``; and everybody may read everything.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from blocks.sandbox import server
from blocks.sandbox.faults import Fault, Traffic
from blocks.sandbox.idah_auth import DEMO_API_KEY, DEMO_EMAIL, DEMO_PASSWORD, IdahAuth
from blocks.sandbox.idah_derived import Media
from blocks.sandbox.idah_documents import check_included, collection, single
from blocks.sandbox.idah_query import Query, parse_nested, parse_uuid, select
from blocks.sandbox.idah_store import IdahStore
from blocks.sandbox.idah_wire import WireError, json_response

__all__ = ["DEMO_API_KEY", "DEMO_EMAIL", "DEMO_PASSWORD", "Fault", "IdahSandbox"]

PREFIX = "/api/v1/"
LONGEST_QUERY_BYTES = 10 * 1024
MEDIA_FILES = "media/medias/files"
MEDIA_INFO = "media/medias/info"
_JSON_TYPES = {"application/json", "application/vnd.api+json"}


class IdahSandbox:
    """One project with ``datasets`` image datasets of ``entries`` each; the same arguments serve the same bytes.

    ``latency_seconds`` passes before every answer. ``token_lifetime_seconds`` overrides the lifetime that logins ask
    for (whole seconds count). While it serves, tests may change ``store``, append to ``faults``, read ``requests`` and
    ``peaks`` (counts by kind of path, such as ``dataset/entries``, ``dataset/entries/:id``, ``media/medias/files``),
    and end every token with ``auth.expire_tokens()``.
    """

    def __init__(
        self,
        entries: int = 24,
        seed: int = 7,
        datasets: int = 1,
        latency_seconds: float = 0.0,
        token_lifetime_seconds: float | None = None,
    ) -> None:
        self.store = IdahStore(seed, entries=entries, datasets=datasets)
        self.auth = IdahAuth(f"sandbox {seed}", token_lifetime_seconds)
        self._traffic = Traffic(PREFIX, latency_seconds)

    @property
    def faults(self) -> list[Fault]:
        return self._traffic.faults

    @property
    def requests(self) -> Counter[str]:
        return self._traffic.requests

    @property
    def peaks(self) -> Counter[str]:
        return self._traffic.peaks

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> AbstractContextManager[str]:
        """Runs in a thread of its own while the context lasts, and yields ``http://HOST:PORT``."""
        return server.serve(self.application(), host=host, port=port)

    def run_forever(
        self,
        port: int,
        host: str = "127.0.0.1",
        on_start: Callable[[str], None] | None = None,
    ) -> None:
        """Blocks until interrupted; ``on_start`` is called with the base URL once clients can connect."""
        server.run_forever(self.application(), host=host, port=port, on_start=on_start)

    def application(self) -> web.Application:
        """The bare web application, for those who run it in an event loop of their own."""
        application = web.Application(middlewares=[self._traffic.middleware, self._answer_errors])
        add = application.router.add_route
        add("POST", f"{PREFIX}iam/auth/api/login", self._login(self.auth.login_with_key))
        add("POST", f"{PREFIX}iam/auth/login", self._login(self.auth.login_with_password))
        for name in self.store.tables:
            application.router.add_get(PREFIX + name, self._listing(name))
            if name.startswith("dataset/"):
                application.router.add_get(f"{PREFIX}{name}/{{id}}", self._show(name))
        for name, handler in ((MEDIA_INFO, self._media_info), (MEDIA_FILES, self._media_file)):
            application.router.add_get(f"{PREFIX}{name}/{{resource}}", handler)
            application.router.add_get(f"{PREFIX}{name}/{{resource}}/{{key}}", handler)
        return application

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turns errors into documents, and checks what every request has to satisfy."""
        is_plain = request.path.startswith(f"{PREFIX}{MEDIA_FILES}/")
        try:
            if len(request.rel_url.raw_query_string) > LONGEST_QUERY_BYTES:
                return web.Response(status=400, text="")
            if request.match_info.http_exception is not None:
                raise WireError.no_route()
            if not request.path.startswith(f"{PREFIX}iam/"):
                await _check_body(request)
                self.auth.check(request)
            return await handler(request)
        except WireError as error:
            return error.response(is_plain=is_plain or error.is_about_request)

    def _login(self, login: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return json_response(request, login(await _json_body(request)))

        return handle

    def _listing(self, name: str) -> Handler:
        table = self.store.tables[name]

        async def handle(request: web.Request) -> web.StreamResponse:
            query = Query.parse(request.rel_url.raw_query_string)
            check_included(table.row_type, query, is_listing=True)

            def answer() -> web.Response:
                with self.store.lock:
                    rows, meta = select(table, query)
                return json_response(request, collection(self.store, rows, meta, query))

            return await asyncio.to_thread(answer)

        return handle

    def _show(self, name: str) -> Handler:
        table = self.store.tables[name]

        async def handle(request: web.Request) -> web.StreamResponse:
            query = Query.parse(request.rel_url.raw_query_string)
            check_included(table.row_type, query, is_listing=False)
            key = request.match_info["id"]
            with self.store.lock:
                row = table.get(parse_uuid(key))
            if row is None:
                raise WireError.no_record(id=key)
            return json_response(request, single(self.store, row, query))

        return handle

    async def _media_info(self, request: web.Request) -> web.StreamResponse:
        query = Query.parse(request.rel_url.raw_query_string)
        check_included(Media, query, is_listing=False)
        media = self._media(request)
        return await asyncio.to_thread(lambda: json_response(request, single(self.store, media, query)))

    async def _media_file(self, request: web.Request) -> web.StreamResponse:
        """The whole body, whatever ``Range`` and ``If-*`` headers say."""
        media = self._media(request)
        body = await asyncio.to_thread(lambda: media.content)
        return web.Response(body=body, content_type=media.mime_type)

    def _media(self, request: web.Request) -> Media:
        resource = request.match_info["resource"]
        key = request.match_info.get("key") or parse_nested(request.rel_url.raw_query_string).get("key") or ""
        with self.store.lock:
            for media in self.store.medias_of(resource):
                if media.key == key:
                    return media
        raise WireError.no_record(resource=resource, key=key)


async def _check_body(request: web.Request) -> None:
    """A JSON Content-Type promises a body, also on a GET."""
    if hdrs.CONTENT_TYPE in request.headers and request.content_type in _JSON_TYPES:
        await _json_body(request)


async def _json_body(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise WireError.bad_request() from None
    return body if isinstance(body, dict) else {}
