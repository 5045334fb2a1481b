"""The IDAH sandbox: a labelling platform of one project, as an outside client meets it.

Spoken here: logins, listings and single records of projects and their members, datasets, entries, annotations and
medias, media files, and what can be read of the ``sync`` service, with the platform's limits, quirks and errors. Left
out: everything that writes, the jobs of the ``media`` service, and the contents of ``entry_stats``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from aiohttp import web
from aiohttp.typedefs import Handler

from blocks.sandbox import server
from blocks.sandbox.faults import Chaos, Fault
from blocks.sandbox.idah_answers import AccountHandler, Answers
from blocks.sandbox.idah_auth import DEMO_API_KEY, DEMO_EMAIL, DEMO_PASSWORD, IdahAuth
from blocks.sandbox.idah_store import IdahStore
from blocks.sandbox.idah_wire import WireError
from blocks.sandbox.misbehaviour import LOGIN_PAGE, login_page, page
from blocks.sandbox.traffic import Hook, Traffic, Watched

__all__ = ["DEMO_API_KEY", "DEMO_EMAIL", "DEMO_PASSWORD", "Chaos", "Fault", "IdahSandbox"]

PREFIX = "/api/v1/"
LONGEST_QUERY_BYTES = 10 * 1024
LONGEST_PROXY_LINE_BYTES = 8 * 1024
MEDIA_FILES = "media/medias/files"
MEDIA_INFO = "media/medias/info"
_PLAIN = (f"{PREFIX}{MEDIA_FILES}/", f"{PREFIX}sync/exports/formats")


class IdahSandbox(Watched):
    """One project with ``datasets`` image datasets of ``entries`` each; the same arguments serve the same bytes.

    ``video_datasets`` of ``video_entries`` each follow behind them. ``latency_seconds`` passes before every answer.
    ``token_lifetime_seconds`` overrides the lifetime that logins ask for (whole seconds count).

    For benchmarks: ``media_bytes`` pads originals to about that size, ``annotations_per_entry`` gives every picture
    that many boxes and nothing else; with either, pictures repeat every 64 entries, though no two files are the same.
    ``large_media_bytes`` is the size of the first picture's original, which is streamed and never held whole.

    ``honours_ranges``: media files answer ``Range`` with a 206, as a CDN in front would; the platform ignores it.
    ``behind_proxy``: a proxy refuses request lines over 8 KiB with a 414 and a page of HTML.

    While it serves, tests may change ``store``, append to ``faults``, set ``chaos``, read ``requests`` and ``peaks``
    (counts by kind of path, such as ``dataset/entries``, ``dataset/entries/:id``, ``media/medias/files``), change data
    between two requests by ``on_request``, and end every token with ``auth.expire_tokens()``.
    """

    def __init__(
        self,
        entries: int = 24,
        seed: int = 7,
        datasets: int = 1,
        latency_seconds: float = 0.0,
        token_lifetime_seconds: float | None = None,
        *,
        video_datasets: int = 0,
        video_entries: int = 6,
        media_bytes: int | None = None,
        annotations_per_entry: int | None = None,
        large_media_bytes: int | None = None,
        honours_ranges: bool = False,
        behind_proxy: bool = False,
    ) -> None:
        self.store = IdahStore(
            seed,
            entries=entries,
            datasets=datasets,
            video_entries=video_entries,
            video_datasets=video_datasets,
            media_bytes=media_bytes,
            annotations_per_entry=annotations_per_entry,
            large_media_bytes=large_media_bytes,
        )
        self.auth = IdahAuth(f"sandbox {seed}", token_lifetime_seconds)
        self._traffic = Traffic(PREFIX, latency_seconds, self.auth.expire_token)
        self._answers = Answers(self.store, self.auth, honours_ranges=honours_ranges)
        self._behind_proxy = behind_proxy

    def on_request(self, pattern: str, action: Callable[[IdahStore], object], nth: int = 1) -> Hook:
        """Calls ``action`` with the store right before the ``nth`` request is answered that matches ``pattern``.

        The pattern is a regular expression for a part of ``METHOD /path?query``, as of a fault. Requests that meet a
        fault which answers for the platform do not count.
        """
        hook = Hook(pattern, lambda: action(self.store), nth)
        self._traffic.hooks.append(hook)
        return hook

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
        routes, answers = application.router, self._answers
        routes.add_get(LOGIN_PAGE, login_page)
        routes.add_post(f"{PREFIX}iam/auth/api/login", answers.login(self.auth.login_with_key, has_cookies=False))
        routes.add_post(f"{PREFIX}iam/auth/login", answers.login(self.auth.login_with_password, has_cookies=True))
        routes.add_get(f"{PREFIX}iam/auth/refresh", answers.refresh)

        def add(path: str, handler: AccountHandler) -> None:
            routes.add_get(PREFIX + path, answers.guarded(handler))

        add("sync/exports/formats", answers.formats)  # before what would take "formats" for an id
        add("sync/exports/{id}/download", answers.download)
        for name in self.store.tables:
            add(name, answers.listing(name))
            if not name.startswith("media/"):
                add(f"{name}/{{id}}", answers.show(name))
        for name, handler in ((MEDIA_INFO, answers.media_info), (MEDIA_FILES, answers.media_file)):
            add(f"{name}/{{resource}}", handler)
            add(f"{name}/{{resource}}/{{key}}", handler)
        return application

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turns errors into documents, and checks what every request has to satisfy."""
        if request.path == LOGIN_PAGE:
            return await handler(request)
        if self._behind_proxy and len(f"{request.method} {request.raw_path} HTTP/1.1\r\n") > LONGEST_PROXY_LINE_BYTES:
            return page(414, "Request-URI Too Large")
        try:
            if len(request.rel_url.raw_query_string) > LONGEST_QUERY_BYTES:
                return web.Response(status=400, text="")
            if request.match_info.http_exception is not None:
                raise WireError.no_route()
            return await handler(request)
        except WireError as error:
            is_plain = request.path.startswith(_PLAIN) or request.path.endswith("/download")
            return error.response(is_plain=is_plain or error.is_about_request)
