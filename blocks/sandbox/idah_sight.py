"""How much of the platform an account sees. What it does not see is missing from lists and 404 by id, not refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blocks.sandbox.idah_accounts import Account
from blocks.sandbox.idah_derived import Annotation, Media
from blocks.sandbox.idah_rows import Entry, EntryStat, Project, Row
from blocks.sandbox.idah_sync import Export, Job
from blocks.sandbox.idah_wire import WireError

Test = Callable[[Any], bool]
_CLOSED_TO_READERS: tuple[type[Row], ...] = (Export, Job, EntryStat)


def check_right(account: Account, row_type: type[Row]) -> None:
    """A 403 for keys that only read, on what takes the right to write."""
    if account.is_read_only and row_type in _CLOSED_TO_READERS:
        raise WireError.forbidden(row_type.TYPE)


def sight(account: Account, row_type: type[Row], project: Project, *, is_listing: bool) -> Test | None:
    """Which rows there are for the account; None for all of them."""
    is_covered = account.covers(project_id=project.id, organization_id=project.organization_id)
    if row_type is Media and is_listing and account.scope and "org" in account.scope:
        return None  # the platform looks up the allowed projects without its filter
    if not is_covered:
        return lambda _: False
    if account.part == "owner":
        return None
    if row_type is Entry:
        return lambda entry: _is_for(account, entry)
    if row_type is Annotation:
        return lambda annotation: _is_for(account, annotation.entry)
    return (lambda _: False) if row_type in _CLOSED_TO_READERS else None


def _is_for(account: Account, entry: Entry) -> bool:
    """Assigned to the person; to a reviewer also what waits for review, unless they submitted it themselves."""
    if entry.assigned_to_id == account.id:
        return True
    is_waiting = entry.assigned_to_id is None and entry.wf_step == "review"
    return account.part == "reviewer" and is_waiting and entry.submitted_by_id != account.id
