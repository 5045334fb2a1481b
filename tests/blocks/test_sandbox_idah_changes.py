"""The IDAH sandbox while its data moves, and what the platform lets stand that a client has to survive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import IdahSandbox
from blocks.sandbox.idah_store import IdahStore
from tests.blocks.sandbox_client import Client
from tests.fakes.idah_traps import HOSTILE_NAMES, LABELS, SHAPES, Traps, set_traps

EARLY_ID = "00000000-0000-7000-8000-000000000001"


@pytest.fixture
def live() -> Iterator[tuple[IdahSandbox, Client]]:
    sandbox = IdahSandbox(entries=8)
    with sandbox.serve() as url:
        yield sandbox, Client(url)


def page(client: Client, path: str, number: int, size: int) -> list[str]:
    return client.call(f"dataset/{path}?page[number]={number}&page[size]={size}").ids


# Right before a request


def test_an_entry_inserted_between_pages(live: tuple[IdahSandbox, Client]) -> None:
    """An entry that comes in front between two pages is not seen, and pushes another onto both of them."""
    sandbox, client = live
    ids = client.call("dataset/entries").ids
    hook = sandbox.on_request(r"entries.*number\]=2", lambda store: store.add_entry(id=EARLY_ID))
    first, second = page(client, "entries", 1, 4), page(client, "entries", 2, 4)
    assert (first, second) == (ids[:4], ids[3:7])
    assert hook.has_run
    assert page(client, "entries", 1, 1) == [EARLY_ID]


def test_an_entry_deleted_between_pages(live: tuple[IdahSandbox, Client]) -> None:
    """An entry that goes between two pages takes another along, without any sign but the counter."""
    sandbox, client = live
    ids = client.call("dataset/entries").ids
    sandbox.on_request(r"entries.*number\]=2", lambda store: store.delete_entry(ids[0]))
    assert page(client, "entries", 1, 4) + page(client, "entries", 2, 4) == ids[:4] + ids[5:]
    assert client.call("dataset/datasets").json["data"][0]["attributes"]["entries_total_count"] == 7


def test_annotations_change_between_pages(live: tuple[IdahSandbox, Client]) -> None:
    """Annotations are added in front and deleted right before the request that was named, and not before."""
    sandbox, client = live
    ids = client.call("dataset/annotations").ids
    entry = client.call("dataset/entries").ids[2]

    def insert(store: IdahStore) -> None:
        store.add_annotation(entry, {"type": "entry:root"}, id=EARLY_ID)

    sandbox.on_request("annotations", insert, nth=2)
    sandbox.on_request("annotations", lambda store: store.delete_annotation(EARLY_ID), nth=4)
    whole = [client.call("dataset/annotations").ids for _ in range(4)]
    assert whole == [ids, [EARLY_ID, *ids], [EARLY_ID, *ids], ids]


def test_statuses_and_names_change_between_requests(live: tuple[IdahSandbox, Client]) -> None:
    """An entry is reopened, a dataset renamed, each right before its request; both move ``updated_at``."""
    sandbox, client = live
    dataset, entry = sandbox.store.datasets[0], client.call("dataset/entries?filter[status]=completed").ids[0]
    before = client.call("dataset/datasets").json["data"][0]["attributes"]
    sandbox.on_request("status", lambda store: store.reopen_entry(entry))
    sandbox.on_request(f"datasets/{dataset.id}", lambda store: store.rename_dataset(dataset.id, "Other"))
    assert entry not in client.call("dataset/entries?filter[status]=completed").ids
    assert client.call("dataset/datasets").json["data"][0]["attributes"]["name"] == before["name"]
    after = client.call(f"dataset/datasets/{dataset.id}").json["data"]["attributes"]
    assert after["name"] == "Other"
    assert after["updated_at"] > before["updated_at"]
    assert after["entries_completed_count"] == before["entries_completed_count"]


def test_hooks_count_answers(live: tuple[IdahSandbox, Client]) -> None:
    """A request that a fault answers is not one that the platform answers: the hook waits for the next."""
    sandbox, client = live
    sandbox.faults.append(Fault("projects", status=503))
    hook = sandbox.on_request("projects", lambda store: setattr(store.project, "name", "Renamed"))
    assert client.call("dataset/projects").status == 503
    assert not hook.has_run
    assert client.call("dataset/projects").json["data"][0]["attributes"]["name"] == "Renamed"
    assert hook.seen == 1


# Changes


def test_changed_annotation(live: tuple[IdahSandbox, Client]) -> None:
    """Changing an annotation moves its time and its entry's, and leaves what was not changed."""
    sandbox, client = live
    row = client.call("dataset/annotations").json["data"][0]
    sandbox.store.change_annotation(row["id"], annotation={"category": "person"})
    changed = client.call(f"dataset/annotations/{row['id']}").json["data"]["attributes"]
    assert changed["annotation"] == {"category": "person"}
    assert changed["dimensions"] == row["attributes"]["dimensions"]
    assert changed["updated_at"] > row["attributes"]["updated_at"]
    assert client.call("dataset/annotations?filter[updated_at__gt]=2026-03-09T16:15:00").ids == [row["id"]]
    entry = client.call(f"dataset/entries/{changed['entry_id']}").json["data"]["attributes"]
    assert entry["updated_at"] == changed["updated_at"]


