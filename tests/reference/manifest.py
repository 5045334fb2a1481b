"""`manifest.md`: every field of the documents beside a package, taken from what the code writes, each explained.

The documents are made here by the functions that make them for an export, of one that has everything an export can
have. A field without an explanation is an error, and so is an explanation without a field.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec

from blocks.documents import LATEST
from blocks.storage import Storage
from exporters import registry
from exporters.classes import ExportClass
from exporters.model import Dataset
from exporters.plugins import AnyExporter
from exporters.tally import KINDS, LeftOut, Tally
from flows import manifest
from flows.contents import Line
from flows.deliver import _point_at
from flows.delivered import Changes, Records
from flows.manifest import ListedFile, PackedFile
from flows.planned import Plan
from flows.request import Request
from flows.results import Package
from tests.reference.tables import code, table

DOCUMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "manifest.json": (
        "What the export consists of; the same for the same. Files come last, a line each, so nobody has to hold all.",
        {
            "schema": "the version of this document's form",
            "export_id": "a digest of all that the export consists of; the name of its folder",
            "name": "what the export is called: `--name`, or the datasets' names",
            "outhaul": "the version that made it",
            "source": "who the data came from; `platform` is always there, what else depends on it (`url`, `name`)",
            "datasets[].id": "of a dataset, as the platform has it",
            "datasets[].name": "its name",
            "datasets[].modality": "what it consists of",
            "datasets[].split": "the split that all of it belongs to; missing where that is not so",
            "where": "the filters, each with the values asked for",
            "exporter.name": "the format",
            "exporter.version": "of the format: raised whenever the same entries give other bytes",
            "exporter.options": "all its options as they were in force; secrets as stars",
            "exporter.code": "a digest of the plug-in's code; missing for formats that are built in",
            "media": "which files were asked for: `none`, `original` or `all`",
            "package.kind": "`zip`, `tar` or `directory`; `records` where they were sent to an API",
            "package.file": "the archive's name; empty for a directory and for records",
            "package.size": "its bytes; 0 for a directory",
            "package.sha256": "its digest; empty for a directory",
            "contents.path": "the list of entries beside this file",
            "contents.size": "its bytes",
            "contents.sha256": "its digest",
            **{
                f"counts.{kind}.{count}": said
                for kind in KINDS
                for count, said in {
                    "in": f"{kind} that were listed or fetched",
                    "out": f"{kind} that are in the package",
                    "left_out": "the others; *in* is always the sum of the two",
                }.items()
            },
            "left_out[].kind": "of what was left out: `entries`, `annotations` or `medias`",
            "left_out[].reason": "why",
            "left_out[].count": "how many, for this reason",
            "left_out[].is_fault": "whether something was wrong with them (`--on-error skip`), rather than a rule",
            "left_out[].examples": "the ids of a few",
            "changed": "annotations that were written, but not as they came: how many, by what was done to them",
            "annotations_by_category": "annotations in the package, by the id of their category",
            "annotations_by_shape": "the same by shape",
            "classes[].id": "of a class, as the platform has it; of merged ones, that of the first",
            "classes[].name": "its name in the package",
            "classes[].number": "its number there; give the manifest as `class_map` to keep it",
            "classes[].parent": "the class above it; missing where there is none",
            "classes[].color": "its colour; missing where it has none",
            "classes[].keypoints": "names of its points; missing where it has none",
            "classes[].skeleton": "pairs of points that are joined; missing where there are none",
            "classes[].is_declared": "`false` where the ontology does not have it as it is used; missing otherwise",
            "classes[].others": "the ids of those merged into it; missing where there are none",
            "ids.entries": "whether the numbers of entries are the source's, or counted",
            "ids.annotations": "the same of annotations",
            "file_names": "the rule by which names of files are made safe",
            "delta.since": "with `--delta`: the export whose changes these are; empty for the first. Missing otherwise",
            "delta.removed[].dataset": "with `--delta`: of an entry that is gone, its dataset",
            "delta.removed[].entry": "and its id",
            "files[].path": "of a file within the package",
            "files[].size": "its bytes",
            "files[].sha256": "its digest",
        },
    ),
    "receipt.json": (
        "Written last: where it is, the export is whole. It alone knows a clock, a run, and what lay there before.",
        {
            "schema": "the version of this document's form",
            "export_id": "as in the manifest",
            "run_id": "the flow run that delivered it, in Prefect",
            "started_at": "when that began to deliver, in UTC",
            "finished_at": "when all but this document was there",
            **{f"package.{name}": "as in the manifest" for name in ("kind", "file", "size", "sha256")},
            "manifest.path": "the manifest beside this file",
            "manifest.size": "its bytes",
            "manifest.sha256": "its digest, by which `outhaul verify` begins",
            "links": "where to look first: the package, its folder, or this file for records",
            "changes.since": "the export that was the newest of this name before; `changes` is null where none was",
            "changes.added": "entries that it did not have",
            "changes.changed": "entries that are not what they were",
            "changes.removed": "entries that are gone",
            "changes.unchanged": "entries that are what they were",
            "changes.annotations": "annotations by class, before and now",
            "report.path": "the page to look at; `report` is missing where there is none",
            "report.size": "its bytes",
            "report.sha256": "its digest",
            "records.to": "the API that records were sent to; `records` is missing for other targets",
            "records.records": "how many there are",
            "records.accepted": "how many it has accepted, by this run and those before",
            "records.refused": "how many it has refused",
            "records.refused_file": "where those are kept, with the answers",
        },
    ),
    "contents.jsonl": (
        "An entry a line: what `outhaul diff` compares.",
        {
            "dataset": "the dataset's id",
            "entry": "the entry's id",
            "sha256": "a digest of its content: name, state, split, attributes, files and annotations; not of who did "
            "what when",
            "annotations": "how many annotations it has, by the name of their class",
        },
    ),
    "latest.json": (
        "One folder above: which export is the newest of this name.",
        {"export_id": "the newest", "receipt": "where its receipt lies, from here"},
    ),
}

OPEN = {"source", "where", "exporter.options", "changed", "annotations_by_category", "annotations_by_shape"}
OPEN |= {"changes.annotations", "annotations"}
"""Objects whose names are data."""


class PluginPlan(Plan):
    """The plan of an export by a plug-in, which need not be there."""

    def exporter(self) -> AnyExporter:
        return registry.get("coco")


FILE = ListedFile("f", 1, "0" * 64)
PACKED = PackedFile("zip", "f.zip", 1, "0" * 64)
PLAN = PluginPlan(
    request=Request(), name="n", source={"platform": "p"}, datasets="", options={}, where={}, shards=(),
    code_digest="0", since="0",
)  # fmt: skip
CLASS = ExportClass(
    id="c", name="c", number=1, parent="p", color="#000000", keypoints=("a", "b"), skeleton=((0, 1),),
    is_declared=False, others=("d",),
)  # fmt: skip
PACKAGE = Package(
    export_id="0", index="", contents="", files=1, bytes=1,
    tally=Tally(left_out=(LeftOut(kind="entries", reason="r", count=1),)),
    classes=(msgspec.to_builtins(CLASS),),
    ids={"entries": "counted from 1", "annotations": "counted from 1"},
    removed=({"dataset": "d", "entry": "e"},),
)  # fmt: skip


def page() -> Iterator[str]:
    yield from (
        "# Documents beside a package",
        "",
        "What lies in the folder of an export beside the package and `report.html`. `a.b` is a field *b* of the object",
        "*a*; `a[]` is each one of a list.",
        "",
    )
    written = documents()
    assert written.keys() == DOCUMENTS.keys()
    for name, (said, fields) in DOCUMENTS.items():
        found = dict.fromkeys(paths(written[name]))
        assert found.keys() == fields.keys(), f"{name}: explained or written, not both: {found.keys() ^ fields.keys()}"
        yield from (f"## {name}", "", said, "")
        yield from table(("field", "what it says"), ((code(path), fields[path]) for path in found))


def documents() -> dict[str, Any]:
    """Each document, as the code writes it, with every field that it can have."""
    dataset = Dataset(id="d", name="d", modality="image", split="train")
    member: Any = SimpleNamespace(path="f", size=1, sha256="0" * 64)
    chunks = manifest.manifest_chunks(PLAN, PACKAGE, PACKED, FILE, [dataset], [member])
    now = datetime.now(UTC)
    records = Records(to="", records=1, accepted=1, refused=0)
    receipt = manifest.receipt(PACKAGE, PACKED, FILE, FILE, Changes(since="0"), "r", (now, now), "l", records)
    return {
        "manifest.json": json.loads(b"".join(chunks)),
        "receipt.json": json.loads(receipt),
        "contents.jsonl": msgspec.to_builtins(Line("d", "e", "0" * 64, {})),
        "latest.json": json.loads(_pointer()),
    }


def _pointer() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(folder)
        _point_at(PACKAGE, PLAN, storage)
        return storage.read(f"{PLAN.name}/{LATEST}")


def paths(document: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Every field, those of objects and of objects in lists by their paths."""
    for name, value in document.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and path not in OPEN:
            yield from paths(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from paths(value[0], f"{path}[].")
        else:
            yield path
