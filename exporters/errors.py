"""What can go wrong, named by what the caller can do about it.

OuthaulError
├── FatalError          stop: trying again changes nothing
│   ├── RequestError    what was asked for is wrong; nothing was fetched, nothing was delivered
│   │   ├── BusyError   somebody else is at it; ask again when they have ended
│   │   └── NoSourceError   the text names no source, whatever is saved and installed
│   └── UndeliveredError    some of several targets did not get the export; ask again, for what is missing
├── RetriableError      try again, after `delay_seconds` if the far end said so
└── SkippableError      one entry cannot be exported; the `--on-error` policy decides whether the others are

Each message is one sentence that says what, where, and what to do. None holds a secret. All survive pickling, because
results and exceptions of tasks travel between processes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

LONGEST_LINE = 1500
"""Characters of a sentence; the middle of a longer one is left out."""
LONGEST_NAME = 120
"""Characters of a name that nobody knows."""
LONGEST_SAID = 300
"""Characters of what somebody else's code says of its failure; more is cut."""


class OuthaulError(Exception):
    """Everything Outhaul raises on purpose; its text is fit to be shown to a user as it stands, whatever is named."""

    def __str__(self) -> str:
        return readable(super().__str__())


class FatalError(OuthaulError):
    """Trying again changes nothing."""


class RequestError(FatalError):
    """What was asked for cannot be done as asked. Exit status 2."""


class BusyError(RequestError):
    """What was asked for is right, but somebody else is at it."""


class NoSourceError(RequestError):
    """A text that names no source, whatever is saved and installed."""


class UndeliveredError(FatalError):
    """Of several targets some did not get the export.

    Args:
        message: which, and why.
        targets: for each of them in their order what it got, as JSON.
    """

    def __init__(self, message: str, targets: Sequence[Mapping[str, object]]) -> None:
        super().__init__(message, targets)
        self.message = message
        self.targets = targets

    def __str__(self) -> str:
        return readable(self.message)


class RetriableError(OuthaulError):
    """A later attempt may succeed.

    Args:
        message: what happened, where, and what to do if it stays so.
        delay_seconds: how long the far end asked us to wait (`Retry-After`); None when it did not say.
    """

    def __init__(self, message: str, delay_seconds: float | None = None) -> None:
        super().__init__(message, delay_seconds)
        self.message = message
        self.delay_seconds = delay_seconds

    def __str__(self) -> str:
        return readable(self.message)


class SkippableError(OuthaulError):
    """One entry cannot be exported, the others can.

    Args:
        entry_id: the entry concerned, as the platform names it.
        reason: a short phrase that many entries can share ("its media is gone (404)"): reports count by it.
        detail: the reason with the names and numbers of this one entry, for its sentence; no report counts by it.
    """

    def __init__(self, entry_id: str, reason: str, detail: str = "") -> None:
        super().__init__(entry_id, reason, detail)
        self.entry_id = entry_id
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return readable(f"{self._said()}.")

    def refusal(self) -> FatalError:
        """What the user is told when the others are not to be delivered without it."""
        return FatalError(f"{self._said()}; leave such entries out with --on-error skip.")

    def _said(self) -> str:
        return f"Entry {self.entry_id} cannot be exported: {self.detail or self.reason}"


def quoted(name: str) -> str:
    """A name of the user's, as it may stand in a sentence: control and direction characters shown, not obeyed."""
    return f"“{_printable(name)}”"


def readable(text: str) -> str:
    """A sentence, or several lines of them, as a terminal and a log may be given it.

    Control and direction characters of what it names are shown, not obeyed; of a line that is endless, begin and end.
    """
    if text.isprintable() and len(text) <= LONGEST_LINE:
        return text
    return "\n".join(_shortened(_printable(line)) for line in text.split("\n"))


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 300]} … {line[-200:]}"


def first_line(text: str) -> str:
    """The first line of what somebody else's code says, as it may stand in the middle of a sentence."""
    return (text.strip().splitlines() or [""])[0][:LONGEST_SAID].rstrip(".")


def with_kind(error: BaseException, text: str) -> str:
    """`ValueError: no such bucket`, or the kind alone where it says nothing."""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def unknown_name(
    kind: str, given: str, known: Iterable[str], *, where: str = "", if_none: str = "leave it out"
) -> RequestError:
    """The refusal of a name that does not exist, with the nearest or all of those that do.

    `if_none` says what to do where there is none.
    """
    names = sorted(set(known))
    given = given if len(given) <= LONGEST_NAME else f"{given[:LONGEST_NAME]}…"
    near = difflib.get_close_matches(given, names, n=1)
    place = f" in {where}" if where else ""
    if near:
        advice = f"did you mean {near[0]!r}?"
    elif names:
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        advice = f"there is: {shown}."
    else:
        advice = f"{'it has' if place else 'there is'} none at all, {if_none}."
    return RequestError(f"There is no {kind} {given!r}{place}; {advice}")
