"""Parsers given broken documents, one after the other: each reads it or refuses it, in bounded time and memory."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from exporters.errors import OuthaulError
from tests.fuzz.breaking import Files, broken
from tests.fuzz.edits import EDITS, Edit

HANG_SECONDS = 20.0
"""Of processor time for one input: a guard against loops without an end, a thousand times what the slowest takes."""
HEADROOM_BYTES = 2 << 30
"""Of address space beside what the process has; more is not given, and asking for it is a crash."""
LONGEST_REFUSAL = 2000
"""Characters of a message: it is for a person, and does not repeat a document."""


@dataclass(frozen=True)
class Parser:
    """`seeds` makes true documents; `read` reads one, to the end. `share`: of the inputs, beside 1 for most parsers."""

    name: str
    seeds: Callable[[], Sequence[Files]]
    read: Callable[[Files], object]
    share: float = 1.0
    may_raise: tuple[type[Exception], ...] = (OuthaulError,)
    """Ours alone, unless the parser is a small function whose docstring promises its caller something else."""


@dataclass
class Figures:
    """What became of the inputs of a parser."""

    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    growth_bytes: int = 0
    """By which the largest amount of memory grew while they were read."""

    @property
    def inputs(self) -> int:
        return self.read + self.refused


class HangError(BaseException):
    """Nothing in a parser catches this."""


def run(parser: Parser, inputs: int, *, is_repeatable: bool = True) -> Figures:
    """Give a parser so many broken documents.

    Raises:
        AssertionError: it crashed, hung, asked for too much memory, or refused in words that are not fit to be shown;
            with the smallest edits that bring it about.
    """
    figures, seeds = Figures(), parser.seeds()

    def read(edits: Sequence[Edit]) -> None:
        for seed in seeds[edits[0].what % len(seeds) :][:1]:
            is_read = attempt(parser, broken(seed, edits))
            figures.read, figures.refused = figures.read + is_read, figures.refused + (not is_read)

    search = settings(
        max_examples=inputs,
        derandomize=is_repeatable,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    started, before = time.process_time(), _peak_bytes(is_begun=True)
    with guarded():
        search(given(EDITS)(read))()
    figures.seconds = time.process_time() - started
    figures.growth_bytes = max(0, _peak_bytes() - before)
    return figures


def attempt(parser: Parser, files: Files) -> bool:
    """Whether a document was read; False where it was refused in a sentence."""
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    try:
        parser.read(files)
    except parser.may_raise as error:
        if isinstance(error, OuthaulError):
            check_refusal(str(error))
        return False
    except HangError:
        raise AssertionError(f"{parser.name} was still busy after {HANG_SECONDS:g} seconds.") from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return True


def check_refusal(message: str) -> None:
    """Raise unless a message can be shown: on a terminal, in a log, as JSON; a line, or a line for each problem."""
    assert message.strip(), "refused without a word"
    longest = max(message.split("\n"), key=len)
    assert len(longest) < LONGEST_REFUSAL, f"a refusal of {len(longest)} characters: {message[:200]}"
    strange = [one for one in message.replace("\n", " ") if not one.isprintable()]
    assert not strange, f"a refusal with {strange[:3]}: {message!r}"


@contextmanager
def guarded() -> Iterator[None]:
    """A limit of memory, and what ends a hang: processor time, which no busy machine uses up for us."""

    def hang(number: int, frame: object) -> None:
        raise HangError

    former_handler = signal.signal(signal.SIGVTALRM, hang)
    former_limit = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + HEADROOM_BYTES, former_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, former_limit)
        signal.signal(signal.SIGVTALRM, former_handler)


def _peak_bytes(*, is_begun: bool = False) -> int:
    """The most memory that this process has held, since this was last asked to begin anew."""
    if is_begun:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
