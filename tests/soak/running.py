"""One run of the served deployment: started, ended from outside if that is its fate, waited for, and looked at."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.states import Cancelling

from deployments.children import descendants
from tests.soak.checks import Delivered, look_at, not_told
from tests.soak.house import House
from tests.soak.jobs import PROMISED, TWIN_TARGET, TWIN_WORKSPACE, Plan, reference

DEPLOYMENT = "export/on-demand"
LONGEST_SECONDS = 900.0
"""What has not ended by then is stuck."""


@dataclass
class Ended:
    """What became of a run."""

    number: int
    job: str
    fate: str
    state: str
    seconds: float
    message: str = ""
    delivered: bool = False
    """Whether an export of it was looked at."""
    twin: bool = False
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def carry_out(plan: Plan, house: House) -> Ended:
    """A run of it, and its twin; the far ends are calm afterwards. What the soak itself meets is a problem, too."""
    try:
        return _carry_out(plan, house)
    except Exception as error:  # noqa: BLE001 - whatever it is, the hours go on
        traceback.print_exc()
        house.far.ask("calm")
        wrong = f"{plan.job.name}: {type(error).__name__}: {error}"
        return Ended(plan.number, plan.job.name, plan.fate, "unknown", 0.0, problems=[wrong[:500]])


def _carry_out(plan: Plan, house: House) -> Ended:
    if plan.changes:
        house.far.ask("work", plan.seed)
    _prepare(plan, house)
    begun = time.monotonic()
    with get_client(sync_client=True) as client:
        run = _run(plan, house, client, plan.job.parameters())
        house.far.ask("calm")
        ended = Ended(
            plan.number, plan.job.name, plan.fate, run.state.name if run.state else "", time.monotonic() - begun
        )
        ended.message = ((run.state and run.state.message) or "")[:300]
        if ended.state not in PROMISED[plan.fate]:
            ended.problems.append(f"{plan.job.name}: ended {ended.state}, {ended.message}")
        if ended.state == "Completed":
            found = _look(plan, house)
            ended.delivered = True
            ended.problems += [problem for one in found for problem in one.problems]
            if not plan.job.is_pushed and len({one.export_id for one in found}) != 1:
                ended.problems.append(f"{plan.job.name}: its targets do not hold the same export")
            if plan.twin and not ended.problems:
                ended.twin = True
                ended.problems += _compare(plan, house, client, found[0])
    return ended


def _prepare(plan: Plan, house: House) -> None:
    if plan.fate == "hopeless":
        house.far.ask("work", plan.seed)  # or there would be nothing to ask for
        house.far.ask("break_down", plan.seed)
    elif plan.fate != "quiet":
        house.far.ask("shake", plan.seed, plan.fate in ("cancelled", "killed"))


def _run(plan: Plan, house: House, client: SyncPrefectClient, parameters: dict[str, Any]) -> FlowRun:
    """A run of the deployment, when it is over or stuck."""
    made = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0, as_subflow=False)
    assert isinstance(made, FlowRun)
    until = time.monotonic() + LONGEST_SECONDS
    end_at = None
    while True:
        run = made
        with suppress(httpx.HTTPError):  # on a busy machine it may not answer in time
            run = client.read_flow_run(made.id)
        assert run.state
        if run.state.is_final() or time.monotonic() > until:
            return run
        if plan.fate in ("cancelled", "killed") and run.state_type == StateType.RUNNING:
            end_at = end_at or time.monotonic() + plan.seconds
            if time.monotonic() >= end_at:
                _end(plan, house, client, run.id)
                plan = replace(plan, fate="shaky")  # once is enough
        time.sleep(0.5)


def _end(plan: Plan, house: House, client: SyncPrefectClient, run_id: UUID) -> None:
    if plan.fate == "cancelled":
        client.set_flow_run_state(run_id, Cancelling())
        return
    mine = f"PREFECT__FLOW_RUN_ID={run_id}".encode()
    for pid in descendants(house.served.process.pid):
        with suppress(OSError):
            if mine in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)


def _look(plan: Plan, house: House) -> list[Delivered]:
    """What lies at each of its targets, or what the API has been told."""
    truth = house.far.truth()
    if plan.job.is_pushed:
        return [Delivered("", {}, tuple(not_told(house.far.told(), truth)))]
    return [look_at(house.places[slug], plan.job, truth) for slug in plan.job.targets]


def _compare(plan: Plan, house: House, client: SyncPrefectClient, first: Delivered) -> list[str]:
    """The same export by an undisturbed run from an empty workspace: every file is the same."""
    quiet = replace(plan, fate="quiet")
    elsewhere = {
        "target": reference(TWIN_TARGET), "more_targets": [], "workspace": reference(TWIN_WORKSPACE),
        "shard_entries": random.Random(plan.seed).choice((7, 20, 1000)),
    }  # fmt: skip
    run = _run(quiet, house, client, plan.job.parameters() | elsewhere)
    try:
        if not (run.state and run.state.is_completed()):
            return [f"{plan.job.name}: its twin ended {run.state and run.state.name}"]
        twin = look_at(house.places[TWIN_TARGET], plan.job, house.far.truth())
    finally:
        house.forget_twin()
    same = (twin.export_id, twin.files) == (first.export_id, first.files)
    return [*twin.problems, *([] if same else [f"{plan.job.name}: its twin has other bytes"])]
