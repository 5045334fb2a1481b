"""The workspace: what a run keeps, on disks and in buckets, for many workers at once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from blocks.ranges import stream_range
from blocks.storage import Storage
from blocks.store import Store, media_key, media_path
from blocks.workspace import Workspace
from exporters.errors import FatalError, OuthaulError, RequestError
from exporters.pictures.upright import MediaFile

_ROOT = Path(__file__).parents[2]
LINES = [b'{"id":1}', b"", "写 🦖".encode(), b"x" * 3_000_000, b'{"id":2}']


@pytest.fixture(params=["local", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh workspace in each kind of place."""
    if request.param == "local":
        yield str(tmp_path / "workspace")
    elif request.param == "s3":
        yield request.getfixturevalue("s3")
    else:
        name = os.urandom(6).hex()
        yield f"memory://{name}"
        with contextlib.suppress(FileNotFoundError):
            fsspec.filesystem("memory").rm(f"/{name}", recursive=True)


@pytest.fixture
def store(url: str) -> Store:
    return Workspace(url=url).open()


def files(store: Store) -> dict[str, int]:
    return store.storage.files()


def spool(folder: Path, data: bytes) -> Path:
    local = folder / os.urandom(4).hex()
    local.write_bytes(data)
    return local


def file_of(data: bytes) -> MediaFile:
    return MediaFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), crc32=zlib.crc32(data), width=4, height=3)


# Who it is


def test_a_workspace_keeps_its_name(url: str, store: Store) -> None:
    """A workspace has one name from the first time on, for everybody who opens it."""
    name = store.identity()
    assert name
    assert store.identity() == Workspace(url=url).open().identity() == name


def test_workspaces_have_names_of_their_own(tmp_path: Path) -> None:
    """No two workspaces share a name, nor does one that was emptied with itself before."""
    first = Workspace(url=str(tmp_path / "a")).open()
    before = first.identity()
    first.storage.remove("workspace.json")
    others = [Workspace(url=str(tmp_path / name)).open().identity() for name in "abc"]
    assert len({before, *others}) == 4


_WHO = """
import sys, time
from blocks.ranges import stream_range
from blocks.storage import Storage
from blocks.store import Store
while time.time() < float(sys.argv[2]):
    pass
print(*(Store(Storage(f"{sys.argv[1]}/{number}")).identity() for number in range(40)))
"""


def test_two_processes_open_a_new_workspace_at_once(tmp_path: Path) -> None:
    """Workers that open a new workspace at the same moment agree about its name."""
    command = [sys.executable, "-c", _WHO, str(tmp_path), str(time.time() + 1.5)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) for _ in range(2)]
    names = [worker.communicate()[0].split() for worker in workers]
    assert len(names[0]) == 40
    assert names[0] == names[1]


# Lines and blobs


def test_lines_come_back(store: Store) -> None:
    """Lines of any length and content come back one by one, under a name made of them."""
    name, sha256 = store.save_lines(iter(LINES))
    assert list(store.load_lines(name)) == LINES
    assert sha256 == hashlib.sha256(b"".join(line + b"\n" for line in LINES)).hexdigest()
    assert name == f"snapshot/{sha256}.jsonl.zst"
    empty, _ = store.save_lines([])
    assert list(store.load_lines(empty)) == []


def test_the_same_lines_are_kept_once(store: Store) -> None:
    """Saving the same lines again writes nothing; other lines get another name."""
    first = store.save_lines(LINES)
    before = files(store)
    assert store.save_lines(LINES) == first
    assert files(store) == before
    assert store.save_lines(LINES[:-1])[0] != first[0]


def test_the_same_lines_take_the_same_bytes(tmp_path: Path) -> None:
    """What is kept follows from the content alone: in two workspaces it is equal to the byte."""
    stores = [Workspace(url=str(tmp_path / name)).open() for name in "ab"]
    names = [store.save_lines(LINES)[0] for store in stores]
    assert stores[0].storage.read(names[0]) == stores[1].storage.read(names[1])


def test_lines_that_break_off_leave_nothing(store: Store) -> None:
    """When the lines end in an error nothing is kept."""

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise FatalError("broke")

    with pytest.raises(FatalError, match="broke"):
        store.save_lines(broken())
    assert files(store) == {}


def test_lines_that_are_missing(store: Store) -> None:
    """Lines that are not there are an error that says where they were looked for."""
    with pytest.raises(OuthaulError, match="snapshot/none"):
        list(store.load_lines("snapshot/none"))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.8, 0.99])
