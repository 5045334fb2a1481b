"""The plug-in as a process of its own, what its runs delivered, and what they said last."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks.sandbox.ango import DEMO_API_KEY, DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, AngoSandbox
from blocks.sandbox.ango.hub import HubSession
from tests.flows.harness import of_the_tests


@contextmanager
def plugin(sandbox: AngoSandbox, folder: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process that serves, with the Prefect API of the tests; ended as by a supervisor."""
    process = subprocess.Popen(
        command or own_plugin(sandbox),
        env={
            **of_the_tests(folder),
            "OUTHAUL_ANGO_PLUGIN_ID": DEMO_PLUGIN_ID,
            "OUTHAUL_ANGO_PLUGIN_SECRET": DEMO_PLUGIN_SECRET,
            "PLUGIN_ID": DEMO_PLUGIN_ID,
            "PLUGIN_SECRET": DEMO_PLUGIN_SECRET,
            "HOST": sandbox.links.base,
            **environment,
        },
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
        assert DEMO_API_KEY not in said
        assert "Traceback" not in said or "ValueError: no such bucket" in said, said


def own_plugin(sandbox: AngoSandbox) -> tuple[str, ...]:
    outhaul = str(Path(sys.executable).with_name("outhaul"))
    return (outhaul, "ango-plugin", "--exporter", "coco", "--host", sandbox.links.base, "--at-once", "6")


def product(session: HubSession) -> bytes:
    assert session.state == "done", session.logs
    with urllib.request.urlopen(session.responses[0]["response"]) as opened:
        data: bytes = opened.read()
    return data


def images(session: HubSession) -> list[Any]:
    """Of the COCO file in the zip that a session's link opens."""
    with zipfile.ZipFile(io.BytesIO(product(session))) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".json")]
        found: list[Any] = json.loads(archive.read(name))["images"]
    return found


def images_of(sandbox: AngoSandbox, stages: tuple[str, ...] | None, batches: tuple[str, ...] = ()) -> int:
    """How many the project has in these stages and batches: a row has one, or a page each."""
    rows = map(json.loads, sandbox.rows(stages=stages))
    kept = [row for row in rows if not batches or {*batches} & {*row["batches"]}]
    return sum(max(1, len(row.get("dataset", ()))) for row in kept)


def last_words(session: HubSession) -> str:
    assert session.logs[-1]["level"] == "ERROR"
    return str(session.logs[-1]["msg"])


def prefect_database() -> str:
    """Everything in it, as text."""
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL  # noqa: PLC0415

    path = str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition(":///")[2]
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return "\n".join(database.iterdump())
