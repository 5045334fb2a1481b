"""Parquet files written row by row while their bytes are handed on: no more than a group of rows is held.

Needs pyarrow, the extra `parquet`.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from exporters.extras import absent

GROUP_ROWS = 100
GROUP_BYTES = 64 << 20
"""Of media in a group of rows: a reader must take in a whole group to show one of its pictures."""
FILE_BYTES = 500 << 20
"""A file that has grown to this size is followed by another."""

Columns = Mapping[str, Any]
"""Names and types as `datasets` describes them."""


class ParquetFiles:
    """The files of a shard, of each split one after the other.

    What is appended to a part takes effect only if its entry is kept. So a row joins its file when the next entry comes
    and shows that the row's own was kept, and bytes are offered again until an entry that carried them was.
    """

    def __init__(self, columns: Columns) -> None:
        self._schema = _schema(columns)
        self._files: dict[str, _File] = {}
        self._finished: dict[str, int] = {}
        self._row: tuple[str, dict[str, Any], int] | None = None
        self._kept = 0
        self._outbox: list[tuple[str, int, bytes]] = []

    def settle(self, kept: int) -> None:
        """See from the count of entries that were kept whether the last one was."""
        if self._row is not None and kept > self._kept:
            self._outbox.clear()
            self._add(*self._row)
        self._row, self._kept = None, kept

    def offer(self, split: str, row: dict[str, Any], media_bytes: int) -> None:
        """A row for the file of this split, if its entry is kept."""
        self._row = split, row, media_bytes

    def outbox(self) -> Iterator[tuple[str, int, bytes]]:
        """Split, number of its file in this shard, and bytes, in order; each until it is known to be appended."""
        return iter(self._outbox)

    def close(self) -> None:
        """Nothing follows."""
        for split in sorted(self._files):
            self._finish(split)

    def _add(self, split: str, row: dict[str, Any], media_bytes: int) -> None:
        file = self._files.get(split)
        if file is None:
            file = self._files[split] = _File(self._schema)
        file.add(row, media_bytes)
        if file.size >= FILE_BYTES:
            self._finish(split)
        else:
            self._hand_on(split, file)

    def _finish(self, split: str) -> None:
        file = self._files.pop(split)
        file.close()
        self._hand_on(split, file)
        self._finished[split] = self._finished.get(split, 0) + 1

    def _hand_on(self, split: str, file: _File) -> None:
        if data := file.take():
            self._outbox.append((split, self._finished.get(split, 0), data))


def empty_file(columns: Columns) -> bytes:
    """A file without rows, that has the columns nevertheless."""
    file = _File(_schema(columns))
    file.close()
    return file.take()


class _File:
    def __init__(self, schema: Any) -> None:
        self._sink = _Sink()
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._media_bytes = 0
        # Pictures are compressed already, and zstd is quick to see it.
        self._writer = pyarrow("pyarrow.parquet").ParquetWriter(
            self._sink, schema, compression="zstd", use_dictionary=False, write_page_index=True
        )

    @property
    def size(self) -> int:
        return self._sink.tell()

    def add(self, row: dict[str, Any], media_bytes: int) -> None:
        self._rows.append(row)
        self._media_bytes += media_bytes
        if len(self._rows) >= GROUP_ROWS or self._media_bytes >= GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        if self._rows:
            self._write_group()
        self._writer.close()

    def take(self) -> bytes:
        """What was written since the last time."""
        return self._sink.take()

    def _write_group(self) -> None:
        table = pyarrow().Table.from_pylist(self._rows, schema=self._schema)
        self._writer.write_table(table, row_group_size=len(self._rows))
        self._rows.clear()
        self._media_bytes = 0


class _Sink(io.RawIOBase):
    """Where the writer writes to: keeps what was not taken yet, and knows the place in the file."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._chunks.append(chunk)
        self._position += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


def _schema(columns: Columns) -> Any:
    pa = pyarrow()
    described = json.dumps({"info": {"features": columns}})
    fields = [(name, _type(feature, pa)) for name, feature in columns.items()]
    return pa.schema(fields, metadata={"huggingface": described})


def _type(feature: Mapping[str, Any], pa: Any) -> Any:
    """The Arrow type that `datasets` has for a feature."""
    match feature.get("_type"):
        case "Value":
            return pa.type_for_alias(feature["dtype"])
        case "ClassLabel":
            return pa.int64()
        case "Image":
            return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        case "List":
            return pa.list_(_type(feature["feature"], pa), feature.get("length", -1))
        case _:
            return pa.struct([(name, _type(one, pa)) for name, one in feature.items()])


def pyarrow(name: str = "pyarrow") -> Any:
    """A module of pyarrow, which is loaded only when somebody exports to Parquet."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise absent("parquet") from None
