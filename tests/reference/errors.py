"""`errors.md`: the tree of `exporters/errors.py`, what each class means, and which exit status it gives."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from exporters import errors
from exporters.errors import (
    BusyError,
    FatalError,
    NoSourceError,
    OuthaulError,
    RequestError,
    RetriableError,
    SkippableError,
    UndeliveredError,
)
from flows import cli
from flows.cli_parts import STATUSES
from flows.policy import PATIENT, is_retriable
from tests.reference.tables import code, table

EXAMPLES: tuple[OuthaulError, ...] = (
    OuthaulError("…"),
    FatalError("…"),
    RequestError("…"),
    BusyError("…"),
    NoSourceError("…"),
    UndeliveredError("…", []),
    RetriableError("…"),
    SkippableError("e1", "…"),
)
"""One of each."""
_BRANCH = re.compile(r"^[│├└─ ]*[├└]── (\w+) +(.+)$", re.MULTILINE)


def page() -> Iterator[str]:
    tree = (errors.__doc__ or "").split("\n\n")[1]
    meanings = dict(_BRANCH.findall(tree))
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, OuthaulError)]
    assert {type(one) for one in EXAMPLES} == set(classes), f"an error class has no example in {__name__}"
    assert meanings.keys() == {one.__name__ for one in classes} - {"OuthaulError"}, "the tree is not what there is"
    yield from (
        "# Errors",
        "",
        "Everything that is raised on purpose. Each text is a sentence that may be shown;",
        "[all of them, with what to do](messages.md).",
        "",
    )
    yield from ("```text", tree, "```", "")
    rows = []
    for one in EXAMPLES:
        name, base = type(one).__name__, type(one).__base__
        said = (type(one).__doc__ or "").split("\n\n")[0]
        rows.append((code(name), code(base.__name__ if base else ""), said, _again(one), str(exit_status(one))))
    yield from table(("class", "is a", "what it says", "tried again", "exit status"), rows)
    yield from (
        "`UndeliveredError` has `targets`, with what each of them got; `RetriableError` has `delay_seconds`;",
        "`SkippableError` has `entry_id`, `reason` and `detail`. In a run, an entry's `SkippableError` becomes a",
        "`FatalError` that names a way out, or with `--on-error skip` a count in the manifest.",
        "",
        "## Exit status",
        "",
    )
    meant = [(str(status), said) for status, said in STATUSES.items()]
    yield from table(("status", "meaning"), [*meant, (str(cli.INTERRUPTED), "interrupted (Ctrl-C, SIGTERM)")])
    yield from ("An error that is none of these ends with 1 too; `OUTHAUL_DEBUG=1` shows where it came from.", "")


def exit_status(error: BaseException) -> int:
    """What `outhaul` ends with when a command raises this."""
    with patch.object(cli, "_carry_out", side_effect=error), contextlib.redirect_stderr(io.StringIO()):
        try:
            cli.main(["formats"])
        except SystemExit as stopped:
            return int(stopped.code or 0)
    raise AssertionError("the command line went on after an error")


def _again(error: OuthaulError) -> str:
    """What the tasks of a run do when one raises this."""
    failed: Any = SimpleNamespace(result=lambda **_: error)
    is_again = is_retriable(cast("Any", None), cast("Any", None), failed)
    return f"{PATIENT['retries']} times, by its task" if is_again else "no"
