"""The IDAH sandbox under load: sizes as ordered, pages without work for what is not on them, ranges on request."""

from __future__ import annotations

import hashlib
import http.client
import resource
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from blocks.sandbox.bodies import Body
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import IdahSandbox
from blocks.sandbox.kept import Kept
from blocks.sandbox.padding import pad_jpeg
from blocks.sandbox.scenes import draw_scene
from blocks.sandbox.shapes import Box
from tests.blocks.sandbox_client import Client

MEDIA_BYTES = 50_000


@pytest.fixture(scope="module")
def sandbox() -> IdahSandbox:
    """For tests that only read; its pictures repeat."""
    return IdahSandbox(entries=70, media_bytes=MEDIA_BYTES, annotations_per_entry=7)


@pytest.fixture(scope="module")
def client(sandbox: IdahSandbox) -> Iterator[Client]:
    with sandbox.serve() as url:
        yield Client(url)


@pytest.fixture(scope="module")
def resources(client: Client) -> list[str]:
    return [row["attributes"]["resource"] for row in client.call("dataset/entries").json["data"]]


# Sizes


@pytest.mark.parametrize("size", [0, 20_000, 65_536 + 9_000, 65_537 * 2 + 9_000, 300_000, 3_000_000])
def test_padded_pictures(size: int) -> None:
    """A padded picture has the size asked for, or a little more than it had; it decodes to the same pixels."""
    jpeg = draw_scene(1, 2).jpeg()
    body = pad_jpeg(jpeg, size, b"mark")
    padded = body.whole()
    assert len(padded) == body.size == max(size, len(jpeg) + 8)
    assert padded.endswith(b"\xff\xd9")
    with Image.open(BytesIO(jpeg)) as plain, Image.open(BytesIO(padded)) as image:
        image.load()
        assert image.tobytes() == plain.tobytes()


def test_every_padding_is_exact() -> None:
    """Around the length of a comment, which is where the arithmetic could break, every size is met."""
    jpeg = draw_scene(1, 2).jpeg()
    for added in [*range(12, 40), *range(65_520, 65_560), *range(131_060, 131_090)]:
        body = pad_jpeg(jpeg, len(jpeg) + added, b"12345678")
        assert sum(map(len, body.pieces())) == body.size == len(jpeg) + added


def test_media_bytes(client: Client, sandbox: IdahSandbox, resources: list[str]) -> None:
    """Originals have the size ordered, in rows and as files; no two files are the same, though pictures repeat."""
    rows = client.call("media/medias?filter[key]=").json["data"]
    assert {row["attributes"]["size"] for row in rows} == {MEDIA_BYTES}
    files = {resource: client.call(f"media/medias/files/{resource}").body for resource in resources}
    assert {len(file) for file in files.values()} == {MEDIA_BYTES}
    assert len({hashlib.sha256(file).digest() for file in files.values()}) == 70
    entries = sandbox.store.entries_of(sandbox.store.datasets[0].id)
    assert entries[0].scene == entries[64].scene
    for entry in entries[:3]:
        with Image.open(BytesIO(files[entry.resource or ""])) as image:
            scene = sandbox.store.scene(entry.id)
            assert image.size == (scene.width, scene.height)


def test_annotations_per_entry(client: Client, sandbox: IdahSandbox) -> None:
    """Every entry, finished or not, has that many boxes and nothing else; they are the truth about its picture."""
    for entry in sandbox.store.entries_of(sandbox.store.datasets[0].id):
        rows = client.call(f"dataset/annotations?filter[entry_id]={entry.id}").json["data"]
        assert len(rows) == 7
        scene = sandbox.store.scene(entry.id)
        for row, item in zip(rows, scene.objects, strict=True):
            (x, y), _, (right, bottom), _ = row["attributes"]["dimensions"]["points"]
            box = item.shape
            assert isinstance(box, Box)
            assert (round(x * scene.width, 6), round(y * scene.height, 6)) == (box.left, box.top)
            assert round((right - x) * scene.width, 6) == box.width
            assert round((bottom - y) * scene.height, 6) == box.height
            assert sandbox.store.truth(row["id"]) == item


