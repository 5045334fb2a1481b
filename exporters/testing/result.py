"""What a run of an exporter left behind, with what tests ask of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from exporters.tally import KINDS, Kind, Tally


@dataclass
class Result:
    """The outcome of `run`.

    Args:
        files: every file of the package by its path.
        tally: what came in, what the exporter was given, what was left out and why.
        errors: what the exporter gave `context.error`; empty when it ended well.
        log: what it logged, a line each.
        progress: how far it was, from 0 to 1, each time that moved.
        rescheduled_after: seconds that it asked to wait, when it ended by rescheduling itself.
    """

    files: dict[str, bytes]
    tally: Tally
    errors: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    rescheduled_after: float | None = None

    def bytes(self, path: str | None = None) -> bytes:
        """A file of the package; the only one when no path is given."""
        if path is None:
            assert len(self.files) == 1, f"the export has {len(self.files)} files, say which: {sorted(self.files)}"
            (path,) = self.files
        assert path in self.files, f"the export has no file {path!r}, but {sorted(self.files)}"
        return self.files[path]

    def text(self, path: str | None = None) -> str:
        return self.bytes(path).decode()

    def json(self, path: str | None = None) -> Any:
        return json.loads(self.bytes(path))

    def lines(self, path: str | None = None) -> list[Any]:
        """The documents of a JSON-lines file."""
        return [json.loads(line) for line in self.bytes(path).splitlines()]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """In, out and left out, for entries, annotations and medias."""
        return {
            kind: {
                "in": self.tally.came_in.get(kind, 0),
                "out": self.tally.went_out.get(kind, 0),
                "left_out": self.tally.left_out_count(kind),
            }
            for kind in KINDS
        }

    def left_out(self, kind: Kind) -> dict[str, int]:
        """How many things of a kind were left out, by reason."""
        counts: dict[str, int] = {}
        for one in self.tally.left_out:
            if one.kind == kind:
                counts[one.reason] = counts.get(one.reason, 0) + one.count
        return counts

    def assert_complete(self, *kinds: Kind) -> None:
        """Raise unless the export ended well and nothing of these kinds (none given: of any) was left out."""
        assert not self.errors, f"the exporter gave up: {self.errors}"
        assert self.rescheduled_after is None, f"the exporter asks to be run again in {self.rescheduled_after} seconds"
        for kind in kinds or KINDS:
            assert not self.left_out(kind), f"{kind} were left out: {self.left_out(kind)}"
