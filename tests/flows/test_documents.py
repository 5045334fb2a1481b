"""The documents beside a package, as somebody damaged them: told from those of a newer version, and never a crash."""

from __future__ import annotations

import pytest

from blocks.documents import MANIFEST, manifest_head, refuse_newer
from blocks.storage import Storage
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE
from flows.manifest import is_understood

DAMAGED = (b"\xff\xfe", b"", b"[]", b'{"a":' * 100_000)


@pytest.mark.parametrize("document", DAMAGED, ids=lambda document: repr(document[:12]))
def test_a_damaged_manifest_is_nobodys(document: bytes) -> None:
    """No text, no JSON, none of ours, or nested without an end: it is no newer one, and there is nothing to tell of."""
    storage = Storage("memory://documents")
    storage.write(f"x/{MANIFEST}", [document])
    refuse_newer(document, "shown")
    assert not is_understood(storage, "x/")
    with pytest.raises(UNREADABLE):
        manifest_head(storage, "x/")


def test_a_newer_one_is_refused() -> None:
    """A schema that is not known yet is refused by name, though the rest could be read."""
    with pytest.raises(RequestError, match=r"s3://b/manifest.json .*schema 99"):
        refuse_newer(b'{"schema": 99}', "s3://b/manifest.json")
