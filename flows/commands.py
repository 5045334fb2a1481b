"""The commands that talk to platforms. Imported only when one of them is called: Prefect takes seconds."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from blocks.catalog import AnySource, AnyTarget, find_source, find_target, find_workspace
from blocks.source import parse_where
from blocks.workspace import Workspace
from exporters import FatalError, RequestError
from exporters.errors import BusyError
from exporters.validation import wrong_values
from flows import display
from flows.cost import cost_of, size_of
from flows.delivered import Summary
from flows.manifest import counts
from flows.plan import check, make_plan
from flows.planned import Plan
from flows.request import Request
from flows.runners import read_runner
from flows.settings import without_heartbeats

DELIVERED, DELIVERED_WITH_FAULTS = 0, 3


def export_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul export`; returns exit status, text for people, and the object for `--json`."""
    request = read_request(arguments)
    source, workspace = find_source(arguments.source), find_workspace(arguments.workspace)
    targets = [find_target(to) for to in arguments.to]
    runner = read_runner(arguments.runner)
    if arguments.dry_run:
        plan = make_plan(request, source, targets, workspace)
        cost = cost_of(size_of(plan, source, len(targets), workspace))
        text = display.plan_text(plan, cost, is_spread=not runner.is_threads)
        return DELIVERED, text, {**plan_object(plan), "cost": cost.as_object()}
    warn(check(request, source, targets).warnings)
    manner = {"keep": arguments.keep, "if_running": arguments.if_running, "runner": arguments.runner}
    summary = run(request, source, targets, workspace, wants_bars=not arguments.json, **manner)
    status = DELIVERED_WITH_FAULTS if summary.has_faults else DELIVERED
    return status, display.summary_text(summary), summary_object(summary)


def run(
    request: Request,
    source: AnySource,
    targets: Sequence[AnyTarget],
    workspace: Workspace,
    *,
    wants_bars: bool = True,
    **manner: Any,
) -> Summary:
    """Run the flow here, with a Prefect API of its own unless one is configured; `manner` is what else it takes."""
    from flows.export import export  # noqa: PLC0415 - a refused request need not wait for it

    first, *more = targets
    parameters = {**manner, **request.parameters(), "more_targets": more}
    with display.watching(wants_bars=wants_bars):
        try:
            with without_heartbeats():
                summary: Summary = export(source=source, target=first, workspace=workspace, **parameters)
        except BusyError:
            raise
        except RequestError as error:  # found after the checks: something was fetched, so it is a failure now
            raise FatalError(str(error)) from None
    return summary


def datasets_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul datasets`."""
    source, where = find_source(arguments.source), parse_where(arguments.where)
    source.check_filters(where)
    if astray := [name for name in where if not name.startswith(("dataset.", "project."))]:
        raise RequestError(f"Datasets are filtered by names that begin with dataset. or project., not by {astray[0]}.")
    found = source.choose((), where) if where else source.catalog()
    rows = [{"id": one.id, "name": one.name, "modality": one.modality, "entries": one.entries_count} for one in found]
    lines = [
        f"{one.id}  {one.modality:<8} {'?' if one.entries_count is None else one.entries_count:>8} entries  {one.name}"
        for one in found
    ]
    return DELIVERED, "\n".join(lines) or "No datasets.", {"datasets": rows}


def exports_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul exports`."""
    formats, exports = find_source(arguments.source).exports()
    lines = [f"{one.name:<24} {one.description}" for one in formats]
    lines += [
        f"{one.id:>6}  {one.created_at:<25}  {one.status:<10} {one.progress:>4.0%}  {one.format}  {one.file_name}"
        for one in exports
    ]
    document = {"formats": msgspec.to_builtins(formats), "exports": msgspec.to_builtins(exports)}
    return DELIVERED, "\n".join(lines) or "The platform offers no formats and has made no exports.", document


def read_request(arguments: Namespace) -> Request:
    try:
        return Request(
            datasets=tuple(arguments.dataset),
            exporter=arguments.format,
            options=named_options(arguments.option),
            where=tuple(arguments.where),
            sort=arguments.sort,
            media=arguments.media,
            package=arguments.package,
            on_error=arguments.on_error,
            strict=arguments.strict,
            name=arguments.name,
            full=arguments.full,
            delta=arguments.delta,
            shard_entries=arguments.shard_entries,
            report=not arguments.no_report,
        )
    except ValidationError as error:
        raise RequestError(f"An export does not take {wrong_values(error)}; correct it.") from None


def summary_object(summary: Summary) -> dict[str, Any]:
    delivery = summary.delivery
    return {
        **delivery.model_dump(mode="json"),
        "targets": [one.model_dump(mode="json") for one in summary.deliveries],
        "name": summary.plan.name,
        "exporter": summary.plan.request.exporter,
        "counts": counts(summary.tally),
        "left_out": [left.model_dump(mode="json") for left in summary.tally.left_out],
        "changed": summary.tally.changed,
        "downloaded_files": summary.downloaded_files,
        "media_bytes": summary.media_bytes,
        "read_entries": summary.plan.fresh,
        "warnings": list(summary.plan.warnings),
    }


def plan_object(plan: Plan) -> dict[str, Any]:
    return {
        "dry_run": True,
        "name": plan.name,
        "exporter": plan.request.exporter,
        "options": plan.options,
        "entries": plan.entries,
        "shards": len(plan.shards),
        "read_entries": plan.fresh,
        "warnings": list(plan.warnings),
    }


def named_options(texts: Sequence[str]) -> dict[str, str]:
    """Options of a format, as `--option` has them."""
    return dict(map(_option, texts))


def _option(text: str) -> tuple[str, str]:
    """Name and value of `name=value`, or of `name=@FILE`, whose value stands in a file."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise RequestError(f"The option {text!r} is not of the form name=value; write it so.")
    if not value.startswith("@"):
        return name, value
    try:
        return name, Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, ValueError):  # the latter of what is no UTF-8, and of a path with a NUL in it
        raise RequestError(f"The option {name} names the file {value[1:]}, which cannot be read; check it.") from None


def warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        print(f"outhaul: {warning}", file=sys.stderr)
