"""One parser, fuzzed by hand with coverage as the guide: `python -m tests.fuzz.guided NAME`, until interrupted.

Needs atheris, which is installed for the purpose; inputs that reach new code are kept in memory only.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["blocks", "exporters", "flows"]):
    import tests.conftest  # noqa: F401 - a home of its own for Prefect
    from tests.fuzz.breaking import broken
    from tests.fuzz.edits import Edit
    from tests.fuzz.parsers import PARSERS
    from tests.fuzz.running import attempt, guarded

MOST_EDITS = 6


def main(name: str) -> None:
    (parser,) = [one for one in PARSERS if name in one.name]
    seeds = parser.seeds()

    def read(data: bytes) -> None:
        given = atheris.FuzzedDataProvider(data)
        edits = [
            Edit(*(given.ConsumeIntInRange(0, most) for most in (15, 31, 65535, 65535)))
            for _ in range(given.ConsumeIntInRange(1, MOST_EDITS))
        ]
        attempt(parser, broken(seeds[edits[0].what % len(seeds)], edits))

    atheris.Setup([sys.argv[0], *sys.argv[2:]], read)
    with guarded():
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1])
