"""What the format `conll` promises beside what every format does, read by a strict reader of columns and tags."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors import FatalError
from exporters.formats.conll import ConllExporter
from exporters.formats.tokens import tokenize
from exporters.model import Category, Entry, Media, TextSpan
from exporters.pictures.upright import MediaFile
from tests.conformance import exporters as conformance
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import TEXT, annotation, dataset, entry, picture

GOLDEN = Path(__file__).parent / "golden" / "conll"
CATEGORIES = (Category(id="p", name="PER"), Category(id="l", name="Place of birth"))
TEXTS = dataset(categories=CATEGORIES, modality="text")

Scheme = Literal["iob2", "iobes"]
Found = tuple[int, int, str]


def said(text: str, *spans: tuple[int, int, str], id_: str = "e1", **values: Any) -> Entry:
    """An entry whose text is its attribute, with spans of these places and category ids."""
    annotations = [
        annotation(f"{id_}-{index}", TextSpan(start, end, text[start:end]), category_id=category)
        for index, (start, end, category) in enumerate(spans)
    ]
    return entry(id_, *annotations, **{"medias": (), "attributes": {"text": text}, **values})


def export(*entries: Entry, **options: Any) -> Export:
    made = run_export(ConllExporter(), [options.pop("dataset", TEXTS)], entries, **options)
    made.tally.check("the export")
    return made


def reasons(made: Export) -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == "annotations"}


# -- an independent reader --------------------------------------------------------------------------------------------


def documents(data: bytes) -> list[list[list[tuple[str, str]]]]:
    """The documents as sentences of tokens and tags; raises unless every line is what readers of columns expect."""
    found: list[list[list[tuple[str, str]]]] = []
    lines = data.decode().split("\n")
    assert lines.pop() == ""
    for previous, line in pairwise(["", *lines]):
        if line == "-DOCSTART- O":
            assert previous == ""
            found.append([])
        elif not line:
            assert previous or found[-1] == []
            found[-1].append([])
        else:
            token, tag = line.split(" ")
            assert token.split() == [token]
            found[-1][-1].append((token, tag))
    assert all(document[-1] == [] for document in found)
    return [[sentence for sentence in document if sentence] for document in found]


def entities(text: str, sentences: list[list[tuple[str, str]]], scheme: Scheme) -> list[Found]:
    """Places and classes, read from tags that must follow each other as the scheme says, and tokens found again."""
    found: list[Found] = []
    place = previous = 0
    for sentence in sentences:
        open_: tuple[int, str] | None = None
        for token, tag in sentence:
            start = text.index(token, place)
            assert not text[place:start].strip()
            place = start + len(token)
            prefix, _, name = tag.partition("-")
            begins = prefix in ("B", "S")
            if open_ and (prefix == "O" or begins):
                assert scheme == "iob2"
                found.append((open_[0], previous, open_[1]))
                open_ = None
            if prefix in ("I", "E"):
                assert open_ is not None
                assert open_[1] == name
            elif begins:
                open_ = (start, name)
            else:
                assert tag == "O"
            if open_ and prefix in ("E", "S"):
                assert scheme == "iobes"
                found.append((open_[0], place, name))
                open_ = None
            previous = place
        if open_:
            assert scheme == "iob2"
            found.append((open_[0], previous, open_[1]))
    assert not text[place:].strip()
    return found


def read(made: Export, text: str, scheme: Scheme = "iob2", path: str = "tokens.conll") -> list[Found]:
    (document,) = documents(made.files[path])
    return entities(text, document, scheme)


# -- what is written --------------------------------------------------------------------------------------------------


def small() -> Export:
    text = "Ada met Émile in Köln.\nThey walked (slowly)."
    return export(said(text, (0, 3, "p"), (8, 13, "p"), (17, 21, "l")), said("Nobody.", id_="e2"))


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    assert small().files == {path.name: path.read_bytes() for path in GOLDEN.iterdir()}


LETTERS = "abZé日ह1_ \t\n\r\u2028.,;-(\"'“&#\u0301\u093f\u200d👩🚀\x00"


@st.composite
def annotated_texts(draw: st.DrawFn) -> tuple[str, list[Found]]:
    """A text, and spans in it that do not overlap and begin and end with something visible."""
    text = draw(st.text(LETTERS, min_size=1, max_size=40))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [(*place, draw(st.sampled_from(("p", "l")))) for place in pairwise(cuts) if draw(st.booleans())]
    return text, [one for one in spans if text[one[0] : one[1]].strip() == text[one[0] : one[1]]]


@given(made_of=annotated_texts(), scheme=st.sampled_from(("iob2", "iobes")))
def test_spans_read_back(made_of: tuple[str, list[Found]], scheme: Scheme) -> None:
    """Whatever the text, the spans read from tokens and tags are those that went in, in either scheme."""
    text, spans = made_of
    names = {"p": "PER", "l": "Place_of_birth"}
    expected = [(start, end, names[category]) for start, end, category in spans]
    assert read(export(said(text, *spans), options={"scheme": scheme}), text, scheme) == expected


def test_neighbours_of_one_class_stay_apart() -> None:
    """Two entities of one class beside each other are two: the second begins with B-."""
    made = export(said("Ada Émile", (0, 3, "p"), (4, 9, "p")))
    assert b"Ada B-PER\n\xc3\x89mile B-PER\n" in made.files["tokens.conll"]


def test_spans_end_tokens() -> None:
    """A span that ends within a word cuts it there, so that nothing is lost or added."""
    text = "Kölner"
    assert read(export(said(text, (0, 4, "l"))), text) == [(0, 4, "Place_of_birth")]


def test_one_line_is_one_sentence() -> None:
    """A line of the text is a sentence; with `sentences=paragraphs`, what an empty line ends."""
    text = "One.\nTwo.\r\n\r\nThree."
    lines = documents(export(said(text)).files["tokens.conll"])
    paragraphs = documents(export(said(text), options={"sentences": "paragraphs"}).files["tokens.conll"])
    assert [len(sentence) for sentence in lines[0]] == [2, 2, 2]
    assert [len(sentence) for sentence in paragraphs[0]] == [4, 2]


def test_no_break_inside_a_span() -> None:
    """A span that goes over a line end is one entity in one sentence."""
    text = "in New\nYork"
    made = export(said(text, (3, 11, "l")))
    assert read(made, text) == [(3, 11, "Place_of_birth")]
    assert len(documents(made.files["tokens.conll"])[0]) == 1


def test_text_cannot_begin_a_document() -> None:
    """A text that says -DOCSTART- is text."""
    assert len(documents(export(said("-DOCSTART- O\n\n-DOCSTART-")).files["tokens.conll"])) == 1


def test_blanks_around_a_span_are_cut_off() -> None:
    """A span that begins or ends with blanks is written without them, and counted as changed."""
    text = "on 3 May ."
    made = export(said(text, (2, 9, "p")))
    assert read(made, text) == [(3, 8, "PER")]
    assert made.tally.changed == {"blanks around a span are not part of it": 1}


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (TextSpan(0, 3, "Bob"), "its text is not what stands at its place"),
        (TextSpan(3, 4), "there is nothing but blanks in it"),
        (TextSpan(2, 2), "its place does not lie in the text"),
        (TextSpan(4, 80), "its place does not lie in the text"),
        (TextSpan(-3, 3), "its place does not lie in the text"),
    ],
)
def test_spans_without_a_place_are_left_out(span: TextSpan, reason: str) -> None:
    """A span that names other text than stands at its place, or no text at all, is left out with the reason."""
    made = export(entry("e1", annotation("a", span, category_id="p"), medias=(), attributes={"text": "Ada met"}))
    assert reasons(made) == {reason: 1}


def test_of_overlapping_spans_the_first_and_longest_is_written() -> None:
    """A token has one tag: what overlaps an earlier or longer span is left out and counted."""
    text = "New York City"
    made = export(said(text, (4, 8, "p"), (0, 8, "l"), (0, 13, "p"), (9, 13, "l")))
    assert read(made, text) == [(0, 13, "PER")]
    assert reasons(made) == {"it overlaps another span, and in CoNLL a token has one tag": 3}


def test_classes_are_named_without_blanks_and_kept_apart() -> None:
    """Whatever classes are called, each has a tag of its own that is one field, and `labels.txt` has all of them."""
    many = hostile.categories(modality="text")
    made = export(
        *(said("word", (0, 4, one.id), id_=f"e{index}") for index, one in enumerate(many.categories)), dataset=many
    )
    tags = [tag for document in documents(made.files["tokens.conll"]) for ((_, tag),) in document]
    assert len(set(tags)) == len(many.categories)
    labels = made.files["labels.txt"].decode().split("\n")[:-1]
    assert labels[0] == "O"
    assert labels[1::2] == tags


def test_documents_say_whose_text_they_are() -> None:
    """`documents.jsonl` has a line for each document, in the same order, split by split, in shards of any size."""
    entries = [said(f"text {index}", id_=f"e{index}", split=("train", "val")[index % 2]) for index in range(5)]
    made = export(*entries, shard_size=2)
    for split, ids in (("train", ["e0", "e2", "e4"]), ("val", ["e1", "e3"])):
        lines = made.files[f"documents_{split}.jsonl"].splitlines()
        assert [json.loads(line)["id"] for line in lines] == ids
        texts = documents(made.files[f"tokens_{split}.conll"])
        assert [f"e{sentences[0][1][0]}" for sentences in texts] == ids


# -- where texts come from --------------------------------------------------------------------------------------------


def in_a_file(monkeypatch: pytest.MonkeyPatch, data: bytes, span: TextSpan) -> Export:
    """An export of an entry whose text is a file of these bytes."""

    def file(media: Media) -> MediaFile:
        return MediaFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), crc32=0)

    monkeypatch.setattr(conformance, "media_bytes", lambda media: data)
    media = picture("m", mime_type="text/plain", width=None, height=None)
    return export(entry("e1", annotation("a", span, category_id="p"), medias=(media,)), files=file)


def test_text_is_that_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is the file's, which is delivered too."""
    made = in_a_file(monkeypatch, TEXT.encode(), TextSpan(17, 21, "Köln"))
    assert read(made, TEXT) == [(17, 21, "PER")]
    assert list(made.medias) == ["texts/e1.png"]


def test_byte_order_mark_is_not_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte-order mark at the beginning of a file is not counted."""
    assert read(in_a_file(monkeypatch, b"\xef\xbb\xbfAda", TextSpan(0, 3, "Ada")), "Ada") == [(0, 3, "PER")]


def test_text_that_is_no_utf_8_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no UTF-8 fails its entry, by name."""
    with pytest.raises(FatalError, match=r"Entry e1 cannot be exported: its text is no UTF-8; leave"):
        in_a_file(monkeypatch, b"\xff", TextSpan(0, 1))


def test_entry_without_text_is_left_out() -> None:
    """An entry whose text is nowhere is left out with a reason that says where it was looked for."""
    (left,) = [one for one in export(entry("e1", medias=())).tally.left_out if one.kind == "entries"]
    assert left.reason == "it has no text: no media of text that was fetched, and no attribute “text”"


# -- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't stop!", ["Don", "'", "t", "stop", "!"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("👩\u200d🚀👍", ["👩\u200d🚀", "👍"]),
        ("a_b 1,5", ["a_b", "1", ",", "5"]),
        ("日本", ["日本"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    """Words are whole in any script, with their accents and vowel signs; other characters stand alone."""
    assert [text[start:end] for start, end in tokenize(text)] == tokens
