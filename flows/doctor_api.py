"""The Prefect API as `outhaul doctor` finds it. Prefect is loaded only where an API is configured."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from exporters.errors import RequestError, RetriableError
from exporters.version import version_of
from flows.findings import Finding, State

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

ABOUT = "Prefect API"
EXAMPLE = "http://127.0.0.1:4200/api"
SECONDS = 4.0
"""How long it may say nothing."""
SHOWN_BLOCKS = 12
_NAMES_API = re.compile(
    r"PREFECT_API_URL|profiles_path|^\s*\[(tool\.prefect\.)?api\]|^\s*(api|tool\.prefect)\s*[.=]|^\s*prefect\s*=",
    re.IGNORECASE | re.MULTILINE,
)
"""What a file says that may name an API; Prefect itself tells whether it does."""


def api() -> Iterator[Finding]:
    """Whether there is one, and what it knows of ours.

    Raises:
        RequestError: it wants a login, or PREFECT_API_URL is no address.
        RetriableError: it cannot be reached, or fails.
    """
    if not configured_url():
        yield Finding(
            ABOUT, State.OK,
            "PREFECT_API_URL is not set, so each run starts a server of its own, which takes ten seconds; "
            "outhaul serve starts one that stays, with its UI.",
        )  # fmt: skip
        return
    import httpx  # noqa: PLC0415 - what Prefect's own client raises; like it, it takes its time
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings  # noqa: PLC0415

    from blocks.saved import prefect_api  # noqa: PLC0415 - the same

    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), prefect_api(SECONDS) as client:
            yield from _server(client)
            yield from _blocks(client)
    except httpx.InvalidURL:  # whose own words may hold a part of a password
        raise RequestError(f"PREFECT_API_URL is no address; set one such as {EXAMPLE}.") from None


def configured_url() -> str:
    """PREFECT_API_URL, wherever it is set; empty where it is not. Prefect takes seconds to load, and tells best."""
    if "prefect.settings" not in sys.modules and not _may_be_configured(os.environ):
        return ""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - takes seconds

    return str(PREFECT_API_URL.value() or "")


def _may_be_configured(environment: Mapping[str, str]) -> bool:
    """Whether the environment, a profile or a file of settings in this folder could name an API."""
    if environment.get("PREFECT_API_URL"):
        return True
    home = Path(environment.get("PREFECT_HOME") or "~/.prefect")
    profiles = Path(environment.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    return any(_names_api(path) for path in (profiles, *map(Path, (".env", "prefect.toml", "pyproject.toml"))))


def _names_api(path: Path) -> bool:
    try:
        return bool(_NAMES_API.search(path.expanduser().read_text(encoding="utf-8", errors="replace")))
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):  # there, and not for us to read; or nobody's home
        return True


def _server(client: SyncPrefectClient) -> Iterator[Finding]:
    """The server's version against the client's: a client may ask an older server for what it does not know."""
    from prefect.client.base import ServerType  # noqa: PLC0415 - takes seconds

    from blocks.urls import without_credentials  # noqa: PLC0415

    where, here = without_credentials(str(client.api_url)), version_of("prefect")
    if client.server_type is ServerType.CLOUD:  # always as new as it has to be
        yield Finding(ABOUT, State.OK, f"Prefect Cloud at {where}.")
        return
    there = _version_there(client)
    if there is None:
        raise RetriableError(
            f"What answers at {where} is no Prefect API; check PREFECT_API_URL, which ends with /api as in {EXAMPLE}, "
            f"and that no proxy answers in its place."
        )
    said = f"{where} answers, with Prefect {there} there and {here} here"
    server, own = Version(there), Version(here)
    if server.major != own.major:
        yield Finding(ABOUT, State.BROKEN, f"{said}, which do not understand each other; install the same on both.")
    elif (server.major, server.minor) < (own.major, own.minor):
        yield Finding(ABOUT, State.NOTE, f"{said}; the server should not be the older one: upgrade it.")
    else:
        yield Finding(ABOUT, State.OK, f"{said}.")


def _version_there(client: SyncPrefectClient) -> str | None:
    """None: it speaks HTTP, but is no Prefect API."""
    from prefect.exceptions import PrefectHTTPStatusError  # noqa: PLC0415 - takes seconds

    from blocks.saved import NOT_FOUND  # noqa: PLC0415

    try:
        found = client.api_version()
        Version(found)
    except (ValueError, TypeError):
        return None
    except PrefectHTTPStatusError as error:
        if error.response.status_code == NOT_FOUND:
            return None
        raise
    return found


def _blocks(client: SyncPrefectClient) -> Iterator[Finding]:
    """Which of our kinds it has forms of, and what is saved of them."""
    from blocks.catalog import BLOCKS  # noqa: PLC0415 - takes seconds
    from blocks.saved import names_at  # noqa: PLC0415

    kinds = [block.get_block_type_slug() for block in BLOCKS]
    known = {one.slug for one in client.read_block_types()}
    if missing := [kind for kind in kinds if kind not in known]:
        yield Finding(
            "block forms", State.NOTE,
            f"{len(missing)} of {len(kinds)} kinds of blocks are not registered ({', '.join(missing)}); "
            f"outhaul blocks register has the Prefect UI show their forms.",
        )  # fmt: skip
    else:
        yield Finding("block forms", State.OK, f"all {len(kinds)} kinds of blocks are registered.")
    slugs = [f"{kind}/{name}" for kind in kinds if kind in known for name in names_at(client, kind)]
    more = f" and {len(slugs) - SHOWN_BLOCKS} more" if len(slugs) > SHOWN_BLOCKS else ""
    none = "none; outhaul blocks create saves platforms and targets."
    yield Finding("saved blocks", State.OK, f"{', '.join(slugs[:SHOWN_BLOCKS])}{more}." if slugs else none)
