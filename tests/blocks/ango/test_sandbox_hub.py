"""The sandbox hub as a plug-in meets it over Socket.IO."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
import socketio

from blocks.sandbox.ango import DEMO_API_KEY, DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, AngoSandbox
from blocks.sandbox.ango.hub import LEFT_OUT, Hub
from flows.demo import _ango


class Plugin:
    """Any Socket.IO client, in a thread of its own: ``events`` are what it was sent, ``is_gone`` once disconnected."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.events: list[dict[str, Any]] = []
        self.is_gone = threading.Event()
        self._url, self._loop = url, loop
        self._do(self._open())

        async def gone(*_: object) -> None:
            self.is_gone.set()

        async def event(document: dict[str, Any]) -> None:
            self.events.append(document)

        self._client.on("plugin", event, namespace="/plugin")
        self._client.on("disconnect", gone, namespace="/plugin")

    async def _open(self) -> None:
        self._http = aiohttp.ClientSession()  # which the client forgets to close when a connection fails
        self._client = socketio.AsyncClient(reconnection=False, http_session=self._http)

    def connect(self, secret: str = DEMO_PLUGIN_SECRET) -> None:
        """Raises socketio.exceptions.ConnectionError."""
        self._do(self._client.connect(self._url, transports=["websocket"], namespaces=["/plugin"]))
        self.emit("heartbeat", {"id": DEMO_PLUGIN_ID, "secret": secret})

    def emit(self, event: str, document: object) -> None:
        self._do(self._client.emit(event, document, namespace="/plugin"))

    def received(self, count: int = 1) -> list[dict[str, Any]]:
        """So many events, once they are there."""
        eventually(lambda: len(self.events) >= count)
        return self.events

    def leave(self) -> None:
        self._do(self._client.shutdown())
        self._do(self._http.close())

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def plugins(url: str) -> Iterator[Callable[[], Plugin]]:
    """Makes plug-ins, and has them leave in the end."""
    loop, made = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def make() -> Plugin:
        made.append(Plugin(url, loop))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.leave()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def sandbox() -> Iterator[AngoSandbox]:
    sandbox = AngoSandbox(tasks=2, video_tasks=0, document_tasks=0)
    with sandbox.serve():
        yield sandbox


@pytest.fixture
def hub(sandbox: AngoSandbox) -> Hub:
    return sandbox.hub


@pytest.fixture
def new_plugin(sandbox: AngoSandbox) -> Iterator[Callable[[], Plugin]]:
    with plugins(sandbox.links.base) as make:
        yield make


@pytest.fixture
def plugin(hub: Hub, new_plugin: Callable[[], Plugin]) -> Plugin:
    """One that is connected and known."""
    plugin = new_plugin()
    plugin.connect()
    hub.wait_green()
    return plugin


def test_a_heartbeat_turns_the_light_green(hub: Hub, new_plugin: Callable[[], Plugin]) -> None:
    """Heartbeats are kept with their moments; a plug-in that left, or was not heard for long, is red."""
    assert not hub.is_green()
    plugin = new_plugin()
    plugin.connect()
    hub.wait_green()
    ((moment, plugin_id),) = hub.heartbeats
    assert (plugin_id, hub.connections) == (DEMO_PLUGIN_ID, 1)
    assert moment <= time.monotonic()
    assert not hub.is_green(within_seconds=0)
    assert not hub.is_green("another")
    plugin.leave()
    hub.wait_for(lambda: not hub.is_green())


def test_who_does_not_know_the_secret_is_not_heard(hub: Hub, new_plugin: Callable[[], Plugin]) -> None:
    """It stays connected, but no run comes its way, and nothing that it sends as a heartbeat breaks the hub."""
    stranger, plugin = new_plugin(), new_plugin()
    stranger.connect("guessed")
    for strange in (None, [], {"id": ["x"]}, {"id": DEMO_PLUGIN_ID}):
        stranger.emit("heartbeat", strange)
    plugin.connect()
    hub.wait_green()
    hub.run("p")
    plugin.received()
    assert (stranger.events, stranger.is_gone.is_set(), len(hub.heartbeats)) == ([], False, 1)


