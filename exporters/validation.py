"""Options in the words of our refusals, and what they hold that nobody may see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError


def wrong_values(error: ValidationError, secrets: Collection[str] = (), passed_over: Collection[str] = ()) -> str:
    """`name=value: what it should be`, for each value that was refused, its value not shown where it is secret."""
    details = [detail for detail in error.errors() if str((*detail["loc"], "")[0]) not in passed_over]
    return "; ".join(_wrong_value(detail, secrets) for detail in details)


def missing_values(error: ValidationError) -> list[str]:
    """The names of values that are needed and were not given."""
    return [str(detail["loc"][0]) for detail in error.errors() if detail["type"] == "missing" and detail["loc"]]


def _wrong_value(detail: Any, secrets: Collection[str]) -> str:
    said = detail["msg"].removeprefix("Value error, ").partition(", unable to parse")[0]
    given = _given(detail, secrets)
    said = said[:1].lower() + said[1:]
    return f"{given}: {said}" if given else said


def _given(detail: Any, secrets: Collection[str]) -> str:
    name = ".".join(part for part in map(str, detail["loc"]) if not part.isdecimal())
    if detail["type"] == "missing" or not name:  # the value would be all of what was given
        return name
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
