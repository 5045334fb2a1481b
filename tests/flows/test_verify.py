"""verify finds what was done to a delivered export, and names the file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from blocks.storage import Storage
from exporters import RequestError
from flows.cli import main
from flows.delivered import Summary
from flows.manifest import Manifest
from flows.verify import Verdict, verify
from flows.verify_signatures import NOTHING_TO_SIGN, Demand, SignedDataset, verify_signatures
from tests.exporters.upd.certificates import Holder, authority, holder
from tests.flows.harness import Exports, Platform

KINDS = ["zip", "tar", "directory"]
NAME = 'Crossing, "north" d\'été'
CHANGED = f"street.upd: dataset “{NAME}”: its entries or annotations are not those that were signed"


def verdict(summary: Summary, **demand: Any) -> Verdict:
    return verify(Storage(summary.delivery.url), Demand(**demand))


@pytest.mark.parametrize("package", KINDS)
def test_what_was_delivered_is_whole(exports: Exports, platform: Platform, package: str) -> None:
    """An untouched export passes, named by its own folder or by the one above it."""
    summary = exports.run(platform.source, package=package)

    assert verdict(summary).problems == ()
    assert verdict(summary).files == 24
    assert verify(Storage(str(Path(summary.delivery.url).parent))) == verdict(summary)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("package", ["zip", "tar"])
def test_a_changed_byte_in_an_archive_names_the_member(exports: Exports, platform: Platform, package: str) -> None:
    """One flipped bit of a picture inside an archive is found, and the picture is named."""
    summary = exports.run(platform.source, package=package)
    archive = Path(summary.delivery.link)
    picture = next(data for name, data in exports.run(platform.source, "d", package="directory") and
                   exports.delivered("d").items() if name.endswith("cam_000003.jpg"))  # fmt: skip
    flip(archive, archive.read_bytes().index(picture) + len(picture) // 2)

    assert verdict(summary).problems == (f"images/cam_000003.jpg in {archive.name} was changed",)


@pytest.mark.parametrize("package", ["zip", "tar"])
def test_any_changed_byte_of_an_archive_is_found(exports: Exports, platform: Platform, package: str) -> None:
    """Also bytes that belong to no member: headers, padding, the directory."""
    summary = exports.run(platform.source, package=package)
    archive = Path(summary.delivery.link)
    size = archive.stat().st_size
    for at in (0, 30, size // 3, size - 3, size - 1):
        flip(archive, at)
        assert verdict(summary).problems, at
        assert archive.name in verdict(summary).problems[0]
        flip(archive, at)
    assert not verdict(summary).problems


def test_a_changed_byte_in_a_directory_names_the_file(exports: Exports, platform: Platform) -> None:
    """Content of the same length is told from the original by its digest."""
    summary = exports.run(platform.source, package="directory")
    flip(Path(summary.delivery.url) / "images/cam_000003.jpg", 100)

    assert verdict(summary).problems == ("images/cam_000003.jpg was changed",)


def test_missing_and_added_files_are_named(exports: Exports, platform: Platform) -> None:
    """A file that is gone and a file that was not delivered are both named."""
    summary = exports.run(platform.source, package="directory")
    folder = Path(summary.delivery.url)
    (folder / "images/cam_000003.jpg").unlink()
    (folder / "images/extra.jpg").write_bytes(b"x")

    assert verdict(summary).problems == ("images/cam_000003.jpg is missing", "images/extra.jpg was added")


def test_remains_of_a_killed_delivery_are_no_files(exports: Exports, platform: Platform) -> None:
    """What was never visible under a name was never delivered: the export is whole without it."""
    summary = exports.run(platform.source, package="directory")
    (Path(summary.delivery.url) / "images" / ".outhaul-0123456789ab-7-1-0123abcd.part").write_bytes(b"half")

    assert verdict(summary).problems == ()


def test_a_missing_or_added_file_beside_an_archive_is_named(exports: Exports, platform: Platform) -> None:
    """The archive itself may be gone, and something may lie beside it that was never delivered."""
    summary = exports.run(platform.source)
    archive = Path(summary.delivery.link)
    archive.rename(archive.with_name("other.zip"))

    assert verdict(summary).problems == ("other.zip was added", f"{archive.name} is missing")


def test_changed_papers_are_named(exports: Exports, platform: Platform) -> None:
    """A manifest that was changed does not match its receipt; one that is gone is missed; so is the receipt."""
    summary = exports.run(platform.source)
    folder = Path(summary.delivery.url)
    manifest = (folder / "manifest.json").read_bytes()

    (folder / "manifest.json").write_bytes(manifest.replace(b'"out": 23', b'"out": 24', 1))
    assert "manifest.json was changed: it is not the one that the receipt names" in verdict(summary).problems
    (folder / "manifest.json").write_bytes(b"{")
    assert any("manifest.json cannot be read" in problem for problem in verdict(summary).problems)
    (folder / "manifest.json").unlink()
    assert verdict(summary).problems == ("manifest.json is missing",)
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "receipt.json").unlink()
    assert verdict(summary).problems == ("receipt.json is missing: this export was never finished",)


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    """What holds neither manifest nor receipt is no export, sound or not."""
    with pytest.raises(RequestError, match="holds no export"):
        verify(Storage(str(tmp_path)))


# -- signatures -------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Holder:
    """Somebody whose certificate lies in `root.pem`."""
    made = authority("root")
    (tmp_path / "root.pem").write_bytes(made.pem)
    return made


def signed_export(exports: Exports, platform: Platform, root: Holder, **parameters: Any) -> Summary:
    options = holder("me", root).write(exports.folder)
    return exports.run(platform.source, exporter="upd", name="street", options=options, **parameters)


@pytest.mark.parametrize("package", KINDS)
def test_signatures_are_checked_in_every_package(
    exports: Exports, platform: Platform, root: Holder, package: str
) -> None:
    """With or without roots; who signed is told, and whose root it is not is a problem."""
    summary = signed_export(exports, platform, root, package=package)
    other = exports.folder / "other.pem"
    other.write_bytes(authority("root").pem)

    for demand in ({}, {"is_required": True}, {"trust": exports.folder / "root.pem"}):
        assert verdict(summary, **demand).problems == ()
        assert verdict(summary, **demand).signed == (SignedDataset("street.upd", NAME, ("CN=me",)),)
    said = f"street.upd: dataset “{NAME}”: its certificate leads to no root that is trusted"
    assert verdict(summary, trust=other).problems == (said,)


def test_an_export_in_a_store_is_checked_too(exports: Exports, platform: Platform, root: Holder, s3: str) -> None:
    """Files that lie on no disk of this machine."""
    summary = signed_export(exports, platform, root, to=s3, package="directory")
    found = verify(Storage(summary.delivery.url), Demand(exports.folder / "root.pem"))
    assert (found.problems, len(found.signed)) == ((), 1)


def test_what_was_changed_behind_the_manifest_shows(exports: Exports, platform: Platform, root: Holder) -> None:
    """Who changes an entry and makes the papers fit cannot make the signature fit."""
    summary = signed_export(exports, platform, root, package="directory")
    storage = Storage(summary.delivery.url)
    manifest = msgspec.json.decode(storage.read("manifest.json"), type=Manifest)
    with duckdb.connect(str(Path(summary.delivery.url) / "street.upd")) as connection:
        connection.execute("UPDATE annotations SET category = 'other' WHERE category = 'person'")

    assert verify_signatures(storage, "", manifest, Demand()).problems == (CHANGED,)
    first, second = verdict(summary).problems
    assert first.startswith("street.upd was changed")
    assert second == CHANGED


@pytest.mark.parametrize("package", ["zip", "tar"])
def test_a_changed_byte_in_an_archive_is_no_crash(
    exports: Exports, platform: Platform, root: Holder, package: str
) -> None:
    """Wherever it is, the archive or its member is named, and whatever can be said of signatures."""
    archive = Path(signed_export(exports, platform, root, package=package).delivery.link)
    size = archive.stat().st_size
    for at in (0, 30, size // 3, size // 2, size - 3):
        flip(archive, at)
        problems = verify(Storage(str(archive.parent)), Demand(exports.folder / "root.pem")).problems
        assert archive.name in problems[0], at
        flip(archive, at)


def test_exports_without_signatures_are_whole_unless_one_is_asked_for(exports: Exports, platform: Platform) -> None:
    """A UPD file that nobody signed, and a format that cannot be signed at all."""
    upd = exports.run(platform.source, "upd", exporter="upd", name="street")
    coco = exports.run(platform.source, "coco")
    for summary in (upd, coco):
        assert verdict(summary).problems == verdict(summary).signed == ()
    assert verdict(upd, is_required=True).problems == (f"street.upd: dataset “{NAME}” is not signed",)
    assert verdict(coco, is_required=True).problems == (NOTHING_TO_SIGN,)


def test_a_file_that_is_no_database_is_named(exports: Exports, platform: Platform, root: Holder) -> None:
    """Beside what the manifest says of it."""
    summary = signed_export(exports, platform, root, package="directory")
    (Path(summary.delivery.url) / "street.upd").write_bytes(b"none")
    first, second = verdict(summary).problems
    assert first.startswith("street.upd was changed")
    assert second.startswith("street.upd: street.upd cannot be read as a UPD file")


def test_without_duckdb_only_what_asks_for_signatures_is_refused(
    exports: Exports, platform: Platform, root: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra: to check what was delivered needs nothing else."""
    summary = signed_export(exports, platform, root)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert verdict(summary).problems == ()
    for demand in ({"is_required": True}, {"trust": exports.folder / "root.pem"}):
        with pytest.raises(RequestError, match="needs DuckDB"):
            verdict(summary, **demand)


def test_the_command_says_who_signed(
    exports: Exports, platform: Platform, root: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people and for programs; a root that is not theirs is status 1, one that cannot be read 2."""
    url = signed_export(exports, platform, root).delivery.url
    (exports.folder / "none.pem").write_bytes(b"none")
    (exports.folder / "other.pem").write_bytes(authority("root").pem)

    def command(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["verify", url, *arguments])
        return int(ended.value.code or 0), capsys.readouterr().out

    trusted, untrusted = ("--trust", str(exports.folder / "root.pem")), ("--trust", str(exports.folder / "other.pem"))
    signed = f"“{NAME}” in street.upd is signed by “CN=me”"
    assert command()[1].splitlines()[1].strip() == f"{signed}; whether to trust that, --trust CA.pem says"
    status, text = command(*trusted, "--signed")
    assert (status, text.splitlines()[1].strip()) == (0, signed)
    status, text = command(*untrusted)
    assert (status, "leads to no root that is trusted" in text) == (1, True)
    assert command("--trust", str(exports.folder / "none.pem"))[0] == 2
    status, text = command(*trusted, "--json")
    assert json.loads(text)["signed"] == [{"file": "street.upd", "dataset": NAME, "by": ["CN=me"]}]
