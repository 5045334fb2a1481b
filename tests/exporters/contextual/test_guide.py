"""The guide to contextual exporters, `exporters/contextual/README.md`: its callback, and what it is ported to."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

from exporters.contextual import adapt
from exporters.testing import conformance
from tests.blocks.ango.hub import serving
from tests.conformance.exporters import run_export

GUIDE = Path(__file__).parents[3] / "exporters" / "contextual" / "README.md"
IMPORT, CALLBACK, PORTED = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def defined_by(code: str, **names: Any) -> dict[str, Any]:
    exec(code, names)
    return names


TestBoxes = conformance(defined_by(PORTED)["Boxes"])


def test_what_is_ported_writes_what_the_callback_did() -> None:
    """Of the tasks of one project, read as the hub's rows by the one and through the source by the other; those of
    assets of several images are several entries.
    """
    callback, ported = defined_by(CALLBACK, io=io, json=json)["callback"], defined_by(PORTED)["Boxes"]
    with serving(24, video_tasks=0, document_tasks=0) as hub:
        name, file = callback({"jsonExport": [row for row in hub.rows() if len(row.get("dataset", [0])) == 1]})
        dataset = hub.source().dataset(hub.id())
        made = run_export(adapt(ported)(), [dataset], hub.entries(), media="none")

    pages = re.compile(rb"[.]jpg/[0-9]{4}")
    written = [line for line in made.files["export.jsonl"].splitlines() if not pages.search(line)]
    made.tally.check("the export")
    assert name == "boxes.jsonl"
    lines = file.getvalue().splitlines()
    assert len(lines) > 10
    assert sorted(written) == sorted(lines)


def test_its_import_is_what_the_house_has() -> None:
    """The line that a script of the vendor's is changed to."""
    assert {"ExportPlugin", "ExportResponse", "run"} <= defined_by(IMPORT).keys()
