"""A session as a run of the export flow: in this process, or of a deployment, on whatever worker takes it."""

from __future__ import annotations

import logging
import re
import time
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from blocks.ango import AngoSource
from blocks.ango.upload import Parcel
from blocks.catalog import AnyTarget, find_source, find_target, find_workspace
from blocks.documents import RECEIPT
from blocks.storage import Storage
from blocks.target import StorageTarget
from exporters.errors import FatalError, RequestError, RetriableError, first_line
from exporters.validation import wrong_values
from flows import progress
from flows.ango.asked import Asked
from flows.ango.messages import Job
from flows.ango.worker import hub_of, say
from flows.child_messages import Said
from flows.child_side import Wire
from flows.delivered import Summary
from flows.manifest import counts, decode_receipt, latest_export
from flows.plan import check, export_name
from flows.request import Request
from flows.words import sentence, size_text

LINES_SECONDS = 10.0
"""Between two lines that say how far a step is."""
POLL_SECONDS = 2.0


class Relay:
    """What a run says, and how far it is, as lines for the session's log."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._totals: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._said_at = time.monotonic()

    def expect(self, step: str, total: int) -> None:
        self._totals[step] = self._totals.get(step, 0) + total

    def advance(self, step: str, count: int, size_bytes: int = 0) -> None:  # noqa: ARG002 - a listener's signature
        self._counts[step] = self._counts.get(step, 0) + count
        if time.monotonic() - self._said_at >= LINES_SECONDS:
            self._said_at = time.monotonic()
            shown = size_text if step == "deliver" else "{:,}".format
            of = f" of {shown(self._totals[step])}" if step in self._totals else ""
            self._wire.tell(Said(logging.INFO, f"{step}: {shown(self._counts[step])}{of}"))

    def say(self, exporter: str, level: int, text: str) -> None:
        self._wire.tell(Said(level, f"{exporter}: {text}" if exporter else text))


def export_here(job: Job, asked: Asked, wire: Wire) -> Parcel:
    """Run the flow in this process."""
    from flows.export import export  # noqa: PLC0415 - takes its time, and a deployment does without

    source, request = _source(job, asked), _request(job, asked)
    target, storage = _kept(job.recipe.target or f"{job.folder}/out")
    say(wire, logging.WARNING, check(request, source, [target]).warnings)
    workspace = find_workspace(job.recipe.workspace)
    with progress.listening(Relay(wire)):
        summary: Summary = export(source=source, target=target, workspace=workspace, **request.parameters())
    delivery = summary.delivery
    say(wire, logging.INFO, [_counted(summary)])
    say(wire, logging.WARNING, [f"Left out: {sentence(left)}." for left in summary.tally.left_out])
    return _parcel(storage, f"{summary.plan.name}/{delivery.export_id}")


def export_deployed(job: Job, asked: Asked, wire: Wire) -> Parcel:
    """Run a deployment, whose worker reads with the saved block's key: the user's is in no parameter."""
    source, (target, storage) = find_source(job.recipe.source), _kept(job.recipe.target)
    request = _request(job, asked).model_copy(update={"name": _name_of(job, source, asked)})
    parameters = {
        **request.model_dump(mode="json"),
        "source": _reference(source),
        "target": _reference(target) if job.recipe.target.startswith("block:") else {"url": storage.url},
    }
    run = run_deployment(
        job.recipe.deployment,
        parameters=parameters,
        timeout=0,
        idempotency_key=job.event["session"],  # a service that was restarted waits for the same run
        as_subflow=False,
    )
    assert isinstance(run, FlowRun)
    say(wire, logging.INFO, [f"Run {run.name} of {job.recipe.deployment} was scheduled."])
    _wait(run.id, wire)
    return _parcel(storage, f"{request.name}/{latest_export(storage, f'{request.name}/')}")


def _source(job: Job, asked: Asked) -> AngoSource:
    """The hub with the key of the user, unless a saved block is to be read from."""
    if job.recipe.source:
        found = find_source(job.recipe.source)
        if not isinstance(found, AngoSource):
            raise RequestError(f"--source {job.recipe.source} is no Ango Hub; name a saved block of that kind.")
        return found
    hub: AngoSource = hub_of(job, only_key_frames=asked.only_key_frames)
    return hub


def _kept(text: str) -> tuple[AnyTarget, Storage]:
    """A target, and the storage that it keeps its files in."""
    found = find_target(text)
    if not isinstance(found, StorageTarget):
        raise RequestError(f"--to {text} keeps no files, and the hub is to be given one; name a folder or a bucket.")
    return found, found.storage()


def _request(job: Job, asked: Asked) -> Request:
    try:
        return Request(
            datasets=(asked.project_id,),
            exporter=job.recipe.exporter,
            options={**job.recipe.options, **asked.options},
            where=tuple(asked.where),
            package="zip",
            **asked.request,
        )
    except ValidationError as error:
        raise RequestError(f"The configuration of this run does not take {wrong_values(error)}; correct it.") from None


def _name_of(job: Job, source: Any, asked: Asked) -> str:
    """A folder of this session's own at the target: what lies there afterwards is its export, and no other."""
    return export_name("", [f"{source.dataset(asked.project_id).name[:60]}-{job.mark}"])


def _reference(block: Any) -> dict[str, Any]:
    """A saved block as a parameter: its id, so that nothing of it is copied into the run."""
    return {"$ref": {"block_document_id": str(block._block_document_id)}}  # noqa: SLF001 - how Prefect names it


def _wait(run_id: UUID, wire: Wire) -> None:
    """Until a run has ended; the states it passes are told.

    Raises:
        FatalError: it did not complete.
    """
    said = ""
    with get_client(sync_client=True) as client:
        while True:
            try:
                state = client.read_flow_run(run_id).state
            except ObjectNotFound:
                raise FatalError("The run was deleted in Prefect before it had ended; run the export again.") from None
            if state and state.name != said:
                said = str(state.name)
                say(wire, logging.INFO, [f"The run is {said.lower()}."])
            if state and state.is_final():
                if state.is_completed():
                    return
                raise FatalError(_why(state))
            time.sleep(POLL_SECONDS)


def _why(state: State[Any]) -> str:
    """What a run ended with, as a sentence; Prefect puts its own words and the kind of an error in front of ours."""
    message = (state.message or "").removeprefix("Flow run encountered an exception: ")
    ours = re.fullmatch(r"(?:Request|Retriable|Fatal|Skippable)Error: (.*)", message, re.DOTALL)
    said = f" ({first_line(message)})" if message else ""
    return ours[1] if ours else f"The run has {str(state.name).lower()}{said}; look into its log in Prefect."


def _parcel(storage: Storage, folder: str) -> Parcel:
    """The archive of an export, by its receipt."""
    path = f"{folder}/{RECEIPT}"
    if not storage.exists(path):
        raise RetriableError(f"{storage.shown_path(folder)} has no receipt; the export is not whole, run it again.")
    packed = decode_receipt(storage.read(path), storage.shown_path(path)).package
    return Parcel(packed.file, packed.size, lambda: storage.stream(f"{folder}/{packed.file}"), packed.sha256)


def _counted(summary: Summary) -> str:
    said = [
        f"{count['out']:,} of {count['in']:,} {kind}" for kind, count in counts(summary.tally).items() if count["in"]
    ]
    size = size_text(summary.delivery.package_bytes)
    return f"Exported {summary.plan.name} as {summary.plan.request.exporter}: {', '.join(said) or 'nothing'} ({size})."
