"""The commands that need no Prefect: `formats` and `verify`."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from blocks.storage import Storage
from exporters import registry
from flows import formats
from flows.verify import verify

SOUND, BROKEN = 0, 1


def formats_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul formats`: what there is, or what applies to a modality; and which plug-ins do not work."""
    if arguments.modality:
        formats.refuse_unknown_modality(arguments.modality)
    found = list((registry.for_modality(arguments.modality) if arguments.modality else registry.all()).values())
    problems = registry.problems
    text = formats.text(found, arguments.modality, problems)
    return (
        SOUND,
        text,
        {
            "formats": list(map(formats.document, found)),
            "families": registry.families,
            "problems": list(problems),
        },
    )


def verify_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    url = arguments.url
    verdict = verify(Storage(url if "://" in url else os.path.abspath(url)))  # noqa: PTH100 - a URL, not a path, to fsspec
    document = {
        "url": verdict.url,
        "export_id": verdict.export_id,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "problems": list(verdict.problems),
    }
    if verdict.problems:
        lines = [f"{verdict.url} is not what was delivered:", *(f"  {problem}" for problem in verdict.problems)]
        return BROKEN, "\n".join(lines), document
    return (
        SOUND,
        f"{verdict.url} is whole: {verdict.files:,} files, {verdict.bytes:,} bytes, all as delivered.",
        document,
    )
