"""The rows of an export as a callback gets them: on disk, read one at a time, whichever way a script reads them."""

from __future__ import annotations

import os
import weakref
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import msgspec

from blocks.storage_errors import translated
from exporters.errors import FatalError
from exporters.foreign_json import UNREADABLE

JsonObject = dict[str, Any]
_decode = msgspec.json.Decoder(JsonObject).decode


class Rows(Sequence[JsonObject]):
    """`jsonExport`: a list to those who know the documentation, an iterator to those who know the vendor's SDK.

    Each loop begins with the first row and disturbs no other one. `next(rows)` gives one row after the other, and the
    loop after it goes on from there, as that over a generator does: a script may look at the first row before its loop.
    A row is read anew each time it is asked for, so changing it changes nothing here. Held are eight bytes a row.

    Args:
        path: a line of JSON for each row; lines without any are none.

    Raises:
        FatalError: when a row is read that is no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._shown = path, str(path)
        self._starts = array("Q")
        end = 0
        with translated(self._shown):
            self._file = path.open("rb")
            weakref.finalize(self, self._file.close)
            for line in self._file:
                if line.strip():
                    self._starts.append(end)
                end += len(line)
        self._starts.append(end)
        self._position, self._is_over = 0, False  # of `next`

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> JsonObject: ...
    @overload
    def __getitem__(self, index: slice) -> list[JsonObject]: ...
    def __getitem__(self, index: int | slice) -> JsonObject | list[JsonObject]:
        chosen = range(len(self))[index]
        return self._row(chosen) if isinstance(chosen, int) else [self._row(number) for number in chosen]

    def __iter__(self) -> Iterator[JsonObject]:
        start = 0 if self._is_over else self._position
        self._position, self._is_over = 0, False
        return map(self._row, range(start, len(self)))

    def __next__(self) -> JsonObject:
        if self._is_over or self._position >= len(self):
            self._is_over = True
            raise StopIteration
        self._position += 1
        return self._row(self._position - 1)

    def __reduce__(self) -> tuple[type[Rows], tuple[Path]]:
        """So that rows can be copied, and handed to other processes."""
        return Rows, (self._path,)

    def __repr__(self) -> str:
        return f"<{len(self):,} rows>"

    def _row(self, number: int) -> JsonObject:
        start, end = self._starts[number], self._starts[number + 1]
        try:
            return _decode(os.pread(self._file.fileno(), end - start, start))  # wherever other loops are
        except OSError:
            with translated(self._shown):
                raise
        except UNREADABLE as error:
            raise FatalError(
                f"Row {number + 1} of the export is no JSON object ({error}); run it again, and report it if it stays."
            ) from None
