"""`outhaul doctor`: what is missing or misconfigured on this machine, a line a finding, with what to do.

Light where it can be: versions are read, not imported, and Prefect is loaded only for an API that is configured, a
source, or a target. One thing that is broken keeps no other from being looked at.
"""

from __future__ import annotations

import os
import re
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from blocks.workspace_url import default_workspace_url
from exporters.errors import NoSourceError, OuthaulError, RequestError, first_line, with_kind
from flows.findings import Finding, State, is_broken, text
from flows.settings import prepare

SOUND, BROKEN = 0, 1
SCARCE_BYTES = 1_000_000_000
"""Free bytes of a disk with fewer of which an export of pictures soon ends."""
SAVED = "block:"

Look = Callable[[], Iterable[Finding]]


def doctor_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul doctor`.

    Raises:
        RequestError: a SOURCE that is none, whatever is saved here, or a --to that is empty.
    """
    if not all(map(str.strip, arguments.to)):
        raise RequestError("--to is empty; give a path, a URL, or block:NAME.")
    findings = list(_findings(arguments))
    status = BROKEN if is_broken(findings) else SOUND
    document = {"works": status == SOUND, "findings": [one.document() for one in findings]}
    return status, text(findings), document


def _findings(arguments: Namespace) -> Iterator[Finding]:
    yield from _tried("packages", _installed)
    url = arguments.workspace or default_workspace_url()
    prepare(url)  # before Prefect is loaded
    api = _tried("Prefect API", _api)
    has_api = not is_broken(api)
    yield from _tried("workspace", partial(_workspace, url, has_api=has_api))
    yield from api
    for source in arguments.sources:
        about = f"source {_shown(source)}"
        yield from _tried(about, partial(_source, about, source, has_api=has_api))
    for target in arguments.to:
        about = f"target {_shown(target)}"
        yield from _tried(about, partial(_target, about, target, has_api=has_api))


def _tried(about: str, look: Look) -> list[Finding]:
    """What was found until something was broken, and that."""
    found = []
    try:
        for one in look():
            found.append(one)  # noqa: PERF402 - what came before an error counts
    except NoSourceError:
        raise
    except OuthaulError as error:
        found.append(Finding(about, State.BROKEN, str(error)))
    except ImportError as error:
        said = (
            f"the package {error.name} cannot be loaded; install outhaul again: pip install --force-reinstall outhaul."
        )
        found.append(Finding(about, State.BROKEN, said))
    except Exception as error:  # noqa: BLE001 - a broken machine breaks in ways that nobody foresaw
        said = with_kind(error, first_line(str(error)))
        found.append(
            Finding(about, State.BROKEN, f"unexpected {said}; see the findings above, and report it if in vain.")
        )
    return found


def _installed() -> Iterator[Finding]:
    from flows.installed import extras, packages, python  # noqa: PLC0415 - what it is made of may be missing

    yield from python()
    yield from packages()
    yield from extras()


def _api() -> Iterable[Finding]:
    from flows.doctor_api import api  # noqa: PLC0415 - what it is made of may be missing

    return api()


def _workspace(url: str, *, has_api: bool) -> Iterator[Finding]:
    """Whether it can be written to, and how much its disk takes; without Prefect, unless it is a saved one."""
    from blocks.probing import check_writable  # noqa: PLC0415 - what it is made of may be missing
    from blocks.storage import Storage  # noqa: PLC0415
    from blocks.urls import refuse_credentials  # noqa: PLC0415
    from flows.words import size_text  # noqa: PLC0415

    if url.startswith(SAVED):
        if not has_api:
            yield _untried("workspace")
            return
        from blocks.catalog import find_workspace  # noqa: PLC0415 - brings Prefect along

        storage = find_workspace(url).folder()
    else:
        refuse_credentials(url)
        storage = Storage(url if "://" in url else os.path.abspath(os.path.expanduser(url)))  # noqa: PTH100, PTH111
    check_writable(storage, "No export can work there")
    said = f"{storage.shown} can be written to"
    if not storage.is_local:
        yield Finding("workspace", State.OK, f"{said}.")
        return
    place = Path(storage.root)
    free = shutil.disk_usage(next(one for one in (place, *place.parents) if one.exists())).free
    if free < SCARCE_BYTES:
        advice = "exports keep what they fetch there: make room, or set OUTHAUL_WORKSPACE to a larger disk"
        yield Finding("workspace", State.NOTE, f"{said}, but {size_text(free)} are free on its disk; {advice}.")
    else:
        yield Finding("workspace", State.OK, f"{said}, with {size_text(free)} free on its disk.")


def _source(about: str, source: str, *, has_api: bool) -> Iterator[Finding]:
    from blocks.catalog import find_source, is_saved_source  # noqa: PLC0415 - brings Prefect along

    if is_saved_source(source) and not has_api:
        yield _untried(about)
    else:
        yield Finding(about, State.OK, find_source(source).check())


def _target(about: str, target: str, *, has_api: bool) -> Iterator[Finding]:
    from blocks.catalog import find_target  # noqa: PLC0415 - brings Prefect along

    if target.startswith(SAVED) and not has_api:
        yield _untried(about)
    else:
        yield Finding(about, State.OK, find_target(target).check())


def _untried(about: str) -> Finding:
    return Finding(about, State.NOTE, "not tried: it is saved at the Prefect API, which has to work first.")


def _shown(given: str) -> str:
    """A SOURCE or URL as it may be shown: without a password, also where that will be refused."""
    from blocks.urls import without_credentials  # noqa: PLC0415 - blocks are loaded when all is prepared

    kind = re.match(r"folder:|upd:|idah\+|ango\+|", given)
    prefix = kind[0] if kind else ""
    return prefix + without_credentials(given.removeprefix(prefix))
