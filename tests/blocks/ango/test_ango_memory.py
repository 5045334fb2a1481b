"""What an export of many tasks takes: memory that does not grow with it, and no file that stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from blocks.sandbox.ango import DEMO_API_KEY
from tests.blocks.ango.hub import serving

SCRIPT = """
import resource, sys
from pydantic import SecretStr
from blocks.ango import AngoSource

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

for url in sys.argv[2:]:
    source = AngoSource(url=url, api_key=SecretStr(sys.argv[1]))
    (dataset,) = source.choose([])
    entries, shard = 0, []
    for line in source.list_entries(dataset, {}):
        shard.append(line)
        if len(shard) == 200:
            entries += sum(1 for _ in source.read(dataset, shard, "none"))
            shard = []
    entries += sum(1 for _ in source.read(dataset, shard, "none"))
    print(entries, peak())
"""


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Ten times as many tasks of 8 kB, 16 MB of rows, take no more memory to list and read; no temporary file stays."""
    few, many = 200, 2000
    with (
        serving(few, row_bytes=8000, video_tasks=0, document_tasks=0) as small,
        serving(many, row_bytes=8000, video_tasks=0, document_tasks=0) as large,
    ):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, DEMO_API_KEY, small.url, large.url],
            env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    (first, at_first), (second, at_last) = (map(int, line.split()) for line in run.stdout.splitlines())
    assert (first, second) == (few, many)
    assert at_last < at_first + 12
    assert list(tmp_path.iterdir()) == []
