"""Numbers as people read them, on a terminal and in the Prefect UI."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.tally import LeftOut
from flows.delivered import Changes, Records

ONE = {"entries": "entry", "annotations": "annotation", "medias": "media"}


def sentence(left: LeftOut) -> str:
    """`3 annotations: COCO cannot hold the shape ellipse`; which ones, the manifest says."""
    return f"{left.count:,} {left.kind if left.count != 1 else ONE[left.kind]}: {left.reason}"


def changes_sentence(changes: Changes) -> str:
    """`3 added, 12 changed, 1 removed, 984 unchanged`."""
    return ", ".join(f"{getattr(changes, kind):,} {kind}" for kind in ("added", "changed", "removed", "unchanged"))


def records_sentence(records: Records) -> str:
    """`12 records accepted, 1 refused`."""
    accepted = f"{records.accepted:,} {'record' if records.accepted == 1 else 'records'} accepted"
    return accepted + (f", {records.refused:,} refused" if records.refused else "")


def changes_rows(changes: Changes) -> list[str]:
    """The lines of a table: entries, then each class whose annotations are not as many as before."""
    moved = [
        f"{name or 'without a class'}: {before:,} before, {after:,} now"
        for name, (before, after) in changes.annotations.items()
        if before != after
    ]
    return [*rows("entries", [changes_sentence(changes)]), *rows("annotations", moved)]


def rows(label: str, values: Sequence[str]) -> list[str]:
    """The lines of a table for these values; the label stands before the first."""
    return [f"  {'' if index else label:<12} {value}" for index, value in enumerate(values)]


def size_text(size_bytes: int) -> str:
    """`1.2 MB`; decimal units, as disks and stores count."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def seconds_text(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
