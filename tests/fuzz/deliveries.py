"""What lies at a target or in a workspace, and may have been changed there: manifests, receipts, archives, pointers."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import orjson

from blocks.documents import LATEST, MANIFEST, RECEIPT
from blocks.lease import Lease, leases
from blocks.scratch import scratch_database
from blocks.storage import Storage
from blocks.store import Store
from exporters.pictures.upright import MediaFile
from exporters.tally import Tally
from flows.contents import CONTENTS
from flows.diff import compare, open_export
from flows.former_files import TABLE, FormerFiles
from flows.index import Member
from flows.manifest import ListedFile, PackedFile, manifest_chunks, receipt
from flows.memory import Made, all_exports, recall_shards
from flows.planned import Former, Plan
from flows.request import Request
from flows.results import Package
from flows.retention import keep_latest
from flows.verify import verify
from tests.fakes.datasets import dataset
from tests.fuzz.breaking import Files
from tests.fuzz.folders import laid_out
from tests.fuzz.running import Parser

ID, OLDER = "0123456789abcdef0123", "fedcba98765432100000"


def parsers() -> Iterator[Parser]:
    yield Parser("delivered: verify", _exports, _verify)
    yield Parser("delivered: diff", _exports, _diff)
    yield Parser("delivered: retention", _exports, _retain)
    yield Parser("workspace", _workspace, _recall)


@functools.cache
def _exports() -> Sequence[Files]:
    """A folder of exports of one name, the newest in each kind of package, and an older one."""
    older = _export("directory", OLDER)
    return [{**_export(kind, ID), **older, LATEST: _json({"export_id": ID})} for kind in ("directory", "zip", "tar")]


def _export(kind: str, id_: str) -> dict[str, bytes]:
    content = {"annotations/a.json": b'{"images": []}\n', "images/1.txt": b"one\n" * 20, "images/2.txt": b"two\n"}
    lines = [
        {"dataset": "d1", "entry": f"e{n}", "sha256": _sha(b"%d" % n), "annotations": {"car": n}} for n in range(3)
    ]
    contents = b"".join(_json(line) + b"\n" for line in lines)
    made, packed = _packed(kind, content)
    plan = Plan(request=Request(package="zip"), name="street", source={}, datasets="", options={}, where={}, shards=())
    package = Package(export_id=id_, index="", contents="", files=3, bytes=90, tally=Tally(), classes=(), ids={})
    listed = ListedFile(CONTENTS, len(contents), _sha(contents))
    members = [Member(path, len(data), _sha(data), 0, ()) for path, data in content.items()]
    manifest = b"".join(manifest_chunks(plan, package, packed, listed, [dataset()], members))
    at = datetime(2026, 1, 31, tzinfo=UTC)
    about = ListedFile(MANIFEST, len(manifest), _sha(manifest))
    said = receipt(package, packed, about, None, None, "run", (at, at), "", None)
    beside = {MANIFEST: manifest, RECEIPT: said, CONTENTS: contents}
    return {f"{id_}/{path}": data for path, data in (made | beside).items()}


def _packed(kind: str, content: Files) -> tuple[Files, PackedFile]:
    if kind == "directory":
        return content, PackedFile("directory")
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in content.items():
                archive.writestr(path, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, data in content.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    data = buffer.getvalue()
    return {f"street.{kind}": data}, PackedFile(kind, f"street.{kind}", len(data), _sha(data))


def _verify(files: Files) -> object:
    with laid_out(files) as folder:
        return verify(Storage(str(folder)))


def _diff(files: Files) -> object:
    with laid_out(files) as folder:
        before, older = open_export(Storage(str(folder / OLDER)))
        _, newer = open_export(Storage(str(folder)))
        return compare(older, newer, before)


def _retain(files: Files) -> object:
    """Also what a delivery takes over from the export before."""
    with laid_out(files) as folder, scratch_database(TABLE) as database:
        storage = Storage(str(folder.parent))
        former = FormerFiles(storage, f"{folder.name}/{ID}", database)
        found = [former.find(Member("images/2.txt", 4, _sha(data), 0, ())) for data in (b"two\n", b"three")]
        return found, keep_latest(storage, folder.name, 1)


@functools.cache
def _workspace() -> Sequence[Files]:
    with laid_out({}) as folder:
        store = Store(Storage(str(folder)))
        store.identity()
        kept = [store.save_lines([b'{"id": "e1"}', b'{"id": "e2"}' * 50])[0] for _ in range(1)]
        shard = Former(listing=kept[0], path=kept[0], sha256="a", ledger=kept[0], entries=2, annotations=1, medias=1)
        package = Package(export_id=ID, index=kept[0], contents="", files=1, bytes=1, tally=Tally(), classes=(), ids={})
        made = Made(
            name="street", exporter="coco", made_at="2026-01-31T00:00:00.000+00:00", package=package, media_bytes=1,
            is_final=True, scopes=("s",), kept=(kept[0],),
        )  # fmt: skip
        lease = Lease(key="k", token="t", host="h", place="p", pid=1, began=1, is_held=True)
        file = MediaFile(sha256=_sha(b"one"), size=3, crc32=1)
        digest = file.sha256
        files = {
            "workspace.json": (folder / "workspace.json").read_bytes(),
            "read/s/all.json": b"[%b]" % shard.model_dump_json().encode(),
            "exports/x.json": made.model_dump_json().encode(),
            "running/k.t.json": msgspec.json.encode(lease),
            "media-keys/ab/abc.json": msgspec.json.encode(file),
            f"media/{digest[:2]}/{digest}": b"one",
            "lines.zst": (folder / kept[0]).read_bytes(),
        }
    return [{**files, "name.txt": kept[0].encode()}]


def _recall(files: Files) -> object:
    """What a run asks of a workspace."""
    with laid_out(files) as folder:
        store = Store(Storage(str(folder)))
        name = _workspace()[0]["name.txt"].decode()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(files["lines.zst"])
        known = store.known_media("abc.json")
        return (
            store.identity(),
            leases(store),
            all_exports(store),
            recall_shards(store, "s"),
            known,
            _lines(store, name),
        )


def _lines(store: Store, name: str) -> list[bytes]:
    return list(store.load_lines(name))


def _json(document: object) -> bytes:
    return orjson.dumps(document)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
