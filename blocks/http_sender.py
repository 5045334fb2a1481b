"""Requests that bring records to an API: each until it is answered for good, which is accepted or refused.

A request may be sent again after its answer was lost, so it says by a key of its content that it is the same. No
redirect is followed: the secret goes to the host that the block names, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import aiohttp
from yarl import URL

from blocks import http
from exporters.errors import FatalError, RequestError, RetriableError, first_line, quoted

if TYPE_CHECKING:
    from blocks.http_target import HttpTarget

PASSING = (408, 425, 429)
"""What of 4xx another try may get past, besides every 5xx."""
MULTI_STATUS = 207
"""Some of it was accepted and some was not, as the body says in a language that we do not speak."""
ANSWER_BYTES = 64 * 1024
"""Of an answer that is read; the connection is given up when it has more to say."""
ANSWER_SECONDS = 5.0
"""The status has been said by then: an answer that does not end is not waited for."""
LONGEST_SILENCES = 10
"""A request is given up after so many times the longest silence: the head of an answer may come a letter at a time."""
SHOWN_CHARACTERS = 1000


class Outgoing(NamedTuple):
    """A request: what, where to, and the key that is the same whenever it is sent."""

    method: str
    address: str
    body: bytes
    content_type: str
    key: str


class Refusal(NamedTuple):
    """The answer to a request that was refused for good; `status` is 0 where it was not even sent."""

    status: int
    answer: str

    def __str__(self) -> str:
        said = first_line(self.answer)
        return f"{self.status or 'not sent'}" + (f", {quoted(said)}" if said else "")


class Sender:
    """Connections to an API, for the length of an `async with`."""

    def __init__(self, target: HttpTarget) -> None:
        self._target = target
        self._host = target.host
        self._headers = {**target.headers(), "Accept-Encoding": "identity"}
        self._proxy = http.proxy_for(target.host, target.proxy.get_secret_value())
        self._not_before = 0.0

    async def __aenter__(self) -> Self:
        self._session = http.session(self._target, self._target.guard(), aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Outgoing) -> Refusal | None:
        """Send it until it is answered; None when it was accepted.

        Raises:
            RetriableError: the API cannot be reached, or is still overloaded after all tries.
            RequestError: it refuses the credentials, or lives elsewhere. FatalError: it speaks no HTTP that we know.
        """
        return await http.patiently(lambda: self._attempt(request), self._target.attempts)

    async def _attempt(self, request: Outgoing) -> Refusal | None:
        await asyncio.sleep(self._not_before - time.monotonic())
        headers = {"Content-Type": request.content_type} if request.body else {}
        if self._target.idempotency_header:
            headers[self._target.idempotency_header] = request.key
        status, answer, delay = await self._ask(request.method, request.address, request.body, headers)
        if (200 <= status < 300 and status != MULTI_STATUS) or status in self._target.accepted_statuses:
            return None
        if request.method == "DELETE" and status in (404, 410):
            return None  # gone is gone
        self._raise_unless_refused(status, answer, delay)
        return Refusal(status, answer)

    async def head(self, address: str) -> int:
        """The status that the API has for this address, which need not exist.

        Raises:
            RequestError: it refuses the credentials, or lives elsewhere. RetriableError: it cannot be reached.
        """
        status, answer, _ = await self._ask("HEAD", address, b"", {})
        if status in (401, 407) or 300 <= status < 400:
            self._raise_unless_refused(status, answer, None)
        return status

    async def _ask(
        self, method: str, address: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str, float | None]:
        """Status and answer, its secrets taken out, and the wait that it asks for."""
        asking = self._session.request(
            method,
            URL(address, encoded=True),
            data=body or None,
            headers={**self._headers, **headers},
            allow_redirects=False,
            proxy=self._proxy,
        )
        longest = LONGEST_SILENCES * self._target.timeout_seconds
        async with http.translated(self._host), asyncio.timeout(longest), asking as response:
            answer = await _beginning(response)
            delay = http.retry_after_seconds(response.headers.get("Retry-After"))
            return response.status, self._target.without_secrets(answer)[:SHOWN_CHARACTERS], delay

    def _raise_unless_refused(self, status: int, answer: str, delay: float | None) -> None:
        said = f"{self._host} answered {Refusal(status, answer)}"
        if status in PASSING or status >= 500:
            if delay is not None:  # meant for all who ask, not only for the one who heard it
                self._not_before = time.monotonic() + http.wait_seconds(1, delay)
            asked = f" It asks to wait {delay:.0f} seconds." if delay else ""
            raise RetriableError(f"{said}; it may be overloaded, try again later.{asked}", delay)
        if status == 401:
            raise RequestError(f"{said}: it refused the credentials; check auth and secret of the block.")
        if status == 403:
            raise RequestError(f"{said}: this account may not write there; ask for the right to.")
        if status == 407:
            raise RequestError(f"The proxy on the way to {self._host} wants a user and password; give its address so.")
        if 300 <= status < 400:
            raise RequestError(f"{said}: it redirects elsewhere, which is not followed; give the address it leads to.")
        if not (400 <= status < 500 or status == MULTI_STATUS):
            raise FatalError(
                f"{said}, which says neither that it took the records nor that it refused them; check the address."
            )


async def knock(target: HttpTarget, address: str) -> int:
    """What an API has to say to a stranger's knock at an address; see `Sender.head`."""
    async with Sender(target) as sender:
        return await sender.head(address)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The text of an answer as far as it comes: it explains a status that is there already, and changes nothing."""
    data = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError):  # TimeoutError is one
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(data) < ANSWER_BYTES and (chunk := await response.content.read(ANSWER_BYTES - len(data))):
                data += chunk
    if not response.content.at_eof():
        response.close()
    return data.decode("utf-8", "replace")
