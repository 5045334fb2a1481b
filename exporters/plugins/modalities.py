"""Which modalities an exporter is registered for: names, patterns, or several of both.

IDAH calls its modalities `idah-image` and `idah-video`, Outhaul's record model `image` and `video`. A selector written
for either fits both, so that a plug-in moves from one to the other as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exporters.errors import FatalError

Selector = str | re.Pattern[str]
"""A name means itself; a pattern is searched for anywhere in a modality's name, so anchor it where that matters."""

PLATFORM_PREFIX = "idah-"


def bare_modality(name: str) -> str:
    """Outhaul's name of a modality, of either name."""
    return name.removeprefix(PLATFORM_PREFIX)


@dataclass(frozen=True)
class Modalities:
    """A set of selectors; one of them has to match. None: any modality at all."""

    selectors: tuple[Selector, ...] | None = None

    def match(self, modality: str) -> bool:
        spellings = (bare := bare_modality(modality), PLATFORM_PREFIX + bare)
        return self.selectors is None or any(
            selector in spellings if isinstance(selector, str) else any(map(selector.search, spellings))
            for selector in self.selectors
        )

    def names(self) -> list[str]:
        """The selectors for people to read: Outhaul's names, and patterns between slashes."""
        named = {
            bare_modality(selector) if isinstance(selector, str) else f"/{selector.pattern}/"
            for selector in self.selectors or ()
        }
        return sorted(named)

    def __or__(self, other: Modalities) -> Modalities:
        if self.selectors is None or other.selectors is None:
            return Modalities()
        return Modalities(self.selectors + other.selectors)


def read_modalities(given: object) -> Modalities:
    """The selectors in what a plug-in gave: a string, a compiled pattern, several of both, or None for any modality.

    Raises:
        FatalError: it is something else, or an empty list.
    """
    if given is None:
        return Modalities()
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    selectors = tuple(several)
    if not selectors or not all(map(_is_selector, selectors)):
        raise FatalError(
            f"Modalities are a name such as 'image', a compiled pattern such as re.compile('.*'), or a list of both, "
            f"and not {given!r}; give one of them."
        )
    return Modalities(selectors)


def _is_selector(one: object) -> bool:
    return bool(one) if isinstance(one, str) else isinstance(one, re.Pattern) and isinstance(one.pattern, str)