def test_lines_that_were_cut_are_noticed(tmp_path: Path, share: float) -> None:
    """A file that lost its end is not taken for a shorter one, wherever it was cut."""
    store = Workspace(url=str(tmp_path)).open()
    lines = [os.urandom(8191).replace(b"\n", b" ") for _ in range(100)]  # 16 of them fill a block of the compressor
    name, _ = store.save_lines(lines)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(FatalError, match="remove the workspace"):
        list(store.load_lines(name))


def test_lines_that_were_changed_are_noticed(tmp_path: Path) -> None:
    """A file whose bytes have changed on the disk is an error, not other lines."""
    store = Workspace(url=str(tmp_path)).open()
    name, _ = store.save_lines([os.urandom(50_000).replace(b"\n", b" ")])
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[25_000] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FatalError, match="is damaged"):
        next(store.load_lines(name))  # none of them is handed on


def test_lines_that_are_too_many_to_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is not held the damage is found at the end, at the latest."""
    monkeypatch.setattr("blocks.store.HELD_BYTES", 1000)
    store = Workspace(url=str(tmp_path)).open()
    lines = [os.urandom(8191).replace(b"\n", b" ") for _ in range(100)]
    name, _ = store.save_lines(lines)
    assert list(store.load_lines(name)) == lines
    data = bytearray((tmp_path / name).read_bytes())
    data[400_000] ^= 1
    (tmp_path / name).write_bytes(bytes(data))
    with pytest.raises(FatalError, match="is damaged"):
        list(store.load_lines(name))


def test_blobs_that_were_changed_are_noticed(store: Store) -> None:
    """Bytes under a name made of them, and bytes that are sealed, are what was saved, or an error that says so."""
    name, _ = store.save_blob(b"blob")
    store.save_sealed("indexes/one", b"sealed")
    assert (store.load_blob(name), store.load_sealed("indexes/one")) == (b"blob", b"sealed")
    for path, load in ((name, store.load_blob), ("indexes/one", store.load_sealed)):
        data = store.storage.read(path)
        for damaged in (b"", data[:-1], data + b"x", data[:-1] + b"x"):
            store.storage.write(path, [damaged])
            with pytest.raises(FatalError, match=f"{path} is damaged; remove the workspace"):
                load(path)


def test_what_is_gone_is_no_wrong_request(store: Store) -> None:
    """A file that the workspace has lost is nobody's wrong address: it is made again by the next run."""
    for read in (store.storage.read, store.load_blob, store.load_sealed, lambda name: next(store.load_lines(name))):
        with pytest.raises(FatalError, match="snapshot/none is gone; run again") as caught:
            read("snapshot/none")
        assert not isinstance(caught.value, RequestError)


def test_blobs_are_kept_once(store: Store) -> None:
    """Bytes are kept under a name made of them, and only once."""
    name, sha256 = store.save_blob(b"data")
    assert (store.storage.read(name), sha256) == (b"data", hashlib.sha256(b"data").hexdigest())
    assert store.save_blob(b"data") == (name, sha256)
    assert store.save_blob(b"other")[0] != name
    assert len(files(store)) == 2


# Media


def test_media_is_kept_once(store: Store, tmp_path: Path) -> None:
    """The same bytes under two keys are stored once, and both keys know all about them."""
    data = b"picture"
    for key in (media_key("a"), media_key("b")):
        assert store.known_media(key) is None
        store.keep_media(key, spool(tmp_path, data), file_of(data))
        assert store.known_media(key) == file_of(data)
    stored = {name: size for name, size in files(store).items() if name.startswith("media/")}
    assert stored == {media_path(file_of(data).sha256): len(data)}
    assert store.storage.read(media_path(file_of(data).sha256)) == data


def test_empty_media(store: Store, tmp_path: Path) -> None:
    """A file of no bytes is a media like others."""
    store.keep_media(media_key("a"), spool(tmp_path, b""), file_of(b""))
    assert store.known_media(media_key("a")) == file_of(b"")


@pytest.mark.parametrize("damage", [None, b"", b"pictur"])
def test_a_lost_file_is_noticed(store: Store, tmp_path: Path, damage: bytes | None) -> None:
    """A key whose bytes have gone, or are not all there, is not known any more; keeping them again mends it."""
    data, key = b"picture", media_key("a")
    path = media_path(file_of(data).sha256)
    store.keep_media(key, spool(tmp_path, data), file_of(data))
    store.storage.remove(path)
    if damage is not None:
        store.storage.write(path, [damage])
    assert store.known_media(key) is None
    store.keep_media(key, spool(tmp_path, data), file_of(data))
    assert store.known_media(key) == file_of(data)
    assert store.storage.read(path) == data


