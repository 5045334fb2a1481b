"""What every source promises.

A source joins by inheriting `SourceConformance` and giving one fixture, `case`: how to open the source, and what it is
known to hold.
"""

from __future__ import annotations

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from prefect.blocks.core import Block

from blocks.source import Source
from exporters.errors import OuthaulError, RequestError, SkippableError
from exporters.model import Dataset, Entry, Media, decode_dataset, decode_entry, encode

CANARY = "canary-5f3759df"
"""A secret: wherever it shows, a real one would."""


@dataclass(frozen=True)
class SourceCase:
    """A source with at least one dataset of four entries or more, and the truth about all it holds."""

    open: Callable[[], Source]
    """Opens it afresh, as another process would."""
    pictures: Mapping[str, bytes]
    """The bytes of each entry's original media by the entry's id, where it has one."""
    records: Mapping[str, Any]
    """What the far end holds of each entry and annotation, parsed, by id."""
    lose: Callable[[Media], None]
    """Removes the file of a media at the far end."""
    locked: Callable[[], Source]
    """The same kind of source with CANARY in all its secrets, which fails when it is used."""
    private: Sequence[str] = ()
    """What nobody else should learn: places on this machine."""


def _value(name: str) -> str:
    """A value that a filter of this name can take."""
    column = name.rpartition(".")[2].partition("__")[0]
    if column == "id" or column in ("job_id", "project_id"):
        return "019b5c10-1a2b-7c3d-8e4f-000000000001"
    values = {"status": "completed", "wf_step": "done", "assigned": "true", "type": "task", "task_type": "default"}
    values["modality"] = "image"
    return values.get(column, "2026-01-31" if column.endswith("_at") else "1")