def test_no_annotations_at_all() -> None:
    """None an entry is none, and more than an id can number is refused."""
    store = IdahSandbox(entries=3, annotations_per_entry=0).store
    assert not [row for entry in store.entries_of(store.datasets[0].id) for row in store.annotations_of(entry.id)]
    assert len(store.tables["dataset/annotations"].scan()) == 0
    with pytest.raises(ValueError, match="from 0 to 4096"):
        IdahSandbox(annotations_per_entry=5000)


def test_a_large_file() -> None:
    """One original of any size is streamed under its true length, still a picture, and others are not touched."""
    size = 200_000_000
    sandbox = IdahSandbox(entries=2, large_media_bytes=size)
    large, other = sandbox.store.entries_of(sandbox.store.datasets[0].id)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with sandbox.serve() as url:
        client = Client(url)
        connection = http.client.HTTPConnection(*client.address, timeout=60)
        connection.request("GET", f"/api/v1/media/medias/files/{large.resource}", headers=client.headers)
        response = connection.getresponse()
        assert int(response.headers["Content-Length"]) == size
        head = response.read(100_000)
        with Image.open(BytesIO(head)) as image:
            assert image.size == (sandbox.store.scene(large.id).width, sandbox.store.scene(large.id).height)
        received, tail = len(head), b""
        while piece := response.read(1 << 20):
            received, tail = received + len(piece), piece
        connection.close()
        assert (received, tail[-2:]) == (size, b"\xff\xd9")
        media = client.call(f"media/medias?filter[resource]={large.resource}&filter[key]=").json["data"]
        assert media[0]["attributes"]["size"] == size
        assert client.call(f"media/medias/files/{large.resource}", method="HEAD").headers["Content-Length"] == str(size)
        assert client.call(f"media/medias/files/{other.resource}").body == sandbox.store.scene(other.id).jpeg()
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown_bytes < size / 2
    with pytest.raises(ValueError, match="none to make large"):
        IdahSandbox(entries=0, large_media_bytes=1)


# Pages


def test_pages_make_only_what_is_on_them() -> None:
    """A page deep in a million annotations makes the rows on it and no others, and keeps none."""
    sandbox = IdahSandbox(entries=2000, annotations_per_entry=500)
    made: list[int] = []
    mint, annotation = sandbox.store._mint, sandbox.store._mint.annotation
    mint.annotation = lambda entry, order: made.append(order) or annotation(entry, order)
    dataset = sandbox.store.datasets[0].id
    with sandbox.serve() as url:
        client = Client(url)
        ids = client.call(f"dataset/annotations?filter[dataset_id]={dataset}&page[number]=900").ids
        assert len(ids) == 1000
        assert ids == sorted(ids)
        assert len(made) < 2500
        assert sandbox.store._annotations == {}
        assert client.call(f"dataset/annotations/{ids[500]}").json["data"]["id"] == ids[500]
        assert client.call(f"dataset/annotations?filter[dataset_id]={dataset}&page[number]=1001").ids == []
    assert len(made) < 4000 + 500 * 30  # what a search by id looks at


def test_pages_of_several_datasets_agree() -> None:
    """Pages of one dataset, of all, and with a filter, are the same rows in the order of their ids, however cut."""
    sandbox = IdahSandbox(entries=30, datasets=2, video_datasets=1, video_entries=4)
    store = sandbox.store
    store.add_entry(store.datasets[0].id, id="00000000-0000-7000-8000-000000000001")
    with sandbox.serve() as url:
        client = Client(url)
        whole = client.call("dataset/annotations").ids
        assert whole == sorted(whole)
        own = [one.id for dataset in store.datasets for one in store.entries_of(dataset.id)]
        assert sorted(whole) == sorted(row.id for entry in own for row in store.annotations_of(entry))
        for size in (1, 7, 100):
            pages = [
                client.call(f"dataset/annotations?page[size]={size}&page[number]={number}").ids
                for number in range(1, 9)
            ]
            assert [one for page in pages for one in page] == whole[: 8 * size]
        by_dataset = [client.call(f"dataset/annotations?filter[dataset_id]={one.id}").ids for one in store.datasets]
        assert sorted(one for ids in by_dataset for one in ids) == whole
        assert client.call("dataset/annotations?sort=-id").ids == whole[::-1]
        assert client.call("dataset/annotations?filter[created_by_email]=annotator@example.org").ids == whole


