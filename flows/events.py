"""News of exports as Prefect events, which automations can act on: what was delivered, was the same, or failed.

They tell what the receipt tells, in one JSON object, and a sentence for people; no secret, and no presigned link.

Prefect's assets would be one more event of the same facts: the open-source server has no page for them, and they are
declared when a task is written, while a target is known only when it runs. So there are none.
"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.flows import Flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run as this_run

from exporters.errors import OuthaulError, RequestError
from flows.delivered import Delivery, Summary
from flows.form import read_choice
from flows.manifest import counts
from flows.words import records_sentence, sentence, size_text

DELIVERED, UNCHANGED, FAILED = "outhaul.export.delivered", "outhaul.export.unchanged", "outhaul.export.failed"
RESOURCE = "outhaul.export"
MOST_NAMED = 100
"""Datasets and reasons that an event names; all are in the manifest."""


def tell_outcome(summary: Summary) -> None:
    """Emit what became of a run that ended well. What was delivered stays delivered when Prefect cannot tell of it."""
    is_same = all(delivery.was_there for delivery in summary.deliveries)
    try:
        _emit(UNCHANGED if is_same else DELIVERED, summary.plan.name, _facts(summary, is_same=is_same))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not about the export
        get_run_logger().warning("The news of this export could not be told: %s", error)


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Emit that a run failed, or was killed: a hook of the flow, which Prefect calls in the worker for a killed one."""
    del flow
    asked, reason = flow_run.parameters, _reason(state)
    name = str(asked.get("name") or ", ".join(map(str, asked.get("datasets") or [])) or flow_run.name)
    payload = {
        "sentence": f"The export {flow_run.name} failed: {reason}",
        "reason": reason,
        "state": state.name,
        "name": name,
        "exporter": _exporter(asked),
        "datasets": list(asked.get("datasets") or [])[:MOST_NAMED],
        "run_id": str(flow_run.id),
        "run_name": flow_run.name,
    }
    run = {"prefect.resource.id": f"prefect.flow-run.{flow_run.id}", "prefect.resource.role": "flow-run"}
    _emit(FAILED, name, payload, [{**run, "prefect.resource.name": flow_run.name}])


def _emit(event: str, name: str, payload: dict[str, Any], related: list[dict[str, str]] | None = None) -> None:
    resource = {"prefect.resource.id": f"{RESOURCE}.{name}", "prefect.resource.name": name}
    emit_event(event, resource, related=related or [], payload=payload)


def _facts(summary: Summary, *, is_same: bool) -> dict[str, Any]:
    plan, tally = summary.plan, summary.tally
    count = counts(tally)["entries"]
    places = ", ".join(delivery.url for delivery in summary.deliveries)
    what = f"{plan.name} as {plan.request.exporter}"
    return {
        "sentence": f"Nothing moved: the export {what} lies at {places} already."
        if is_same
        else f"Exported {what}: {count['out']:,} of {count['in']:,} entries, {_size(summary.delivery)}, at {places}.",
        "name": plan.name,
        "exporter": plan.request.exporter,
        "export_id": summary.delivery.export_id,
        "source": plan.source,
        "datasets": list(plan.dataset_ids)[:MOST_NAMED],
        "counts": counts(tally),
        "left_out": [sentence(left) for left in tally.left_out[:MOST_NAMED]],
        "targets": [
            one.model_dump(mode="json", exclude={"link": True, "changes": {"annotations"}})
            for one in summary.deliveries
        ],
        "run_id": str(this_run.id or ""),
        "run_name": str(this_run.name or ""),
    }


def _size(delivery: Delivery) -> str:
    return records_sentence(delivery.records) if delivery.records else size_text(delivery.package_bytes)


def _exporter(asked: dict[str, Any]) -> str:
    """The name of the format; empty where a run failed because what it was given is none."""
    try:
        return read_choice(asked.get("exporter", ""), {})[0]
    except RequestError:
        return ""


def _reason(state: State[Any]) -> str:
    """Why a run failed. Only our own errors are quoted: what others say may hold what nobody is to read."""
    if state.is_crashed():
        return "it was killed or interrupted; run it again, and it goes on where it stood."
    error = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    if isinstance(error, OuthaulError):
        return " ".join(str(error).split())
    return f"unexpected {type(error).__name__}; the log of the run says more."
