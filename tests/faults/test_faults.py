"""Whatever goes wrong wherever, nothing is lost: each cell of the fault matrix keeps what its row promises."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from exporters.errors import OuthaulError
from tests.faults.bench import Bench, Ended, temporary_files_in
from tests.faults.injectors import Alone, two_days_later
from tests.faults.promises import STATUS
from tests.faults.rows import Cell, cells_of
from tests.faults.steps import run_in_flow, run_in_steps
from tests.faults.table import SECTIONS
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)

ALL = os.environ.get("OUTHAUL_TEST_FAULTS") == "all"
CELLS = tuple(cells_of(SECTIONS))


def is_carried_out(cell: Cell) -> bool:
    """By default one kind of package and target of each row, and of what takes long one step."""
    is_first = cell.step == next(iter(cell.row.at))
    return ALL or (cell.kind == cell.row.kinds[0] and (is_first or not cell.row.is_dear))


def through_engine() -> Iterator[Cell]:
    """Cells that Prefect's engine runs as well: the first failure of each section, or all but deaths."""
    seen = set()
    for cell in CELLS:
        is_apart = isinstance(cell.row.inject, Alone) or cell.row.needs_engine
        if not is_apart and (ALL or (cell.promise.how == "fails" and cell.section not in seen)):
            seen.add(cell.section)
            yield cell


def parameters(cells: Iterable[Cell]) -> Any:
    """Those of a section stay together: they share servers, and what is true."""
    params = [pytest.param(one, id=one.name, marks=pytest.mark.xdist_group(f"faults {one.section}")) for one in cells]
    return pytest.mark.parametrize("cell", params)


@pytest.fixture
def bench(world: World, tmp_path: Path, cell: Cell) -> Iterator[Bench]:
    bench = Bench(world, cell.kind, tmp_path, dict(cell.row.parameters))
    bench.truth()
    bench.engine = run_in_flow if cell.row.needs_engine else run_in_steps
    bench.served.forget()
    world.receiver.troubles.clear()
    world.receiver.taken.clear()
    with temporary_files_in(bench.temporary):
        yield bench


@parameters(filter(is_carried_out, CELLS))
def test_a_fault(bench: Bench, cell: Cell) -> None:
    """The run ends as promised, says so in one sentence, and leaves nothing half done; the next one delivers the same
    bytes as on a quiet day.
    """
    ended = met_by(bench, cell)
    check_ended(bench, cell, ended)
    if cell.promise.then:
        if cell.promise.then.startswith("remove"):
            shutil.rmtree(bench.workspace)
        with two_days_later() if cell.row.leaves else nullcontext():
            again = bench.run()
        assert again.summary, again.said
    check_delivered(bench, "" if cell.promise.then else cell.row.leaves)


@parameters(through_engine())
def test_a_fault_through_the_engine(bench: Bench, cell: Cell) -> None:
    """What Prefect adds changes nothing of what is promised."""
    bench.engine = run_in_flow
    test_a_fault(bench, cell)


def test_there_are_enough_cells() -> None:
    """Each cell is a different one; most of them are carried out by default."""
    assert len({cell.name for cell in CELLS}) == len(CELLS) >= 300
    assert sum(map(is_carried_out, CELLS)) >= 300


def met_by(bench: Bench, cell: Cell) -> Ended:
    if isinstance(cell.row.inject, Alone):
        return cell.row.inject.strike(bench, cell.step)
    with cell.row.inject(bench, cell.step) as met:
        ended = bench.run()
        assert met(), "the fault met nothing"
    return ended


def check_ended(bench: Bench, cell: Cell, ended: Ended) -> None:
    promise = cell.promise
    if promise.how == "delivers":
        assert ended.summary, ended.said
        assert not ended.summary.has_faults
        return
    if promise.how == "leaves out":
        check_left_out(bench, promise.says, ended)
        return
    if promise.how == "dies":
        assert ended.signal
        check_visible(bench, cell)
        return
    assert ended.error, "it delivered"
    assert ended.status == STATUS[promise.how], ended.said
    assert re.search(promise.says, ended.said), ended.said
    assert len(ended.said.splitlines()) == 1, ended.said
    assert isinstance(ended.error, OuthaulError | KeyboardInterrupt | MemoryError), repr(ended.error)
    check_visible(bench, cell)
    check_remains(bench, cell.row.leaves)
    if promise.how == "refuses" and cell.step == "plan":
        assert bench.sandbox.requests["media/medias/files"] == 0
        assert bench.delivered() == {}


def check_left_out(bench: Bench, reason: str, ended: Ended) -> None:
    """One entry is counted with its reason; the others are as on a day on which its file is gone."""
    assert ended.summary, ended.said
    assert ended.summary.has_faults  # which ends with 3
    (entry,) = (left for left in ended.summary.tally.left_out if left.is_fault and left.kind == "entries")
    assert (entry.count, entry.examples) == (1, (bench.one_entry.id,))
    assert re.fullmatch(reason, entry.reason)
    delivered = bench.delivered()
    shutil.rmtree(bench.out)  # the whole one is to lie there alone
    files, expected = (
        {name.partition("/")[2].partition("/")[2]: data for name, data in found.items() if not _tells_why(name)}
        for found in (delivered, bench.truth(without_one=True))
    )
    assert files == expected
    assert len(files) == len(bench.truth()) - 3  # less that picture, and what tells why


def _tells_why(name: str) -> bool:
    """Whether a file depends on the reason for which another one is missing."""
    return name.endswith(("/manifest.json", "/contents.jsonl"))


def check_delivered(bench: Bench, leaves: str) -> None:
    delivered, truth = bench.delivered(), bench.truth()
    assert sorted(delivered) == sorted(truth)
    assert [name for name in truth if delivered[name] != truth[name]] == []
    assert bench.problems() == ()
    check_remains(bench, leaves)
    assert list(bench.temporary.iterdir()) == []


def check_remains(bench: Bench, leaves: str) -> None:
    assert [one for one in bench.remains() if not (leaves and re.search(leaves, one))] == []


def check_visible(bench: Bench, cell: Cell) -> None:
    """Nothing that looks like an export, unless it is whole: the receipt is what comes last."""
    if bench.is_visible():
        assert cell.step in ("deliver", "receipt")
        delivered, truth = bench.delivered(), bench.truth()
        assert {name: delivered.get(name) for name in truth} == truth