def test_errored_entries_count_as_completed(live: tuple[IdahSandbox, Client]) -> None:
    """What fails is counted with what is completed, so that a dataset completes by failing."""
    sandbox, client = live
    open_entry = client.call("dataset/entries?filter[status]=in_progress").ids[0]
    sandbox.store.fail_entry(open_entry)
    dataset = client.call("dataset/datasets").json["data"][0]["attributes"]
    assert (dataset["status"], dataset["entries_completed_count"], dataset["entries_in_progress_count"]) == (
        *("completed", 8),
        0,
    )
    row = client.call(f"dataset/entries/{open_entry}").json["data"]["attributes"]
    assert (row["status"], row["wf_step"]) == ("errored", "error")


def test_copied_datasets_share_their_medias(live: tuple[IdahSandbox, Client]) -> None:
    """A copy has entries and annotations of its own, of the same medias."""
    sandbox, client = live
    original = sandbox.store.datasets[0].id
    copy = sandbox.store.copy_dataset(original, "Copy").id
    both = [client.call(f"dataset/entries?filter[dataset_id]={one}").json["data"] for one in (original, copy)]
    resources = [[row["attributes"]["resource"] for row in rows] for rows in both]
    assert resources[0] == resources[1]
    assert not {row["id"] for row in both[0]} & {row["id"] for row in both[1]}
    labels = [
        [row["attributes"]["dimensions"] for row in client.call(f"dataset/annotations?{where}").json["data"]]
        for where in (f"filter[dataset_id]={original}", f"filter[dataset_id]={copy}")
    ]
    assert labels[0] == labels[1] != []
    assert len(client.call("media/medias?filter[key]=").ids) == 8


def test_deleted_and_added_datasets(live: tuple[IdahSandbox, Client]) -> None:
    """A deleted dataset is a 404 with all that was in it; an added one may be of a modality nobody knows."""
    sandbox, client = live
    dataset, entry = sandbox.store.datasets[0].id, client.call("dataset/entries").ids[0]
    added = sandbox.store.add_dataset("", "acme-lidar")
    sandbox.store.delete_dataset(dataset)
    assert client.call("dataset/datasets").ids == [added.id]
    assert client.call("dataset/datasets?filter[modality__in][]=acme-lidar").ids == [added.id]
    assert [client.call(f"dataset/{path}").status for path in (f"datasets/{dataset}", f"entries/{entry}")] == [404, 404]
    assert client.call("dataset/annotations").ids == []
    sandbox.store.add_entry(added.id)
    assert client.call("dataset/datasets").json["data"][0]["attributes"]["entries_total_count"] == 1


# Medias whose rows are wrong


@pytest.mark.parametrize("error", [50, -50])
def test_wrong_sizes(live: tuple[IdahSandbox, Client], error: int) -> None:
    """The length told is the row's: too large and the client waits, too small and bytes stay on the connection."""
    sandbox, client = live
    resource = client.call("dataset/entries").json["data"][0]["attributes"]["resource"]
    media = sandbox.store.media(resource)
    assert media is not None
    original = media.content
    sandbox.store.set_media_size(resource, "", len(original) + error)
    row = client.call(f"media/medias?filter[resource]={resource}&filter[key]=").json["data"][0]["attributes"]
    assert row["size"] == len(original) + error
    received = client.converse(f"media/medias/files/{resource}", "dataset/projects")
    head, _, rest = received.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(original) + error}".encode() in head
    assert rest == original if error > 0 else rest.startswith(original + b"HTTP/1.1 200")
    head_only = client.call(f"media/medias/files/{resource}", method="HEAD")
    assert head_only.headers["Content-Length"] == str(len(original) + error)
    assert len(client.call(f"media/medias/files/{resource}/thumbnail.webp").body) > 0


def test_a_lost_file(live: tuple[IdahSandbox, Client]) -> None:
    """A row without its file is a 404 of the file only, and keeps its size."""
    sandbox, client = live
    resource = client.call("dataset/entries").json["data"][0]["attributes"]["resource"]
    before = client.call(f"media/medias/info/{resource}").json
    sandbox.store.set_media(resource, content=None)
    assert client.call(f"media/medias/files/{resource}").error == (404, f'{{resource: "{resource}", key: ""}}')
    assert client.call(f"media/medias/info/{resource}").json == before
    with pytest.raises(KeyError, match="no media 'x'"):
        sandbox.store.set_media(resource, "x", size=1)


