"""verify: a delivered export against its own manifest. Needs nothing else: no platform, no workspace, no Prefect."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TypeVar

from blocks.chunks import chunks_of
from blocks.documents import MANIFEST, RECEIPT
from blocks.local_files import is_partial
from blocks.storage import Storage
from exporters import RequestError
from exporters.foreign_json import UNREADABLE
from flows.manifest import (
    OWN,
    REPORT,
    ListedFile,
    Manifest,
    PackedFile,
    Receipt,
    decode_manifest,
    decode_receipt,
    export_folder,
)
from flows.verify_signatures import Demand, SignedDataset, verify_signatures

NO_DEMAND = Demand()

T = TypeVar("T")


@dataclass(frozen=True)
class Verdict:
    """`problems` is empty when the export is what its manifest says; each is a sentence that names a file."""

    url: str
    export_id: str
    files: int
    bytes: int
    problems: tuple[str, ...]
    signed: tuple[SignedDataset, ...] = ()
    """Datasets with signatures, good or not."""


def verify(storage: Storage, demand: Demand = NO_DEMAND, *, folder: str | None = None) -> Verdict:
    """Check every file of an export by size and SHA-256, that there are no others, and the signatures there are.

    Reads each byte once, and those of a UPD file once more.

    Args:
        storage: the folder of an export, or the one above it, whose newest export is then taken.
        demand: what is asked of signatures.
        folder: the export's, below `storage`, with a slash at its end, where that is known.

    Raises:
        RequestError: there is no export here, or one of a newer Outhaul, or signatures cannot be checked as asked.
    """
    folder = export_folder(storage) if folder is None else folder
    manifest_data = _read(storage, f"{folder}{MANIFEST}")
    receipt_data = _read(storage, f"{folder}{RECEIPT}")
    if manifest_data is None and receipt_data is None:
        raise RequestError(
            f"{storage.shown} holds no export: there is neither {MANIFEST} nor {RECEIPT}; give the folder they lie in."
        )
    shown = storage.shown_path(folder.rstrip("/"))
    manifest = _decoded(decode_manifest, manifest_data, storage.shown_path(f"{folder}{MANIFEST}"))
    receipt = _decoded(decode_receipt, receipt_data, storage.shown_path(f"{folder}{RECEIPT}"))
    problems = list(_papers(manifest, receipt, manifest_data, receipt_data))
    if manifest is None:
        return Verdict(shown, receipt.export_id if receipt else "", 0, 0, tuple(problems))
    check = _check_directory if manifest.package.kind == "directory" else _check_archive
    report = receipt.report if receipt else None
    beside = {*OWN, *([report.path] if report else [] if receipt else [REPORT])}  # nobody knows without a receipt
    problems += check(storage, folder, manifest, beside)
    problems += _check_beside(storage, folder, manifest.contents)  # older versions put none
    problems += _check_beside(storage, folder, report)
    signatures = verify_signatures(storage, folder, manifest, demand)
    problems += signatures.problems
    size = sum(file.size for file in manifest.files)
    return Verdict(shown, manifest.export_id, len(manifest.files), size, tuple(problems), signatures.datasets)


def _papers(
    manifest: Manifest | None, receipt: Receipt | None, manifest_data: bytes | None, receipt_data: bytes | None
) -> Iterator[str]:
    """Whether manifest and receipt are there, sound, and of each other."""
    if receipt_data is None:
        yield f"{RECEIPT} is missing: this export was never finished"
    elif receipt is None:
        yield f"{RECEIPT} cannot be read"
    if manifest_data is None:
        yield f"{MANIFEST} is missing"
        return
    if manifest is None:
        yield f"{MANIFEST} cannot be read"
    if receipt and hashlib.sha256(manifest_data).hexdigest() != receipt.manifest.sha256:
        yield f"{MANIFEST} was changed: it is not the one that the receipt names"
    if manifest and receipt and (manifest.package, manifest.export_id) != (receipt.package, receipt.export_id):
        yield f"{RECEIPT} was changed: it names another package than the manifest"


def _check_directory(storage: Storage, folder: str, manifest: Manifest, beside: set[str]) -> Iterator[str]:
    found = _files(storage, folder)
    listed = {file.path: file for file in manifest.files}
    for path in sorted(listed.keys() - found.keys()):
        yield f"{path} is missing"
    for path in sorted(found.keys() - listed.keys() - beside):
        yield f"{path} was added"
    for path in sorted(listed.keys() & found.keys()):
        file = listed[path]
        if found[path] != file.size:
            yield f"{path} was changed: it has {found[path]} bytes, not {file.size}"
        elif _sha256(storage.stream(f"{folder}{path}")) != file.sha256:
            yield f"{path} was changed"


def _check_beside(storage: Storage, folder: str, file: ListedFile | None) -> Iterator[str]:
    """A file that is no part of the package; None where there need be none."""
    if file is None:
        return
    path = f"{folder}{file.path}"
    if not storage.exists(path):
        yield f"{file.path} is missing"
    elif _sha256(storage.stream(path)) != file.sha256:
        yield f"{file.path} was changed"


def _check_archive(storage: Storage, folder: str, manifest: Manifest, beside: set[str]) -> Iterator[str]:
    packed = manifest.package
    found = _files(storage, folder)
    for path in sorted(found.keys() - beside - {packed.file}):
        yield f"{path} was added"
    if packed.file not in found:
        yield f"{packed.file} is missing"
        return
    if found[packed.file] == packed.size and _sha256(storage.stream(f"{folder}{packed.file}")) == packed.sha256:
        return
    named = list(_changed_members(storage, folder, packed, manifest.files))
    yield from named or [f"{packed.file} was changed"]


def _changed_members(storage: Storage, folder: str, packed: PackedFile, files: Iterable[ListedFile]) -> Iterator[str]:
    """Which members of an archive are not what they were; nothing when that cannot be told."""
    listed = {file.path: file for file in files}
    seen = set()
    try:
        with storage.open(f"{folder}{packed.file}") as handle:
            for path, content in _members(packed.kind, handle):
                seen.add(path)
                if path not in listed:
                    yield f"{path} in {packed.file} was added"
                elif _sha256(content) != listed[path].sha256:
                    yield f"{path} in {packed.file} was changed"
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError):
        yield f"{packed.file} was changed: it is no sound {packed.kind} any more"
        return
    for path in sorted(listed.keys() - seen):
        yield f"{path} in {packed.file} is missing"


def _members(kind: str, handle: IO[bytes]) -> Iterator[tuple[str, Iterable[bytes]]]:
    if kind == "zip":
        with zipfile.ZipFile(handle) as archive:
            for info in archive.infolist():
                yield info.filename, _zip_member(archive, info)
        return
    with tarfile.open(fileobj=handle, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member)
            yield member.name, chunks_of(content) if content else ()


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes; damage ends them early, which the digest then shows."""
    try:
        with archive.open(info) as content:
            yield from chunks_of(content)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _files(storage: Storage, folder: str) -> dict[str, int]:
    """What lies there, but for the remains of a delivery that was killed: those were never visible under a name."""
    found = storage.files(folder.rstrip("/"))
    return {path: size for path, size in found.items() if not is_partial(path.rpartition("/")[2])}


def _read(storage: Storage, name: str) -> bytes | None:
    return storage.read(name) if storage.exists(name) else None


def _decoded(decode: Callable[[bytes, str], T], data: bytes | None, shown: str) -> T | None:
    try:
        return None if data is None else decode(data, shown)
    except UNREADABLE:
        return None
