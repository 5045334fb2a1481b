"""Where a UPD file lies: on a disk, or anywhere that fsspec reaches; and how much memory it takes to read it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr

from blocks.catalog import find_source
from blocks.upd import UpdSource
from blocks.upd_reading import list_entries, read_catalog, read_entries
from exporters.errors import RequestError
from exporters.model import Entry
from tests.blocks.samples import everything, pack, picture_bytes, read_media
from tests.fakes.upd import add, archived, upd_file

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def memory() -> Iterator[Any]:
    """A remote store, counting what is read of it."""
    store = fsspec.filesystem("memory")
    yield store
    store.rm("/upd-tests", recursive=True)


def test_a_file_elsewhere_is_copied_once(tmp_path: Path, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote file is copied to this machine once, whatever is read of it, and again when it has changed."""
    archive = archived(tmp_path / "street.upd")
    memory.pipe("/upd-tests/street.upd", archive.path.read_bytes())
    opened: list[str] = []
    real = type(memory)._open

    def counted(self: Any, path: str, mode: str = "rb", **options: Any) -> Any:
        opened.append(f"{mode} {path}")
        return real(self, path, mode=mode, **options)

    monkeypatch.setattr(type(memory), "_open", counted)
    url = "memory://upd-tests/street.upd"
    entries = everything(UpdSource(url=url), "d1")
    assert [entry.id for entry in entries] == ["e0", "e1", "e2", "e9"]
    assert entries[0].original
    assert read_media(UpdSource(url=url), entries[0].original) == archive.pictures["e0"]
    assert opened == ["rb /upd-tests/street.upd"]
    with upd_file(tmp_path / "other.upd") as database:
        add(database, "datasets", "new", "New", "acme", {})
    memory.pipe("/upd-tests/street.upd", (tmp_path / "other.upd").read_bytes())
    assert [one.id for one in UpdSource(url=url).catalog()] == ["new"]
    assert opened.count("rb /upd-tests/street.upd") == 2


def test_media_of_a_copied_file_is_known_by_its_content(tmp_path: Path, memory: Any) -> None:
    """The version of a media without a digest of its own is that of the file's bytes, not of the hour of its copy."""
    archive = archived(tmp_path / "street.upd")
    versions = []
    for name in ("a", "b"):
        memory.pipe(f"/upd-tests/{name}.upd", archive.path.read_bytes())
        entries = everything(UpdSource(url=f"memory://upd-tests/{name}.upd"), "d1")
        versions.append([media.version for entry in entries for media in entry.medias])
    assert versions[0] == versions[1]
    assert "" not in versions[0]


def test_a_file_in_a_zip(tmp_path: Path) -> None:
    """A chained address reaches a file inside of an archive."""
    archive = archived(tmp_path / "street.upd")
    pack(tmp_path / "all.zip", {"in/street.upd": archive.path.read_bytes()})
    source = UpdSource(url=f"zip://in/street.upd::{tmp_path}/all.zip")
    assert [one.name for one in source.catalog()] == ["Street", "Harbour"]


def test_a_file_on_a_web_server_that_tells_nothing(tmp_path: Path) -> None:
    """A server that does not tell whether a file has changed is asked for all of it once."""
    data = archived(tmp_path / "street.upd").path.read_bytes()
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(data)
            bodies.append(self.path)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = UpdSource(url=f"http://127.0.0.1:{server.server_port}/street.upd", query=SecretStr("token=canary"))
        assert [entry.id for entry in everything(source, "d1")] == ["e0", "e1", "e2", "e9"]
        assert source.identity() == {"platform": "upd", "name": "street"}
        server.shutdown()
    assert bodies == ["/street.upd?token=canary"]


@pytest.mark.parametrize("url", ["memory://upd-tests/nowhere.upd", "/nowhere/x.upd", "memory://upd-tests"])
def test_nothing_lies_there(url: str) -> None:
    """An address at which no file lies is named."""
    with pytest.raises(RequestError, match=f"upd:{url} is no file; check the path"):
        UpdSource(url=url).catalog()


def test_a_password_in_an_address_is_refused() -> None:
    """A password in the address is refused before anything is opened, and is not repeated."""
    for use in (
        lambda: find_source("upd:sftp://me:canary@host/x.upd", {}),
        UpdSource(url="ftp://me:canary@h/x").catalog,
    ):
        with pytest.raises(RequestError, match="options of a saved block") as caught:
            use()
        assert "canary" not in str(caught.value)


