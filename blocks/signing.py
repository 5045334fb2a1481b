"""A key to sign datasets with, as a Prefect block: it is stored encrypted, and handed to nobody but the exporter."""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from exporters.errors import RequestError
from exporters.upd.signing import load_signer, show_time

_PEM = re.compile(r"(-----BEGIN [A-Z ]+-----)([A-Za-z0-9+/=\s]+)(-----END [A-Z ]+-----)")
LINE = 64


class SigningKey(Block):
    """A private key and its certificate, to sign UPD exports with.

    Example:
        ```python
        from blocks.signing import SigningKey

        SigningKey(private_key="-----BEGIN PRIVATE KEY-----...", certificate="-----BEGIN CERTIFICATE-----...").save(
            "release"
        )
        key = SigningKey.load("release")  # on the command line: --option signing_key=block:release
        ```
    """

    _block_type_name = "Outhaul Signing Key"
    _block_type_slug = "outhaul-signing-key"
    _description = "A private key and its certificate to sign exports with."

    private_key: SecretStr = Field(
        default=...,
        title="Private key",
        description="PEM text of a key of the curve P-256, from its line BEGIN to its line END.",
    )
    certificate: str = Field(
        default=...,
        title="Certificate",
        description="PEM text of the key's certificate, behind it those that lead to a root.",
    )
    passphrase: SecretStr = Field(
        default=SecretStr(""), title="Passphrase", description="Of the private key; empty if it has none."
    )

    def secrets(self) -> dict[str, str]:
        """What the exporter is given. A form takes line breaks out of PEM texts; here they are back."""
        return {
            "signing_key": _with_lines(self.private_key.get_secret_value()),
            "certificate": _with_lines(self.certificate),
            "passphrase": self.passphrase.get_secret_value(),
        }

    def check(self) -> str:
        """Who signs with it and until when, in a sentence.

        Raises:
            RequestError: the key or its certificate cannot be used, or not any more; says what is wrong with them.
        """
        given = self.secrets()
        signer = load_signer(given["signing_key"].encode(), given["certificate"].encode(), given["passphrase"].encode())
        begin, end = signer.certificate.not_valid_before_utc, signer.certificate.not_valid_after_utc
        if not begin <= datetime.now(UTC) <= end:
            raise RequestError(
                f"The signing certificate is valid from {show_time(begin)} to {show_time(end)}, and not now; "
                f"take another one."
            )
        subject = signer.certificate.subject.rfc4514_string()
        return f"Signs as {subject}, until {show_time(end)}."


def _with_lines(pem: str) -> str:
    def lines(match: re.Match[str]) -> str:
        body = "\n".join(textwrap.wrap("".join(match[2].split()), LINE))
        return f"{match[1]}\n{body}\n{match[3]}\n"

    return _PEM.sub(lines, pem)
