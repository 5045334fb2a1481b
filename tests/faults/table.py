"""The fault matrix: every fault, the steps it can meet, and what becomes of the export then.

This is the promise. `deployments/reference/faults.md` is made of it, and `tests/faults/test_faults.py` carries out each
cell: a row at a step, with a kind of package and target.
"""

from __future__ import annotations

from tests.faults import table_bucket, table_process, table_source, table_target, table_workspace
from tests.faults.rows import Section

SECTIONS: tuple[Section, ...] = (
    *table_source.SECTIONS,
    *table_workspace.SECTIONS,
    *table_target.SECTIONS,
    *table_bucket.SECTIONS,
    *table_process.SECTIONS,
)
