"""A secret that is given to a run is in the request that logs in, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY
from tests.flows.harness import Platform
from tests.s3_server import S3Server


@pytest.mark.parametrize("fails", [False, True])
def test_secrets_are_nowhere(platform: Platform, tmp_path: Path, s3_server: S3Server, fails: bool) -> None:
    """Not in Prefect's database, results or logs, not in the workspace or the output, also when a run fails."""
    if fails:
        platform.sandbox.faults.append(Fault(r"medias/files/", status=403, times=None, after=2))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "OUTHAUL_API_KEY": DEMO_API_KEY,
        "OUTHAUL_WORKSPACE": str(tmp_path / "work"),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        **s3_server.environment,
    }
    command = [str(Path(sys.executable).with_name("outhaul")), "export", f"idah+{platform.source.url}"]
    done = subprocess.run(
        [*command, "--to", f"s3://{s3_server.bucket}/{tmp_path.name}"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == (1 if fails else 0), done.stderr
    assert (tmp_path / "prefect" / "prefect.db").stat().st_size > 100_000
    searched = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    searched |= {"standard output": done.stdout, "standard error": done.stderr}
    for secret in (DEMO_API_KEY, s3_server.secret_access_key):
        assert [name for name, data in searched.items() if secret.encode() in data] == []
