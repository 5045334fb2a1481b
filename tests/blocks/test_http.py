"""Waiting, retrying and naming what went wrong on the network."""

from __future__ import annotations

import asyncio
import inspect
import math
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import client_exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import http
from blocks.http import NotFoundError, UnauthorizedError, retry_after_seconds, wait_seconds
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError

# Waiting


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.15, 0.3), (2, 0.3, 0.6), (3, 0.6, 1.2), (30, 30.0, 60.0)])
def test_waits_double_up_to_a_minute(attempt: int, least: float, most: float) -> None:
    """Each wait is up to twice the one before, never over a minute, and never the same for all."""
    waits = {wait_seconds(attempt, None) for _ in range(200)}
    assert least <= min(waits) < max(waits) <= most
    assert len(waits) > 100


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.0), (2.5, 2.5), (60.0, 60.0), (3600.0, 60.0)])
def test_what_the_server_asks_for_is_waited(asked: float, waited: float) -> None:
    """The wait that a server asks for is kept to the letter, up to a minute."""
    assert wait_seconds(1, asked) == wait_seconds(9, asked) == waited


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-5", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """`Retry-After` is read as seconds or as a date; what makes no sense counts as not said."""
    assert retry_after_seconds(value) == seconds


def test_retry_after_as_a_date() -> None:
    """A date means the time until then."""
    then = datetime.now(UTC) + timedelta(seconds=30)
    assert retry_after_seconds(format_datetime(then, usegmt=True)) == pytest.approx(30, abs=2)


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,8}"))
def test_no_retry_after_breaks_anything(value: str) -> None:
    """Whatever a server writes there, it is a time from now on, or nothing."""
    seconds = retry_after_seconds(value)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


def test_trying_patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be tried again is, four times in all with the waits between; the last error comes out."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(http.asyncio, "sleep", sleep)
    errors = [RetriableError("1"), RetriableError("2", 7.0), RetriableError("3"), RetriableError("4")]

    async def attempt(left: list[OuthaulError]) -> str:
        if left:
            raise left.pop(0)
        return "done"

    def run(count: int) -> str:
        left: list[OuthaulError] = list(errors[:count])
        return asyncio.run(http.patiently(lambda: attempt(left)))

    assert [run(count) for count in range(4)] == ["done"] * 4
    assert len(waits) == 6
    assert waits.count(7.0) == 2
    waits.clear()
    with pytest.raises(RetriableError, match="4"):
        run(4)
    assert len(waits) == 3


def test_not_everything_is_tried_again() -> None:
    """What trying again cannot change comes out at once."""
    for error in (FatalError("x"), RequestError("x"), SkippableError("e", "x"), KeyError("x")):
        tries = []

        async def attempt(error: Exception = error, tries: list[int] = tries) -> None:
            tries.append(1)
            raise error

        with pytest.raises(type(error)):
            asyncio.run(http.patiently(attempt))
        assert tries == [1]


# What statuses mean


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (201, FatalError),
        (204, FatalError),
        (301, http.ElsewhereError),
        (302, http.ElsewhereError),
        (304, http.ElsewhereError),
        (307, http.ElsewhereError),
        (400, FatalError),
        (401, UnauthorizedError),
        (403, http.ForbiddenError),
        (404, NotFoundError),
        (408, RetriableError),
        (410, FatalError),
        (413, FatalError),
        (414, FatalError),
        (422, FatalError),
        (429, RetriableError),
        (451, FatalError),
        (500, RetriableError),
        (502, RetriableError),
        (503, RetriableError),
        (504, RetriableError),
        (599, RetriableError),
    ],
)
def test_statuses(status: int, expected: type[OuthaulError] | None) -> None:
    """Only 200 is an answer; every other status is an error named by what can be done, with the server's words."""
    response = cast("Any", SimpleNamespace(status=status, headers={"Retry-After": "3"}))
    if expected is None:
        http.check_status(response, "the server", "words")
        return
    with pytest.raises(OuthaulError, match="the server") as caught:
        http.check_status(response, "the server", "words")
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    if not 300 <= status < 400:
        assert "(words)" in str(caught.value)
    if isinstance(caught.value, RetriableError):
        assert caught.value.delay_seconds == 3.0


# What exceptions mean

_KEY = SimpleNamespace(host="host", port=443, ssl=True, is_ssl=True)
_REQUEST = SimpleNamespace(real_url="http://host/?key=canary", url="http://host", method="GET", headers={})
_GIVEN: dict[str, Any] = {
    "connection_key": _KEY,
    "os_error": OSError(111, "refused"),
    "certificate_error": ssl.SSLCertVerificationError("self-signed"),
    "path": "/socket",
    "request_info": _REQUEST,
    "history": (),
    "expected": b"1" * 32,
    "got": b"2" * 32,
    "host": "host",
    "port": 443,
    "url": "http://canary@host",
    "message": None,
}


def _client_errors() -> Iterator[type[Exception]]:
    """Every exception that aiohttp's client raises while asking and reading, besides those of web sockets."""
    for name, kind in vars(client_exceptions).items():
        is_own = inspect.isclass(kind) and kind.__module__ == client_exceptions.__name__
        if is_own and issubclass(kind, Exception) and not name.startswith("WS"):
            yield kind


