"""The sessions that this plug-in has accepted, on disk: each is answered once, also when the service is killed between.

An event holds the key of the user who pressed Run, so it lies here sealed with the plug-in's own secret, and is wiped
when its session is over.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from exporters.errors import RequestError

KEPT_SECONDS = 30 * 24 * 3600
"""So long a session that is over is known, if the hub sends it again."""
_TABLE = """
create table if not exists sessions (
    session text primary key, event blob, answer blob,
    attempts integer default 0, accepted_at real, is_over integer default 0
) without rowid
"""


class Answer(msgspec.Struct, frozen=True):
    """The last lines of a session, as level and text, and its response."""

    lines: tuple[tuple[str, str], ...]
    response: dict[str, Any]


class Unfinished(NamedTuple):
    """A session that was accepted and is not over. `answer`: what was to be said of it, if that was known already."""

    event: dict[str, Any]
    answer: Answer | None


class Sessions:
    """Their book. Only one process has it open."""

    def __init__(self, database: sqlite3.Connection, secret: str) -> None:
        self._database = database
        self._seal = Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"outhaul {secret}".encode()).digest()))
        database.execute(_TABLE)
        database.execute("delete from sessions where is_over and accepted_at < ?", (time.time() - KEPT_SECONDS,))

    def accept(self, event: Mapping[str, Any]) -> bool:
        """Write a session down; False when it is known already."""
        sealed = self._seal.encrypt(msgspec.json.encode(event))
        row = (event["session"], sealed, time.time())
        question = "insert or ignore into sessions (session, event, accepted_at) values (?, ?, ?)"
        return self._database.execute(question, row).rowcount == 1

    def begin(self, session: str) -> int:
        """Count an attempt; returns the how manieth it is."""
        question = "update sessions set attempts = attempts + 1 where session = ? returning attempts"
        ((attempts,),) = self._database.execute(question, (session,)).fetchall()
        return int(attempts)

    def settle(self, session: str, answer: Answer) -> None:
        """Write down what is to be said, before it is."""
        sealed = self._seal.encrypt(msgspec.json.encode(answer))
        self._database.execute("update sessions set answer = ? where session = ?", (sealed, session))

    def close(self, session: str) -> None:
        """It has been answered; nothing of it is kept but that."""
        question = "update sessions set is_over = 1, event = null, answer = null where session = ?"
        self._database.execute(question, (session,))

    def unfinished(self) -> list[Unfinished]:
        """In the order in which they were accepted. Those sealed with another secret are dropped."""
        question = "select session, event, answer from sessions where not is_over order by accepted_at, session"
        found = []
        for session, event, answer in self._database.execute(question).fetchall():
            try:
                opened = msgspec.json.decode(self._seal.decrypt(event))
                said = msgspec.json.decode(self._seal.decrypt(answer), type=Answer) if answer else None
            except InvalidToken:
                self.close(session)
                continue
            found.append(Unfinished(opened, said))
        return found


@contextmanager
def open_sessions(folder: Path, plugin_id: str, secret: str) -> Iterator[Sessions]:
    """The book of a plug-in, in this folder.

    Raises:
        RequestError: it cannot be written there, or another process has it open.
    """
    name = hashlib.sha256(plugin_id.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{name}.sqlite"
        with (folder / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RequestError(
                    f"This plug-in is being served from {folder} already; stop that one, or give another --workspace."
                ) from None
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            database = sqlite3.connect(path, isolation_level=None)
            try:
                database.execute("pragma secure_delete = on")  # a wiped event is to be gone from the file, too
                database.execute("pragma synchronous = full")
                yield Sessions(database, secret)
            finally:
                database.close()
    except OSError as error:
        raise RequestError(f"Sessions cannot be written down in {folder} ({error.strerror}); check it.") from None
