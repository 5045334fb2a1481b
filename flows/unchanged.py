"""compare: an export whose entries are all as they were when it was delivered is done before anything is read."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from blocks.catalog import AnyTarget
from blocks.workspace import Workspace
from flows.deliver import deliver_again
from flows.delivered import Delivery, Summary
from flows.histogram import by_class
from flows.memory import recall_export
from flows.planned import Plan
from flows.policy import PATIENT
from flows.targets import place_of


@task(name="compare", task_run_name="compare", **PATIENT)
def find_delivered(plan: Plan, targets: Sequence[AnyTarget], workspace: Workspace) -> Summary | None:
    """What was delivered earlier of just this; None when the run has to go on, if only to deliver it to one more."""
    made = recall_export(plan, workspace.open())
    if not made:
        return None
    deliveries: list[Delivery] = []
    for target in targets:
        found = deliver_again(made.package, plan, target, place_of(target, workspace))
        if not found:
            return None
        deliveries.append(found)
    return Summary(
        plan=plan,
        tally=made.package.tally,
        deliveries=tuple(deliveries),
        downloaded_files=0,
        media_bytes=made.media_bytes,
        by_class=by_class(made.package, plan, workspace.open()),
        contents=made.package.contents,
    )
