"""Spans of a text, checked against the words that they select.

Whether offsets count code points, or the UTF-16 units of a browser, and whether the end is the first character behind
the span or its last, the platform does not say. The words do: the first way of counting that meets them is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exporters.model import TextSpan, Unknown

MISPLACED = "text span whose words are not where it says"


def settle(span: TextSpan, text: str) -> TextSpan | Unknown:
    """The span in code points, its end exclusive; where no way of counting meets its words, that it is misplaced."""
    if not span.text:
        return span if span.end <= len(text) else Unknown(MISPLACED)
    for start, end in _ways(span, text):
        if text[start:end] == span.text:
            return TextSpan(start, end, span.text)
    return Unknown(MISPLACED)


def _ways(span: TextSpan, text: str) -> Iterator[tuple[int, int]]:
    counting: tuple[Callable[[int], int], ...] = (lambda offset: offset, lambda offset: _code_points(text, offset))
    for convert in counting:
        yield convert(span.start), convert(span.end)
        yield convert(span.start), convert(span.end + 1)


def _code_points(text: str, units: int) -> int:
    """How many code points the first UTF-16 units of a text are."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "replace"))
