r"""Names of classes as formats can write them that are made of lines or of XML.

Control characters, line separators, and what no UTF-8 or XML 1.0 document can hold are written as `\uXXXX`, in
hexadecimal; names that are one by that are told apart by the id of their category.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from exporters.classes import ExportClass
from exporters.options import Options
from exporters.shard import Shard

_MEMORY = "class labels"

_NOT_ON_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    return _NOT_ON_A_LINE.sub(_as_escape, text)


def class_labels(classes: Iterable[ExportClass]) -> dict[str, str]:
    """The name of each class on one line, by the class's id; no two alike."""
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for one in classes:
        label = one_line(one.name)
        while label in taken:
            label = f"{label} ({one_line(one.id)})"
        taken.add(label)
        labels[one.id] = label
    return labels


def labels_of(shard: Shard[Options]) -> dict[str, str]:
    """`class_labels` of a shard's classes, made once a shard."""
    labels: dict[str, str] | None = shard.memory.get(_MEMORY)
    if labels is None:
        labels = shard.memory[_MEMORY] = class_labels(shard.classes.classes)
    return labels


def xml_text(text: str) -> str:
    """Text as the content of an element; `one_line` is not asked of it."""
    return escape(_NOT_IN_XML.sub(_as_escape, text), quote=False).replace("\r", "&#13;")


def xml_attribute(text: str) -> str:
    """Text as the value of an attribute, quotes included; line breaks and tabs survive."""
    from xml.sax.saxutils import quoteattr  # noqa: PLC0415 - it brings a client of HTTP

    return quoteattr(_NOT_IN_XML.sub(_as_escape, text))


def _as_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
