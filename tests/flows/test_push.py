"""Records on their way to an API: each arrives or is accounted for, whatever happens on the way."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import http, stopping
from blocks.http_target import HttpTarget
from blocks.storage import Storage
from exporters.errors import FatalError, RetriableError
from flows.accepted import Accepted
from flows.contents import decode_line
from flows.push import Push
from tests.fakes.receiver import Receiver, Trouble, receiving
from tests.flows.pushing import FOLDER, Bench, bench_of, line_of, push_here
from tests.flows.recovery import FORKS

ENTRIES = 60


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.001)
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_of(tmp_path, (line_of(number) for number in range(ENTRIES)))


def target(receiver: Receiver, path: str = "/d/{dataset}/e/{entry}", **fields: Any) -> HttpTarget:
    return HttpTarget(url=f"{receiver.url}{path}", **fields)


def many(receiver: Receiver, body: Any = "ndjson", path: str = "/d", **fields: Any) -> HttpTarget:
    return target(receiver, path, body=body, **fields)


def ids(count: int = ENTRIES) -> list[str]:
    return [f"e{number:06}" for number in range(count)]


def arrived(receiver: Receiver) -> list[str]:
    return [record["id"] for record in receiver.records()]


# What is sent


def test_one_record_a_request(receiver: Receiver, bench: Bench) -> None:
    """Each record goes, as it stands in the export, to the address of its entry, under a key of its own."""
    records = bench.push(target(receiver, method="PUT"))
    assert (records.records, records.accepted, records.refused) == (ENTRIES, ENTRIES, 0)
    assert sorted(arrived(receiver)) == ids()
    assert {(one.method, one.path) for one in receiver.taken} == {("PUT", f"/d/d1/e/{one}") for one in ids()}
    assert len({one.headers["Idempotency-Key"] for one in receiver.taken}) == ENTRIES
    assert {one.headers["Content-Type"] for one in receiver.taken} == {"application/json"}
    assert 1 < receiver.most_at_once <= 4


@pytest.mark.parametrize(
    ("body", "content_type"), [("json array", "application/json"), ("ndjson", "application/x-ndjson")]
)
def test_many_records_a_request(receiver: Receiver, bench: Bench, body: str, content_type: str) -> None:
    """Arrays, or lines, of at most so many records and so many bytes; a longer record goes alone."""
    size = len(line_of(0)) + 1
    bench.push(many(receiver, body, records_per_request=25, connections=1))
    assert [len(one.records) for one in receiver.taken] == [25, 25, 10]
    assert arrived(receiver) == ids()
    assert {one.headers["Content-Type"] for one in receiver.taken} == {content_type}
    receiver.taken.clear()
    bench.push(many(receiver, body, "/other", bytes_per_request=7 * size, connections=1))
    assert [len(one.records) for one in receiver.taken] == [7] * 8 + [4]
    receiver.taken.clear()
    bench.push(many(receiver, body, "/third", bytes_per_request=1))
    assert [len(one.records) for one in receiver.taken] == [1] * ENTRIES


def test_batches_of_one_dataset(receiver: Receiver, tmp_path: Path) -> None:
    """Where the address names the dataset, no request holds records of two."""
    lines = [line_of(0), line_of(1), line_of(2, dataset="d2"), line_of(3, dataset="d2"), line_of(4)]
    bench_of(tmp_path, lines).push(many(receiver, path="/d/{dataset}/{export}/{name}", connections=1))
    assert [(one.path, len(one.records)) for one in receiver.taken] == [
        ("/d/d1/0123456789abcdef0123/street", 2),
        ("/d/d2/0123456789abcdef0123/street", 2),
        ("/d/d1/0123456789abcdef0123/street", 1),
    ]


def test_kept_order(receiver: Receiver, bench: Bench) -> None:
    """In order means one at a time, and a record that has to be tried again is not overtaken."""
    receiver.troubles.append(Trouble(about="e000007", times=3))
    bench.push(target(receiver, order="kept"))
    assert arrived(receiver) == ids()
    assert receiver.most_at_once == 1


@pytest.mark.parametrize("removed", ["record", "delete"])
def test_removed_entries(receiver: Receiver, tmp_path: Path, removed: Any) -> None:
    """Entries that are gone come last, as records that say so or as a DELETE of their addresses."""
    receiver.troubles.append(Trouble(status=404, about="/gone 2", takes=True))
    bench = bench_of(tmp_path, [line_of(0)], removed=["gone 1", "gone 2"])
    records = bench.push(target(receiver, removed=removed, order="kept", accepted_statuses=[404]))
    assert (records.records, records.accepted) == (3, 3)
    gone = receiver.taken[1:]
    assert [one.path for one in gone] == ["/d/d1/e/gone%201", "/d/d1/e/gone%202"]
    if removed == "delete":
        assert [(one.method, one.records) for one in gone] == [("DELETE", [])] * 2
    else:
        expected = [{"dataset_id": "d1", "id": f"gone {one}", "removed": True} for one in (1, 2)]
        assert [(one.method, *one.records) for one in gone] == [("POST", one) for one in expected]


def test_nothing_to_send(receiver: Receiver, tmp_path: Path) -> None:
    """An export without entries is a push of no requests."""
    assert bench_of(tmp_path, []).push(many(receiver)).records == 0
    assert receiver.asked == []


def test_records_that_are_missing(receiver: Receiver, tmp_path: Path) -> None:
    """Fewer records than entries went out: the push fails, rather than let one be lost."""
    with pytest.raises(FatalError, match="has 2 records of 3 entries"):
        bench_of(tmp_path, [line_of(0), line_of(1)], entries=3).push(many(receiver))


def test_tampered_records(receiver: Receiver, tmp_path: Path) -> None:
    """What is not what the export was made of is noticed, at the end at the latest."""
    bench = bench_of(tmp_path, [line_of(0), line_of(1)])
    path = Path(bench.workspace.url) / "parts" / bench.package.export_id
    path.write_bytes(path.read_bytes().replace(b"note", b"nota"))
    with pytest.raises(FatalError, match="is not what was put there"):
        bench.push(many(receiver))


# Refusals


def test_a_refusal_fails(receiver: Receiver, bench: Bench) -> None:
    """By default the first refusal ends the run and says which entry, and why; the next run goes on from there."""
    receiver.troubles.append(Trouble(status=422, body='{"error": "no such class"}', about="e000030"))
    with pytest.raises(FatalError) as refused:
        bench.push(target(receiver))
    assert '“e000030” (422, “{"error": "no such class"}”); mend the cause and run again' in str(refused.value)
    assert 0 < len(receiver.taken) < ENTRIES
    assert bench.push(target(receiver)).accepted == ENTRIES
    assert receiver.times_taken() == dict.fromkeys(ids(), 1)


def test_refused_records_are_set_aside(receiver: Receiver, bench: Bench) -> None:
    """They lie in a file with what was answered; the sums add up; the next run tries just those again."""
    receiver.troubles += [
        Trouble(status=422, body="no such class", about="e000030"),
        Trouble(status=409, body="changed meanwhile", about="e000031"),
    ]
    api = target(receiver, refused="set aside")
    records = bench.push(api)
    assert (records.records, records.accepted, records.refused) == (ENTRIES, ENTRIES - 2, 2)
    assert records.refused_file == bench.place(api).shown_path(f"{FOLDER}/refused.jsonl")
    kept = sorted(bench.refused(api), key=lambda one: str(one["entry"]))
    assert [(one["dataset"], one["entry"], one["status"], one["answer"]) for one in kept] == [
        ("d1", "e000030", 422, "no such class"),
        ("d1", "e000031", 409, "changed meanwhile"),
    ]
    assert [one["record"] for one in kept] == [json.loads(line_of(number)) for number in (30, 31)]
    asked = [headers["Idempotency-Key"] for _, headers in receiver.asked]
    again = bench.push(api)
    assert (again.accepted, again.refused, again.refused_file) == (ENTRIES, 0, "")
    assert {headers["Idempotency-Key"] for _, headers in receiver.asked[len(asked) :]} == {
        one["idempotency_key"] for one in kept
    }
    assert not bench.place(api).exists(f"{FOLDER}/refused.jsonl")


def test_a_refused_request_is_all_its_records(receiver: Receiver, bench: Bench) -> None:
    """Of many sent at once all are set aside: nobody knows which of them it was about."""
    receiver.troubles.append(Trouble(status=400, about="e000013"))
    api = many(receiver, records_per_request=10, refused="set aside")
    assert bench.push(api).refused == 10
    assert [one["entry"] for one in bench.refused(api)] == ids()[10:20]


def test_too_large_a_request_is_cut(receiver: Receiver, bench: Bench) -> None:
    """A request that is too large for the API is sent as two, until one that is not, or a single record, is left."""
    receiver.troubles.append(Trouble(status=413, about="e000013", times=4))
    api = many(receiver, records_per_request=16, refused="set aside")
    assert bench.push(api).accepted == ENTRIES
    assert sorted(arrived(receiver)) == ids()
    assert len(receiver.taken[0].records) <= 16


def test_too_many_refusals(receiver: Receiver, bench: Bench) -> None:
    """An API that refuses nearly everything is not asked to refuse it all."""
    receiver.troubles.append(Trouble(status=400, times=None))
    api = target(receiver, refused="set aside", refused_limit=5)
    with pytest.raises(FatalError, match="refused more than 5 records, at last entry"):
        bench.push(api)
    assert len(receiver.asked) < 20
    assert len(bench.refused(api)) > 5


def test_names_that_are_no_part_of_a_path(receiver: Receiver, tmp_path: Path) -> None:
    """An entry called `..` is refused here: on its way it would become the address of something else."""
    bench = bench_of(tmp_path, [b'{"id":"..","dataset_id":"d1"}', line_of(1)])
    api = target(receiver, refused="set aside")
    records = bench.push(api)
    assert (records.accepted, records.refused) == (1, 1)
    (kept,) = bench.refused(api)
    assert (kept["status"], kept["answer"]) == (0, "The entry “..” cannot be a part of a URL.")
    assert [one.path for one in receiver.taken] == ["/d/d1/e/e000001"]


def test_what_the_api_refused_is_not_known_to_be_there(receiver: Receiver, tmp_path: Path) -> None:
    """The books of the export do not claim a refused entry, nor a refused removal: the next delta brings both again."""
    bench = bench_of(tmp_path, [line_of(0), line_of(1)], removed=["gone"])
    receiver.troubles += [Trouble(status=400, about="e000001"), Trouble(status=400, about="gone")]
    api = target(receiver, refused="set aside")
    push = Push(bench.package, bench.plan, api, bench.place(api), FOLDER, bench.store)
    push.run()
    lines = map(decode_line, push.described(bench.store.load_lines(bench.package.contents)))
    assert [(line.entry, line.sha256) for line in lines] == [("e000000", "ab"), ("e000001", ""), ("gone", "")]


# Trouble on the way


@pytest.mark.parametrize("fields", [{}, {"order": "kept"}, {"connections": 16}], ids=str)
def test_through_a_storm(receiver: Receiver, bench: Bench, fields: dict[str, Any]) -> None:
    """Every kind of passing trouble together: each record arrives, and what came twice came under one key."""
    receiver.troubles += [
        Trouble(status=429, headers={"Retry-After": "0"}, after=3, times=2),
        Trouble(status=503, after=9, times=3),
        Trouble(status=500, about="e000020", times=2),
        Trouble(kind="reset", about="e000025", times=2),
        Trouble(kind="reset", about="e000026", times=2, takes=True),
        Trouble(kind="stall", about="e000040", takes=True),
        Trouble(kind="truncate", status=200, about="e000041", takes=True),
    ]
    assert bench.push(target(receiver, timeout_seconds=0.5, attempts=8, **fields)).accepted == ENTRIES
    assert set(arrived(receiver)) == set(ids())
    keys = {(one.path, one.headers["Idempotency-Key"]) for one in receiver.taken}
    assert len(keys) == ENTRIES
    twice = {entry for entry, times in receiver.times_taken().items() if times > 1}
    assert twice == {"e000026", "e000040"}


def test_an_api_that_goes_down(receiver: Receiver, bench: Bench) -> None:
    """The push ends as retriable; the next one sends what is missing and nothing else."""
    receiver.troubles.append(Trouble(status=503, after=20, times=None))
    with pytest.raises(RetriableError):
        bench.push(target(receiver, attempts=2))
    assert len(receiver.taken) == 20
    receiver.troubles.clear()
    records = bench.push(target(receiver))
    assert (records.records, records.accepted) == (ENTRIES, ENTRIES)
    assert receiver.times_taken() == dict.fromkeys(ids(), 1)


def test_cut_otherwise(receiver: Receiver, bench: Bench) -> None:
    """What was accepted stays so when the block is told to send more, or fewer, at once."""
    receiver.troubles.append(Trouble(status=503, after=3, times=None))
    with pytest.raises(RetriableError):
        bench.push(many(receiver, records_per_request=7, attempts=1))
    receiver.troubles.clear()
    assert bench.push(many(receiver, records_per_request=10)).accepted == ENTRIES
    assert receiver.times_taken() == dict.fromkeys(ids(), 1)


def test_exports_that_take_turns(receiver: Receiver, tmp_path: Path) -> None:
    """An API has one state: an export that comes back after another one is sent again, under keys of its own, also when
    what is known of its first time was tidied away.
    """
    one = bench_of(tmp_path, map(line_of, range(5)))
    other = bench_of(tmp_path, map(line_of, range(7)), export_id="f" * 20)
    api = target(receiver)
    keys: list[set[str]] = []
    for bench, count in ((one, 5), (other, 7), (one, 5), (one, 0), (other, 7)):
        receiver.taken.clear()
        bench.push(api)
        assert len(receiver.taken) == count
        keys.append({taken.headers["Idempotency-Key"] for taken in receiver.taken})
        Storage(bench.place(api).url).remove(f"street/{other.package.export_id}/accepted.json")
    assert len(set().union(*keys)) == 5 + 7 + 5 + 7


def test_books_in_a_bucket(receiver: Receiver, tmp_path: Path, s3: str) -> None:
    """A workspace that several machines share keeps the books as well as a folder does."""
    bench = bench_of(tmp_path, map(line_of, range(ENTRIES)), url=f"{s3}/work")
    receiver.troubles += [Trouble(status=422, about="e000003"), Trouble(status=503, after=20, times=None)]
    api = target(receiver, refused="set aside", attempts=1)
    with pytest.raises(RetriableError):
        bench.push(api)
    assert [one["entry"] for one in bench.refused(api)] == ["e000003"]
    receiver.troubles.clear()
    assert bench.push(api).accepted == ENTRIES
    assert receiver.times_taken() == dict.fromkeys(ids(), 1)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[[0,5]", b'[["a",1]]'], ids=repr)
def test_damaged_books(receiver: Receiver, bench: Bench, damage: bytes) -> None:
    """Where the books cannot be read, everything is sent again under the same keys: better twice than never."""
    api = target(receiver)
    bench.push(api)
    Storage(bench.place(api).url).write(f"{FOLDER}/accepted.json", [damage])
    assert bench.push(api).accepted == ENTRIES
    assert len(receiver.taken) == 2 * ENTRIES
    assert len({one.headers["Idempotency-Key"] for one in receiver.taken}) == ENTRIES


def test_a_run_that_is_stopped(receiver: Receiver, bench: Bench) -> None:
    """It ends while the API says nothing, sends no more, and the next one goes on."""
    receiver.troubles.append(Trouble(kind="stall", after=20, times=4))
    ended: list[BaseException] = []

    def push() -> None:
        try:
            bench.push(target(receiver))
        except BaseException as error:  # noqa: BLE001 - looked at below
            ended.append(error)

    with contextlib.suppress(KeyboardInterrupt), stopping.on_interrupt():
        thread = _in_context(push)
        _until(lambda: receiver.troubles[0].hits == 4)
        raise KeyboardInterrupt
    thread.join(20)
    assert isinstance(ended[0], FatalError)
    assert str(ended[0]) == "The run was stopped; run it again, and it goes on from what is done."
    assert bench.push(target(receiver)).accepted == ENTRIES
    assert receiver.times_taken() == dict.fromkeys(ids(), 1)


@pytest.mark.parametrize("fields", [{"connections": 4}, {"order": "kept"}], ids=str)
def test_killed_again_and_again(receiver: Receiver, tmp_path: Path, fields: dict[str, Any]) -> None:
    """However often it is killed, the API has every record in the end, none twice but what was under way each time."""
    bench, count, kills = bench_of(tmp_path, map(line_of, range(400))), 400, 3
    receiver.latency_seconds = 0.005
    api, chance, met = target(receiver, **fields), random.Random(5), 0
    for number in range(kills):
        process = FORKS.Process(target=push_here, args=(bench, api))
        process.start()
        _until(lambda number=number: len(receiver.taken) > 100 * number + chance.randrange(90))
        process.kill()
        process.join()
        met += process.exitcode == -9
    assert met == kills
    assert len(receiver.taken) < count
    assert bench.push(api).accepted == count
    assert set(arrived(receiver)) == set(ids(count))
    under_way = 1 if fields.get("order") else 4
    assert len(receiver.taken) <= count + kills * under_way
    assert len({one.headers["Idempotency-Key"] for one in receiver.taken}) == count


def test_memory_is_flat(receiver: Receiver, tmp_path: Path) -> None:
    """An export of 64 MiB is sent with a few of them in memory."""
    bench = bench_of(tmp_path, (line_of(number, padding=64 << 10) for number in range(1000)))
    api = many(receiver, bytes_per_request=1 << 20)
    receiver.forgets = True
    tracemalloc.start()
    try:
        assert bench.push(api).accepted == 1000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 32 << 20


# The books


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=8), max_size=12))
def test_runs_of_numbers(tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]) -> None:
    """In whatever order numbers come, those that came are in, others are not, and they are read back as written."""
    storage = Storage("memory://accepted")
    storage.remove("x/accepted.json")
    accepted, known = Accepted(storage, "x"), set[int]()
    for group in groups:
        accepted.add(group)
        known |= set(group)
    accepted.save()
    for one in (accepted, Accepted(storage, "x")):
        assert {number for number in range(-1, 63) if number in one} == known
        assert len(one) == len(known)


def test_books_stay_small(tmp_path: Path) -> None:
    """A hundred thousand records that were accepted one after the other are one line of the books."""
    accepted = Accepted(Storage(str(tmp_path)), "x")
    accepted.add(range(100_000))
    accepted.save()
    assert (tmp_path / "x" / "accepted.json").read_bytes() == b"[[0,100000]]"


def _in_context(work: Callable[[], None]) -> threading.Thread:
    """A thread that belongs to this run, as those of tasks do."""
    thread = threading.Thread(target=copy_context().run, args=(work,))
    thread.start()
    return thread


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)
