"""The rows of the platform's own export service: exports, and the jobs that make them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from blocks.sandbox.idah_mint import ANNOTATOR_ID, SETTLED_AT, Mint
from blocks.sandbox.idah_rows import Dataset, Kind, Project, Row, columns

EXPORTER = "Exports::Upd::Exporter"
FORMATS = [{"name": "Universal Portable Dataset", "description": "Export to UPD file.", "exporter": EXPORTER}]
"""What every modality is offered: the exporter is registered for all of them."""
_FIRST_EXPORT_AT = SETTLED_AT + timedelta(minutes=40)


@dataclass(slots=True, eq=False)
class Job(Row):
    """``error`` stays null whatever happened: the platform loses the message."""

    TYPE = "sync:jobs"
    COLUMNS = columns("""
        job_class text, arguments opaque, priority integer, status text, progress number, retry_count integer,
        error text, unicity text, scheduled_at time, created_at time, updated_at time
    """)
    OPERATORS = frozenset(
        {"id__in", "job_class__in", "status__in"}
        | {f"{name}__{bound}" for name in ("priority", "retry_count") for bound in ("gte", "lte")}
        | {f"{name}_at__{bound}" for name in ("scheduled", "created", "updated") for bound in ("gte", "lte")},
    )
    INCLUDABLE = ("exports",)

    id: str
    arguments: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    status: str = "pending"
    progress: float = 0.0
    job_class: str = "Exports::Job"
    priority: int = 0
    retry_count: int = 0
    error: None = None
    unicity: None = None

    @property
    def scheduled_at(self) -> datetime:
        return self.created_at


@dataclass(slots=True, eq=False)
class Export(Row):
    """``content`` is the file: opaque here, since nothing on this side writes UPD; None until the job is done."""

    TYPE = "sync:exports"
    KEY: ClassVar[Kind] = "serial"
    COLUMNS = columns("""
        job_id uuid, project_id uuid, created_by_id integer, file_id text, filename text, mime_type text, size integer,
        created_at time
    """)
    OPERATORS = frozenset({"id__in", "created_at__gte", "created_at__lte"})
    RELATIONS = ("job",)
    INCLUDABLE = ("job",)

    id: str
    job_id: str
    project_id: str
    created_at: datetime
    created_by_id: int = ANNOTATOR_ID
    file_id: str | None = None
    filename: str | None = None
    mime_type: str | None = None
    content: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.content or b"")


def exports_and_jobs(mint: Mint, project: Project, datasets: list[Dataset]) -> tuple[list[Export], list[Job]]:
    """Four exports: a finished one, one that failed, one whose process died (it runs for ever), one that waits."""
    exports, jobs = [], []
    for number, status in enumerate(("completed", "errored", "running", "pending"), 1):
        at = _FIRST_EXPORT_AT + timedelta(minutes=number)
        names = [dataset.id for dataset in datasets[:1]]
        arguments = {"options": {"include_medias": "original"}, "exporter": EXPORTER, "dataset_ids": names}
        job = Job(mint.uuid("export job", at=at), arguments, at, at)
        export = Export(str(number), job.id, project.id, at)
        if status == "completed":
            finish(mint, export, job, f"UPD of {project.name}\n".encode() * 100)
        job.status = status
        exports.append(export)
        jobs.append(job)
    return exports, jobs


def finish(mint: Mint, export: Export, job: Job, content: bytes) -> None:
    """As the job ends: progress goes to 1 at once, since it moves by whole datasets, and the file gets its name."""
    job.status, job.progress = "completed", 1.0
    export.content, export.file_id = content, mint.digest("export", export.id)
    export.filename, export.mime_type = f"idah-export-{export.created_at:%Y%m%d}-{export.id}.upd", "application/upd"
