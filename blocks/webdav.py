"""WebDAV with files of any name: its client takes `#`, `?` and `%` in names for parts of an address."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from webdav4.client import Client


class NamingClient(Client):  # type: ignore[misc]  # it ships no types
    def join_url(self, path: str, add_trailing_slash: bool = False) -> Any:
        return super().join_url(quote(path, safe="/"), add_trailing_slash)
