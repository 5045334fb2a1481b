"""A session as a run of somebody's callback, over the rows of the export as the hub sent them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from blocks import stopping
from blocks.ango import AngoSource
from blocks.ango.exporting import Export
from blocks.ango.upload import Parcel
from blocks.chunks import chunks_of
from blocks.source import parse_where
from exporters.errors import quoted
from flows.ango.asked import Asked
from flows.ango.callback_logger import CallbackLogger
from flows.ango.callbacks import ExportPlugin, call
from flows.ango.messages import Job
from flows.ango.product import Product
from flows.ango.rows import Rows
from flows.ango.worker import hub_of
from flows.child_messages import Said
from flows.child_side import Wire
from flows.policy import PATIENT


def call_back(plugin: ExportPlugin, job: Job, asked: Asked, wire: Wire) -> Parcel:
    """What the callback makes of the project's rows. The user's key is in no parameter of the run."""
    source: AngoSource = hub_of(job, only_key_frames=asked.only_key_frames)
    folder = Path(job.folder)

    def tell(level: int, text: str, extra: dict[str, Any]) -> None:
        wire.tell(Said(level, text, extra))

    @task(name="export rows", task_run_name="export rows", persist_result=False, **PATIENT)
    def export_rows(project_id: str) -> int:
        (dataset,) = source.choose([project_id])
        wanted = source.wanted_of(dataset, parse_where(asked.where))
        return Export(source.connection(), dataset.id, quoted(dataset.name), wanted).spill(folder / "rows.ndjson")

    @task(name="call back", task_run_name="call back", persist_result=False, cache_policy=NO_CACHE)
    def run_callback() -> Product:
        rows = Rows(folder / "rows.ndjson")
        return call(plugin, dict(job.event), rows, CallbackLogger(tell), folder)

    @flow(name="callback", flow_run_name=f"ango {asked.project_id} to callback", persist_result=False)
    def callback(project_id: str) -> Product:
        with stopping.on_interrupt():
            count = export_rows(project_id)
            wire.tell(Said(logging.INFO, f"{count:,} rows were exported."))
            return run_callback()

    product = callback(asked.project_id)
    return Parcel(
        name=product.name,
        size=product.path.stat().st_size,
        chunks=lambda: _chunks(product.path),
        storage_id=product.storage_id,
        bucket=product.bucket,
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        yield from chunks_of(handle)
