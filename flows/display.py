"""What a person sees on a terminal: bars while it runs, a few lines at the end."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from flows import progress
from flows.manifest import counts
from flows.report import sentence, size_text
from flows.results import Plan, Summary


class Bars:
    """Progress bars on standard error, one a step. Called from the threads of tasks."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        self._lock = threading.Lock()
        self._starting: TaskID | None = bars.add_task("starting", total=None)

    def expect(self, step: str, total: int) -> None:
        with self._lock:
            self._totals[step] = self._totals.get(step, 0) + total
            self._bars.update(self._task(step), total=self._totals[step])
            if step == "fetch":
                self._bars.update(self._task("transform"), total=self._totals[step])

    def advance(self, step: str, count: int, size_bytes: int = 0) -> None:  # noqa: ARG002 - a listener's signature
        with self._lock:
            self._bars.advance(self._task(step), count)

    def _task(self, step: str) -> TaskID:
        if self._starting is not None:  # Prefect's own start takes seconds
            self._bars.remove_task(self._starting)
            self._starting = None
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=None)
        return self._tasks[step]


@contextlib.contextmanager
def bars(*, wanted: bool) -> Iterator[None]:
    """Show progress while the block runs; on a terminal only."""
    if not (wanted and sys.stderr.isatty()):
        yield
        return
    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown, progress.listening(Bars(shown)):
        yield


def summary_text(summary: Summary) -> str:
    plan, delivery = summary.plan, summary.delivery
    head = f"Nothing moved: this export of {plan.name} as {plan.request.exporter} is already there."
    if not delivery.was_there:
        head = f"Exported {plan.name} as {plan.request.exporter}."
    if not plan.entries:
        head += " There was no entry" + (" that the filters let through." if plan.where else " to export.")
    lines = [head, ""]
    size = size_text(delivery.package_bytes)
    lines += [f"  {'at':<12} {delivery.link}  ({size})"]
    lines += [
        f"  {kind:<12} {count['in']:,} in, {count['out']:,} out, {count['left_out']:,} left out"
        for kind, count in counts(summary.tally).items()
    ]
    lines += [
        f"  {'changed':<12} {count:,} {'annotation' if count == 1 else 'annotations'}: {what}"
        for what, count in summary.tally.changed.items()
    ]
    for index, left in enumerate(summary.tally.left_out):
        lines.append(f"  {'' if index else 'left out':<12} {sentence(left)}")
    lines += ["", f"  {own_name()} verify {delivery.url}"]
    return "\n".join(lines)


def own_name() -> str:
    """How the person at this terminal calls us: `outhaul` where that is found, else the path they used."""
    found = shutil.which("outhaul")
    return "outhaul" if found and Path(found).resolve() == Path(sys.argv[0]).resolve() else sys.argv[0]


def plan_text(plan: Plan) -> str:
    """What `--dry-run` prints."""
    request = plan.request
    rows = [
        ("format", request.exporter + "".join(f" {key}={value}" for key, value in plan.options.items())),
        ("entries", f"{plan.entries:,} in {len(plan.shards):,} {'shard' if len(plan.shards) == 1 else 'shards'}"),
        ("media", request.media),
        ("package", request.package),
    ]
    lines = [f"Would export {plan.name}; nothing was fetched or delivered.", ""]
    return "\n".join([*lines, *(f"  {name:<12} {value}" for name, value in rows)])
