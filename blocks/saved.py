"""Saved blocks, loaded by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx  # what Prefect's own client raises
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from blocks.urls import without_credentials
from exporters.errors import RequestError, RetriableError

PAGE = 100
NOT_FOUND = 404
SLUG = "block_type_slug"
"""Prefect's own word for a block's kind among its fields."""


def load_saved(kind: type[Block], name: str) -> Any:
    """The saved block of this kind and name.

    Raises:
        RequestError: there is none, or its fields are not valid, or not all known.
    """
    slug = f"{kind.get_block_type_slug()}/{name}"
    try:
        block: Any = kind.load(name, _sync=True)  # type: ignore[call-arg]
    except (ValueError, httpx.InvalidURL):  # the latter of a name that no block can have
        raise _no_such(slug) from None
    except RuntimeError:
        raise RequestError(
            f"The saved block {slug} has fields that are not valid; open it in the Prefect UI."
        ) from None
    refuse_unknown_fields(block)
    return block


def refuse_unknown_fields(block: Block) -> None:
    """A field that is not known here may be what keeps a run from where it must not go; Prefect would pass it over.

    Raises:
        RequestError: the block has such fields, as one has that a newer Outhaul saved.
    """
    if unknown := sorted(set(block.model_extra or ()) - {SLUG}):
        slug = "/".join(filter(None, (block.get_block_type_slug(), block._block_document_name)))  # noqa: SLF001
        fields = f"the {'field' if len(unknown) == 1 else 'fields'} {' and '.join(unknown)}"
        raise RequestError(
            f"The block {slug} has {fields}, which this Outhaul does not know; use the newer one that saved it, or "
            f"save it again (outhaul blocks create)."
        )


def read_saved(kind: str, name: str) -> dict[str, Any]:
    """The fields of a saved block as the Prefect API has them, secrets and blocks within it too.

    Raises:
        RequestError: there is none.
        RetriableError: the Prefect API cannot be reached.
    """
    with prefect_api() as client:
        try:
            return dict(client.read_block_document_by_name(name, kind, include_secrets=True).data)
        except (ObjectNotFound, httpx.InvalidURL):
            raise _no_such(f"{kind}/{name}") from None


def saved_names(kind: str) -> list[str]:
    """The names of all saved blocks of a kind, in order; none where the Prefect API does not know the kind."""
    with prefect_api() as client:
        return names_at(client, kind)


def names_at(client: SyncPrefectClient, kind: str) -> list[str]:
    """The same, of an API that is spoken to already."""
    names: list[str] = []
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
def prefect_api(seconds: float | None = None) -> Iterator[SyncPrefectClient]:
    """A client of the Prefect API, whose own trouble comes as a sentence; `seconds` is how long it may say nothing.

    Raises:
        RequestError: it wants a login.
        RetriableError: it cannot be reached, or fails.
    """
    with get_client({"timeout": seconds} if seconds else None, sync_client=True) as client:
        where = f"The Prefect API at {without_credentials(str(client.api_url))}"
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
