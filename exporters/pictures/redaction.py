"""Files without what they say of where, and by whom, they were made."""

from __future__ import annotations

from collections.abc import Collection
from typing import IO

from exporters.errors import SkippableError
from exporters.model import Media
from exporters.pictures import exif

HEAD_BYTES = 16
"""By which a file is known for what it is."""


def redacted(handle: IO[bytes], media: Media, entry_id: str, asked: Collection[str]) -> bytes | None:
    """The bytes of a file without its `positions` or `authors`; None where it says nothing of what is asked for.

    Holds the file in memory, if it is of a kind that is looked into.

    Raises:
        SkippableError: it may say where in a place that is not looked into.
    """
    head = handle.read(HEAD_BYTES)
    if not exif.is_looked_into(head):
        is_mute = (media.mime_type or "").startswith("text/") or head.startswith(b"BM")
        if "positions" not in asked or is_mute:
            return None
        raise SkippableError(entry_id, f"{media.name} is of a kind whose position cannot be taken out")
    data = made = head + handle.read()
    try:
        if "positions" in asked:
            made = exif.without_position(made)
        if "authors" in asked:
            made = exif.without_author(made)
    except ValueError as error:
        reason = f"what {media.name} says of its making cannot be taken out: {error}"
        raise SkippableError(entry_id, reason) from None
    return None if made is data else made
