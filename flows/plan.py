"""plan: everything that can be wrong is found here, before anything is fetched; then the work is cut into shards."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import task

from blocks.catalog import AnySource, AnyTarget
from blocks.saved import refuse_unknown_fields
from blocks.source import parse_where
from blocks.workspace import Workspace
from exporters import BaseExporter, Exporter, RequestError, read_options, registry
from exporters.classes import build_class_map, refuse_clashes
from exporters.contextual.exporter import TIME_LIMIT
from exporters.errors import quoted
from exporters.model import Dataset, encode
from exporters.naming import safe_component
from exporters.options import ClassOptions, ExporterOptions, ImageOptions
from exporters.validation import revealed
from flows import progress
from flows.contextual_secrets import check_signing, public_digest
from flows.cutting import cut
from flows.manifest import latest_export
from flows.memory import is_settled, recall_shards, scope_of
from flows.planned import Plan, ShardPlan
from flows.policy import PATIENT, digest
from flows.request import Request
from flows.revision import Revision
from flows.targets import check_fit, place_of, refuse_repeated


@dataclass(frozen=True)
class Checked:
    """A request that can be carried out."""

    datasets: tuple[Dataset, ...]
    options: dict[str, Any]
    true_options: dict[str, Any]
    where: dict[str, list[str]]
    warnings: tuple[str, ...]


def check(request: Request, source: AnySource, targets: Sequence[AnyTarget]) -> Checked:
    """Ask everybody concerned whether this can be done, and say all that is wrong at once, a line each.

    Raises:
        RequestError: it cannot.
        RetriableError: the platform cannot be reached now.
    """
    registry.reload()
    problems: list[str] = []

    def asked(question: Callable[[], Any], otherwise: Any = None) -> Any:
        try:
            return question()
        except RequestError as error:
            problems.append(str(error))
            return otherwise

    exporter = asked(lambda: registry.get(request.exporter))
    options = asked(lambda: read_options(exporter, request.options)) if exporter else None
    where = asked(lambda: parse_where(request.where), {})
    asked(lambda: source.check_filters(where))
    asked(lambda: source.check_sort(request.sort))
    for target in targets:
        asked(target.check_writable)
    asked(partial(refuse_repeated, targets))
    datasets: list[Dataset] = asked(lambda: source.choose(request.datasets, where), [])
    warnings = list(registry.problems)
    if exporter and options:
        asked(exporter.check_installed)
        asked(lambda: check_signing(options))
        if request.delta and not isinstance(exporter, Exporter):
            problems.append(
                f"The format {exporter.name} looks at all entries at once, so it cannot export changes alone; "
                f"leave --delta out, or choose another format."
            )
        if request.delta and len(targets) > 1:
            problems.append(
                "Each target has a last export of its own to tell the changes since; make a --delta for one at a time."
            )
        if exporter.holds.needs_media and request.media == "none":
            problems.append(f"The format {exporter.name} is made of the files themselves; ask for --media original.")
        for dataset in datasets:
            asked(partial(_fit, request, exporter, options, dataset, warnings))
        warnings += asked(lambda: list(check_fit(request, exporter, targets)), [])
        asked(partial(_refuse_misdirected, exporter, options))
        asked(partial(build_class_map, datasets, (), exporter.holds, _class_options(options)))
    else:
        asked(lambda: refuse_clashes(datasets))
    if problems or options is None:
        raise RequestError("\n".join(problems))
    true_options = {name: value for name, value in revealed(options).items() if name != TIME_LIMIT}
    return Checked(tuple(datasets), options.model_dump(mode="json"), true_options, where, tuple(warnings))


@task(name="plan", task_run_name="plan", **PATIENT)
def plan_export(request: Request, source: AnySource, targets: Sequence[AnyTarget], workspace: Workspace) -> Plan:
    """Check the request, list the entries, and cut them into shards. A second run lists again: platforms change."""
    return make_plan(request, source, targets, workspace)


def make_plan(request: Request, source: AnySource, targets: Sequence[AnyTarget], workspace: Workspace) -> Plan:
    for block in (source, *targets, workspace):
        refuse_unknown_fields(block)
    checked = check(request, source, targets)
    store = workspace.open()
    workspace_id = store.identity()
    shards: list[ShardPlan] = []
    for dataset_index, dataset in enumerate(checked.datasets):
        listing = source.list_entries(dataset, checked.where, request.sort)
        listed: list[ShardPlan] = []
        for number, lines in enumerate(cut(listing, request.shard_entries, source.key_of), start=1):
            label = f"{_clean(dataset.name)[:40]} {number}"
            index = len(shards) + len(listed)
            path, _ = store.save_lines(lines)
            listed.append(
                ShardPlan(index=index, label=label, dataset_index=dataset_index, listing=path, entries=len(lines))
            )
        scope = scope_of(source.identity(), dataset.id, checked.where, request.media)
        formers = recall_shards(store, scope) if source.tells_changes and not request.full else []
        are_apart = is_settled(store, scope)
        shards += Revision(source, dataset, checked.where, store, formers, are_apart=are_apart).compare(listed)
    datasets, _ = store.save_lines(encode(dataset) for dataset in checked.datasets)
    name = export_name(request.name, [dataset.name for dataset in checked.datasets])
    if request.delta and not request.name:
        name += "-delta"
    plan = Plan(
        request=request,
        name=name,
        since=latest_export(place_of(targets[0], workspace), f"{name}/") if request.delta else None,
        source=source.identity(),
        datasets=datasets,
        dataset_ids=tuple(dataset.id for dataset in checked.datasets),
        options=checked.options,
        options_digest=digest(workspace_id, checked.true_options),
        code_digest=registry.code_digest(request.exporter),
        signed_by=public_digest(read_options(registry.get(request.exporter), request.options)),
        where={name: sorted(values) for name, values in sorted(checked.where.items())},
        shards=tuple(shards),
        warnings=checked.warnings,
        workspace_id=workspace_id,
        tells_changes=source.tells_changes,
    )
    progress.expect("fetch", plan.entries)
    return plan


def export_name(given: str, datasets: Sequence[str]) -> str:
    """The name of an export's folder and file: as given, or made of its datasets' names, safe in URLs and on disks."""
    names = [given] if given else list(datasets[:3])
    name = "+".join(part for part in map(_clean, names) if part) or "export"
    more = len(datasets) - 3
    return safe_component(name[:80]) + (f"+{more}-more" if more > 0 and not given else "")


def _clean(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")


def _class_options(options: ExporterOptions) -> ClassOptions | None:
    return options if isinstance(options, ClassOptions) else None


def _fit(
    request: Request, exporter: BaseExporter[Any], options: ExporterOptions, dataset: Dataset, warnings: list[str]
) -> None:
    """Warn of what the format cannot hold of a dataset; refuse when that is all of it, or nothing may be left out."""
    if not registry.applies(exporter.name, dataset.modality):
        held = exporter.holds.modalities or registry.modalities(exporter.name).names()
        raise RequestError(
            f"The format {exporter.name} holds {' and '.join(sorted(held))}, but dataset {quoted(dataset.name)} is "
            f"{dataset.modality}; choose another format (outhaul formats --modality {dataset.modality})."
        )
    holds, conversions = exporter.holds, options.convert if isinstance(options, ImageOptions) else ()
    misfits = holds.misfits(dataset, conversions)
    if not misfits:
        return
    shapes = ", ".join(sorted(misfits)).replace("_", " ")
    sentence = f"The format {exporter.name} cannot hold {shapes}, which dataset {quoted(dataset.name)} declares"
    if request.strict:
        raise RequestError(f"{sentence}; choose another format (json holds everything) or leave --strict out.")
    helps = holds.conversions_for(misfits) if isinstance(options, ImageOptions) else []
    hint = f" --option convert={','.join(helps)} takes some of them along." if helps else ""
    warnings.append(f"{sentence}: such annotations will be left out and counted.{hint}")


def _refuse_misdirected(exporter: BaseExporter[Any], options: ExporterOptions) -> None:
    useless = exporter.holds.misdirected(options.convert if isinstance(options, ImageOptions) else ())
    if useless:
        raise RequestError(
            f"The format {exporter.name} does not hold what convert={','.join(useless)} makes; "
            f"it holds {', '.join(sorted(exporter.holds.shapes or ())).replace('_', ' ')}."
        )
