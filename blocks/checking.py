"""What every block of Outhaul can do: say whether what was filled in works."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Checkable(Protocol):
    def check(self) -> str:
        """Try the connection with what is in the block; what was found, in a sentence.

        Raises:
            RequestError: something in the block is wrong; says what, and what to do.
            RetriableError: the far end cannot be reached now.
        """
        ...
