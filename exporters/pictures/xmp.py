"""XMP packets, and how properties are erased from one: spaces take their place, nothing else moves."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Properties:
    """Properties that are to be erased, known by their names, whatever their prefix."""

    def __init__(self, names: bytes, *, words: Iterable[str], damaged: str) -> None:
        """Of properties whose names match.

        Args:
            names: a regular expression for a name without its prefix, in small letters.
            words: of which such names consist: a packet in wide characters that has one is not looked into further.
            damaged: what is said of a packet from which they cannot be erased.
        """
        name = rb"(?<![\w.:-])(?!xmlns:)[\w.-]+:(?:" + names + rb")(?![\w.-])"
        self._property = re.compile(name, re.IGNORECASE)
        self._element = re.compile(rb"<(" + name + rb")[^<>]*>", re.IGNORECASE)
        self._attribute = re.compile(name + rb"""\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
        self._wide = re.compile(b"|".join(re.escape(word.encode("utf-16-le")) for word in words), re.IGNORECASE)
        self._damaged = damaged

    def erase(self, packet: bytes) -> bytes:
        """A packet with spaces in place of the properties; the same object when there are none.

        Raises:
            ValueError: one is there but cannot be told apart from the rest, or the packet is not in UTF-8.
        """
        if self._wide.search(packet):
            raise ValueError(self._damaged)
        if not self._property.search(packet):
            return packet
        erased = bytearray(packet)
        stop = 0
        for element in self._element.finditer(packet):
            if element.start() < stop:
                continue
            stop = element.end()
            if not element[0].endswith(b"/>"):
                closing = re.compile(rb"</" + re.escape(element[1]) + rb"\s*>").search(packet, stop)
                if closing is None:
                    raise ValueError(self._damaged)
                stop = closing.end()
            erased[element.start() : stop] = b" " * (stop - element.start())
        blank = self._attribute.sub(lambda attribute: b" " * len(attribute[0]), erased)
        if self._property.search(blank):
            raise ValueError(self._damaged)
        return bytes(blank)
