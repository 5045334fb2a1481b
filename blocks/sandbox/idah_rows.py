"""The rows of IDAH's tables, with the columns, operators and relations that requests may name.

A column is an attribute of the row's class, so that whatever costs time happens when a row is written, not when it is
counted or skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, cast

from blocks.sandbox.idah_ontology import labeling_configuration, video_configuration

IMAGE, VIDEO = "idah-image", "idah-video"

# What a column's values are in the database; it decides how filters are read and which of them are errors.
# "serial": an integer that the wire shows as a string. "absent": an attribute without a column. "opaque": filters on it
# are dropped. "accounts": a set of account ids, for a filter without an attribute.
Kind = Literal[
    "uuid",
    "serial",
    "text",
    "integer",
    "number",
    "boolean",
    "time",
    "json",
    "absent",
    "opaque",
    "accounts",
]


def columns(declaration: str) -> dict[str, Kind]:
    """Reads ``name kind, name kind, ...``."""
    return {name: cast("Kind", kind) for name, kind in (column.split() for column in declaration.split(","))}


class Row:
    """``COLUMNS`` in wire order; ``VIRTUAL`` can be filtered by but not seen; ``OPERATORS`` go beyond equality.

    ``OPERATED`` are columns that only operators reach.

    ``RELATIONS`` are the rows it always points to, by columns such as ``project_id``; ``INCLUDABLE`` is what
    ``included[]`` may ask for.
    """

    __slots__ = ()
    TYPE: ClassVar[str]
    KEY: ClassVar[Kind] = "uuid"
    COLUMNS: ClassVar[Mapping[str, Kind]]
    VIRTUAL: ClassVar[Mapping[str, Kind]] = {}
    OPERATED: ClassVar[Mapping[str, Kind]] = {}
    OPERATORS: ClassVar[frozenset[str]] = frozenset()
    RELATIONS: ClassVar[tuple[str, ...]] = ()
    INCLUDABLE: ClassVar[tuple[str, ...]] = ()
    id: str


_TIME_OPERATORS = ("created_at__gte", "created_at__lte", "updated_at__gte", "updated_at__lte")


@dataclass(slots=True, eq=False)
class Project(Row):
    TYPE = "dataset:projects"
    COLUMNS = columns("""
        name text, description text, created_by_email text, created_at time, updated_at time,
        organization_id integer
    """)
    OPERATORS = frozenset({"created_by_email__match", "name__match", "organization_id__in", *_TIME_OPERATORS})

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    created_by_email: str = "owner@example.org"
    organization_id: int = 4


@dataclass(slots=True, eq=False)
class Member(Row):
    """A person in the project; ``id`` is not the account's id."""

    TYPE = "dataset:project_members"
    KEY: ClassVar[Kind] = "serial"
    COLUMNS = columns("""
        project_id uuid, account_id integer, name text, email text, role text,
        invited_by_id integer, disabled_at time, created_at time, updated_at time
    """)
    VIRTUAL = columns("enabled boolean")
    OPERATED = columns("organization_id integer")
    OPERATORS = frozenset({"email__match", "role__in", "organization_id__in", "created_at__gte", "created_at__lte"})
    INCLUDABLE = ("project",)

    id: str
    project_id: str
    account_id: int
    name: str
    email: str
    role: str
    created_at: datetime
    updated_at: datetime
    invited_by_id: int = 1
    disabled_at: datetime | None = None
    organization_id: int = 4

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


@dataclass(slots=True, eq=False)
class Dataset(Row):
    """The counters follow the platform: ``entries_completed_count`` never comes down when an entry is reopened.

    ``configuration`` replaces the labelling configuration that follows from the modality.
    """

    TYPE = "dataset:datasets"
    COLUMNS = columns("""
        project_id uuid, name text, labels json, modality text, labeling_configuration json,
        workflow_configuration json, status text, progress number,
        entries_total_count integer, entries_completed_count integer,
        entries_in_progress_count integer, created_at time, updated_at time
    """)
    OPERATORS = frozenset(
        {"name__match", "status__in", "modality__in", "project_id__eq", "progress__gte", "progress__lte"}
        | set(_TIME_OPERATORS),
    )
    RELATIONS = ("project",)
    INCLUDABLE = ("entries", "project")

    id: str
    project_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    entries_total_count: int = 0
    entries_completed_count: int = 0
    entries_in_progress_count: int = 0
    modality: str = IMAGE
    labels: list[str] = field(default_factory=list)
    workflow_configuration: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] | None = None

    @property
    def labeling_configuration(self) -> dict[str, Any]:
        if self.configuration is not None:
            return self.configuration
        return video_configuration() if self.modality == VIDEO else labeling_configuration()

    @property
    def progress(self) -> float:
        return self.entries_completed_count / self.entries_total_count if self.entries_total_count else 0.0

    @property
    def status(self) -> str:
        if 0 < self.entries_total_count <= self.entries_completed_count:
            return "completed"
        return "in_progress" if self.entries_completed_count or self.entries_in_progress_count else "pending"


@dataclass(slots=True, eq=False)
class Entry(Row):
    """``number`` counts entries up as they are made; ``scene`` is the index of what its media shows.

    ``is_video`` tells a scene from a clip.
    """

    TYPE = "dataset:entries"
    COLUMNS = columns("""
        project_id uuid, dataset_id uuid, priority integer, wf_step text, status text,
        job_id uuid, resource text, name text, assigned_to_id integer, assigned_to_email text,
        submitted_by_id integer, submitted_by_email text, reviewed_by_id integer,
        reviewed_by_email text, created_at time, updated_at time
    """)
    VIRTUAL = columns("assigned boolean, participated accounts")
    OPERATORS = frozenset(
        {"resource__match", "name__match", "assigned_to_email__match", "status__in", "wf_step__in", "priority__in"}
        | {"assigned_to_id__eq", "assigned_to_id__in"},
    )
    RELATIONS = ("dataset", "project")
    INCLUDABLE = ("dataset", "dataset.project", "assigned_to", "submitted_by", "reviewed_by", "entry_stats")

    id: str
    project_id: str
    dataset_id: str
    number: int
    scene: int
    job_id: str
    resource: str | None
    name: str | None
    created_at: datetime
    updated_at: datetime
    is_annotated: bool = True
    is_video: bool = False
    status: str = "completed"
    wf_step: str = "done"
    priority: int = 0
    assigned_to_id: int | None = None
    assigned_to_email: str | None = None
    submitted_by_id: int | None = None
    submitted_by_email: str | None = None
    reviewed_by_id: int | None = None
    reviewed_by_email: str | None = None

    @property
    def assigned(self) -> bool:
        return self.assigned_to_id is not None

    @property
    def participated(self) -> tuple[int | None, ...]:
        return self.assigned_to_id, self.submitted_by_id, self.reviewed_by_id


@dataclass(slots=True, eq=False)
class EntryStat(Row):
    """Statistics of an entry. The sandbox keeps none, and of their attributes only these two are known."""

    TYPE = "dataset:entry_stats"
    COLUMNS = columns("entry_id uuid, key text")
    OPERATORS = frozenset({"entry_id__eq", "entry_id__in", "key__eq", "key__in"})

    id: str
    entry_id: str
    key: str
