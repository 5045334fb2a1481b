"""Formats alone, from records in memory to what the transform step leaves, against a bare loop that writes the same.

No network, no Prefect, no media; process CPU time, each format in a process of its own so that peaks are its own. The
bare loop writes a file a picture for YOLO and VOC; the transform step keeps the small files of a shard in one pack.
`make bench ARGS=formats`, or `python -m tests.benchmarks.formats --annotations 3000000` to see that memory stays flat.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from blocks.storage import Storage
from exporters import registry
from exporters.base import Exporter
from exporters.model import Annotation, Box, Category, Dataset, Entry, Media, Part, Polygon, Shape
from exporters.shard import Shard
from exporters.shard_index import ShardIndex
from exporters.survey import survey
from flows.output import ShardOutput

WIDTH, HEIGHT = 1920, 1080
PER_ENTRY = 20
SHARD = 1000
OUTLINE = (
    (0.5, 3.25),
    (10.125, 0.5),
    (20.5, 2.0),
    (30.25, 9.0),
    (28.5, 20.125),
    (15.0, 25.5),
    (6.25, 22.0),
    (1.0, 12.5),
)
CATEGORIES = tuple(Category(id=f"c{index}", name=f"class {index}") for index in range(10))
DATASET = Dataset(id="d", name="d", modality="image", categories=CATEGORIES)
CASES = {"coco boxes": "coco", "coco polygons": "coco", "yolo boxes": "yolo", "pascal_voc boxes": "pascal_voc"}


def shape(kind: str, number: int) -> Shape:
    left, top = number * 37 % 1800 + 0.25, number * 91 % 1000 + 0.5
    if kind == "boxes":
        return Box(left, top, 40.125 + number % 50, 30.5 + number % 20)
    shift = number % 7 / 8
    return Polygon((Part(tuple((left + x + shift, top + y + shift) for x, y in OUTLINE)),))


def shard_of_entries(kind: str) -> list[Entry]:
    return [
        Entry(
            id=f"e{entry}",
            dataset_id="d",
            name=f"camera/{entry:06}.jpg",
            medias=(Media(id=f"m{entry}", name=f"{entry}.jpg", ref=f"r{entry}", width=WIDTH, height=HEIGHT),),
            annotations=tuple(
                Annotation(id=f"a{number}", shape=shape(kind, number), category_id=f"c{number % 10}")
                for number in range(entry * PER_ENTRY, (entry + 1) * PER_ENTRY)
            ),
        )
        for entry in range(SHARD)
    ]


def write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def ours(name: str, entries: Sequence[Entry], shards: int, folder: Path) -> None:
    exporter: Exporter[Any] = registry.get(name)  # type: ignore[assignment]
    options = exporter.options()
    index = ShardIndex(exporter.holds, options)
    for entry in entries:
        index.add(entry)
    (placement,) = survey([DATASET], [index.to_bytes()], exporter.holds, options).placements
    storage = Storage(str(folder / "workspace"))
    for number in range(shards):
        spool = folder / str(number)
        spool.mkdir()
        with closing(ShardOutput(spool, f"parts/{number}", storage)) as output:
            Shard(
                exporter,
                options,
                placement,
                dataset=DATASET,
                media="none",
                files=None,
                skips_faults=False,
                output=output,
            ).run(entries)
            output.save()


# -- the floor: what a person would write for this one case -----------------------------------------------------------


def bare_coco(entries: Sequence[Entry], shards: int, folder: Path) -> None:
    numbers = {category.id: number for number, category in enumerate(CATEGORIES, 1)}
    number = 0
    with (folder / "annotations.json").open("wb") as file:
        for shard in range(shards):
            for image, entry in enumerate(entries, shard * SHARD + 1):
                for one in entry.annotations:
                    number += 1
                    box, area, outline = measured(one.shape)
                    row = {"id": number, "image_id": image, "category_id": numbers[one.category_id or ""], "bbox": box}
                    file.write(orjson.dumps(row | {"area": area, "iscrowd": 0, "segmentation": outline}) + b",\n")


def measured(shape: Shape) -> tuple[list[float], float, list[list[float]]]:
    if isinstance(shape, Box):
        return [shape.left, shape.top, shape.width, shape.height], shape.width * shape.height, []
    assert isinstance(shape, Polygon)
    ring = shape.parts[0].ring
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    following = zip(ring, [*ring[1:], ring[0]], strict=True)
    area = abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in following)) / 2
    left, top = min(xs), min(ys)
    return [left, top, max(xs) - left, max(ys) - top], area, [[value for point in ring for value in point]]


def bare_rows(entries: Sequence[Entry], shards: int, folder: Path) -> None:
    """A file a picture with a line a box, as YOLO has them; of VOC, which writes more, it is a floor all the same."""
    numbers = {category.id: number for number, category in enumerate(CATEGORIES)}
    for shard in range(shards):
        for entry in entries:
            rows = []
            for one in entry.annotations:
                (left, top, width, height), _, _ = measured(one.shape)
                x, y = (left + width / 2) / WIDTH, (top + height / 2) / HEIGHT
                place = f"{x:.6f} {y:.6f} {width / WIDTH:.6f} {height / HEIGHT:.6f}"
                rows.append(f"{numbers[one.category_id or '']} {place}\n")
            write_file(folder / str(shard) / f"{entry.id}.txt", "".join(rows).encode())


# -- measuring --------------------------------------------------------------------------------------------------------


def rate(run: Callable[[Sequence[Entry], int, Path], None], entries: Sequence[Entry], shards: int) -> float:
    """Annotations a CPU second."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        run(entries, shards, Path(folder))
        return shards * SHARD * PER_ENTRY / (time.process_time() - begun)


def one_case(case: str, annotations: int, rounds: int) -> dict[str, float]:
    """Medians of interleaved rounds; the peak counts the records, which lie in memory, too."""
    format_name, kind = CASES[case], case.rpartition(" ")[2]
    entries = shard_of_entries(kind)
    shards = max(1, annotations // (SHARD * PER_ENTRY)) if format_name == "coco" else 1  # files take their time
    bare = bare_coco if format_name == "coco" else bare_rows
    rates: list[tuple[float, float]] = []
    peak = 0
    for _ in range(rounds):
        mine = rate(lambda *given: ours(format_name, *given), entries, shards)
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rates.append((mine, rate(bare, entries, shards)))
    mine, floor = (statistics.median(column) for column in zip(*rates, strict=True))
    return {"rate": mine, "bare": floor, "peak_megabytes": peak / 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=200_000, help="of each case and round of coco")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=CASES, help="this one alone, as JSON")
    arguments = parser.parse_args()
    if arguments.case:
        print(orjson.dumps(one_case(arguments.case, arguments.annotations, arguments.rounds)).decode())
        return
    print(f"{arguments.annotations:,} annotations, {PER_ENTRY} an entry, medians of {arguments.rounds} rounds")
    print(f"{'':<20}{'a CPU second':>14}{'bare':>12}{'ratio':>8}{'peak MB':>9}")
    for case in CASES:
        asked = ["--case", case, "--annotations", str(arguments.annotations), "--rounds", str(arguments.rounds)]
        command = [sys.executable, "-m", "tests.benchmarks.formats", *asked]
        found = orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        ratio = found["rate"] / found["bare"]
        print(f"{case:<20}{found['rate']:>14,.0f}{found['bare']:>12,.0f}{ratio:>8.2f}{found['peak_megabytes']:>9.0f}")


if __name__ == "__main__":
    main()
