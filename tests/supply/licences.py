"""Under which licences what we install may be used: what packages say of themselves, and which of that we take.

`licences.txt` records it of every package that an installation may consist of, on any machine and with any extra. Tests
compare it with what is installed; `python -m tests.supply.licences` writes it anew, in an environment with all extras.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply.declared import declared, pinned

RECORD = Path(__file__).parent / "licences.txt"
PERMISSIVE = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0"),
        *("MIT-CMU", "PSF-2.0", "Zlib"),
    )
)
WEAK = "its own files stay under it when they are changed, and we change none"
EXCEPTIONS = {
    "asyncssh": f"with the extra sftp alone; {WEAK}",
    "crc32c": f"with the extra tfrecord alone, a library that anybody can replace; {WEAK}",
    "text-unidecode": "Prefect brings it along; the Artistic License asks nothing of those who use it as it is",
    **dict.fromkeys(("bidict", "certifi", "orjson", "pathspec", "shtab", "tqdm"), WEAK),
}
"""What is under another licence, and why we take it all the same."""

_SAID = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Artistic License": "Artistic-1.0-Perl",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "FreeBSD": "BSD-2-Clause",
    "Modified BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSF": "PSF-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""SPDX's names for what packages say in words of their own."""
_LOOKED_UP = {
    "datumaro": "MIT",
    "json-stream-rs-tokenizer": "MIT",
    "python-dateutil": "Apache-2.0 AND BSD-3-Clause",
}
"""Of packages whose metadata names none, or not in a word: as their licence files have it."""
_OTHERS = ("EPL-2.0", "GPL-2.0-or-later", "LGPL-2.1-or-later", "MPL-2.0")
_TERM = re.compile(r"[\w.+-]+")
_OPERATORS = {"AND", "OR", "WITH"}


def is_taken(name: str, licence: str) -> bool:
    """Whether all that a licence expression names is permissive, or the package is a known exception.

    Of several to choose from, all must be: it is simpler than choosing, and has cost nothing so far.
    """
    terms = {*_TERM.findall(licence)} - _OPERATORS
    return name in EXCEPTIONS or (bool(terms) and terms <= PERMISSIVE)


def recorded() -> dict[str, str]:
    lines = RECORD.read_text().splitlines()
    return {name: licence for name, _, licence in (line.partition(" ") for line in lines)}


def licence_of(found: metadata.Distribution) -> str:
    """The licence of an installed package as an SPDX expression; empty where it does not say."""
    name, about = canonicalize_name(found.name), found.metadata
    if name in _LOOKED_UP:
        return _LOOKED_UP[name]
    if expression := about.get("License-Expression"):
        return expression
    said = (about.get("License") or "").strip()
    word = _SAID.get(said, said)
    if word and "\n" not in word and {*_TERM.findall(word)} - _OPERATORS <= {*PERMISSIVE, *_OTHERS}:
        return word
    classified = [
        _SAID.get(line.rpartition("::")[2].strip(), "")
        for line in about.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    return " OR ".join(filter(None, classified))


def installed_for_use() -> dict[str, metadata.Distribution]:
    """What is installed here of all that an installation with every extra consists of, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [one.requirement for one in declared()]
    seen: set[str] = set()
    while waiting:
        needed = waiting.pop()
        name, key = canonicalize_name(needed.name), str(needed)
        if key in seen:
            continue
        seen.add(key)
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        waiting += _needed_by(found[name], needed)
    return found


def _needed_by(found: metadata.Distribution, asked: Requirement) -> Iterator[Requirement]:
    for one in map(Requirement, found.requires or []):
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *asked.extras)):
            yield one


def _record() -> Iterator[str]:
    """The record, as it should be: what is not installed on this machine stays as it is, if it is pinned still."""
    known = {name: licence for name, licence in recorded().items() if name in pinned()} if RECORD.exists() else {}
    known |= {name: licence_of(found) for name, found in installed_for_use().items()}
    for name, licence in sorted(known.items()):
        yield f"{name} {licence}\n"


if __name__ == "__main__":
    RECORD.write_text("".join(_record()))
