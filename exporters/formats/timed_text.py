"""What is said when, in the forms that players and phoneticians read: WebVTT, RTTM, Praat's TextGrid.

All take the same utterances and know nothing of where they come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_ENDS = re.compile(r"\s*[\n\r\x85\u2028\u2029]\s*")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")


class Utterance(NamedTuple):
    """From `start` to `end` in seconds, `voice` (a speaker, or a kind of sound) says `text`, empty if unknown."""

    start: float
    end: float
    voice: str
    text: str


# -- WebVTT -----------------------------------------------------------------------------------------------------------


def webvtt(utterances: Iterable[Utterance]) -> str:
    """A cue for each, with its voice, in order of time; start and end must be `milliseconds` apart.

    Characters of markup are escaped, an empty line in a text becomes a line end, control characters become U+FFFD. A
    voice without a name is `~`.
    """
    cues = [
        f"{_clock(one.start)} --> {_clock(one.end)}\n"
        f"<v {_markup(_one_line(one.voice) or '~')}>{_markup(_lines(one.text))}\n"
        for one in sorted(utterances)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(milliseconds(seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- RTTM -------------------------------------------------------------------------------------------------------------


def rttm(recording: str, utterances: Iterable[Utterance]) -> str:
    """A SPEAKER line of ten fields for each, in order of time: onset and duration with six decimals.

    Blanks in the names of recordings and voices are `~` and the two hex digits of each of their UTF-8 bytes, and so is
    `~` itself in voices: different ones stay different. Paths of files have their own `~` escaped already.
    """
    name = _BLANK.sub(_escape, recording)
    return "".join(
        f"SPEAKER {name} 1 {one.start:.6f} {one.end - one.start:.6f} <NA> <NA> {_field(one.voice)} <NA> <NA>\n"
        for one in sorted(utterances)
    )


def _field(text: str) -> str:
    return _BLANK.sub(_escape, text.replace("~", "~7e")) or "~"


def _escape(blank: re.Match[str]) -> str:
    return "".join(f"~{byte:02x}" for byte in blank[0].encode())


# -- Praat ------------------------------------------------------------------------------------------------------------


def textgrid(utterances: Iterable[Utterance], voices: Sequence[str], duration: float) -> str:
    """A TextGrid in Praat's long form, from 0 to `duration` or to the end of what lies behind it.

    An interval tier for each of `voices`, with intervals without text between the utterances; those that overlap in one
    voice go to further tiers of it (`voice (2)`). An interval says the text, or the voice where no text is known.
    """
    placed = sorted(utterances)
    end = max([duration, *(one.end for one in placed)])
    tiers = [tier for voice in voices for tier in _tiers(voice, [one for one in placed if one.voice == voice])]
    return "".join(_textgrid_lines(_told_apart(tiers), end))


def _tiers(voice: str, utterances: Sequence[Utterance]) -> list[tuple[str, list[Utterance]]]:
    """As many tiers as it takes that nothing overlaps, at least one."""
    tiers: list[list[Utterance]] = [[]]
    for one in utterances:
        free = next((tier for tier in tiers if not tier or tier[-1].end <= one.start), None)
        if free is None:
            tiers.append(free := [])
        free.append(one)
    return [(voice if number == 1 else f"{voice} ({number})", tier) for number, tier in enumerate(tiers, 1)]


def _told_apart(tiers: Iterable[tuple[str, list[Utterance]]]) -> dict[str, list[Utterance]]:
    named: dict[str, list[Utterance]] = {}
    for name, tier in tiers:
        unique, number = name, 2
        while unique in named:
            unique, number = f"{name} ({number})", number + 1
        named[unique] = tier
    return named


def _textgrid_lines(tiers: Mapping[str, Sequence[Utterance]], end: float) -> Iterator[str]:
    yield f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = {_number(end)} \n'
    if not tiers:
        yield "tiers? <absent> \n"
        return
    yield f"tiers? <exists> \nsize = {len(tiers)} \nitem []: \n"
    for index, (name, tier) in enumerate(tiers.items(), 1):
        intervals = list(_intervals(tier, end))
        yield f'    item [{index}]:\n        class = "IntervalTier" \n        name = {_quoted(name)} \n'
        yield f"        xmin = 0 \n        xmax = {_number(end)} \n        intervals: size = {len(intervals)} \n"
        for number, (start, until, text) in enumerate(intervals, 1):
            yield f"        intervals [{number}]:\n            xmin = {_number(start)} \n"
            yield f"            xmax = {_number(until)} \n            text = {_quoted(text)} \n"


def _intervals(tier: Iterable[Utterance], end: float) -> Iterator[tuple[float, float, str]]:
    """The utterances and the gaps between them, without a hole from 0 to the end."""
    done = 0.0
    for one in tier:
        if one.start > done:
            yield done, one.start, ""
        yield one.start, one.end, one.text if one.text.strip() else one.voice
        done = one.end
    if done < end:
        yield done, end, ""


def _quoted(text: str) -> str:
    return '"' + _one_line(text).replace('"', '""') + '"'


def _number(seconds: float) -> str:
    """In digits, whatever the size: the shortest that read back to the same number where these are enough."""
    return f"{seconds:.15f}".rstrip("0").rstrip(".") if 0 < seconds < 1e-4 else repr(seconds).removesuffix(".0")


# -- texts ------------------------------------------------------------------------------------------------------------


def _lines(text: str) -> str:
    return _CONTROL.sub("\ufffd", _LINE_ENDS.sub("\n", text.strip()))


def _one_line(text: str) -> str:
    return _CONTROL.sub("\ufffd", _LINE_ENDS.sub(" ", text.strip()))
