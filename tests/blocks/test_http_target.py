"""The HTTP target: what its form takes, what its requests look like, and what each answer of an API means."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from blocks import http
from blocks.http_sender import Outgoing, Refusal, Sender
from blocks.http_target import HttpTarget
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError
from tests.fakes.receiver import Receiver, Trouble, receiving

CANARY = "c4n4ry-s3cr3t"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.001)
    with receiving() as receiver:
        yield receiver


def target(receiver: Receiver, path: str = "/entries", **fields: Any) -> HttpTarget:
    return HttpTarget(url=f"{receiver.url}{path}", auth="bearer", secret=SecretStr(CANARY), **fields)


def send(target: HttpTarget, body: bytes = b'{"id":"a"}', method: str = "POST") -> Refusal | None:
    async def sent() -> Refusal | None:
        async with Sender(target) as sender:
            return await sender.send(Outgoing(method, target.url, body, "application/json", "key-1"))

    return asyncio.run(sent())


# The form

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no scheme": ({"url": "api.example.org/x"}, "“api.example.org/x” is no address of an API"),
    "another scheme": ({"url": "ftp://api.example.org"}, "is no address of an API"),
    "a name in the host": ({"url": "https://{dataset}.example.org/x"}, "has a name in braces in its host"),
    "an unknown name": ({"url": "https://a.org/{id}"}, "holds {id}; with the body record it may hold {dataset}, {e"),
    "an entry of many": ({"url": "https://a.org/{entry}", "body": "ndjson"}, "holds {entry}; with the body ndjson it"),
    "half a brace": ({"url": "https://a.org/{entry"}, "has a brace without its other half"),
    "a space": ({"url": "https://a.org/a b"}, "holds a character that stands in no URL"),
    "a port that is none": ({"url": "https://a.org:port/"}, "is not a valid address"),
    "a user": ({"url": "https://me@a.org/"}, "is given with a user; choose auth basic"),
    "a password": ({"url": "https://u:p@a.org/"}, "A secret in a URL is seen by everyone"),
    "to delete nothing": ({"removed": "delete"}, "does not say which entry"),
    "no secret": ({"auth": "bearer"}, "The block says auth bearer, but has no secret"),
    "a secret of two lines": ({"auth": "bearer", "secret": SecretStr("a\nb")}, "holds a character that no header"),
    "a user with a colon": ({"auth": "basic", "user": "a:b", "secret": SecretStr("x")}, "holds a character that no"),
    "no header": ({"auth": "header", "header": "", "secret": SecretStr("x")}, "“” is no name of a header"),
    "a header of two": ({"idempotency_header": "A: b"}, "“A: b” is no name of a header"),
    "no bundle": ({"ca_bundle": "/nowhere.pem"}, "The CA bundle /nowhere.pem cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_fields_that_cannot_be_right(case: str) -> None:
    """A form that cannot work is refused in a sentence that says which field, before anybody is asked."""
    fields, sentence = WRONG[case]
    made = HttpTarget(**{"url": "https://api.example.org/entries", **fields})
    with pytest.raises(RequestError) as refused:
        made.check()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("values", [{"records_per_request": 0}, {"attempts": 0}, {"connections": 65}], ids=str)
def test_values_that_make_no_sense(values: dict[str, Any]) -> None:
    """A number that could not work is refused when the block is made."""
    with pytest.raises(ValidationError):
        HttpTarget(url="https://api.example.org", **values)


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"auth": "none"}, {}),
        ({"auth": "bearer", "secret": SecretStr("t\n")}, {"Authorization": "Bearer t"}),
        (
            {"auth": "basic", "user": "ü", "secret": SecretStr("p")},
            {"Authorization": f"Basic {base64.b64encode('ü:p'.encode()).decode()}"},
        ),
        ({"auth": "header", "secret": SecretStr("k")}, {"X-API-Key": "k"}),
    ],
    ids=["none", "bearer", "basic", "header"],
)
def test_ways_to_be_known(receiver: Receiver, fields: dict[str, Any], headers: dict[str, str]) -> None:
    """Each way of authorisation is sent as its standard has it, with every request."""
    made = HttpTarget(url=f"{receiver.url}/entries", **fields)
    assert send(made) is None
    (taken,) = receiver.taken
    assert {
        name: taken.headers.get(name) for name in ("Authorization", "X-API-Key") if name in taken.headers
    } == headers
    assert taken.headers["Idempotency-Key"] == "key-1"


def test_names_are_encoded() -> None:
    """Whatever a dataset or an entry is called, it is one segment of the path."""
    made = HttpTarget(url="https://a.org/d/{dataset}/e/{entry}?n={name}")
    names = {"dataset": "a/b?c#d", "entry": "Größe %20", "name": "x&y=z", "export": "e"}
    assert made.address(names) == "https://a.org/d/a%2Fb%3Fc%23d/e/Gr%C3%B6%C3%9Fe%20%2520?n=x%26y%3Dz"
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="cannot be a part of a URL"):
            made.address({**names, "entry": name})


def test_check_says_that_it_is_there(receiver: Receiver) -> None:
    """`check` asks for the head of something that is not there, sends nothing, and is let in."""
    assert target(receiver, "/d/{dataset}/e/{entry}").check() == (
        f"{receiver.url} answers (with 404 to a HEAD of an entry that does not exist)."
    )
    assert [method for method, _ in receiver.asked] == ["HEAD"]


def test_check_says_that_nobody_is_there() -> None:
    """An address at which nobody listens is refused by name."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        made = HttpTarget(url=f"http://127.0.0.1:{taken.getsockname()[1]}/x", query=SecretStr(f"key={CANARY}"))
        with pytest.raises(
            RequestError, match=r"Nothing can be delivered there: http://127.0.0.1:.*cannot be reached"
        ) as no:
            made.check_writable()
    assert CANARY not in str(no.value)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "it refused the credentials"), (308, "it redirects elsewhere, which is not followed")],
)
def test_check_says_that_it_does_not_let_us_in(receiver: Receiver, status: int, sentence: str) -> None:
    """What would end every run is found out before one begins."""
    receiver.troubles.append(Trouble(status=status, heads=True))
    with pytest.raises(RequestError, match=sentence):
        target(receiver).check()


