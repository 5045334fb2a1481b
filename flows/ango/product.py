"""What a callback returned, in whatever form, as a file on disk with a name that is safe."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blocks.storage_errors import translated
from exporters.errors import FatalError, first_line, quoted, with_kind
from exporters.naming import safe_component

FILE_NAME = "export.json"
PIECE_BYTES = 1 << 20
_APART = re.compile(r"""[\s:*?"'<>|&#%+=;~]+""")


@dataclass(frozen=True)
class Product:
    """A file that is not empty, under a name that is safe in addresses and on disks; where it goes, if that is said."""

    path: Path
    name: str
    storage_id: str = ""
    bucket: str = ""


def product_of(returned: Any, folder: Path) -> Product:
    """The file, in `folder` unless the callback has put it itself. Raises FatalError: it is none, or an empty one."""
    storage_id = bucket = name = None
    shown, file = "", returned
    if isinstance(returned, tuple) and len(returned) == 2:
        name, file = returned
        shown = "a pair of a name and "
    elif hasattr(returned, "file") and hasattr(returned, "file_name"):  # ours, the vendor's, or somebody's own
        name, file = returned.file_name, returned.file
        storage_id, bucket = getattr(returned, "storage_id", None), getattr(returned, "bucket", None)
        shown = f"{type(returned).__name__} with "
    elif isinstance(returned, str):  # may be a path as well as all of the export
        raise _refusal("a text")
    if isinstance(file, str | os.PathLike):
        path = Path(os.fsdecode(file)).absolute()
        own_name = path.name
    elif isinstance(file, bytes | bytearray | memoryview) or hasattr(file, "read"):
        path = folder / "product"
        own_name = _name_of(file)
        with translated(str(path)), path.open("wb") as copy:
            for piece in _pieces(file):
                copy.write(piece)
    else:
        raise _refusal(f"{shown}{_kind(file)}")
    _check(path)
    return Product(path, _safe_name(str(name or "") or own_name), str(storage_id or ""), str(bucket or ""))


def _pieces(file: Any) -> Iterator[Any]:
    """The bytes of a file, from its beginning where it can be gone back to."""
    if not hasattr(file, "read"):
        yield file
        return
    try:
        if isinstance(file, io.BytesIO):
            yield file.getbuffer()
            return
        if hasattr(file, "seek") and (not hasattr(file, "seekable") or file.seekable()):
            file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece.encode() if isinstance(piece, str) else memoryview(piece)
    except Exception as error:
        raise FatalError(
            f"The file that the callback returned cannot be read ({describe(error)}); "
            f"let it return one that is open for reading, or a path."
        ) from error


def _check(path: Path) -> None:
    try:
        status = path.stat()
        is_file = stat.S_ISREG(status.st_mode)
        if is_file:
            path.open("rb").close()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FatalError(
            f"The file {quoted(str(path)[-200:])} that the callback returned cannot be read ({why}); "
            f"let it return one that can."
        ) from None
    if not is_file or not status.st_size:
        what = "an empty file" if is_file else "what is no file but a folder or a device"
        raise FatalError(f"The callback returned {what}; let it return a file with something in it.")


def _refusal(what: str) -> FatalError:
    return FatalError(
        f"The callback returned {what}; let it return ExportResponse(file, file_name), or a pair of a name and a file, "
        f"where the file is an io.BytesIO, bytes, a path, or open for reading."
    )


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (None)"
    of = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return f"a value of type {type(value).__name__}{of}"


def _name_of(file: Any) -> str:
    """That of a file which was opened by its name; those of temporary files say nothing."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and Path(name).suffix else ""


def _safe_name(given: str) -> str:
    """The last part of a name, without what means something in addresses, queries and paths."""
    last = re.split(r"[/\\]", given.rstrip("/\\"))[-1]
    cleaned = _APART.sub("-", "".join(one for one in last if one.isprintable() or one.isspace()))
    stem, dot, extension = cleaned.rpartition(".") if "." in cleaned else (cleaned, "", "")
    stem, extension = stem.strip("-. "), extension.strip("-. ")
    if not stem and not extension:
        return FILE_NAME
    return safe_component((stem or "export") + (dot + extension if extension else ""))


def describe(error: BaseException) -> str:
    """What a script's own code failed with, as the middle of a sentence."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else repr(error.code)})"
    return with_kind(error, first_line(str(error)))
