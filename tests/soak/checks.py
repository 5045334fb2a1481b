"""Whether what lies at a target is what the platform has: every byte against the manifest, and that against the truth.

The truth comes from the platform's own tables, by a process that shares nothing with the one that exported.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blocks.documents import RECEIPT, manifest_head
from blocks.storage import Storage
from flows.manifest import latest_export, listed_files
from flows.verify import verify
from tests.soak.far_ends import Known
from tests.soak.jobs import KEEP, Job


@dataclass(frozen=True)
class Delivered:
    """An export at a target: its id, the digests of its files by their paths, and what is wrong with it."""

    export_id: str
    files: Mapping[str, str]
    problems: tuple[str, ...]


def look_at(place: Storage, job: Job, truth: Mapping[str, Known]) -> Delivered:
    """The newest export of a job; reads every byte of it twice, once by its archive's own reader."""
    folder = f"{job.name}/{latest_export(place, f'{job.name}/')}/"
    files = {file.path: file.sha256 for file in listed_files(place, folder)}
    head = manifest_head(place, folder)
    problems = [*verify(place, folder=folder).problems]
    if head["package"]["kind"] != "directory":
        content = place.read(f"{folder}{head['package']['file']}")
        if dict(members(head["package"]["kind"], content)) != files:
            problems.append("the archive holds something else than the manifest lists")
    contents = [json.loads(line) for line in place.read(f"{folder}{head['contents']['path']}").splitlines()]
    entries = {line["entry"]: sum(line["annotations"].values()) for line in contents}
    problems += untrue(job, head["counts"], entries, set(files.values()), truth)
    return Delivered(head["export_id"], files, tuple(f"{job.name}: {problem}" for problem in problems))


def members(kind: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Paths and digests of what an archive holds."""
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from ((name, hashlib.sha256(archive.read(name)).hexdigest()) for name in archive.namelist())
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            yield member.name, hashlib.sha256(file.read() if file else b"").hexdigest()


def untrue(
    job: Job, counts: Mapping[str, Any], entries: Mapping[str, int], digests: set[str], truth: Mapping[str, Known]
) -> Iterator[str]:
    """What an export says that is not so, in sentences; `entries` are those in it, with their annotations."""
    wanted = {one: known for one, known in truth.items() if not job.where or f"status={known.status}" in job.where}
    taken = [known for known in wanted.values() if known.status != job.leaves_out]
    if counts["entries"] != {"in": len(wanted), "out": len(taken), "left_out": len(wanted) - len(taken)}:
        yield f"of {len(wanted)} entries, {len(taken)} of which are to be taken, {counts['entries']} are told of"
    if wrong := [one for one in entries.keys() | wanted.keys() if entries.get(one) != _annotations(wanted, one)]:
        yield f"{len(wrong)} of {len(wanted)} entries are not there as the platform has them, such as {min(wrong)}"
    annotations = sum(known.annotations for known in wanted.values())
    if counts["annotations"]["in"] != annotations:
        yield f"of {annotations} annotations {counts['annotations']['in']} came in"
    pictures = {known.sha256 for known in taken} - {""}
    if job.media != "none" and (lost := pictures - digests):
        yield f"{len(lost)} of {len(pictures)} pictures are not there as the platform has them"


def _annotations(known: Mapping[str, Known], entry: str) -> int | None:
    return known[entry].annotations if entry in known else None


def what_is_kept(place: Storage, job: Job) -> list[str]:
    """Whether all that lies at a target for a job is whole, also what runs left that failed, and not too much."""
    folders = [path.removesuffix(RECEIPT) for path in place.files(job.name) if path.endswith(f"/{RECEIPT}")]
    found = [f"{job.name}: {len(folders)} exports are kept instead of {KEEP}"] if len(folders) > KEEP else []
    for folder in folders:
        problems = verify(place, folder=f"{job.name}/{folder}").problems
        found += [f"{job.name}/{folder.rstrip('/')}: {problem}" for problem in problems]
    return found


def not_told(told: Mapping[str, int], truth: Mapping[str, Known]) -> list[str]:
    """What the API believes that is not so."""
    so = {one: known.annotations for one, known in truth.items()}
    wrong = [one for one in told.keys() | so.keys() if told.get(one) != so.get(one)]
    return (
        [f"push: the API has {len(wrong)} of {len(so)} entries not as they are, such as {min(wrong)}"] if wrong else []
    )
