"""compare: an export whose entries are all as they were when it was delivered is done before anything is read."""

from __future__ import annotations

from prefect import task

from blocks.catalog import AnyTarget
from blocks.workspace import Workspace
from flows.deliver import deliver_again
from flows.memory import recall_export
from flows.policy import PATIENT
from flows.results import Plan, Summary


@task(name="compare", task_run_name="compare", **PATIENT)
def find_delivered(plan: Plan, target: AnyTarget, workspace: Workspace) -> Summary | None:
    """What was delivered earlier of just this; None when the run has to go on, if only to deliver it here too."""
    made = recall_export(plan, workspace.open())
    delivery = made and deliver_again(made.package, plan, target.storage())
    if not made or not delivery:
        return None
    return Summary(
        plan=plan, tally=made.package.tally, delivery=delivery, downloaded_files=0, media_bytes=made.media_bytes
    )
