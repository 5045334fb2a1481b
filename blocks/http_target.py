"""An HTTP API that the records of exports are sent to, as a Prefect block with a form; `blocks.http_sender` sends."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks import http
from blocks.connection_fields import CaBundle, ProxyAddress, Query, VerifySsl
from blocks.guard import Guard
from blocks.http_sender import knock
from blocks.urls import bare_query, refuse_credentials, with_query, without_credentials
from exporters.errors import OuthaulError, RequestError, quoted

NAMES = ("dataset", "entry", "export", "name")
"""What a URL may hold in braces: the ids of dataset, entry and export, and the export's name."""
OF_ONE_RECORD = "record"
_NAME = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a name of a header consists of (RFC 9110)."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SHORTEST_SECRET = 8
"""Shorter values of a query are struck out of nothing: they would be found in half of all words."""
PROBE = "outhaul-check"
"""Stands for every name when it is tried out whether the API is there."""


class HttpTarget(Block):
    """An API that takes the records of exports, one entry after the other or many at once.

    Example:
        ```python
        from blocks.http_target import HttpTarget

        HttpTarget(
            url="https://api.example.org/datasets/{dataset}/entries/{entry}", method="PUT", auth="bearer", secret="..."
        ).save("catalogue")
        target = HttpTarget.load("catalogue")  # on the command line: --to block:outhaul-http-target/catalogue
        ```
    """

    _block_type_name = "Outhaul HTTP Target"
    _block_type_slug = "outhaul-http-target"
    _description = "An HTTP API to send the records of exports to."

    url: str = Field(
        default=...,
        title="URL",
        description="Where each request goes; may hold {dataset}, {entry}, {export} and {name}, such as "
        "https://api.example.org/datasets/{dataset}/entries/{entry}.",
    )
    query: Query = SecretStr("")
    method: Literal["POST", "PUT"] = Field(default="POST", description="Of each request.")
    body: Literal["record", "json array", "ndjson"] = Field(
        default="record", description="One record a request, or many as a JSON array or as lines of JSON."
    )
    records_per_request: int = Field(
        title="Records per request",
        default=100,
        ge=1,
        le=100_000,
        description="At most so many records in an array, or lines.",
    )
    bytes_per_request: int = Field(
        title="Bytes per request",
        default=1_000_000,
        ge=1,
        le=1 << 28,
        description="At most so many bytes of them; a longer record goes alone.",
    )
    removed: Literal["record", "delete"] = Field(
        default="record",
        description="What tells of an entry that is gone: a record with removed=true, or a DELETE of its URL.",
    )
    order: Literal["any", "kept"] = Field(
        default="any", description="Kept: one request at a time, in the order of the export."
    )
    auth: Literal["none", "bearer", "basic", "header"] = Field(
        default="none", description="How the API knows us: a bearer token, user and password, or a header of its own."
    )
    secret: SecretStr = Field(
        default=SecretStr(""), description="The bearer token, the password, or the value of the header."
    )
    user: str = Field(default="", description="With basic: goes with the password.")
    header: str = Field(default="X-API-Key", description="With header: its name.")
    idempotency_header: str = Field(
        title="Idempotency header",
        default="Idempotency-Key",
        description="Header whose value is the same whenever the same is sent again; empty: none.",
    )
    refused: Literal["fail", "set aside"] = Field(
        default="fail",
        description="What a refused record (4xx but 401, 403, 408, 425 and 429) means: the run fails, or goes on and "
        "keeps it in a file with the answer.",
    )
    refused_limit: int = Field(
        title="Refused limit",
        default=1000,
        ge=1,
        le=1_000_000,
        description="With set aside: more refused records than this fail the run.",
    )
    accepted_statuses: list[int] = Field(
        title="Accepted statuses",
        default_factory=list,
        description="Further statuses that mean accepted, such as 409 where an API says so of what it has already.",
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="Tries of a request, before the whole delivery is tried again."
    )
    connections: int = Field(default=4, ge=1, le=64, description="Requests at the same time.")
    timeout_seconds: float = Field(
        title="Timeout (seconds)", default=30.0, gt=0, description="Longest silence of the API before another try."
    )
    verify_ssl: VerifySsl = True
    ca_bundle: CaBundle = ""
    proxy: ProxyAddress = SecretStr("")
    user_agent: str = Field(
        title="User agent", default="", description="What we call ourselves to the API; empty: outhaul/VERSION."
    )

    @property
    def shown(self) -> str:
        """The URL as it may be shown: without a query, which may be a secret."""
        return without_credentials(self.url)

    @property
    def host(self) -> str:
        """The API in messages."""
        return http.host_of(self.url)

    @property
    def is_one_by_one(self) -> bool:
        return self.body == OF_ONE_RECORD

    def names(self) -> set[str]:
        """Those that the URL holds in braces."""
        return set(_NAME.findall(self.url))

    def identity(self) -> dict[str, Any]:
        """What tells this place from others, without a secret."""
        return {"kind": self.get_block_type_slug(), "method": self.method, "url": self.url}

    def address(self, names: Mapping[str, str]) -> str:
        """The URL with these names in it, percent-encoded.

        Raises:
            ValueError: one of them cannot be a part of a path, because every server would read it as something else.
        """

        def encoded(match: re.Match[str]) -> str:
            value = names[match[1]]
            if value in ("", ".", ".."):
                raise ValueError(f"The {match[1]} {quoted(value)} cannot be a part of a URL.")
            return http.encoded(value)

        return with_query(_NAME.sub(encoded, self.url.strip()), self.query.get_secret_value())

    def headers(self) -> dict[str, str]:
        """What goes with every request, secrets among it."""
        secret = self._secret
        match self.auth:
            case "bearer":
                return {"Authorization": f"Bearer {secret}"}
            case "basic":
                return {"Authorization": f"Basic {self._basic}"}
            case "header":
                return {self.header: secret}
        return {}

    def without_secrets(self, text: str) -> str:
        """What an API says, which may be what it was told."""
        secrets = {self._secret, self._basic if self.auth == "basic" else "", self.proxy.get_secret_value()}
        query = bare_query(self.query.get_secret_value())
        secrets |= {query, *(value for _, value in parse_qsl(query) if len(value) >= SHORTEST_SECRET)}
        forms = {form for one in secrets for form in (one, json.dumps(one)[1:-1], http.encoded(one))}
        for form in sorted(filter(None, forms), key=len, reverse=True):
            text = text.replace(form, "***")
        return text

    def guard(self) -> Guard:
        """Of the API's own address: it may be anywhere but where a cloud keeps its secrets."""
        return Guard(self.url, proxy=self.proxy.get_secret_value())

    def check(self) -> str:
        """Whether the API is there and lets us in, in a sentence. Asks for the head of an address that has nothing.

        Raises:
            RequestError: it is not, or a field of this block cannot be right; says what is wrong with it.
        """
        self.check_fields()
        try:
            status = asyncio.run(knock(self, self.address(dict.fromkeys(NAMES, PROBE))))
        except OuthaulError as error:
            raise RequestError(str(error)) from None
        return f"{self.host} answers (with {status} to a HEAD of an entry that does not exist)."

    def check_writable(self) -> None:
        """Raise RequestError, saying what is wrong, unless an export can be delivered there."""
        try:
            self.check()
        except RequestError as error:
            raise RequestError(f"Nothing can be delivered there: {error}") from None

    def check_fields(self) -> None:
        """Raise RequestError for fields that cannot be right, without asking anybody."""
        refuse_credentials(self.url)
        parts = urlsplit(self.url.strip())
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise RequestError(f"{quoted(self.shown)} is no address of an API; give one that begins with https://.")
        if re.search(r"[^!-~]", self.url.strip()):
            raise RequestError(f"{quoted(self.shown)} holds a character that stands in no URL; percent-encode it.")
        http.host_of(self.url)
        if "@" in parts.netloc:
            raise RequestError(f"{quoted(self.shown)} is given with a user; choose auth basic, and fill user in.")
        if _NAME.search(parts.netloc):
            raise RequestError(f"{quoted(self.shown)} has a name in braces in its host; they may stand behind it only.")
        known = NAMES if self.is_one_by_one else tuple(name for name in NAMES if name != "entry")
        if strange := sorted(self.names() - set(known)):
            raise RequestError(
                f"{quoted(self.shown)} holds {{{strange[0]}}}; with the body {self.body} it may hold "
                f"{', '.join(f'{{{name}}}' for name in known)}."
            )
        if re.search("[{}]", _NAME.sub("", self.url)):
            raise RequestError(f"{quoted(self.shown)} has a brace without its other half; write %7B or %7D for it.")
        if self.removed == "delete" and "entry" not in self.names():
            raise RequestError(
                f"{quoted(self.shown)} does not say which entry, so it cannot be told to delete one; "
                f"put {{entry}} into it, or tell it of removed entries by records."
            )
        self._check_headers()
        http.tls(self.verify_ssl, self.ca_bundle)

    def _check_headers(self) -> None:
        for name in (*self.headers(), *filter(None, [self.idempotency_header])):
            if not _TOKEN.fullmatch(name):
                raise RequestError(f"{quoted(name)} is no name of a header; give one such as X-API-Key.")
        if self.auth != "none" and not self._secret:
            raise RequestError(f"The block says auth {self.auth}, but has no secret; fill it in.")
        if _CONTROL.search(self._secret + self.user) or ":" in self.user:
            raise RequestError("User or secret holds a character that no header takes; enter them again.")

    @property
    def _secret(self) -> str:
        return self.secret.get_secret_value().strip()  # what is pasted often ends in a line break

    @property
    def _basic(self) -> str:
        return base64.b64encode(f"{self.user}:{self._secret}".encode()).decode()
