"""What goes wrong between a client and the IDAH sandbox, by script and by chance, and how it is ordered."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest

from blocks.sandbox.faults import BRIDGED, Chaos, Fault, FaultKind
from blocks.sandbox.idah import IdahSandbox
from blocks.sandbox.idah_options import build_sandbox
from tests.blocks.sandbox_client import Answer, Client

ENTRIES = "dataset/entries"


@pytest.fixture
def live() -> Iterator[tuple[IdahSandbox, Client]]:
    sandbox = IdahSandbox(entries=4)
    with sandbox.serve() as url:
        yield sandbox, Client(url)


# By script


def test_redirect(live: tuple[IdahSandbox, Client]) -> None:
    """A redirect leads to a page for logging in, which is a 200 of HTML and needs no token."""
    sandbox, client = live
    sandbox.faults.append(Fault(ENTRIES, kind="redirect"))
    sandbox.faults.append(Fault("medias", kind="redirect", status=307))
    answer = client.call(ENTRIES)
    assert (answer.status, answer.headers["Location"]) == (302, "/login")
    assert client.call("media/medias").status == 307
    connection = http.client.HTTPConnection(*client.address, timeout=10)
    connection.request("GET", answer.headers["Location"])
    response = connection.getresponse()
    page = response.read()
    connection.close()
    assert (response.status, response.headers.get_content_type()) == (200, "text/html")
    assert page.startswith(b"<!DOCTYPE html>")


def test_a_page_where_a_document_should_be(live: tuple[IdahSandbox, Client]) -> None:
    """A page of HTML may come with a 200."""
    sandbox, client = live
    sandbox.faults.append(Fault(ENTRIES, kind="html", status=200))
    answer = client.call(ENTRIES)
    assert (answer.status, answer.headers.get_content_type(), answer.body[:6]) == (200, "text/html", b"<html>")


def test_malformed(live: tuple[IdahSandbox, Client]) -> None:
    """A document is cut in the middle and no header tells: status and length are right, only reading it fails."""
    sandbox, client = live
    proper = client.call(ENTRIES)
    sandbox.faults.append(Fault(ENTRIES, kind="malformed"))
    answer = client.call(ENTRIES)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == proper.body[: len(proper.body) // 2]
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json


def test_garbage(live: tuple[IdahSandbox, Client]) -> None:
    """Bytes without form where JSON should be; the same ones for the same request."""
    sandbox, client = live
    sandbox.faults.append(Fault(ENTRIES, kind="garbage", times=2))
    first, second = client.call(ENTRIES), client.call(ENTRIES)
    assert (first.status, first.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(UnicodeDecodeError):
        first.body.decode()
    assert first.body != second.body
    sandbox.faults.append(Fault(ENTRIES, kind="garbage"))
    assert client.call(ENTRIES).body == first.body


@pytest.mark.parametrize("path", [ENTRIES, "media/medias/files/x.jpg"])
def test_expired(live: tuple[IdahSandbox, Client], path: str) -> None:
    """An expired token is dead for good, as the platform says in its own words; others and new ones are not."""
    sandbox, client = live
    other = Client(client.url)
    sandbox.faults.append(Fault(path, kind="expired"))
    answer = client.call(path)
    assert answer.error == (401, "Signature has expired")
    assert ("errors" in answer.json) == (path == ENTRIES)
    assert client.call("dataset/projects").error == (401, "Signature has expired")
    assert other.call(ENTRIES).status == 200
    assert Client(client.url).call(ENTRIES).status == 200


def test_slow(live: tuple[IdahSandbox, Client]) -> None:
    """A dripping body comes whole and right, in small pieces with pauses between them."""
    sandbox, client = live
    proper = client.call(ENTRIES)
    sandbox.faults.append(Fault(ENTRIES, kind="slow", drip_bytes=1000, drip_seconds=0.01))
    started = time.monotonic()
    assert client.call(ENTRIES).body == proper.body
    assert time.monotonic() - started > 0.01 * (len(proper.body) // 1000)


def test_truncated_where_it_is_told(live: tuple[IdahSandbox, Client]) -> None:
    """How much of a body comes can be set, also of one that is streamed."""
    sandbox, client = live
    resource = client.call(ENTRIES).json["data"][0]["attributes"]["resource"]
    sandbox.store.set_media(resource, content=bytes(3_000_000))
    sandbox.faults.append(Fault("medias/files", kind="truncate", sent_share=0.9))
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.call(f"media/medias/files/{resource}")
    assert len(caught.value.partial) == 2_700_000
    assert len(client.call(f"media/medias/files/{resource}").body) == 3_000_000


def test_a_head_has_no_body(live: tuple[IdahSandbox, Client]) -> None:
    """Faults of the body leave a HEAD alone."""
    sandbox, client = live
    resource = client.call(ENTRIES).json["data"][0]["attributes"]["resource"]
    sandbox.faults.append(Fault("HEAD", kind="wrong_length"))
    answer = client.call(f"media/medias/files/{resource}", method="HEAD")
    media = sandbox.store.media(resource)
    assert media is not None
    assert (answer.body, int(answer.headers["Content-Length"])) == (b"", media.size + 64)


@pytest.mark.parametrize(
    ("word", "status", "kind", "retry_after"),
    [
        ("503", 503, "status", None),
        ("429", 429, "status", None),
        ("429:2", 429, "status", 2),
        ("html", 502, "html", None),
        ("html:200", 200, "html", None),
        ("redirect:307", 307, "redirect", None),
        ("reset", 500, "reset", None),
    ],
)
def test_faults_by_name(word: str, status: int, kind: str, retry_after: int | None) -> None:
    """A word names a kind with what belongs to it."""
    fault = Fault.named(word, "entries", times=3)
    assert (fault.status, fault.kind, fault.retry_after) == (status, kind, retry_after)
    assert (fault.path_pattern, fault.times) == ("entries", 3)


@pytest.mark.parametrize("word", ["", "nothing", "99", "600", "status", "reset:3", "429:x", "html:ok", "429:-1"])
def test_unknown_names(word: str) -> None:
    """Any other word is refused with what there is."""
    with pytest.raises(ValueError, match=r"There is no fault .*redirect, reset, truncate"):
        Fault.named(word)


# By chance


def fates(chaos: Chaos, sandbox: IdahSandbox, paths: list[str], at_once: int = 1) -> list[int | str]:
    """What comes of each path: a status, or the name of an exception."""
    sandbox.chaos = None
    with sandbox.serve() as url:
        client = Client(url)
        sandbox.chaos = chaos

        def fate(path: str) -> int | str:
            try:
                return client.call(path).status
            except (OSError, http.client.HTTPException) as error:
                return type(error).__name__

        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(fate, paths))


PATHS = [f"{ENTRIES}?page[number]={number}" for number in range(1, 61)]


def test_chaos_repeats_itself() -> None:
    """The same seed hits the same requests in the same way, also when they come at once; another seed hits others."""
    sandbox = IdahSandbox(entries=4)
    kinds = ("503", "429:1", "reset", "html", "redirect")
    once = fates(Chaos(1, 0.5, kinds), sandbox, PATHS)
    assert fates(Chaos(1, 0.5, kinds), sandbox, PATHS, at_once=8) == once
    assert fates(Chaos(2, 0.5, kinds), sandbox, PATHS) != once
    assert {200, 302, 429, 502, 503} < set(once)


def test_chaos_counts_what_it_does() -> None:
    """Hits are counted by kind, and come near the share and the weights asked for."""
    sandbox, chaos = IdahSandbox(entries=4), Chaos(3, 0.4, {"503": 3, "429": 1})
    statuses = Counter(fates(chaos, sandbox, [f"{path}&page[size]={size}" for path in PATHS for size in range(1, 6)]))
    assert {word: statuses[int(word)] for word in ("503", "429")} == chaos.hits
    assert chaos.seen == 300
    assert 0.3 < chaos.hits.total() / 300 < 0.5
    assert 2 < chaos.hits["503"] / chaos.hits["429"] < 4.5


def test_chaos_lets_the_patient_through() -> None:
    """Never more than ``in_a_row`` hits on the same request in a row, even where every request is to be hit."""
    sandbox = IdahSandbox(entries=4)
    assert fates(Chaos(1, 1.0, ["503"], in_a_row=3), sandbox, [ENTRIES] * 8) == [503, 503, 503, 200, 503, 503, 503, 200]
    assert fates(Chaos(1, 1.0, ["503"], in_a_row=0), sandbox, PATHS[:5]) == [200] * 5


def test_chaos_keeps_to_its_pattern() -> None:
    """Only requests that match are up for it, and faults by script go first."""
    sandbox, chaos = IdahSandbox(entries=4), Chaos(1, 1.0, ["503"], path_pattern="entries")
    sandbox.faults.append(Fault(ENTRIES, status=404))
    assert fates(chaos, sandbox, [ENTRIES, "dataset/projects", ENTRIES]) == [404, 200, 503]
    assert chaos.seen == 1


def test_what_a_client_can_bridge(live: tuple[IdahSandbox, Client]) -> None:
    """Whatever the default chaos does, whoever asks again and logs in again gets the proper answer in the end."""
    sandbox, client = live
    proper = client.call(ENTRIES).json
    sandbox.chaos = chaos = Chaos(5, 0.7, in_a_row=4, drip_seconds=0.001)
    for _ in range(60):
        answer = patient(client)
        assert answer.json == proper
    assert set(chaos.hits) == set(BRIDGED)


def patient(client: Client) -> Answer:
    for _ in range(5):
        try:
            answer = client.call(ENTRIES)
            if answer.status == 401:
                # By a path of its own, which meets chaos too: until one passes.
                client.headers.update(_logged_in(client))
                continue
            _ = answer.json["data"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            continue
        return answer
    raise AssertionError("more hits in a row than promised")


def _logged_in(client: Client) -> dict[str, str]:
    for _ in range(5):
        try:
            return {"Authorization": f"Bearer {client.login().json['meta']['token']}"}
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            continue
    raise AssertionError("more hits in a row than promised")


def test_chaos_is_refused_what_makes_no_sense() -> None:
    """Shares beyond 1, no kinds, kinds of weight nothing, and unknown kinds."""
    for share, kinds in ((1.5, ["503"]), (0.5, []), (0.5, {"503": 0.0}), (0.5, {"503": -1.0, "429": 2.0})):
        with pytest.raises(ValueError, match="Chaos takes"):
            Chaos(1, share, kinds)
    with pytest.raises(ValueError, match="There is no fault"):
        Chaos(1, 0.5, ["503", "nothing"])


def test_every_kind_has_a_name() -> None:
    """Each kind of fault is reached by a word, but for the one that statuses stand for."""
    for kind in set(get_args(FaultKind)) - {"status"}:
        assert Fault.named(kind).kind == kind


def test_an_answer_without_an_end(live: tuple[IdahSandbox, Client]) -> None:
    """What was asked for comes again and again, under no length, for as long as anybody listens."""
    sandbox, client = live
    headers = _logged_in(client)
    sandbox.faults.append(Fault("dataset/datasets", kind="endless"))
    connection = http.client.HTTPConnection(*client.address, timeout=10)
    connection.request("GET", "/api/v1/dataset/datasets", headers=headers)
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Length"]) == (200, None)
    assert response.read(1 << 20).count(b'"data":') > 10
    connection.close()


# From plain values


def test_built_from_plain_values() -> None:
    """Values of a command line become a sandbox, faults with their shares become chaos."""
    sandbox = build_sandbox(
        entries=2,
        datasets=2,
        video_datasets=1,
        video_entries=3,
        media_bytes=20_000,
        faults=["503=0.25", "429:1=0.25"],
        seed=9,
    )
    assert [one.entries_total_count for one in sandbox.store.datasets] == [2, 2, 3]
    assert sandbox.store.gallery.seed == 9
    assert isinstance(sandbox.chaos, Chaos)
    statuses = Counter(fates(sandbox.chaos, sandbox, PATHS))
    assert set(statuses) == {200, 429, 503}
    assert 15 < statuses[200] < 45
    assert build_sandbox().chaos is None


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (["503"], "The fault '503' is no KIND=SHARE: give a share of the requests, such as 503=0.05."),
        (["503=lots"], "is no KIND=SHARE"),
        (["503=0"], "is no KIND=SHARE"),
        (["503=1.1"], "is no KIND=SHARE"),
        (["503=nan"], "is no KIND=SHARE"),
        (["noise=0.1"], "There is no fault 'noise'"),
        (["503=0.6", "429=0.6"], "The shares of the faults come to 1.2"),
    ],
)
def test_refused_values(faults: list[str], message: str) -> None:
    """What cannot be is refused with a sentence."""
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        build_sandbox(faults=faults)


def test_latency_in_milliseconds() -> None:
    """Latency passes before every answer."""
    with build_sandbox(entries=1, latency_ms=120).serve() as url:
        client = Client(url)
        started = time.monotonic()
        client.call(ENTRIES)
        assert time.monotonic() - started > 0.12


def test_a_proxy_refuses_long_lines() -> None:
    """Behind a proxy, a request line over 8 KiB is a 414 of HTML, long before the platform's own 10 KiB."""
    with IdahSandbox(entries=1, behind_proxy=True).serve() as url:
        client = Client(url)
        pair = "filter%5Bentry_id%5D%5B%5D=019b5c10-3a2b-7c3d-8e4f-000000000099&"
        assert client.call(f"dataset/annotations?{pair * 115}").status == 200
        answer = client.call(f"dataset/annotations?{pair * 130}")
        assert (answer.status, answer.headers.get_content_type()) == (414, "text/html")
        assert len(pair) * 130 < 10 * 1024
