"""The hub's page for people: is the plug-in alive, a form to press Run, and what became of the sessions."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from aiohttp import web

from blocks.sandbox.ango.hub import Hub, HubSession
from blocks.sandbox.ango.tasks import Project

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
fieldset, article { border: 1px solid #ccc; border-radius: 6px; margin: 1rem 0; padding: .8rem 1rem }
label { display: block; margin: .4rem 0 } input, select, textarea { font: inherit; width: 100%; box-sizing: border-box }
button { font: inherit; padding: .3rem 1.5rem } pre { margin: .5rem 0; white-space: pre-wrap; font-size: 13px }
h2 { font-size: 1rem; margin: 0 } .green, .done { color: #17702d } .red, .error { color: #b3261e }
.WARNING { color: #8a5a00 } .ERROR, .CRITICAL { color: #b3261e }
"""


# The form stays as it is while somebody types; without scripts the rest is as of when the page was opened.
_REFRESH = """
setInterval(async () => {
  const answer = await fetch("/").catch(() => null)
  if (!answer || !answer.ok) return
  const page = new DOMParser().parseFromString(await answer.text(), "text/html")
  for (const id of ["light", "sessions"]) {
    const old = document.getElementById(id), fresh = page.getElementById(id)
    if (old.innerHTML !== fresh.innerHTML) old.replaceWith(fresh)
  }
}, 2000)
"""
LINES_SHOWN = 200


class HubPage:
    def __init__(self, hub: Hub, projects: Mapping[str, Project]) -> None:
        self._hub, self._projects = hub, projects

    def attach(self, application: web.Application) -> None:
        application.router.add_get("/", self._show)
        application.router.add_post("/", self._press_run)

    async def _show(self, _: web.Request) -> web.Response:
        projects = "".join(
            f"<option value='{escape(id_)}'>{escape(str(project.record()['name']))}</option>"
            for id_, project in self._projects.items()
        )
        sessions = "".join(map(_session, reversed(list(self._hub.sessions.values())))) or "<p>No run yet.</p>"
        if self._hub.rest_url:
            await self._hub.ask()
        where = f" at {escape(self._hub.rest_url)}" if self._hub.rest_url else ""
        light = "<b class=green>connected</b>" if self._hub.is_green() else "<b class=red>not connected</b>"
        text = f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Ango Hub sandbox</title><style>{_STYLE}</style><h1>Ango Hub sandbox</h1>
<p id="light">The Export plug-in{where} is {light}.</p>
<form method="post" action="/"><fieldset>
<label>Project <select name="project">{projects}</select></label>
<label>Stage Filter, with commas between; empty: completed tasks, *: all <input name="stage"></label>
<label>Batch Filter, ids with commas between <input name="batches"></label>
<label>Configuration (JSON) <textarea name="config" rows="3">{{}}</textarea></label>
<button>Run</button></fieldset></form>
<div id="sessions">{sessions}</div><script>{_REFRESH}</script></html>"""
        return web.Response(text=text, content_type="text/html")

    async def _press_run(self, request: web.Request) -> web.Response:
        """As on the platform, a plug-in that is not connected cannot be run."""
        form = await request.post()
        project = str(form.get("project", ""))
        if project not in self._projects:
            raise web.HTTPBadRequest(text="There is no such project: choose one of those on the page.")
        if not self._hub.is_green():
            raise web.HTTPConflict(text="The plug-in is not connected: start it, then press Run again.")
        stage, batches = (_names(str(form.get(name, ""))) for name in ("stage", "batches"))
        stage = [] if stage == ["*"] else stage
        self._hub.run(project, str(form.get("config", "")), stage=stage, batches=batches)
        raise web.HTTPSeeOther("/")


def _names(text: str) -> list[str] | None:
    return [one.strip() for one in text.split(",") if one.strip()] or None


def _session(session: HubSession) -> str:
    lines = [
        f"<span class='{escape(str(line.get('level')))}'>{escape(str(line.get('level'))):<8} "
        f"{escape(str(line.get('msg')))}</span>"
        for line in session.logs[-LINES_SHOWN:]
    ]
    if len(session.logs) > LINES_SHOWN:
        lines.insert(0, f"... {len(session.logs) - LINES_SHOWN} lines before ...")
    if session.rest_status not in (None, 200):
        lines.append(f"The plug-in was called by REST and answered {session.rest_status or 'nothing'}.")
    link = str(session.responses[0].get("response", "")) if session.responses else ""
    opened = f" · <a href='{escape(quote(link, safe='%:/?&=+-._~'))}'>download</a>" if link.startswith("http") else ""
    return (
        f"<article><h2>{escape(session.id)} · <span class={session.state}>{session.state}</span>{opened}</h2>"
        "<pre>" + "\n".join(lines) + "</pre></article>"
    )
