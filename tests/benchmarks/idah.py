"""IDAH to a delivered COCO zip, against the platform's own sequence of requests; and memory at several sizes.

    python -m tests.benchmarks idah            # 1,000 entries, 5 annotations and 200 kB each, 20 ms a request
    python -m tests.benchmarks idah --memory   # peak memory: 1,000, 6,000, 50,000 entries, one file of 300 MB

The sequence is what the platform's own exporter does: a login, the dataset, its entries page by page, then for each
entry its annotations, its medias and its file, one request after the other, each over a connection of its own. Ours is
the export flow, from its first request to the receipt at the target; Prefect's own start is not in it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from tests.benchmarks.measuring import measured


def platform_sequence(url: str) -> None:
    """The platform's own way, without what it does with the answers."""
    import urllib.request  # noqa: PLC0415 - runs in a process of its own

    base, headers = f"{url}/api/v1/", {}

    def ask(path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(base + path, data, headers | kind)) as answer:
            return bytes(answer.read())

    token = json.loads(ask("iam/auth/api/login", {"api_key": DEMO_API_KEY}))["meta"]["token"]
    headers["Authorization"] = f"Bearer {token}"
    dataset = json.loads(ask("dataset/datasets"))["data"][0]["id"]
    number, entries = 1, []
    while page := json.loads(ask(f"dataset/entries?filter[dataset_id]={dataset}&page[number]={number}"))["data"]:
        entries += page
        number += 1
    for entry in entries:
        resource = entry["attributes"]["resource"]
        ask(f"dataset/annotations?filter[entry_id]={entry['id']}")
        ask(f"media/medias?filter[resource]={resource}&filter[key]=")
        ask(f"media/medias/files/{resource}")


def our_export(url: str, folder: Path) -> None:
    """The flow as a deployment runs it."""
    from flows.settings import prepare  # noqa: PLC0415 - before Prefect

    prepare(str(folder / "workspace"))
    from blocks.catalog import find_source, find_target, find_workspace  # noqa: PLC0415
    from flows.commands import run  # noqa: PLC0415
    from flows.request import Request  # noqa: PLC0415

    source = find_source(f"idah+{url}")
    target, workspace = find_target(str(folder / "out")), find_workspace(str(folder / "workspace"))
    run(Request(), source, [target], workspace, wants_bars=False)


@contextmanager
def first_request(sandbox: IdahSandbox) -> Iterator[Callable[[], float]]:
    """Counts anew, and yields a function that says when the first request came."""
    sandbox.requests.clear()
    seen: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set() and not seen:
            if sandbox.requests:
                seen.append(time.time())
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: seen[0]
    finally:
        stop.set()
        thread.join()


def command(what: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.idah", what, *arguments]


def compare(arguments: argparse.Namespace) -> None:
    sandbox = IdahSandbox(
        entries=arguments.entries,
        annotations_per_entry=5,
        media_bytes=arguments.media_bytes,
        latency_seconds=arguments.latency,
    )
    rounds: dict[str, list[dict[str, float]]] = {"sequence": [], "outhaul": []}
    with sandbox.serve() as url, tempfile.TemporaryDirectory() as name:
        environment = {"OUTHAUL_API_KEY": DEMO_API_KEY, "PREFECT_HOME": str(Path(name) / "prefect")}
        measured(command("ours", url, str(Path(name) / "warm")), environment)
        for number in range(arguments.rounds):
            for case, found in rounds.items():
                folder = Path(name) / f"{case}{number}"
                with first_request(sandbox) as began:
                    if case == "sequence":
                        one = measured(command("sequence", url), environment)
                        done = time.time()
                    else:
                        one = measured(command("ours", url, str(folder)), environment)
                        (receipt,) = (folder / "out").glob("*/*/receipt.json")
                        done = receipt.stat().st_mtime
                    one["seconds"] = done - began()
                counted = sandbox.requests
                one["files"] = float(counted["media/medias/files"])
                one["records"] = float(sum(counted.values())) - one["files"] - counted["iam/auth/api/login"]
                found.append(one)
    medians = {
        case: {key: statistics.median(one[key] for one in found) for key in found[0]} for case, found in rounds.items()
    }
    print(f"{arguments.entries:,} entries, {arguments.latency * 1000:.0f} ms a request, medians of {arguments.rounds}")
    print(f"{'':<10}{'seconds':>9}{'times faster':>14}{'CPU s':>8}{'peak MB':>9}{'records':>9}{'files':>7}")
    for case, one in medians.items():
        print(
            f"{case:<10}{one['seconds']:>9.1f}{medians['sequence']['seconds'] / one['seconds']:>14.1f}"
            f"{one['cpu_seconds']:>8.1f}{one['peak_megabytes']:>9.0f}{one['records']:>9.0f}{one['files']:>7.0f}"
        )


def memory(arguments: argparse.Namespace) -> None:
    """Peak memory of the process that exports, at several sizes."""
    sizes: dict[str, dict[str, Any]] = {
        "1,000 entries": {"entries": 1000, "annotations_per_entry": 5},
        "6,000 entries": {"entries": 6000, "annotations_per_entry": 5},
        "50,000 entries": {"entries": 50_000, "annotations_per_entry": 5},
        "one file of 300 MB": {"entries": 1000, "annotations_per_entry": 5, "large_media_bytes": 300_000_000},
    }
    for label, size in sizes.items():
        if arguments.only not in label:
            continue
        sandbox = IdahSandbox(**size)
        with sandbox.serve() as url, tempfile.TemporaryDirectory() as name:
            environment = {"OUTHAUL_API_KEY": DEMO_API_KEY, "PREFECT_HOME": str(Path(name) / "prefect")}
            one = measured(command("ours", url, name), environment)
        print(f"{label:<20}{one['peak_megabytes']:>8.0f} MB {one['seconds']:>8.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--media-bytes", type=int, default=200_000)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds the platform waits before it answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--only", default="", help="with --memory: only sizes whose name has this in it")
    arguments = parser.parse_args()
    (memory if arguments.memory else compare)(arguments)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sequence", url]:
            platform_sequence(url)
        case ["ours", url, folder]:
            our_export(url, Path(folder))
        case _:
            main()
