"""The Ango Hub sandbox: a hub with three projects (images, videos, documents), as an outside client meets it.

Spoken here: the REST interface that an export needs, the storage behind its signed links, and the hub's other door,
by which it calls plug-ins (``hub``). People find a page at its address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from blocks.sandbox import server
from blocks.sandbox.ango.handlers import Handlers
from blocks.sandbox.ango.hub import Hub
from blocks.sandbox.ango.hub_page import HubPage
from blocks.sandbox.ango.ids import uuid
from blocks.sandbox.ango.links import LIFETIME_SECONDS, Links
from blocks.sandbox.ango.query import Query
from blocks.sandbox.ango.tasks import Project
from blocks.sandbox.ango.wire import HubError
from blocks.sandbox.misbehaviour import LOGIN_PAGE, login_page
from blocks.sandbox.traffic import Hook, Traffic, Watched

PREFIX = "/v2/"
DEMO_API_KEY = uuid("c0ffee", "sandbox")


class AngoSandbox(Watched):
    """Three projects: ``tasks`` images, ``video_tasks`` clips, ``document_tasks`` texts, sounds and PDF files.

    The same arguments serve the same rows, but for the signatures of links. A project of no tasks is left out, unless
    all are. ``latency_seconds`` passes before every answer, ``export_seconds`` before an export is ready.
    ``row_bytes`` pads rows of the image project to about that size, for benchmarks. ``link_seconds`` is the lifetime
    of signed links. ``is_fenced``: the organisation does not let this address in, every call answers 451.

    While it serves, tests may change ``projects``, append to ``faults``, set ``chaos``, read ``requests`` and
    ``peaks`` (counts by kind of path, such as ``export`` or ``project/:id``), act between two requests by
    ``on_request``, and end all links by ``links.expire()``.
    """

    def __init__(
        self,
        tasks: int = 24,
        seed: int = 7,
        *,
        video_tasks: int = 5,
        document_tasks: int = 8,
        row_bytes: int | None = None,
        latency_seconds: float = 0.0,
        export_seconds: float = 0.0,
        link_seconds: float = LIFETIME_SECONDS,
        is_fenced: bool = False,
    ) -> None:
        counts = {"image": tasks, "video": video_tasks, "documents": document_tasks}
        kinds = [kind for kind, count in counts.items() if count] or ["image"]
        made = [Project(seed, kind, counts[kind], row_bytes if kind == "image" else None) for kind in kinds]
        self.projects = {project.id: project for project in made}
        self.links = Links(seed, link_seconds)
        self.api_keys = {DEMO_API_KEY}
        self.is_fenced = is_fenced
        self._traffic = Traffic(PREFIX, latency_seconds, lambda _: self.links.expire())
        self.hub = Hub(DEMO_API_KEY)
        self.handlers = Handlers(self.projects, self.links, export_seconds=export_seconds)

    def project(self, kind: str = "image") -> Project:
        return next(one for one in self.projects.values() if one.kind == kind)

    def rows(self, kind: str = "image", **asked: object) -> Iterator[bytes]:
        """The rows of an export of this project, as they would be sent now; ``asked`` as in ``Query``."""
        return self.project(kind).rows(Query(**asked), self.links, 0)  # type: ignore[arg-type]

    def on_request(self, pattern: str, action: Callable[[], object], nth: int = 1) -> Hook:
        """Calls ``action`` right before the ``nth`` request is answered that matches ``pattern``, as of a fault."""
        hook = Hook(pattern, action, nth)
        self._traffic.hooks.append(hook)
        return hook

    @contextmanager
    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
        """Runs in a thread of its own while the context lasts, and yields ``http://HOST:PORT``."""
        with server.serve(self.application(), host=host, port=port) as url:
            self.links.base = url
            yield url

    def run_forever(self, port: int, host: str = "127.0.0.1", on_start: Callable[[str], None] | None = None) -> None:
        """Blocks until interrupted; ``on_start`` is called with the base URL once clients can connect."""

        def started(url: str) -> None:
            self.links.base = url
            if on_start is not None:
                on_start(url)

        server.run_forever(self.application(), host=host, port=port, on_start=started)

    def application(self) -> web.Application:
        """The bare web application."""
        application = web.Application(
            middlewares=[self._traffic.middleware, self._answer_errors], client_max_size=1 << 31
        )
        routes, handlers = application.router, self.handlers
        routes.add_get(LOGIN_PAGE, login_page)
        for path, handler in (
            ("listProjects", handlers.list_projects),
            ("export", handlers.export),
            ("project/{id}", handlers.project),
            ("project/{id}/tasks", handlers.tasks),
            ("project/{id}/assets", handlers.assets),
            ("task/{id}", handlers.task),
            ("getUploadUrl", handlers.upload_url),
            ("getSignedUrl", handlers.signed_url),
            ("storages", handlers.storages),
        ):
            routes.add_get(PREFIX + path, handler)
        routes.add_post(f"{PREFIX}notifications", handlers.notify)
        self.hub.attach(application)
        HubPage(self.hub, self.projects).attach(application)
        routes.add_get("/media/{project}/{path:.*}", handlers.media)
        routes.add_put("/media/{project}/{path:.*}", handlers.upload)
        return application

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turns errors into documents, and checks keys; the storage asks for none."""
        try:
            if request.path.startswith(PREFIX):
                self._check(request)
            return await handler(request)
        except HubError as error:
            return error.response()

    def _check(self, request: web.Request) -> None:
        if self.is_fenced:
            raise HubError(451, "Your organization does not allow access from this location", "error")
        if request.headers.get("apikey") not in self.api_keys:
            raise HubError(401, "Invalid API KEY")
        if request.match_info.http_exception is not None:
            raise HubError(404, "Not found")
