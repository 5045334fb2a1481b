"""Saved blocks, loaded by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx  # what Prefect's own client raises
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from exporters.errors import RequestError, RetriableError

PAGE = 100
NOT_FOUND = 404


def load_saved(kind: type[Block], name: str) -> Any:
    """The saved block of this kind and name.

    Raises:
        RequestError: there is none, or its fields are not valid.
    """
    slug = f"{kind.get_block_type_slug()}/{name}"
    try:
        return kind.load(name, _sync=True)  # type: ignore[call-arg]
    except ValueError:
        raise _no_such(slug) from None
    except RuntimeError:
        raise RequestError(
            f"The saved block {slug} has fields that are not valid; open it in the Prefect UI."
        ) from None


def read_saved(kind: str, name: str) -> dict[str, Any]:
    """The fields of a saved block as the Prefect API has them, secrets and blocks within it too.

    Raises:
        RequestError: there is none.
        RetriableError: the Prefect API cannot be reached.
    """
    with prefect_api() as client:
        try:
            return dict(client.read_block_document_by_name(name, kind, include_secrets=True).data)
        except ObjectNotFound:
            raise _no_such(f"{kind}/{name}") from None


def saved_names(kind: str) -> list[str]:
    """The names of all saved blocks of a kind, in order; none where the Prefect API does not know the kind."""
    names: list[str] = []
    with prefect_api() as client:
        while True:
            try:
                page = client.read_block_documents_by_type(kind, offset=len(names), limit=PAGE, include_secrets=False)
            except PrefectHTTPStatusError as error:
                if error.response.status_code == NOT_FOUND:
                    return []
                raise
            names += [document.name or "" for document in page]
            if len(page) < PAGE:
                return sorted(names)


@contextlib.contextmanager
def prefect_api() -> Iterator[SyncPrefectClient]:
    """A client of the Prefect API, whose own trouble comes as a sentence.

    Raises:
        RequestError: it wants a login.
        RetriableError: it cannot be reached, or fails.
    """
    with get_client(sync_client=True) as client:
        where = f"The Prefect API at {client.api_url}"
        try:
            yield client
        except PrefectHTTPStatusError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise RequestError(
                    f"{where} does not let us in (HTTP {status}); set PREFECT_API_AUTH_STRING."
                ) from None
            raise RetriableError(f"{where} failed (HTTP {status}); look at its log, and try again later.") from None
        except httpx.TransportError as error:
            raise RetriableError(
                f"{where} cannot be reached ({type(error).__name__}); check PREFECT_API_URL and that it is up."
            ) from None


def _no_such(slug: str) -> RequestError:
    return RequestError(f"There is no saved block {slug}; make one in the Prefect UI under Blocks.")
