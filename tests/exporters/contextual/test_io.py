"""Where an exporter writes: one file or one directory, and what becomes of it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporters.contextual.io import IoContext
from exporters.contextual.product import product_files
from exporters.errors import FatalError


@pytest.fixture
def place(tmp_path: Path) -> Iterator[IoContext]:
    with contextlib.closing(IoContext(tmp_path)) as made:
        yield made


def written(place: IoContext) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in product_files(place.finish(), "export")}


def test_a_file_takes_text_and_bytes(place: IoContext) -> None:
    """Whatever an encoder writes to a file of its choice, it can write to this one."""
    file = place.file(format="json")
    file.write(b"\xff\x00")
    json.dump({"é": 1}, file, ensure_ascii=False)
    csv.writer(file).writerow(["a", 1])
    print("line", file=file)  # type: ignore[call-overload]
    file.writelines(["x", "y"])  # type: ignore[list-item]
    assert place.mode == "file"
    assert written(place) == {"export.json": b'\xff\x00{"\xc3\xa9": 1}a,1\r\nline\nxy'}


def test_a_file_is_made_once(place: IoContext) -> None:
    """Asked for again it is the same one, also when it is written by its path, as the documentation does."""
    file = place.file(format=".tar.gz")
    assert place.file() is file
    Path(file.path).write_text("by its path")
    assert written(place) == {"export.tar.gz": b"by its path"}


def test_a_file_can_be_a_zip(place: IoContext) -> None:
    """What wants to seek and read back can."""
    with zipfile.ZipFile(place.file(format="zip"), "w") as archive:
        archive.writestr("a.txt", "a")
    (data,) = written(place).values()
    assert zipfile.ZipFile(io.BytesIO(data)).read("a.txt") == b"a"


@pytest.mark.parametrize("extension", ["../x", "a/b", "json ", "", None])
def test_an_extension_is_an_extension(place: IoContext, extension: Any) -> None:
    """It cannot name another place; without one the file has none."""
    if extension:
        with pytest.raises(FatalError, match="is no extension of a file"):
            place.file(format=extension)
    else:
        place.file(format=extension)
        assert written(place) == {"export": b""}


def _named(folder: Path) -> Any:
    handle = tempfile.NamedTemporaryFile(dir=folder, suffix=".csv", mode="w+")  # noqa: SIM115
    handle.write("text")
    return handle


def _gone(folder: Path) -> Any:
    handle = (folder / "gone.csv").open("w+b")
    handle.write(b"text")
    (folder / "gone.csv").unlink()
    return handle


def _closed(folder: Path) -> Any:
    with (folder / "closed.csv").open("w", encoding="latin-1") as handle:
        handle.write("text")
    return handle


def _write_only(folder: Path) -> Any:
    handle = (folder / "open.csv").open("w")
    handle.write("text")
    return handle


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (_named, "export.csv"),
        (_closed, "export.csv"),
        (_write_only, "export.csv"),
        (_gone, "export"),
        (lambda _folder: io.BytesIO(b"text"), "export"),
        (lambda _folder: io.StringIO("text"), "export"),
    ],
)
@pytest.mark.parametrize("cleans_up", [True, False])
def test_an_open_file_can_be_given(tmp_path: Path, make: Any, name: str, cleans_up: bool) -> None:
    """Of any kind, and whatever state the exporter leaves it in; it is closed in the end."""
    (tmp_path / "io").mkdir()
    place = IoContext(tmp_path / "io")
    handle = make(tmp_path)
    place.file = handle
    if cleans_up:
        place.cleanup()
    assert written(place) == {name: b"text"}
    assert handle.closed


def test_a_given_file_takes_the_place_of_the_earlier_one(place: IoContext) -> None:
    """The earlier one is closed, and is not exported."""
    first = place.file(format="json")
    first.write("first")
    place.file = io.BytesIO(b"second")
    assert first.closed
    assert written(place) == {"export": b"second"}


def test_the_exporters_own_file_may_be_given_back(place: IoContext) -> None:
    """`io.file = io.file()` changes nothing."""
    file = place.file(format="txt")
    file.write("kept")
    place.file = file
    assert written(place) == {"export.txt": b"kept"}


@pytest.mark.parametrize("given", ["path.json", 3, None])
def test_only_an_open_file_can_be_given(place: IoContext, given: Any) -> None:
    """A path is no file."""
    with pytest.raises(FatalError, match="takes an open file, not"):
        place.file = given


def test_a_directory_is_exported_as_it_is(place: IoContext) -> None:
    """Folders and hidden files too, in stable order."""
    directory = place.directory
    assert place.directory == directory
    assert place.mode == "dir"
    (directory / "b").mkdir()
    (directory / "b" / ".hidden").write_text("h")
    (Path(str(directory)) / "a.txt").write_text("a")
    assert list(written(place).items()) == [("a.txt", b"a"), ("b/.hidden", b"h")]


def test_an_export_is_a_file_or_a_directory(tmp_path: Path) -> None:
    """The first use decides; the other one is refused with the reason."""
    for first, second in (("directory", "file"), ("file", "directory")):
        (tmp_path / first).mkdir()
        with contextlib.closing(IoContext(tmp_path / first)) as place:
            _use(place, first)
            with pytest.raises(FatalError, match=rf"has context\.io\.{first} already; an export is either"):
                _use(place, second)


def _use(place: IoContext, name: str) -> None:
    place.file() if name == "file" else place.directory


def test_zipping_changes_nothing_about_the_export(place: IoContext) -> None:
    """The zip is the exporter's own, has hidden files too, and is the same for the same files."""
    directory = place.directory
    (directory / ".hidden").write_text("h")
    (directory / "a.txt").write_text("a")
    first = place.zip_directory().read_bytes()
    os.utime(directory / "a.txt", (1, 1))
    assert place.zip_directory().read_bytes() == first
    assert sorted(zipfile.ZipFile(io.BytesIO(first)).namelist()) == [".hidden", "a.txt"]
    assert sorted(written(place)) == [".hidden", "a.txt"]


