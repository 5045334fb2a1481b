"""What the hub answers to each kind of request of its REST interface, and its storage behind signed links."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web
from yarl import URL

from blocks.sandbox.ango.exports import DiskFile, ExportFile, build
from blocks.sandbox.ango.links import Links
from blocks.sandbox.ango.query import Query
from blocks.sandbox.ango.tasks import Project
from blocks.sandbox.ango.wire import HubError, denied, json_value, number, success
from blocks.sandbox.bodies import PIECE_BYTES, Body, Download, answer_range

PROJECTS_A_PAGE, TASKS_A_PAGE, ASSETS_A_PAGE = 1000, 100, 1000
UPLOAD_TYPES = ("brushes", "medicalBrushes", "assets", "exports", "instructions")


class Handlers:
    """``uploads`` has what was stored under upload links, by path; ``notices`` what users were told."""

    def __init__(self, projects: Mapping[str, Project], links: Links, *, export_seconds: float) -> None:
        self._projects, self._links, self._export_seconds = projects, links, export_seconds
        self._files: dict[str, ExportFile] = {}
        self.uploads: dict[str, DiskFile] = {}
        self.notices: list[dict[str, Any]] = []

    # -- projects, tasks, assets

    async def list_projects(self, request: web.Request) -> web.StreamResponse:
        shown = [{key: value for key, value in one.record().items() if key != "categorySchema"} for one in self._all]
        return success(projects=_page(request, shown, PROJECTS_A_PAGE), total=len(shown))

    async def project(self, request: web.Request) -> web.StreamResponse:
        return success(project=self._project(request.match_info["id"]).record())

    async def tasks(self, request: web.Request) -> web.StreamResponse:
        project = self._project(request.match_info["id"])
        indexes = _page(request, range(project.count), TASKS_A_PAGE)
        return success(tasks=[project.task(index) for index in indexes], total=project.count)

    async def assets(self, request: web.Request) -> web.StreamResponse:
        project, serial = self._project(request.match_info["id"]), self._links.serial()
        wanted = json_value(request.query.get("filters"), "filters", {})
        indexes: Any = range(project.count)
        if "externalId" in wanted:
            indexes = [index for index in indexes if project.external_id(index) == wanted["externalId"]]
        page = _page(request, indexes, ASSETS_A_PAGE)
        return success(assets=[project.asset(index, self._links, serial) for index in page], total=len(indexes))

    async def task(self, request: web.Request) -> web.StreamResponse:
        wanted = request.match_info["id"]
        for project in self._all:
            for index in range(project.count):
                if project.task_id(index) == wanted:
                    return success(task=project.task(index))
        raise HubError(400, f"Invalid task: {wanted}")

    # -- exports

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Stays open until the file is built, and leaves it where the project's last one was.

        Two at once overwrite each other: both links then lead to the rows of whichever was built last.
        """
        project, query = self._project(request.query.get("project", "")), Query.parse(request.query)
        built = await asyncio.to_thread(build, project, query, self._links)
        await asyncio.sleep(self._export_seconds)
        self._files[project.id] = built
        path = f"/media/{project.id}/exports/{project.id}.zip"
        return success(exportPath=self._links.sign(path, self._links.serial()))

    # -- uploads

    async def upload_url(self, request: web.Request) -> web.StreamResponse:
        name, project, kind = self._upload(request)
        path = f"/media/{project.id}/{kind}/{time.time_ns():x}-{name}"
        return success(uploadUrl=self._links.sign(path, self._links.serial(), method="PUT"))

    async def signed_url(self, request: web.Request) -> web.StreamResponse:
        """For a link under ``name`` or ``url``, with or without the query that a signature was in."""
        given = request.query.get("name") or request.query.get("url") or ""
        self._project(request.query.get("project", ""))
        path = given.partition("?")[0].removeprefix(self._links.base)
        if not path.startswith("/media/"):
            raise HubError(400, "name is not valid")
        return success(signedUrl=self._links.sign(URL(path).path, self._links.serial()))

    async def upload(self, request: web.Request) -> web.StreamResponse:
        if refused := self._links.refusal("PUT", request.path, request.query):
            return denied(refused)
        if request.content_length is None:
            return web.Response(status=411)
        stored = DiskFile()
        async for piece in request.content.iter_chunked(PIECE_BYTES):
            stored.write(piece)
        stored.flush()
        if stored.size != request.content_length:
            return web.Response(status=400)
        self.uploads[request.path] = stored
        return web.Response()

    async def media(self, request: web.Request) -> web.StreamResponse:
        if refused := self._links.refusal("GET", request.path, request.query):
            return denied(refused)
        project = self._projects.get(request.match_info["project"])
        found = await asyncio.to_thread(self._stored, project, request.path)
        if found is None:
            return web.Response(
                status=404, text="<Error><Code>NoSuchKey</Code></Error>", content_type="application/xml"
            )
        body, content_type = found
        if content_type == "application/zip":
            return Download(body, content_type=content_type)
        return answer_range(body, request.headers.get(hdrs.RANGE, ""), content_type=content_type)

    # -- the rest of the interface

    async def storages(self, _: web.Request) -> web.StreamResponse:
        return success(storages=[])

    async def notify(self, request: web.Request) -> web.StreamResponse:
        notice = await request.json()
        if not 1 <= len(notice.get("receivers", ())) <= 100 or len(notice.get("message", "")) > 1000:
            raise HubError(400, "receivers or message is not valid")
        self.notices.append(notice)
        return success()

    @property
    def _all(self) -> list[Project]:
        return list(self._projects.values())

    def _project(self, id_: str) -> Project:
        if id_ not in self._projects:
            raise HubError(400, f"Invalid project: {id_}")
        return self._projects[id_]

    def _upload(self, request: web.Request) -> tuple[str, Project, str]:
        name, kind = request.query.get("name", ""), request.query.get("type", "")
        if not name or kind not in UPLOAD_TYPES:
            raise HubError(400, "name or type is not valid")
        return name, self._project(request.query.get("project", "")), kind

    def _stored(self, project: Project | None, path: str) -> tuple[Body, str] | None:
        if path in self.uploads:
            return self.uploads[path].body(), "application/octet-stream"
        if project is None:
            return None
        if path == f"/media/{project.id}/exports/{project.id}.zip":
            built = self._files.get(project.id)
            return (built.body(), "application/zip") if built else None
        return project.file(path)


def _page(request: web.Request, rows: Any, most: int) -> Any:
    """Rows of the page asked for; pages count from 1."""
    size = number(request.query.get("limit"), 10, most)
    start = (number(request.query.get("page"), 1, 1 << 40) - 1) * size
    return rows[start : start + size]
