"""`outhaul serve`: a Prefect server, a worker, all deployments and the webhook receiver, on one machine.

Server and worker are processes of their own, which end with this one. With PREFECT_API_URL set, the server is one that
runs elsewhere, and only the rest is started here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
import urllib.request
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from blocks.urls import refuse_credentials, without_credentials
from deployments.children import LOOK_SECONDS, Child, Children
from deployments.local import PATH, POOL, SECRETS, listen, local_folder, workspace_url
from exporters.errors import RequestError

DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
OF_THE_SERVER = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_", "PREFECT_SERVER_API_AUTH_STRING")
"""How the variables begin that are of no use to a worker, and to what it starts."""
SERVER_SECRET, CLIENT_SECRET = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
HEALTHY_SECONDS = 180.0
"""A new database takes some fifteen seconds, on a busy machine a minute."""
PREFECT = (sys.executable, "-P", "-m", "deployments.long_running")
"""As `python -m prefect`, for processes that stay; a folder here that is called like ours is none of it."""
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""Each thread would get memory from a place of its own, of which little is ever given back: see `long_running`."""
LOUDER = {"PREFECT_SERVER_LOGGING_LEVEL": "WARNING", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}
"""The command line is kept quiet by `flows.settings`; server and worker are looked after by their logs."""