# Traps


@pytest.fixture(scope="module")
def trapped() -> Iterator[tuple[Client, Traps]]:
    sandbox = IdahSandbox(entries=2)
    traps = set_traps(sandbox.store)
    with sandbox.serve() as url:
        yield Client(url), traps


def attributes(client: Client, traps: Traps, trap: str) -> dict[str, Any]:
    row: dict[str, Any] = client.call(f"dataset/entries/{traps.entries[trap]}").json["data"]["attributes"]
    return row


def test_traps_are_a_dataset_of_their_own(trapped: tuple[Client, Traps]) -> None:
    """All that can be wrong is in one dataset behind the others, whose counters count it, some of it twice."""
    client, traps = trapped
    rows = client.call(f"dataset/entries?filter[dataset_id]={traps.dataset_id}").json["data"]
    assert sorted(row["id"] for row in rows) == sorted(traps.entries.values())
    dataset = client.call("dataset/datasets").json["data"][-1]
    assert dataset["id"] == traps.dataset_id
    assert dataset["attributes"]["entries_total_count"] == len(rows)
    done = sum(row["attributes"]["status"] in {"completed", "errored"} for row in rows)
    assert dataset["attributes"]["entries_completed_count"] == done + 1


def test_trapped_names(trapped: tuple[Client, Traps]) -> None:
    """Names come through as they are, and are filtered by as they are."""
    client, traps = trapped
    for trap, name in HOSTILE_NAMES.items():
        assert attributes(client, traps, trap)["name"] == name
        if name is not None:
            found = client.call(f"dataset/entries?filter[name]={quote(name, safe='')}").ids
            assert traps.entries[trap] in found
            assert len(found) == (2 if trap.startswith("twice") else 1)


def test_trapped_medias(trapped: tuple[Client, Traps]) -> None:
    """Hostile resources are reached percent-encoded; shared, lost, deleted and broken files answer as they must."""
    client, traps = trapped

    def file(trap: str) -> Any:
        resource = quote(attributes(client, traps, trap)["resource"], safe="")
        return client.call(f"media/medias/files/{resource}")

    for trap in ("climbing resource", "strange resource", "shares its media", "twice"):
        assert (file(trap).status, file(trap).body[-2:]) == (200, b"\xff\xd9")
    assert (
        attributes(client, traps, "shares its media")["resource"]
        == (attributes(client, traps, "its media is shared")["resource"])
    )
    assert attributes(client, traps, "no media")["resource"] is None
    assert [file(trap).status for trap in ("file is lost", "original is deleted")] == [404, 404]
    assert file("file is no picture").body == b"no picture"
    for trap, meta in {
        "not processed yet": {},
        "size of another picture": {"width": 7, "height": 5, "format": "jpeg"},
    }.items():
        resource = attributes(client, traps, trap)["resource"]
        assert client.call(f"media/medias/info/{resource}").json["data"]["attributes"]["meta"] == meta
    assert len(client.call("media/medias?filter[key]=").ids) == 2 + len(traps.entries) - 3


def test_trapped_shapes_and_labels(trapped: tuple[Client, Traps]) -> None:
    """Whatever was drawn and labelled comes through, key for key; a repeated key comes twice, the stale one first."""
    client, traps = trapped
    answer = client.call(f"dataset/annotations?filter[dataset_id]={traps.dataset_id}")
    rows = {row["id"]: row["attributes"] for row in answer.json["data"]}
    assert len(rows) == len(traps.annotations) == len(SHAPES) + len(LABELS) + 2
    for trap, shape in SHAPES.items():
        expected = json.loads(orjson.dumps(shape))
        assert rows[traps.annotations[trap]]["dimensions"] == expected
    for trap, label in LABELS.items():
        assert rows[traps.annotations[trap]]["annotation"] == label
    assert rows[traps.annotations["stale tile first"]]["dimensions"]["tile-0x0"] == {"rle": "AAE="}
    assert answer.body.index(b'"AA=="') < answer.body.index(b'"AAE="')


# What it is by default


def test_defaults_stay_what_they_are() -> None:
    """The documents of a default sandbox, byte for byte: others compare their exports with earlier ones.

    Only what no picture library has a hand in; a change here has to be meant.
    """
    digests = {
        "dataset/projects": "5e95b234f8fe27a2",
        "dataset/datasets": "2f6aa32db5957015",
        "dataset/entries": "35a7012ff31447ab",
        "dataset/annotations": "810d025e762e8ced",
    }
    with IdahSandbox().serve() as url:
        client = Client(url)
        served = {path: hashlib.sha256(client.call(path).body).hexdigest()[:16] for path in digests}
    assert served == digests
