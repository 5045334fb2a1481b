"""Memory does not grow with the dataset, nor with how large its media and shapes are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from exporters.errors import FatalError
from exporters.upd import verifying
from exporters.upd.canonical import data_hash
from exporters.upd.rows import MediaRow
from exporters.upd.writer import UpdWriter

LEAST_MEGABYTES = 256
MEDIA_BYTES = 2 << 20
MEDIAS = 160
"""More, all together, than DuckDB may hold; fewer than a group of rows."""


def peak(annotations: int) -> float:
    """Of a process that writes so many annotations, and a media for 20 of them."""
    code = f"from tests.benchmarks.upd import ours; print(ours({annotations}, memory_megabytes=256)['peak_megabytes'])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout
    return float(said)


def test_memory_does_not_grow_with_the_dataset() -> None:
    """Of four times the entries, annotations and media DuckDB keeps what it may; the rest of the process stays."""
    tiny, small, large = peak(20), peak(40_000), peak(160_000)
    assert large < 1.5 * small
    assert large - tiny < 1.1 * LEAST_MEGABYTES


def test_many_large_files_go_through_little_memory(tmp_path: Path) -> None:
    """DuckDB would hold 2,048 of them at once; it gets fewer."""
    with UpdWriter(tmp_path / "f.upd", memory_megabytes=LEAST_MEGABYTES) as writer:
        for number in range(MEDIAS):
            (tmp_path / "media").write_bytes(number.to_bytes(2) * (MEDIA_BYTES // 2))
            writer.medias.append(MediaRow(f"m{number}", "", None, "{}"), [], tmp_path / "media")
        writer.medias.close()
        writer.finish()
    with duckdb.connect(str(tmp_path / "f.upd"), read_only=True) as connection:
        sizes = connection.execute("SELECT octet_length(blob_data) FROM medias").fetchall()
    assert sizes == [(MEDIA_BYTES,)] * MEDIAS


def test_many_large_shapes_go_through_little_memory(tmp_path: Path) -> None:
    """Masks may take megabytes each, as texts."""
    with UpdWriter(tmp_path / "f.upd", memory_megabytes=LEAST_MEGABYTES) as writer:
        writer.add("datasets", ("id", "name", "modality", "metadata"), [("d", "d", "outhaul-image", "{}")])
        writer.entries.append(("e", "d", "", "{}"))
        writer.entries.close()
        for number in range(MEDIAS):
            shape = f'{{"counts":[{number}{",1" * (MEDIA_BYTES // 2)}]}}'
            writer.annotations.append((f"a{number}", "e", "outhaul:mask", shape, "", "{}", "{}"))
        writer.annotations.close()
        writer.finish()
    with duckdb.connect(str(tmp_path / "f.upd"), read_only=True) as connection:
        ((count, length),) = connection.execute("SELECT count(*), min(length(shape_args)) FROM annotations").fetchall()
    assert (count, length > MEDIA_BYTES) == (MEDIAS, True)


def test_too_little_memory_is_said_so(tmp_path: Path) -> None:
    """With what would help."""
    with UpdWriter(tmp_path / "f.upd", memory_megabytes=32, group_bytes=1 << 30) as writer:
        writer.add("datasets", ("id", "name", "modality", "metadata"), [("d", "d", "outhaul-image", "{}")])
        for number in range(64):
            writer.entries.append((f"e{number}", "d", "", "x" * (1 << 20)))
        with pytest.raises(FatalError, match=r"needs more memory .*--option memory_megabytes=…"):
            writer.entries.close()


def test_what_is_signed_is_read_through_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are sorted on disk and hashed as a stream: DuckDB would refuse to hold them."""
    path = tmp_path / "f.upd"
    with UpdWriter(path, memory_megabytes=LEAST_MEGABYTES) as writer:
        writer.add("datasets", ("id", "name", "modality", "metadata"), [("d", "d", "outhaul-image", "{}")])
        writer.entries.append(("e", "d", "", "{}"))
        writer.entries.close()
        for number in range(100_000):
            text = f'{{"text":"{str(number) * 700}"}}'
            writer.annotations.append((f"{number * 7919 % 100_003:06}", "e", "s", text, "", "{}", "{}"))
        writer.annotations.close()
        writer.finish()
    monkeypatch.setattr(verifying, "MEMORY_MEGABYTES", LEAST_MEGABYTES)
    with verifying.opened(path) as connection:
        assert len(data_hash(connection, "d", "SHA256")) == 32
    assert path.stat().st_size > LEAST_MEGABYTES << 20