def _made(kind: type[Exception]) -> Exception:
    parameters = inspect.signature(kind.__init__).parameters
    needed = [
        name
        for name, one in list(parameters.items())[1:]
        if one.default is inspect.Parameter.empty and one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return kind(*(_GIVEN[name] for name in needed))


@pytest.mark.parametrize("kind", list(_client_errors()), ids=lambda kind: str(kind.__name__))
def test_no_exception_of_the_client_escapes(kind: type[Exception]) -> None:
    """Each exception of the client library becomes one of ours, in one sentence without an address's secrets."""

    async def fail() -> None:
        async with http.translated("IDAH at http://host"):
            raise _made(kind)

    with pytest.raises(OuthaulError, match="IDAH at http://host") as caught:
        asyncio.run(fail())
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    is_ours = issubclass(kind, aiohttp.InvalidURL | aiohttp.ClientConnectorCertificateError)
    is_ours = is_ours or issubclass(kind, aiohttp.NonHttpUrlClientError)
    assert isinstance(caught.value, RequestError if is_ours else RetriableError)


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionResetError(), BrokenPipeError(), ssl.SSLError(1, "bad record")], ids=repr
)
def test_exceptions_of_the_system(error: Exception) -> None:
    """What the system says about a connection can be tried again."""

    async def fail() -> None:
        async with http.translated("there"):
            raise error

    with pytest.raises(RetriableError, match="there"):
        asyncio.run(fail())


def test_other_exceptions_pass() -> None:
    """Our own errors, and mistakes of ours, are not turned into anything."""
    for error in (SkippableError("e", "x"), NotFoundError("x"), KeyError("x"), asyncio.CancelledError()):

        async def fail(error: BaseException = error) -> None:
            async with http.translated("there"):
                raise error

        with pytest.raises(type(error)):
            asyncio.run(fail())


# Servers that speak no HTTP


@contextmanager
def _answering(data: bytes) -> Iterator[str]:
    """A server that answers every connection with these bytes."""

    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.connection.recv(65536)
            self.connection.sendall(data)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
    ids=lambda data: ascii(data[:40]),
)
def test_answers_that_are_none(data: bytes) -> None:
    """An answer that is no HTTP, or not the one that it says, can be tried again; no other exception comes out."""

    async def ask(url: str) -> bytes:
        async with http.translated("there"), aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    with _answering(data) as url, pytest.raises(RetriableError, match="there"):
        asyncio.run(ask(url))


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("LONGEST_ANSWER_BYTES", 20, "without an end"), ("LONGEST_ANSWER_SECONDS", 0.05, "did not answer in time")],
)
def test_answers_without_an_end(monkeypatch: pytest.MonkeyPatch, limit: str, value: float, said: str) -> None:
    """An answer that goes on for ever fills no memory, and one that drips is not waited for until it is there."""
    monkeypatch.setattr(http, limit, value)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(0.001)

    async def ask() -> bytes:
        async with await asyncio.start_server(drip, "127.0.0.1", 0) as server, aiohttp.ClientSession() as session:
            port = server.sockets[0].getsockname()[1]
            async with http.translated("there"), session.get(f"http://127.0.0.1:{port}/") as response:
                return await http.read_answer(response, "there")

    with pytest.raises(RetriableError, match=f"there.*{said}"):
        asyncio.run(ask())


# Addresses


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://idah.example.org/", "https://idah.example.org"),
        ("http://someone:canary@Host:8443/path?key=canary#canary", "http://host:8443"),
        ("https://[::1]:8443/x", "https://[::1]:8443"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    """Scheme, host and port are shown of an address, never a user name, a password, a path or a query."""
    assert http.host_of(url) == shown


@pytest.mark.parametrize(
    "url", ["", "host", "someone:canary@host", "//someone:canary@host/", "https://", "http://[", "http://h:x"]
)
def test_what_is_shown_of_no_address(url: str) -> None:
    """Of what is no address nothing secret is shown either, and it is no breakdown."""
    try:
        assert "canary" not in http.host_of(url)
    except RequestError as error:
        assert "canary" not in str(error)  # noqa: PT017 - either will do


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("filter[a]", "filter[b__in][]", "page[size]")), st.text(min_size=1))))
def test_queries_are_read_back(pairs: list[tuple[str, str]]) -> None:
    """Any value goes into a query and comes out of it; brackets of names stay short."""
    try:
        text = http.query_text(pairs)
    except UnicodeEncodeError:
        assert any("\ud800" <= character <= "\udfff" for _, value in pairs for character in value)
        return
    assert parse_qsl(text, keep_blank_values=True) == pairs
    assert "%5B" not in text.partition("=")[0]
    assert " " not in text


async def _asks_for(delay_seconds: float) -> int:
    """How often something is tried that wants `delay_seconds` between two attempts."""
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        raise RetriableError("busy", delay_seconds)

    with pytest.raises(RetriableError):
        await http.patiently(attempt, attempts=3)
    return tries


def test_a_server_that_asks_for_long_is_not_asked_too_early() -> None:
    """A wait longer than we can bridge ends the attempts at once; a short one is waited for."""
    assert asyncio.run(_asks_for(600)) == 1
    assert asyncio.run(_asks_for(0.01)) == 3
