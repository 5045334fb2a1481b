"""One package to several targets: each for itself, so that one that is down keeps no other from its export."""

from __future__ import annotations

from collections.abc import Sequence

from blocks import stopping
from blocks.catalog import AnyTarget
from blocks.workspace import Workspace
from exporters.errors import OuthaulError, UndeliveredError, first_line, with_kind
from flows.deliver import deliver
from flows.delivered import Delivery, Summary, Undelivered
from flows.planned import Plan
from flows.results import Package, Preview

Outcomes = tuple[tuple[Delivery, ...], tuple[Undelivered, ...]]


def deliver_all(
    package: Package,
    preview: Preview | None,
    plan: Plan,
    targets: Sequence[AnyTarget],
    keep: int,
    workspace: Workspace,
) -> Outcomes:
    """Deliver to one after the other; returns what lies where, and who got nothing.

    Raises:
        Whatever becomes of the only target there is; of several, none keeps the others from theirs.
    """
    if len(targets) == 1:
        return (deliver(package, preview, plan, targets[0], keep, workspace),), ()
    deliveries: list[Delivery] = []
    undelivered: list[Undelivered] = []
    for number, target in enumerate(targets, start=1):
        named = deliver.with_options(task_run_name=f"deliver {number}")
        try:
            deliveries.append(named(package, preview, plan, target, keep, workspace))
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are to have theirs
            stopping.check()
            reason = str(error) if isinstance(error, OuthaulError) else with_kind(error, first_line(str(error)))
            undelivered.append(Undelivered(to=target.shown, reason=reason))
    return tuple(deliveries), tuple(undelivered)


def refuse_undelivered(summary: Summary) -> None:
    """Raise UndeliveredError when a target did not get the export."""
    if not summary.undelivered:
        return
    got = [f"Delivered to {one.url}." for one in summary.deliveries]
    lost = [f"Not delivered to {one.to}: {one.reason}" for one in summary.undelivered]
    advice = "Run the export again: it moves only what is missing."
    targets = [one.model_dump(mode="json") for one in (*summary.deliveries, *summary.undelivered)]
    raise UndeliveredError("\n".join([*lost, *got, advice]), targets)
