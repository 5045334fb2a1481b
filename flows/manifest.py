"""The documents beside a package: the manifest, the same for the same export, and the receipt, one of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import metadata
from typing import Any

import msgspec
import orjson

from exporters.model import Dataset
from exporters.naming import RULE
from exporters.tally import KINDS, Tally
from flows.index import Member
from flows.results import Package, Plan

MANIFEST = "manifest.json"
RECEIPT = "receipt.json"
LATEST = "latest.json"
SCHEMA = 1
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
    """What `verify` reads of a manifest."""

    export_id: str
    package: PackedFile
    files: list[ListedFile]


class Receipt(msgspec.Struct, frozen=True):
    """What a reader needs to know of a receipt."""

    export_id: str
    manifest: ListedFile
    package: PackedFile


decode_manifest = msgspec.json.Decoder(Manifest).decode
decode_receipt = msgspec.json.Decoder(Receipt).decode


def manifest_chunks(
    plan: Plan, package: Package, packed: PackedFile, datasets: Iterable[Dataset], members: Iterable[Member]
) -> Iterator[bytes]:
    """The manifest as a stream: it lists every file of the package, one a line, however many there are."""
    request = plan.request
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "export_id": package.export_id,
        "name": plan.name,
        "outhaul": metadata.version("outhaul"),
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
        "counts": counts(package.tally),
        "left_out": [left.model_dump(mode="json") for left in package.tally.left_out],
        "changed": package.tally.changed,
        "annotations_by_category": package.tally.by_category,
        "annotations_by_shape": package.tally.by_shape,
        "classes": list(package.classes),
        "ids": package.ids,
        "file_names": RULE,
    }
    yield orjson.dumps(head, option=orjson.OPT_INDENT_2)[: -len("\n}")]
    yield b',\n  "files": ['
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
    package: Package, packed: PackedFile, manifest: ListedFile, run_id: str, times: tuple[datetime, datetime], link: str
) -> bytes:
    """The receipt: the only delivered file that knows a clock and a run. Written last."""
    document = {
        "schema": SCHEMA,
        "export_id": package.export_id,
        "run_id": run_id,
        "started_at": times[0].isoformat(timespec="seconds"),
        "finished_at": times[1].isoformat(timespec="seconds"),
        "package": msgspec.to_builtins(packed),
        "manifest": msgspec.to_builtins(manifest),
        "links": [link] if link else [],
    }
    return orjson.dumps(document, option=PRETTY)
