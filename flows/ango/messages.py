"""What the service and the process of a session say to each other: a job there, events back."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from flows.child_messages import Began, Broke, Moved, Said


class Recipe(Struct, frozen=True, kw_only=True):
    """How a plug-in makes its products, the same for all sessions. Empty: by the callback that the process has."""

    exporter: str = ""
    options: dict[str, Any] = {}
    """Of the exporter, where the user's configuration says nothing else."""
    source: str = ""
    """A saved block to read from, instead of the hub with the user's key."""
    deployment: str = ""
    """Which one to run; empty: the flow runs in the process."""
    target: str = ""
    """Where to deliver; empty: in the folder of the session, from where it goes once it has been uploaded."""
    workspace: str = ""
    notify: tuple[str, ...] = ()
    """E-mail addresses of who is told, beside whoever pressed Run."""


class Job(Struct, frozen=True):
    """All that the process has to know. Goes over its standard input, for it holds the key of a user."""

    event: dict[str, Any]
    connection: dict[str, Any]
    """How to reach the hub: fields of `blocks.ango.AngoSource`, without the key."""
    recipe: Recipe
    folder: str
    """Everything that the process writes lies in here; whoever made it removes it."""

    def __repr__(self) -> str:
        return f"Job({self.event.get('session')!r})"

    @property
    def mark(self) -> str:
        """The beginning of the session's id, as it may stand in names."""
        return "".join(filter(str.isalnum, self.event["session"]))[:12]


class Uploaded(Struct, frozen=True, tag="uploaded"):
    """The product lies at the hub, and has been looked at there: under this link."""

    link: str


Event = Began | Moved | Said | Uploaded | Broke
End = Uploaded | Broke

decode_job = msgspec.json.Decoder(Job).decode
decode_event = msgspec.json.Decoder(Event).decode