def test_medias_by_key(client: Client, sandbox: IdahSandbox, resources: list[str]) -> None:
    """All originals of a project come by an empty key, of which a batch of resources takes a part."""
    project = sandbox.store.project.id
    rows = client.call(f"media/medias?filter[project_id]={project}&filter[key]=").json["data"]
    assert {row["attributes"]["resource"] for row in rows} == set(resources)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    both = client.call("media/medias?filter[key][]=&filter[key][]=thumbnail.webp").json["data"]
    assert {row["attributes"]["key"] for row in both} == {"", "thumbnail.webp"}
    assert len(both) == 2 * len(rows)
    batch = "&".join(f"filter[resource][]={one}" for one in resources[:2])
    assert len(client.call(f"media/medias?{batch}&filter[key]=").ids) == 2
    assert client.call(f"media/medias?filter[project_id]={sandbox.store.datasets[0].id}&filter[key]=").ids == []


# Ranges


@pytest.fixture(scope="module")
def cdn() -> Iterator[tuple[Client, str, bytes]]:
    """A client of a sandbox behind a CDN, and a file of it."""
    sandbox = IdahSandbox(entries=1, honours_ranges=True)
    (entry,) = sandbox.store.entries_of(sandbox.store.datasets[0].id)
    with sandbox.serve() as url:
        yield Client(url), f"media/medias/files/{entry.resource}", sandbox.store.scene(entry.id).jpeg()


@pytest.mark.parametrize(
    ("wanted", "place"),
    [("bytes=0-0", slice(0, 1)), ("bytes=10-19", slice(10, 20)), ("bytes=100-", slice(100, None))],
)
def test_ranges(cdn: tuple[Client, str, bytes], wanted: str, place: slice) -> None:
    """With ranges honoured, one range is answered with a 206 that says where it lies."""
    client, path, file = cdn
    answer = client.call(path, Range=wanted)
    first, stop, _ = place.indices(len(file))
    assert (answer.status, answer.body) == (206, file[place])
    assert answer.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{len(file)}"
    assert answer.headers["Content-Length"] == str(stop - first)


def test_a_range_that_is_cut_off() -> None:
    """A fault in the middle of a range leaves its headers: a client can go on from where it stands."""
    sandbox = IdahSandbox(entries=1, honours_ranges=True)
    sandbox.faults.append(Fault("medias/files", kind="malformed"))
    (entry,) = sandbox.store.entries_of(sandbox.store.datasets[0].id)
    with sandbox.serve() as url:
        answer = Client(url).call(f"media/medias/files/{entry.resource}", Range="bytes=10-109")
    assert (answer.status, len(answer.body)) == (206, 50)
    assert answer.headers["Content-Range"].startswith("bytes 10-109/")


def test_odd_ranges(cdn: tuple[Client, str, bytes]) -> None:
    """The last bytes, ranges beyond the end, several ranges, and a condition that nothing here can meet."""
    client, path, file = cdn
    assert client.call(path, Range="bytes=-7").body == file[-7:]
    assert client.call(path, Range=f"bytes=5-{len(file) * 2}").body == file[5:]
    beyond = client.call(path, Range=f"bytes={len(file)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(file)}")
    for headers in ({"Range": "bytes=0-1,4-5"}, {"Range": "lines=1-2"}, {"Range": "bytes=0-1", "If_Range": '"x"'}, {}):
        answer = client.call(path, **headers)
        assert (answer.status, answer.body) == (200, file)


def test_files_are_kept_within_a_limit() -> None:
    """What is asked for again is not made again, until other files have taken its place."""
    kept, made = Kept(limit_bytes=100), []

    def get(name: str, size: int = 40) -> bytes:
        return kept.get(name, lambda: made.append(name) or bytes(size))

    for name in "abacab":
        assert get(name) == bytes(40)
    assert made == ["a", "b", "c", "b"]
    assert get("large", 1000) == bytes(1000)
    assert kept.size == 0


def pieces_of(parts: Sequence[bytes]) -> Any:
    return lambda: iter(parts)


def test_parts_of_bodies() -> None:
    """Any part of a body is what the same part of the whole is, wherever its pieces begin."""
    whole, body = b"abcdefghij", Body(10, pieces_of([b"abc", b"", b"defg", b"hij"]))
    for start in range(12):
        for stop in range(12):
            part = body.part(start, stop)
            assert part.whole() == whole[start:stop]
            assert part.size == len(part.whole())
