"""The logger that a callback gets: whatever it says becomes a line in the session's panel, and nothing stops it."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

MAX_TEXT = 4000
"""Characters of a text, or of what is said beside it; more is cut."""
MIN_SECRET = 6
"""Characters; shorter ones would be found in every word."""
HIDDEN = "..."

Tell = Callable[[int, str, dict[str, Any]], None]
"""Takes a level as in `logging`, a text, and what is said beside it, as it may stand in JSON."""


class CallbackLogger(logging.Logger):
    """As the vendor's: all levels pass, and keyword arguments that `logging` does not know become keys of the line.

    Handlers that a script adds get its records, too. A line that cannot be told is lost, for the export matters more.
    """

    def __init__(self, tell: Tell, name: str = "callback") -> None:
        super().__init__(name)
        self._tell = tell
        self._secrets: list[str] = []

    def hide(self, *secrets: object) -> None:
        """Show these nowhere: scripts log what they were given, keys included."""
        self._secrets += [one for one in secrets if isinstance(one, str) and len(one) >= MIN_SECRET]

    def hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def isEnabledFor(self, level: int) -> bool:  # noqa: ARG002, N802 - as `logging` calls it
        return True

    def warn(self, msg: object, *args: object, **kwargs: Any) -> None:  # that of `logging` warns of itself
        self.warning(msg, *args, **kwargs)

    def log(self, level: int | str, msg: object, *args: object, **kwargs: Any) -> None:
        """The level may be given by its name."""
        known = level if isinstance(level, int) else logging.getLevelNamesMapping().get(str(level).upper())
        self._log(logging.INFO if known is None else known, msg, args, **kwargs)

    def _log(
        self,
        level: int,
        msg: object,
        args: Any,
        exc_info: Any = None,
        extra: Mapping[str, object] | None = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        **more: object,
    ) -> None:
        try:
            text = _formatted(msg, args)
            beside = {**more, **extra} if isinstance(extra, Mapping) else more
            told = {_text(key): self._as_json(value) for key, value in beside.items()}
            self._tell(level, self._with_trace(text, exc_info), told)
            if self.handlers:
                super()._log(level, "%s", (text,), exc_info, extra, stack_info, stacklevel + 1)
        except Exception:  # noqa: BLE001, S110 - see above
            pass

    def _with_trace(self, text: str, exc_info: Any) -> str:
        """The end of a trace says most, so what is too long is cut before it."""
        text = self.hidden(_text(text))[:MAX_TEXT]
        trace = self.hidden(_trace(exc_info))
        room = MAX_TEXT - len(text) - 1
        return f"{text}\n{trace[-room:]}" if trace and room > 0 else text

    def _as_json(self, value: object) -> Any:
        try:
            data = self.hidden(msgspec.json.encode(value, enc_hook=str).decode())
            if len(data) <= MAX_TEXT:
                return msgspec.json.decode(data)
        except Exception:  # noqa: BLE001 - there are many reasons why
            data = _text(value)
        return self.hidden(data)[:MAX_TEXT]


def _formatted(msg: object, args: Any) -> str:
    """As `logging` puts them together; where that cannot be done, one after the other."""
    text = _text(msg)
    if not args:
        return text
    try:
        is_by_name = len(args) == 1 and isinstance(args[0], Mapping) and args[0]
        return _text(text % (args[0] if is_by_name else args))
    except Exception:  # noqa: BLE001 - an argument's own code is run
        return " ".join([text, *map(_text, args)])


def _text(value: object) -> str:
    """As text that can be sent; whatever the value's own code says to that."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - it is somebody else's
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "replace").decode()


def _trace(exc_info: Any) -> str:
    """`exc_info` in all the forms that `logging` takes."""
    if not exc_info:
        return ""
    if isinstance(exc_info, BaseException):
        error: BaseException | None = exc_info
    else:
        error = exc_info[1] if isinstance(exc_info, tuple) else sys.exception()
    return _text("".join(traceback.format_exception(error)).rstrip()) if error else ""
