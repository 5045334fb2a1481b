"""A run as the log of its page tells it: a sentence a step with its counts, and not a line for every task."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.logging import get_run_logger

from flows.delivered import Delivery, Summary
from flows.planned import Plan
from flows.results import FetchedMedia, FetchedShard, Package
from flows.words import records_sentence, size_text

ENDED_WELL = ("Finished in state Completed", "Finished in state Cached")
"""How Prefect begins the line for each task that did; it does not name the task."""


@contextmanager
def told() -> Iterator[None]:
    """Meanwhile tasks that end well say nothing; what fails or is tried again is still said."""
    logger = logging.getLogger("prefect.task_runs")
    logger.addFilter(_is_news)
    try:
        yield
    finally:
        logger.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO or not record.getMessage().startswith(ENDED_WELL)


def tell_plan(plan: Plan) -> None:
    log = get_run_logger()
    datasets = _count(len(plan.dataset_ids), "dataset", "datasets")
    entries, shards = _count(plan.entries, "entry", "entries"), _count(len(plan.shards), "shard", "shards")
    log.info("Exporting %s of %s as %s, in %s.", entries, datasets, plan.request.exporter, shards)
    if plan.fresh != plan.entries:
        log.info("%s of them to read; the others have not changed.", f"{plan.fresh:,}")
    for warning in plan.warnings:
        log.warning("%s", warning)


def tell_fetched(fetched: Sequence[FetchedShard]) -> None:
    entries, annotations = sum(one.entries for one in fetched), sum(one.annotations for one in fetched)
    counts = _count(entries, "entry", "entries"), _count(annotations, "annotation", "annotations")
    get_run_logger().info("Fetched %s with %s.", *counts)


def tell_media(files: Sequence[FetchedMedia]) -> None:
    if files:
        downloaded, size = sum(one.downloaded for one in files), sum(one.bytes for one in files)
        get_run_logger().info("Media: %s in all, %s downloaded.", size_text(size), _count(downloaded, "file", "files"))


def tell_package(package: Package) -> None:
    left = sum(one.count for one in package.tally.left_out if one.kind == "annotations")
    counts = _count(package.files, "file", "files"), size_text(package.bytes), _count(left, "annotation", "annotations")
    get_run_logger().info("Converted and packaged %s, %s; %s left out.", *counts)


def tell_end(summary: Summary) -> None:
    log = get_run_logger()
    for one in summary.deliveries:
        log.info("%s", _delivered(one))
    for lost in summary.undelivered:
        log.error("Not delivered to %s: %s", lost.to, lost.reason)


def _delivered(one: Delivery) -> str:
    if one.was_there:
        return f"Nothing moved: this export is already at {one.url}."
    if one.records:
        return f"Sent to {one.url}: {records_sentence(one.records)}."
    moved = _count(one.moved_files, "file", "files")
    return f"Delivered to {one.url}: {moved} moved, {size_text(one.moved_bytes)}."


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
