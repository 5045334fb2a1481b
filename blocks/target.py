"""Where exports are delivered to: any URL that fsspec reaches, as a Prefect block with a form."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr

from blocks.existing import SavedPlace, existing_place
from blocks.probing import check_writable
from blocks.storage import Storage
from blocks.urls import refuse_credentials
from exporters.errors import RequestError, quoted


class StorageTarget(Block, ABC):
    """What every target has in common that keeps files: a storage, of which all else is asked."""

    @abstractmethod
    def storage(self) -> Storage:
        """Open it.

        Raises:
            RequestError: the URL is of no known kind or holds a password, or its backend is not installed.
            RetriableError: something that it needs to know cannot be had now.
        """

    def check_writable(self) -> None:
        """Raise RequestError, saying what is wrong, unless an export can be delivered there."""
        check_writable(self.storage())

    def check(self) -> str:
        """That it can be written to, in a sentence; a small file is written and removed.

        Raises:
            RequestError: it cannot; says why.
            RetriableError: it cannot be reached now.
        """
        storage = self.storage()
        check_writable(storage)
        return f"{storage.shown} can be written to."

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
        from blocks.target import Target

        Target(url="s3://exports/nightly", endpoint_url="https://s3.example.org").save("nightly")
        target = Target.load("nightly")  # on the command line: --to block:nightly
        ```
    """

    _block_type_name = "Outhaul Target"
    _block_type_slug = "outhaul-target"
    _description = "A folder or bucket to deliver exports to."

    url: str = Field(
        default="",
        title="URL",
        description="A path or URL, such as s3://bucket/folder; with a block that is a place, a folder within it.",
    )
    saved_block: str = Field(
        default="",
        title="Block you already have",
        description="Use its place and credentials: s3-bucket/NAME, gcs-bucket/NAME, remote-file-system/NAME or "
        "local-file-system/NAME; or its credentials alone, for the URL: aws-credentials/NAME, minio-credentials/NAME "
        "or gcp-credentials/NAME. Empty: none.",
    )
    endpoint_url: str = Field(
        default="",
        title="Endpoint URL",
        description="Of an S3-compatible store, such as https://s3.example.org; empty for AWS or the environment's.",
    )
    access_key_id: str = Field(
        default="", title="Access key id", description="For S3; empty to take the environment's credentials."
    )
    secret_access_key: SecretStr = Field(
        default=SecretStr(""), title="Secret access key", description="Goes with the access key id."
    )
    region: str = Field(
        default="", title="Region", description="Of S3, such as eu-central-1; empty for the environment's."
    )
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Options",
        description='Further options of the fsspec backend, as JSON, such as {"anon": true}.',
    )

    def storage(self) -> Storage:
        """Open it. What is filled in here comes before what a saved block says.

        Raises:
            RequestError: the URL is of no known kind or holds a password, its backend is not installed, there is no
                such saved block, or this one is saved and its path is not a whole one.
            RetriableError: the saved block cannot be read now.
        """
        refuse_credentials(self.url)
        place = self._place()
        options = {**place.options, **self.options.get_secret_value()}
        if self.endpoint_url:
            options["endpoint_url"] = self.endpoint_url
        if self.access_key_id:
            options |= {"key": self.access_key_id, "secret": self.secret_access_key.get_secret_value()}
        if self.region:
            options["client_kwargs"] = {**options.get("client_kwargs", {}), "region_name": self.region}
        return Storage(place.url, options)

    def _place(self) -> SavedPlace:
        if self.saved_block.strip():
            return existing_place(self.saved_block, self.url)
        if not self.url.strip():
            raise RequestError("The target has no URL; fill it in, or name a saved block.")
        if self._block_document_id:
            refuse_relative(self.url, f"The saved target {self._block_document_name}")
        return SavedPlace(self.url)


def refuse_relative(url: str, whose: str) -> None:
    """Raise RequestError for a path that depends on the folder one stands in.

    What is saved is opened by workers, each run of which stands in a folder of its own that goes with it: what was
    delivered there would be gone.
    """
    if url and "://" not in url and not os.path.isabs(os.path.expanduser(url)):  # noqa: PTH111, PTH117 - text, not a path yet
        raise RequestError(
            f"{whose} has the path {quoted(url)}, which lies elsewhere for each run; give a whole one, such as "
            f"/data/exports."
        )
