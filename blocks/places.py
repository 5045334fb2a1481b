"""What is known of each kind of place that exports are delivered to: how its URL is opened, and what it can do.

What a place cannot do is done in another way, or not at all, and never worse than this: a file is whole or not there.

- create-only: who comes second finds what was there. Without it, a place is looked at before it is written to: of two
  that do so at the same moment, one replaces the other's file, whole by whole.
- copies: a file that an earlier export has is not sent again. Without them it is.
- checksum: the store compares what arrives with a digest that comes along. Without it, lengths are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from exporters.errors import RequestError

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


def opened_as(url: str, scheme: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL and the options that fsspec's backend wants, which for some is not what people write."""
    match place_of(scheme).name:
        case "SFTP":
            # Who the server is, is checked, unless "known_hosts" is said to be null; sshfs would trust anybody.
            return url, {"known_hosts": (), **options}
        case "WebDAV":
            return _webdav(url, scheme, options)
    return url, options


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
