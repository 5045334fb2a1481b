"""Where exports keep what they work on, as a Prefect block with a form; `blocks.store` is what it opens to."""

from __future__ import annotations

from typing import Any

from prefect.blocks.core import Block, schema_extra
from prefect.blocks.fields import SecretDict
from pydantic import ConfigDict, Field

from blocks.probing import check_writable
from blocks.storage import Storage
from blocks.store import Store
from blocks.target import refuse_relative
from blocks.urls import refuse_credentials
from blocks.workspace_url import default_workspace_url


def _with_a_place(schema: dict[str, Any], model: type[Block]) -> None:
    """A saved workspace says where it is. Without a field that has to be there, Prefect takes the reference to a saved
    one for the fields of another one as well, and refuses to start a run with either.
    """
    schema_extra(schema, model)
    schema["required"] = ["url"]


class Workspace(Block):
    """Where runs keep what they work on, shared by all workers.

    Example:
        ```python
        from blocks.workspace import Workspace

        Workspace(url="s3://exports/workspace").save("shared")
        workspace = Workspace.load("shared")  # on the command line: --workspace block:shared
        ```
    """

    _block_type_name = "Outhaul Workspace"
    _block_type_slug = "outhaul-workspace"
    _description = "Where exports keep what they work on."

    model_config = ConfigDict(json_schema_extra=_with_a_place)

    url: str = Field(
        default_factory=default_workspace_url,
        title="URL",
        description="A path, or a URL that all workers reach, such as s3://exports/workspace; may grow large.",
    )
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Options",
        description='Options of the fsspec backend, as JSON, such as {"key": "...", "secret": "..."} for S3.',
    )

    def open(self) -> Store:
        """Open it.

        Raises:
            RequestError: the URL is of no known kind or holds a password, or its backend is not installed.
        """
        return Store(self.folder())

    def check(self) -> str:
        """That it can be written to, in a sentence; a small file is written and removed.

        Raises:
            RequestError: it cannot, or is of a newer Outhaul; says so.
            RetriableError: it cannot be reached now.
        """
        self.open().check_layout()
        storage = self.folder()
        check_writable(storage, "No export can work there")
        return f"{storage.shown} can be written to; every worker has to reach it."

    def folder(self, path: str = "") -> Storage:
        """A place below it, or itself."""
        refuse_credentials(self.url)
        if self._block_document_id:
            refuse_relative(self.url, f"The saved workspace {self._block_document_name}")
        url = f"{self.url.rstrip('/')}/{path}" if path else self.url
        return Storage(url, self.options.get_secret_value())
