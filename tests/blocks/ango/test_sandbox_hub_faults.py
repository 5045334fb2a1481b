"""What can be made to go wrong between the sandbox hub and a plug-in."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

import pytest
from socketio.exceptions import ConnectionError as Refused

from blocks.sandbox.ango import AngoSandbox
from blocks.sandbox.ango.hub import Hub
from tests.blocks.ango.test_sandbox_hub import Plugin, hub, new_plugin, plugin, plugins, sandbox

__all__ = ["hub", "new_plugin", "plugin", "sandbox"]  # fixtures


def test_all_connections_are_dropped(hub: Hub, plugin: Plugin, new_plugin: Callable[[], Plugin]) -> None:
    """Also of those that have not said who they are; the light is red at once, and green when one is back."""
    silent = new_plugin()
    silent.connect("guessed")
    hub.wait_for(lambda: hub.connections == 2)
    hub.drop()
    assert not hub.is_green()
    assert plugin.is_gone.wait(30)
    assert silent.is_gone.wait(30)
    again = new_plugin()
    again.connect()
    hub.wait_green()
    assert hub.connections == 3


def test_connections_may_be_dropped_between_two_requests(sandbox: AngoSandbox, hub: Hub, plugin: Plugin) -> None:
    """By what is called while the hub answers one."""
    sandbox.on_request("GET /$", hub.drop)
    urllib.request.urlopen(sandbox.links.base).read()
    assert plugin.is_gone.wait(30)


def test_a_hub_that_is_away_takes_no_connection(hub: Hub, plugin: Plugin, new_plugin: Callable[[], Plugin]) -> None:
    """It ends those it has, and counts who tried."""
    hub.go_away(600)
    assert plugin.is_gone.wait(30)
    with pytest.raises(Refused):
        new_plugin().connect()
    assert (hub.connections, hub.is_green()) == (2, False)
    hub.go_away(0)
    new_plugin().connect()
    hub.wait_green()


def test_connections_are_refused_so_many_times(hub: Hub, new_plugin: Callable[[], Plugin]) -> None:
    """The next one is let in."""
    hub.refuse_connections(2)
    for _ in range(2):
        with pytest.raises(Refused):
            new_plugin().connect()
    new_plugin().connect()
    hub.wait_green()
    assert hub.connections == 3


def test_responses_and_lines_are_lost_with_their_connection(
    hub: Hub, plugin: Plugin, new_plugin: Callable[[], Plugin]
) -> None:
    """So many of each; what comes after them is taken down."""
    hub.lose_responses(1)
    hub.lose_logs(1)
    session = hub.run("p")
    document = {"session": session, "level": "INFO", "msg": "m", "export": True, "response": "https://there"}
    for event in ("log", "response"):
        plugin.emit(event, document)
        assert plugin.is_gone.wait(30)
        plugin = new_plugin()
        plugin.connect()
    assert (hub.sessions[session].logs, hub.sessions[session].responses) == ([], [])
    plugin.emit("log", document)
    plugin.emit("response", document)
    assert len(hub.wait(session).responses) == len(hub.sessions[session].logs) == 1


def test_connections_break_by_chance(hub: Hub, plugin: Plugin, new_plugin: Callable[[], Plugin]) -> None:
    """Of what plug-ins say, the share that was asked for never arrives."""
    session = hub.run("p")
    hub.drop_by_chance(1.0)
    plugin.emit("log", {"session": session, "level": "INFO", "msg": "m", "export": True})
    assert plugin.is_gone.wait(30)
    hub.drop_by_chance(0.0)
    plugin = new_plugin()
    plugin.connect()
    plugin.emit("response", {"session": session, "export": True, "response": "https://there"})
    assert hub.wait(session).logs == []


def test_a_hub_that_was_stopped_can_serve_again() -> None:
    """With no connection to begin with; its sessions stay."""
    sandbox = AngoSandbox(tasks=1, video_tasks=0, document_tasks=0)
    for count in (1, 2):
        with sandbox.serve() as url, plugins(url) as make:
            assert not sandbox.hub.is_green()
            plugin = make()
            plugin.connect()
            sandbox.hub.wait_green()
            sandbox.hub.run("p")
            plugin.received()
        assert len(sandbox.hub.sessions) == count
    with pytest.raises(RuntimeError, match="does not serve"):
        sandbox.hub.drop()
