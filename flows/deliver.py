"""deliver: the package to the target, the manifest behind it, the receipt last.

What a reader of the target can see at any moment: a folder without a receipt is not an export yet, whatever lies in it.
A folder with one is whole, and is never touched again: delivering the same export a second time moves nothing.

An API that records are sent to keeps no such folder; the workspace does, with all but the package in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import orjson
from prefect import task
from prefect.runtime import flow_run, task_run

from blocks.catalog import AnyTarget
from blocks.documents import LATEST, MANIFEST, RECEIPT
from blocks.http_target import HttpTarget
from blocks.leftovers import sweep_target, sweep_uploads
from blocks.storage import Storage
from blocks.store import Store
from blocks.workspace import Workspace
from exporters import RetriableError
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE
from flows import progress
from flows.archive import tar_stream, zip_stream
from flows.begun import is_last, settle
from flows.contents import CONTENTS, UnreadableContentsError, decode_line
from flows.delivered import Changes, Delivery, Records
from flows.diff import compare, delivered_lines
from flows.fetch import load_datasets
from flows.manifest import (
    PRETTY,
    REPORT,
    ListedFile,
    PackedFile,
    decode_receipt,
    latest_export,
    manifest_chunks,
    receipt,
)
from flows.planned import Plan
from flows.policy import PATIENT
from flows.push import Push
from flows.put import Moved, counted, index_of, put, put_directory
from flows.results import Package, Preview
from flows.retention import keep_latest
from flows.targets import place_of

NOTHING = Moved(0, 0)
STREAMS = {"zip": zip_stream, "tar": tar_stream}
PUSHED = "records"
"""The kind of a package that was sent record by record."""


@task(name="deliver", task_run_name="deliver", **PATIENT)
def deliver(
    package: Package, preview: Preview | None, plan: Plan, target: AnyTarget, keep: int, workspace: Workspace
) -> Delivery:
    """Deliver a package unless it lies there already, then let older ones go, if only so many are to be kept.

    The archive is made while it is uploaded; holds one chunk.
    """
    storage, store = place_of(target, workspace), workspace.open()
    if plan.since and not package.tally.went_out.get("entries") and not package.removed:
        same = package.model_copy(update={"export_id": plan.since})  # nothing has changed: that one still holds
        if found := deliver_again(same, plan, target, storage):
            return found
    if found := deliver_again(package, plan, target, storage):
        return found
    delivery = _deliver(package, preview, plan, target, storage, store)
    _point_at(package, plan, storage)
    if isinstance(target, HttpTarget):
        settle(storage, plan.name)
    keep_latest(storage, plan.name, keep)
    return delivery


def deliver_again(package: Package, plan: Plan, target: AnyTarget, storage: Storage) -> Delivery | None:
    """Point at a package that lies at the target already; None when it does not.

    Nor does it lie at an API that did not accept all of it, or was sent another one since.
    """
    path = f"{plan.name}/{package.export_id}/{RECEIPT}"
    if not storage.exists(path):
        return None
    try:
        found = decode_receipt(storage.read(path), storage.shown_path(path))
        records = Records.model_validate(found.records) if found.records else None
    except UNREADABLE:
        raise RequestError(
            f"{storage.shown_path(path)} cannot be read; remove it and run again, and the export is delivered anew."
        ) from None
    if records and (records.refused or not is_last(storage, plan, package.export_id)):
        return None
    _point_at(package, plan, storage)
    return _delivery(
        package, plan, target, storage, found.package, report=found.report, records=records, was_there=True
    )


def _deliver(
    package: Package, preview: Preview | None, plan: Plan, target: AnyTarget, storage: Storage, store: Store
) -> Delivery:
    """Put package, contents, report, manifest and receipt, in this order."""
    started = datetime.now(UTC)
    folder = f"{plan.name}/{package.export_id}"
    former = latest_export(storage, f"{plan.name}/")
    if not isinstance(target, HttpTarget):
        progress.expect("deliver", package.bytes)
    sweep_target(storage, folder, is_first=task_run.run_count == 1)
    described: Iterable[bytes] = store.load_lines(package.contents)
    records = None
    if isinstance(target, HttpTarget):
        push = Push(package, plan, target, storage, folder, store)
        records = push.run()
        packed = PackedFile(PUSHED, size=push.member.size, sha256=push.member.sha256)
        moved, described = Moved(0, push.sent_bytes), push.described(described)
    elif plan.request.package == "directory":
        packed, moved = PackedFile("directory"), put_directory(index_of(package, store), folder, former, storage, store)
    else:
        packed = _put_archive(package, plan, folder, storage, store)
        moved = Moved(1, packed.size)
    contents = ListedFile(CONTENTS, *put(storage, f"{folder}/{CONTENTS}", (line + b"\n" for line in described)))
    report = _put_report(preview, folder, storage, store)
    chunks = manifest_chunks(plan, package, packed, contents, load_datasets(plan, store), index_of(package, store))
    manifest = ListedFile(MANIFEST, *put(storage, f"{folder}/{MANIFEST}", chunks))
    changes = _changes(package, plan, former, storage, store)
    sweep_uploads(storage, folder)  # of this one, too: nobody comes back to an export that has its receipt
    delivery = _delivery(
        package, plan, target, storage, packed,
        report=report, moved=moved, changes=changes, records=records, was_there=False,
    )  # fmt: skip
    times = (started, datetime.now(UTC))
    place = storage.shown_path(_file(folder, packed, records))
    said = receipt(package, packed, manifest, report, changes, flow_run.id or "", times, place, records)
    if records:
        storage.write(f"{folder}/{RECEIPT}", [said])  # one that tells of refused records is followed by a better one
    else:
        _create(storage, f"{folder}/{RECEIPT}", said)
    return delivery


def _create(storage: Storage, path: str, data: bytes) -> None:
    """Raises RetriableError when the target says that it has the file, and has not."""
    storage.create(path, data)
    if storage.size(path) is None:
        raise RetriableError(
            f"{storage.shown_path(path)} was written, but the target has none; it may lose writes, try again later."
        )


def _changes(package: Package, plan: Plan, former: str, storage: Storage, store: Store) -> Changes | None:
    before = delivered_lines(storage, f"{plan.name}/{former}/") if former else None
    if before is None:
        return None
    try:
        return compare(before, map(decode_line, store.load_lines(package.contents)), since=former)
    except UnreadableContentsError:  # somebody has changed the former export: no reason not to deliver this one
        return None


def _put_archive(package: Package, plan: Plan, folder: str, storage: Storage, store: Store) -> PackedFile:
    kind = plan.request.package
    file = f"{plan.name}.{kind}"
    contents = ((member, counted(member.read(store.storage))) for member in index_of(package, store))
    size, sha256 = put(storage, f"{folder}/{file}", STREAMS[kind](contents), expected=package.bytes)
    return PackedFile(kind, file, size, sha256)


def _put_report(preview: Preview | None, folder: str, storage: Storage, store: Store) -> ListedFile | None:
    """The page beside the package; one that is not in the workspace any more is no reason to deliver nothing."""
    if preview is None or not store.storage.exists(preview.path):
        return None
    return ListedFile(REPORT, *put(storage, f"{folder}/{REPORT}", store.storage.stream(preview.path)))


def _point_at(package: Package, plan: Plan, storage: Storage) -> None:
    """Let `latest.json` say that this is the export to take; touched only when it says something else."""
    document = {"export_id": package.export_id, "receipt": f"{package.export_id}/{RECEIPT}"}
    data, path = orjson.dumps(document, option=PRETTY), f"{plan.name}/{LATEST}"
    if not storage.exists(path) or storage.read(path) != data:
        sweep_target(storage, f"{plan.name}/{package.export_id}", is_first=False)  # the receipt's half file, too
        put(storage, path, [data])


def _file(folder: str, packed: PackedFile, records: Records | None) -> str:
    """Where to look first: the package, its folder, or the receipt of records."""
    return f"{folder}/{RECEIPT if records else packed.file}".rstrip("/")


def _delivery(
    package: Package,
    plan: Plan,
    target: AnyTarget,
    storage: Storage,
    packed: PackedFile,
    *,
    report: ListedFile | None,
    was_there: bool,
    moved: Moved = NOTHING,
    changes: Changes | None = None,
    records: Records | None = None,
) -> Delivery:
    folder = f"{plan.name}/{package.export_id}"
    file = _file(folder, packed, records)
    return Delivery(
        export_id=package.export_id,
        url=target.shown if records else storage.shown_path(folder),
        package=packed.file,
        package_bytes=packed.size or package.bytes,
        package_sha256=packed.sha256,
        moved_files=moved.files,
        moved_bytes=moved.bytes,
        link=storage.shown_path(file) if file == folder else storage.link(file),
        was_there=was_there,
        changes=changes,
        records=records,
        report=storage.link(f"{folder}/{report.path}") if report else "",
    )
