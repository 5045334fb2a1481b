"""How long each step of a run takes, by the clock of who runs it."""

from __future__ import annotations

from time import monotonic


class Laps:
    """Steps one after the other; what runs beside a step, or is waited for in it, counts to that step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = monotonic()

    def end(self, step: str) -> None:
        """This step ends here, and the next begins."""
        now = monotonic()
        self.seconds[step] = round(now - self._since, 3)
        self._since = now
