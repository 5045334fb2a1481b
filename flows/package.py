"""package: everything that was made laid out as the files of one package, and every number reconciled."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from prefect import task

from blocks.store import Store
from blocks.workspace import Workspace
from exporters import Exporter, FatalError
from exporters.annotators import datasets_as_asked
from exporters.assembly import Assembly, Piece
from exporters.classes import ClassMap
from exporters.errors import quoted
from exporters.naming import is_safe_path, meeting_key
from exporters.tally import KINDS, Tally, total
from flows.fetch import load_datasets
from flows.index import Member, decode_member, written_member
from flows.manifest import OWN
from flows.memory import settle_shards
from flows.planned import Plan
from flows.policy import PATIENT, lasting_digest
from flows.results import ConvertedShard, FetchedShard, Package
from flows.survey import Surveyed
from flows.words import sentence


@task(name="package", task_run_name="package", **PATIENT)
def make_package(
    converted: Sequence[ConvertedShard],
    fetched: Sequence[FetchedShard],
    surveyed: Surveyed,
    plan: Plan,
    workspace: Workspace,
) -> Package:
    """Write the index of the package, in stable order: the exporter's files, then media in the order of entries.

    Holds no more than the description of the exporter's own files. Names the export by a digest of all it consists of.
    """
    tally = reconcile(plan, fetched, converted)
    store, request = workspace.open(), plan.request
    if plan.tells_changes:
        settle_shards(plan, fetched, store)
    size = 0
    places = array("Q")
    contents = hashlib.sha256()

    def lines() -> Iterator[bytes]:
        nonlocal size
        for member in _members(plan, fetched, converted, surveyed, store):
            if not is_safe_path(member.path):
                raise FatalError(
                    f"The exporter {request.exporter} wrote {quoted(member.path)}, a path that not every system takes; "
                    f"let it use exporters.naming.safe_path."
                )
            if request.package == "directory" and member.path.casefold() in OWN:
                raise FatalError(
                    f"The exporter {request.exporter} wrote {member.path}, a name that the folder of an export keeps "
                    f"for itself; deliver it as a zip (--package zip)."
                )
            places.append(meeting_key(member.path))
            size += member.size
            contents.update(f"{member.path}\0{member.size}\0{member.sha256}\n".encode())
            yield msgspec.json.encode(member)

    index, _ = store.save_lines(lines())
    refuse_meeting(places)
    described, described_sha256 = store.save_lines(
        line for shard in converted for line in store.load_lines(shard.contents)
    )
    exporter = [request.exporter, plan.exporter().version, plan.code_digest, plan.options, surveyed.classes]
    asked = [sorted(dataset.id for dataset in load_datasets(plan, store)), plan.where, request.media, request.package]
    export_id = lasting_digest(plan.source, *exporter, *asked, contents.hexdigest(), described_sha256, tally)
    if plan.since is not None:
        export_id = lasting_digest(export_id, plan.since, surveyed.removed)
    return Package(
        export_id=export_id[:20],
        index=index,
        contents=described,
        files=len(places),
        bytes=size,
        tally=tally,
        classes=surveyed.classes,
        ids=surveyed.ids,
        removed=surveyed.removed,
    )


def refuse_meeting(places: array[int]) -> None:
    """Raise when two files would lie in one place, also on a disk that minds no case: one of them would be lost.

    Takes the `meeting_key` of each path: 8 bytes a file.
    """
    ordered = np.sort(np.frombuffer(places, np.uint64))
    if (ordered[1:] == ordered[:-1]).any():
        raise FatalError(
            "Two files of the package have one name, or differ in case alone; please report this as a fault."
        )


def reconcile(plan: Plan, fetched: Sequence[FetchedShard], converted: Sequence[ConvertedShard]) -> Tally:
    """The sum of all shards; raises unless what was listed was fetched, and what was fetched went out or was left out.

    The two sides were counted apart: by fetch when it wrote the shards, by the shards' books when they were converted.
    """
    tally = total([*(shard.tally for shard in converted), *(shard.withdrawn for shard in fetched)])
    tally.check(f"export {plan.name}")
    listed = {"entries": plan.entries}
    for kind in KINDS:
        read = sum(getattr(shard, kind) + shard.withdrawn.came_in.get(kind, 0) for shard in fetched)
        if tally.came_in.get(kind, 0) != read or listed.get(kind, read) != read:
            raise FatalError(
                f"The {kind} do not add up: {listed.get(kind, read)} were listed, {read} fetched and "
                f"{tally.came_in.get(kind, 0)} transformed. Nothing was delivered; please report this."
            )
    if plan.request.strict and tally.left_out_count("annotations"):
        reasons = "; ".join(sentence(left) for left in tally.left_out if left.kind == "annotations")
        raise FatalError(
            f"Nothing was delivered, because --strict forbids to leave out annotations ({reasons}); choose another "
            f"format, or allow it."
        )
    return tally


def _members(
    plan: Plan,
    fetched: Sequence[FetchedShard],
    converted: Sequence[ConvertedShard],
    surveyed: Surveyed,
    store: Store,
) -> Iterator[Member]:
    exporter = plan.exporter()
    if isinstance(exporter, Exporter):
        yield from _assembled(exporter, plan, fetched, converted, surveyed, store)
    for shard in converted:
        yield from map(decode_member, store.load_lines(shard.members))


def _assembled(
    exporter: Exporter[Any],
    plan: Plan,
    fetched: Sequence[FetchedShard],
    converted: Sequence[ConvertedShard],
    surveyed: Surveyed,
    store: Store,
) -> Iterator[Member]:
    """The files that are made of parts of all shards."""
    options = plan.exporter_options()
    assembly: Assembly[Any] = Assembly(
        options=options,
        datasets=datasets_as_asked(load_datasets(plan, store), options),
        classes=ClassMap(surveyed.export_classes),
        parts=[{name: Piece(**part.model_dump()) for name, part in shard.parts.items()} for shard in converted],
        shard_datasets=[one.shard.dataset_index for one in fetched],
        name=plan.name,
    )
    exporter.assemble(assembly)
    for path, segments in sorted(assembly.files.items()):
        yield written_member(path, segments, store.storage)
