"""The sandbox hub as a plug-in and as people meet it."""

from __future__ import annotations

import asyncio
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
import socketio

from blocks.sandbox.ango import DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, AngoSandbox


@pytest.fixture
def sandbox() -> Iterator[AngoSandbox]:
    sandbox = AngoSandbox(tasks=2)
    with sandbox.serve():
        yield sandbox


async def connected(sandbox: AngoSandbox, secret: str, work: str = "") -> list[dict[str, object]]:
    """What a plain client receives that says it is the plug-in, then has a run pressed and answers it."""
    events: list[dict[str, object]] = []
    client, got = socketio.AsyncClient(reconnection=False), asyncio.Event()

    async def on_plugin(event: dict[str, object]) -> None:
        events.append(event)
        got.set()

    client.on("plugin", on_plugin, namespace="/plugin")
    await client.connect(sandbox.links.base, transports=["websocket"], namespaces=["/plugin"])
    await client.emit("heartbeat", {"id": DEMO_PLUGIN_ID, "secret": secret}, namespace="/plugin")
    if work:
        await asyncio.to_thread(sandbox.hub.wait_green)
        session = sandbox.hub.run(sandbox.project().id, "{}")
        await asyncio.wait_for(got.wait(), 30)
        await client.emit("log", {"session": session, "level": "INFO", "msg": work}, namespace="/plugin")
        response = {"export": True, "response": "https://there", "session": session}
        await client.emit("response", response, namespace="/plugin")
        await asyncio.to_thread(sandbox.hub.wait, session)
    else:
        await asyncio.sleep(0.3)
    await client.disconnect()
    return events


def test_a_plugin_is_called_and_heard(sandbox: AngoSandbox) -> None:
    """With all that an event has; its lines and its response are in the session."""
    (event,) = asyncio.run(connected(sandbox, DEMO_PLUGIN_SECRET, "<b>working</b>"))
    assert {*event} >= {"projectId", "session", "apiKey", "orgId", "runBy", "configJSON", "stage", "batches"}
    session = sandbox.hub.sessions[str(event["session"])]
    assert (session.state, session.logs[0]["msg"]) == ("done", "<b>working</b>")
    page = urllib.request.urlopen(sandbox.links.base).read().decode()
    assert "&lt;b&gt;working&lt;/b&gt;" in page
    assert "href='https://there'" in page


def test_who_does_not_know_the_secret_is_not_heard(sandbox: AngoSandbox) -> None:
    """Its light stays red, and nobody's run comes its way."""
    assert asyncio.run(connected(sandbox, "guessed")) == []
    assert not sandbox.hub.heartbeats
    assert not sandbox.hub.is_green()


def test_people_press_run_on_the_page(sandbox: AngoSandbox) -> None:
    """The form makes a session with the filters and the configuration that were typed."""
    form = {"project": sandbox.project().id, "stage": "Review A, Complete", "batches": "", "config": '{"a": 1}'}
    data = urllib.parse.urlencode(form).encode()
    assert b"running" in urllib.request.urlopen(sandbox.links.base, data).read()
    (session,) = sandbox.hub.sessions.values()
    assert session.event["stage"] == ["Review A", "Complete"]
    assert (session.event["batches"], session.event["configJSON"]) == (None, '{"a": 1}')


def test_what_is_uploaded_is_kept_whole_or_not_at_all(sandbox: AngoSandbox) -> None:
    """It opens in full and in part; a body of another length than announced is refused."""
    url = sandbox.links.sign(f"/media/{sandbox.project().id}/exports/one.zip", 1, method="PUT")
    body = bytes(range(256)) * 5000
    urllib.request.urlopen(urllib.request.Request(url, body, method="PUT"))
    link = sandbox.links.sign(f"/media/{sandbox.project().id}/exports/one.zip", 2)
    assert urllib.request.urlopen(link).read() == body
    part = urllib.request.urlopen(urllib.request.Request(link, headers={"Range": "bytes=10-19"}))
    assert (part.status, part.read()) == (206, body[10:20])
