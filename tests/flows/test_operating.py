"""What `flows/README.md` says to do when something is wrong helps; what the reference says is true of a real export."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from blocks.http_target import HttpTarget
from blocks.storage import Storage
from exporters.errors import FatalError
from flows.verify import verify
from tests.fakes.receiver import receiving
from tests.flows.harness import Exports, Platform
from tests.reference.manifest import DOCUMENTS, paths


@pytest.mark.parametrize("what", ["receipt.json", ""], ids=["receipt", "folder"])
def test_an_export_that_was_changed_is_delivered_again(platform: Platform, exports: Exports, what: str) -> None:
    """Without its receipt, or as a whole removed, it is written anew, and is what it was."""
    first = exports.run(platform.source, package="directory")
    before, folder = exports.delivered(), Path(first.delivery.url)
    changed = next((folder / "images").iterdir())
    changed.unlink()
    changed.write_bytes(b"not a picture")
    assert verify(Storage(str(folder))).problems
    if what:
        (folder / what).unlink()
    else:
        shutil.rmtree(folder)

    second = exports.run(platform.source, package="directory")
    assert not second.delivery.was_there
    assert verify(Storage(str(folder))).problems == ()
    assert exports.delivered() == before


def test_a_workspace_whose_files_are_damaged_can_go_but_for_what_apis_were_sent(
    platform: Platform, exports: Exports
) -> None:
    """The run refuses what is damaged, by name; with all else gone, and the workspace's id kept, nothing is delivered
    or sent twice.
    """
    with receiving() as receiver:
        asked = {"media": "none", "name": "street", "more_targets": [HttpTarget(url=f"{receiver.url}/entries")]}
        exports.run(platform.source, exporter="jsonl", **asked)
        sent, workspace = len(receiver.taken), exports.folder / "workspace"
        for path in (workspace / "snapshot").iterdir():
            path.write_bytes(b"not what was put there")
        with pytest.raises(FatalError, match="is damaged; remove the workspace and run again"):
            exports.run(platform.source)

        for path in workspace.iterdir():
            if path.name not in ("pushes", "workspace.json"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        again = exports.run(platform.source, exporter="jsonl", **asked)
        assert [one.was_there for one in again.deliveries] == [True, True]
        assert len(receiver.taken) == sent


@pytest.mark.parametrize("package", ["zip", "directory"])
def test_the_reference_explains_what_lies_beside_a_package(platform: Platform, exports: Exports, package: str) -> None:
    """Each field of each document of a real export, also of the second of its name."""
    for exporter in ("coco", "jsonl"):
        summary = exports.run(platform.source, media="none", name="street", exporter=exporter, package=package)
    folder = Path(summary.delivery.url)
    for name, (_, explained) in DOCUMENTS.items():
        text = (folder.parent if name == "latest.json" else folder).joinpath(name).read_text()
        said = [json.loads(line) for line in (text.splitlines() if name.endswith(".jsonl") else [text])]
        may_be_null = {path.rpartition(".")[0] for path in explained}
        found = {path for one in said for path in paths(one)} - may_be_null
        assert found
        assert found <= explained.keys()
