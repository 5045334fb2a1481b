"""What a version of Outhaul leaves behind, made by really running it: a workspace, exports, blocks, a signed message.

The platform is the sandbox of IDAH with a fixed seed, and one change between two exports. Its address is nobody's: the
source reaches it through a proxy, which is the sandbox itself, on whatever port. So whoever starts the same sandbox
later is, for the workspace, the platform that it has read.

No reports: what was drawn for them would be half of the sample, and is drawn again where it is not understood.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings
from pydantic import SecretStr

from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.target import Target
from blocks.webhook_signature import sign
from blocks.workspace import Workspace
from exporters.version import version_of
from flows.delivered import Summary
from flows.export import export
from tests.blocks.test_blocks import SAMPLES as FILLED_IN
from tests.exporters.upd.certificates import authority, holder
from tests.fakes.receiver import Receiver, receiving

FOLDER = Path(__file__).parent
ENTRIES = 3
BOX = {"type": "idah-image::bbox", "data": {"x": 1, "y": 1, "width": 5, "height": 5}}
PUSHED_TO = "http://api.invalid/entries/{entry}"
DATASETS: dict[str, dict[str, Any]] = {
    "street": {"exporter": "coco", "package": "directory"},
    "packed": {"exporter": "coco", "package": "zip"},
    "records": {"exporter": "jsonl", "package": "directory"},
    "changes": {"exporter": "jsonl", "package": "tar", "delta": True},
}
"""Exports by their names, and how each is asked for."""
SIGNED = "signed"
API = "api"
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass
class Town:
    """A platform and an API, and a folder in which exports from the one to the other are made."""

    folder: Path
    sandbox: IdahSandbox
    source: IdahSource
    receiver: Receiver

    def run(self, name: str, **parameters: Any) -> Summary:
        """The export of this name, once more."""
        target: Any = Target(url=str(self.folder / "target"))
        if name == API:
            target = HttpTarget(url=PUSHED_TO, method="PUT", proxy=SecretStr(self.receiver.url))
            parameters = {"exporter": "jsonl", "media": "none", **parameters}
        asked = {"report": False, "name": name, **DATASETS.get(name, {}), **parameters}
        results = {PREFECT_RESULTS_LOCAL_STORAGE_PATH: self.folder / "workspace" / "results"}
        with temporary_settings(results):
            return export(self.source, target, workspace=Workspace(url=str(self.folder / "workspace")), **asked)

    def change(self, place: int) -> None:
        """Label something more on an entry."""
        store = self.sandbox.store
        entry = list(store.entries_of(store.datasets[0].id))[place]
        store.add_annotation(entry.id, BOX, {"category": "car"})


@contextmanager
def town(folder: Path, *, changed: int = 1) -> Iterator[Town]:
    """The town as it was when a sample was made, or, with no `changed` entry, before."""
    sandbox = IdahSandbox(entries=ENTRIES, seed=7)
    with sandbox.serve() as url, receiving() as receiver:
        source = IdahSource(url="http://idah.invalid", api_key=SecretStr(DEMO_API_KEY), proxy=SecretStr(url))
        found = Town(folder, sandbox, source, receiver)
        for place in range(changed):
            found.change(place)
        yield found


def make(scratch: Path) -> Path:
    """The sample of this version, made anew; returns its folder."""
    folder = FOLDER / version_of("outhaul")
    folder.mkdir(exist_ok=True)
    with town(scratch, changed=0) as here:
        here.run("street")
        here.change(0)
        for name in (*DATASETS, API):
            here.run(name)
        root = authority("root")
        me = holder("me", root)
        here.run(SIGNED, exporter="upd", package="directory", media="none", options=me.write(scratch))
    _pack(scratch / "workspace", folder / "workspace.zip")
    _pack(scratch / "target", folder / "target.zip")
    (folder / "root.pem").write_bytes(root.pem)
    blocks = {block.get_block_type_slug(): _fields(block(**fields)) for block, fields in FILLED_IN.items()}
    (folder / "blocks.json").write_text(json.dumps(blocks, indent=1) + "\n")
    (folder / "webhook.json").write_text(json.dumps(_message(), indent=1) + "\n")
    return folder


def unpack(sample: Path, folder: Path) -> None:
    """Workspace and target of a sample, as they were."""
    for name in ("workspace", "target"):
        with zipfile.ZipFile(sample / f"{name}.zip") as archive:
            archive.extractall(folder / name)


def _pack(folder: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if path.parent.name == "results":  # what runs came to, under names that nobody looks for again
                continue
            info = zipfile.ZipInfo(str(path.relative_to(folder)), EPOCH)
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _fields(block: Block) -> dict[str, Any]:
    """As they lie at a Prefect API."""
    dumped = block.model_dump(mode="json", context={"include_secrets": True})
    return {name: value for name, value in dumped.items() if name in type(block).model_fields}


def _message() -> dict[str, Any]:
    secret, body, moment = bytes(range(32)), '{"project": "street"}', 1_790_000_000
    return {"secret": secret.hex(), "body": body, "time": moment, "headers": sign(secret, "m1", moment, body.encode())}
