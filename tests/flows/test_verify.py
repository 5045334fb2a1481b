"""verify finds what was done to a delivered export, and names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.storage import Storage
from exporters import RequestError
from flows.results import Summary
from flows.verify import Verdict, verify
from tests.flows.harness import Exports, Platform

KINDS = ["zip", "tar", "directory"]


def verdict(summary: Summary) -> Verdict:
    return verify(Storage(summary.delivery.url))


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
    (Path(summary.delivery.url) / "images" / ".cam_000001.jpg.0123456789abcdef.part").write_bytes(b"half")

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
