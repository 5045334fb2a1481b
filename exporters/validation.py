"""Options in the words of our refusals, and what they hold that nobody may see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError


def wrong_values(error: ValidationError, secrets: Collection[str] = ()) -> str:
    """`name=value: what it should be`, for each value that was refused, its value not shown where it is secret."""
    return "; ".join(
        f"{_given(detail, secrets)}: {detail['msg'][:1].lower()}{detail['msg'][1:]}" for detail in error.errors()
    )


def _given(detail: Any, secrets: Collection[str]) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing" or not name:  # the value would be all of what was given
        return name or "as a whole"
    if str(detail["loc"][0]) in secrets:
        return name
    return f"{name}={detail['input']!r}"


def secrets_of(options: type[BaseModel]) -> set[str]:
    """The names, and aliases, of options that hold secrets."""
    found = {name: field for name, field in options.model_fields.items() if "Secret" in str(field.annotation)}
    return {*found, *(str(field.validation_alias) for field in found.values())}


def revealed(options: BaseModel) -> dict[str, Any]:
    """All values of options, secret and hidden ones too, for a digest only: what comes out depends on them."""
    return {name: _revealed(getattr(options, name)) for name in type(options).model_fields}


def _revealed(value: Any) -> Any:
    match value:
        case SecretStr() | SecretBytes():
            return str(value.get_secret_value())
        case BaseModel():
            return revealed(value)
        case dict():
            return {str(key): _revealed(one) for key, one in value.items()}
        case list() | tuple():
            return [_revealed(one) for one in value]
        case set() | frozenset():
            return sorted(map(str, value))
        case _:
            return value
