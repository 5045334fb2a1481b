"""Large files of annotations are read a record at a time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from blocks.folder import FolderSource
from tests.fakes.layouts import Sample, cvat, datumaro, label_studio

REPEATED = 30_000


def _repeated(sample: Sample, first: bytes, separator: bytes) -> tuple[str, bytes]:
    """The file of annotations of a sample, its first record many times."""
    path, data = next(iter(sample.files.items()))
    start = data.index(first)
    end = data.index(separator, start) + len(separator)
    return path, data[:start] + data[start:end] * REPEATED + data[end:]


def _tasks() -> tuple[str, bytes]:
    path, data = next(iter(label_studio().files.items()))
    task = orjson.dumps(orjson.loads(data)[0])
    return path, b"[" + b",".join([task] * REPEATED) + b"]"


def _items() -> tuple[str, bytes]:
    path, data = next(iter(datumaro().files.items()))
    document = orjson.loads(data)
    item = orjson.dumps(document.pop("items")[0])
    return path, orjson.dumps(document)[:-1] + b',"items":[' + b",".join([item] * REPEATED) + b"]}"


def _images() -> tuple[str, bytes]:
    return _repeated(cvat(), b"<image", b"</image>")


@pytest.mark.parametrize("make", [_tasks, _items, _images])
def test_memory_does_not_grow_with_a_file(tmp_path: Path, make: Callable[[], tuple[str, bytes]]) -> None:
    """Listing a file of thousands of entries holds a part of it at a time: less than its size, whatever that is."""
    path, data = make()
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(data)
    size = len(data)
    del data
    source = FolderSource(url=str(tmp_path))
    tracemalloc.start()
    try:
        (found,) = source.catalog()
        count = sum(1 for _ in source.list_entries(source.dataset(found.id), {}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count >= REPEATED
    assert peak < size