def test_only_a_directory_is_zipped(place: IoContext) -> None:
    """Before there is one, and for a file, it is refused."""
    with pytest.raises(FatalError, match=r"zips context\.io\.directory; use that first"):
        place.zip_directory()


def test_cleaning_up_loses_nothing(place: IoContext) -> None:
    """In the original it removes what was to be delivered; here what was written stays, and the file is closed."""
    file = place.file(format="json")
    file.write("[]")
    place.cleanup()
    place.cleanup()
    assert file.closed
    assert written(place) == {"export.json": b"[]"}


def test_nothing_written_is_an_empty_export(place: IoContext) -> None:
    """An exporter that pushes somewhere else writes no file."""
    assert place.mode is None
    assert written(place) == {}


@pytest.mark.parametrize("name", ["../stray.txt", "../../stray.txt"])
def test_a_file_beside_the_directory_is_noticed(place: IoContext, name: str) -> None:
    """A name with `..` would lose its file."""
    (place.directory / name).write_text("x")
    with pytest.raises(FatalError, match=r"A file “stray\.txt” was written beside"):
        place.finish()


def test_a_link_is_not_followed(place: IoContext) -> None:
    """Neither a file of this machine nor a folder can be delivered by mistake."""
    (place.directory / "secret").symlink_to("/etc/passwd")
    with pytest.raises(FatalError, match="wrote “secret” as a link, which no package holds"):
        written(place)


def test_a_linked_directory_is_not_followed(place: IoContext) -> None:
    """Nor when the directory itself is replaced."""
    place.directory.rmdir()
    (Path(str(place._folder)) / "directory").symlink_to("/etc")
    with pytest.raises(FatalError, match="as a link"):
        written(place)


def test_a_pipe_is_not_waited_for(place: IoContext) -> None:
    """Reading it would never end."""
    os.mkfifo(place.directory / "pipe")
    with pytest.raises(FatalError, match="wrote “pipe”, which is no ordinary file"):
        written(place)


@pytest.mark.parametrize("name", ["a:b.jpg", "new\nline", "con.txt", "dot.", "sub/what?.jpg", "\udcff.jpg"])
def test_a_name_that_not_every_system_takes_is_refused(place: IoContext, name: str) -> None:
    """It would be lost where the package is unpacked; the file is named, and what to use instead."""
    path = place.directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(FatalError, match=r"a name that not every system takes; use exporters\.naming\.safe_component"):
        written(place)


def test_a_removed_file_is_noticed(place: IoContext) -> None:
    """An exporter that removes what it wrote is told so."""
    Path(place.file(format="json").path).unlink()
    with pytest.raises(FatalError, match=r"The exporter removed “export\.json”"):
        written(place)
