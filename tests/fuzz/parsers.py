"""All parsers that are given broken documents. Adding one is a line in a module here; `running` says what it must."""

from __future__ import annotations

from tests.fuzz import deliveries, folders, inputs, medias, platforms, records
from tests.fuzz.running import Parser

PARSERS: tuple[Parser, ...] = tuple(
    parser for module in (platforms, folders, records, deliveries, inputs, medias) for parser in module.parsers()
)


def inputs_of(parser: Parser, total: int) -> int:
    """How many of so many inputs are a parser's: those that cost much get fewer."""
    return max(1, round(total * parser.share / sum(one.share for one in PARSERS)))