def serve_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul serve`: until interrupted."""
    elsewhere = PREFECT_API_URL.value()
    if not elsewhere:
        listen(arguments.host, arguments.port).close()  # a port that is taken is said at once

    from deployments.setup import set_up  # noqa: PLC0415 - these take seconds
    from deployments.webhooks import read_secrets, remembering, show_log  # noqa: PLC0415

    secrets = read_secrets()
    if elsewhere and arguments.database:
        shown = without_credentials(elsewhere)
        raise RequestError(f"PREFECT_API_URL names the server {shown}, whose database it is; leave --database out.")
    folder = None if arguments.verbose else local_folder(arguments.workspace) / "serve"
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    environment = _environment(arguments)
    with ExitStack() as stack:
        stack.enter_context(_hanging_up())
        listener = None
        if secrets:
            seen = stack.enter_context(remembering(arguments.workspace))
            listener = stack.enter_context(listen(arguments.host, arguments.webhooks_port))
        children = stack.enter_context(Children(folder))
        try:
            api = elsewhere or _start_server(children, arguments, environment)
            environment["PREFECT_API_URL"] = api
            login = environment.get(CLIENT_SECRET)
            known = {PREFECT_API_URL: api} | ({PREFECT_API_AUTH_STRING: login} if login else {})
            stack.enter_context(temporary_settings(known))
            made = set_up(environment, arguments.notify)
            _start_worker(children, arguments, environment)
            if listener:
                show_log()
                stack.enter_context(_receiving(secrets, seen, listener))
            print(_greeting(arguments, api, made, folder, takes_webhooks=bool(secrets)), flush=True)
            children.watch()
        except KeyboardInterrupt:
            print("Ending the worker and the server; what a run has done is kept, and again the next time.", flush=True)
    return 0, "", {}


def _environment(arguments: Namespace) -> dict[str, str]:
    """Of server and worker."""
    # The UI is to find its API behind the address that people have reached it at, whatever that is.
    environment = {"PREFECT_UI_API_URL": "/api", **os.environ, **LOUDER}
    environment.pop(SECRETS, None)  # messages are taken here
    environment.setdefault("PREFECT_UI_URL", f"http://{_shown(arguments.host)}:{arguments.port}")  # in notifications
    environment["OUTHAUL_WORKSPACE"] = workspace_url(arguments.workspace)
    if database := arguments.database:
        refuse_database(database)
        environment[DATABASE] = database.replace("postgresql://", "postgresql+asyncpg://", 1)
    if login := environment.get(SERVER_SECRET):
        environment.setdefault(CLIENT_SECRET, login)
    return environment


def refuse_database(url: str) -> None:
    """Raise RequestError for the URL of a database that cannot be used, or that shows a password to all."""
    shown = without_credentials(url)
    try:
        refuse_credentials(url)
    except RequestError:
        raise RequestError(
            f"A password on the command line is seen by everyone on this machine; take --database out, and set "
            f"{DATABASE} to it."
        ) from None
    if urlsplit(url).scheme not in ("postgresql", "postgresql+asyncpg", "sqlite+aiosqlite"):
        raise RequestError(f"{shown!r} is no database that Prefect takes; give postgresql://USER@HOST/NAME.")


def _start_server(children: Children, arguments: Namespace, environment: Mapping[str, str]) -> str:
    """Returns the address of its API, once that answers."""
    place = ("--host", arguments.host, "--port", str(arguments.port))
    server = children.start("server", [*PREFECT, "server", "start", *place], {**FEW_ARENAS, **environment})
    api = f"http://{_shown(arguments.host)}:{arguments.port}/api"
    print(f"Starting the Prefect server at {api.removesuffix('/api')} ...", file=sys.stderr, flush=True)
    until = time.monotonic() + HEALTHY_SECONDS
    while not _is_healthy(api):
        server.refuse_end()
        if time.monotonic() > until:
            raise RequestError(f"The Prefect server does not answer at {api}; {_look_into(server)}.")
        time.sleep(LOOK_SECONDS)
    return api


def _look_into(child: Child) -> str:
    return f"look into {child.log}" if child.log else "look at what it printed"


def _is_healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except OSError:
        return False


def for_runs(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what the server alone has a use for."""
    return {name: value for name, value in environment.items() if not name.startswith(OF_THE_SERVER)}


def _start_worker(children: Children, arguments: Namespace, environment: Mapping[str, str]) -> None:
    chosen = ("--pool", POOL, "--limit", str(arguments.at_once))
    command = [*PREFECT, "worker", "start", *chosen]
    children.start("worker", command, for_runs(environment))


@contextmanager
def _receiving(secrets: Any, seen: Any, listener: Any) -> Iterator[None]:
    """Take webhooks in a thread, as long as the block lasts."""
    from deployments.webhooks import receive  # noqa: PLC0415

    started = threading.Event()
    ends: list[Any] = []

    async def work() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        ends.append(lambda: loop.call_soon_threadsafe(task.cancel))
        started.set()
        await receive(secrets, seen, listener)

    def run() -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(work())

    thread = threading.Thread(target=copy_context().run, args=(run,), name="webhooks")  # with Prefect's settings
    thread.start()
    try:
        yield
    finally:
        started.wait()
        ends[0]()
        thread.join()


@contextmanager
def _hanging_up() -> Iterator[None]:
    """A terminal that is closed ends it as Ctrl-C does."""
    before = signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _greeting(arguments: Namespace, api: str, made: list[str], logs: Path | None, *, takes_webhooks: bool) -> str:
    webhooks = f"http://{_shown(arguments.host)}:{arguments.webhooks_port}{PATH}"
    lines = [
        "",
        f"  UI           {without_credentials(api).removesuffix('/api')}",
        f"  webhooks     {webhooks if takes_webhooks else f'none; set {SECRETS} to take any'}",
        f"  logs         {logs or 'on standard error'}",
        f"  deployments  {f'{len(made)} made' if made else 'as they were'}",
        "",
        "Save a platform and a target there under Blocks, then run export/on-demand under Deployments. The schedules",
        "of export/nightly and others are off: give them your blocks, and switch them on.",
    ]
    is_ours = api.startswith(f"http://{_shown(arguments.host)}:{arguments.port}/")
    if is_ours and arguments.host not in ("127.0.0.1", "localhost", "::1") and not PREFECT_API_AUTH_STRING.value():
        lines.append(f"Whoever reaches this address can do all that, too: set {SERVER_SECRET}=USER:PASSWORD.")
    return "\n".join([*lines, "", "Ctrl-C ends it."])


def _shown(host: str) -> str:
    """How this machine reaches an address that it listens at."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - it is compared, not bound
