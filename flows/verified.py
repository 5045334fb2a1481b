"""check: what lies at the targets, read back from there and compared with its manifest, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.logging import get_run_logger

from blocks.catalog import AnyTarget
from blocks.http_target import HttpTarget
from blocks.workspace import Workspace
from exporters.errors import FatalError
from flows.delivered import Summary
from flows.policy import PATIENT
from flows.targets import place_of
from flows.verify import verify

SHOWN = 5
"""Problems that the error names; `outhaul verify` lists them all."""


@task(name="verify", task_run_name="verify", **PATIENT)
def verify_deliveries(summary: Summary, targets: Sequence[AnyTarget], workspace: Workspace) -> None:
    """Read each delivered export once more. An API that records were sent to keeps none.

    Raises:
        FatalError: something is not what was delivered.
    """
    for target, delivery in zip(targets, summary.deliveries, strict=True):
        if isinstance(target, HttpTarget):
            continue
        found = verify(place_of(target, workspace), folder=f"{summary.plan.name}/{delivery.export_id}/")
        if found.problems:
            more = f", and {len(found.problems) - SHOWN} more" if len(found.problems) > SHOWN else ""
            raise FatalError(
                f"{found.url} is not what was delivered: {'; '.join(found.problems[:SHOWN])}{more}. Remove that "
                f"folder, find out who changed it, and run the export again."
            )
        get_run_logger().info("%s is whole: %d files, %d bytes.", found.url, found.files, found.bytes)
