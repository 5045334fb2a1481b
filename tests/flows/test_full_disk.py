"""Wherever space runs out, the run ends in a sentence and leaves nothing half done; with space, the next goes on."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from blocks.storage import Storage
from exporters.errors import FatalError
from flows.verify import verify
from tests.flows.harness import Exports, Platform


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)


@pytest.mark.parametrize("package", ["zip", "directory"])
@pytest.mark.parametrize("place", ["workspace", "target", "temporary files"])
def test_a_full_disk(
    exports: Exports, platform: Platform, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch, place: str, package: str
) -> None:
    """The sentence names the place and what to do. No lease, no half file and no receipt is left; after some space was
    made, the same command delivers what would have been delivered.
    """
    exports.run(platform.source, "quiet", "quiet-workspace", package=package)
    places = {"workspace": "workspace", "to": "out"}
    if place == "temporary files":
        monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
        (tiny_disk / "ballast").write_bytes(bytes(62 << 10))
    else:
        places["to" if place == "target" else place] = "tiny"

    with pytest.raises(FatalError, match=r"There is no space left for .*tiny.*; free some and run again"):
        exports.run(platform.source, package=package, **places)
    workspace, target = exports.folder / places["workspace"], exports.folder / places["to"]
    assert list((workspace / "running").iterdir()) == []
    assert list((workspace / "incoming").iterdir()) == []
    assert [path for path in target.rglob("*") if path.name.startswith(".") or path.name == "receipt.json"] == []
    assert [path.name for path in tiny_disk.iterdir() if path.name.startswith("outhaul-")] == []

    enlarge(tiny_disk)
    summary = exports.run(platform.source, package=package, **places)
    assert exports.delivered(places["to"]) == exports.delivered("quiet")
    assert verify(Storage(summary.delivery.url)).problems == ()
