"""`outhaul ango-plugin`: an exporter, or a script's callback, served to Ango Hub until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from blocks.workspace_url import default_workspace_url
from exporters import registry
from exporters.errors import RequestError
from flows.ango.messages import Recipe
from flows.settings import prepare

PLUGIN_ID, PLUGIN_SECRET = "OUTHAUL_ANGO_PLUGIN_ID", "OUTHAUL_ANGO_PLUGIN_SECRET"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """One plug-in: how it reaches the hub, and what it makes; without an exporter, what its script does."""

    host: str
    plugin_id: str
    secret: str = field(repr=False)
    is_rest: bool = False
    port: int = 8080
    log_level: str = "INFO"
    verify_ssl: bool = True
    ca_bundle: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    at_once: int = 2
    time_limit: float = 6 * 3600.0


def ango_plugin_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Serve until interrupted."""
    from flows.ango.service import WORKER  # noqa: PLC0415
    from flows.commands import named_options  # noqa: PLC0415 - takes its time

    plugin_id, secret = os.environ.get(PLUGIN_ID, ""), os.environ.get(PLUGIN_SECRET, "")
    if not plugin_id or not secret:
        raise RequestError(
            f"Nobody says which plug-in this is; set {PLUGIN_ID} and {PLUGIN_SECRET} to what the hub shows of it."
        )
    registry.get(arguments.exporter)
    if arguments.deployment and not (arguments.source and arguments.to):
        raise RequestError(
            "--deployment needs --source, a saved Ango Hub whose key its worker reads with, and --to, where the worker "
            "delivers and the package is taken from; add them."
        )
    recipe = Recipe(
        exporter=arguments.exporter,
        options=named_options(arguments.option),
        source=arguments.source,
        deployment=arguments.deployment,
        target=arguments.to,
        workspace=arguments.workspace,
        notify=tuple(arguments.notify),
    )
    serving = Serving(
        host=arguments.host,
        plugin_id=plugin_id,
        secret=secret,
        is_rest=arguments.connector == "rest",
        port=arguments.port,
        verify_ssl=not arguments.no_verify_ssl,
        ca_bundle=arguments.ca_bundle,
        recipe=recipe,
        at_once=arguments.at_once,
        time_limit=arguments.time_limit,
    )
    serve(serving, [sys.executable, *WORKER])
    return 0, "", {}


def serve(serving: Serving, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Serve a plug-in until this process is interrupted; `command` starts the process of a session.

    Raises:
        RequestError: an address or a setting cannot be right, or the plug-in is being served here already.
    """
    workspace = serving.recipe.workspace or default_workspace_url()
    prepare(workspace)
    from flows.ango.service import Service, Work  # noqa: PLC0415 - these import Prefect, which is prepared now
    from flows.ango.sessions import open_sessions  # noqa: PLC0415

    parts = urlsplit(serving.host)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise RequestError("The hub's address is not one; give a URL such as https://imeritapi.ango.ai.")
    _show_log(serving.log_level)
    connection = {"url": serving.host, "verify_ssl": serving.verify_ssl, "ca_bundle": serving.ca_bundle}

    work = Work(
        command=command,
        connection=connection,
        recipe=serving.recipe,
        working_folder=str(Path.cwd()) if environment else "",
        at_once=serving.at_once,
        time_limit=serving.time_limit,
        environment=dict(environment or {}),
    )

    async def until_stopped() -> None:
        # Not by an exception between any two lines, where one in a destructor is only printed, and passed over.
        if this := asyncio.current_task():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
        with open_sessions(_folder(workspace), serving.plugin_id, serving.secret) as sessions:
            await Service(_door(serving, connection), sessions, work).serve()

    try:
        asyncio.run(until_stopped())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _door(serving: Serving, connection: Mapping[str, Any]) -> Any:
    from blocks.ango.client import Connection  # noqa: PLC0415
    from blocks.ango.hub import SocketDoor  # noqa: PLC0415
    from blocks.ango.rest_door import RestDoor  # noqa: PLC0415

    hub = Connection(**connection, api_key="")  # each run brings a key of its own
    if serving.is_rest:
        return RestDoor(hub, serving.plugin_id, serving.secret, port=serving.port)
    return SocketDoor(hub, serving.plugin_id, serving.secret)


def _folder(workspace: str) -> Path:
    """Where sessions are written down: always on a disk of this machine."""
    remote = "://" in workspace or workspace.startswith("block:")
    return Path(default_workspace_url() if remote else workspace).expanduser().absolute() / "ango-plugin"


def _show_log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("outhaul: %(message)s"))
    for name in ("flows.ango", "blocks.ango"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
