"""What is asked of a run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exporters.shard import MediaChoice

PackageKind = Literal["zip", "tar", "directory"]
ErrorPolicy = Literal["fail", "skip"]


class Frozen(BaseModel):
    """What is handed on between flows and tasks: small, and JSON, so that it persists anywhere."""

    model_config = ConfigDict(frozen=True)


class Request(Frozen):
    """What was asked for."""

    datasets: tuple[str, ...] = ()
    exporter: str = "coco"
    options: dict[str, Any] = Field(default_factory=dict)
    where: tuple[str, ...] = ()
    sort: str = ""
    media: MediaChoice = "original"
    package: PackageKind = "zip"
    on_error: ErrorPolicy = "fail"
    strict: bool = False
    name: str = ""
    full: bool = False
    delta: bool = False
    shard_entries: int = Field(default=1000, ge=1)
    report: bool = True

    def parameters(self) -> dict[str, Any]:
        """It as parameters of the export flow, which takes lists."""
        return {**self.model_dump(), "datasets": list(self.datasets), "where": list(self.where)}
