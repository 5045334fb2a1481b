"""A script with a callback, served: for each session it is started once more, with the session to carry out.

So a callback may take memory, time, the whole interpreter with it: heartbeats and the other sessions go on. The script
needs no change for that: in its own process, `run` carries out one session instead of waiting for many.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from exporters.errors import OuthaulError, RequestError
from flows.ango.asked import Asked
from flows.ango.callbacks import ExportPlugin
from flows.ango.messages import Job
from flows.ango.worker import serve_one
from flows.child_side import Wire, private_streams

ONE_SESSION = "OUTHAUL_ANGO_SESSION"
"""Set where the script is to carry out one session."""


def run(plugin: ExportPlugin, host: str = "") -> None:
    """Serve a plug-in until it is stopped; `host` of the hub, else that of the plug-in.

    As in the vendor's SDK, the environment may say more: CONNECTOR (`WS`, or `REST` with its PORT) and LOGLEVEL.
    """
    if os.environ.pop(ONE_SESSION, ""):
        serve_one(partial(_make, plugin), *private_streams())
    from flows.ango.command import Serving, serve  # noqa: PLC0415 - a session has no use for it

    connector, port = os.environ.get("CONNECTOR", "WS").upper(), os.environ.get("PORT", "8080")
    try:
        if connector not in ("WS", "REST") or not port.isdecimal():
            raise RequestError(f"CONNECTOR is WS or REST, and PORT a number, not {connector} and {port}; correct them.")
        serving = Serving(
            host=host or plugin.host,
            plugin_id=plugin.id,
            secret=plugin.secret,
            is_rest=connector == "REST",
            port=int(port),
            log_level=os.environ.get("LOGLEVEL", "INFO").upper(),
        )
        serve(serving, _own_command(), environment={ONE_SESSION: "1"})
    except KeyboardInterrupt:
        sys.exit(130)
    except OuthaulError as error:
        sys.exit(f"outhaul: {error}")


def _make(plugin: ExportPlugin, job: Job, asked: Asked, wire: Wire) -> Any:
    from flows.ango.called import call_back  # noqa: PLC0415 - imports Prefect, which is prepared by now

    return call_back(plugin, job, asked, wire)


def _own_command() -> list[str]:
    """How this script was started, so that it can be again."""
    main = sys.modules["__main__"]
    if spec := getattr(main, "__spec__", None):
        return [sys.executable, "-m", spec.name.removesuffix(".__main__"), *sys.argv[1:]]
    path = getattr(main, "__file__", None)
    if not path:
        raise RequestError("run() needs a script that can be started again; put the plug-in into a file.")
    return [sys.executable, str(Path(path).absolute()), *sys.argv[1:]]
