"""UPD alone: entries in memory to the finished file, against a process for each row, in the same run.

    make bench ARGS=upd

Ours runs in a process of its own, at two sizes, so that peaks show whether memory grows. The floor is what the
platform's own exporter does: for every dataset, entry, annotation and media a process that opens the file, inserts one
row and closes it. That would take hours, so a sample of such processes is timed and the time is scaled to all rows. It
is a Python process, whose start is most of it; so what opening, inserting and closing take without any start is timed
too, as if the tool were written in a language that starts at once. The sample works on a small file, as kindly as can
be: closing a large one takes longer.
"""

from __future__ import annotations

import argparse
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import orjson

from exporters import read_options, registry
from exporters.contextual import Context, ContextualExporter, Counts, IoContext
from exporters.model import Annotation, Box, Category, Dataset, Entry, Media
from exporters.upd.schema import INDEXES, STORAGE_VERSION, TABLES

PER_ENTRY = 20
PICTURE_BYTES = 20_000
CATEGORIES = tuple(Category(id=f"c{index}", name=f"class {index}") for index in range(10))

ONE_ROW = """
import sys, time
import duckdb
begun = time.perf_counter()
table, values, blob = sys.argv[2], sys.argv[3:], sys.argv[1] + ".jpg"
if table == "medias":
    values = [*values, open(blob, "rb").read()]
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
print(time.perf_counter() - begun)
"""


class Drawn:
    """A dataset that is made up while it is read: entries of 20 boxes and a picture, none of them kept."""

    def __init__(self, entries: int, pictures: Path) -> None:
        self.datasets = [Dataset(id="d", name="d", modality="image", categories=CATEGORIES)]
        self._count = entries
        self._pictures = pictures

    def counts(self, dataset: Dataset) -> Counts:
        return Counts(self._count, self._count * PER_ENTRY, self._count)

    def entries(self, dataset: Dataset) -> Iterator[Entry]:
        for number in range(self._count):
            yield Entry(
                id=f"019b5c10-3a2b-7c3d-8e4f-{number:012x}",
                dataset_id=dataset.id,
                name=f"camera/{number:06}.jpg",
                medias=(_media(number),),
                annotations=tuple(map(_annotation, range(number * PER_ENTRY, (number + 1) * PER_ENTRY))),
                created_at="2026-03-02T08:05:00Z",
                updated_at="2026-03-09T16:20:11Z",
            )

    def missing(self, media: Media) -> str:
        return ""

    def open(self, media: Media) -> IO[bytes]:
        return self.path(media).open("rb")

    def path(self, media: Media) -> Path:
        return self._pictures / f"{int(media.id[1:]) % 10}.jpg"


def _media(number: int) -> Media:
    values: dict[str, Any] = {"size": PICTURE_BYTES, "width": 1920, "height": 1080, "mime_type": "image/jpeg"}
    return Media(id=f"m{number}", name=f"{number:06}.jpg", ref=f"r{number}", **values)


def _annotation(number: int) -> Annotation:
    left, top = number * 37 % 1800 + 0.25, number * 91 % 1000 + 0.5
    return Annotation(
        id=f"019b5c10-4a2b-7c3d-8e4f-{number:012x}",
        shape=Box(left, top, 40.125 + number % 50, 30.5 + number % 20),
        category_id=f"c{number % 10}",
        attributes={"occluded": number % 3 == 0, "truncation": number % 100},
        created_by="annotator@example.org",
        created_at="2026-03-09T16:08:26Z",
        updated_at="2026-03-09T16:11:26Z",
    )


