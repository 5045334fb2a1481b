"""`outhaul workspace gc`: what the last exports go by stays in the workspace, the rest goes.

Media, parts and records are shared by exports, so what may go is what none of those to be kept refers to. A run that
was killed has left no export yet: what is younger than a day stays as well.
"""

from __future__ import annotations

import sqlite3
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from blocks.catalog import find_workspace
from blocks.lease import exclusive
from blocks.scratch import scratch_database
from blocks.store import Store
from exporters.errors import OuthaulError
from exporters.foreign_json import UNREADABLE
from exporters.pictures.upright import MediaFile
from flows.index import decode_member
from flows.memory import Made, all_exports, recall_shards
from flows.words import size_text

FOLDERS = (
    "snapshot",
    "parts",
    "entries",
    "indexes",
    "media",
    "media-keys",
    "read",
    "outcomes",
    "exports",
    "results",
    "figures",
    "counted",
    "tiles",
)
"""What is looked through: nothing else in a workspace is ours to remove."""
GRACE_SECONDS = 24 * 3600.0

_decode_media = msgspec.json.Decoder(MediaFile).decode


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be, and what stays."""

    exports: int
    files: int
    bytes: int
    kept_files: int
    kept_bytes: int


def collect(store: Store, keep: int, *, dry_run: bool = False, grace_seconds: float = GRACE_SECONDS) -> Collected:
    """Remove what the last `keep` exports of each name do not go by.

    Raises:
        BusyError: exports are running in this workspace.
    """
    with exclusive(store), scratch_database("create table kept (name text primary key) without rowid") as kept:
        exports = all_exports(store)
        latest = _latest(exports, keep)
        for name in latest:
            needed = ((one,) for one in _needed(name, exports[name], store))
            kept.executemany("insert or ignore into kept values (?)", needed)
        files = size = kept_files = kept_size = 0
        young = time.time() - grace_seconds
        for name, bytes_, written in _all_files(store):
            if (written is not None and written > young) or _is_kept(name, kept, store):
                kept_files, kept_size = kept_files + 1, kept_size + bytes_
                continue
            files, size = files + 1, size + bytes_
            if not dry_run:
                store.storage.remove(name)
        return Collected(len(exports) - len(latest), files, size, kept_files, kept_size)


def gc_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul workspace gc`."""
    store = find_workspace(arguments.workspace).open()
    found = collect(store, arguments.keep, dry_run=arguments.dry_run, grace_seconds=3600.0 * arguments.grace_hours)
    verb = "would go" if arguments.dry_run else "went"
    text = (
        f"{store.storage.shown}: {found.files:,} files, {size_text(found.bytes)} {verb}; "
        f"{found.kept_files:,} files, {size_text(found.kept_bytes)} stay, among them all of the last "
        f"{arguments.grace_hours} hours."
    )
    return 0, text, {"dry_run": arguments.dry_run, **asdict(found)}


def _latest(exports: dict[str, Made], keep: int) -> list[str]:
    """Of each name and exporter the newest ones, by when they were made."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(exports, key=lambda one: exports[one].made_at, reverse=True):
        alike[exports[name].name, exports[name].exporter].append(name)
    return [name for names in alike.values() for name in names[:keep]]


def _needed(name: str, made: Made, store: Store) -> Iterator[str]:
    yield name
    yield from made.kept
    if store.storage.exists(made.package.index):
        for member in map(decode_member, store.load_lines(made.package.index)):
            yield from (run.path for run in member.runs if run.path)
    for scope in made.scopes:
        yield from (f"read/{scope}/{one}" for one in store.storage.files(f"read/{scope}"))
        for former in recall_shards(store, scope):
            yield from (former.path, *former.pieces, former.ledger)


def _all_files(store: Store) -> Iterator[tuple[str, int, float | None]]:
    """Name, size in bytes, and when it was written, of everything that may go."""
    for folder in FOLDERS:
        for name, size, written in store.storage.dated_files(folder):
            yield f"{folder}/{name}", size, written


def _is_kept(name: str, kept: sqlite3.Connection, store: Store) -> bool:
    folder, _, rest = name.partition("/")
    if folder == "media-keys":
        try:
            sha256 = _decode_media(store.storage.read(name)).sha256
        except (OuthaulError, *UNREADABLE):
            return False
        name = f"media/{sha256[:2]}/{sha256}"
    elif folder == "results":  # named as what they point to
        key = rest.rpartition("/")[2]
        name = f"parts/{key[:2]}/{key}/pack"
    return kept.execute("select 1 from kept where name = ?", (name,)).fetchone() is not None
