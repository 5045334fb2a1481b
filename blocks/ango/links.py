"""Signed links, remembered as long as they open; and how to tell when they will not.

What an export brings is enough to fetch its files for a day. Another machine, or a later day, has to ask for each.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs

LIFETIME_SECONDS = 120_000
"""Of links of assets, as documented; for those that do not say it themselves."""
MARGIN_SECONDS = 120
"""A link is not used so shortly before it dies: a file takes its time."""


def dies_at(signed: str, now: float) -> float:
    """When a link stops to open, in seconds since the epoch."""
    query = {name.lower(): values[0] for name, values in parse_qs(signed.partition("?")[2]).items()}
    for prefix in ("x-amz", "x-goog"):
        try:
            begun = datetime.strptime(query[f"{prefix}-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return begun.timestamp() + float(query[f"{prefix}-expires"])
        except (KeyError, ValueError):
            pass
    try:
        return float(query["expires"])
    except (KeyError, ValueError):
        return now + LIFETIME_SECONDS


class LinkBook:
    """Links of this process. They lie on its disk in a file that has no name, and goes with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def add(self, account: str, link: str, signed: str) -> None:
        """`account` is a digest: what opens a file for one key is of no use to those who have another."""
        now = time.time()
        row = (account, link, signed, dies_at(signed, now) - MARGIN_SECONDS)
        with self._lock:
            self._opened().execute("insert or replace into links values (?, ?, ?, ?)", row)

    def get(self, account: str, link: str) -> str | None:
        question = "select signed, useless_at from links where account = ? and link = ?"
        with self._lock:
            found = self._opened().execute(question, (account, link)).fetchone()
        return found[0] if found and found[1] > time.time() else None

    def sweep(self) -> None:
        """Forget the links that do not open any more: a process may live for months."""
        with self._lock:
            self._opened().execute("delete from links where useless_at < ?", (time.time(),))

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            columns = "account text, link text, signed text, useless_at real, primary key (account, link)"
            for statement in (
                "pragma synchronous = off",
                "pragma journal_mode = off",
                f"create table links ({columns}) without rowid",
            ):
                self._database.execute(statement)
        return self._database


BOOK = LinkBook()
