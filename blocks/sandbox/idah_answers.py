"""What the IDAH sandbox answers to each kind of request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from blocks.sandbox.bodies import PIECE_BYTES, Body, Download, answer, answer_range
from blocks.sandbox.idah_accounts import Account
from blocks.sandbox.idah_auth import IdahAuth
from blocks.sandbox.idah_derived import Media
from blocks.sandbox.idah_documents import Documents, check_included
from blocks.sandbox.idah_lists import Table
from blocks.sandbox.idah_query import Query, parse_key, parse_nested, select
from blocks.sandbox.idah_rows import Entry, Row
from blocks.sandbox.idah_sight import Test, check_right, sight
from blocks.sandbox.idah_store import IdahStore
from blocks.sandbox.idah_sync import FORMATS, Export
from blocks.sandbox.idah_wire import WireError, json_response, to_json

NEVER_SECONDS = 3600.0  # longer than any client waits for bytes that do not come
_JSON_TYPES = {"application/json", "application/vnd.api+json"}

AccountHandler = Callable[[web.Request, Account], Awaitable[web.StreamResponse]]


class Answers:
    """``honours_ranges``: media files are served as a CDN in front of the platform would, which by itself does not."""

    def __init__(self, store: IdahStore, auth: IdahAuth, *, honours_ranges: bool) -> None:
        self._store, self._auth, self._honours_ranges = store, auth, honours_ranges

    def login(self, login: Callable[[dict[str, Any]], dict[str, Any]], *, has_cookies: bool) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await json_body(request)
            document = login(body)
            response = json_response(request, document)
            if has_cookies and body.get("cookie") is True:
                self._auth.set_cookies(response, document)
            return response

        return handle

    async def refresh(self, request: web.Request) -> web.StreamResponse:
        document = self._auth.refresh(request)
        response = json_response(request, document)
        self._auth.set_cookies(response, document)
        return response

    def guarded(self, handler: AccountHandler) -> Handler:
        """For accounts with a good token only; a JSON Content-Type promises a body, also on a GET."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if hdrs.CONTENT_TYPE in request.headers and request.content_type in _JSON_TYPES:
                await json_body(request)
            return await handler(request, self._auth.check(request))

        return handle

    def listing(self, name: str) -> AccountHandler:
        table = self._store.tables[name]

        async def handle(request: web.Request, account: Account) -> web.StreamResponse:
            check_right(account, table.row_type)
            query = Query.parse(request.rel_url.raw_query_string)
            check_included(table.row_type, query, is_listing=True)
            sees = self._sight(account, table.row_type, is_listing=True)

            def read() -> web.Response:
                # Written under the lock too: what is changed before the next request does not show in this answer.
                with self._store.lock:
                    rows, meta = select(table, query, sees)
                    return json_response(request, self._documents(account, query).collection(rows, meta))

            return await asyncio.to_thread(read)

        return handle

    def show(self, name: str) -> AccountHandler:
        table = self._store.tables[name]

        async def handle(request: web.Request, account: Account) -> web.StreamResponse:
            check_right(account, table.row_type)
            query = Query.parse(request.rel_url.raw_query_string)
            check_included(table.row_type, query, is_listing=False)

            def read() -> web.Response:
                with self._store.lock:
                    row = self._row(request, account, table)
                    return json_response(request, self._documents(account, query).single(row))

            return await asyncio.to_thread(read)

        return handle

    async def media_info(self, request: web.Request, account: Account) -> web.StreamResponse:
        query = Query.parse(request.rel_url.raw_query_string)
        check_included(Media, query, is_listing=False)
        media = self._media(request, account)
        documents = self._documents(account, query)
        return await asyncio.to_thread(lambda: json_response(request, documents.single(media)))

    async def media_file(self, request: web.Request, account: Account) -> web.StreamResponse:
        """The whole body, whatever ``Range`` and ``If-*`` headers say; under the length that the row says."""
        media = self._media(request, account)
        content = await asyncio.to_thread(_stored, media)
        if content is None:
            raise _no_media(media.resource, media.key)
        if (declared := media.declared(content)) != content.size:
            return Download(content, content_type=media.mime_type, declared=declared, hold_seconds=NEVER_SECONDS)
        has_condition = hdrs.IF_RANGE in request.headers  # there is no ETag that could meet one
        if self._honours_ranges and not has_condition:
            return answer_range(content, request.headers.get(hdrs.RANGE, ""), content_type=media.mime_type)
        return answer(content, content_type=media.mime_type)

    async def formats(self, request: web.Request, account: Account) -> web.StreamResponse:
        """A plain list, the same for every modality."""
        check_right(account, Export)
        parameters = parse_nested(request.rel_url.raw_query_string)
        if "modalities" not in parameters:
            raise WireError.invalid("/modalities", "is required")
        if not isinstance(parameters["modalities"], list):
            raise WireError(500, "NoMethodError", "undefined method `flat_map' for an instance of String")
        return web.Response(body=to_json(FORMATS), content_type="application/json")

    async def download(self, request: web.Request, account: Account) -> web.StreamResponse:
        """Without ``Range``; before the job is done there is no file, which the platform does not expect."""
        check_right(account, Export)
        with self._store.lock:
            export = self._row(request, account, self._store.tables["sync/exports"])
        assert isinstance(export, Export)
        if export.content is None or export.mime_type is None:
            raise WireError(500, "NoMethodError", "undefined method `filename' for nil")
        disposition = {"Content-Disposition": f"attachment;filename={export.filename}"}
        return answer(Body.of(export.content), content_type=export.mime_type, headers=disposition)

    def _row(self, request: web.Request, account: Account, table: Table) -> Row:
        key = request.match_info["id"]
        row, sees = table.get(parse_key(table.row_type, key)), self._sight(account, table.row_type, is_listing=False)
        if row is None or not (sees is None or sees(row)):
            raise WireError.no_record(id=key)
        return row

    def _media(self, request: web.Request, account: Account) -> Media:
        """Without the lock, so that no file waits for a listing: lists of medias are replaced, never changed."""
        resource = request.match_info["resource"]
        key = request.match_info.get("key") or parse_nested(request.rel_url.raw_query_string).get("key") or ""
        media, sees = self._store.media(resource, key), self._sight(account, Media, is_listing=False)
        if media is None or not (sees is None or sees(media)):
            raise _no_media(resource, key)
        return media

    def _sight(self, account: Account, row_type: type[Row], *, is_listing: bool) -> Test | None:
        return sight(account, row_type, self._store.project, is_listing=is_listing)

    def _documents(self, account: Account, query: Query) -> Documents:
        return Documents(self._store, query, self._sight(account, Entry, is_listing=True))


async def json_body(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise WireError.bad_request() from None
    return body if isinstance(body, dict) else {}


def _no_media(resource: str, key: str) -> WireError:
    return WireError.no_record(resource=resource, key=key)


def _stored(media: Media) -> Body | None:
    """Drawn here, unless it is too large to be held."""
    stored = media.file
    return Body.of(media.content) if stored and stored.size <= PIECE_BYTES else stored
