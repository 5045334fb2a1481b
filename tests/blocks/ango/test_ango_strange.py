"""Rows and label sets in which anything may be missing, null, or of another type than promised."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from msgspec import Raw

from blocks.ango.annotations import Found, Project
from blocks.ango.records import to_dataset, to_entry
from blocks.ango.row import Listed, Row
from blocks.sandbox.ango.ontology import Ontology
from exporters.errors import RetriableError
from exporters.model import decode_dataset, decode_entry, encode
from tests.blocks.ango.hub import SAMPLES
from tests.blocks.ango.test_ango_samples import sample

ODD = (None, 0, -1, 1.5, "", "x", [], {}, [[]], [None], {"x": None}, True, 1e308, "1", [1, 2], "http://[::1")


def spoilt(value: Any, rng: random.Random) -> Any:
    """A document in which a few values are other ones, and a few keys are gone."""
    if rng.random() < 0.03:
        return copy.deepcopy(rng.choice(ODD))
    if isinstance(value, dict):
        return {key: spoilt(one, rng) for key, one in value.items() if rng.random() > 0.01}
    if isinstance(value, list):
        return [spoilt(one, rng) for one in value]
    return value


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
def test_strange_rows_are_entries(name: str) -> None:
    """A row is an entry whatever is strange in it, and survives the workspace; it is refused without an id only."""
    project = Project(to_dataset(b'{"_id":"p","stages":[{"id":"a"}, null]}', "image"))
    rows, read = sample(name), 0
    for number in range(400):
        rng = random.Random(f"{name}:{number}")
        changed = spoilt(rng.choice(rows), rng)
        raw = json.dumps(changed if isinstance(changed, dict) else {}).encode()
        try:
            row = Row.parse(raw)
            id_, pages = row.id, range(len(row.pages)) if len(row.pages) > 1 else (None,)
        except RetriableError as error:
            assert "without" in str(error)  # noqa: PT017 - most rows have an id
            continue
        for page in pages:
            entry = to_entry(Listed(id=id_, row=Raw(raw), page=page), row, project, Found(text="abc"))
            assert decode_entry(encode(entry)) == entry
            read += 1
    assert read > 350


@pytest.mark.parametrize("kind", ["image", "video", "documents"])
def test_strange_label_sets(kind: str) -> None:
    """A label set is read as far as it can be, each class once."""
    schema = Ontology(7, kind).schema
    for number in range(300):
        rng = random.Random(f"{kind}:{number}")
        project = {"_id": "p", "name": spoilt("x", rng), "categorySchema": spoilt(schema, rng)}
        dataset = to_dataset(json.dumps(project).encode(), kind)
        assert decode_dataset(encode(dataset)) == dataset
        assert len({one.id for one in dataset.categories}) == len(dataset.categories)
        assert Project(dataset).colors is not None
