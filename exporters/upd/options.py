"""Options of what signs: where the key and its certificate are, and as of when; and who that makes the signer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from exporters.errors import RequestError
from exporters.options import ExporterOptions
from exporters.upd.signing import Signer, load_signer, signing_time

PASSPHRASE = "OUTHAUL_SIGNING_PASSPHRASE"  # noqa: S105 - the name of a variable
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


def signer_of(options: SigningOptions, secrets: Mapping[str, str]) -> Signer | None:
    """Who signs; None where nobody was asked to.

    Args:
        options: as they were given; paths are read now.
        secrets: what a saved block holds, where one is named.

    Raises:
        RequestError: the key or its certificate cannot be used, or not at the time that was given.
    """
    path = options.signing_key.get_secret_value()
    if not path:
        if options.certificate:
            raise RequestError("A certificate alone signs nothing; give its key too with --option signing_key=…")
        return None
    if options.block_name:
        if "signing_key" not in secrets:
            raise RequestError("A saved block is known within a run only; give the path of a signing key here.")
        key, certificate, passphrase = (secrets[name].encode() for name in ("signing_key", "certificate", "passphrase"))
    elif options.certificate:
        key, certificate = _read(path, "signing key"), _read(options.certificate, "signing certificate")
        passphrase = os.environ.get(PASSPHRASE, "").encode()
    else:
        raise RequestError("A signing key needs its certificate; give it with --option certificate=PATH.")
    signer = load_signer(key, certificate, passphrase)
    if options.signed_at:
        signing_time(signer, options.signed_at, None)
    return signer


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise RequestError(f"The {what} {path} cannot be read ({error.strerror}); check its path.") from None