def ours(annotations: int, **options: Any) -> dict[str, float]:
    """Write one file, in this process: seconds, the peak of memory, the size."""
    exporter = registry.get("upd")
    assert isinstance(exporter, ContextualExporter)
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        for number in range(10):
            (pictures / f"{number}.jpg").write_bytes(bytes([number]) * PICTURE_BYTES)
        product = Path(folder) / "product"
        product.mkdir()
        begun = time.perf_counter()
        with closing(IoContext(product)) as io:
            source = Drawn(annotations // PER_ENTRY, pictures)
            context = Context(source, read_options(exporter, options), io, log=logging.getLogger("upd"))
            exporter.export(context)
            written = context.finish()
        seconds = time.perf_counter() - begun
        assert written is not None
        return {
            "seconds": seconds,
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
            "megabytes": written.stat().st_size / 1e6,
        }


def process_per_row(sample: int) -> dict[str, dict[str, float]]:
    """Medians of a process that inserts one row into each table: seconds in all, and of those without its start."""
    import duckdb  # noqa: PLC0415

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "rows.upd")
        Path(f"{path}.jpg").write_bytes(bytes(PICTURE_BYTES))
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS upd (STORAGE_VERSION '{STORAGE_VERSION}')")
            for statement in ("USE upd", *TABLES.values(), *(f"CREATE INDEX {n} ON {on}" for n, on in INDEXES.items())):
                connection.execute(statement)
        _insert(path, "datasets", "d", "d", "outhaul-image", "{}")
        for number in range(sample):
            text = '{"Created-By":"annotator@example.org","Created-At":"2026-03-09T16:08:26Z"}'
            rows = {
                "entries": (f"e{number}", "d", "local:m", text),
                "annotations": (f"a{number}", f"e{number}", "outhaul:box", '{"left":1.5}', "c1", "{}", text),
                "medias": (f"m{number}", "", "image/jpeg", text),
            }
            for table, values in rows.items():
                found.setdefault(table, {"seconds": 0.0, "inserting": 0.0})
                whole, inserting = _insert(path, table, *values)
                found[table]["seconds"] += whole / sample
                found[table]["inserting"] += inserting / sample
    return found


def _insert(path: str, table: str, *values: str) -> tuple[float, float]:
    name = "medias (id, key, media_type, metadata, blob_data)" if table == "medias" else table
    script = ONE_ROW.replace("INSERT INTO {table}", f"INSERT INTO {name}")
    begun = time.perf_counter()
    command = [sys.executable, "-I", "-c", script, path, table, *values]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    return time.perf_counter() - begun, float(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=int, default=200_000, help="20 of them are an entry with a picture")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=20, help="processes for each table and round")
    parser.add_argument("--case", action="store_true", help="ours alone, as JSON")
    arguments = parser.parse_args()
    if arguments.case:
        print(orjson.dumps(ours(arguments.annotations)).decode())
        return
    sizes = (arguments.annotations // 4, arguments.annotations)
    rounds: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    floors = []
    for _ in range(arguments.rounds):
        for size in sizes:
            rounds[size].append(_in_a_process(size))
        floors.append(process_per_row(arguments.sample))
    print(f"{PER_ENTRY} annotations and a picture of {PICTURE_BYTES // 1000} kB an entry, {arguments.rounds} rounds")
    heads = f"{'annotations':>12}{'medias':>9}{'seconds':>9}{'peak MB':>9}{'file MB':>9}"
    print(f"{heads}{'a process a row':>18}{'ratio':>8}")
    for size in sizes:
        mine = {name: statistics.median(one[name] for one in rounds[size]) for name in rounds[size][0]}
        per_row = _scaled(floors, size, "seconds")
        print(
            f"{size:>12,}{size // PER_ENTRY:>9,}{mine['seconds']:>9.1f}{mine['peak_megabytes']:>9.0f}"
            f"{mine['megabytes']:>9.0f}{per_row:>16,.0f} s{per_row / mine['seconds']:>8,.0f}"
        )
        without = _scaled(floors, size, "inserting")
        print(f"{'of that without the start of processes':>48}{without:>16,.0f} s{without / mine['seconds']:>8,.0f}")


def _in_a_process(size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.upd", "--case", "--annotations", str(size)]
    found: dict[str, float] = orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def _scaled(floors: list[dict[str, dict[str, float]]], annotations: int, what: str) -> float:
    """Seconds for all rows, from the median of the rounds' samples."""
    row = {table: statistics.median(one[table][what] for one in floors) for table in floors[0]}
    return annotations * row["annotations"] + annotations // PER_ENTRY * (row["entries"] + row["medias"])


if __name__ == "__main__":
    main()
