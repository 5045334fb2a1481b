"""What a person sees on a terminal: bars while it runs, a few lines at the end."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from exporters.options import ImageOptions
from flows import progress
from flows.cost import Cost
from flows.delivered import Delivery, Summary
from flows.formats import chosen_options, shape_names
from flows.manifest import counts
from flows.planned import Plan
from flows.words import changes_sentence, records_sentence, rows, sentence, size_text


class Lines:
    """What exporters log and print, on standard error; nothing of how far a run is."""

    def expect(self, step: str, total: int) -> None:
        pass

    def advance(self, step: str, count: int, size_bytes: int = 0) -> None:
        pass

    def say(self, exporter: str, level: int, text: str) -> None:
        word = f"{logging.getLevelName(level).lower()}: " if level >= logging.WARNING else ""
        who = f"{exporter}: " if exporter else ""
        lines = [f"outhaul: {who}{word}{line}\n" for line in text.splitlines()]
        with contextlib.suppress(OSError):  # nobody reads it any more: no reason to end the export
            sys.stderr.write("".join(lines))


class Bars(Lines):
    """Progress bars as well, one a step. Called from the threads of tasks."""

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
def watching(*, wants_bars: bool) -> Iterator[None]:
    """Show what exporters say while the block runs, and, on a terminal, progress.

    What exporters of this process print goes to standard error too: standard output is for the outcome.
    """
    with contextlib.ExitStack() as shown:
        listener = Lines()
        if wants_bars and sys.stderr.isatty():
            columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            bars = Progress(*columns, console=Console(stderr=True), transient=True)
            listener = Bars(shown.enter_context(bars))
        shown.enter_context(progress.listening(listener))
        shown.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def summary_text(summary: Summary) -> str:
    plan = summary.plan
    head = f"Nothing moved: this export of {plan.name} as {plan.request.exporter} is already there."
    if not all(delivery.was_there for delivery in summary.deliveries):
        head = f"Exported {plan.name} as {plan.request.exporter}."
    if not plan.entries:
        head += " There was no entry" + (" that the filters let through." if plan.where else " to export.")
    lines = [head, ""]
    for delivery in summary.deliveries:
        lines += _place_lines(delivery, say_was_there=len(summary.deliveries) > 1)
    lines += [
        f"  {kind:<12} {count['in']:,} in, {count['out']:,} out, {count['left_out']:,} left out"
        for kind, count in counts(summary.tally).items()
    ]
    changed = [
        f"{count:,} {'annotation' if count == 1 else 'annotations'}: {what}"
        for what, count in summary.tally.changed.items()
    ]
    lines += [*rows("changed", changed), *rows("left out", list(map(sentence, summary.tally.left_out)))]
    for changes in summary.changes:
        lines += rows(f"since {changes.since[:6]}", [changes_sentence(changes)])
    verifiable = [delivery.url for delivery in summary.deliveries if not delivery.records]
    lines += ["", *(f"  {own_name()} verify {url}" for url in verifiable)]
    return "\n".join(lines).rstrip()


def _place_lines(delivery: Delivery, *, say_was_there: bool) -> list[str]:
    there = ", was there" if say_was_there and delivery.was_there else ""
    if not delivery.records:
        lines = [f"  {'at':<12} {delivery.link}  ({size_text(delivery.package_bytes)}{there})"]
        return lines + (rows("report", [delivery.report]) if delivery.report else [])
    lines = [f"  {'sent to':<12} {delivery.url}  ({records_sentence(delivery.records)}{there})"]
    lines += rows("receipt", [delivery.link])
    return lines + (rows("refused", [delivery.records.refused_file]) if delivery.records.refused else [])


def own_name() -> str:
    """How the person at this terminal calls us: `outhaul` where that is found, else the path they used."""
    found = shutil.which("outhaul")
    return "outhaul" if found and Path(found).resolve() == Path(sys.argv[0]).resolve() else sys.argv[0]


def plan_text(plan: Plan, cost: Cost, *, is_spread: bool) -> str:
    """What `--dry-run` prints."""
    request, exporter, options = plan.request, plan.exporter(), plan.exporter_options()
    shapes = exporter.holds.shapes_after(options.convert if isinstance(options, ImageOptions) else ())
    values: dict[str, Sequence[str]] = {
        "format": [request.exporter],
        "options": chosen_options(exporter.options, plan.options),
        "shapes": [] if shapes is None else [f"{shape_names(shapes)}; others are left out and counted"],
        "entries": [
            f"{plan.entries:,} in {len(plan.shards):,} {'shard' if len(plan.shards) == 1 else 'shards'}"
            + ("" if plan.fresh == plan.entries else f", {plan.fresh:,} of them to read; the others have not changed")
        ],
        "media": [request.media],
        "package": [request.package],
        "cost": _cost_lines(plan, cost, is_spread=is_spread),
        "warnings": plan.warnings,
    }
    lines = [f"Would export {plan.name}; nothing was fetched or delivered.", ""]
    return "\n".join([*lines, *(line for label, those in values.items() for line in rows(label, those))])


def _cost_lines(plan: Plan, cost: Cost, *, is_spread: bool) -> list[str]:
    """What the export would take, of what is counted; how long, nobody knows beforehand."""
    asked = [] if cost.requests is None else [f"{cost.requests:,} requests"]
    asked += [f"{cost.files:,} files"] if plan.request.media != "none" else []
    each = cost.annotations / plan.entries if plan.entries else 0
    source = [f"{' and '.join(asked)} from the source, at {each:.1f} annotations an entry"] if asked else []
    memory = f"up to {cost.flow_megabytes:,} MB of memory"
    return [
        *source,
        f"{cost.task_runs:,} task runs",
        f"{cost.workspace_objects:,} objects in the workspace, {size_text(cost.workspace_bytes)} of records and notes",
        memory + (f", and {cost.task_megabytes:,} MB in each process of the runner" if is_spread else ""),
    ]
