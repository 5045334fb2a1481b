"""What is known of each kind of place that exports are delivered to: how its URL is opened, and what it can do.

What a place cannot do is done in another way, or not at all, and never worse than this: a file is whole or not there.

- create-only: who comes second finds what was there. Without it, a place is looked at before it is written to: of two
  that do so at the same moment, one replaces the other's file, whole by whole.
- copies: a file that an earlier export has is not sent again. Without them it is.
- checksum: the store compares what arrives with a digest that comes along. Without it, lengths are compared.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from exporters.errors import RequestError

S3_CONFIG: Mapping[str, Any] = {
    "max_pool_connections": 32,
    "retries": {"mode": "standard", "max_attempts": 3},  # tasks have their own patience
    "signature_version": "s3v4",  # of links, too: the older one is not taken everywhere
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
_S3_DEFAULTS: Mapping[str, Any] = {
    "use_listings_cache": False,  # with it, files that another machine has just written do not exist
    "config_kwargs": S3_CONFIG,
}

SECONDS = 60.0
"""How long a WebDAV server may say nothing."""


@dataclass(frozen=True)
class Place:
    """A kind of place."""

    name: str
    schemes: tuple[str, ...]
    extra: str = ""
    """Of ours, that brings what it takes; empty: nothing more."""
    creates_only: bool = False
    copies: bool = False
    checks: bool = False
    has_folders: bool = True
    """Folders have to be made, and what is written there shows at once; so it is written beside, and renamed."""


PLACES = (
    Place("a disk", ("file", "local"), creates_only=True, copies=True),
    Place("S3", ("s3", "s3a"), creates_only=True, copies=True, checks=True, has_folders=False),
    Place("Google Cloud Storage", ("gs", "gcs"), "gcs", creates_only=True, copies=True, has_folders=False),
    Place("Azure", ("abfs", "az", "abfss"), "azure", creates_only=True, copies=True, has_folders=False),
    Place("SFTP", ("sftp", "ssh"), "sftp"),
    Place("WebDAV", ("webdavs", "webdav", "davs", "dav"), "webdav"),
    Place("Hugging Face Hub", ("hf",), "hf", has_folders=False),
    Place("memory", ("memory",), creates_only=True),
)
_BY_SCHEME = {scheme: place for place in PLACES for scheme in place.schemes}
_UNKNOWN = Place("another", ())


def place_of(scheme: str) -> Place:
    return _BY_SCHEME.get(scheme, _UNKNOWN)


def opened_with(scheme: str, given: dict[str, Any], shown: str) -> dict[str, Any]:
    """The options of fsspec's backend, with what we want of it where nothing else is said.

    Raises:
        RequestError: an endpoint that is no URL.
    """
    name = place_of(scheme).name
    if name == "SFTP":
        # Who the server is, is checked, unless "known_hosts" is said to be null; sshfs would trust anybody.
        return {"known_hosts": (), **given}
    if name != "S3":
        return given
    options = _s3_options(given)
    if not re.match(r"https?://[^/]", options.get("endpoint_url") or "https://aws"):
        raise RequestError(f"The endpoint of {shown} is no URL; give one such as https://s3.example.org.")
    return options


def opened_at(url: str, scheme: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL that fsspec's backend wants, which for WebDAV is not what people write, and the options with it."""
    return _webdav(url, scheme, options) if place_of(scheme).name == "WebDAV" else (url, options)


def _webdav(url: str, scheme: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    address = urlsplit(url)
    if not address.hostname:
        raise RequestError(f"{url} names no server; give one such as webdavs://cloud.example.org/folder.")
    secure = "https" if scheme.endswith("s") else "http"
    given = dict(options)
    name = given.pop("username", unquote(address.username or ""))
    if name:
        given["auth"] = (name, given.pop("password", ""))
    elif isinstance(given.get("auth"), list):
        given["auth"] = tuple(given["auth"])
    host = address.netloc.rpartition("@")[2]
    from blocks.webdav import NamingClient  # noqa: PLC0415 - comes with an extra

    base = f"{secure}://{host}"
    client = NamingClient(base, timeout=SECONDS, **given)
    return f"webdav://{unquote(address.path)}", {"base_url": base, "client": client}


def _s3_options(given: dict[str, Any]) -> dict[str, Any]:
    """What the block says, else the environment: `OUTHAUL_S3_ENDPOINT_URL`, else AWS's own variables."""
    options = {**_S3_DEFAULTS, **given}
    endpoint = os.environ.get("OUTHAUL_S3_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_S3")
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        options.setdefault("endpoint_url", endpoint)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region or options.get("endpoint_url"):
        options.setdefault("client_kwargs", {"region_name": region or "us-east-1"})
    return options
