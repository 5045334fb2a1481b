"""Where exports are delivered to: any URL that fsspec reaches, as a Prefect block with a form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr

from blocks.storage import Storage
from blocks.urls import refuse_credentials


class StorageTarget(Block, ABC):
    """What every target has in common that keeps files: a storage, of which all else is asked."""

    @abstractmethod
    def storage(self) -> Storage:
        """Open it.

        Raises:
            RequestError: the URL is of no known kind or holds a password, or its backend is not installed.
        """

    def check_writable(self) -> None:
        """Raise RequestError, saying what is wrong, unless an export can be delivered there."""
        self.storage().check_writable()

    @property
    def shown(self) -> str:
        """Its URL as it may be shown."""
        return self.storage().shown

    def identity(self) -> dict[str, Any]:
        """What tells this place from others, without a secret."""
        place = self.storage()
        endpoint = str(getattr(place.fs, "endpoint_url", None) or "")
        return {"protocol": place.fs.protocol, "endpoint": endpoint, "root": place.root}


class Target(StorageTarget):
    """A folder or bucket that exports are delivered to.

    Example:
        ```python
        Target(url="s3://exports/nightly", endpoint_url="https://s3.example.org").save("nightly")
        ```
    """

    _block_type_name = "Outhaul Target"
    _block_type_slug = "outhaul-target"
    _description = "A folder or bucket to deliver exports to."

    url: str = Field(default=..., title="URL", description="A path, or a URL such as s3://bucket/folder.")
    endpoint_url: str = Field(
        default="", title="Endpoint URL", description="Of an S3-compatible store; empty for AWS or the environment's."
    )
    access_key_id: str = Field(
        default="", title="Access key id", description="For S3; empty to take the environment's credentials."
    )
    secret_access_key: SecretStr = Field(
        default=SecretStr(""), title="Secret access key", description="Goes with the access key id."
    )
    region: str = Field(default="", description="S3 region; empty for the environment's.")
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}), description="Further options of the fsspec backend, as JSON."
    )

    def storage(self) -> Storage:
        refuse_credentials(self.url)
        options: dict[str, Any] = dict(self.options.get_secret_value())
        if self.endpoint_url:
            options["endpoint_url"] = self.endpoint_url
        if self.access_key_id:
            options |= {"key": self.access_key_id, "secret": self.secret_access_key.get_secret_value()}
        if self.region:
            options["client_kwargs"] = {**options.get("client_kwargs", {}), "region_name": self.region}
        return Storage(self.url, options)
