"""Rows and files into tables: all of them, in their order, in groups that DuckDB can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from exporters.upd.database import GROUP_ROWS, IdsMeetError
from exporters.upd.rows import MediaRow
from exporters.upd.writer import UpdWriter
from tests.exporters.upd.reading import tables

SMALL_GROUP = 4000


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[UpdWriter]:
    """A new file whose groups are full after a few rows; it has a dataset and an entry."""
    with UpdWriter(tmp_path / "f.upd", memory_megabytes=256, group_bytes=SMALL_GROUP) as made:
        made.add("datasets", ("id", "name", "modality", "metadata"), [("d", "d", "outhaul-image", "{}")])
        yield made


def finish(writer: UpdWriter) -> None:
    for table in (writer.entries, writer.annotations, writer.medias):
        table.close()
    writer.finish()


def entry_row(number: int, metadata: str = "{}") -> tuple[str, ...]:
    return (f"e{number}", "d", "", metadata)


def media_row(id_: str, key: str = "") -> MediaRow:
    return MediaRow(id_, key, "image/png", "{}")


def groups(path: Path, table: str) -> list[int]:
    """How many rows each group that is stored has, those of nothing included."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(
            "SELECT max(start + count) FROM pragma_storage_info(?) GROUP BY row_group_id ORDER BY row_group_id", [table]
        ).fetchall()
    return [count for (count,) in found]


@pytest.mark.parametrize("count", [0, 1, GROUP_ROWS - 1, GROUP_ROWS, GROUP_ROWS + 1, 2 * GROUP_ROWS + 7])
def test_rows_go_in_as_they_came(tmp_path: Path, count: int) -> None:
    """However many they are, all are there, in their order."""
    with UpdWriter(tmp_path / "f.upd", memory_megabytes=256) as writer:
        writer.add("datasets", ("id", "name", "modality", "metadata"), [("d", "d", "outhaul-image", "{}")])
        for number in range(count):
            writer.entries.append(entry_row(number))
        writer.entries.close()
        for number in range(count):
            writer.annotations.append((f"a{number}", f"e{number}", "s", "{}", "", "{}", "{}"))
            writer.medias.append(media_row(f"m{number}"), [])
        finish(writer)
    found = tables(tmp_path / "f.upd")
    assert [row["id"] for row in found["entries"]] == [f"e{number}" for number in range(count)]
    assert [row["id"] for row in found["annotations"]] == [f"a{number}" for number in range(count)]
    assert [row["id"] for row in found["medias"]] == [f"m{number}" for number in range(count)]


def test_large_rows_fill_a_group_early(writer: UpdWriter, tmp_path: Path) -> None:
    """What a group is filled up with is gone at the end; no row is lost, in whichever table."""
    long = "x" * 1500
    for number in range(10):
        writer.entries.append(entry_row(number, long))
    writer.entries.close()
    for number in range(10):
        writer.annotations.append((f"a{number}", f"e{number}", "s", long, "", "{}", "{}"))
        writer.medias.append(media_row(f"m{number}"), [("Text", f'"{long}"'.encode())])
    finish(writer)
    found = tables(tmp_path / "f.upd")
    for table, letter in (("entries", "e"), ("annotations", "a"), ("medias", "m")):
        assert [row["id"] for row in found[table]] == [f"{letter}{number}" for number in range(10)]
        assert groups(tmp_path / "f.upd", table)[:3] == [GROUP_ROWS] * 3


