"""The sandbox hub and plug-ins in REST mode, its page for people, and what is uploaded to it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from blocks.sandbox.ango import DEMO_API_KEY, DEMO_PLUGIN_SECRET, AngoSandbox
from blocks.sandbox.ango.hub import Hub
from blocks.sandbox.faults import Fault
from tests.blocks.ango.test_sandbox_hub import Plugin, hub, new_plugin, plugin, sandbox

__all__ = ["hub", "new_plugin", "plugin", "sandbox"]  # fixtures


def post(sandbox: AngoSandbox, route: str, document: object, api_key: str = DEMO_API_KEY) -> int:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = urllib.request.Request(f"{sandbox.links.base}/v2/{route}", body, {"apikey": api_key})
    try:
        return int(urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@contextmanager
def rest_plugin(calls: list[dict[str, Any]]) -> Iterator[str]:
    """An HTTP server as such a plug-in is one; ``calls`` are the events it gets."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b'"ok"')

        def do_POST(self) -> None:
            calls.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"null")

        def answer(self, body: bytes) -> None:
            self.send_response(200 if self.headers["Secret"] == DEMO_PLUGIN_SECRET else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_lines_and_responses_may_come_by_rest(sandbox: AngoSandbox, hub: Hub) -> None:
    """With a key that the hub knows, as JSON; they are in the same sessions."""
    session = hub.run("p")
    line, response = {"session": session, "level": "INFO", "msg": "m"}, {"error": True, "session": session}
    assert post(sandbox, "pluginLog", line) == 200
    assert post(sandbox, "pluginResponse", response, "wrong") == 401
    assert post(sandbox, "pluginResponse", b"{") == 400
    assert hub.sessions[session].state == "running"
    assert post(sandbox, "pluginResponse", response) == 200
    assert (hub.sessions[session].logs, hub.wait(session).responses) == ([line], [response])


def test_a_response_by_rest_may_be_refused(sandbox: AngoSandbox, hub: Hub) -> None:
    """By the faults that all routes have; it is not taken down then."""
    sandbox.faults.append(Fault("POST /v2/pluginResponse", 500, times=1))
    response = {"error": True, "session": hub.run("p")}
    assert [post(sandbox, "pluginResponse", response) for _ in range(2)] == [500, 200]
    assert len(hub.wait(response["session"]).responses) == 1  # type: ignore[arg-type]


def test_a_plugin_in_rest_mode_is_called(hub: Hub) -> None:
    """With its secret; the session keeps the status of its answer."""
    calls: list[dict[str, Any]] = []
    with rest_plugin(calls) as hub.rest_url:
        assert hub.poll() == 200
        hub.wait_green()
        session = hub.sessions[hub.run("p", '{"a": 1}')]
        hub.wait_for(lambda: session.rest_status is not None)
        assert (session.rest_status, calls) == (200, [session.event])
        hub.plugins = dict.fromkeys(hub.plugins, "changed")
        assert hub.poll() == 401


def test_a_plugin_in_rest_mode_may_not_be_there(hub: Hub) -> None:
    """Its status is 0 then, when polled and when called."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        hub.rest_url = f"http://127.0.0.1:{free.getsockname()[1]}"
    session = hub.sessions[hub.run("p")]
    hub.wait_for(lambda: session.rest_status is not None)
    assert (hub.poll(), session.rest_status, hub.is_green()) == (0, 0, False)


def test_the_page_shows_sessions_with_what_was_said(sandbox: AngoSandbox, hub: Hub, plugin: Plugin) -> None:
    """The newest first, all of it as text, without anything from elsewhere; a link only where it is one."""
    first, second = hub.run("p"), hub.run("p")
    plugin.emit("log", {"session": first, "level": "'><b>", "msg": "<script>no</script>"})
    plugin.emit("response", {"session": first, "export": True, "response": "https://there/?a=1&b='x'"})
    plugin.emit("response", {"session": second, "export": True, "response": "javascript:no"})
    hub.wait(second)
    page = urllib.request.urlopen(sandbox.links.base).read().decode()
    assert page.index(second) < page.index(first)
    assert "&lt;script&gt;no&lt;/script&gt;" in page
    assert "<script>no" not in page
    assert "<b>" not in page
    assert "href='https://there/?a=1&amp;b=%27x%27'" in page
    assert page.count("href=") == 1
    assert "src=" not in page
    assert "<b class=green>connected" in page


def test_people_press_run_on_the_page(sandbox: AngoSandbox, hub: Hub, plugin: Plugin) -> None:
    """The filters and the configuration that were typed are in the event; a star is no filter at all."""
    form = {"project": sandbox.project().id, "stage": "Review A, Complete", "batches": "", "config": '{"a": 1}'}
    for one in (form, {**form, "stage": "*", "batches": "b1"}):
        assert b"running" in urllib.request.urlopen(sandbox.links.base, urllib.parse.urlencode(one).encode()).read()
    typed, starred = plugin.received(2)
    assert (typed["projectId"], typed["stage"]) == (form["project"], ["Review A", "Complete"])
    assert (typed["batches"], typed["configJSON"]) == (None, '{"a": 1}')
    assert (starred["stage"], starred["batches"]) == ([], ["b1"])


@pytest.mark.parametrize(("project", "status"), [("unknown", 400), ("", 409)])
def test_the_page_refuses_what_cannot_be_run(sandbox: AngoSandbox, hub: Hub, project: str, status: int) -> None:
    """A project that is none; a plug-in that is not connected. No session is made."""
    form = urllib.parse.urlencode({"project": project or sandbox.project().id}).encode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(sandbox.links.base, form)
    with refused.value:
        assert refused.value.code == status
    assert not hub.sessions


def upload_link(sandbox: AngoSandbox, name: str = "one & two#.zip") -> str:
    query = urllib.parse.urlencode({"name": name, "project": sandbox.project().id, "type": "exports"})
    request = urllib.request.Request(f"{sandbox.links.base}/v2/getUploadUrl?{query}", headers={"apikey": DEMO_API_KEY})
    return str(json.load(urllib.request.urlopen(request))["data"]["uploadUrl"])


def download_link(sandbox: AngoSandbox, link: str) -> str:
    query = urllib.parse.urlencode({"name": link.partition("?")[0], "project": sandbox.project().id, "type": "exports"})
    request = urllib.request.Request(f"{sandbox.links.base}/v2/getSignedUrl?{query}", headers={"apikey": DEMO_API_KEY})
    return str(json.load(urllib.request.urlopen(request))["data"]["signedUrl"])


def test_what_is_uploaded_opens_in_full_and_in_part(sandbox: AngoSandbox) -> None:
    """Whatever it is called."""
    body, link = bytes(range(256)) * 5000, upload_link(sandbox)
    urllib.request.urlopen(urllib.request.Request(link, body, method="PUT"))
    opened = download_link(sandbox, link)
    assert urllib.request.urlopen(opened).read() == body
    part = urllib.request.urlopen(urllib.request.Request(opened, headers={"Range": "bytes=1000000-1000009"}))
    assert (part.status, part.read()) == (206, body[1000000:1000010])
    (stored,) = sandbox.handlers.uploads.values()
    assert stored.body().whole() == body


def test_an_upload_without_a_length_is_refused(sandbox: AngoSandbox) -> None:
    """As by a storage that takes no chunks."""
    link = urlsplit(upload_link(sandbox))
    connection = http.client.HTTPConnection(link.netloc)
    connection.request("PUT", f"{link.path}?{link.query}", iter([b"chunk"]), encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()
    assert not sandbox.handlers.uploads


def test_an_upload_that_is_cut_short_stores_nothing(sandbox: AngoSandbox) -> None:
    """And a second one, which is whole, does."""
    link = upload_link(sandbox)
    parts = urlsplit(link)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + b"half")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)
    assert not sandbox.handlers.uploads
    urllib.request.urlopen(urllib.request.Request(link, b"whole", method="PUT"))
    assert [one.body().whole() for one in sandbox.handlers.uploads.values()] == [b"whole"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files where the system shows them")
def test_an_upload_lies_on_disk(sandbox: AngoSandbox) -> None:
    """In a file without a name, of its size."""

    def unnamed() -> list[int]:
        files = Path("/proc/self/fd").iterdir()
        return [file.stat().st_size for file in files if file.is_symlink() and "(deleted)" in str(file.readlink())]

    urllib.request.urlopen(urllib.request.Request(upload_link(sandbox), bytes(3_000_001), method="PUT"))
    assert 3_000_001 in unnamed()
