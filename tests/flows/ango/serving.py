"""A plug-in service in a thread of its own, connected to a real sandbox hub; its sessions are real processes.

What a session's process does, its configuration says, so that most tests need not wait for a whole export.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks.ango.client import Connection
from blocks.ango.hub import SocketDoor
from blocks.sandbox.ango import DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, AngoSandbox
from flows.ango.messages import Recipe
from flows.ango.service import Service, Work
from flows.ango.sessions import open_sessions

PROCESS = """
import json, os, sys, time
from pathlib import Path
from flows.child_messages import Began, Broke, Said
from flows.child_side import leave, private_streams, settle_in
wire, orders = private_streams()
job = json.loads(orders.readline())
event, config = job["event"], json.loads(job["event"]["configJSON"])
settle_in(wire, orders, job["folder"])
wire.tell(Began())
with open(job["recipe"]["target"], "a") as file:
    file.write(event["session"] + "\\n")
for line in config.get("say", []):
    wire.tell(Said(20, line.replace("KEY", event["apiKey"]), {"step": 1}))
while config.get("until") and not Path(config["until"]).exists():
    time.sleep(0.05)
if config.get("die"):
    os._exit(9)
if config.get("fail"):
    leave(wire, Broke(config["fail"]))
leave(wire, {"type": "uploaded", "link": "https://hub/" + event["session"]})
"""
"""Of a session: says its lines, waits for a file, dies, fails, or has uploaded; `target` lists the sessions begun."""


def _door(url: str) -> SocketDoor:
    """Looks at the connection every 0.2 seconds, so that tests need not wait long for what has arrived."""
    hub = Connection(url, api_key="")
    return SocketDoor(hub, DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, ping_seconds=0.2, heartbeat_seconds=0.5)


@contextmanager
def serving(sandbox: AngoSandbox, folder: Path, *, at_once: int = 2, time_limit: float = 60) -> Iterator[None]:
    """The service, until the block is left; it is stopped then as by Ctrl-C."""
    started, failures = threading.Event(), []
    stop: list[Callable[[], Any]] = []

    recipe = Recipe(target=str(folder / "begun"))

    async def work() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        with open_sessions(folder / "book", DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET) as sessions:
            plan = Work(recipe=recipe, command=[sys.executable, "-c", PROCESS], at_once=at_once, time_limit=time_limit)
            service = Service(_door(sandbox.links.base), sessions, plan)
            started.set()
            await service.serve()

    def run() -> None:
        try:
            asyncio.run(work())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised where the test can see it
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="service")
    thread.start()
    assert started.wait(30)
    try:
        yield
    finally:
        if stop and thread.is_alive():
            stop[0]()
        thread.join(30)
        assert not thread.is_alive()
        if failures:
            raise failures[0]
