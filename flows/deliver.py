"""deliver: the package to the target, the manifest behind it, the receipt last.

What a reader of the target can see at any moment: a folder without a receipt is not an export yet, whatever lies in it.
A folder with one is whole, and is never touched again: delivering the same export a second time moves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import orjson
from prefect import task
from prefect.runtime import flow_run, task_run

from blocks.leftovers import sweep_target
from blocks.storage import Storage
from blocks.store import Store
from blocks.target import Target
from blocks.workspace import Workspace
from exporters import RetriableError
from flows import progress
from flows.archive import tar_stream, zip_stream
from flows.fetch import load_datasets
from flows.index import Member, decode_member
from flows.manifest import (
    LATEST,
    MANIFEST,
    PRETTY,
    RECEIPT,
    ListedFile,
    PackedFile,
    decode_receipt,
    manifest_chunks,
    receipt,
)
from flows.policy import PATIENT
from flows.results import Delivery, Package, Plan

FILES_AT_ONCE = 8
STREAMS = {"zip": zip_stream, "tar": tar_stream}


@task(name="deliver", task_run_name="deliver", **PATIENT)
def deliver(package: Package, plan: Plan, target: Target, workspace: Workspace) -> Delivery:
    """Deliver a package unless it lies there already. The archive is made while it is uploaded; holds one chunk."""
    storage, store = target.storage(), workspace.open()
    if found := deliver_again(package, plan, storage):
        return found
    packed, moved = _deliver(package, plan, f"{plan.name}/{package.export_id}", storage, store)
    _point_at(package, plan, storage)
    return _delivery(package, plan, storage, packed, moved, was_there=False)


def deliver_again(package: Package, plan: Plan, storage: Storage) -> Delivery | None:
    """Point at a package that lies at the target already; None when it does not."""
    packed = delivered_already(storage, f"{plan.name}/{package.export_id}")
    if packed is None:
        return None
    _point_at(package, plan, storage)
    return _delivery(package, plan, storage, packed, (0, 0), was_there=True)


def _deliver(
    package: Package, plan: Plan, folder: str, storage: Storage, store: Store
) -> tuple[PackedFile, tuple[int, int]]:
    """Put package, manifest and receipt, in this order; returns the package and how many files and bytes were moved."""
    started = datetime.now(UTC)
    progress.expect("deliver", package.bytes)
    sweep_target(storage, folder, is_first=task_run.run_count == 1)
    if plan.request.package == "directory":
        packed, moved_files = PackedFile("directory"), _put_directory(package, folder, storage, store)
    else:
        packed, moved_files = _put_archive(package, plan, folder, storage, store), 1
    chunks = manifest_chunks(plan, package, packed, load_datasets(plan, store), _index(package, store))
    manifest = ListedFile(MANIFEST, *_put(storage, f"{folder}/{MANIFEST}", chunks))
    times = (started, datetime.now(UTC))
    link = storage.shown_path(f"{folder}/{packed.file}".rstrip("/"))
    storage.create(f"{folder}/{RECEIPT}", receipt(package, packed, manifest, flow_run.id or "", times, link))
    return packed, (moved_files, packed.size or package.bytes)


def delivered_already(storage: Storage, folder: str) -> PackedFile | None:
    """The package in a folder that has a receipt; None when there is none."""
    if not storage.exists(f"{folder}/{RECEIPT}"):
        return None
    return decode_receipt(storage.read(f"{folder}/{RECEIPT}")).package


def _put_archive(package: Package, plan: Plan, folder: str, storage: Storage, store: Store) -> PackedFile:
    kind = plan.request.package
    file = f"{plan.name}.{kind}"
    contents = ((member, _counted(member.read(store.storage))) for member in _index(package, store))
    size, sha256 = _put(storage, f"{folder}/{file}", STREAMS[kind](contents))
    return PackedFile(kind, file, size, sha256)


def _put_directory(package: Package, folder: str, storage: Storage, store: Store) -> int:
    """Every file of the package, several at once; the index is read along, never held."""

    def put(member: Member) -> None:
        _put(storage, f"{folder}/{member.path}", _counted(member.read(store.storage)), durable=False)

    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        members, done = _index(package, store), 0
        while batch := [member for member, _ in zip(members, range(32 * FILES_AT_ONCE), strict=False)]:
            done += sum(1 for _ in pool.map(put, batch))
    if storage.is_local:
        os.sync()  # once for all of them: the receipt must not survive a power cut that the files do not
    return done


def _put(storage: Storage, path: str, chunks: Iterable[bytes], *, durable: bool = True) -> tuple[int, str]:
    """Write a file, and look at the far end whether it arrived in full length; returns its size and SHA-256.

    Raises:
        RetriableError: it did not; the delivery starts over, and nobody has seen a receipt.
    """
    size, sha256 = storage.write(path, chunks, durable=durable)
    found = storage.size(path)
    if found != size:
        raise RetriableError(
            f"{storage.shown_path(path)} should have {size} bytes, but the target has "
            f"{'none' if found is None else found}; it may be short of space or lose writes, try again later."
        )
    return size, sha256


def _index(package: Package, store: Store) -> Iterator[Member]:
    return map(decode_member, store.load_lines(package.index))


def _counted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        progress.advance("deliver", len(chunk), len(chunk))
        yield chunk


def _point_at(package: Package, plan: Plan, storage: Storage) -> None:
    """Let `latest.json` say that this is the export to take; touched only when it says something else."""
    document = {"export_id": package.export_id, "receipt": f"{package.export_id}/{RECEIPT}"}
    data, path = orjson.dumps(document, option=PRETTY), f"{plan.name}/{LATEST}"
    if not storage.exists(path) or storage.read(path) != data:
        sweep_target(storage, f"{plan.name}/{package.export_id}", is_first=False)  # the receipt's half file, too
        _put(storage, path, [data])


def _delivery(
    package: Package, plan: Plan, storage: Storage, packed: PackedFile, moved: tuple[int, int], *, was_there: bool
) -> Delivery:
    folder = f"{plan.name}/{package.export_id}"
    return Delivery(
        export_id=package.export_id,
        url=storage.shown_path(folder),
        package=packed.file,
        package_bytes=packed.size or package.bytes,
        package_sha256=packed.sha256,
        moved_files=moved[0],
        moved_bytes=moved[1],
        link=storage.shown_path(f"{folder}/{packed.file}".rstrip("/")),
        was_there=was_there,
    )
