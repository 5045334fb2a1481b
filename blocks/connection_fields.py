"""Fields that the forms of several blocks share: how a server is reached, and whom it is believed to be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

VerifySsl = Annotated[bool, Field(title="Verify SSL", description="Switch off for test systems only.")]
CaBundle = Annotated[
    str,
    Field(
        title="CA bundle",
        description="Path on the worker of a PEM file, for a private authority, such as /etc/ssl/ours.pem.",
    ),
]
Query = Annotated[
    SecretStr,
    Field(
        title="Query",
        description="What follows the ? of a web address, such as of a presigned link; kept secret, unlike a URL.",
    ),
]
ProxyAddress = Annotated[
    SecretStr,
    Field(
        title="Proxy", description="Address of an HTTP proxy, such as http://proxy:3128; empty: as HTTPS_PROXY says."
    ),
]
