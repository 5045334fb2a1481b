"""The process that a contextual exporter runs in: `python -m flows.contextual_worker`, a job on standard input.

It knows no Prefect. Its standard output belongs to the events; what the exporter prints goes to standard error. When
the run that started it is gone, it goes too, and takes its files along.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from blocks.storage import Storage
from blocks.store import Store
from exporters import OuthaulError, RequestError, RetriableError, read_options, registry
from exporters.contextual import Context, ContextualExporter, IoContext, adapt
from exporters.contextual.signals import Failed, Rescheduled
from exporters.plugins.modules import readable
from flows.contextual_messages import Broke, Delayed, Done, End, Event, Job, Moved, Said, decode_job, encode
from flows.contextual_source import FetchedSource

REPORT_SECONDS = 0.2
"""Progress is told no more often than that: there may be a million entries."""
MAX_TEXT = 4000
"""Characters of a log line; more is cut."""
MAX_MESSAGE = 300
MAX_WARNINGS = 20
"""Of one kind."""


class Wire:
    """Where events go, one whole line after the other, from whatever thread."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._moved_at = 0.0

    def tell(self, event: Event) -> None:
        with self._lock:
            self._out.write(encode(event) + b"\n")
            self._out.flush()

    def move(self, fraction: float) -> None:
        now = time.monotonic()
        if fraction >= 1 or now - self._moved_at >= REPORT_SECONDS:
            self._moved_at = now
            self.tell(Moved(fraction))


class LogHandler(logging.Handler):
    def __init__(self, wire: Wire) -> None:
        super().__init__(logging.INFO)
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._wire.tell(Said(record.levelno, self.format(record)[:MAX_TEXT]))
        except Exception:  # noqa: BLE001 - logging never stops anything
            self.handleError(record)


def main() -> None:
    wire, orders = _private_streams()
    job = decode_job(orders.readline())
    threading.Thread(target=_go_when_alone, args=(orders, Path(job.folder)), daemon=True).start()
    _be_the_first_to_go()
    logging.basicConfig(format="%(message)s", level=logging.INFO, handlers=[LogHandler(wire)], force=True)
    os.environ.pop("PYTHONPATH", None)  # was only to find this module, not for what the exporter may start
    end = run(job, wire)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    wire.tell(end)
    os._exit(0)  # threads that the exporter has left behind, and what it wants done at exit, hold nobody up


def run(job: Job, wire: Wire) -> End:
    """Run the exporter; returns how it ended."""
    exporter: Any = None
    try:
        exporter = _exporter(job)
        source = _source(job)
        context = _context(job, exporter, source, wire)
        try:
            exporter.export(context)
        finally:
            source.check_shown()
        written = context.finish()
        return Done(str(written) if written else None, context.tally().model_dump(mode="json"))
    except Rescheduled as ended:
        return Delayed(ended.after)
    except Failed as ended:
        return Broke(f"The exporter {job.exporter} gave up: {_line(ended)}.", traceback.format_exc())
    except RetriableError as error:
        return Broke(str(error), traceback.format_exc(), is_passing=True, delay_seconds=error.delay_seconds)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the run has to hear of it
        said = f"{_said(error)}{_place(error, exporter)}"
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


def _private_streams() -> tuple[Wire, IO[bytes]]:
    """Standard output and input for ourselves. What the exporter prints goes to standard error; it can read nothing."""
    out, orders = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return Wire(out), orders


def _go_when_alone(orders: IO[bytes], folder: Path) -> None:
    """The run holds our standard input open as long as it lives."""
    orders.read()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _be_the_first_to_go() -> None:
    """Where memory runs out, Linux is to end this process, not the run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _said(error: BaseException) -> str:
    if isinstance(error, OuthaulError):
        return _line(error)
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = _line(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException) -> str:
    """The first line of what an exception says."""
    return (readable(str(error)).strip().splitlines() or [""])[0][:MAX_MESSAGE].rstrip(".")


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
