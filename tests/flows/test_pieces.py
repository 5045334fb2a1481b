"""Shards of which few entries change are kept in pieces, and stretches of entries are taken over together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.storage import Storage
from blocks.store import Store
from exporters import FatalError
from flows.pieces import MOST_PIECES, Patch, Records, load_records, within
from flows.planned import Former, ShardPlan
from flows.results import FetchedShard
from flows.stretches import FRESH, LONGEST, Along, Place, Stretch, load_stretches, save_stretches, stretches, whole

ENTRIES = 60
Night = tuple[set[int], set[int], set[int]]
"""Which places are changed, which are removed, and in front of which something is inserted."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(Storage(str(tmp_path_factory.mktemp("pieces"))))


def places_of(found: Sequence[Stretch]) -> list[Place]:
    step = {True: 0, False: 1}
    return [(one.former, one.start + step[one.is_fresh] * number) for one in found for number in range(one.length)]


class Kept:
    """A shard over many nights, kept as fetch keeps it, and beside it what its records have to be."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.records = [b"entry %d of the first night" % number for number in range(ENTRIES)]
        path, sha256 = store.save_lines(self.records)
        self.former = self.as_former(path, sha256, ())
        self.fetched: FetchedShard | None = None

    def as_former(self, path: str, sha256: str, pieces: tuple[str, ...]) -> Former:
        return Former(
            listing="", path=path, sha256=sha256, ledger="", entries=len(self.records), annotations=0, medias=0,
            pieces=pieces,
        )  # fmt: skip

    def passes(self, night: int, changed: set[int], removed: set[int], inserted: set[int]) -> None:
        """A night with these changes."""
        places: list[Place] = []
        records: list[bytes] = []
        for place, record in enumerate(self.records):
            if place in inserted:
                places.append((FRESH, 0))
                records.append(b"inserted at %d in night %d" % (place, night))
            if place in removed:
                continue
            places.append((FRESH, 0) if place in changed else (0, place))
            records.append(b"changed at %d in night %d" % (place, night) if place in changed else record)
        found = list(stretches(places))
        fresh = [record for record, place in zip(records, places, strict=True) if place[0] == FRESH]
        shard = ShardPlan(
            index=0, label="", dataset_index=0, listing="", entries=len(records), fresh=len(fresh),
            kept=save_stretches(found, self.store), formers=(self.former,),
        )  # fmt: skip
        patch = Patch.of(shard, self.store)
        written, sha256 = self.store.save_lines(fresh if patch else records)
        pieces: tuple[str, ...] = ()
        if patch:
            for one in found:
                patch.add(one.length) if one.is_fresh else patch.take(one)
            written, sha256, pieces = patch.save(written)
        self.records = records
        self.former = self.as_former(written, sha256, pieces)
        self.fetched = FetchedShard(
            shard=shard, path=written, sha256=sha256, pieces=pieces, index="", ledger="", kept=shard.kept,
            entries=len(records), annotations=0, medias=0,
        )  # fmt: skip

    def read(self) -> list[bytes]:
        return list(load_records(self.former.path, self.former.pieces, self.store))


few = st.sets(st.integers(0, ENTRIES - 10), max_size=2)


@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@given(nights=st.lists(st.tuples(few, few, few), min_size=1, max_size=2 * MOST_PIECES))
def test_records_in_pieces_are_those_that_were_written(store: Store, nights: list[Night]) -> None:
    """Whatever changes night after night, a shard's records are what they would be in one file, in their order."""
    shard = Kept(store)
    for number, night in enumerate(nights):
        shard.passes(number, *night)
        assert shard.read() == shard.records
        assert len(shard.former.pieces) <= MOST_PIECES


def test_a_night_writes_what_changed(store: Store) -> None:
    """Of a shard with three fresh entries, three are written; after some nights it is written whole again."""
    shard, wholes = Kept(store), 0
    for night in range(2 * MOST_PIECES):
        shard.passes(night, {night}, set(), {night + 10})
        if shard.former.pieces:
            assert len(list(store.load_lines(shard.former.pieces[-1]))) == 2
        else:
            wholes += 1
            assert len(list(store.load_lines(shard.former.path))) == len(shard.records)
    assert wholes == 2


@settings(derandomize=True, database=None, deadline=None)
@given(wanted=st.sets(st.integers(0, ENTRIES - 1)))
def test_single_records_are_found(store: Store, wanted: set[int]) -> None:
    """Any records can be asked for in order; those that were read come from the piece that has them alone."""
    shard = Kept(store)
    for night in range(3):
        shard.passes(night, {night, 40}, set(), set())
    assert shard.fetched
    records = Records(shard.fetched, store)
    for number in sorted(wanted | {2, 40}):
        assert records.get(number, is_fresh=number in (2, 40)) == shard.records[number]
    records.finish()


@pytest.mark.parametrize("what", ["gone short", "other lines"])
def test_a_piece_that_is_not_what_it_was_is_found_out(store: Store, what: str) -> None:
    """A piece that lost a line, or has others, ends the reading with a sentence that names the file."""
    shard = Kept(store)
    shard.passes(0, {3}, set(), {4})
    piece = shard.former.pieces[-1]
    other, _ = store.save_lines([b"one line"] if what == "gone short" else [b"other", what.encode()])
    path = Path(store.storage.path(piece))
    before = path.read_bytes()
    path.write_bytes(Path(store.storage.path(other)).read_bytes())
    try:
        with pytest.raises(FatalError, match=r"jsonl\.zst is damaged"):
            shard.read()
    finally:
        path.write_bytes(before)


@settings(derandomize=True, database=None, deadline=None)
@given(places=st.lists(st.tuples(st.sampled_from([FRESH, 0, 1]), st.integers(0, 5)), max_size=40), more=st.booleans())
def test_stretches_are_of_the_same_places(store: Store, places: list[Place], *, more: bool) -> None:
    """Stretches say of each entry where it lies, kept or not; none is longer than what may be held together."""
    places = [(former, 0 if former == FRESH else line) for former, line in places]
    places += [(1, line) for line in range(2 * LONGEST + 3)] if more else []
    found = list(stretches(places))
    assert places_of(found) == places
    assert all(one.length <= LONGEST for one in found)
    assert list(load_stretches(save_stretches(found, store), store)) == found


def test_a_stretch_within_a_layout() -> None:
    """A stretch of a shard is found in the pieces that the shard lies in."""
    layout = [Stretch(0, 0, 5), Stretch(1, 0, 1), Stretch(0, 6, 4)]
    assert list(within(layout, Stretch(0, 3, 5))) == [Stretch(0, 3, 2), Stretch(1, 0, 1), Stretch(0, 6, 2)]
    assert list(within(layout, Stretch(0, 5, 1))) == [Stretch(1, 0, 1)]
    assert list(whole(0, LONGEST + 1)) == [Stretch(0, 0, LONGEST), Stretch(0, LONGEST, 1)]


def test_lines_that_are_passed_are_told_of() -> None:
    """Along an earlier shard, what lies in front of a stretch, between two, and behind the last can be looked at."""
    along = Along([b"%d" % number for number in range(10)])
    assert list(along.passed(Stretch(0, 2, 2))) == [b"0", b"1"]
    assert list(along.take(Stretch(0, 2, 2))) == [b"2", b"3"]
    assert list(along.take(Stretch(0, 5, 2))) == [b"5", b"6"]
    assert list(along.passed(Stretch(0, 8, 5))) == [b"7"]
    assert list(along.take(Stretch(0, 8, 5))) == [b"8", b"9"]
    assert list(along.rest()) == []
