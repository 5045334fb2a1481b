"""Options of what signs: where the key and its certificate are, and as of when."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from exporters.options import ExporterOptions

SAVED = "block:"
"""Marks a saved block where a path could stand too."""


class SigningOptions(ExporterOptions):
    """The key itself is never an option: options stand in run parameters, for all to see."""

    signing_key: SecretStr = Field(
        default=SecretStr(""),
        description="Sign each dataset with this key: the path of a PEM file (curve P-256; its passphrase in "
        "OUTHAUL_SIGNING_PASSPHRASE), or block:NAME of a saved block; none: no signatures.",
    )
    certificate: str = Field(
        default="",
        exclude=True,  # a path of a machine does not belong into a manifest
        description="The path of the key's certificate, PEM, behind it those that lead to a root; a block has its own.",
    )
    signature_hash: Literal["SHA256", "SHA512"] = Field(default="SHA256", description="The digest that is signed.")
    signed_at: str = Field(
        default="",
        description="When that was, as 2026-01-31T12:00:00Z; none: when the dataset was changed last, or its "
        "certificate began if that was later, so that the same export has the same bytes.",
    )

    @field_validator("signing_key")
    @classmethod
    def _is_no_key(cls, value: SecretStr) -> SecretStr:
        if "\n" in value.get_secret_value() or "-----" in value.get_secret_value():
            raise ValueError("this should be the path of the key or block:NAME, never the key itself")
        return value

    @property
    def block_name(self) -> str:
        """Of the saved block to sign with; empty where it is none."""
        given = self.signing_key.get_secret_value()
        return given.removeprefix(SAVED) if given.startswith(SAVED) else ""
