"""`dependencies.md`: what an installation asks for and why, and under which licences all of it may be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.reference.tables import code, table
from tests.supply.declared import Declared, declared, pinned
from tests.supply.licences import EXCEPTIONS, recorded

HEAD = ("package", "version", "licence", "what it is for")


def page() -> Iterator[str]:
    asked = declared()
    yield from (
        "# Dependencies",
        "",
        "The reasons stand in `pyproject.toml`, versions that work together in `constraints.txt`; licences are what",
        "packages say of themselves. What a wheel bundles is named in its own licence files. `make sbom` lists what an",
        "installation really consists of, as CycloneDX JSON.",
        "",
        "## What everybody needs",
        "",
    )
    yield from table(HEAD, _rows(one for one in asked if not one.extra))
    yield from ("## Extras", "")
    yield from table(("extra", *HEAD), ([code(one.extra), *_row(one)] for one in asked if one.extra))
    yield from ("## What these bring along", "", "On any machine, with all extras.", "")
    others: defaultdict[str, list[str]] = defaultdict(list)
    for name, licence in recorded().items():
        if name not in {one.name for one in asked}:
            others[licence].append(name)
    yield from table(("licence", "packages"), ((one, ", ".join(others[one])) for one in sorted(others)))
    yield from ("## Not quite permissive", "", "Taken all the same:", "")
    rows = ((code(name), recorded()[name], why) for name, why in sorted(EXCEPTIONS.items()))
    yield from table(("package", "licence", "why it is taken"), rows)


def _rows(several: Iterable[Declared]) -> Iterator[list[str]]:
    return map(_row, several)


def _row(one: Declared) -> list[str]:
    return [code(one.name), f"{pinned()[one.name]} ({one.requirement.specifier})", recorded()[one.name], one.reason]
