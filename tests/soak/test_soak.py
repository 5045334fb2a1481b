"""The soak's own eyes: what it samples is so, what grows is found, what is flat is let pass. Nothing is soaked here."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from blocks.storage import Storage
from tests.soak.checks import members, not_told, untrue, what_is_kept
from tests.soak.far_ends import Known
from tests.soak.jobs import FATES, JOBS, PROMISED, Job, last_plans, plan_of
from tests.soak.sampling import cpu_seconds, disk, weigh
from tests.soak.shown import PANELS, plot, table, to_json
from tests.soak.verdict import FIGURES, Figure, database_rates, judge, read_lines

FACTS: dict[str, Any] = {"minutes": 120, "seed": 12, "share": 0.33, "problems": [], "ended": True}
RUN: dict[str, Any] = {
    "number": 1, "job": "coco-zip", "fate": "quiet", "state": "Completed", "delivered": True, "twin": False,
    "problems": [],
}  # fmt: skip


def samples(**growing: float) -> list[dict[str, Any]]:
    """Two hours of flat figures, but for those that go up by so much from the beginning to the end."""
    return list(_samples({name.replace("__", "."): by for name, by in growing.items()}))


def _samples(growing: dict[str, float]) -> Iterator[dict[str, Any]]:
    columns = {figure.column for figure in FIGURES}
    for nth in range(361):
        done = nth / 360
        figures = dict.fromkeys(columns, 100.0) | {"database.mb": 10.0 + 20.0 * done}
        figures |= {name: figures[name] + by * done for name, by in growing.items()}
        yield {
            "at": 20.0 * nth, "busy": nth % 3 == 0, "swept": nth % 30 == 10, "full": nth > 72, "runs": nth // 2,
            "cpu_seconds": 6.6 * nth, "ended.Completed": nth // 2, **figures,
        }  # fmt: skip


def problems(seen: list[dict[str, Any]], *runs: dict[str, Any], **facts: Any) -> tuple[str, ...]:
    return judge(seen, runs or (RUN,), FACTS | facts).problems


# What is sampled


def test_processes_are_weighed(tmp_path: Path) -> None:
    """Memory, threads and open files are those of the process: what it opens and starts is in them."""
    memory, threads, files = weigh([os.getpid()])
    assert memory > 10
    over = threading.Event()
    with ExitStack() as stack:
        for name in range(7):
            stack.enter_context((tmp_path / str(name)).open("w"))
        started = [threading.Thread(target=over.wait) for _ in range(3)]
        for thread in started:
            thread.start()
        _, more_threads, more_files = weigh([os.getpid()])
        over.set()
        for thread in started:
            thread.join()
    assert more_threads >= threads + 3
    assert more_files >= files + 7
    assert weigh([]) == (0, 0, 0)
    assert cpu_seconds(os.getpid()) > 0


def test_a_process_that_has_ended_weighs_nothing() -> None:
    """Processes come and go while they are looked at."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert weigh([child]) == (0, 0, 0)


def test_the_disk_is_counted(tmp_path: Path) -> None:
    """Files and bytes below a folder, but for one that is somebody else's."""
    for name in ("a", "b/c", "logs/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 1000)
    assert disk(tmp_path) == (3, 0.003)
    assert disk(tmp_path, but=tmp_path / "logs") == (2, 0.002)
    assert disk(tmp_path / "none") == (0, 0.0)


# What is made of it


def test_flat_figures_are_well() -> None:
    """Nothing grew, every run ended as promised: there is nothing to say."""
    assert problems(samples()) == ()


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.label)
def test_whatever_grows_is_found(figure: Figure) -> None:
    """Each figure that ends half as high again is named; one that goes up by a hair is not."""
    name = figure.column.replace(".", "__")
    found = problems(samples(**{name: 100.0}))
    assert any(problem.startswith(f"{figure.label} grew from 1") for problem in found)
    assert problems(samples(**{name: 0.5})) == ()


def test_what_grows_while_all_gets_warm_is_no_growth() -> None:
    """The first tenth does not count."""
    seen = samples()
    for sample in seen[:36]:
        sample["worker.rss_mb"] = 20.0
    assert problems(seen) == ()


def test_the_database_grows_with_the_runs_and_no_faster() -> None:
    """It keeps their history; what one run takes is the same later."""
    seen = samples()
    assert database_rates(seen) == pytest.approx((111, 111), rel=0.02)
    for sample in seen[200:]:
        sample["database.mb"] += (sample["at"] - seen[200]["at"]) / 40
    assert "kB of the Prefect database" in problems(seen)[0]


def test_a_run_that_went_wrong_is_named() -> None:
    """So is what was left behind in the end."""
    wrong = RUN | {"number": 7, "problems": ["coco-zip: a.jpg is missing"]}
    assert problems(samples(), RUN, wrong, problems=["3 temporary files were left"]) == (
        "run 7, coco-zip: a.jpg is missing",
        "3 temporary files were left",
    )


def test_a_soak_that_has_just_begun_is_not_judged() -> None:
    """Too few samples say nothing, and are told as too few; there may be none at all."""
    assert problems(samples()[:4]) == ()
    assert problems([]) == ()
    assert "too few" in table(judge(samples()[:4], [], FACTS))
    assert table(judge([], [], {**FACTS, "ended": False})).endswith("Nothing wrong so far.\n")


