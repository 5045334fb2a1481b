"""Whatever a parser is given, it reads it or refuses it in a sentence: no crash, no hang, no memory without a bound."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.parsers import PARSERS, inputs_of
from tests.fuzz.running import Parser, attempt, run

GIVEN = os.environ.get("OUTHAUL_TEST_FUZZ", "")
"""Inputs in all. Without it they are few, and the same each time: new ones are sought by whoever asks for more."""
INPUTS = int(GIVEN or "4000")
MOST_GROWTH_BYTES = 256 << 20
"""Of what a parser holds at most while it reads, whatever it is given."""


@pytest.mark.parametrize("parser", PARSERS, ids=[parser.name for parser in PARSERS])
@pytest.mark.timeout(0 if GIVEN else 300)
def test_broken_documents_are_read_or_refused(parser: Parser) -> None:
    """Of broken documents each is read, or refused by an error of ours that can be shown; memory stays bounded."""
    assert {attempt(parser, seed) for seed in parser.seeds()} & {True}, "not even true documents are read"
    figures = run(parser, inputs_of(parser, INPUTS), is_repeatable=not GIVEN)
    assert figures.inputs
    assert figures.growth_bytes < MOST_GROWTH_BYTES
