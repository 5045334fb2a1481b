"""What killed runs leave: files that are not whole, and uploads that nobody will complete. Swept when a run begins.

Files say whose they are, so only those of processes that are gone are taken, and what is older than a day. Uploads do
not: those in the folder of one export are aborted by the run that delivers there. Should another one be at it after
all, from another workspace, it is told so, and delivers again.
"""

from __future__ import annotations

import logging
import tempfile
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from blocks.local_files import is_partial
from blocks.storage import Storage
from blocks.storage_errors import translated
from blocks.store import INCOMING, Store
from exporters.errors import OuthaulError
from exporters.temporary import LONGEST_SECONDS, owner_of, sweep

_log = logging.getLogger(__name__)


def sweep_workspace(store: Store) -> None:
    """Remove what killed runs left in a workspace, and in this machine's folder for temporary files."""
    sweep(Path(tempfile.gettempdir()))
    storage = store.storage
    if storage.is_local:
        sweep(Path(storage.path(INCOMING)), is_ours=True)
    else:
        _sweep_partials(storage, INCOMING)
        sweep_uploads(storage, "", timedelta(seconds=LONGEST_SECONDS))


def sweep_target(storage: Storage, folder: str, *, is_first: bool = True) -> None:
    """Remove what killed runs left on their way to one export's folder, which nobody may have finished.

    Only the first attempt aborts uploads: of two runs that do so to each other, both get through the second time.
    """
    if storage.is_local:
        # Where it was tried out whether one may write, and where the pointer is.
        for place in ("", folder.rpartition("/")[0]):
            sweep(Path(storage.path(place)))
    elif storage.is_s3:
        _sweep_partials(storage, "", prefix=".outhaul-")  # in one request, whatever else the bucket holds
    _sweep_partials(storage, folder)
    if is_first:
        sweep_uploads(storage, folder)


def _sweep_partials(storage: Storage, folder: str, prefix: str = "") -> None:
    try:
        with translated(storage.shown_path(folder)):
            for path, _, written in storage.dated_files(folder, prefix, only=is_partial):
                owner = owner_of(path.rpartition("/")[2])
                if owner and (owner.is_gone or (owner.is_gone is None and _is_old(written))):
                    storage.fs.rm_file(storage.path(f"{folder}/{path}" if folder else path))
    except OuthaulError as error:
        _log.warning("What an earlier run may have left could not be swept: %s", error)


def _is_old(written: float | None) -> bool:
    """Whether a file was written over a day ago, where the store says when."""
    return written is not None and written < time.time() - LONGEST_SECONDS


def sweep_uploads(storage: Storage, folder: str, age: timedelta = timedelta()) -> None:
    """Abort uploads of several parts that are open below a folder, and older than `age`. Other stores end theirs.

    One stays open when its beginning, or its end, was tried again because no answer came.
    """
    if not storage.is_s3:
        return
    bucket, _, prefix = storage.path(folder).partition("/")
    try:
        with translated(storage.shown_path(folder)):
            while _abort_page(storage.fs, bucket, f"{prefix}/" if prefix else "", age):
                pass
    except OuthaulError as error:  # to list uploads is a right of its own
        _log.warning("Uploads that an earlier run may have left open could not be looked for: %s", error)


def _abort_page(fs: Any, bucket: str, prefix: str, age: timedelta) -> bool:
    """Abort the uploads that one listing tells of; returns whether another one will tell of more.

    It begins from the start again, because not every store can go on from where it stopped.
    """
    page = fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix)
    date = page["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    old = [upload for upload in page.get("Uploads", ()) if now - upload["Initiated"] >= age]
    for upload in old:
        fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return bool(old) and bool(page.get("IsTruncated"))
