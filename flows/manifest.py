"""The documents beside a package: the manifest, the same for the same export, and the receipt, one of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
import orjson

from blocks.chunks import lines_of
from blocks.documents import FILES_BEGIN, LATEST, MANIFEST, RECEIPT, manifest_head, refuse_newer
from blocks.storage import Storage
from exporters import RequestError
from exporters.foreign_json import UNREADABLE
from exporters.model import Dataset
from exporters.naming import RULE
from exporters.tally import KINDS, Tally
from exporters.version import MANIFEST_SCHEMA, version_of
from flows.contents import CONTENTS
from flows.delivered import Changes, Records
from flows.index import Member
from flows.planned import Plan
from flows.results import Package

REPORT = "report.html"
OWN = (MANIFEST, RECEIPT, CONTENTS)
"""What lies beside a package, and, where its receipt says so, a report."""
PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class ListedFile(msgspec.Struct, frozen=True):
    path: str
    size: int
    sha256: str


class PackedFile(msgspec.Struct, frozen=True):
    """The package as it lies at the target; `file` is empty for a directory."""

    kind: str
    file: str = ""
    size: int = 0
    sha256: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """What `verify` reads of a manifest. Older ones have no `contents`."""

    export_id: str
    package: PackedFile
    files: list[ListedFile]
    contents: ListedFile | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What a reader needs to know of a receipt. Not every export has a `report`."""

    export_id: str
    manifest: ListedFile
    package: PackedFile
    report: ListedFile | None = None
    finished_at: str = ""
    records: dict[str, Any] | None = None


_decode_listed = msgspec.json.Decoder(ListedFile).decode
_decode_manifest = msgspec.json.Decoder(Manifest).decode
_decode_receipt = msgspec.json.Decoder(Receipt).decode


class _Latest(msgspec.Struct):
    export_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{20}$")]
    """Part of a path: nothing else gets there."""


def decode_manifest(data: bytes, shown: str) -> Manifest:
    """A manifest that is called `shown` in sentences.

    Raises:
        RequestError: a newer Outhaul wrote it.
        UNREADABLE: it is none (`exporters.foreign_json`).
    """
    refuse_newer(data, shown)
    return _decode_manifest(data)


def decode_receipt(data: bytes, shown: str) -> Receipt:
    """A receipt; raises what `decode_manifest` does."""
    refuse_newer(data, shown)
    return _decode_receipt(data)


def is_understood(storage: Storage, folder: str) -> bool:
    """Whether there is a manifest whose export can be told about here: a newer Outhaul's may be of another form."""
    try:
        return storage.exists(f"{folder}{MANIFEST}") and bool(manifest_head(storage, folder))
    except (RequestError, *UNREADABLE):
        return False


def export_folder(storage: Storage) -> str:
    """Empty when the export lies right here; otherwise the newest one's folder, with a slash behind."""
    is_here = storage.exists(MANIFEST) or storage.exists(RECEIPT)
    latest = "" if is_here else latest_export(storage, "")
    return latest and f"{latest}/"


def latest_export(storage: Storage, folder: str) -> str:
    """The id of the newest export in a folder; empty when there is none."""
    path = f"{folder}{LATEST}"
    if not storage.exists(path):
        return ""
    try:
        return msgspec.json.decode(storage.read(path), type=_Latest).export_id
    except UNREADABLE:
        raise RequestError(
            f"{storage.shown_path(path)} cannot be read; remove it, or give the folder of one export."
        ) from None


def listed_files(storage: Storage, folder: str) -> Iterator[ListedFile]:
    """The files that an export's manifest lists, one after the other; it has each on a line of its own."""
    has_begun = False
    for line in lines_of(storage.stream(f"{folder}{MANIFEST}")):
        if not has_begun:
            has_begun = line == FILES_BEGIN
        elif line.startswith(b"    {"):
            yield _decode_listed(line.rstrip(b","))


def manifest_chunks(
    plan: Plan,
    package: Package,
    packed: PackedFile,
    contents: ListedFile,
    datasets: Iterable[Dataset],
    members: Iterable[Member],
) -> Iterator[bytes]:
    """The manifest as a stream: it lists every file of the package, one a line, however many there are."""
    request = plan.request
    head: dict[str, Any] = {
        "schema": MANIFEST_SCHEMA,
        "export_id": package.export_id,
        "name": plan.name,
        "outhaul": version_of("outhaul"),
        "source": plan.source,
        "datasets": [
            {"id": one.id, "name": one.name, "modality": one.modality} | ({"split": one.split} if one.split else {})
            for one in datasets
        ],
        "where": plan.where,
        "exporter": {
            "name": request.exporter,
            "version": plan.exporter().version,
            "options": plan.options,
        }
        | ({"code": plan.code_digest} if plan.code_digest else {}),
        "media": request.media,
        "package": msgspec.to_builtins(packed),
        "contents": msgspec.to_builtins(contents),
        "counts": counts(package.tally),
        "left_out": [left.model_dump(mode="json") for left in package.tally.left_out],
        "changed": package.tally.changed,
        "annotations_by_category": package.tally.by_category,
        "annotations_by_shape": package.tally.by_shape,
        "classes": list(package.classes),
        "ids": package.ids,
        "file_names": RULE,
    }
    if plan.since is not None:
        head["delta"] = {"since": plan.since, "removed": package.removed}
    yield orjson.dumps(head, option=orjson.OPT_INDENT_2)[: -len("\n}")]
    yield b",\n" + FILES_BEGIN
    for index, member in enumerate(members):
        listed = {"path": member.path, "size": member.size, "sha256": member.sha256}
        yield (b",\n    " if index else b"\n    ") + orjson.dumps(listed)
    yield b"\n  ]\n}\n"


def counts(tally: Tally) -> dict[str, dict[str, int]]:
    """In, out and left out, for entries, annotations and medias."""
    return {
        kind: {
            "in": tally.came_in.get(kind, 0),
            "out": tally.went_out.get(kind, 0),
            "left_out": tally.left_out_count(kind),
        }
        for kind in KINDS
    }


def receipt(
    package: Package,
    packed: PackedFile,
    manifest: ListedFile,
    report: ListedFile | None,
    changes: Changes | None,
    run_id: str,
    times: tuple[datetime, datetime],
    link: str,
    records: Records | None,
) -> bytes:
    """The receipt: the only delivered file that knows a clock, a run, and what lay there before. Written last."""
    document = {
        "schema": MANIFEST_SCHEMA,
        "export_id": package.export_id,
        "run_id": run_id,
        "started_at": times[0].isoformat(timespec="seconds"),
        "finished_at": times[1].isoformat(timespec="microseconds"),  # what is kept goes by it: no two may be alike
        "package": msgspec.to_builtins(packed),
        "manifest": msgspec.to_builtins(manifest),
        "links": [link] if link else [],
        "changes": changes and changes.model_dump(mode="json"),
    }
    if report:  # here, not in the manifest, which says the same of an export whoever draws its pictures
        document["report"] = msgspec.to_builtins(report)
    if records:
        document["records"] = records.model_dump(mode="json")
    return orjson.dumps(document, option=PRETTY)
