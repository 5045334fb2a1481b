"""The plug-in service: every run that comes in through the door is carried out, and answered exactly once.

The work of a session is a process of its own, so that whatever it does to itself, this one goes on sending heartbeats.
What was accepted stands in a book on disk (`flows.ango.sessions`) before anything is done for it: a service that is
killed and started again carries out what had no answer yet, and sends again what may not have arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blocks import stopping
from blocks.ango.door import Caller, Door, Line, failed, succeeded
from exporters.errors import FatalError, OuthaulError
from exporters.temporary import temporary_folder
from flows.ango.asked import read_event
from flows.ango.messages import End, Job, Recipe, Uploaded, decode_event
from flows.ango.sessions import Answer, Sessions
from flows.child import Child, run_child
from flows.child_messages import Broke, Said, encode, in_one_line

MOST_ATTEMPTS = 3
"""Of a session: one that ended the service twice would end it again."""
DEFAULT_TIME_LIMIT_SECONDS = 6 * 3600.0
WORKER = ("-P", "-m", "flows.ango")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """How sessions are carried out: by what process, which is told how to reach the hub and what to make."""

    command: Sequence[str]
    connection: dict[str, Any] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=Recipe)
    working_folder: str = ""
    at_once: int = 2
    time_limit: float = DEFAULT_TIME_LIMIT_SECONDS
    environment: dict[str, str] = field(default_factory=dict)


class Service:
    """Sessions of one plug-in, from the event to the answer."""

    def __init__(self, door: Door, sessions: Sessions, work: Work) -> None:
        self._door, self._sessions, self._work = door, sessions, work
        self._free = asyncio.Semaphore(work.at_once)
        self._is_stopping = False
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Go on with what was left, take what comes, for ever."""
        left = [self._again(one.event, one.answer) for one in self._sessions.unfinished()]
        try:
            with stopping.on_interrupt():  # the threads of sessions end with this, and with them their processes
                await asyncio.gather(self._door.serve(self.take), *left)
        finally:
            self._is_stopping = True

    def take(self, event: dict[str, Any]) -> asyncio.Task[None]:
        """Accept a run; the task is done when it has been answered, or when it is known already."""
        session = asyncio.create_task(self._take(event))
        self._running.add(session)
        session.add_done_callback(self._running.discard)
        return session

    async def _take(self, event: dict[str, Any]) -> None:
        session = event.get("session")
        if not isinstance(session, str) or not session:
            _log.error("The hub sent a run without a session, which nobody can be told anything of; it was ignored.")
            return
        if not self._sessions.accept(event):
            _log.info("Session %s came again; it is answered once.", session)
            return
        await self._again(event, None)

    async def _again(self, event: dict[str, Any], answer: Answer | None) -> None:
        caller = Caller.of(event)
        if answer is None:
            answer = await self._carried_out(caller, event)
            self._sessions.settle(caller.session, answer)
        lines = [Line(level, text) for level, text in answer.lines]
        await self._door.answer(caller, lines, answer.response)
        self._sessions.close(caller.session)
        _log.info("Session %s was answered: %s.", caller.session, "error" if "error" in answer.response else "done")

    async def _carried_out(self, caller: Caller, event: dict[str, Any]) -> Answer:
        """The answer to a run, whatever happens to it."""
        try:
            self._begin(caller, event)
            async with self._free:
                end = await self._run(caller, event)
        except OuthaulError as error:
            if self._is_stopping:
                raise asyncio.CancelledError from None  # the session has no answer yet: it is taken up again
            end = Broke(in_one_line(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the user is not to wait for ever
            _log.exception("Session %s", caller.session)
            end = Broke(f"The plug-in failed ({type(error).__name__}); whoever serves it finds more in its log.")
        if isinstance(end, Uploaded):
            return Answer((("INFO", "The export has been uploaded."),), succeeded(caller.session, end.link))
        trace = f"\n{_without_key(end.trace, caller)}" if end.trace else ""
        message = _without_key(end.message, caller)
        _log.warning("Session %s failed: %s%s", caller.session, message, trace)
        return Answer((("ERROR", message),), failed(caller.session))

    def _begin(self, caller: Caller, event: dict[str, Any]) -> None:
        """Count an attempt. Raises RequestError for a run that is wrong: that need not wait for its turn."""
        attempt = self._sessions.begin(caller.session)
        if attempt > MOST_ATTEMPTS:
            raise FatalError(
                f"The plug-in has ended {MOST_ATTEMPTS} times over this run, and does not try it again; whoever "
                f"serves it finds in its log why."
            )
        read_event(event)
        if attempt > 1:
            self._say(caller, logging.WARNING, "The plug-in was restarted, and takes this run up again.")
        if self._free.locked():
            self._say(caller, logging.INFO, "Other runs are under way; this one begins when one of them has ended.")

    async def _run(self, caller: Caller, event: dict[str, Any]) -> End:
        loop = asyncio.get_running_loop()

        def tell(said: Said) -> None:
            text = _without_key(said.text, caller)
            loop.call_soon_threadsafe(self._say, caller, said.level, text, said.extra)

        def run() -> End:
            with temporary_folder() as folder:
                child: Child[End] = Child(
                    command=self._work.command,
                    order=encode(Job(event, self._work.connection, self._work.recipe, folder)),
                    decode=decode_event,
                    folder=folder,
                    shown="The export",
                    time_limit=self._work.time_limit,
                    if_too_long="allow more with --time-limit where the plug-in is served.",
                    working_folder=self._work.working_folder,
                    environment=self._work.environment,
                )
                return run_child(child, tell, lambda _fraction: None)

        return await asyncio.to_thread(run)

    def _say(self, caller: Caller, level: int, text: str, extra: Mapping[str, Any] | None = None) -> None:
        _log.debug("Session %s: %s", caller.session, text)
        with contextlib.suppress(Exception):  # a line that cannot be sent is no reason to end anything
            self._door.log(caller, Line(logging.getLevelName(level), text, extra or {}))


def _without_key(text: str, caller: Caller) -> str:
    """A callback is handed the key of its user, and may print all that it is handed."""
    return text.replace(caller.api_key, "...") if caller.api_key else text
