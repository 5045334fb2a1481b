"""What the figures of a soak come to: what they were when all was warm, what they were in the end, and whether it grew.

Compared are medians, but for what has another `mark`: of the first quarter after a warm-up of a tenth, and of the
last quarter; of what retention limits, the first half and the second of the time since it does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

Sample = dict[str, Any]
WARM_UP = 0.1
FEWEST = 3
"""Samples of a quarter, for its median to say something."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. It may grow by a share of what it was, or by so much, whichever is more."""

    label: str
    column: str
    of: Literal["all", "idle", "full", "swept"] = "all"
    """Which samples count: all; those between runs; of these, those since older exports are removed, before which there
    are more and more; of these, those right after the workspace was swept.
    """
    share: float = 0.0
    by: float = 0.0
    mark: Callable[[Sequence[float]], float] = median
    """What stands for many samples. The least, where a run that has just ended may still hold some: what is never given
    back raises that, too.
    """

    def values(self, samples: Sequence[Sample]) -> list[float]:
        return [one[self.column] for one in samples if self.column in one and self._counts(one)]

    def _counts(self, sample: Sample) -> bool:
        return bool(
            self.of == "all"
            or (
                not sample["busy"]
                and (self.of == "idle" or (sample["full"] and (self.of == "full" or sample["swept"])))
            )
        )


FIGURES = (
    Figure("outhaul serve, memory (MB)", "serve.rss_mb", share=0.1),
    Figure("outhaul serve, threads", "serve.threads", by=1),
    Figure("outhaul serve, open files", "serve.fds", by=2),
    Figure("Prefect server, memory (MB)", "server.rss_mb", share=0.1),
    Figure("Prefect server, threads", "server.threads", by=2),
    Figure("Prefect server, open files", "server.fds", by=4),
    Figure("worker, memory (MB)", "worker.rss_mb", share=0.1),
    Figure("worker, threads", "worker.threads", by=2),
    Figure("worker, open files, at least", "worker.fds", "idle", by=2, mark=min),
    Figure("temporary files, between runs", "temporary.files", "idle", by=2),
    Figure("temporary bytes, between runs (MB)", "temporary.mb", "idle", by=1),
    Figure("workspace, files once swept", "workspace.files", "swept", share=0.1),
    Figure("workspace, once swept (MB)", "workspace.mb", "swept", share=0.1),
    Figure("local target (MB)", "target.mb", "full", share=0.2),
)


@dataclass(frozen=True)
class Row:
    """A figure of a soak; `grew` says that it has grown by more than it may."""

    label: str
    first: float | None
    last: float | None
    grew: bool


@dataclass(frozen=True)
class Verdict:
    """What is wrong, in sentences, none if all is well; and what stands beside it."""

    rows: tuple[Row, ...]
    facts: dict[str, Any]
    problems: tuple[str, ...]


def judge(samples: Sequence[Sample], runs: Sequence[dict[str, Any]], facts: dict[str, Any]) -> Verdict:
    rows = tuple(_row(figure, samples) for figure in FIGURES)
    problems = [problem for run in runs for problem in (f"run {run['number']}, {one}" for one in run["problems"])]
    problems += facts["problems"]
    problems += [f"{row.label} grew from {row.first:.1f} to {row.last:.1f}" for row in rows if row.grew]
    problems += _database_problems(samples)
    return Verdict(rows, _told(samples, runs, facts), tuple(problems))


def quarters(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Those of the first quarter after the warm-up, and those of the last."""
    if not samples:
        return [], []
    whole = samples[-1]["at"]
    begin = WARM_UP * whole
    quarter = (whole - begin) / 4
    return (
        [one for one in samples if begin <= one["at"] <= begin + quarter],
        [one for one in samples if one["at"] >= whole - quarter],
    )


def database_rates(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """Kilobytes of the Prefect database for each run, in the first half after the warm-up and in the last."""
    warm = [one for one in samples if one["at"] >= WARM_UP * samples[-1]["at"]] if samples else []
    if len(warm) < 3 * FEWEST:
        return None
    halves = warm[: len(warm) // 2 + 1], warm[len(warm) // 2 :]
    rates = []
    for half in halves:
        runs = half[-1]["runs"] - half[0]["runs"]
        if not runs:
            return None
        rates.append(1000 * (half[-1]["database.mb"] - half[0]["database.mb"]) / runs)
    return rates[0], rates[1]


def _row(figure: Figure, samples: Sequence[Sample]) -> Row:
    first, last = (figure.values(part) for part in quarters(samples))
    if figure.of in ("full", "swept"):  # they begin late, and are few: the first half and the second
        values = figure.values(samples)
        first, last = values[: (len(values) + 1) // 2], values[len(values) // 2 :]
    if min(len(first), len(last)) < (2 if figure.of == "swept" else FEWEST):
        return Row(figure.label, None, None, grew=False)
    before, after = figure.mark(first), figure.mark(last)
    return Row(figure.label, before, after, grew=after - before > max(figure.by, figure.share * before))


def _database_problems(samples: Sequence[Sample]) -> list[str]:
    """It keeps the history of runs, so it grows with them; each may not take more than the ones before."""
    rates = database_rates(samples)
    if rates is None or rates[1] <= max(1.5 * rates[0], rates[0] + 100):
        return []
    return [f"a run takes {rates[1]:.0f} kB of the Prefect database, and took {rates[0]:.0f} before"]


def _told(samples: Sequence[Sample], runs: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    rates = database_rates(samples)
    last = samples[-1] if samples else {}
    warm = samples[0] if samples else {}
    seconds = last.get("at", 0.0) - warm.get("at", 0.0)
    used = last.get("cpu_seconds", 0.0) - warm.get("cpu_seconds", 0.0)
    return {
        "minutes asked for": facts["minutes"],
        "minutes": round(last.get("at", 0.0) / 60, 1),
        "it came to its end": bool(facts.get("ended")),
        "seed": facts["seed"],
        "share of one core": round(used / seconds, 2) if seconds else 0.0,
        "samples": len(samples),
        "runs": len(runs),
        "by fate": dict(sorted(Counter(run["fate"] for run in runs).items())),
        "by outcome": dict(sorted(Counter(run["state"] for run in runs).items())),
        "by job": dict(sorted(Counter(run["job"] for run in runs).items())),
        "exports read byte for byte": sum(run["delivered"] for run in runs),
        "compared to an undisturbed twin": sum(run["twin"] for run in runs),
        "Prefect database, kB a run (first half, second half)": [round(one) for one in rates] if rates else None,
        "Prefect database (MB)": round(last.get("database.mb", 0.0), 1),
        "logs of server and worker (MB)": round(last.get("logs.mb", 0.0), 2),
        "platform and API of the soak, memory (MB)": round(last.get("platform.rss_mb", 0.0)),
        "S3 server, memory (MB)": round(last.get("store.rss_mb", 0.0)),
    }


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Of a file that may still be written: a line that is not whole yet is left out."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
