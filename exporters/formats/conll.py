"""`conll`: named entities in columns, as CoNLL-2003 has them: a token and its tag a line.

    tokens.conll      or tokens_<split>.conll
    documents.jsonl   or documents_<split>.jsonl: whose text each document is, in the same order
    labels.txt        every tag there can be, `O` first, then by class
    texts/...         the texts themselves

    -DOCSTART- O

    Ada B-PER
    Lovelace I-PER
    left O

A document begins with `-DOCSTART-` and an empty line; an empty line ends a sentence, which is a line of the text (or a
paragraph, see `sentences`): no guess is made at full stops. No break is made inside a span. Tokens are those of
`exporters.formats.tokens`, and spans begin and end tokens. Tags are IOB2 or IOBES; classes are named without blanks
(`Phone number` as `Phone_number`). Of spans that overlap, the one that begins first is written, the longer of two that
begin together, and the others are left out: a token has one tag. Attributes of spans are not held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import orjson
from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats import texts
from exporters.formats.texts import Span
from exporters.formats.tokens import tokenize
from exporters.holds import Holds
from exporters.item import Item
from exporters.model import TextSpan
from exporters.options import ClassOptions
from exporters.shard import Shard

Scheme = Literal["iob2", "iobes"]

PREFIXES: dict[Scheme, str] = {"iob2": "BI", "iobes": "BIES"}


class ConllOptions(ClassOptions):
    scheme: Scheme = Field(
        default="iob2",
        description="Tags: iob2 (B- begins an entity, I- goes on) or iobes (also E- for its end, S- for all of it).",
    )
    sentences: Literal["lines", "paragraphs"] = Field(
        default="lines", description="What an empty line ends: a line of the text, or what an empty line of it ends."
    )


class ConllExporter(Exporter[ConllOptions]):
    name = "conll"
    description = "Named entities in columns as CoNLL-2003 has them: a token and its IOB2 or IOBES tag a line."
    version = 1
    is_entrywise = True
    holds = Holds(modalities=frozenset({"text"}), shapes=frozenset({"text_span"}), needs_category=True)
    options = ConllOptions

    def convert(self, item: Item, shard: Shard[ConllOptions]) -> None:
        text = texts.text_of(item, shard)
        if text is None:
            shard.leave_out(texts.NO_TEXT)
            return
        names = shard.memory.setdefault("names", texts.column_names(shard.classes.classes))
        spans = _spans(item, text, shard, names)
        rows = _rows(text, spans, names, shard.options)
        split = item.entry.split or ""
        document = {"id": item.entry.id, "name": item.entry.name}
        shard.append(f"tokens:{split}", f"-DOCSTART- O\n\n{''.join(rows)}\n".encode())
        shard.append(f"documents:{split}", orjson.dumps(document) + b"\n")
        shard.keep(one for _, _, one in spans)

    def assemble(self, package: Assembly[ConllOptions]) -> None:
        for split, suffix in texts.split_suffixes(package, "tokens").items():
            package.file(f"tokens{suffix}.conll", package.pieces(f"tokens:{split}"))
            package.file(f"documents{suffix}.jsonl", package.pieces(f"documents:{split}"))
        prefixes = PREFIXES[package.options.scheme]
        tags = [f"{one}-{name}" for name in texts.column_names(package.classes.classes).values() for one in prefixes]
        package.file("labels.txt", ["".join(f"{tag}\n" for tag in ("O", *tags)).encode()])


def _spans(item: Item, text: str, shard: Shard[ConllOptions], names: dict[str, str]) -> list[Span]:
    """The spans that are written, in order, without blanks around them; the others are counted as left out."""
    sound: list[Span] = []
    for one in item.annotations:
        if not isinstance(one.shape, TextSpan):
            continue
        place = texts.trimmed(one.shape, text)
        if isinstance(place, str):
            shard.leave_out_annotation(one, place)
        else:
            sound.append((*place, one))
    taken, overlapping = texts.without_overlaps(sound)
    for _, _, one in overlapping:
        shard.leave_out_annotation(one, "it overlaps another span, and in CoNLL a token has one tag")
    for start, end, one in taken:
        if isinstance(one.shape, TextSpan) and (start, end) != (one.shape.start, one.shape.end):
            shard.change(texts.TRIMMED)
        if one.annotation.attributes:
            shard.change("attributes are not held")
        if one.category and names[one.category.id] != one.category.name:
            shard.change("its class is named without blanks")
    return taken


def _rows(text: str, spans: Sequence[Span], names: dict[str, str], options: ConllOptions) -> Iterator[str]:
    """The lines of a document, line ends included."""
    borders = [border for start, end, _ in spans for border in (start, end)]
    breaks = 1 if options.sentences == "lines" else 2
    ahead = iter(spans)
    span = next(ahead, None)
    done = 0
    for start, end in tokenize(text, borders):
        while span and span[1] <= start:
            span = next(ahead, None)
        inside = span is not None and span[0] <= start
        if done and not (inside and span and span[0] < done) and _line_ends(text[done:start]) >= breaks:
            yield "\n"
        tag = "O"
        if span and inside and span[2].category:
            prefix = _prefix(options.scheme, is_first=start == span[0], is_last=end == span[1])
            tag = f"{prefix}-{names[span[2].category.id]}"
        yield f"{text[start:end]} {tag}\n"
        done = end


def _prefix(scheme: Scheme, *, is_first: bool, is_last: bool) -> str:
    if scheme == "iobes" and is_last:
        return "S" if is_first else "E"
    return "B" if is_first else "I"


def _line_ends(blanks: str) -> int:
    return len(f"{blanks}.".splitlines()) - 1
