"""A task of Label Studio: an entry with its file, and the work of each person on it."""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Any

from exporters.formats.label_studio_config import CHOICE
from exporters.formats.label_studio_regions import Region, region_meta, regions, transcript
from exporters.formats.labels import labels_of
from exporters.item import Item, Placed, default_media_path
from exporters.model import Classification, Relation, TimeSpan
from exporters.preparing import NO_CATEGORY
from exporters.shard import Shard

_PLAIN = frozenset(f"{ascii_letters}{digits}/_.-~".encode())
"""What stands for itself in a URL."""


def task(item: Item, shard: Shard[Any], kind: str, url_prefix: str) -> tuple[dict[str, Any], list[Placed]]:
    """The task as its JSON, and the annotations that are written in it; `kind` is the object's that is labelled."""
    kept: list[Placed] = []
    results: list[tuple[str | None, list[Region]]] = []
    for author, some in _by_author(item).items():
        taken, result = _result(some, item, shard, kind)
        kept += taken
        if result or item.entry.state != "in_progress":
            results.append((author, result))
    if not item.annotations and item.entry.state != "in_progress":
        results.append((None, []))
    made = {
        "id": item.number,
        "data": {kind: _url(item, url_prefix), **_own_data(item, kind)},
        "annotations": [_annotation(author, result) for author, result in results],
        "predictions": [],
        "meta": _task_meta(item, kind, [author for author, _ in results]),
    }
    return made, kept


def _url(item: Item, prefix: str) -> str:
    media = item.entry.original
    path = (item.files.get(media.id) if media else None) or default_media_path(item)
    # Buckets are asked for the path as it stands; in what a browser opens, it must be quoted.
    return prefix + (_quoted(path) if prefix.startswith(("http://", "https://", "/")) else path)


def _quoted(path: str) -> str:
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in path.encode())


def _by_author(item: Item) -> dict[str | None, list[Placed]]:
    authors: dict[str | None, list[Placed]] = {}
    for one in item.annotations:
        authors.setdefault(one.annotation.created_by, []).append(one)
    return authors


def _annotation(author: str | None, result: list[Region]) -> dict[str, Any]:
    completed_by = {"completed_by": {"email": author}} if author and "@" in author else {}
    return {**completed_by, "was_cancelled": False, "ground_truth": False, "result": result}


def _own_data(item: Item, kind: str) -> dict[str, Any]:
    """What a task's `data` has beside the URL, which is called `kind`."""
    return {name: value for name, value in sorted(item.entry.attributes.items()) if name != kind}


def _task_meta(item: Item, kind: str, authors: list[str | None]) -> dict[str, Any]:
    entry = item.entry
    meta: dict[str, Any] = {"entry": entry.id, "name": entry.name}
    if kind in entry.attributes:
        meta["attributes"] = {kind: entry.attributes[kind]}
    if any(author and "@" not in author for author in authors):
        meta["authors"] = authors
    return meta


def _result(some: list[Placed], item: Item, shard: Shard[Any], kind: str) -> tuple[list[Placed], list[Region]]:
    """The annotations of one person that are written, and their regions: relations last, for what they lead to."""
    labels = labels_of(shard)
    kept: list[Placed] = []
    result: list[Region] = []
    tags: list[Placed] = []
    relations: list[Placed] = []
    for one in some:
        if isinstance(one.shape, Classification):
            tags.append(one)
            continue
        if isinstance(one.shape, Relation):
            relations.append(one)
            continue
        found = regions(one, labels[one.category.id] if one.category else None, item, shard.change)
        if isinstance(found, str):
            shard.leave_out_annotation(one, found)
            continue
        kept.append(one)
        result += found
        said = transcript(found[0], one) if kind == "audio" and isinstance(one.shape, TimeSpan) else None
        if said:
            result.append(said)
    kept += _choose(tags, result, labels, shard, kind)
    known = {region["id"] for region in result}
    for one in relations:
        relation = _relation(one, labels)
        if not {relation["from_id"], relation["to_id"]} <= known:
            shard.change("leads to an annotation that is not part of the same person's work in the export")
        result.append(relation)
    return [*kept, *relations], result


def _choose(
    tags: list[Placed], result: list[Region], labels: dict[str, str], shard: Shard[Any], kind: str
) -> list[Placed]:
    """Add all choices of a person as one result, as Label Studio has them; its `meta` has what is known of each."""
    chosen: dict[str, dict[str, Any]] = {}
    kept = []
    for one in tags:
        if one.category is None:
            shard.leave_out_annotation(one, NO_CATEGORY)
            continue
        kept.append(one)
        label = labels[one.category.id]
        if label in chosen:
            shard.change("the same choice twice became one")
        chosen.setdefault(label, {}).update(region_meta(one))
    if kept:
        meta = {label: known for label, known in chosen.items() if known}
        choice = {"id": kept[0].annotation.id, "from_name": CHOICE, "to_name": kind, "type": "choices"}
        result.append(choice | {"value": {"choices": list(chosen)}} | ({"meta": meta} if meta else {}))
    return kept


def _relation(one: Placed, labels: dict[str, str]) -> Region:
    if not isinstance(one.shape, Relation):
        raise NotImplementedError(type(one.shape).__name__)
    label = {"labels": [labels[one.category.id]]} if one.category else {}
    ends = {"from_id": one.shape.source_id, "to_id": one.shape.target_id}
    meta = region_meta(one)
    return {"type": "relation", **ends, "direction": "right", **label, **({"meta": meta} if meta else {})}
