"""Fuzz all parsers by hand, each in a process of its own: `python -m tests.fuzz 100000`, or with names behind it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import sys

import tests.conftest  # noqa: F401 - a home of its own for Prefect
from tests.fuzz.parsers import PARSERS, inputs_of
from tests.fuzz.running import Figures, Parser, run

FORM = "{:24} {:>8} {:>8} {:>8} {:>8} {:>9}"


def main(total: int, names: list[str]) -> int:
    print(FORM.format("parser", "inputs", "read", "refused", "seconds", "growth MB"), flush=True)
    chosen = [one for one in PARSERS if not names or any(name in one.name for name in names)]
    sums = Figures()
    crashed = []
    for parser in chosen:
        figures, fault = _apart(parser, inputs_of(parser, total) if not names else total // len(chosen))
        _show(parser.name, figures)
        if fault:
            crashed.append(parser.name)
            print(fault, flush=True)
        sums = Figures(
            sums.read + figures.read,
            sums.refused + figures.refused,
            sums.seconds + figures.seconds,
            max(sums.growth_bytes, figures.growth_bytes),
        )
    _show("all", sums)
    print(f"crashes: {', '.join(crashed) or 'none'}")
    return len(crashed)


def _show(name: str, figures: Figures) -> None:
    growth = f"{figures.growth_bytes / 1e6:.1f}"
    print(
        FORM.format(name, figures.inputs, figures.read, figures.refused, f"{figures.seconds:.0f}", growth), flush=True
    )


def _apart(parser: Parser, inputs: int) -> tuple[Figures, str]:
    """The figures of a run in a process of its own, and what went wrong in it."""
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=_run, args=(parser, inputs, theirs))
    process.start()
    theirs.close()
    try:
        figures, fault = ours.recv()
    except EOFError:
        figures, fault = Figures(), "the process died"
    process.join()
    return figures, fault


def _run(parser: Parser, inputs: int, answer: multiprocessing.connection.Connection) -> None:
    figures, fault = Figures(), ""
    try:
        figures = run(parser, inputs, is_repeatable=False)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what was looked for
        fault = f"{type(error).__name__}: {error}\n{''.join(getattr(error, '__notes__', ()))}"
    answer.send((figures, fault))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
