"""`spacy`: texts with entities, span groups and categories, one JSON object a line, as spaCy's `Example` takes them.

    texts.jsonl   or texts_<split>.jsonl
    texts/...     the texts themselves

    {"text": "Ada met Émile.", "entities": [[0, 3, "PER"]], "spans": {"sc": [[0, 13, "EVENT"]]}, "cats": {"NEWS": 1.0},
     "meta": {"id": "...", "name": "...", "attributes": {...}, "annotations": [{"id": ..., "attributes": {...}}]}}

Offsets are half-open, in code points. A span that overlaps another cannot be an entity of spaCy's: of two, the one that
begins first is, the longer of two that begin together, and the other lies in the span group `sc`, where spaCy's span
categorizer looks; with `spans=all` every span lies there too. Blanks around a span are cut off, because spaCy drops
entities that begin or end with one. `cats` has 1.0 for what the entry is classified as, and 0.0 for the other classes
that the project declares for classification. To make a `DocBin` of it:

    row = json.loads(line)
    example = Example.from_dict(nlp.make_doc(row["text"]), {key: row[key] for key in ("entities", "spans", "cats")})
    bin.add(example.reference)

Attributes, which spaCy has no place for, are in `meta`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats import texts
from exporters.formats.documents import json_bytes
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Classification, TextSpan
from exporters.options import ClassOptions
from exporters.shard import Shard

GROUP = "sc"
"""spaCy's own default of `spans_key`."""


class SpacyOptions(ClassOptions):
    spans: Literal["overlapping", "all"] = Field(
        default="overlapping",
        description="What the span group sc holds: the spans that cannot be entities because they overlap one, or all.",
    )


class SpacyExporter(Exporter[SpacyOptions]):
    name = "spacy"
    description = "Texts with entities, overlapping spans and categories, one JSON object a line, for spaCy."
    version = 1
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"text"}), shapes=frozenset({"text_span", "classification"}), needs_category=True
    )
    options = SpacyOptions

    def convert(self, item: Item, shard: Shard[SpacyOptions]) -> None:
        text = texts.text_of(item, shard)
        if text is None:
            shard.leave_out(texts.NO_TEXT)
            return
        sound: list[texts.Span] = []
        answers = []
        for one in item.annotations:
            if isinstance(one.shape, Classification):
                answers.append(one)
            elif isinstance(one.shape, TextSpan):
                place = texts.trimmed(one.shape, text)
                if isinstance(place, str):
                    shard.leave_out_annotation(one, place)
                    continue
                if place != (one.shape.start, one.shape.end):
                    shard.change(texts.TRIMMED)
                sound.append((*place, one))
        taken, overlapping = texts.without_overlaps(sound)
        grouped = sound if shard.options.spans == "all" else overlapping
        row = {
            "text": text,
            "entities": [_labelled(*span) for span in taken],
            "spans": {GROUP: [_labelled(*span) for span in grouped]} if grouped else {},
            "cats": _declared(shard) | {_label(one): 1.0 for one in answers},
            "meta": _meta(item, text, [*(one for _, _, one in sound), *answers]),
        }
        shard.append(f"texts:{item.entry.split or ''}", json_bytes(row) + b"\n")
        shard.keep([*(one for _, _, one in sound), *answers])

    def assemble(self, package: Assembly[SpacyOptions]) -> None:
        for split, suffix in texts.split_suffixes(package, "texts").items():
            package.file(f"texts{suffix}.jsonl", package.pieces(f"texts:{split}"))


def _label(one: Placed) -> str:
    return one.category.name if one.category else ""


def _labelled(start: int, end: int, one: Placed) -> tuple[int, int, str]:
    return start, end, _label(one)


def _declared(shard: Shard[SpacyOptions]) -> dict[str, float]:
    """0.0 for each class that the dataset declares for classification."""
    declared: dict[str, float] | None = shard.memory.get("declared")
    if declared is None:
        ids = {one.id for one in shard.dataset.categories if "classification" in one.shapes}
        declared = {one.name: 0.0 for one in shard.classes.classes if ids.intersection((one.id, *one.others))}
        shard.memory["declared"] = declared
    return declared


def _meta(item: Item, text: str, annotations: list[Placed]) -> dict[str, Any]:
    meta: dict[str, Any] = {"id": item.entry.id, "name": item.entry.name}
    attributes = {key: value for key, value in item.entry.attributes.items() if (key, value) != ("text", text)}
    if attributes:
        meta["attributes"] = attributes
    described = [
        {"id": one.annotation.id, "label": _label(one), "attributes": one.annotation.attributes}
        for one in annotations
        if one.annotation.attributes
    ]
    return meta | ({"annotations": described} if described else {})
