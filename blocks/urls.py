"""URLs in blocks: what of one may be shown, which are refused, and where the secret part of one comes from."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl

from exporters.errors import RequestError, quoted

_CHAIN = re.compile(r"::(?=[A-Za-z0-9+.-]*(?:://|::)|[/.~])")
"""Between the parts of a chained URL; not in an IPv6 address, nor in a password."""
_HOST = re.compile(r"(?:[^:/?#@]*@)?(?:\[[^]]*\]|[^:/?#]*)(?::[0-9]*)?(?:[/?#]|$)")
_WITHOUT_USERS = ("", "file", "local", "s3", "s3a", "gs", "gcs")
_WEB = ("http", "https")
_NAMES_OF_SECRETS = re.compile(
    r"(?i)sig(nature)?$|token|key$|secret|passw|pwd|auth(orization)?$|credential|(^|[-_])(code|pass|session|sas)$"
)
_LONGEST_OF_A_QUERY = 20
"""A value with more characters may be a secret, whatever its name."""
_IN_BRACES = re.compile(r"\{[^{}]*\}")


def without_credentials(url: str) -> str:
    """The URL as it may be shown: without user names and passwords, and without the query of a web address."""
    return "::".join(map(_without_credentials, _CHAIN.split(url)))


def refuse_credentials(url: str) -> None:
    """Raise RequestError for a URL with a password or a secret query in it; a user name alone is no secret."""
    parts = _CHAIN.split(url)
    if any(_has_password(part.partition("://")[2]) for part in parts):
        raise RequestError(
            "A secret in a URL is seen by everyone on this machine; put it into the options of a saved block."
        )
    if names := [name for part in parts for name in _secrets_of_query(part)]:
        raise RequestError(
            f"The {quoted(names[0][:40])} in the query of a URL may be a secret, and a URL is seen by everyone; take "
            "off what follows the ?, and put it into the field Query of a saved block, or into OUTHAUL_QUERY."
        )


def with_query(url: str, query: str) -> str:
    """A web address with the part that is kept secret; `query` may begin with its `?`.

    Raises:
        RequestError: it holds what stands in no URL.
    """
    query = bare_query(query)
    if re.search(r"[^!-~]|#", query):
        raise RequestError(
            f"The query of {without_credentials(url)} holds a character that stands in no URL; percent-encode it."
        )
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def bare_query(query: str) -> str:
    """A query as people paste it, without its `?`."""
    return query.strip().removeprefix("?")


def path_of(url: str) -> str:
    """The URL without its query, if it is a web address."""
    return re.split("[?#]", url, maxsplit=1)[0] if url.partition("://")[0].lower() in _WEB else url


def expanded(text: str) -> str:
    """`~` and relative paths of this process made absolute: tasks may run in another folder."""
    return text if "://" in text else os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - text, not a path yet


def _secrets_of_query(part: str) -> list[str]:
    """Names of what may be secrets in the query of a web address; names in braces are filled in later."""
    if part.partition("://")[0].lower() not in _WEB:
        return []
    query = part.partition("#")[0].partition("?")[2]
    return [
        name
        for name, value in parse_qsl(_IN_BRACES.sub("", query))
        if len(value) > _LONGEST_OF_A_QUERY or _NAMES_OF_SECRETS.search(name)
    ]


def _without_credentials(part: str) -> str:
    scheme, mark, rest = part.partition("://")
    kind = scheme.lower()
    if _has_password(rest):  # which may hold slashes and more of the sign that ends it
        rest = rest.rpartition("@")[2]
    elif kind not in _WITHOUT_USERS:
        authority = re.split("[/?#]", rest, maxsplit=1)[0]
        rest = rest[authority.rfind("@") + 1 :]
    return path_of(scheme + mark + rest)


def _has_password(rest: str) -> bool:
    """Whether what follows `://` begins with a user name and a password, rather than with a host and a port."""
    return "@" in rest.partition(":")[2] and not _HOST.match(rest) and not rest.startswith("arn:")
