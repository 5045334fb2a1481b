"""The product of an Export plug-in, put where the hub wants it, and looked at there before anybody is told of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import NamedTuple

from blocks import http
from blocks.ango.client import EXPORTS, AngoClient
from blocks.ango.linked_files import LinkRefusedError
from exporters.errors import FatalError, RequestError, RetriableError

ATTEMPTS = 6


class Parcel(NamedTuple):
    """A file to be uploaded. `chunks` reads it from its beginning, each time it is called."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]
    sha256: str = ""
    """Where it is known: what was read is compared with it."""
    storage_id: str = ""
    bucket: str = ""


async def upload(client: AngoClient, parcel: Parcel, project_id: str) -> str:
    """Upload a file; returns the signed link that opens it. Each attempt begins with a link of its own.

    Raises:
        FatalError: the file is not what it was when it was made. RequestError: the hub refuses it.
        RetriableError: it did not arrive whole, however often it was tried.
    """
    place = {"storageId": parcel.storage_id, "bucket": parcel.bucket}
    place = {name: value for name, value in place.items() if value}

    async def attempt() -> str:
        link = await client.upload_link(parcel.name, project_id, EXPORTS, place)
        try:
            await client.files.put(link, _read(parcel), parcel.size)
            signed = await client.download_link(link, project_id, EXPORTS, place)
            found = await client.files.stored_size(signed)
        except (LinkRefusedError, http.NotFoundError, http.ForbiddenError) as error:
            raise RetriableError(str(error)) from None
        if found is not None and found != parcel.size:
            raise RetriableError(
                f"{client.shown} has {found:,} bytes of {parcel.name}, which has {parcel.size:,}; try again later."
            )
        return signed

    try:
        return await http.patiently(attempt, ATTEMPTS)
    except RequestError as error:
        raise FatalError(f"The export was made, but could not be uploaded: {error}") from None


async def _read(parcel: Parcel) -> AsyncIterator[bytes]:
    """The bytes of the file, no more and no less than were announced, read beside the event loop."""
    digest, size = hashlib.sha256(), 0
    chunks: Iterator[bytes] = iter(parcel.chunks())
    while chunk := await asyncio.to_thread(next, chunks, b""):
        digest.update(chunk)
        size += len(chunk)
        if size > parcel.size or (size == parcel.size and parcel.sha256 not in ("", digest.hexdigest())):
            break
        yield chunk
    else:
        if size == parcel.size:
            return
    raise FatalError(f"{parcel.name} changed while it was uploaded; run the export again.")
