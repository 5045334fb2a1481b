"""Runs an exporter in this process, over data held in memory: what the flow does, without the flow."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporters.base import BaseExporter, Exporter
from exporters.contextual.context import Context
from exporters.contextual.exporter import ContextualExporter, adapt
from exporters.contextual.io import IoContext
from exporters.contextual.product import product_files
from exporters.contextual.signals import Failed, Rescheduled
from exporters.registries import read_options
from exporters.testing.data import Datasets
from exporters.testing.result import Result
from exporters.testing.sharded import run_sharded

PACKAGE = "export"
"""The name of the export: of its file, where the exporter writes a single one."""


def run(exporter: Any, data: Datasets, /, *, skips_faults: bool = False, **options: Any) -> Result:
    """Run an exporter, given as its class, with these options.

    `context.error` and `context.reschedule` end the run and are in the result; exceptions of the exporter are raised
    as they are. `skips_faults`: as with `--on-error skip`.

    Raises:
        FatalError: the class is no exporter.
        RequestError: there are no such options.
    """
    made = _made(exporter)
    if isinstance(made, Exporter):
        return run_sharded(made, data, read_options(made, options), skips_faults=skips_faults)
    assert isinstance(made, ContextualExporter)
    progress: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(IoContext(Path(folder))) as io,
        _listening(made.name) as (log, lines),
    ):
        context = Context(
            data,
            read_options(made, options),
            io,
            log=log,
            report=progress.append,
            skips_faults=skips_faults,
        )
        errors: list[str] = []
        after: float | None = None
        files: dict[str, bytes] = {}
        try:
            made.export(context)
            files = {path: file.read_bytes() for path, file in product_files(context.finish(), PACKAGE)}
        except Failed as ended:
            errors.append(str(ended))
        except Rescheduled as ended:
            after = ended.after
    tally = context.tally()
    tally.check("this export")
    return Result(files, tally, errors, lines, progress, after)


def _made(exporter: Any) -> BaseExporter[Any]:
    is_sharded = isinstance(exporter, type) and issubclass(exporter, Exporter)
    made: BaseExporter[Any] = exporter() if is_sharded else adapt(exporter)()
    return made


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextlib.contextmanager
def _listening(name: str) -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger for the exporter, and what is logged meanwhile, by it or by anybody else."""
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield logging.getLogger(name), handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
