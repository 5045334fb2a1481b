"""The last exports stay at a target, older ones of the same kind go: the receipt first, so none is seen in part."""

from __future__ import annotations

import time
from typing import Any

from blocks.documents import RECEIPT, manifest_head
from blocks.storage import Storage
from exporters.errors import OuthaulError
from exporters.foreign_json import UNREADABLE
from flows.manifest import decode_receipt, latest_export

GRACE_SECONDS = 24 * 3600.0
"""What has no receipt by then was left by a run that nobody went on with."""


def keep_latest(storage: Storage, name: str, keep: int) -> list[str]:
    """Remove all exports below a name that are like the newest one, but for the last `keep` of them; returns their ids.

    Alike is what has the same format, filters, media and kind of package. Files that were never finished go too.
    """
    if keep < 1:
        return []
    newest = latest_export(storage, f"{name}/")
    folders = _folders(storage, name)
    kind = _kind(storage, f"{name}/{newest}/")
    finished = {
        one: _finished_at(storage, f"{name}/{one}/")
        for one in folders
        if one != newest and RECEIPT in folders[one] and _kind(storage, f"{name}/{one}/") == kind
    }
    alike = sorted((one for one in finished if finished[one] is not None), key=lambda one: str(finished[one]))[::-1]
    removed = alike[keep - 1 :]
    left = [one for one in folders if RECEIPT not in folders[one] and _is_abandoned(folders[one])]
    for one in (*removed, *left):
        for file in sorted(folders[one], key=lambda file: file != RECEIPT):
            storage.remove(f"{name}/{one}/{file}")
        storage.remove_folder(f"{name}/{one}")
    return removed


def _folders(storage: Storage, name: str) -> dict[str, dict[str, float | None]]:
    """The files of each export, and when they were written."""
    found: dict[str, dict[str, float | None]] = {}
    for path, _, written in storage.dated_files(name):
        export_id, slash, file = path.partition("/")
        if slash and len(export_id) == 20 and set(export_id) <= set("0123456789abcdef"):
            found.setdefault(export_id, {})[file] = written
    return found


def _is_abandoned(files: dict[str, float | None]) -> bool:
    return all(written is not None and written < time.time() - GRACE_SECONDS for written in files.values())


def _kind(storage: Storage, folder: str) -> Any:
    """What makes exports alike; None where that cannot be read, or a newer Outhaul wrote it: that stays."""
    try:
        head = manifest_head(storage, folder)
        return head["exporter"]["name"], head["where"], head["media"], head["package"]["kind"], "delta" in head
    except (OuthaulError, *UNREADABLE, LookupError, TypeError):
        return None


def _finished_at(storage: Storage, folder: str) -> str | None:
    """None where the receipt cannot be read: such an export is somebody's business, and left alone."""
    try:
        path = f"{folder}{RECEIPT}"
        return decode_receipt(storage.read(path), storage.shown_path(path)).finished_at
    except UNREADABLE:
        return None
