"""How results of tasks lie in a workspace: as JSON behind its checksum, so that one that was changed is no result."""

from __future__ import annotations

import hashlib
from typing import Any

from prefect.serializers import JSONSerializer
from pydantic import Field


class CheckedJSON(JSONSerializer[Any]):
    """A result that cannot be read is made again by Prefect; so is one that can be read, and says something else."""

    type: str = Field(default="outhaul-checked-json", frozen=True)

    def dumps(self, obj: Any) -> bytes:
        written = super().dumps(obj)
        return _checksum(written) + b"\n" + written

    def loads(self, blob: bytes) -> Any:
        checksum, _, written = blob.partition(b"\n")
        if checksum != _checksum(written):
            raise ValueError("the result is not what was put there")
        return super().loads(written)


def _checksum(written: bytes) -> bytes:
    return hashlib.sha256(written).hexdigest().encode()
