"""What people and other programs hand in: options, filters, addresses, files of blocks, plug-ins, messages."""

from __future__ import annotations

import contextlib
import functools
import io
import queue
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from blocks.ango import AngoSource
from blocks.catalog import find_source, find_target, is_saved_source
from blocks.folder import FolderSource
from blocks.idah import IdahSource
from blocks.source import Source, parse_where
from blocks.upd import UpdSource
from blocks.webhook_signature import check_signature, sign
from deployments.webhooks import _read as read_message
from exporters import read_options, registry
from exporters.contextual.filters import Filter
from exporters.contextual.records import entry_record
from exporters.model import Entry
from exporters.plugins.manifest import entry_file, read_manifest
from exporters.plugins.modalities import read_modalities
from flows.ango.messages import decode_event as decode_ango_event
from flows.block_file import read_blocks
from flows.child import _read_events
from flows.commands import read_request
from flows.contextual_messages import Done, decode_event
from flows.form import read_choice
from tests.fuzz.breaking import Files
from tests.fuzz.folders import laid_out
from tests.fuzz.running import Parser

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = 1_780_000_000


def parsers() -> Iterator[Parser]:
    yield Parser("options: values", _options, _read_options)
    yield Parser("options: form", _choices, _read_choice)
    yield Parser("command line", _arguments, _read_arguments, share=0.3)
    yield Parser("filters", _filters, _read_filters)
    yield Parser("blocks file", _blocks, _read_blocks, share=0.3)
    yield Parser("plug-in: manifest", _plugin, _read_plugin)
    yield Parser("plug-in: messages", _messages, _read_messages)
    yield Parser("plug-in: filters", _plugin_filters, _read_plugin_filter)
    yield Parser("webhook", _webhook, _read_webhook)


# -- options ----------------------------------------------------------------------------------------------------------

_GIVEN = {
    "classes": "car,person",
    "rename_classes": "car=auto,person=human",
    "drop_classes": '["tree"]',
    "only_classes": ["car", "person"],
    "class_map": '{"classes": [{"name": "car", "number": 1}, {"name": "person", "number": 2}]}',
    "hierarchy": "leaf",
    "convert": "polygon_to_box,mask_to_polygon",
    "split_by": "hash",
    "split_ratios": "train=0.9,val=0.1",
    "annotators": "latest",
    "authors": "ann@example.org",
    "stages": "review",
    "redact": "authors,positions",
    "empty_entries": "all",
    "out_of_picture": "keep",
}


@functools.cache
def _options() -> Sequence[Files]:
    """Those that most formats share, and of each format its own with their defaults."""
    found = []
    for name in sorted(registry.all()):
        with contextlib.suppress(Exception):  # an extra that is not installed
            exporter = registry.get(name)
            known = exporter.options.model_fields
            own = exporter.options.model_construct().model_dump(mode="json", fallback=str)
            given = {key: value for key, value in {**own, **_GIVEN}.items() if key in known and value is not None}
            found.append({"options.json": orjson.dumps({"format": name, "options": given})})
    return found


def _read_options(files: Files) -> object:
    document = _object(files["options.json"])
    name, given = document.get("format"), document.get("options")
    if not isinstance(name, str) or not isinstance(given, dict):
        return None
    return read_options(registry.get(name), given).model_dump(mode="json", fallback=str)


def _choices() -> Sequence[Files]:
    return [{"form.json": orjson.dumps({"exporter": {"image": {"format": "coco"}}, "options": _GIVEN})}]


def _read_choice(files: Files) -> object:
    document = _object(files["form.json"])
    exporter, options = document.get("exporter"), document.get("options")
    if not isinstance(exporter, str | dict) or not isinstance(options, dict):
        return None
    return read_choice(exporter, options)


# -- the command line -------------------------------------------------------------------------------------------------


def is_saved(word: str) -> bool:
    """Saved blocks are asked for at a Prefect API, which does the reading."""
    return word.startswith("block:") or is_saved_source(word)


def _arguments() -> Sequence[Files]:
    words = [
        *("idah+https://idah.example.org", "file:///tmp/out", "street", "status=completed", "name__in=a,b"),
        *("class_map=@/dev/null", "convert=polygon_to_box", "-created_at", "s3://bucket/x", "block:a/b"),
        *("folder:/data/set.zip", "upd:/data/a.upd", "ango+https://[::1]:8080/v2", "1000"),
    ]
    return [{"arguments.txt": "\n".join(words).encode()}]


def _read_arguments(files: Files) -> object:
    """Each argument in the place of each other: nobody knows beforehand what a text is typed for."""
    words = [*("x",) * 5, *files["arguments.txt"].decode(errors="surrogateescape").split("\n")]
    environment = {"OUTHAUL_API_KEY": "key"}
    for word in filter(lambda word: not is_saved(word), words):
        for read in (find_target, lambda word: find_source(word, environment)):
            with contextlib.suppress(*Parser.may_raise), contextlib.suppress(SystemExit):
                read(word)
    arguments = Namespace(
        dataset=words[:2], format=words[2], option=[word for word in words if "=" in word], where=words[3:5],
        sort=words[-1], media="all", package="zip", on_error="skip", strict=False, name=words[0], full=False,
        delta=False, shard_entries=words[-1], no_report=False,
    )  # fmt: skip
    return read_request(arguments)


