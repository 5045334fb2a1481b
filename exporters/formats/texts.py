"""What text formats share: the text of an entry, whether spans stand in it, and names for columns without blanks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from exporters import splits
from exporters.assembly import Assembly
from exporters.classes import ExportClass
from exporters.errors import SkippableError
from exporters.item import Item, Placed
from exporters.model import TextSpan
from exporters.shard import Shard

Span = tuple[int, int, Placed]
"""Start and end, half-open in code points, and the annotation that stands there."""

NO_TEXT = "it has no text: no media of text that was fetched, and no attribute “text”"
OUTSIDE = "its place does not lie in the text"
OTHER_TEXT = "its text is not what stands at its place"
BLANK = "there is nothing but blanks in it"
TRIMMED = "blanks around a span are not part of it"


def text_of(item: Item, shard: Shard[Any]) -> str | None:
    """The entry's text: of its media, which is UTF-8, otherwise of its attribute `text`; None where there is neither.

    A byte-order mark is not part of the text, line ends are as they stand there: offsets count both this way.

    Raises:
        SkippableError: the media is no UTF-8.
    """
    media = item.entry.original
    data = shard.read_media(media) if media and (media.mime_type or "text/plain").startswith("text/") else None
    if data is not None:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SkippableError(item.entry.id, "its text is no UTF-8") from None
    text = item.entry.attributes.get("text")
    return text if isinstance(text, str) else None


def trimmed(span: TextSpan, text: str) -> tuple[int, int] | str:
    """Start and end of a span without the blanks around it, half-open in code points, or why it is left out."""
    if not 0 <= span.start < span.end <= len(text):
        return OUTSIDE
    said = text[span.start : span.end]
    if span.text and span.text != said:
        return OTHER_TEXT
    if said.isspace():
        return BLANK
    return span.start + len(said) - len(said.lstrip()), span.end - len(said) + len(said.rstrip())


def without_overlaps(spans: Iterable[Span]) -> tuple[list[Span], list[Span]]:
    """Those that stand side by side, in order, and the rest: of two that overlap, the first and longer is taken."""
    taken: list[Span] = []
    rest: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0], -one[1])):
        (rest if taken and span[0] < taken[-1][1] else taken).append(span)
    return taken, rest


def column_names(classes: Iterable[ExportClass]) -> dict[str, str]:
    """A name without blanks for each class, by class id: `Phone number` as `Phone_number`, told apart by its number."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for one in classes:
        name = "_".join(one.name.split()) or "_"
        while name in taken:
            name = f"{name}_{one.number}"
        taken.add(name)
        names[one.id] = name
    return names


def split_suffixes(package: Assembly[Any], kind: str) -> dict[str, str]:
    """What the names of files end in, by split: `_train`, or nothing for the part `kind:` of no split."""
    suffixes = {
        split: f"_{name}" for split, name in splits.file_names(one.partition(":")[2] for one in package.names()).items()
    }
    return suffixes if suffixes and f"{kind}:" not in package.names() else {"": "", **suffixes}