@pytest.mark.parametrize("sizes", [(10, 20), (10, 3000, 20), (900,) * 12, (5000, 5000), (0, 10, 0)], ids=str)
def test_files_go_in_whole(writer: UpdWriter, tmp_path: Path, sizes: Sequence[int]) -> None:
    """Small ones together, large ones alone, in their order among those without bytes; each with its digest."""
    contents = []
    for number, size in enumerate(sizes):
        contents.append(bytes([number, 0]) * (size // 2))
        (tmp_path / "[a]*?.bin").write_bytes(contents[-1])
        (tmp_path / "a.bin").write_bytes(b"another that the name of the first would match, were it a pattern")
        writer.medias.append(media_row(f"m{number}"), [], tmp_path / "[a]*?.bin")
        writer.medias.append(media_row(f"n{number}"), [])
    finish(writer)
    found = tables(tmp_path / "f.upd")["medias"]
    assert [row["id"] for row in found] == [f"{letter}{number}" for number in range(len(sizes)) for letter in "mn"]
    assert [row["blob_data"] for row in found[::2]] == contents
    assert {row["blob_data"] for row in found[1::2]} == {None}
    for row, data in zip(found[::2], contents, strict=True):
        assert f'"SHA256":"{hashlib.sha256(data).hexdigest()}"' in row["metadata"]


@pytest.mark.parametrize("between", [0, 1, 3000])
def test_a_media_of_several_entries_is_there_once(writer: UpdWriter, tmp_path: Path, between: int) -> None:
    """Whether the same row waits, is in the same group, or long in the file."""
    (tmp_path / "small").write_bytes(b"x" * 100)
    (tmp_path / "large").write_bytes(b"x" * 3000)
    for _ in range(2):
        writer.medias.append(media_row("m"), [], tmp_path / "small")
        writer.medias.append(media_row("m", "large"), [], tmp_path / "large")
        for number in range(between):
            writer.medias.append(media_row(f"n{number}"), [])
    finish(writer)
    found = tables(tmp_path / "f.upd")["medias"]
    assert [(row["id"], row["key"]) for row in found[:2]] == [("m", ""), ("m", "large")]
    assert len(found) == 2 + between


@pytest.mark.parametrize("size", [100, 3000])
@pytest.mark.parametrize("between", [0, 3000])
def test_medias_that_meet_are_noticed(writer: UpdWriter, tmp_path: Path, size: int, between: int) -> None:
    """Another file, or another description, under an id and key that are taken is never passed over."""
    (tmp_path / "one").write_bytes(b"x" * size)
    (tmp_path / "other").write_bytes(b"y" * size)
    writer.medias.append(media_row("m"), [], tmp_path / "one")
    for number in range(between):
        writer.medias.append(media_row(f"n{number}"), [])

    def append_other() -> None:
        writer.medias.append(media_row("m"), [], tmp_path / "other")
        writer.medias.close()

    with pytest.raises(IdsMeetError, match="medias"):
        append_other()


def test_ids_that_meet_are_noticed(writer: UpdWriter) -> None:
    """The table is named, so that its ids can be told apart."""
    writer.entries.append(entry_row(1))
    writer.entries.append(entry_row(1))
    with pytest.raises(IdsMeetError, match="entries"):
        writer.entries.close()


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    """With what a writer that was killed has left beside it."""
    (tmp_path / "f.upd").write_bytes(b"anything")
    (tmp_path / "f.upd.wal").write_bytes(b"anything")
    with UpdWriter(tmp_path / "f.upd", memory_megabytes=256) as writer:
        finish(writer)
    assert tables(tmp_path / "f.upd")["entries"] == []


def test_paths_are_no_sql(tmp_path: Path) -> None:
    """A folder may have any name."""
    folder = tmp_path / "it's; a [folder]"
    folder.mkdir()
    with UpdWriter(folder / "f'.upd", memory_megabytes=256) as writer:
        finish(writer)
    assert tables(folder / "f'.upd")["entries"] == []


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    """Many and varied ones, so that samples of them would differ."""
    made = []
    for name in ("one", "other"):
        with UpdWriter(tmp_path / name, memory_megabytes=256, group_bytes=1 << 17) as writer:
            writer.add("datasets", ("id", "name", "modality", "metadata"), [("d", "d", "outhaul-image", "{}")])
            for number in range(9000):
                text = hashlib.sha256(b"%d" % number).hexdigest() * (number % 5)
                writer.entries.append(entry_row(number, f'{{"text":"{text}"}}'))
            finish(writer)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
