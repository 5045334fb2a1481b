"""What a service has of this machine: a port to be called at, and a folder for what is its own."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from blocks.urls import expanded
from blocks.workspace_url import default_workspace_url
from exporters.errors import RequestError

POOL = "outhaul"
"""The work pool that all deployments are for."""
SECRETS, PATH = "OUTHAUL_WEBHOOK_SECRETS", "/webhooks"
"""The variable with what messages are signed with, and where they are posted to."""


def listen(host: str, port: int) -> socket.socket:
    """A socket to be called at.

    Raises:
        RequestError: somebody has it already.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror
        raise RequestError(
            f"Port {port} of {host} cannot be used ({why}); give another one, or end what is there."
        ) from None


def workspace_url(workspace: str) -> str:
    """Where runs work that name no workspace, as they all find it: each stands in a folder of its own.

    Raises:
        RequestError: a saved one is named.
    """
    place = workspace or default_workspace_url()
    if place.startswith("block:"):
        raise RequestError("A saved workspace is chosen in the form of a run; give --workspace a path or a URL.")
    return expanded(place)


def local_folder(workspace: str) -> Path:
    """Where a service writes down what is its own: a workspace that is a folder, else the cache of this machine."""
    place = workspace or default_workspace_url()
    is_folder = "://" not in place and not place.startswith("block:")
    return (Path(place) if is_folder else Path("~/.cache/outhaul")).expanduser().absolute()
