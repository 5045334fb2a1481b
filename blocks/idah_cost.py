"""How many requests IDAH is asked, reckoned before any is: by what `blocks.idah_reading` puts into one of them."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.idah_client import PAGE_ROWS, QUERY_CHARACTERS
from blocks.idah_pace import FULL_PAGE_SHARE
from blocks.idah_reading import ENTRIES_AT_ONCE, FIRST_MASKS
from exporters.model import Dataset

ID_CHARACTERS = 56
"""Of an entry's id in an address, with the name of the filter."""
RESOURCE_CHARACTERS = 32
"""Of what a media belongs to."""
ONCE = 3
"""A login, the datasets, and the dataset once more when its listing is read."""


def requests_to_list(entries: int) -> int:
    """To find a dataset of so many entries, and to list them."""
    return ONCE + 1 + entries // PAGE_ROWS


def requests_to_read(dataset: Dataset, shards: Sequence[int], annotations: float) -> int:
    """To read shards of so many entries, with so many annotations each, and what their media are; no file is in it."""
    first = FIRST_MASKS if any("mask" in category.shapes for category in dataset.categories) else ENTRIES_AT_ONCE
    return sum(_of_piece(piece, annotations) for entries in shards for piece in _pieces(entries, first))


def _pieces(entries: int, first: int) -> list[int]:
    """How many entries are read together, one piece after the other."""
    pieces = [min(first, entries)]
    while (rest := entries - sum(pieces)) > 0:
        pieces.append(min(rest, ENTRIES_AT_ONCE))
    return pieces


def _of_piece(entries: int, annotations: float) -> int:
    """What has happened meanwhile, the annotations, and the media."""
    most = min(QUERY_CHARACTERS // ID_CHARACTERS, int(FULL_PAGE_SHARE * PAGE_ROWS / max(annotations, 0.1)) or 1)
    return 1 - (-entries // most) - (-entries // (QUERY_CHARACTERS // RESOURCE_CHARACTERS))
