"""Saved blocks, loaded by their names."""

from __future__ import annotations

from typing import Any

from prefect.blocks.core import Block

from exporters.errors import RequestError


def load_saved(kind: type[Block], name: str) -> Any:
    """The saved block of this kind and name.

    Raises:
        RequestError: there is none, or its fields are not valid.
    """
    slug = f"{kind.get_block_type_slug()}/{name}"
    try:
        return kind.load(name, _sync=True)  # type: ignore[call-arg]
    except ValueError:
        raise RequestError(f"There is no saved block {slug}; make one in the Prefect UI under Blocks.") from None
    except RuntimeError:
        raise RequestError(
            f"The saved block {slug} has fields that are not valid; open it in the Prefect UI."
        ) from None
