"""Names of delivered files: safe on every file system, and injective, so that two entries never share one.

The rule, which the manifest repeats: folders of a name are kept; each unsafe character becomes `~` and the two hex
digits of each of its UTF-8 bytes; a name over 180 bytes is cut and gets a digest; names that meet in one folder, also
when they differ only in case, all get `~id-` and their entry's id before the extension. `~` itself is always escaped,
so no name can look like another one's escaped form.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

RULE = "unsafe characters as ~xx (hex), over-long names cut with ~h-digest, meeting names told apart by ~id-entry"

MAX_BYTES = 180
"""Of one path component; file systems allow 255, and a format may add its own extension or prefix."""

MOST_BYTES = 255
MAX_EXTENSION_BYTES = 16

EXTENSIONS = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/vnd.apple.mpegurl": ".m3u8",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tiff",
    "image/webp": ".webp",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpeg",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
}
"""By media type; a table of our own, because the one of the standard library differs from machine to machine."""

_UNSAFE = re.compile(
    r'[~/<>:"\\|?*\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]'
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", re.IGNORECASE)
"""File names that Windows keeps for devices."""


def safe_path(name: str) -> str:
    """A relative path with `/` between folders, legal everywhere, that never leaves the folder it is put in.

    Different names give different paths, but for case: see `meeting_key`.
    """
    components = [safe_component(component) for component in name.split("/")]
    return "/".join(components)


def safe_component(name: str) -> str:
    return _shorten(_escaped(name)) if name else "~"  # never an escape: those have digits


def _escaped(name: str) -> str:
    escaped = _UNSAFE.sub(lambda match: _escape(match[0]), name)
    if not escaped.strip(". ") or _RESERVED.match(escaped):
        escaped = _escape(escaped[:1]) + escaped[1:]
    if escaped.endswith((".", " ")):
        escaped = escaped[:-1] + _escape(escaped[-1])
    if escaped.startswith(" "):
        escaped = _escape(" ") + escaped[1:]
    return escaped


def with_extension(name: str, mime_type: str | None) -> str:
    """`name`, with the extension of its media type when it has none at all."""
    stem, dot, extension = name.rpartition("/")[2].rpartition(".")
    return name if dot and stem and extension else name + EXTENSIONS.get(mime_type or "", "")


def is_safe_path(path: str) -> bool:
    """Whether a file may have this path in a package: it leads nowhere else, and every file system takes it.

    `~` is how safe names are written: one may stand in a name that is safe otherwise.
    """
    components = path.replace("~", "-").split("/")
    return all(
        component and _escaped(component) == component and len(component.encode()) <= MOST_BYTES
        for component in components
    )


def without_extension(path: str) -> str:
    """A file's path without the extension of its name; all of it where the name has none."""
    folder, slash, last = path.rpartition("/")
    stem, dot, _ = last.rpartition(".")
    return folder + slash + (stem if dot and stem else last)


def told_apart(path: str, entry_id: str) -> str:
    """The path of an entry whose own path met another's."""
    folder, _, last = path.rpartition("/")
    stem, dot, extension = last.rpartition(".")
    if not dot or len(extension.encode()) > MAX_EXTENSION_BYTES:
        stem, dot, extension = last, "", ""
    mark = _shorten(safe_component(entry_id), MAX_BYTES // 2)
    if mark != _folded(mark):  # another id may differ from it in case only
        mark += f"~h-{hashlib.sha256(entry_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    marked = f"{_shorten(stem, MAX_BYTES // 2)}~id-{mark}{dot}{extension}"
    return f"{folder}/{marked}" if folder else marked


def meeting_key(path: str) -> int:
    """A 64-bit number that is equal for paths which some file system would take for the same."""
    return int.from_bytes(hashlib.blake2b(_folded(path).encode(), digest_size=8).digest(), "little")


def _folded(path: str) -> str:
    """What is left of a path on file systems that mind neither case nor how accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _escape(text: str) -> str:
    return "".join(f"~{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def _shorten(component: str, limit: int = MAX_BYTES) -> str:
    data = component.encode()
    if len(data) <= limit:
        return component
    digest = hashlib.sha256(data).hexdigest()[:16]
    stem, dot, extension = component.rpartition(".")
    tail = f"~h-{digest}" + (dot + extension if stem and len(extension.encode()) <= MAX_EXTENSION_BYTES else "")
    return data[: limit - len(tail.encode())].decode(errors="ignore") + tail
