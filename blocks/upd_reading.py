"""Datasets and entries of a UPD file, in bulk: a few queries for hundreds of entries, none for one of them.

Rows stand in the order in which they were written, which is the order of everything here. Annotations come entry by
entry, as DuckDB brings them in order. What it holds for that has a limit, and nothing tells beforehand how large rows
are: if they are too large for it, fewer entries are read together, down to one.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from blocks import upd_queries as queries
from blocks.source import Where
from blocks.upd_descriptions import described, pictures, sized
from blocks.upd_file import TooLargeError, UpdFile
from blocks.upd_filters import fits
from blocks.upd_links import Following
from blocks.upd_records import nested_category, to_dataset, to_entry, within
from blocks.upd_rows import EntryRow, LabelledRow, MediaRow, Row, declares_categories, row
from exporters.errors import FatalError, RequestError, quoted
from exporters.foreign_json import UNREADABLE
from exporters.model import Category, Dataset, Entry, Media
from exporters.shard import MediaChoice

ENTRIES_AT_ONCE = 500

T = TypeVar("T")


class _Listed(msgspec.Struct):
    """A line of the listing: where the entry stands in its table, and its id, to know it again."""

    row: int
    id: str


_decode_listed = msgspec.json.Decoder(_Listed).decode


def read_catalog(file: UpdFile) -> list[tuple[Row, Dataset]]:
    """All datasets with their rows, in order; categories only where the row itself has them.

    Raises:
        RequestError: two have the same id.
    """
    found: list[tuple[Row, Dataset]] = []
    for id_, name, modality, metadata, count in file.rows(queries.DATASETS):
        one = row("dataset", id_, metadata, file.shown)
        with _legible(one):
            found.append((one, to_dataset(one, name or "", modality or "", count)))
    twice = [id_ for id_, times in Counter(dataset.id for _, dataset in found).items() if times > 1]
    if twice:
        raise RequestError(f"{file.shown} has more than one dataset of the id {quoted(twice[0])}; repair it.")
    return found


def with_categories(file: UpdFile, one: Row, dataset: Dataset) -> Dataset:
    """The dataset with its categories; where it declares none, those that its annotations have."""
    if declares_categories(one):
        return dataset
    column = "annotation" if file.is_old else "category"
    labels = (label for label, _ in file.rows(queries.CATEGORIES.format(label=column), one.id))
    ids = (nested_category(label, one) if file.is_old else label for label in labels)
    return replace(dataset, categories=tuple(Category(id=id_, name=id_) for id_ in dict.fromkeys(ids) if id_))


def list_entries(file: UpdFile, one: Row, where: Where) -> Iterator[bytes]:
    """The listing of a dataset.

    Raises:
        RequestError: something in the file belongs to nothing, and would be left out without a word.
    """
    for what, query in queries.STRAY.items():
        ((count,),) = file.rows(query)
        if count:
            raise RequestError(f"{file.shown} has {what} ({count}); repair it.")
    listed = (_Listed(number, id_) for number, id_ in file.rows(queries.LISTING, one.id))
    for line in _fitting(file, listed, where) if where else listed:
        yield msgspec.json.encode(line)


def read_entries(
    file: UpdFile, dataset: Dataset, listing: Sequence[bytes], choice: MediaChoice, following: Following | None
) -> Iterator[Entry]:
    """The entries of a piece of the listing; `following` says how links are followed, None where they are not."""

    def read(file: UpdFile, listed: Sequence[_Listed]) -> Iterator[Entry]:
        return _Piece(file, dataset, listed).read(choice, following)

    return _in_pieces(file, map(_decode_listed, listing), read)


def _fitting(file: UpdFile, listed: Iterable[_Listed], where: Where) -> Iterator[_Listed]:
    """Those entries that filters let through."""

    def read(file: UpdFile, listed: Sequence[_Listed]) -> Iterator[tuple[_Listed, EntryRow]]:
        return zip(listed, _entry_rows(file, listed), strict=True)

    return (line for line, entry in _in_pieces(file, listed, read) if fits(entry.row, where))


def _in_pieces(
    file: UpdFile, listed: Iterable[_Listed], read: Callable[[UpdFile, Sequence[_Listed]], Iterator[T]]
) -> Iterator[T]:
    """One thing for each entry, read some hundred entries at a time; fewer, where their rows turn out to be large."""
    waiting, most, at_once = iter(listed), ENTRIES_AT_ONCE, ENTRIES_AT_ONCE
    piece = list(islice(waiting, at_once))
    while piece:
        try:
            for one in read(file, piece[:at_once]):
                yield one
                del piece[0]
        except TooLargeError:
            tried = min(at_once, len(piece))
            if tried > 1:
                most, at_once = tried // 2, max(1, tried // 4)
                continue
            if not file.can_have_more:
                raise
            with file.with_more() as larger:
                yield from _in_pieces(larger, piece[:1], read)
            del piece[0]
            most = ENTRIES_AT_ONCE
        at_once = min(at_once * 2, most)
        piece += islice(waiting, max(0, at_once - len(piece)))


def _entry_rows(file: UpdFile, listed: Sequence[_Listed]) -> Iterator[EntryRow]:
    rows = {number: rest for number, *rest in file.rows(queries.ENTRIES, [one.row for one in listed])}
    for one in listed:
        id_, url, metadata = rows.get(one.row, ("", "", None))
        if id_ != one.id:
            raise FatalError(f"{file.shown} was changed while the export ran; run it again.")
        yield EntryRow(row("entry", id_, metadata, file.shown), url or "")


class _Piece:
    """Some hundred entries that are read together; a position is that of one of them."""

    def __init__(self, file: UpdFile, dataset: Dataset, listed: Sequence[_Listed]) -> None:
        self._file, self._dataset = file, dataset
        self._entries = list(_entry_rows(file, listed))

    def read(self, choice: MediaChoice, following: Following | None) -> Iterator[Entry]:
        rows = dict(self._medias(queries.ORIGINALS))
        originals = [self._described(entry, rows.get(position, ())) for position, entry in enumerate(self._entries)]
        originals = [[media for media in medias if not media.key] for medias in originals]
        unknown = (medias for entry, medias in zip(self._entries, originals, strict=True) if not entry.row.is_ours)
        found = pictures(self._file, chain.from_iterable(unknown), self._dataset.modality, following)
        all_medias = _Following(self._medias("") if choice == "all" else iter(()))
        annotations = _Following(self._annotations())
        belongs = within(self._dataset)
        for position, entry in enumerate(self._entries):
            whole = self._described(entry, all_medias.at(position)) if choice == "all" else originals[position]
            medias = [sized(media, found) for media in whole]
            with _legible(entry.row):
                made = to_entry(entry, belongs, medias, annotations.at(position))
            yield made

    def _described(self, entry: EntryRow, rows: Sequence[MediaRow]) -> list[Media]:
        with _legible(entry.row):
            return described(entry, rows, self._file.version)

    def _medias(self, chosen: str) -> Iterator[tuple[int, list[MediaRow]]]:
        """The rows in `medias` of each entry that has some, by its position."""
        pairs = [(id_, position) for position, entry in enumerate(self._entries) for id_ in entry.resources]
        rows = self._file.rows(queries.MEDIAS.format(chosen=chosen), *_columns(pairs))
        for position, group in groupby(rows, itemgetter(0)):
            yield (
                position,
                [
                    MediaRow(row("media", id_, notes, self._file.shown), key or "", kind)
                    for _, id_, key, kind, notes in group
                ],
            )

    def _annotations(self) -> Iterator[tuple[int, list[LabelledRow]]]:
        pairs = [(entry.row.id, position) for position, entry in enumerate(self._entries)]
        rows = self._file.rows(
            queries.ANNOTATIONS.format(label=queries.label(is_old=self._file.is_old)), *_columns(pairs)
        )
        for position, group in groupby(rows, itemgetter(0)):
            yield position, [self._labelled(*one) for _, *one in group]

    def _labelled(self, id_: str, kind: Any, arguments: Any, *rest: Any) -> LabelledRow:
        category, properties, label, metadata = rest
        one = row("annotation", id_, metadata, self._file.shown)
        return LabelledRow(one, kind or "", arguments or "", category or "", properties or "", label, metadata or "")


class _Following:
    """Groups of rows in the order of their positions, asked for in that order; most positions have one."""

    def __init__(self, groups: Iterator[tuple[int, Sequence[Any]]]) -> None:
        self._groups = groups
        self._next = next(groups, None)

    def at(self, position: int) -> Sequence[Any]:
        if self._next is None or self._next[0] != position:
            return ()
        rows = self._next[1]
        self._next = next(self._groups, None)
        return rows


def _columns(pairs: Sequence[tuple[str, int]]) -> tuple[list[str], list[int]]:
    return [id_ for id_, _ in pairs], [position for _, position in pairs]


@contextlib.contextmanager
def _legible(one: Row) -> Iterator[None]:
    """Name the row in which there is JSON that is none, or has numbers that are none."""
    try:
        yield
    except UNREADABLE as error:
        raise RequestError(f"The {one.shown} has JSON that cannot be read ({error}); repair the file.") from None
