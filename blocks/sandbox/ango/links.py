"""Signed addresses: they open a file without a key, for a while, and are others at each export."""

from __future__ import annotations

import hmac
import itertools
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

LIFETIME_SECONDS = 120_000
_FORM = "%Y%m%dT%H%M%SZ"


class Links:
    """Signs paths below ``base``, which is known once the sandbox serves."""

    def __init__(self, seed: int, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self.base = ""
        self.lifetime_seconds = lifetime_seconds
        self._secret = f"sandbox {seed}".encode()
        self._serials = itertools.count(1)
        self._dead_before = 0
        self._last = 0

    def serial(self) -> int:
        """A number for one export, or for one link that was asked for."""
        self._last = next(self._serials)
        return self._last

    def expire(self) -> None:
        """Ends all links that were given out so far."""
        self._dead_before = self._last + 1

    def sign(self, path: str, serial: int, *, method: str = "GET") -> str:
        """``path`` begins with a slash and is not quoted."""
        date = datetime.now(UTC).strftime(_FORM)
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=sandbox%2F{serial}&X-Amz-Date={date}"
            f"&X-Amz-Expires={int(self.lifetime_seconds)}&X-Amz-SignedHeaders=host"
        )
        signature = self._signature(method, path, f"{serial} {date} {int(self.lifetime_seconds)}")
        return f"{self.base}{quote(path)}?{query}&X-Amz-Signature={signature}"

    def refusal(self, method: str, path: str, query: Mapping[str, str]) -> str:
        """Why a link does not open; empty where it does."""
        credential, date = query.get("X-Amz-Credential", ""), query.get("X-Amz-Date", "")
        lifetime, serial = query.get("X-Amz-Expires", ""), credential.removeprefix("sandbox/")
        if not serial.isdecimal() or not lifetime.isdecimal():
            return "AccessDenied"
        signature = self._signature(method, path, f"{serial} {date} {lifetime}")
        if not hmac.compare_digest(signature, query.get("X-Amz-Signature", "")):
            return "SignatureDoesNotMatch"
        begun = datetime.strptime(date, _FORM).replace(tzinfo=UTC).timestamp()
        if int(serial) < self._dead_before or time.time() > begun + int(lifetime) + 1:
            return "AccessDenied: Request has expired"
        return ""

    def _signature(self, method: str, path: str, rest: str) -> str:
        return hmac.digest(self._secret, f"{method} {path} {rest}".encode(), "sha256").hex()