# Answers


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 418, 422, 451, 207])
def test_refusals(receiver: Receiver, status: int) -> None:
    """What another try would not change is a refusal, asked for once, with the beginning of the answer."""
    receiver.troubles.append(Trouble(status=status, body="no such colour " + "x" * 5000, times=None))
    refusal = send(target(receiver))
    assert refusal is not None
    assert (refusal.status, refusal.answer[:15], len(refusal.answer)) == (status, "no such colour ", 1000)
    assert len(receiver.asked) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_passing_trouble(receiver: Receiver, status: int) -> None:
    """What may pass is tried again with the same key, and accepted then; what does not pass ends as retriable."""
    receiver.troubles.append(Trouble(status=status, times=2))
    assert send(target(receiver)) is None
    assert [headers["Idempotency-Key"] for _, headers in receiver.asked] == ["key-1"] * 3

    receiver.troubles.append(Trouble(status=status, times=None))
    with pytest.raises(RetriableError, match=f"answered {status}, “out of order”; it may be overloaded"):
        send(target(receiver, attempts=3))
    assert len(receiver.asked) == 6


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (Trouble(status=401, body="who are you"), "answered 401, “who are you”: it refused the credentials"),
        (Trouble(status=403), "answered 403, “out of order”: this account may not write there"),
        (Trouble(status=302, headers={"Location": "/elsewhere"}), "it redirects elsewhere, which is not followed"),
    ],
    ids=["401", "403", "302"],
)
def test_what_is_not_about_a_record(receiver: Receiver, trouble: Trouble, sentence: str) -> None:
    """Credentials that do not hold, and addresses that lead elsewhere, end the run at once."""
    receiver.troubles.append(trouble)
    with pytest.raises(RequestError) as refused:
        send(target(receiver))
    assert sentence in str(refused.value)
    assert len(receiver.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    """The secret, and the records, go to the host of the block and to no other."""
    with receiving() as stranger:
        receiver.troubles.append(Trouble(status=status, headers={"Location": f"{stranger.url}/entries"}))
        with pytest.raises(RequestError):
            send(target(receiver))
        assert stranger.asked == []


def test_retry_after_is_kept(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait that an API asks for, in seconds or as a date, is waited; one of an hour is left to a later run."""
    waited: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await real(0)

    then = datetime.now(UTC) + timedelta(seconds=40)
    receiver.troubles += [
        Trouble(status=429, headers={"Retry-After": "17"}),
        Trouble(status=503, headers={"Retry-After": format_datetime(then, usegmt=True)}),
        Trouble(status=429, headers={"Retry-After": "3600"}),
    ]
    monkeypatch.setattr(http.asyncio, "sleep", sleep)
    with pytest.raises(RetriableError) as asked:
        send(target(receiver))
    assert waited.count(17.0) == 1
    assert [one for one in waited if 35 < one <= 40]
    assert asked.value.delay_seconds == 3600
    assert "asks to wait 3600 seconds" in str(asked.value)


@pytest.mark.parametrize("kind", ["reset", "stall"])
def test_lost_answers(receiver: Receiver, kind: Any) -> None:
    """A request whose answer never came is sent again, with the same key: it may have been taken."""
    receiver.troubles.append(Trouble(kind=kind, takes=True))
    assert send(target(receiver, timeout_seconds=0.3)) is None
    assert [taken.headers["Idempotency-Key"] for taken in receiver.taken] == ["key-1", "key-1"]


@pytest.mark.parametrize("kind", ["truncate", "huge", "drip"])
@pytest.mark.parametrize("status", [201, 422])
def test_answers_that_do_not_end(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, kind: Any, status: int) -> None:
    """The status is the answer: what comes behind it is read in part, and not waited for."""
    monkeypatch.setattr("blocks.http_sender.ANSWER_SECONDS", 0.5)
    receiver.troubles.append(Trouble(kind=kind, status=status, takes=status == 201))
    refusal = send(target(receiver))
    assert (refusal and refusal.status) == (None if status == 201 else 422)
    assert len(receiver.asked) == 1


def test_a_head_that_does_not_end() -> None:
    """An API that says one header after the other is not listened to for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not gone.wait(0.02):
                    connection.sendall(b"X: y\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        made = HttpTarget(url=f"http://127.0.0.1:{server.getsockname()[1]}/x", timeout_seconds=0.1, attempts=1)
        try:
            with pytest.raises(RetriableError, match="did not answer in time"):
                send(made)
        finally:
            gone.set()
            thread.join()


@pytest.mark.parametrize(
    "body", ["", "<html>ok</html>", "\x00\ufffd", "[" * 10_000], ids=["none", "html", "binary", "deep"]
)
def test_accepting_answers_need_not_be_json(receiver: Receiver, body: str) -> None:
    """Nothing is read into what an API says beside its status."""
    receiver.troubles.append(Trouble(status=200, body=body, takes=True))
    assert send(target(receiver)) is None


def test_secrets_that_are_said_back(receiver: Receiver) -> None:
    """An answer that holds what we sent, authorisation and all, is kept without it."""
    basic = base64.b64encode(f"me:{CANARY}".encode()).decode()
    receiver.troubles.append(Trouble(status=400, body=f"bad: Basic {basic} / {CANARY}"))
    made = HttpTarget(url=f"{receiver.url}/x", auth="basic", user="me", secret=SecretStr(CANARY))
    assert send(made) == Refusal(400, "bad: Basic *** / ***")
    receiver.troubles.append(Trouble(status=400, body='{"token": "a\\"\\u00fc/b"} a%22%C3%BC%2Fb'))
    made = HttpTarget(url=f"{receiver.url}/x", auth="header", secret=SecretStr('a"ü/b'))
    assert send(made) == Refusal(400, '{"token": "***"} ***')


def test_control_characters_are_shown(receiver: Receiver) -> None:
    """An answer does not move the cursor of who reads about it."""
    receiver.troubles.append(Trouble(status=401, body="\x1b[2J\x07gone"))
    with pytest.raises(OuthaulError) as refused:
        send(target(receiver))
    assert str(refused.value).isprintable()


def test_further_statuses(receiver: Receiver) -> None:
    """A status that the block says means accepted does; a DELETE of what is gone is done."""
    receiver.troubles += [Trouble(status=409), Trouble(status=404), Trouble(status=410)]
    assert send(target(receiver, accepted_statuses=[409])) is None
    assert send(target(receiver), b"", "DELETE") is None
    assert send(target(receiver), b"", "DELETE") is None


def test_a_status_of_no_meaning(receiver: Receiver) -> None:
    """A status that HTTP does not have is neither: the run ends."""
    receiver.troubles.append(Trouble(status=777, times=None))
    with pytest.raises((FatalError, RetriableError)):
        send(target(receiver, attempts=1))
