"""Who is told news of exports over HTTP, as a Prefect block: each message signed, so that it can be believed."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import aiohttp
from prefect.blocks.core import Block
from pydantic import Field, SecretStr
from yarl import URL

from blocks import http
from blocks.connection_fields import CaBundle, Query, VerifySsl
from blocks.guard import Guard
from blocks.urls import refuse_credentials, with_query, without_credentials
from blocks.webhook_signature import read_secret, sign
from exporters.errors import FatalError, RequestError, RetriableError, quoted

LONGEST_SECONDS = 60.0


class Webhook(Block):
    """An address that is told news of exports, by messages signed as standardwebhooks.com has it.

    Example:
        ```python
        from blocks.webhook import Webhook

        Webhook(url="https://ci.example.org/datasets", secret="whsec_...").save("training")
        hook = Webhook.load("training")  # on the command line: outhaul serve --notify outhaul-webhook/training
        ```
    """

    _block_type_name = "Outhaul Webhook"
    _block_type_slug = "outhaul-webhook"
    _description = "An address that is told of exports, by signed messages."

    url: str = Field(default=..., title="URL", description="Where messages are posted to.")
    query: Query = SecretStr("")
    secret: SecretStr = Field(
        default=...,
        description="24 to 64 random bytes as base64 (openssl rand -base64 32); whoever checks signatures has it too.",
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, title="Timeout (seconds)", description="Longest silence before another try."
    )
    verify_ssl: VerifySsl = True
    ca_bundle: CaBundle = ""

    @property
    def connections(self) -> int:
        return 1

    @property
    def user_agent(self) -> str:
        return ""

    @property
    def shown(self) -> str:
        """The address as it may be shown: what follows the host is often a secret."""
        return http.host_of(without_credentials(self.url.strip()))

    def send(self, message_id: str, body: bytes) -> None:
        """Post a JSON message, signed anew with each try, with the same id.

        Raises:
            RequestError: the block cannot be right. RetriableError: nobody is there to take it, or not now.
            FatalError: it is refused.
        """
        secret, url = read_secret(self.secret.get_secret_value()), self._checked_url()

        async def attempt() -> None:
            headers = sign(secret, message_id, int(time.time()), body) | {"Content-Type": "application/json"}
            proxy = http.proxy_for(self.url)
            async with http.translated(self.shown), asyncio.timeout(LONGEST_SECONDS):
                guard = Guard(self.url, proxy=proxy or "")
                async with (
                    http.session(self, guard, aiohttp.DummyCookieJar()) as session,
                    session.post(url, data=body, headers=headers, allow_redirects=False, proxy=proxy) as response,
                ):
                    _raise_unless_taken(self.shown, response)

        asyncio.run(http.patiently(attempt))

    def check(self) -> str:
        """Whether a message is taken there, in a sentence. It says that it is a trial.

        Raises:
            RequestError: it is not; says why.
        """
        self.send(f"outhaul-check-{time.time_ns()}", b'{"type":"outhaul.check","data":{}}')
        return f"{self.shown} takes signed messages."

    def _checked_url(self) -> URL:
        url = self.url.strip()
        refuse_credentials(url)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise RequestError(f"{quoted(self.shown)} is no address to post to; give one that begins with https://.")
        return URL(with_query(url, self.query.get_secret_value()), encoded=True)


def _raise_unless_taken(shown: str, response: aiohttp.ClientResponse) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    if status in (408, 425, 429) or status >= 500:
        delay = http.retry_after_seconds(response.headers.get("Retry-After"))
        raise RetriableError(f"{shown} answered {status}; it may be overloaded, try again later.", delay)
    if status in (401, 403):
        raise FatalError(f"{shown} refused the message ({status}); compare the secrets at both ends.")
    raise FatalError(f"{shown} does not take the message ({status}); check the address of the block.")
