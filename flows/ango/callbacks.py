"""Callbacks as the vendor's SDK takes them, called with all that it gives them, and what they return as a file on disk.

The documentation calls them by keywords and shows pairs of a name and a file, the SDK gives one dict and takes
`ExportResponse`. Both kinds run here: how a callback wants to be called, its parameters tell.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporters.errors import FatalError, OuthaulError
from flows.ango.callback_logger import CallbackLogger
from flows.ango.product import FILE_NAME, Product, describe, product_of
from flows.ango.rows import Rows

KEYS = (
    *("projectId", "session", "apiKey", "orgId", "runBy", "configJSON", "stage", "batches"),
    *("jsonExport", "numTasks", "logger"),
)
"""What a callback is given. An event may have others beside them, or be without some of them."""


class ExportPlugin:
    """An Export plug-in: how the hub knows it, and the callback that makes the file of a run."""

    def __init__(
        self,
        id: str,  # noqa: A002 - the vendor's name for it
        secret: str,
        callback: Callable[..., Any],
        host: str = "https://imeritapi.ango.ai",
        version: str = "v2",
    ) -> None:
        self.id, self.secret, self.callback, self.host, self.version = id, secret, callback, host, version

    def __repr__(self) -> str:
        name = getattr(self.callback, "__name__", type(self.callback).__name__)
        return f"ExportPlugin(id={self.id!r}, callback={name}, host={self.host!r}, version={self.version!r})"


class ExportResponse:
    """What a callback returns: a file (an `io.BytesIO`, bytes, a path, or a file open for reading) and its name.

    `storage_id` and `bucket` say where it is put, if not at the hub's own place. `options` are taken and not used.
    """

    def __init__(
        self,
        file: Any,
        file_name: str = FILE_NAME,
        storage_id: str | None = None,
        bucket: str | None = None,
        options: Any = None,
    ) -> None:
        self.file, self.file_name, self.storage_id, self.bucket, self.options = (
            file, file_name, storage_id, bucket, options
        )  # fmt: skip

    def __repr__(self) -> str:
        place = "".join(
            f", {name}={value!r}" for name in ("storage_id", "bucket") if (value := getattr(self, name)) is not None
        )
        return f"ExportResponse({type(self.file).__name__}, {self.file_name!r}{place})"


def call(plugin: ExportPlugin, event: dict[str, Any], rows: Rows, logger: CallbackLogger, folder: Path) -> Product:
    """Run the callback; its file lies in `folder` afterwards, or where the callback has put it itself.

    Raises:
        FatalError: it cannot be called, failed, or returned something else than a file that has anything in it.
    """
    logger.hide(event.get("apiKey"), plugin.secret)
    data = {**event, "jsonExport": rows, "numTasks": len(rows), "logger": logger}
    callback = plugin.callback
    positional, named = arguments(callback, data)
    try:
        returned = callback(*positional, **named)
        if inspect.isawaitable(returned):
            returned = asyncio.run(_awaited(returned))
    except OuthaulError:
        raise
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        said = logger.hidden(describe(error))
        raise FatalError(f"The callback failed: {said}{_place(error, callback)}; correct the script.") from error
    return product_of(returned, folder)


def arguments(callback: Callable[..., Any], data: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What to call it with: all in one dict; or by name, where it takes several and the first is called as one of them.

    Raises:
        FatalError: its parameters fit neither.
    """
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):  # it is written in C
        return (data,), {}
    parameters = list(signature.parameters.values())
    kinds = [one.kind for one in parameters]
    by_name = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    takes_all = inspect.Parameter.VAR_KEYWORD in kinds
    positional: tuple[Any, ...] = (data,)
    named: dict[str, Any] = {}
    is_by_name = by_name and by_name[0].name in KEYS and len(by_name) + takes_all > 1
    if is_by_name or not {*kinds} - {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
        positional = ()
        names = {one.name for one in by_name}
        named = {one.name: None for one in by_name if one.default is one.empty and one.name in KEYS}
        named |= {name: value for name, value in data.items() if takes_all or name in names}
    try:
        signature.bind(*positional, **named)
    except TypeError:
        fits = False
    else:
        fits = bool(parameters)
    if not fits:
        raise FatalError(
            f"The callback takes ({', '.join(one.name for one in parameters)}), which is not what it is given; "
            f"let it take one dict, or some of {', '.join(KEYS)}."
        )
    return positional, named


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _place(error: BaseException, callback: Callable[..., Any]) -> str:
    """The last place in the script's own files, not in those of packages, that led to an error."""
    here = _file(callback)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        is_beside = here.is_absolute() and here.parent in path.parents and "site-packages" not in path.parts
        if path == here or (is_beside and path != Path(__file__)):
            return f" ({path.name}, line {frame.lineno})"
    return ""


def _file(callback: Any) -> Path:
    """Where a callback was written."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    callback = inspect.unwrap(callback)
    code = getattr(callback, "__code__", None) or getattr(type(callback).__call__, "__code__", None)
    return Path(code.co_filename if code else "")
