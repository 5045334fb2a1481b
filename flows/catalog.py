"""The commands that look at what was delivered, `verify` and `diff`: they need no Prefect."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blocks.storage import Storage
from exporters.errors import quoted
from flows.diff import Difference, Kind, open_export
from flows.verify import Verdict, verify
from flows.verify_signatures import Demand
from flows.words import changes_rows, rows

SOUND, BROKEN = 0, 1
SHOWN_ENTRIES = 20


def verify_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    demand = Demand(Path(arguments.trust) if arguments.trust else None, is_required=arguments.signed)
    verdict = verify(_place(arguments.url), demand)
    document = {
        "url": verdict.url,
        "export_id": verdict.export_id,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "problems": list(verdict.problems),
        "signed": [{"file": one.file, "dataset": one.dataset, "by": list(one.signers)} for one in verdict.signed],
    }
    if verdict.problems:
        lines = [f"{verdict.url} is not what was delivered:", *(f"  {problem}" for problem in verdict.problems)]
        return BROKEN, "\n".join(lines), document
    text = f"{verdict.url} is whole: {verdict.files:,} files, {verdict.bytes:,} bytes, all as delivered."
    return SOUND, "\n".join([text, *_signatures(verdict, demand)]), document


def diff_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul diff`."""
    (old, before), (new, after) = open_export(_place(arguments.before)), open_export(_place(arguments.after))
    difference = Difference(before, after, since=old)
    entries: dict[Kind, list[dict[str, str]]] = {"added": [], "changed": [], "removed": []}
    for kind, dataset, entry in difference.entries():
        entries[kind].append({"dataset": dataset, "entry": entry})
    changes = difference.changes()
    lines = [f"From {old} to {new}:", "", *changes_rows(changes)]
    for kind, found in entries.items():
        shown = [one["entry"] for one in found[:SHOWN_ENTRIES]]
        if len(found) > SHOWN_ENTRIES:
            shown.append(f"and {len(found) - SHOWN_ENTRIES:,} more, which --json lists")
        lines += rows(kind, shown)
    return SOUND, "\n".join(lines), {"to": new, **changes.model_dump(mode="json"), "entries": entries}


def _place(url: str) -> Storage:
    return Storage(url if "://" in url else os.path.abspath(url))  # noqa: PTH100 - a URL, not a path, to fsspec


def _signatures(verdict: Verdict, demand: Demand) -> Iterator[str]:
    """Who signed what, and how far that was looked into."""
    for one in verdict.signed:
        signers = " and ".join(map(quoted, one.signers))
        unasked = "" if demand.trust else "; whether to trust that, --trust CA.pem says"
        yield f"  {quoted(one.dataset)} in {one.file} is signed by {signers}{unasked}"
