"""Delivery to S3 against the fastest tools from pip, interleaved in one run: as ratios of speed, with peaks of memory.

    python -m tests.benchmarks s3                         # 1 GiB in one file, and 2,000 of 200 kB
    python -m tests.benchmarks s3 --mib 256 --files 500 --rounds 3

Two stores on this machine take the files: SeaweedFS, which keeps them, and a sink that drops them, where the client
alone takes the time. Ours reads from a workspace, checks what it reads, sends it, and asks the far end what arrived.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from time import sleep

from tests.s3_server import S3Server, free_ports, serving_s3

CASES = ("ours", "obstore", "s3fs")
STORES = ("sink", "SeaweedFS")
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="size of the one large file")
    parser.add_argument("--files", type=int, default=2000, help="how many files of 200 kB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", choices=STORES, action="append", help="one of them alone")
    arguments = parser.parse_args()
    room = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=room) as name:
        _make(Path(name), arguments.mib, arguments.files)
        for label in arguments.store or STORES:
            for what in ("large", "small"):  # each on an empty store: a full one is busy with itself
                with serving_store(label) as server:
                    _compare(label, what, Path(name), server, arguments.rounds)


def _compare(label: str, what: str, folder: Path, server: S3Server, rounds: int) -> None:
    figures: dict[str, list[Figures]] = {case: [] for case in CASES}
    for number in range(rounds):
        for case in CASES[number % len(CASES) :] + CASES[: number % len(CASES)]:
            figures[case].append(_measured(case, what, folder, server))
    medians = {
        case: {name: statistics.median(one[name] for one in found) for name in found[0]}
        for case, found in figures.items()
    }
    fastest = min(medians[case]["seconds"] for case in CASES if case != "ours")
    size = sum(path.stat().st_size for path in (folder / what).iterdir())
    count = len(list((folder / what).iterdir()))
    print(f"\n{count:,} file{'s' * (count > 1)} of {size / 1e6:,.0f} MB to {label}, medians of {rounds} rounds")
    print(f"{'':<10}{'wall s':>8}{'MB/s':>8}{'of the fastest':>16}{'CPU s':>8}{'peak MB':>9}")
    for case, one in medians.items():
        print(
            f"{case:<10}{one['seconds']:>8.2f}{size / 1e6 / one['seconds']:>8.0f}{fastest / one['seconds']:>16.2f}"
            f"{one['cpu_seconds']:>8.2f}{one['peak_megabytes']:>9.0f}",
            flush=True,
        )


def _measured(case: str, what: str, folder: Path, server: S3Server) -> Figures:
    command = [sys.executable, "-m", "tests.benchmarks.s3_case", case, what, str(folder), server.bucket]
    environment = {**os.environ, **server.environment, "AWS_REGION": "us-east-1"}
    os.sync()  # what the store has still to write of one delivery is not to hold up the next
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{case} failed:\n{done.stderr[-3000:]}")
    found: Figures = json.loads(done.stdout)
    return found


def _make(folder: Path, mib: int, count: int) -> None:
    (folder / "large").mkdir()
    (folder / "small").mkdir()
    block = os.urandom((1 << 20) - 4)
    with (folder / "large" / "file").open("wb") as handle:
        for number in range(mib):
            handle.write(number.to_bytes(4, "big") + block)
    for number in range(count):
        (folder / "small" / f"{number:06}.jpg").write_bytes(number.to_bytes(4, "big") + block[: 200_000 - 4])


def serving_store(label: str) -> AbstractContextManager[S3Server]:
    """One of `STORES`, while the block lasts."""
    return _sink() if label == "sink" else _seaweed()


@contextmanager
def _sink() -> Iterator[S3Server]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-m", "tests.fakes.s3_sink", str(port)])
    try:
        for _ in range(100):
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
                break
            sleep(0.1)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


@contextmanager
def _seaweed() -> Iterator[S3Server]:
    with tempfile.TemporaryDirectory() as folder, serving_s3(Path(folder)) as server:
        yield server
