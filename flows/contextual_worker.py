"""The process that a contextual exporter runs in: `python -m flows.contextual_worker`, a job on standard input.

It knows no Prefect. Its standard output belongs to the events; what the exporter prints goes to standard error. When
the run that started it is gone, it goes too, and takes its files along.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from operator import attrgetter
from pathlib import Path
from typing import Any

from blocks.storage import Storage
from blocks.store import Store
from exporters import OuthaulError, RequestError, RetriableError, read_options, registry
from exporters.contextual import Context, ContextualExporter, IoContext, adapt
from exporters.contextual.signals import Failed, Rescheduled
from exporters.errors import first_line, with_kind
from exporters.plugins.modules import readable
from flows.child_messages import Began, Broke
from flows.child_side import Wire, leave, private_streams, settle_in
from flows.contextual_messages import Delayed, Done, End, Job, decode_job
from flows.contextual_source import FetchedSource

MAX_WARNINGS = 20
"""Of one kind."""


def main() -> None:
    wire, orders = private_streams()
    job = decode_job(orders.readline())
    settle_in(wire, orders, job.folder)
    leave(wire, run(job, wire))


def run(job: Job, wire: Wire) -> End:
    """Run the exporter; returns how it ended."""
    exporter: Any = None
    try:
        exporter = _exporter(job)
        source = _source(job)
        context = _context(job, exporter, source, wire)
        try:
            wire.tell(Began())
            exporter.export(context)
        finally:
            source.check_shown()
        written = context.finish()
        return Done(str(written) if written else None, context.tally().model_dump(mode="json"))
    except Rescheduled as ended:
        return Delayed(ended.after)
    except Failed as ended:
        return Broke(
            f"The exporter {job.exporter} gave up: {_line(ended)}; mend that and run again.", traceback.format_exc()
        )
    except RetriableError as error:
        return Broke(str(error), traceback.format_exc(), is_passing=True, delay_seconds=error.delay_seconds)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the run has to hear of it
        advice = "" if isinstance(error, OuthaulError) else "; correct its code"
        said = f"{_said(error)}{_place(error, exporter)}{advice}"
        return Broke(f"The exporter {job.exporter} failed: {said}.", traceback.format_exc())


def _exporter(job: Job) -> Any:
    """The exporter by its name, else, where this program registered it and not a plug-in, by its class."""
    try:
        return registry.get_as_planned(job.exporter, job.code_digest)
    except RequestError:
        module, name = job.written_as
        try:
            return adapt(attrgetter(name)(importlib.import_module(module)))()
        except (ImportError, AttributeError):
            pass
        raise


def _warn_of_overwriting(product: Path) -> None:
    """Say so when a file of the export is written anew: medias may share a name, and the first one would be lost."""
    below = f"{product}{os.sep}"
    warned = 0

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal warned
        if event != "open" or warned >= MAX_WARNINGS or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.path.abspath(arguments[0])  # noqa: PTH100 - called for every file that is opened
        if path.startswith(below) and arguments[2] & os.O_TRUNC and os.path.exists(path) and os.path.getsize(path):  # noqa: PTH110, PTH202
            warned += 1
            logging.getLogger(__name__).warning(
                "The exporter writes %s a second time, and what it held is lost; safe_name tells medias apart.",
                os.path.basename(path),  # noqa: PTH119
            )

    sys.addaudithook(look)


def _source(job: Job) -> FetchedSource:
    store = Store(Storage(job.workspace_url, job.workspace_options))
    return FetchedSource(store, job.datasets, job.shards, job.media)


def _context(job: Job, exporter: ContextualExporter, source: FetchedSource, wire: Wire) -> Context:
    product = Path(job.folder) / "product"
    product.mkdir()
    _warn_of_overwriting(product)
    return Context(
        source,
        read_options(exporter, job.options),
        IoContext(product),
        log=logging.getLogger(job.exporter),
        report=wire.move,
        skips_faults=job.skips_faults,
        origin=job.origin,
        secrets=job.secrets,
    )


def _said(error: BaseException) -> str:
    if isinstance(error, OuthaulError):
        return _line(error)
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    return with_kind(error, _line(error))


def _line(error: BaseException) -> str:
    """The first line of what an exception says."""
    return first_line(readable(str(error)))


def _place(error: BaseException, exporter: ContextualExporter | None) -> str:
    """Where in the exporter's own code it happened."""
    here = _code(exporter.written_as or type(exporter)) if exporter else None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if here and (path == here or here in path.parents):
            return f" ({path.name}, line {frame.lineno})"
    return ""


def _code(cls: type) -> Path | None:
    """The folder of the plug-in or package that a class belongs to, else its file; None when it has no file."""
    origin = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if not origin:
        return None
    packages = cls.__module__.count(".")
    return Path(origin).parents[packages - 1] if packages else Path(origin)


if __name__ == "__main__":
    main()