def test_named_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`upd:FILE` names a file, from here or at a URL; without a file it names nothing."""
    monkeypatch.chdir(tmp_path)
    archived(tmp_path / "street.upd")
    source = find_source("upd:street.upd", {})
    assert isinstance(source, UpdSource)
    assert source.url == str(tmp_path / "street.upd")
    assert [one.id for one in source.catalog()] == ["d1", "d2"]
    assert find_source("upd:s3://bucket/a.upd", {}).url == "s3://bucket/a.upd"
    with pytest.raises(RequestError, match="names no source"):
        find_source("upd:", {})


def test_options_reach_the_store(tmp_path: Path) -> None:
    """Options of the block are those of the storage backend; what it does not know is refused in a sentence."""
    source = UpdSource(url="memory://upd-tests/x.upd", options=SecretDict({"skip_instance_cache": True}))
    with pytest.raises(RequestError, match="is no file"):
        source.catalog()


def test_large_rows_are_read_in_smaller_pieces(tmp_path: Path) -> None:
    """Entries whose annotations are large are read a few at a time, one of them alone if need be, and all in order."""
    path = tmp_path / "made.upd"
    sizes = [1, 2_000_000, 3, 40_000_000, 5, *[1_500_000] * 12, 7]
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "acme", {})
        for number, size in enumerate(sizes):
            add(database, "entries", f"e{number}", "d", "", {"Status": "completed", "Name": "n" * (size // 4)})
            for part in range(2):
                shape = ("acme:x", {"x": "x" * (size // 2)}, "c", {}, {})
                add(database, "annotations", f"{number}-{part}", f"e{number}", *shape)
    source = UpdSource(url=str(path))
    dataset = source.dataset("d")
    with source._open(32) as file:
        (row, _) = read_catalog(file)[0]
        listing = list(list_entries(file, row, {"status": ["completed"]}))
        found = [
            (entry.id, len(entry.name) + sum(len(one.raw) for one in entry.annotations) > sizes[int(entry.id[1:])])
            for entry in read_entries(file, dataset, listing, "none", 0)
        ]
    assert found == [(f"e{number}", True) for number in range(len(sizes))]


def test_shards_are_read_side_by_side(tmp_path: Path) -> None:
    """One file is read by many at once, in threads and within one another, while its media are read, too."""
    archive = archived(tmp_path / "street.upd")
    source = UpdSource(url=str(archive.path))
    dataset = source.dataset("d1")
    listing = list(source.list_entries(dataset, {}))
    expected = everything(source, "d1")

    def shard(number: int) -> list[Entry]:
        piece = listing[number % 4 :]
        return list(source.read(dataset, piece, "original"))

    with ThreadPoolExecutor(4) as pool:
        running = pool.map(shard, range(24))
        for entry, also in zip(source.read(dataset, listing, "all"), source.read(dataset, listing, "all"), strict=True):
            assert entry == also
            if entry.original:
                assert read_media(source, entry.original) == archive.pictures[entry.id]
        assert list(running) == [expected[number % 4 :] for number in range(24)]


MEASURE = """
import resource, sys
from blocks.upd import UpdSource

source = UpdSource(url=sys.argv[1])
(dataset,) = source.choose(())
listing = list(source.list_entries(dataset, {}))
count = 0
for start in range(0, len(listing), 1000):
    for entry in source.read(dataset, listing[start : start + 1000], "original"):
        count += len(entry.annotations) + len(entry.medias)
print(len(listing), count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def _many(path: Path, count: int) -> Path:
    """Entries with a media and a box each, no row like another."""
    note = "'Note', md5(i::VARCHAR) || md5((i + 1)::VARCHAR)"
    points = '{"points":[[0.1,0.1],[0.2,0.1],[0.2,0.2],[0.1,0.2]]}'
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "idah-image", {})
        for table, columns in {
            "entries": f"'entry-' || i, 'd', 'local:m' || i, json_object('Name', i || '.png', 'Status', '', {note})",
            "medias": f"'m' || i, '', NULL, 'image/png', json_object('Width', 640, 'Height', 480, {note})",
            "annotations": f"'a' || i, 'entry-' || i, 'idah-image:bounding-box', '{points}', 'car', '{{}}', "
            f"json_object({note})",
        }.items():
            database.execute(f"INSERT INTO {table} SELECT {columns} FROM range(?) AS counted (i)", [count])
    return path


def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    """Reading 50,000 entries with their annotations takes little more memory than reading 2,000 of them."""
    peaks = []
    for count in (2_000, 50_000):
        path = _many(tmp_path / f"{count}.upd", count)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        listed, belonging, peak = map(int, done.stdout.split())
        assert (listed, belonging) == (count, 2 * count)
        peaks.append(peak)
    assert peaks[1] < 1.6 * peaks[0]


def test_a_picture_that_nobody_sized(tmp_path: Path) -> None:
    """Of a dataset of pictures, the size of a media without a type is looked for; of others it is not."""
    path = tmp_path / "made.upd"
    with upd_file(path) as database:
        for modality in ("idah-image", "idah-video"):
            add(database, "datasets", modality, modality, modality, {})
            add(database, "entries", f"e-{modality}", modality, f"local:{modality}", {"Name": "plain"})
            add(database, "medias", modality, "", picture_bytes(1), None, {})
    source = UpdSource(url=str(path))
    widths = [entry.medias[0].width for id_ in ("idah-image", "idah-video") for entry in everything(source, id_)]
    assert widths == [64, None]
