"""Whatever datasets, entries and exports are called, what is delivered lies below the target's folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import fsspec
import pytest

from blocks.storage import Storage
from blocks.target import Target
from blocks.upd import UpdSource
from exporters.errors import OuthaulError
from exporters.naming import safe_path
from flows.plan import export_name
from flows.verify import verify
from tests.blocks.samples import picture_bytes
from tests.fakes.hostile import NAMES, SURROGATES
from tests.fakes.upd import add, upd_file
from tests.flows.harness import Exports

EVIL = ("../../evil", "/etc/evil", "..\\..\\evil", "a/../../evil", "..")


@pytest.fixture
def archive(tmp_path: Path) -> UpdSource:
    """A file in which the datasets, and all entries with a picture each, have such names."""
    path = tmp_path / "made.upd"
    with upd_file(path) as database:
        for number, dataset in enumerate(EVIL):
            add(database, "datasets", f"d{number}", dataset, "idah-image", {})
        for number, name in enumerate(name for name in NAMES if "\x00" not in name):
            add(database, "medias", f"m{number}", "", picture_bytes(number % 200), "image/png", {"Name": name})
            metadata = {"Name": name, "Status": "completed", "Resource": f"m{number}"}
            add(database, "entries", f"e{number}", f"d{number % len(EVIL)}", "", metadata)
    return UpdSource(url=str(path))


@pytest.mark.parametrize("name", ["", "../../evil", "/etc/evil"])
@pytest.mark.parametrize("where", ["local", "memory", "s3"])
def test_nothing_is_delivered_outside(exports: Exports, archive: UpdSource, s3: str, where: str, name: str) -> None:
    """On a disk, in memory and in a bucket, the folder above the target's has nothing new but the target's."""
    above = {"local": str(exports.folder / "above"), "memory": f"memory://{os.urandom(6).hex()}", "s3": s3}[where]
    summary = exports.run(
        archive, f"{above}/in/side", package="directory", exporter="jsonl", name=name, media="original"
    )
    assert verify(Target(url=f"{above}/in/side/{summary.plan.name}").storage()).problems == ()
    fs, root = fsspec.core.url_to_fs(above, **(Storage(above).fs.storage_options))
    found = [path.removeprefix(root).lstrip("/") for path in fs.find(root)]
    assert len(found) > 70
    assert not [path for path in found if not path.startswith("in/side/")]
    assert not list(exports.folder.rglob("*evil")) or where == "local"
    assert not Path("/etc/evil").exists()


def test_a_refused_link_is_counted(exports: Exports, tmp_path: Path) -> None:
    """Media that lies where nothing is fetched from fails the run, or is left out and counted, as a missing file is."""
    path = tmp_path / "linked.upd"
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        for number in range(3):
            link = f"http://169.254.169.254/latest/meta-data/{number}.png"
            add(database, "entries", f"e{number}", "d", link, {"Name": f"{number}.png", "Status": "completed"})
    asked = {"package": "directory", "exporter": "jsonl"}
    reason = "its media lies at an address that nothing is fetched from (a cloud's metadata)"
    with pytest.raises(OuthaulError, match=re.escape(f"Entry e0 cannot be exported: {reason}")):
        exports.run(UpdSource(url=str(path)), "failed", **asked)
    summary = exports.run(UpdSource(url=str(path)), "out", on_error="skip", **asked)
    assert [one.count for one in summary.tally.left_out if one.kind == "entries" and one.reason == reason] == [3]


def test_no_name_is_a_way_out() -> None:
    """Of an export, or of a file in it: each is one name, or a path below, without a step upwards."""
    for name in (*NAMES, *EVIL, *SURROGATES):
        for made in (export_name(name, []), export_name("", [name, name])):
            assert made not in ("", ".", "..")
            assert "/" not in made
            assert "\\" not in made
        parts = safe_path(name).split("/")
        assert not {"", ".", ".."} & set(parts)
