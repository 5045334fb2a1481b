"""What the flow asks of targets of whatever kind, before it fetches and when it delivers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from prefect.runtime import deployment

from blocks.catalog import AnyTarget
from blocks.http_target import HttpTarget
from blocks.storage import Storage
from blocks.target import Target, refuse_relative
from blocks.workspace import Workspace
from exporters import BaseExporter, RequestError
from flows.policy import lasting_digest
from flows.request import Request

PUSHES = "pushes"


def place_of(target: AnyTarget, workspace: Workspace) -> Storage:
    """Where it is written what was delivered to a target: there, or in the workspace for one that keeps no files."""
    if isinstance(target, HttpTarget):
        return workspace.folder(f"{PUSHES}/{lasting_digest(target.identity())[:20]}")
    return target.storage()


def check_fit(request: Request, exporter: BaseExporter[Any], targets: Sequence[AnyTarget]) -> Iterator[str]:
    """What has to be said of targets that take less than was asked for.

    Raises:
        RequestError: one of them cannot take it at all, or none takes what would be fetched.
    """
    pushed = [target for target in targets if isinstance(target, HttpTarget)]
    if not pushed:
        return
    shown = " and ".join(target.host for target in pushed)
    if not exporter.records:
        raise RequestError(f"{shown} takes records, which the format {exporter.name} has none of; ask for --as jsonl.")
    if request.media == "none":
        return
    if len(pushed) == len(targets):
        raise RequestError(f"Only records are sent to {shown}, no files; ask for --media none.")
    yield f"Only records are sent to {shown}; the files go to the other targets."


def refuse_passing_places(targets: Sequence[AnyTarget], workspace: Workspace) -> None:
    """Raise RequestError in a run of a deployment for a place in the folder that goes with the run."""
    if not deployment.id:
        return
    for target in targets:
        if isinstance(target, Target) and not target.saved_block:
            refuse_relative(target.url, "The target")
    refuse_relative(workspace.url, "The workspace")


def refuse_repeated(targets: Sequence[AnyTarget]) -> None:
    """Raise RequestError for a target that is given twice: it would be delivered to by two at once."""
    seen: set[str] = set()
    for target in targets:
        with suppress(RequestError):  # it cannot be opened, as others say
            key = lasting_digest(target.identity())
            if key in seen:
                break
            seen.add(key)
    else:
        return
    raise RequestError(f"The target {target.shown} is given twice; leave one of them out.")
