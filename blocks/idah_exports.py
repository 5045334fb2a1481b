"""What IDAH's own sync service exports: its formats, and the exports it was asked for. Only read, never started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blocks.idah_client import IdahClient, Resource, batches
from blocks.source import PlatformExport, PlatformFormat
from blocks.values import mapping, text
from exporters.errors import RetriableError


async def read_formats(client: IdahClient, modalities: Sequence[str]) -> list[PlatformFormat]:
    """The formats that the platform offers for any of these modalities, spelt as it spells them."""
    if not modalities:
        return []
    listed = await client.plain("sync/exports/formats", [("modalities[]", one) for one in modalities])
    if not isinstance(listed, list):
        raise RetriableError("IDAH's list of export formats cannot be read; try again later.")
    return [
        PlatformFormat(name=text(one.get("name")) or "", description=text(one.get("description")) or "")
        for one in map(mapping, listed)
    ]


async def read_exports(client: IdahClient) -> list[PlatformExport]:
    """The exports that were asked for, the newest first, with what became of their jobs."""
    exports = await client.page("sync/exports", [("sort", "-id")])
    wanted = list(dict.fromkeys(str(one.attributes["job_id"]) for one in exports if one.attributes.get("job_id")))
    jobs: dict[str, dict[str, Any]] = {}
    for query in batches("filter[id__in]", wanted, client.page_rows):
        jobs |= {one.id: one.attributes for one in await client.page("sync/jobs", query)}
    return [_export(one, jobs.get(str(one.attributes.get("job_id")), {})) for one in exports]


def _export(export: Resource, job: dict[str, Any]) -> PlatformExport:
    asked = mapping(job.get("arguments"))
    datasets = asked.get("dataset_ids")
    progress = job.get("progress")
    return PlatformExport(
        id=export.id,
        format=text(asked.get("exporter")) or "",
        datasets=tuple(map(str, datasets)) if isinstance(datasets, list) else (),
        status=text(job.get("status")) or "unknown",
        progress=float(progress) if isinstance(progress, int | float) else 0.0,
        error=text(job.get("error")) or "",
        file_name=text(export.attributes.get("filename")) or "",
        bytes=size if isinstance(size := export.attributes.get("size"), int) else 0,
        created_at=text(export.attributes.get("created_at")) or "",
    )
