"""What runs leave in the workspace for later ones, beside what is found by its content alone.

    read/<scope>/all              the shards of a dataset, as the last run read them that read all
    read/<scope>/<listing>        a shard that was read since, by a run that may not have lived to say more
    figures/<key>                 what was counted of a shard for reports
    outcomes/<key>                what became of the media of a shard
    indexes/<key>                 where the index of a shard is kept, for one exporter with its options
    entries/<key>                 what became of the entries of a shard, one by one: see `flows.converted`
    exports/<key>                 the package that was made of just this content
    pushes/<target>/              what an API was sent, in folders like those at a target that keeps files

Whoever finds nothing here does the work again. What is found says nothing of what a platform holds now: that is asked
by `flows.revision`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from prefect.logging import get_run_logger
from pydantic import TypeAdapter, ValidationError

from blocks.source import Where
from blocks.store import Store
from exporters.errors import OuthaulError
from exporters.version import version_of
from flows.delivered import Summary
from flows.outcomes import note_path
from flows.planned import Former, Plan
from flows.policy import digest
from flows.request import Frozen
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Package

T = TypeVar("T")

ALL = "all"
EXPORTS = "exports"
_SHARDS = TypeAdapter(list[Former])


class Made(Frozen):
    """A package that was made and delivered: of what, and all in the workspace that it, and the next run, goes by."""

    name: str
    exporter: str
    made_at: str
    """By the clock of who made it."""
    package: Package
    media_bytes: int
    is_final: bool
    """Whether another try cannot get more."""
    scopes: tuple[str, ...]
    kept: tuple[str, ...]


_MADE = TypeAdapter(Made)


def scope_of(source: Mapping[str, str], dataset_id: str, where: Where, media: str) -> str:
    """A name for the entries of a dataset as a request reads them: other filters may read other annotations."""
    filters = {name: sorted(values) for name, values in sorted(where.items())}
    return digest(version_of("outhaul"), source, dataset_id, filters, media)


def recall_shards(store: Store, scope: str) -> list[Former]:
    """The shards that were read of this scope, the latest last."""
    names = sorted(store.storage.files(f"read/{scope}"), key=lambda name: (name != ALL, name))
    found = [shard for name in names for shard in _recalled(store, f"read/{scope}/{name}", _SHARDS) or ()]
    return [shard for shard in found if all(map(store.storage.exists, (shard.path, *shard.pieces, shard.ledger)))]


def is_settled(store: Store, scope: str) -> bool:
    """Whether no shard was read of this scope since the last run that read all: no entry is in two of them then."""
    return not store.storage.files(f"read/{scope}").keys() - {ALL}


def note_shard(plan: Plan, shard: FetchedShard, store: Store) -> None:
    """Remember a shard at once: this run may be killed before it has read the others."""
    scope = _scopes(plan)[shard.shard.dataset_index]
    _write(store, f"read/{scope}/{digest(shard.shard.listing)[:32]}", _SHARDS.dump_json([shard.as_former()]))


def settle_shards(plan: Plan, fetched: Sequence[FetchedShard], store: Store) -> None:
    """Remember that all shards of a plan have been read, and these are the latest."""
    for number, scope in enumerate(_scopes(plan)):
        before = store.storage.files(f"read/{scope}")
        shards = [one.as_former() for one in fetched if one.shard.dataset_index == number]
        _write(store, f"read/{scope}/{ALL}", _SHARDS.dump_json(shards))
        for name in before:
            if name != ALL:
                store.storage.remove(f"read/{scope}/{name}")


def recall_export(plan: Plan, store: Store) -> Made | None:
    """The package that was made of just what a plan would read, which is nothing new."""
    if plan.since is not None or not plan.tells_changes or not all(shard.is_unchanged for shard in plan.shards):
        return None
    made = _recalled(store, _export_path(plan, [shard.formers[0].sha256 for shard in plan.shards]), _MADE)
    return made if made and made.is_final else None


def all_exports(store: Store) -> dict[str, Made]:
    """What is remembered of exports, by the name that it is remembered under."""
    names = [f"{EXPORTS}/{name}" for name in store.storage.files(EXPORTS)]
    return {name: made for name in names if (made := _recalled(store, name, _MADE))}


def note_export(
    summary: Summary,
    package: Package,
    fetched: Sequence[FetchedShard],
    files: Sequence[FetchedMedia],
    converted: Sequence[ConvertedShard],
    store: Store,
) -> None:
    """Remember what was delivered; it stays delivered when the workspace takes no more."""
    plan = summary.plan
    paths = [plan.datasets, package.index, package.contents]
    paths += [path for shard in fetched for path in (shard.path, *shard.pieces, shard.ledger, shard.index)]
    paths += [note_path(plan, shard.sha256) for shard in fetched] + [media.path for media in files]
    paths += [path for made in converted for path in (made.members, made.contents, *made.remembered)]
    paths += [part.path for made in converted for part in made.parts.values()]
    if preview := summary.preview:
        paths += filter(None, (preview.path, preview.sheet, *preview.kept))
    made = Made(
        name=plan.name,
        exporter=plan.request.exporter,
        made_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        package=package,
        media_bytes=summary.media_bytes,
        is_final=not (package.tally.has_faults or any(shard.withdrawn.came_in for shard in fetched)),
        scopes=_scopes(plan),
        kept=tuple(dict.fromkeys(paths)),
    )
    try:
        _write(store, _export_path(plan, [shard.sha256 for shard in fetched]), made.model_dump_json().encode())
    except OuthaulError as error:
        get_run_logger().warning("What was delivered could not be remembered: %s", error)


def _scopes(plan: Plan) -> tuple[str, ...]:
    """Those of its datasets, in their order."""
    return tuple(scope_of(plan.source, one, plan.where, plan.request.media) for one in plan.dataset_ids)


def _export_path(plan: Plan, contents: Sequence[str]) -> str:
    """A name for all that a package depends on but the media, which are never others under their name."""
    request = plan.request
    asked = [plan.name, plan.since, plan.where, request.media, request.package, request.on_error, request.strict]
    content = [plan.source, plan.datasets, contents, plan.exporter_facts]
    return f"{EXPORTS}/{digest(version_of('outhaul'), *content, asked)}"


def _recalled(store: Store, name: str, form: TypeAdapter[T]) -> T | None:
    """None where there is nothing, or nothing that this version understands."""
    if not store.storage.exists(name):
        return None
    try:
        return form.validate_json(store.storage.read(name))
    except ValidationError:
        return None


def _write(store: Store, name: str, data: bytes) -> None:
    store.storage.write(name, [data], durable=False)