class SourceConformance(ABC):
    @pytest.fixture
    @abstractmethod
    def case(self) -> Any:
        """A SourceCase."""

    @pytest.fixture
    def source(self, case: SourceCase) -> Source:
        return case.open()

    @pytest.fixture
    def dataset(self, source: Source) -> Dataset:
        return source.dataset(source.catalog()[0].id)

    def test_catalog_order_is_stable(self, case: SourceCase) -> None:
        """The catalog has the same datasets in the same order each time, each under an id of its own."""
        first, second = case.open().catalog(), case.open().catalog()
        assert first == second
        assert len({dataset.id for dataset in first}) == len(first) >= 1

    def test_a_dataset_is_found_by_id_and_by_name(self, source: Source) -> None:
        """A dataset is found by its id, and by its name where no other has it, with its ontology either way."""
        for one in source.catalog():
            found = source.dataset(one.id)
            assert (found.id, found.name) == (one.id, one.name)
            assert source.dataset(one.name) == found

    def test_an_unknown_dataset_is_refused(self, source: Source) -> None:
        """A dataset that does not exist is refused, naming what was asked for and what there is."""
        with pytest.raises(RequestError) as caught:
            source.dataset("no such dataset")
        shown = str(caught.value)
        assert "no such dataset" in shown
        assert any(name in shown for one in source.catalog() for name in (one.id, one.name))

    def test_datasets_are_chosen_in_the_order_asked_for(self, source: Source) -> None:
        """Datasets come in the order they are asked for, each once, also when asked for by id and by name."""
        wanted = source.catalog()[::-1]
        chosen = source.choose([name for one in wanted for name in (one.id, one.name)])
        assert [one.id for one in chosen] == [one.id for one in wanted]

    def test_the_listing_is_stable(self, case: SourceCase, dataset: Dataset) -> None:
        """The listing has the same documents in the same order each time, one compact JSON document an entry."""
        first = list(case.open().list_entries(dataset, {}))
        assert first == list(case.open().list_entries(dataset, {}))
        assert len(first) >= 4
        for line in first:
            assert isinstance(orjson.loads(line), dict)
            assert b"\n" not in line

    def test_reading_gives_every_entry_once(self, case: SourceCase) -> None:
        """Reading a whole listing gives each entry that the far end holds exactly once, of the dataset asked for."""
        source = case.open()
        seen = []
        for one in source.catalog():
            dataset = source.dataset(one.id)
            listing = list(source.list_entries(dataset, {}))
            entries = list(source.read(dataset, listing, "original"))
            assert len(entries) == len(listing)
            assert {entry.dataset_id for entry in entries} <= {dataset.id}
            assert dataset.entries_count in (None, len(entries))
            seen += [entry.id for entry in entries]
        assert len(seen) == len(set(seen))
        held = set(case.records) - {one.id for entry in _all(case) for one in entry.annotations}
        assert set(seen) == held

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_any_cut_of_the_listing_reads_the_same(self, case: SourceCase, dataset: Dataset, size: int) -> None:
        """However the listing is cut, and wherever its pieces are read, the same entries come in its order."""
        source = case.open()
        listing = list(source.list_entries(dataset, {}))
        whole = list(source.read(dataset, listing, "original"))
        there = decode_dataset(encode(dataset))  # as it reaches another machine
        pieces = [
            list(case.open().read(there, listing[start : start + size], "original"))
            for start in range(0, len(listing), size)
        ]
        assert [entry for piece in pieces for entry in piece] == whole
        assert list(source.read(dataset, listing[::-1], "original")) == whole[::-1]

    def test_reading_nothing_gives_nothing(self, source: Source, dataset: Dataset) -> None:
        """An empty piece of the listing has no entries."""
        assert list(source.read(dataset, [], "original")) == []

    def test_reading_twice_gives_equal_entries(self, case: SourceCase) -> None:
        """As long as nothing changes at the far end, entries are equal each time they are read."""
        assert _all(case) == _all(case)

    def test_entries_survive_the_workspace(self, case: SourceCase) -> None:
        """What is read is the same after it was kept as JSON."""
        for entry in _all(case):
            assert decode_entry(encode(entry)) == entry

    def test_media_is_not_needed_for_annotations(self, source: Source, dataset: Dataset) -> None:
        """Whether media is asked for or not, the annotations are the same."""
        listing = list(source.list_entries(dataset, {}))
        with_media = source.read(dataset, listing, "original")
        without = source.read(dataset, listing, "none")
        assert [entry.annotations for entry in without] == [entry.annotations for entry in with_media]

    def test_an_unknown_filter_is_refused(self, source: Source) -> None:
        """A filter that the source does not have is refused by name, where the platform might ignore it."""
        with pytest.raises(RequestError, match="'no_such_filter'"):
            source.check_filters({"no_such_filter": ["x"]})
        source.check_filters({name: [_value(name)] for name in source.filters})

    def test_an_unknown_order_is_refused(self, source: Source) -> None:
        """An order that the source does not have is refused by name; those that it has can be turned round."""
        with pytest.raises(RequestError, match="'no_such_order'"):
            source.check_sort("-no_such_order")
        for name in ("", *source.sorts):
            source.check_sort(name)
            source.check_sort(f"-{name}")

    def test_media_bytes_are_the_truth(self, case: SourceCase) -> None:
        """The bytes of every media are those that the far end holds, also when many are read over one connection."""
        entries = [entry for entry in _all(case) if entry.id in case.pictures]
        assert {entry.id for entry in entries} == set(case.pictures)

        async def read() -> list[bytes]:
            async with case.open().open_media() as reader:

                async def one(media: Media) -> bytes:
                    return b"".join([chunk async for chunk in reader.read(media)])

                return list(await asyncio.gather(*(one(_original(entry)) for entry in entries)))

        assert asyncio.run(read()) == [case.pictures[entry.id] for entry in entries]

    def test_the_size_of_pictures_is_known(self, case: SourceCase) -> None:
        """Every original picture has its width and height: most formats are nothing without them."""
        sizes = [(entry.original.width, entry.original.height) for entry in _all(case) if entry.original]
        assert sizes
        assert all(width and height for width, height in sizes)

    def test_a_media_that_is_gone_can_be_skipped(self, case: SourceCase) -> None:
        """A file that has gone since it was described costs its entry only, for a reason that others can share."""
        source = case.open()
        entry = next(entry for entry in _all(case) if entry.id in case.pictures)
        media = _original(entry)
        case.lose(media)

        async def read() -> None:
            async with source.open_media() as reader:
                async for _ in reader.read(media):
                    pass

        with pytest.raises(SkippableError) as caught:
            asyncio.run(read())
        assert entry.id not in caught.value.reason

    def test_the_identity_tells_no_secret(self, case: SourceCase) -> None:
        """Who the source is can be published: texts without a secret and without a place on this machine."""
        identity = case.open().identity()
        assert identity == case.open().identity()
        assert all(isinstance(text, str) and text for item in identity.items() for text in item)
        shown = json.dumps([identity, case.locked().identity()])
        assert [text for text in (CANARY, *case.private) if text in shown] == []

    def test_secrets_are_shown_nowhere(self, case: SourceCase) -> None:
        """A source's secrets are absent from its representation, its text and its JSON."""
        locked = case.locked()
        assert CANARY in str([_revealed(value) for _, value in locked])  # or this test would prove nothing
        for shown in (repr(locked), str(locked), f"{locked}", locked.model_dump_json(), str(locked.model_dump())):
            assert CANARY not in shown

    def test_errors_tell_no_secret(self, case: SourceCase) -> None:
        """What goes wrong is told without the secrets that were used."""
        locked = case.locked()
        for use in (locked.catalog, lambda: locked.dataset("x")):
            with pytest.raises(OuthaulError) as caught:
                use()
            error: BaseException | None = caught.value
            while error is not None:
                assert CANARY not in f"{error} {error!r}"
                error = error.__cause__

    def test_records_are_what_was_sent(self, case: SourceCase) -> None:
        """Beside what was understood of them, entries and annotations have all that the far end holds of them."""
        entries = _all(case)
        found = {one.id: one.record for entry in entries for one in (entry, *entry.annotations)}
        assert found == case.records
        for entry in entries:
            for one in (entry, *entry.annotations, *entry.medias):
                assert b"\n" not in bytes(one.raw)

    def test_the_form_explains_itself(self, source: Source) -> None:
        """The block has a name, a slug and a description of its own, and one for each field, in sentences."""
        block = type(source)
        assert re.fullmatch(r"[a-z][a-z0-9-]*", block.__dict__["_block_type_slug"])
        assert block.__dict__["_block_type_name"]
        assert block.get_description()
        assert block.get_code_example()
        assert issubclass(block, Block)
        for name, field in block.model_fields.items():
            assert field.description, name
            assert field.description.endswith("."), name


def _all(case: SourceCase) -> list[Entry]:
    return list(_each(case.open()))


def _each(source: Source) -> Iterator[Entry]:
    for one in source.catalog():
        dataset = source.dataset(one.id)
        yield from source.read(dataset, list(source.list_entries(dataset, {})), "original")


def _original(entry: Entry) -> Media:
    if entry.original is None:
        raise AssertionError(f"entry {entry.id} has no original")
    return entry.original


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value
