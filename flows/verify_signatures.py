"""The signatures of what was delivered: those of the UPD files in an export, however it is packed."""

from __future__ import annotations

import contextlib
import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from blocks.chunks import CHUNK_BYTES
from blocks.storage import Storage
from exporters import FatalError, RequestError
from exporters.temporary import temporary_folder
from exporters.upd.schema import EXTENSION
from exporters.upd.verifying import check_signatures, load_roots
from flows.manifest import Manifest

UNSOUND = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError)
"""What archives raise that were changed, which `verify` has told by then."""

NOTHING_TO_SIGN = "the export holds no UPD file, and nothing else can be signed"


@dataclass(frozen=True)
class Demand:
    """What is asked of signatures: `trust` names a file of roots; `is_required` forbids datasets without any."""

    trust: Path | None = None
    is_required: bool = False

    @property
    def is_strict(self) -> bool:
        return self.trust is not None or self.is_required


@dataclass(frozen=True)
class SignedDataset:
    file: str
    dataset: str
    signers: tuple[str, ...]


@dataclass(frozen=True)
class Signatures:
    """What was found: who signed what, and what is wrong, a sentence each that names a file."""

    datasets: tuple[SignedDataset, ...] = ()
    problems: tuple[str, ...] = ()


def verify_signatures(storage: Storage, folder: str, manifest: Manifest, demand: Demand) -> Signatures:
    """Check all signatures in an export. Holds no file in memory; one that is not on this disk is copied to it.

    Raises:
        RequestError: the roots cannot be read; or signatures are asked for, and DuckDB is not installed.
    """
    roots = load_roots(demand.trust) if demand.trust else None
    names = [file.path for file in manifest.files if file.path.lower().endswith(f".{EXTENSION}")]
    if not names:
        return Signatures(problems=(NOTHING_TO_SIGN,) if demand.is_strict else ())
    datasets: list[SignedDataset] = []
    problems: list[str] = []
    for name, path in _local(storage, folder, manifest, names):
        try:
            found = check_signatures(path, roots, is_required=demand.is_required)
        except RequestError:  # DuckDB is an extra; what asks for no signature does without
            if demand.is_strict:
                raise
            break
        except FatalError as error:
            problems.append(f"{name}: {str(error).rstrip('.')}")
            continue
        datasets += [SignedDataset(name, one.dataset, one.signers) for one in found if one.signers]
        problems += [f"{name}: {problem}" for one in found for problem in one.problems]
    return Signatures(tuple(datasets), tuple(problems))


def _local(storage: Storage, folder: str, manifest: Manifest, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """The files that are there, one after the other, each on this disk while it is looked at."""
    packed = manifest.package
    if packed.kind == "directory":
        for name in names:
            if not storage.exists(f"{folder}{name}"):
                continue
            if storage.is_local:
                yield name, Path(storage.path(f"{folder}{name}"))
            else:
                with storage.open(f"{folder}{name}") as handle, _copied(handle) as path:
                    yield name, path
    elif storage.exists(f"{folder}{packed.file}"):
        with storage.open(f"{folder}{packed.file}") as handle, contextlib.suppress(*UNSOUND):
            for name, content in _members(packed.kind, handle, set(names)):
                with _copied(content) as path:
                    yield name, path


def _members(kind: str, handle: IO[bytes], wanted: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The wanted members of an archive.

    Raises:
        UNSOUND: it was changed.
    """
    if kind == "zip":
        with zipfile.ZipFile(handle) as archive:
            for name in sorted(wanted & set(archive.namelist())):
                with archive.open(name) as content:
                    yield name, content
        return
    with tarfile.open(fileobj=handle, mode="r|") as tar:
        for member in tar:
            opened = tar.extractfile(member) if member.name in wanted else None
            if opened:
                yield member.name, opened


@contextlib.contextmanager
def _copied(content: IO[bytes]) -> Iterator[Path]:
    with temporary_folder() as folder:
        path = Path(folder) / f"copy.{EXTENSION}"
        with path.open("wb") as copy:
            shutil.copyfileobj(content, copy, CHUNK_BYTES)
        yield path