_WHERE = (
    *("status=completed", "wf_step__in=done,review", "priority=3", "created_at=2026-01-31", "assigned=true"),
    *("dataset.modality=image", "dataset.progress__gte=0.5", "project.name=Street", "stage=Complete", "batch=b1"),
    *("id=019cad8f-ac00-7000-81b4-56e06326dc65", "annotation.updated_at__gt=2026-01-31", "task_type=consensus"),
    *("updated_at__gt=2026-01-31T23:59:00Z", "updated_at__lt=0001-01-01T00:00:00+14:00", "type=issue"),
    *("modality=video", "split=train", "name__match=cam"),
)


def _filters() -> Sequence[Files]:
    return [{"where.txt": one.encode()} for one in _WHERE]


_SOURCES: tuple[Callable[[], Source], ...] = (
    lambda: IdahSource(url="https://idah.example.org"),
    lambda: AngoSource(url="https://ango.example.org"),
    lambda: UpdSource(url="/data/a.upd"),
    lambda: FolderSource(url="/data"),
)


def _read_filters(files: Files) -> object:
    where = parse_where([files["where.txt"].decode(errors="surrogateescape")])
    for source in _SOURCES:
        with contextlib.suppress(*Parser.may_raise):
            source().check_filters(where)
            source().check_sort(next(iter(where)))
    return where


# -- files ------------------------------------------------------------------------------------------------------------


def _blocks() -> Sequence[Files]:
    described = """
- kind: idah
  name: production
  fields: {url: "https://idah.example.org", api_key: "${KEY}", connections: 8, verify_ssl: true}
- kind: outhaul-target
  name: nightly
  fields: &target
    url: s3://exports/nightly
    secret_access_key: {from_file: secret.txt}
    options: {anon: false, client_kwargs: {region_name: x}}
---
kind: folder
name: coco
fields: {url: /data/coco, connections: 4}
"""
    return [{"blocks.yaml": described.encode(), "secret.txt": b"secret\n"}]


def _read_blocks(files: Files) -> object:
    with laid_out(files) as folder:
        return read_blocks(folder / "blocks.yaml", {"KEY": "IDAH_1"})


def _plugin() -> Sequence[Files]:
    manifest = {
        "name": "damage-report", "version": "1.0.0", "displayName": "Damage", "description": "x",
        "modalities": ["image", "idah-video"], "entryPoints": {"sync": "sync.py"}, "platform": {"x": [1]},
    }  # fmt: skip
    return [{"manifest.json": orjson.dumps(manifest), "sync.py": b"def init(context): ..."}]


def _read_plugin(files: Files) -> object:
    with laid_out(files) as folder:
        manifest = read_manifest(folder)
        return entry_file(folder, manifest), read_modalities(list(manifest.modalities))


# -- messages ---------------------------------------------------------------------------------------------------------


def _messages() -> Sequence[Files]:
    said = [
        {"type": "began"},
        {"type": "moved", "fraction": 0.5},
        {"type": "said", "level": 20, "text": "line", "extra": {"a": [1]}},
        {"type": "broke", "message": "no", "is_passing": True, "delay_seconds": 3},
        {"type": "delayed", "after": 3.5},
        {"type": "done", "written": "a/b.zip", "tally": {"came_in": {"entries": 3}, "left_out": []}},
        {"type": "uploaded", "link": "https://hub.example.org/x"},
    ]
    return [{"events.jsonl": b"\n".join(map(orjson.dumps, said)) + b"\n"}]


def _read_messages(files: Files) -> object:
    """What is no event is passed over: an exporter may have found our stream and written to it."""
    heard: list[Any] = []
    for decode in (decode_event, decode_ango_event):
        lines: queue.Queue[Any] = queue.Queue()
        _read_events(io.BytesIO(files["events.jsonl"]), lines, decode)
        heard += lines.queue
    return [one.tally for one in heard if isinstance(one, Done)]


def _plugin_filters() -> Sequence[Files]:
    where = {"status": "completed", "priority__gte": 3, "name__match": "cam", "wf_step__in": ["done"], "assigned": True}
    attributes = {"status": "completed", "priority": 4, "name": "cam 1", "wf_step": "done", "resource": None}
    record = {"type": "dataset:entries", "id": "e1", "attributes": attributes}
    return [{"filter.json": orjson.dumps({"where": where, "record": record})}]


class _Recorded:
    def __init__(self, record: Any) -> None:
        self.record = record


def _read_plugin_filter(files: Files) -> object:
    document = _object(files["filter.json"])
    record = document.get("record")
    if not isinstance(record, dict):
        return None
    made = Entry(id="e1", dataset_id="d1", name="x", raw=Raw(msgspec.json.encode(record)))
    return Filter("entry", document.get("where")).passes(_Recorded(entry_record(made)))


def _webhook() -> Sequence[Files]:
    body = orjson.dumps({"type": "dataset.completed", "data": {"source": "idah/production", "dataset": "d1"}})
    headers = "\n".join(f"{name}: {value}" for name, value in sign(SECRET, "msg_1", NOW, body).items())
    return [{"body.json": body, "headers.txt": headers.encode()}, {"body.json": body}]


def _read_webhook(files: Files) -> object:
    """The head and the body of a message; without a head, it is signed as it is."""
    body = files["body.json"]
    given = files.get("headers.txt")
    headers = sign(SECRET, "msg_1", NOW, body)
    if given is not None:
        pairs = (line.partition(": ") for line in given.decode("latin-1").split("\n"))
        headers = {name: value for name, _, value in pairs}
    check_signature([SECRET], headers, body, NOW)
    return read_message(body)


def _object(data: bytes) -> dict[str, Any]:
    """As another program hands it over, which has read it itself."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