def test_a_damaged_key_is_not_known(store: Store, tmp_path: Path) -> None:
    """A key whose record cannot be read counts as not known: the file is fetched again."""
    key = media_key("a")
    store.keep_media(key, spool(tmp_path, b"picture"), file_of(b"picture"))
    (name,) = [name for name in files(store) if name.startswith("media-keys/")]
    store.storage.write(name, [b"{"])
    assert store.known_media(key) is None


def test_keys_tell_apart() -> None:
    """A key changes with each of the facts it is made of, and with where one ends and the next begins."""
    keys = {media_key("a", "b"), media_key("ab"), media_key("a", "b", ""), media_key("b", "a"), media_key("", "ab")}
    assert len(keys) == 5
    assert media_key("a", "b") == media_key("a", "b")


def test_spooled_files_are_on_the_stores_disk(tmp_path: Path) -> None:
    """Files on their way into a local workspace lie on its own disk, where taking them over is a rename."""
    store = Workspace(url=str(tmp_path / "new")).open()
    assert store.spool_folder().stat().st_dev == tmp_path.stat().st_dev
    assert store.spool_folder().is_relative_to(tmp_path / "new")
    remote = Workspace(url="memory://spool-test").open()
    assert remote.spool_folder().is_dir()


_KEEP = """
import hashlib, sys, time, zlib
from pathlib import Path
from blocks.ranges import stream_range
from blocks.storage import Storage
from blocks.store import Store, media_key
from exporters.pictures.upright import MediaFile
store = Store(Storage(sys.argv[1]))
while time.time() < float(sys.argv[2]):
    pass
for number in range(60):
    data = str(number).encode() * 1000
    local = store.spool_folder() / f"{sys.argv[3]}-{number}"
    local.write_bytes(data)
    file = MediaFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), crc32=zlib.crc32(data))
    store.keep_media(media_key(str(number)), local, file)
    assert store.known_media(media_key(str(number))) == file
    store.save_lines([data])
"""


def test_two_processes_keep_the_same_at_once(tmp_path: Path) -> None:
    """Workers that keep the same files and lines at the same moment do not disturb each other."""
    url = str(tmp_path / "workspace")
    commands = [[sys.executable, "-c", _KEEP, url, str(time.time() + 1.5), str(number)] for number in range(2)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=_ROOT) for command in commands]
    for worker in workers:
        _, said = worker.communicate()
        assert worker.returncode == 0, said
    store = Store(Storage(url))
    stored = [name for name in files(store) if name.startswith("media/")]
    assert len(stored) == 60
    assert all(hashlib.sha256(store.storage.read(name)).hexdigest() == name.rpartition("/")[2] for name in stored)
    assert [name for name in files(store) if name.endswith(".part")] == []


def test_threads_keep_the_same_at_once(store: Store, tmp_path: Path) -> None:
    """The same file kept by several threads at once is kept once and whole."""
    data = b"picture" * 1000
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            store.keep_media(media_key(str(number)), spool(tmp_path, data), file_of(data))
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(store.known_media(media_key(str(number))) == file_of(data) for number in range(8))


# -- runs of bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 5), (0, 0), (4_194_300, 10), (5, 9_000_000), (9_999_990, 10), (9_999_990, 99), (2, 1)]
)
def test_a_stretch_of_a_file_is_read(store: Store, offset: int, size: int) -> None:
    """Any stretch of a file is read as it is, also across the blocks in which a far store is read."""
    data = bytes(index % 251 for index in range(10_000_000))
    store.storage.write("pack", [data])
    assert b"".join(stream_range(store.storage, "pack", offset, size)) == data[offset : offset + size]


def test_many_small_stretches_take_few_requests(s3: str) -> None:
    """A thousand small files out of one pack are read from a far store with one request for some megabytes."""
    storage = Storage(s3)
    storage.write("pack", [bytes(1_000_000)])
    asked = 0
    cat_file = storage.fs.cat_file

    def counting(*arguments: object, **options: object) -> bytes:
        nonlocal asked
        asked += 1
        data: bytes = cat_file(*arguments, **options)
        return data

    storage.fs.cat_file = counting
    try:
        for offset in range(0, 1_000_000, 1_000):
            assert len(b"".join(stream_range(storage, "pack", offset, 1_000))) == 1_000
    finally:
        del storage.fs.cat_file
    assert asked == 1