def test_what_a_run_still_holds_is_no_growth() -> None:
    """Files of a worker are counted at the least of a quarter: a run that has just ended gives back its own later."""
    label = "worker, open files, at least"
    (held,) = (row for row in judge(samples(worker__fds=0.0), [RUN], FACTS).rows if row.label == label)
    assert not held.grew
    slow = samples(worker__fds=0.0)
    for number, one in enumerate(slow):
        one["worker.fds"] += 7 * (number > len(slow) / 2 and number % 4 != 0)
    (slower,) = (row for row in judge(slow, [RUN], FACTS).rows if row.label == label)
    assert (slower.first, slower.last) == (held.first, held.last)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    """Figures can be read while the soak goes on."""
    (tmp_path / "samples.jsonl").write_text('{"at": 1}\n{"at": 2}\n{"at"')
    assert read_lines(tmp_path / "samples.jsonl") == [{"at": 1}, {"at": 2}]


def test_what_is_shown() -> None:
    """The plot is sound XML with every panel, and the same for the same figures; what grew stands out in the table."""
    seen = samples(serve__fds=100.0)
    assert plot(seen) == plot(seen)
    texts = [one.text for one in ET.fromstring(plot(seen)).iter("{http://www.w3.org/2000/svg}text")]
    assert {panel.title for panel in PANELS} <= set(texts)
    ET.fromstring(plot([]))
    verdict = judge(seen, [RUN], FACTS)
    assert "| outhaul serve, open files | 121.2 | 188.8 | **grew** |" in table(verdict)
    assert '"outhaul serve, open files"' in to_json(verdict)


# What is run, and how it is checked


def test_what_happens_follows_from_the_seed() -> None:
    """The same seed plans the same; every job meets every fate; the last round is undisturbed and has every job."""
    plans = [plan_of(12, number) for number in range(1, 400)]
    assert plans == [plan_of(12, number) for number in range(1, 400)]
    assert plans != [plan_of(13, number) for number in range(1, 400)]
    assert {(plan.job, plan.fate) for plan in plans} == {(job, fate) for job in JOBS for fate in FATES}
    assert PROMISED.keys() == FATES.keys()
    last = last_plans(12, 399)
    assert [plan.job for plan in last] == list(JOBS)
    assert {plan.fate for plan in last} == {"quiet"}
    assert last[-1].collects


def test_archives_are_read_by_their_own_reader() -> None:
    """By path and digest: another byte is another digest."""
    found = []
    for content in (b"one", b"two"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a.txt", content)
        found.append(dict(members("zip", packed.getvalue())))
    assert found[0].keys() == found[1].keys() == {"a.txt"}
    assert found[0] != found[1]


def test_what_is_not_true_is_told() -> None:
    """An entry, an annotation or a picture that is missing, and an entry that nobody knows."""
    truth = {"e1": Known("completed", 2, "aa"), "e2": Known("errored", 1, "bb"), "e3": Known("completed", 0, "")}
    job, whole = replace(JOBS[0], leaves_out=""), {"e1": 2, "e2": 1, "e3": 0}

    def told(entries: dict[str, int], *digests: str, of: Job = job, out: int | None = None) -> str:
        out = len(entries) if out is None else out
        counts = {
            "entries": {"in": len(entries), "out": out, "left_out": len(entries) - out},
            "annotations": {"in": sum(entries.values())},
        }
        return "; ".join(untrue(of, counts, entries, set(digests), truth))

    assert told(whole, "aa", "bb") == ""
    assert told(whole, "aa") == "1 of 2 pictures are not there as the platform has them"
    assert told(whole, of=replace(job, media="none")) == ""
    assert "{'in': 2, " in told({"e1": 2, "e3": 0}, "aa", "bb")
    assert "2 of 3 entries are not there as the platform has them" in told({"e1": 2, "e2": 1, "e4": 0}, "aa", "bb")
    assert "of 3 annotations 2 came in" in told(whole | {"e1": 1}, "aa", "bb")
    assert "such as e1" in told({"e1": 1, "e2": 2, "e3": 0}, "aa", "bb")
    assert told({"e1": 2, "e3": 0}, "aa", of=replace(job, where=("status=completed",))) == ""
    assert told(whole, "aa", of=JOBS[0], out=2) == ""
    assert "2 of which are to be taken" in told(whole, "aa", "bb", of=JOBS[0])


def test_what_is_kept_is_looked_at(tmp_path: Path) -> None:
    """More exports than are to stay, and each that is not whole, also where a run that failed has left it."""
    place, job = Storage(str(tmp_path)), JOBS[0]
    assert what_is_kept(place, job) == []
    for name in "abc":
        (tmp_path / job.name / name).mkdir(parents=True)
        (tmp_path / job.name / name / "receipt.json").write_text("{}")
    found = what_is_kept(place, job)
    assert {problem.partition(": ")[0] for problem in found} == {f"{job.name}/{name}" for name in "abc"}
    (tmp_path / job.name / "d").mkdir()
    (tmp_path / job.name / "d/receipt.json").write_text("{}")
    assert f"{job.name}: 4 exports are kept instead of 3" in what_is_kept(place, job)


def test_what_an_api_was_not_told_is_found() -> None:
    """An entry that it lacks, has too much, or has as it was before."""
    truth = {"e1": Known("completed", 2, "aa"), "e2": Known("errored", 1, "bb")}
    assert not_told({"e1": 2, "e2": 1}, truth) == []
    for told in ({"e1": 2}, {"e1": 2, "e2": 1, "e3": 0}, {"e1": 2, "e2": 0}):
        assert "the API has 1 of 2 entries not as they are" in not_told(told, truth)[0]