def test_who_does_not_know_the_secret_may_be_dropped(hub: Hub, new_plugin: Callable[[], Plugin]) -> None:
    """Which of the two the real hub does, nobody knows; plug-ins have to survive both."""
    hub.drops_wrong_secrets = True
    stranger = new_plugin()
    stranger.connect("guessed")
    assert stranger.is_gone.wait(30)


def test_a_run_is_sent_with_all_that_an_event_has(hub: Hub, plugin: Plugin) -> None:
    """Filters and further keys as given; the key is the user's unless another one is asked for."""
    session = hub.run("p", '{"a": 1}', stage=["Complete"], batches=["b"], workflow={"x": 1})
    (event,) = plugin.received()
    assert event == {
        "projectId": "p", "session": session, "apiKey": DEMO_API_KEY, "configJSON": '{"a": 1}',
        "stage": ["Complete"], "batches": ["b"], "orgId": event["orgId"], "runBy": event["runBy"], "workflow": {"x": 1},
    }  # fmt: skip
    hub.run("p", api_key="other")
    assert plugin.received(2)[1]["apiKey"] == "other"


def test_a_configuration_may_be_null_or_absent(hub: Hub, plugin: Plugin) -> None:
    """And a filter that nobody set is null."""
    hub.run("p", None)
    hub.run("p", LEFT_OUT)
    null, absent = plugin.received(2)
    assert (null["configJSON"], null["stage"], null["batches"]) == (None, None, None)
    assert "configJSON" not in absent


def test_a_session_of_before_is_sent_again_as_it_was(hub: Hub, plugin: Plugin) -> None:
    """It stays one session."""
    session = hub.run("p", '{"a": 1}')
    assert hub.run("p", session=session) == session
    first, second = plugin.received(2)
    assert first == second
    assert [*hub.sessions] == [session]


def test_lines_and_responses_are_kept_in_order(hub: Hub, plugin: Plugin) -> None:
    """A session ends with its first response; a second one is kept beside it."""
    session = hub.run("p")
    assert hub.sessions[session].state == "running"
    lines = [{"session": session, "level": "INFO", "msg": str(number)} for number in range(50)]
    for line in lines:
        plugin.emit("log", line)
    failure = {"error": True, "session": session}
    success = {"export": True, "response": "https://there", "session": session}
    plugin.emit("response", failure)
    plugin.emit("response", success)
    ended = hub.wait(session)
    hub.wait_for(lambda: len(ended.responses) == 2)
    assert (ended.logs, ended.responses, ended.state) == (lines, [failure, success], "error")


def test_what_belongs_to_no_session_is_kept_apart(hub: Hub, plugin: Plugin) -> None:
    """Also what has no form at all."""
    sent = [{"export": True, "response": "https://there", "session": "unknown"}, ["strange"], {"session": ["list"]}]
    for one in sent:
        plugin.emit("log", one)
        plugin.emit("response", one)
    hub.wait_for(lambda: len(hub.strays) == 3)
    assert hub.strays == hub.stray_logs == sent


def test_waiting_ends(hub: Hub) -> None:
    """With an error where nothing comes."""
    with pytest.raises(TimeoutError):
        hub.wait_green(0.05)
    with pytest.raises(TimeoutError):
        hub.wait(hub.run("p"), 0.05)


def test_the_command_says_how_to_be_the_plugin() -> None:
    """Its id, its secret, the line that starts it, and where the page is."""
    from argparse import Namespace  # noqa: PLC0415

    asked = Namespace(
        entries=2,
        row_bytes=None,
        latency=0,
        export_latency=0,
        link_seconds=60,
        fault=["drop=0.5"],
        seed=7,
        rest_plugin="",
    )
    greeting = _ango(asked)[1].format(url="http://here")
    assert f"export OUTHAUL_ANGO_PLUGIN_ID={DEMO_PLUGIN_ID}\n" in greeting
    assert f"export OUTHAUL_ANGO_PLUGIN_SECRET={DEMO_PLUGIN_SECRET}\n" in greeting
    assert "outhaul ango-plugin --exporter coco --host http://here" in greeting
    assert "page, where Run calls an Export plug-in, is at http://here" in greeting
    asked.rest_plugin = "http://127.0.0.1:9000"
    sandbox, greeting = _ango(asked)
    assert "outhaul ango-plugin --exporter coco --host {url} --connector rest --port 9000" in greeting
    assert (sandbox.hub.rest_url, sandbox.chaos) == ("http://127.0.0.1:9000", None)
