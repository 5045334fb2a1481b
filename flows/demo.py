"""The commands around the sandbox platform: `demo` and `sandbox`."""

from __future__ import annotations

import errno
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from blocks.sandbox.ango import DEMO_API_KEY as ANGO_API_KEY
from blocks.sandbox.ango import DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, AngoSandbox
from blocks.sandbox.ango.options import build_sandbox as build_ango_sandbox
from blocks.sandbox.idah import DEMO_API_KEY, DEMO_EMAIL, DEMO_PASSWORD, IdahSandbox
from blocks.sandbox.idah_options import build_sandbox
from blocks.storage import Storage
from exporters import RequestError
from flows.request import Request

PORT = 8717
"""Always the same one where it is free: the platform's address is part of what an export is named by."""


def demo_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Export the sandbox's dataset as COCO, as a folder that can be looked into."""
    from blocks.catalog import find_target, find_workspace  # noqa: PLC0415 - `sandbox` does without Prefect
    from blocks.idah import IdahSource  # noqa: PLC0415
    from flows import commands, display  # noqa: PLC0415
    from flows.plan import check  # noqa: PLC0415
    from flows.targets import place_of  # noqa: PLC0415

    target, workspace = find_target(arguments.to), find_workspace(arguments.workspace)
    request = Request(exporter="coco", package="directory")
    with _platform(arguments.entries) as url:
        source = IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY))
        commands.warn(check(request, source, [target]).warnings)
        summary = commands.run(request, source, [target], workspace, wants_bars=not arguments.json)
    text = display.summary_text(summary)
    prefect = Path(display.own_name()).with_name("prefect")
    text += f"\n  {prefect} server start   (the run and its summary, at http://127.0.0.1:4200)\n\n"
    text += _tree(place_of(target, workspace), f"{summary.plan.name}/{summary.delivery.export_id}")
    status = commands.DELIVERED_WITH_FAULTS if summary.tally.has_faults else commands.DELIVERED
    return status, text, commands.summary_object(summary)


def sandbox_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Serve until interrupted."""
    try:
        sandbox, greeting = (_ango if arguments.platform == "ango" else _idah)(arguments)
    except ValueError as error:
        raise RequestError(str(error)) from None

    def announce(url: str) -> None:
        print(f"{greeting.format(url=url)}\n\nCtrl-C ends it.", flush=True)

    try:
        sandbox.run_forever(port=arguments.port, on_start=announce)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise RequestError(f"Port {arguments.port} cannot be used ({error.strerror}); give another --port.") from None
    return 0, "", {}


def _idah(arguments: Namespace) -> tuple[IdahSandbox, str]:
    """The platform, and what to say of it once it has an address."""
    sandbox = build_sandbox(
        entries=arguments.entries,
        datasets=arguments.datasets,
        video_datasets=arguments.video_datasets,
        latency_ms=arguments.latency,
        media_bytes=arguments.media_bytes,
        faults=arguments.fault,
        seed=arguments.seed,
    )
    which = "" if arguments.datasets + arguments.video_datasets == 1 else " --where dataset.modality=image"
    what = f"{arguments.entries} entries" + (" in each dataset of pictures" if which else "")
    return sandbox, (
        f"IDAH sandbox with {what} at {{url}}\n"
        f"  e-mail {DEMO_EMAIL}, password {DEMO_PASSWORD}, or\n\n"
        f"  export OUTHAUL_API_KEY={DEMO_API_KEY}\n"
        f"  outhaul export idah+{{url}} --as coco --to out{which}"
    )


def _ango(arguments: Namespace) -> tuple[AngoSandbox, str]:
    sandbox = build_ango_sandbox(
        tasks=arguments.entries,
        row_bytes=arguments.row_bytes,
        latency_ms=arguments.latency,
        export_ms=arguments.export_latency,
        link_seconds=arguments.link_seconds,
        faults=arguments.fault,
        rest_plugin=arguments.rest_plugin,
        seed=arguments.seed,
    )
    project = next(iter(sandbox.projects))
    rest = f" --connector rest --port {urlsplit(arguments.rest_plugin).port or 80}" if arguments.rest_plugin else ""
    return sandbox, (
        f"Ango Hub sandbox with {arguments.entries} tasks in its project of pictures at {{url}}\n\n"
        f"  export OUTHAUL_API_KEY={ANGO_API_KEY}\n"
        f"  outhaul export ango+{{url}} --dataset {project} --as coco --to out\n\n"
        f"Its page, where Run calls an Export plug-in, is at {{url}}; to be that plug-in:\n\n"
        f"  export OUTHAUL_ANGO_PLUGIN_ID={DEMO_PLUGIN_ID}\n"
        f"  export OUTHAUL_ANGO_PLUGIN_SECRET={DEMO_PLUGIN_SECRET}\n"
        f"  outhaul ango-plugin --exporter coco --host {{url}}{rest}"
    )


@contextmanager
def _platform(entries: int) -> Iterator[str]:
    sandbox = IdahSandbox(entries=entries)
    with ExitStack() as stack:
        try:
            url = stack.enter_context(sandbox.serve(port=PORT))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            url = stack.enter_context(sandbox.serve(port=0))
        yield url


def _tree(storage: Storage, folder: str) -> str:
    """The delivered folder, long lists cut short."""
    lines = [f"{folder}/"]
    shown: dict[str, int] = {}
    files = list(storage.files(folder))
    for path in files:
        parent, _, name = path.rpartition("/")
        shown[parent] = shown.get(parent, 0) + 1
        if parent and shown[parent] == 1:
            lines.append(f"  {parent}/")
        if shown[parent] <= 3 or not parent:  # right here lies what is to be looked at
            lines.append(f"  {'  ' if parent else ''}{name}")
        elif shown[parent] == sum(1 for one in files if one.rpartition("/")[0] == parent):
            lines.append(f"    ... {shown[parent] - 3} more")
    return "\n".join(lines)
