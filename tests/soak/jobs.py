"""What a soak exports, and what happens to whom: all of it follows from a seed and the number of the run."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Fate = Literal["quiet", "shaky", "cancelled", "killed", "hopeless"]

KEEP = 3
"""Exports of each job that stay at its targets, and in the workspace."""
PLUGIN = "soak-counts"
"""A contextual plug-in; `tests.soak.house` writes it."""
FATES: dict[Fate, int] = {"quiet": 3, "shaky": 5, "cancelled": 2, "killed": 2, "hopeless": 1}
"""Of 13 runs: left alone; all that goes wrong can be got over; ended from outside, twice; the platform is no use."""
PROMISED: dict[Fate, frozenset[str]] = {
    "quiet": frozenset({"Completed"}),
    "shaky": frozenset({"Completed"}),
    "cancelled": frozenset({"Cancelled", "Completed"}),  # it may have been done before it was told
    "killed": frozenset({"Crashed", "Completed"}),
    "hopeless": frozenset({"Failed"}),
}
"""The states that a run may end in; every other one is a fault of ours."""
TWINS = 0.12
"""So many of those that ended well are made again, undisturbed and in an empty workspace, to compare every byte."""


@dataclass(frozen=True)
class Job:
    """An export that comes round again and again; `targets` are names of saved blocks."""

    name: str
    exporter: str
    package: str
    targets: tuple[str, ...]
    media: str = "original"
    where: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    leaves_out: str = ""
    """The status of entries that its format leaves out, where it leaves out any."""

    @property
    def is_pushed(self) -> bool:
        return self.targets == (API,)

    def parameters(self) -> dict[str, Any]:
        """Of the deployment."""
        first, *more = map(reference, self.targets)
        return {
            "source": reference(SOURCE), "target": first, "more_targets": more, "name": self.name,
            "exporter": self.exporter, "package": self.package, "media": self.media, "where": list(self.where),
            "options": dict(self.options),
            "keep": KEEP, "delta": self.is_pushed, "shard_entries": 20,
        }  # fmt: skip


def reference(slug: str) -> dict[str, Any]:
    """A saved block, as a parameter."""
    return {"$ref": {"block_document_slug": slug}}


SOURCE = "idah/soak"
FOLDER, BUCKET, API = "outhaul-target/soak", "outhaul-s3-target/soak", "outhaul-http-target/soak"
TWIN_TARGET, TWIN_WORKSPACE = "outhaul-target/twin", "outhaul-workspace/twin"
PICTURES: dict[str, Any] = {"options": {"empty_entries": "all"}, "leaves_out": "errored"}
"""Formats to train with: of these entries, those that were rejected are not taken."""
JOBS = (
    Job("coco-zip", "coco", "zip", (FOLDER,), **PICTURES),
    Job("yolo-s3", "yolo", "directory", (BUCKET,), **PICTURES),
    Job("jsonl-both", "jsonl", "zip", (FOLDER, BUCKET)),
    Job("plug-in", PLUGIN, "zip", (FOLDER,), media="none"),
    Job("voc-folder", "pascal_voc", "directory", (FOLDER,), **PICTURES),
    Job("push", "jsonl", "zip", (API,), media="none"),
    Job("coco-s3", "coco", "zip", (BUCKET,), where=("status=completed",), **PICTURES),
)


@dataclass(frozen=True)
class Plan:
    """One run of a job. `seconds` after it began to run, somebody ends it, where that is its fate."""

    number: int
    job: Job
    fate: Fate
    seed: int
    seconds: float
    changes: bool
    """Whether people work at the platform before it begins."""
    twin: bool
    collects: bool
    """Whether the workspace is swept afterwards."""


def plan_of(seed: int, number: int) -> Plan:
    """The `number`-th run, from 1. Jobs come in turn; fates are dealt from a deck, so that each comes soon."""
    chance = random.Random(f"{seed} {number}")
    job, fate = JOBS[(number - 1) % len(JOBS)], _fate_of(seed, number - 1)
    return Plan(
        number=number,
        job=job,
        fate=fate,
        seed=chance.getrandbits(32),
        seconds=chance.uniform(0.0, 12.0),
        changes=chance.random() < 0.8,
        twin=chance.random() < TWINS and not job.is_pushed,
        collects=number % 9 == 0,
    )


def _fate_of(seed: int, nth: int) -> Fate:
    deck = [fate for fate, times in FATES.items() for _ in range(times)]
    random.Random(f"{seed} deck {nth // len(deck)}").shuffle(deck)
    return deck[nth % len(deck)]


def last_plans(seed: int, number: int) -> list[Plan]:
    """Each job once more, undisturbed: what earlier ones left is swept, and what they did not finish is done."""
    return [
        Plan(number + nth, job, "quiet", seed, 0.0, changes=False, twin=False, collects=job is JOBS[-1])
        for nth, job in enumerate(JOBS, start=1)
    ]
