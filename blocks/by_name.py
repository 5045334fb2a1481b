"""Blocks on their way to another process. A saved one may go by its name: all that it says is loaded there."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from prefect.blocks.core import Block
from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.types import Secret

from blocks.saved import load_saved
from exporters.errors import OuthaulError

SECRETS = (SecretStr, SecretBytes, Secret)


class ByName:
    """Stands for a saved block; loads it when anything is asked of it. `changes` are made to what was loaded."""

    def __init__(self, kind: type[Block], name: str, changes: dict[str, Any]) -> None:
        self._kind, self._name, self._changes = kind, name, changes

    def __reduce__(self) -> tuple[Any, ...]:
        return ByName, (self._kind, self._name, self._changes)

    @cached_property
    def _block(self) -> Block:
        loaded: Block = load_saved(self._kind, self._name)
        return loaded.model_copy(update=self._changes)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself asks of anything
            raise AttributeError(name)
        return getattr(self._block, name)


def as_filled_in(block: Block, changes: dict[str, Any]) -> Block:
    """A block with these changes, and without what it has opened, which is of this process."""
    return type(block).model_validate({**dict(block), **changes})


def by_name(block: Block, changes: dict[str, Any]) -> ByName | None:
    """A block with these changes by its name; None where it is not saved, or what is saved is not what it says."""
    name = block._block_document_name  # noqa: SLF001 - Prefect tells it nowhere else
    if not name:
        return None
    found = ByName(type(block), name, changes)
    try:
        return found if _plain(found._block) == {**_plain(block), **changes} else None  # noqa: SLF001
    except OuthaulError:
        return None


def has_secrets(block: BaseModel) -> bool:
    """Whether any field holds a secret."""
    return any(_is_secret(value) for _, value in block)


def _is_secret(value: Any) -> bool:
    if isinstance(value, BaseModel):
        return has_secrets(value)
    return isinstance(value, SECRETS) and bool(value.get_secret_value())


def _plain(block: Block) -> dict[str, Any]:
    """All that a block says, with its secrets."""
    return {name: value.get_secret_value() if isinstance(value, SECRETS) else value for name, value in block}
