"""How an exporter ends its attempt from anywhere in its code.

Both derive from BaseException, as KeyboardInterrupt does: an exporter's own `except Exception` must not swallow what it
has just said itself, while its `finally` blocks still run.
"""

from __future__ import annotations


class Ended(BaseException):
    """The exporter has ended this attempt."""


class Failed(Ended):
    """`context.error(message)`: the export has failed, for the reason the exporter gives."""


class Rescheduled(Ended):
    """`context.reschedule(after=...)`: the same export is to be tried again after so many seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after
