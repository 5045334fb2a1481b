"""JSON and media over HTTP, with the retries that a network needs and errors that say what to do.

Every request made here may be repeated: sources only read.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import math
import os
import random
import ssl
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from blocks import stopping
from blocks.guard import Guard, refusal_of
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError
from exporters.version import version_of

ATTEMPTS = 4
"""Tries of one request before the task that made it fails and is retried as a whole."""
FIRST_WAIT_SECONDS = 0.3
LONGEST_WAIT_SECONDS = 60.0
"""A server that asks for more is left to the retries of the task, and to the next run."""
CHUNK_BYTES = 256 * 1024
LONGEST_ANSWER_BYTES = 512 << 20
"""Of an answer that is held in memory; a page of a thousand entries, full of masks, has a tenth of it."""
LONGEST_ANSWER_SECONDS = 900.0
"""For all of it, however small the drops are that keep it from falling silent."""
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""What OpenSSL says of a far end that answers in clear."""

C = TypeVar("C")
T = TypeVar("T")

Step = Coroutine[None, None, Sequence[T]]


class UnauthorizedError(RequestError):
    """The credentials were refused."""


class ForbiddenError(RequestError):
    """The account may not read that."""


class NotFoundError(RequestError):
    """There is no such thing at that address."""


class ElsewhereError(RetriableError):
    """A web page or a redirect came where an API was expected: a proxy's maintenance page, or the wrong address."""


def wait_seconds(attempt: int, asked: float | None) -> float:
    """How long to wait after the failed `attempt` (from 1): what the server asked for, else doubling, with jitter."""
    if asked is not None:
        return min(asked, LONGEST_WAIT_SECONDS)
    ceiling = min(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), LONGEST_WAIT_SECONDS)
    return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing


async def patiently(attempt: Callable[[], Awaitable[T]], attempts: int = ATTEMPTS) -> T:
    """The result of `attempt`, tried again as long as it raises RetriableError and tries are left."""
    for number in range(1, attempts):
        try:
            return await attempt()
        except RetriableError as error:
            if (error.delay_seconds or 0) > LONGEST_WAIT_SECONDS:
                raise
            await asyncio.sleep(wait_seconds(number, error.delay_seconds))
    return await attempt()


def at_once(connection: AbstractAsyncContextManager[C], question: Callable[[C], Awaitable[T]]) -> T:
    """What one question over a connection brings, to those who are no coroutine; a run that ends, ends it."""

    async def ask() -> T:
        async with connection as client:
            return await question(client)

    return asyncio.run(stopping.watched(ask()))


def stepwise(connection: AbstractAsyncContextManager[C], work: Callable[[C], Iterator[Step[T]]]) -> Iterator[T]:
    """What each step of a work over one connection brings, to those who are no coroutine; a run that ends, ends it."""
    with asyncio.Runner() as runner:
        client = runner.run(connection.__aenter__())
        try:
            for step in work(client):
                yield from runner.run(stopping.watched(step))
        finally:
            runner.run(connection.__aexit__(None, None, None))


