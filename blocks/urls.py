"""URLs of storage: what of one may be shown, and which are refused."""

from __future__ import annotations

import re

from exporters.errors import RequestError

_CHAIN = re.compile(r"::(?=[A-Za-z0-9+.-]*(?:://|::)|[/.~])")
"""Between the parts of a chained URL; not in an IPv6 address, nor in a password."""
_HOST = re.compile(r"(?:[^:/?#@]*@)?(?:\[[^]]*\]|[^:/?#]*)(?::[0-9]*)?(?:[/?#]|$)")
_WITHOUT_USERS = ("", "file", "local", "s3", "s3a", "gs", "gcs")


def without_credentials(url: str) -> str:
    """The URL as it may be shown: without user names and passwords, and without the query of a web address."""
    return "::".join(map(_without_credentials, _CHAIN.split(url)))


def refuse_credentials(url: str) -> None:
    """Raise RequestError for a URL with a password in it; a user name alone is no secret."""
    if any(_has_password(part.partition("://")[2]) for part in _CHAIN.split(url)):
        raise RequestError(
            "A secret in a URL is seen by everyone on this machine; put it into the options of a saved block."
        )


def _without_credentials(part: str) -> str:
    scheme, mark, rest = part.partition("://")
    kind = scheme.lower()
    if _has_password(rest):  # which may hold slashes and more of the sign that ends it
        rest = rest.rpartition("@")[2]
    elif kind not in _WITHOUT_USERS:
        authority = re.split("[/?#]", rest, maxsplit=1)[0]
        rest = rest[authority.rfind("@") + 1 :]
    if kind in ("http", "https"):
        rest = re.split("[?#]", rest, maxsplit=1)[0]
    return scheme + mark + rest


def _has_password(rest: str) -> bool:
    """Whether what follows `://` begins with a user name and a password, rather than with a host and a port."""
    return "@" in rest.partition(":")[2] and not _HOST.match(rest) and not rest.startswith("arn:")
