"""The hours themselves: run after run, with pauses that leave the machine to others, and a last round."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.deployments.serving import OUTHAUL
from tests.soak.checks import what_is_kept
from tests.soak.house import House, house
from tests.soak.jobs import JOBS, KEEP, Plan, last_plans, plan_of
from tests.soak.running import carry_out
from tests.soak.sampling import Sampler, cpu_seconds

SHORTEST_PAUSE_SECONDS = 4.0
SAMPLES, RUNS, FACTS = "samples.jsonl", "runs.jsonl", "facts.json"


@dataclass(frozen=True)
class Soak:
    """How long, how gently, and where what was seen is written."""

    minutes: float
    seed: int
    share: float
    """Of one core, on average, all processes together."""
    sample_seconds: float
    out: Path

    def carry_out(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="outhaul-soak-"))
        self.out.mkdir(parents=True, exist_ok=True)
        facts: dict[str, Any] = {"minutes": self.minutes, "seed": self.seed, "share": self.share, "problems": []}
        self._note(facts)
        print(f"Starting all that is needed, in {folder} ...", flush=True)
        try:
            with (
                house(folder, self.seed) as there,
                (self.out / SAMPLES).open("w") as samples,
                (self.out / RUNS).open("w") as runs,
            ):
                sampler = Sampler(there, samples, self.sample_seconds)
                with sampler.sampling():
                    self._soak(there, sampler, runs)
                    facts["problems"] = left_behind(there)
                    facts["ended"] = True
                    self._note(facts)
        finally:
            if logs := [*folder.glob("work/serve/*.log")]:
                for log in logs:
                    shutil.copy(log, self.out / log.name)
            shutil.rmtree(folder, ignore_errors=True)

    def _soak(self, there: House, sampler: Sampler, runs: IO[str]) -> None:
        began, cpu_before = time.monotonic(), cpu_seconds(os.getpid())
        number = 0
        while time.monotonic() - began < 60 * self.minutes:
            number += 1
            _one(plan_of(self.seed, number), there, sampler, runs)
            used = cpu_seconds(os.getpid()) - cpu_before
            behind = used / self.share - (time.monotonic() - began)
            time.sleep(max(SHORTEST_PAUSE_SECONDS, min(behind, 60 * self.minutes / 10)))
        for plan in last_plans(self.seed, number):
            _one(plan, there, sampler, runs)

    def _note(self, facts: dict[str, Any]) -> None:
        (self.out / FACTS).write_text(json.dumps(facts, indent=2) + "\n")


def _one(plan: Plan, there: House, sampler: Sampler, runs: IO[str]) -> None:
    sampler.is_busy = True
    ended = carry_out(plan, there)
    sampler.is_busy = False
    sampler.count(ended.job, ended.state)
    runs.write(json.dumps(ended.to_json()) + "\n")
    runs.flush()
    verdict = "; ".join(ended.problems) or ("every byte is right" if ended.delivered else "as promised")
    twin = ", its twin too" if ended.twin else ""
    what = f"{plan.number:>4} {plan.job.name:<11} {plan.fate:<10} {ended.state:<10} {ended.seconds:6.1f} s"
    print(f"{what}  {verdict}{twin}", flush=True)
    if plan.collects:
        _collect(there)
    sampler.look(swept=plan.collects)


def _collect(there: House) -> None:
    """As people do, while the server runs; no export does."""
    which = ("--workspace", str(there.workspace), "--keep", str(KEEP), "--grace-hours", "0")
    subprocess.run([OUTHAUL, "workspace", "gc", *which], check=True, capture_output=True)


def left_behind(there: House) -> list[str]:
    """What lies about when every job was done once more, undisturbed, and the workspace was swept."""
    found = []
    for job in JOBS:
        for place in (there.places[slug] for slug in job.targets if slug in there.places):
            found += what_is_kept(place, job)
    for name, folder in (("temporary", there.temporary), ("unfinished", there.workspace / "incoming")):
        if files := [path.name for path in folder.rglob("*") if path.is_file()]:
            found.append(f"{len(files)} {name} files were left, such as {min(files)}")
    for slug, place in there.places.items():
        if place.is_s3:
            bucket, _, prefix = place.path("").partition("/")
            uploads = place.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix).get("Uploads", ())
            if uploads:
                found.append(f"{len(uploads)} uploads were left open in {slug}")
    return found
