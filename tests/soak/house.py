"""All that a soak needs: `outhaul serve` as people start it, a platform, a bucket, an API, and blocks for them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.s3_target import S3Target
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.storage import Storage
from blocks.target import Target
from blocks.workspace import Workspace
from tests.deployments.serving import Served, serving
from tests.fakes.plugins import write_plugin
from tests.prefect_server import speaking_to
from tests.s3_server import S3Server, serving_s3
from tests.soak.far_ends import FarEnds, far_ends
from tests.soak.jobs import API, BUCKET, FOLDER, PLUGIN, SOURCE, TWIN_TARGET, TWIN_WORKSPACE

PATIENCE_SECONDS = 5.0
"""How long platform and API may be silent: less than they stall."""
AS_PEOPLE_START_IT = {
    "PREFECT_WORKER_QUERY_SECONDS": "10",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
"""Prefect's own defaults, where tests want it to hurry."""
EXPORT = """\
import json
from pathlib import Path


class Counts:
    name = "NAME"
    description = "How many annotations each entry has."

    def export(self, context):
        lines = context.io.file(format="jsonl")
        for dataset in context.datasets:
            for entry in dataset.entries():
                count = sum(1 for _ in entry.annotations())
                lines.write(json.dumps([entry.record.id, count]) + "\\n")
"""
SYNC = """\
from .export import Counts


def init(context):
    context.register_exports("image", Counts)
"""


@dataclass(frozen=True)
class House:
    """Where everything is."""

    folder: Path
    served: Served
    far: FarEnds
    places: Mapping[str, Storage]
    """What the targets are, by their blocks."""

    weed: str
    """How the command of the S3 server begins."""

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def home(self) -> Path:
        """Of the Prefect server and the worker."""
        return self.folder / "home"

    def forget_twin(self) -> None:
        for name in ("twin", "twin-work"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


@contextmanager
def house(folder: Path, seed: int) -> Iterator[House]:
    """As long as the block lasts; `folder` is empty, and is full afterwards."""
    for name in ("tmp", "s3", "out"):
        (folder / name).mkdir()
    write_plugin(folder / "plugins", PLUGIN, files={"export.py": EXPORT.replace("NAME", PLUGIN), "sync.py": SYNC})
    environment = {
        **AS_PEOPLE_START_IT, "TMPDIR": str(folder / "tmp"), "OUTHAUL_PLUGINS": str(folder / "plugins")
    }  # fmt: skip
    with (
        far_ends(seed) as far,
        serving_s3(folder / "s3") as s3,
        serving(folder, **environment) as served,
        speaking_to(f"{served.url}/api"),
    ):
        places = _save_blocks(folder, far, s3)
        yield House(folder, served, far, places, str(Path(sys.executable).with_name("weed")))


def _save_blocks(folder: Path, far: FarEnds, s3: S3Server) -> dict[str, Storage]:
    """Once, as people do in the UI; returns what the targets are."""
    local = Target(url=str(folder / "out"))
    twin = Target(url=str(folder / "twin"))
    bucket = S3Target(
        bucket=s3.bucket, folder="exports", endpoint_url=s3.endpoint_url, region="us-east-1",
        access_key_id=s3.access_key_id, secret_access_key=SecretStr(s3.secret_access_key),
    )  # fmt: skip
    api = HttpTarget(
        url=f"{far.api_url}/records", body="ndjson", records_per_request=10, timeout_seconds=PATIENCE_SECONDS
    )
    source = IdahSource(url=far.platform_url, api_key=SecretStr(DEMO_API_KEY), timeout_seconds=PATIENCE_SECONDS)
    blocks = {
        SOURCE: source, FOLDER: local, BUCKET: bucket, API: api, TWIN_TARGET: twin,
        TWIN_WORKSPACE: Workspace(url=str(folder / "twin-work")),
    }  # fmt: skip
    for slug, block in blocks.items():
        block.save(slug.partition("/")[2])
    return {FOLDER: local.storage(), BUCKET: bucket.storage(), TWIN_TARGET: twin.storage()}
