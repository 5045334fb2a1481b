"""The webhook receiver: a platform, or what watches it, says that a dataset was completed, and an export starts.

    POST /webhooks
    webhook-id, webhook-timestamp, webhook-signature: as standardwebhooks.com has them
    {"type": "dataset.completed", "data": {"source": "idah/production", "dataset": "ID or name"}}

What is signed, from now and new becomes an event at the Prefect server, which its automations act on. A message that
comes again is answered as before, and starts nothing. Which ids have been seen outlives this process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sqlite3
import time
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web
from prefect.client.orchestration import get_client
from prefect.events import Event, Resource
from prefect.exceptions import PrefectException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.webhook_signature import TOLERANCE_SECONDS, SignatureError, check_signature, read_secret
from deployments.local import PATH, SECRETS, listen, local_folder
from exporters.errors import RequestError

COMPLETED = "outhaul.dataset.completed"
RESOURCE = "outhaul.dataset"
MOST_BYTES = 64 * 1024
BODY_SECONDS = 10.0
"""A message comes at once, or not at all."""
KEPT_SECONDS = 4 * TOLERANCE_SECONDS
"""So long an id is known; one that is older is refused by its time."""
_NAMESPACE = uuid.UUID("5b1c7c4e-6c0a-4d7b-9f0e-0d6f1c6f7a51")
"""Ids of events are made from ids of messages: one message is one event at the server, too."""

_log = logging.getLogger(__name__)


class Completed(BaseModel):
    """What a message says."""

    model_config = ConfigDict(extra="ignore")

    source: str = Field(pattern=r"^(idah|ango)/[a-z0-9-]{1,200}$", description="A saved platform.")
    dataset: str = Field(min_length=1, max_length=300)


class Seen:
    """The ids of messages that were taken, on this machine's disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("create table if not exists seen (id text primary key, at real) without rowid")

    def take(self, message_id: str, now: float) -> bool:
        """Write an id down; False when it is known already."""
        self._database.execute("delete from seen where at < ?", (now - KEPT_SECONDS,))
        question = "insert or ignore into seen (id, at) values (?, ?)"
        return self._database.execute(question, (message_id, now)).rowcount == 1

    def give_back(self, message_id: str) -> None:
        """It could not be acted on: the next time it comes it is new."""
        self._database.execute("delete from seen where id = ?", (message_id,))

    def close(self) -> None:
        self._database.close()


class Receiver:
    """Takes messages; `emit` tells the Prefect server of one."""

    def __init__(self, secrets: Sequence[bytes], seen: Seen, emit: Callable[[Event], Any]) -> None:
        self._secrets, self._seen, self._emit = secrets, seen, emit

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_post(PATH, self._take)
        application.router.add_get("/health", _healthy)
        return application

    async def _take(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            return _answer(408, "The message did not come in time.")
        except web.HTTPRequestEntityTooLarge:
            return _answer(413, f"A message is {MOST_BYTES} bytes at most.")
        try:
            message_id = check_signature(self._secrets, request.headers, body, time.time())
        except SignatureError as error:
            _log.warning("A message was refused: %s", error)
            return _answer(401, str(error))
        try:
            told = _read(body)
        except RequestError as error:
            _log.warning("The message %s was refused: %s", message_id, error)
            return _answer(422, str(error))
        if not self._seen.take(message_id, time.time()):
            _log.info("The message %s came again; it starts nothing.", message_id)
            return _answer(200, "This message has been taken already.")
        return await self._pass_on(message_id, told)

    async def _pass_on(self, message_id: str, told: Completed) -> web.Response:
        try:
            await self._emit(_event(message_id, told))
        except (httpx.HTTPError, PrefectException) as error:
            self._seen.give_back(message_id)
            _log.error("The Prefect server takes no events (%s).", type(error).__name__)
            return _answer(503, "The Prefect server cannot be told; send the message again.")
        except BaseException:
            self._seen.give_back(message_id)
            raise
        _log.info("The dataset %s of %s was completed.", told.dataset, told.source)
        return _answer(202, "Taken.")


async def emit_to_server(event: Event) -> None:
    """Have the Prefect server take an event, and wait until it has."""
    async with get_client() as client:
        await client.request("POST", "/events", json=[event.model_dump(mode="json")])


def _read(body: bytes) -> Completed:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("The message is not JSON; send it as such.") from None
    if not isinstance(message, dict) or message.get("type") != "dataset.completed":
        raise RequestError("Only messages of the type dataset.completed start something; send no others.")
    try:
        return Completed.model_validate(message.get("data"))
    except ValidationError:
        raise RequestError(
            'The data of the message is not what it is to be; send {"source": "idah/NAME", "dataset": "ID or name"}.'
        ) from None


def _event(message_id: str, told: Completed) -> Event:
    resource = {
        "prefect.resource.id": f"{RESOURCE}.{told.source.replace('/', '.')}.{told.dataset}",
        "prefect.resource.name": told.dataset,
    }
    return Event(
        event=COMPLETED,
        resource=Resource(resource),
        payload=told.model_dump(),
        id=uuid.uuid5(_NAMESPACE, message_id),
    )


async def _healthy(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _answer(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)


def read_secrets(environment: Mapping[str, str] = os.environ) -> list[bytes]:
    """The secrets that messages may be signed with: several, while senders move from one to the next.

    Raises:
        RequestError: one of them is none.
    """
    return [read_secret(one) for one in environment.get(SECRETS, "").split()]


@contextmanager
def remembering(workspace: str) -> Iterator[Seen]:
    """The ids that were seen; always on a disk of this machine."""
    folder = local_folder(workspace) / "webhooks"
    try:
        seen = Seen(folder / "seen.sqlite")
    except (OSError, sqlite3.Error) as error:
        raise RequestError(f"Messages cannot be written down in {folder} ({error}); check it.") from None
    try:
        yield seen
    finally:
        seen.close()


async def receive(secrets: Sequence[bytes], seen: Seen, listener: socket.socket) -> None:
    """Take messages until this is cancelled."""
    runner = web.AppRunner(
        Receiver(secrets, seen, emit_to_server).application(), access_log=None, handle_signals=False, shutdown_timeout=1
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def show_log() -> None:
    """What is taken and refused, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("outhaul: %(message)s"))
    _log.handlers, _log.propagate = [handler], False
    _log.setLevel(logging.INFO)


def webhooks_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul webhooks`: receive until interrupted."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - read when it is called

    secrets = read_secrets()
    if not secrets:
        raise RequestError(f"Set {SECRETS} to what messages are signed with; make one with: openssl rand -base64 32")
    if not PREFECT_API_URL.value():
        raise RequestError("Set PREFECT_API_URL to the Prefect server that is to be told; outhaul serve is one.")
    show_log()
    with remembering(arguments.workspace) as seen, listen(arguments.host, arguments.port) as listener:
        print(f"Webhooks are taken at http://{arguments.host}:{arguments.port}{PATH}. Ctrl-C ends it.", flush=True)
        with suppress(KeyboardInterrupt):
            asyncio.run(receive(secrets, seen, listener))
    return 0, "", {}
