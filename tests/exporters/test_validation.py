"""What is said of wrong options, and what a digest of right ones depends on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from exporters.validation import revealed, secrets_of, wrong_values


class Inner(BaseModel):
    password: SecretStr = SecretStr("")


class Options(BaseModel):
    size: int = Field(default=1, ge=1)
    token: SecretStr = SecretStr("")
    hidden: str = Field(default="x", exclude=True)
    tags: frozenset[str] = frozenset()
    inner: Inner = Inner()
    shares: dict[str, float] = {}


def said(**values: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        Options.model_validate(values)
    return wrong_values(raised.value, secrets_of(Options))


def test_wrong_values_are_named_with_what_they_should_be() -> None:
    """Each value that was refused stands beside the rule it breaks, without the library's own asides."""
    assert said(size=0) == "size=0: input should be greater than or equal to 1"
    assert said(size="many") == "size='many': input should be a valid integer"


def test_wrong_secrets_are_not_shown() -> None:
    """The value of a secret stays one, also when it is wrong."""
    message = said(token=["s3cret"])
    assert message.startswith("token: ")
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "changed",
    [{"token": "t"}, {"hidden": "y"}, {"inner": {"password": "p"}}, {"tags": ["a"]}, {"shares": {"a": 1.0}}],
)
def test_digest_depends_on_every_value(changed: dict[str, Any]) -> None:
    """Secret values, and those that dumps leave out, count like any other."""
    assert revealed(Options.model_validate(changed)) != revealed(Options())
