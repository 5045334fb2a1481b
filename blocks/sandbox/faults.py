"""What goes wrong between a client and a platform: scripted, request by request, or by chance that repeats exactly.

A fault is data: which requests it hits, how many of them, and what happens instead of the proper answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import accumulate
from typing import Any, Literal, Self, cast, get_args

from aiohttp import web

FaultKind = Literal[
    "status",
    "html",
    "redirect",
    "reset",
    "truncate",
    "stall",
    "endless",
    "slow",
    "wrong_length",
    "malformed",
    "garbage",
    "expired",
]
BRIDGED = ("429", "429:1", "502", "503", "html", "reset", "truncate", "slow", "malformed", "garbage", "expired")
"""Kinds that a client can get over by asking again, or by waiting."""


@dataclass(slots=True)
class Fault:
    """Hits requests whose ``METHOD /path?query`` contains the regular expression ``path_pattern``.

    ``times`` says how many, None for ever, after letting ``after`` matching ones pass; ``hits`` counts them. Kinds:

    * ``status``: an error document with ``status``; ``retry_after`` becomes its header (seconds, or an HTTP date)
    * ``html``: the same as a page of a proxy; with ``status`` 200 that is a page where a document should be
    * ``redirect``: to a page for logging in, which answers 200
    * ``reset``: the connection is reset before any answer
    * ``truncate``: ``sent_share`` of the body, then the connection closes
    * ``stall``: ``sent_share`` of the body, then silence for ``stall_seconds``
    * ``endless``: the body again and again, under no length, for as long as the client listens
    * ``slow``: the whole body, ``drip_bytes`` at a time with ``drip_seconds`` in between
    * ``wrong_length``: the full body under a Content-Length that is ``length_error_bytes`` too large: the client waits
      for the rest until ``stall_seconds`` are over; or, where negative, too small: the rest of the body stays on the
      connection, in the way of the next answer
    * ``malformed``: ``sent_share`` of the body under the length that this part has, so that nothing but reading it
      tells
    * ``garbage``: bytes without any form where a document should be
    * ``expired``: the request's token is dead from now on, which the platform then says by itself
    """

    path_pattern: str
    status: int = 500
    times: int | None = 1
    retry_after: float | str | None = None
    kind: FaultKind = "status"
    after: int = 0
    stall_seconds: float = 60.0
    length_error_bytes: int = 64
    sent_share: float = 0.5
    drip_bytes: int = 1024
    drip_seconds: float = 0.02
    hits: int = field(default=0, init=False)

    @classmethod
    def named(cls, word: str, path_pattern: str = "", **settings: Any) -> Self:
        """By a word: a kind, ``503``, ``429:2`` (with a Retry-After of 2 seconds), ``html:502``, ``redirect:307``.

        Raises:
            ValueError: there is no such kind.

        """
        kind, _, number = word.partition(":")
        if re.fullmatch(r"[1-5]\d\d", kind) and (not number or number.isdecimal()):
            retry_after = int(number) if number else None
            return cls(path_pattern, status=int(kind), retry_after=retry_after, **settings)
        defaults = {"html": 502, "redirect": 302}
        is_known = kind in get_args(FaultKind) and kind != "status"
        if not is_known or (number and (kind not in defaults or not re.fullmatch(r"[1-5]\d\d", number))):
            kinds = ", ".join(name for name in get_args(FaultKind) if name != "status")
            raise ValueError(f"There is no fault {word!r}: give a status such as 503 or 429:2, or one of {kinds}.")
        status = int(number or defaults.get(kind, 500))
        return cls(path_pattern, status=status, kind=cast("FaultKind", kind), **settings)

    def strikes(self, request: web.Request) -> bool:
        """Whether this request is one of those; counts it."""
        if not re.search(self.path_pattern, identity(request)):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class Chaos:
    """Hits each request with a chance of ``share``, by one of ``kinds``: words as of ``Fault.named``, or their weights.

    Whether and how follows from the seed, from what is asked for, and from how often it was asked for before: the same
    requests meet the same fate, in whatever order and however many at once. After ``in_a_row`` hits on the same
    request the next one passes, so that a client with more tries than that always gets through. ``hits`` counts by
    word, ``seen`` all requests that were up for it. ``settings`` are further fields of ``Fault``.
    """

    def __init__(
        self,
        seed: int,
        share: float,
        kinds: Sequence[str] | Mapping[str, float] = BRIDGED,
        *,
        in_a_row: int = 2,
        path_pattern: str = "",
        **settings: Any,
    ) -> None:
        weights = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, 1.0)
        if not 0 <= share <= 1 or not weights or min(weights.values()) < 0 or not sum(weights.values()):
            raise ValueError("Chaos takes a share from 0 to 1, and kinds whose weights are not negative.")
        self.hits: Counter[str] = Counter()
        self.seen = 0
        self._seed, self._share, self._in_a_row = seed, share, in_a_row
        self._pattern = re.compile(path_pattern)
        self._faults = [(word, Fault.named(word, times=None, **settings)) for word in weights]
        total = sum(weights.values())
        self._bounds = [bound / total for bound in accumulate(weights.values())]
        self._attempts: Counter[str] = Counter()
        self._streaks: Counter[str] = Counter()

    def strike(self, request: web.Request) -> Fault | None:
        """What hits this request; counts it."""
        asked = identity(request)
        if not self._pattern.search(asked):
            return None
        self.seen += 1
        self._attempts[asked] += 1
        chance, choice = self._draw(f"{self._seed}:{asked}:{self._attempts[asked]}")
        word, fault = next(pair for pair, bound in zip(self._faults, self._bounds, strict=True) if choice < bound)
        has_no_token = fault.kind == "expired" and "Authorization" not in request.headers
        if chance >= self._share or self._streaks[asked] >= self._in_a_row or has_no_token:
            self._streaks[asked] = 0
            return None
        self._streaks[asked] += 1
        self.hits[word] += 1
        fault.hits += 1
        return fault

    @staticmethod
    def _draw(text: str) -> tuple[float, float]:
        """Two numbers from 0 to below 1."""
        digest = blake2b(text.encode(), digest_size=12).digest()
        return int.from_bytes(digest[:6]) / 2**48, int.from_bytes(digest[6:]) / 2**48


def identity(request: web.Request) -> str:
    """``METHOD /path?query``, decoded."""
    return f"{request.method} {request.path_qs}"
