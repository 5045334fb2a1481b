"""What the format `spacy` promises beside what every format does, read by spaCy itself."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.training import Example

from exporters.formats.spacy import SpacyExporter
from exporters.model import Category, Classification, Entry, TextSpan
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import TEXT, annotation, dataset, entry, picture

GOLDEN = Path(__file__).parent / "golden" / "spacy"
CATEGORIES = (
    Category(id="p", name="PER"),
    Category(id="l", name="Place of birth"),
    Category(id="n", name="NEWS", shapes=("classification",)),
    Category(id="a", name="ADVERT", shapes=("classification",)),
)
TEXTS = dataset(categories=CATEGORIES, modality="text")
NLP = spacy.blank("xx")
Found = tuple[int, int, str]


def said(text: str, *spans: tuple[int, int, str], id_: str = "e1", **values: Any) -> Entry:
    """An entry whose text is its attribute, with spans of these places and category ids."""
    annotations = [
        annotation(f"{id_}-{index}", TextSpan(start, end, text[start:end]), category_id=category)
        for index, (start, end, category) in enumerate(spans)
    ]
    return entry(id_, *annotations, **{"medias": (), "attributes": {"text": text}, **values})


def export(*entries: Entry, **options: Any) -> Export:
    made = run_export(SpacyExporter(), [options.pop("dataset", TEXTS)], entries, **options)
    made.tally.check("the export")
    return made


def rows(made: Export, path: str = "texts.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.files[path].splitlines()]


def example(row: dict[str, Any]) -> Example:
    """As the format's page says; every place must be one of spaCy's tokens."""
    doc = NLP.make_doc(row["text"])
    assert doc.text == row["text"]
    for start, end, label in [*row["entities"], *row["spans"].get("sc", [])]:
        assert doc.char_span(start, end, label=label) is not None
    return Example.from_dict(doc, {key: row[key] for key in ("entities", "spans", "cats")})


def places(spans: Any) -> list[Found]:
    return [(span.start_char, span.end_char, span.label_) for span in spans]


def small() -> Export:
    return export(
        said("Ada met Émile in Köln.", (0, 3, "p"), (8, 13, "p"), (17, 21, "l"), (8, 21, "l")),
        entry("e2", annotation("a", Classification(), category_id="n"), medias=(), attributes={"text": "Nobody."}),
    )


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    assert small().files == {path.name: path.read_bytes() for path in GOLDEN.iterdir()}


@st.composite
def annotated_texts(draw: st.DrawFn) -> tuple[str, list[Found]]:
    """Words of any script between blanks, and spans of whole words that do not overlap."""
    words = draw(st.lists(st.sampled_from(("Ada", "Émile", "हिन्दी", "🦖", "b2", "日本")), min_size=1, max_size=8))
    text = draw(st.sampled_from((" ", "\n", "  "))).join(words)
    starts = [0]
    for word in words[:-1]:
        starts.append(text.index(words[len(starts)], starts[-1] + len(word)))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    spans = [
        (starts[first], starts[last - 1] + len(words[last - 1]), draw(st.sampled_from(("p", "l"))))
        for first, last in pairwise(cuts)
    ]
    return text, spans


@given(annotated_texts())
def test_entities_read_back(made_of: tuple[str, list[Found]]) -> None:
    """The library finds the entities that went in, at their places and with their labels."""
    text, spans = made_of
    names = {"p": "PER", "l": "Place of birth"}
    (row,) = rows(export(said(text, *spans)))
    assert places(example(row).reference.ents) == [(start, end, names[category]) for start, end, category in spans]


def test_overlapping_spans_are_a_group() -> None:
    """Of spans that overlap, the first and longest is an entity, the others are in the span group: none is lost."""
    (row,) = rows(export(said("New York City", (4, 8, "p"), (0, 8, "l"), (0, 13, "p"))))
    reference = example(row).reference
    assert places(reference.ents) == [(0, 13, "PER")]
    assert places(reference.spans["sc"]) == [(0, 8, "Place of birth"), (4, 8, "PER")]


def test_all_spans_can_be_in_the_group() -> None:
    """With `spans=all`, the span group has every span, for training a span categorizer."""
    (row,) = rows(export(said("New York", (4, 8, "p"), (0, 3, "l")), options={"spans": "all"}))
    reference = example(row).reference
    assert len(reference.ents) == len(reference.spans["sc"]) == 2


def test_blanks_around_a_span_are_cut_off() -> None:
    """The library drops entities that begin or end with a blank: they are written without, and counted as changed."""
    made = export(said("on 3 May .", (2, 9, "p")))
    assert places(example(rows(made)[0]).reference.ents) == [(3, 8, "PER")]
    assert made.tally.changed == {"blanks around a span are not part of it": 1}


def test_a_wrong_place_is_left_out() -> None:
    """A span whose text is another than what stands at its place is left out with the reason."""
    one = entry("e1", annotation("a", TextSpan(0, 3, "Bob"), category_id="p"), medias=(), attributes={"text": "Ada"})
    made = export(one)
    assert [left.reason for left in made.tally.left_out if left.kind == "annotations"] == [
        "its text is not what stands at its place"
    ]


def test_categories_of_a_text() -> None:
    """What a text is classified as is 1.0, the other classes that are declared for it 0.0, in every text."""
    news = annotation("a", Classification(), category_id="n")
    made = export(entry("e1", news, medias=(), attributes={"text": "Ada"}), said("Bob", id_="e2"))
    assert [example(row).reference.cats for row in rows(made)] == [
        {"NEWS": 1.0, "ADVERT": 0.0},
        {"NEWS": 0.0, "ADVERT": 0.0},
    ]


def test_attributes_are_kept_in_meta() -> None:
    """Attributes of entries and spans are in `meta`, the text itself once."""
    attributes = {"sure": True, "note": "é"}
    span = annotation("a", TextSpan(0, 3), category_id="p", attributes=attributes)
    (row,) = rows(export(entry("e1", span, medias=(), attributes={"text": "Ada", "page": 3})))
    assert row["meta"] == {
        "id": "e1",
        "name": "e1.png",
        "attributes": {"page": 3},
        "annotations": [{"id": "a", "label": "PER", "attributes": attributes}],
    }


def test_text_is_that_of_the_file() -> None:
    """The text is the file's, whose offsets count code points: one for a character beyond the first plane."""
    span = annotation("a", TextSpan(22, 23, "🦖"), category_id="p")
    (row,) = rows(export(entry("e1", span, medias=(picture("m", mime_type="text/plain"),))))
    assert row["text"] == TEXT
    assert [span.text for span in example(row).reference.ents] == ["🦖"]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_file_for_each_split(size: int) -> None:
    """Each split is a file of its own, entries in their order; spaCy reads all of them into a DocBin and back."""
    entries = [said("Ada", (0, 3, "p"), id_=f"e{index}", split=("train", "val")[index % 2]) for index in range(5)]
    made = export(*entries, shard_size=size)
    assert sorted(made.files) == ["texts_train.jsonl", "texts_val.jsonl"]
    found = rows(made, "texts_train.jsonl")
    assert [row["meta"]["id"] for row in found] == ["e0", "e2", "e4"]
    stored = DocBin(docs=[example(row).reference for row in found]).to_bytes()
    assert [places(doc.ents) for doc in DocBin().from_bytes(stored).get_docs(NLP.vocab)] == [[(0, 3, "PER")]] * 3


def test_hostile_labels_read_back() -> None:
    """Labels are the names of the classes, whatever is in them."""
    many = hostile.categories(modality="text")
    entries = [said("word", (0, 4, one.id), id_=f"e{index}") for index, one in enumerate(many.categories)]
    made = export(*entries, dataset=many)
    labels = [row["entities"][0][2] for row in rows(made)]
    assert labels == [one.name for one in made.classes.classes]
