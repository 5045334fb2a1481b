"""The process of one session: `python -m flows.ango`, a job on standard input.

It makes the product, by the export flow here or by a deployment of it elsewhere, uploads it, and says under which link
it lies. Whatever goes wrong in it is one sentence for the log of the session.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import IO, Any

from pydantic import SecretStr

from blocks.workspace_url import default_workspace_url
from exporters.errors import OuthaulError, RequestError, first_line
from flows.ango.asked import Asked, read_event
from flows.ango.messages import End, Job, Uploaded, decode_job
from flows.child_messages import Began, Broke, Said, in_one_line
from flows.child_side import Wire, leave, settle_in
from flows.settings import prepare

LONGEST_LINK = 2048
"""That the hub takes in a notification."""

Make = Callable[[Job, Asked, Wire], Any]
"""Makes the product of a job: a `blocks.ango.upload.Parcel`, whose name is made unique before it is sent."""


def serve_one(make: Make, wire: Wire, orders: IO[bytes]) -> None:
    """Take a job, carry it out, and end this process."""
    job = decode_job(orders.readline())
    settle_in(wire, orders, job.folder)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_for_users)
    prepare(job.recipe.workspace or default_workspace_url())
    leave(wire, carry_out(job, make, wire))


def carry_out(job: Job, make: Make, wire: Wire) -> End:
    """The product of a job, made and uploaded; or why there is none."""
    try:
        asked = read_event(job.event)
        wire.tell(Began())
        link = _upload(make(job, asked, wire), job, asked)
        if job.recipe.notify:
            _notify(job, link, wire)
        return Uploaded(link)
    except OuthaulError as error:
        return Broke(in_one_line(error), _trace(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the user has to hear of it
        said = f"{type(error).__name__}: {first_line(str(error))}"
        return Broke(f"Unexpected {said}; please report it.", traceback.format_exc())


def make_export(job: Job, asked: Asked, wire: Wire) -> Any:
    """The package of an export flow, as it lies at its target."""
    from exporters import registry  # noqa: PLC0415 - prefect and all that is imported once it is prepared
    from exporters.validation import secrets_of  # noqa: PLC0415
    from flows.ango.exported import export_deployed, export_here  # noqa: PLC0415

    secret = [name for name in asked.options if name in secrets_of(type(registry.get(job.recipe.exporter)).options)]
    if secret:
        raise RequestError(
            f"The option {secret[0]} is a secret, which the configuration of a run shows to all; whoever serves the "
            f"plug-in sets it there, with --option."
        )
    return (export_deployed if job.recipe.deployment else export_here)(job, asked, wire)


def hub_of(job: Job, **more: Any) -> Any:
    """The hub as the user who pressed Run is known there, an `AngoSource`."""
    from blocks.ango import AngoSource  # noqa: PLC0415

    return AngoSource(**job.connection, api_key=SecretStr(job.event["apiKey"]), **more)


def _upload(parcel: Any, job: Job, asked: Asked) -> str:
    from blocks.ango.client import connect  # noqa: PLC0415
    from blocks.ango.upload import upload  # noqa: PLC0415

    async def send() -> str:
        async with connect(hub_of(job).connection()) as client:
            unique = parcel._replace(name=_unique_name(parcel.name, job))
            return await upload(client, unique, asked.project_id)

    return asyncio.run(send())


def _notify(job: Job, link: str, wire: Wire) -> None:
    """Only the key of an administrator may do that; the export is as good without."""
    from blocks.ango.client import connect  # noqa: PLC0415

    notice: dict[str, Any] = {"receivers": list(job.recipe.notify), "title": "Export", "message": "An export is ready."}
    if len(link) <= LONGEST_LINK:
        notice["clickableLink"] = link

    async def send() -> None:
        async with connect(hub_of(job).connection()) as client:
            await client.post("notifications", notice)

    try:
        asyncio.run(send())
    except OuthaulError as error:
        say(wire, logging.WARNING, [f"Nobody else was told of the export: {error}"])


def _unique_name(name: str, job: Job) -> str:
    """The name of a file in the hub, where that of an earlier run would be overwritten: `streets-a1b2c3d4.zip`."""
    path = PurePosixPath(name)
    return f"{path.stem}-{job.mark}{path.suffix}"


def say(wire: Wire, level: int, lines: Iterable[str]) -> None:
    for line in lines:
        wire.tell(Said(level, line))


def _is_for_users(record: logging.LogRecord) -> bool:
    """What Prefect and its client have to say stands in the Prefect UI."""
    return record.name.partition(".")[0] not in ("prefect", "httpx", "httpcore")


def _trace(error: OuthaulError) -> str:
    cause = error.__cause__
    return "".join(traceback.format_exception(cause)) if cause else ""