async def together(*work: Awaitable[T]) -> list[T]:
    """The results of all, in order. When one fails the others are ended first, and their connections with them."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def retry_after_seconds(value: str | None) -> float | None:
    """The `Retry-After` header: seconds or a date; None when it is missing or senseless."""
    if not value:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


async def read_answer(response: aiohttp.ClientResponse, what: str) -> bytes:
    """An answer that is to be held; one that has no end, or takes for ever, fills neither memory nor time.

    Raises:
        RetriableError: it is too long, or takes too long.
    """
    chunks, size = [], 0
    async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > LONGEST_ANSWER_BYTES:
                response.close()
                raise RetriableError(f"{what} sends an answer without an end; it may be out of order, try again later.")
    return b"".join(chunks)


def date_of(response: aiohttp.ClientResponse) -> datetime | None:
    """When the far end says it answered, by its own clock, to the second; None when it does not say."""
    return _date(response.headers.get("Date", ""))


@functools.lru_cache(maxsize=16)  # a thousand answers say the same second
def _date(text: str) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None


def tls(verify: bool, ca_bundle: str) -> ssl.SSLContext | bool:
    """What aiohttp wants to know about certificates."""
    if not verify:
        return False
    if not ca_bundle:
        return True
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError):
        raise RequestError(f"The CA bundle {ca_bundle} cannot be read; give the path of a PEM file.") from None


def proxy_for(url: str, given: str = "") -> str | None:
    """The proxy to go through: the one given, else what the environment (`HTTPS_PROXY`, `NO_PROXY`) says, or none."""
    if given:
        return given
    target = urllib.parse.urlsplit(url)
    if not target.hostname or urllib.request.proxy_bypass_environment(target.netloc):  # type: ignore[attr-defined]
        return None
    return urllib.request.getproxies_environment().get(target.scheme)


class Settings(Protocol):
    """What the connections of a platform are opened with."""

    @property
    def connections(self) -> int: ...
    @property
    def timeout_seconds(self) -> float: ...
    @property
    def verify_ssl(self) -> bool: ...
    @property
    def ca_bundle(self) -> str: ...
    @property
    def user_agent(self) -> str: ...


def session(
    settings: Settings, guard: Guard, cookies: aiohttp.abc.AbstractCookieJar | None = None
) -> aiohttp.ClientSession:
    """Connections to a platform, and to where it leads; closed by whoever asked for them."""
    return aiohttp.ClientSession(
        connector=guard.connector(limit=settings.connections, ssl=tls(settings.verify_ssl, settings.ca_bundle)),
        middlewares=(guard.middleware,),
        timeout=silence(settings.timeout_seconds),
        cookie_jar=cookies,
        read_bufsize=CHUNK_BYTES,
        headers={"User-Agent": settings.user_agent or f"outhaul/{version_of('outhaul')}"},
    )


def silence(seconds: float) -> aiohttp.ClientTimeout:
    """However long an answer takes in all, it may be silent for so long."""
    return aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=seconds)


@asynccontextmanager
async def translated(what: str) -> AsyncIterator[None]:
    """Turn the client library's exceptions into ours; `what` names the far end in the message, without secrets."""
    try:
        yield
    except OuthaulError:
        raise
    except aiohttp.ClientConnectorCertificateError as error:
        reason = getattr(error.certificate_error, "verify_message", "")
        said = f" ({reason.rstrip('.')})" if reason else ""
        raise RequestError(
            f"The certificate of {what} cannot be verified{said}; give a CA bundle, or switch verify_ssl off for a "
            f"test."
        ) from None
    except (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError) as error:
        said = f" ({error.status})" if isinstance(error, aiohttp.ClientHttpProxyError) else ""
        raise RetriableError(f"The proxy on the way to {what} does not let us through{said}; check it.") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise RequestError(f"{what} is not a valid address; check the URL.") from None
    except (TimeoutError, aiohttp.ServerTimeoutError):
        raise RetriableError(f"{what} did not answer in time; it may be overloaded, try again later.") from None
    except aiohttp.ClientConnectorError as error:
        if refusal := refusal_of(error):
            raise refusal from None
        if isinstance(error.os_error, ssl.SSLError) and error.os_error.reason in NOT_TLS:
            raise RequestError(f"{what} does not speak TLS, as https needs; check the address.") from None
        raise RetriableError(
            f"{what} cannot be reached ({_reason(error.os_error)}); check the address and that it is up."
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        raise RetriableError(f"{what} broke off the connection ({type(error).__name__}); try again later.") from None


def check_status(
    response: aiohttp.ClientResponse, what: str, detail: str = "", *, expected: Container[int] = (200,)
) -> None:
    """Raise what a status other than the expected ones means.

    Raises:
        UnauthorizedError: 401. ForbiddenError: 403. NotFoundError: 404. RequestError: 407. RetriableError: 408, 429
            and 5xx, with the delay the server asked for. ElsewhereError: 3xx. FatalError: anything else.
    """
    status = response.status
    if status in expected:
        return
    said = f" ({detail})" if detail else ""
    if status == 401:
        raise UnauthorizedError(f"{what} refused the credentials{said}; check the key, or make a new one.")
    if status == 403:
        raise ForbiddenError(f"{what} does not allow this account to read here{said}; ask for the right to read.")
    if status == 407:
        raise RequestError(f"The proxy on the way to {what} wants a user and password; put them into its address.")
    if status == 404:
        raise NotFoundError(f"{what} has nothing there{said}; check the address and the ids.")
    delay = retry_after_seconds(response.headers.get("Retry-After"))
    if status in (408, 429) or status >= 500:
        raise RetriableError(f"{what} answered {status}{said}; it may be overloaded, try again later.", delay)
    if 300 <= status < 400:
        raise ElsewhereError(
            f"{what} redirects elsewhere ({status}); check the address, it may need https or a login.", delay
        )
    raise FatalError(f"{what} answered {status}{said}; this request will not succeed, please report it.")


def host_of(url: str) -> str:
    """Scheme, host and port: fit for messages and manifests, never user name, password, path or query."""
    shown = url.rpartition("@")[2]
    try:
        parsed = URL(url)
        return str(parsed.origin()) if parsed.scheme and parsed.host else shown
    except ValueError:
        raise RequestError(f"{shown!r} is not a valid address; check the URL.") from None


def query_text(pairs: Iterable[tuple[str, str]]) -> str:
    """A query string with brackets as they are (they would treble in length) and everything else encoded."""
    return "&".join(f"{quote(name, safe='[]')}={encoded(value)}" for name, value in pairs)


def encoded(text: str) -> str:
    """A text as one segment of a path, or one value of a query."""
    return quote(text, safe="")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return (text or type(error).__name__).lower()
