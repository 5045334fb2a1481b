"""What is installed here, by what the packages say of themselves: nothing is imported, Prefect least of all."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib import metadata

from packaging.requirements import Requirement  # Prefect brings it along
from packaging.specifiers import SpecifierSet

from blocks.places import PLACES
from exporters.extras import EXTRAS
from exporters.version import version_of
from flows.findings import Finding, State

SHOWN = ("prefect", "fsspec", "s3fs")
"""Packages whose versions are told in any case; the others', where they are wrong."""
CONSEQUENCES = {
    "sqlalchemy": "with 2.1 no scheduled run is ever made",
    "fastapi": "from 0.151 on Prefect lists no runs, and from 0.155 on its server does not start",
}
"""What versions outside our ranges do to Prefect, which itself allows them."""


def python() -> Iterator[Finding]:
    """Its version, against the one that we need."""
    here, needed = platform.python_version(), metadata.metadata("outhaul")["Requires-Python"]
    if SpecifierSet(needed).contains(here, prereleases=True):
        yield Finding("Python", State.OK, f"{here}, within {needed}.")
    else:
        yield Finding("Python", State.BROKEN, f"{here} is too old; install outhaul in a Python {needed}.")


def packages(declared: Iterable[str] | None = None) -> Iterator[Finding]:
    """Each package that is needed whatever is exported, if its version is wrong or of interest.

    `declared` are the requirements of a package as its metadata has them; None: ours.
    """
    yield Finding("outhaul", State.OK, f"{version_of('outhaul')}.")
    for needed in _requirements(declared):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield from _package(needed)


def _package(needed: Requirement) -> Iterator[Finding]:
    here = _version(needed.name)
    remedy = f"run pip install '{needed.name}{_range(needed)}'"
    if here is None:
        yield Finding(needed.name, State.BROKEN, f"it is not installed, and outhaul needs it; {remedy}.")
    elif not needed.specifier.contains(here, prereleases=True):
        why = f" ({CONSEQUENCES[needed.name]})" if needed.name in CONSEQUENCES else ""
        yield Finding(
            needed.name, State.BROKEN, f"{here} is not one of {_range(needed)}, which outhaul needs{why}; {remedy}."
        )
    elif needed.name in SHOWN:
        yield Finding(needed.name, State.OK, f"{here}, within {_range(needed)}.")


def extras(declared: Iterable[str] | None = None) -> Iterator[Finding]:
    """Which extras are there, and what each is for. One that is absent is no fault."""
    needed = _requirements(declared)
    for name in sorted(metadata.metadata("outhaul").get_all("Provides-Extra") or []):
        yield _extra(name, [one for one in needed if _belongs_to(one, name)])


def _extra(name: str, needed: Iterable[Requirement]) -> Finding:
    about, remedy, what_for = f"outhaul[{name}]", f"pip install 'outhaul[{name}]'", _what_for(name)
    found = []
    for one in needed:
        here = _version(one.name)
        if here is None:
            return Finding(about, State.NOTE, f"not installed; {what_for} would need it: {remedy}.")
        if not one.specifier.contains(here, prereleases=True):
            return Finding(
                about, State.NOTE, f"{one.name} {here} is not one of {_range(one)}, as {what_for} needs it: {remedy}."
            )
        found.append(f"{one.name} {here}")
    return Finding(about, State.OK, f"{', '.join(found)}, for {what_for}.")


def _what_for(extra: str) -> str:
    """From where it is known: what formats need, and what places do."""
    if extra in EXTRAS:
        return EXTRAS[extra].what_for
    return " and ".join(
        f"{place.name} ({', '.join(f'{scheme}://' for scheme in place.schemes)})"
        for place in PLACES
        if place.extra == extra
    )


def _range(needed: Requirement) -> str:
    """`>=3.8.8,<3.9`, as one would write it."""
    return ",".join(sorted(map(str, needed.specifier), reverse=True))


def _belongs_to(needed: Requirement, extra: str) -> bool:
    marker = needed.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _requirements(declared: Iterable[str] | None) -> list[Requirement]:
    return [Requirement(one) for one in (metadata.requires("outhaul") or [] if declared is None else declared)]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
