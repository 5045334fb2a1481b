"""Same input, same bytes: on another day, in another zone, by more workers, in other shards, from another workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from exporters import registry

FORMATS = os.environ.get("OUTHAUL_TEST_FORMATS", "coco webdataset masks upd parquet").split()
"""`all` takes every format that holds pictures."""
FILE_FOR_EACH_SHARD = ("parquet",)
"""Formats whose files cannot be joined byte by byte: for them the size of shards is part of what was asked for."""

_ROOT = Path(__file__).parents[2]

_EXPORTS = """
import os, sys
os.umask(int(os.environ["UMASK"], 8))
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import SecretStr
from blocks.idah import IdahSource
from blocks.target import Target
from blocks.workspace import Workspace
from flows.export import export
url, key, workers, shard_entries, *exports = sys.argv[1:]
flow = export.with_options(task_runner=ThreadPoolTaskRunner(max_workers=int(workers)))
source = IdahSource(url=url, api_key=SecretStr(key))
with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}):
    for one in exports:
        name, package, entries = one.split(":")
        flow(source=source, target=Target(url=name), workspace=Workspace(url="workspace"), exporter=name,
             package=package, shard_entries=int(entries or shard_entries))
"""

_CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>
static const time_t LATER = 40 * 86400 + 12345;
int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += LATER;
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int failed = real(now, zone);
    if (!failed) now->tv_sec += LATER;
    return failed;
}
time_t time(time_t *now) {
    struct timespec read;
    clock_gettime(CLOCK_REALTIME, &read);
    if (now) *now = read.tv_sec;
    return read.tv_sec;
}
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[str]:
    with IdahSandbox(entries=24, seed=7).serve() as url:
        yield url


def export_in(folder: Path, url: str, workers: int, shard_entries: int, formats: list[str], **world: str) -> None:
    """Run exports in a process of their own, in a world of their own, into `folder`."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - of the API that was started for the tests

    folder.mkdir()
    packages = ("directory", "tar", "zip")
    exports = [
        f"{name}:{packages[number % 3]}:{'7' if name in FILE_FOR_EACH_SHARD else ''}"
        for number, name in enumerate(formats)
    ]
    subprocess.run(
        [sys.executable, "-c", _EXPORTS, url, DEMO_API_KEY, str(workers), str(shard_entries), *exports],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "PREFECT_API_URL": str(PREFECT_API_URL.value()), **world},
        check=True,
    )


def delivered(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for the workspace and what names the run and the hour."""
    files = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    left_out = ("receipt.json", "latest.json")
    return {
        str(path): data for path, data in files.items() if path.parts[0] != "workspace" and path.name not in left_out
    }


def clock_of_another_day(folder: Path) -> dict[str, str]:
    """What lets a process read a clock that is 40 days ahead; nothing where there is no compiler to make it."""
    compiler = shutil.which("cc")
    if not compiler or not sys.platform.startswith("linux"):
        return {}
    (folder / "clock.c").write_text(_CLOCK)
    library = str(folder / "clock.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, str(folder / "clock.c"), "-ldl"], check=True)
    return {"LD_PRELOAD": library}


@pytest.mark.timeout(1200)
def test_nothing_but_the_input_shows(prefect_api: None, platform: str, tmp_path: Path) -> None:
    """Two workspaces, 1 worker and 8, shards of 7 and of 1000, other hash seeds, time zones, locales, rights of new
    files, and days: every delivered file but the receipt is the same to the last byte, and so is the export's name.
    """
    formats = FORMATS
    if formats == ["all"]:
        formats = [name for name in registry.for_modality("image") if ":" not in name]
    here: dict[str, Any] = {
        "PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "UMASK": "077", "COLUMNS": "40",
    }  # fmt: skip
    there: dict[str, Any] = {
        "PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "UMASK": "022", "PYTHONUTF8": "1",
        **clock_of_another_day(tmp_path),
    }  # fmt: skip
    export_in(tmp_path / "here", platform, 1, 7, formats, **here)
    export_in(tmp_path / "there", platform, 8, 1000, formats, **there)

    one, other = delivered(tmp_path / "here"), delivered(tmp_path / "there")
    assert {Path(name).parts[0] for name in one} == set(formats)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
