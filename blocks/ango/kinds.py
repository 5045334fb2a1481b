"""What kind of file an asset is: a project may mix them, and no row says it outright."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

MIME_TYPES = {
    **dict.fromkeys(("jpg", "jpeg", "jfif"), "image/jpeg"),
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    **dict.fromkeys(("tif", "tiff"), "image/tiff"),
    "heic": "image/heic",
    "avif": "image/avif",
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "pdf": "application/pdf",
    **dict.fromkeys(("dcm", "dicom"), "application/dicom"),
    "nrrd": "application/x-nrrd",
    **dict.fromkeys(("pcd", "ply", "las", "laz"), "application/octet-stream"),
}
_MODALITIES = {
    "pdf": "document",
    **dict.fromkeys(("dcm", "dicom", "nrrd"), "medical"),
    **dict.fromkeys(("pcd", "ply", "las", "laz"), "point_cloud"),
}
UNKNOWN = "unknown"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]")
MODALITIES = ("image", "video", "audio", "text", "document", "medical", "point_cloud", UNKNOWN)


def extension(*names: str) -> str:
    """The first extension that is known, of names and addresses."""
    for name in names:
        path = unquote(re.split("[?#]", name, maxsplit=1)[0]) if is_address(name) else name
        found = path.rpartition("/")[2].rpartition(".")[2].lower()
        if found in MIME_TYPES:
            return found
    return ""


def is_address(text: str) -> bool:
    """Of the web, or of a storage that only its owner can open (`s3://...`)."""
    return _ADDRESS.match(text) is not None


def mime_type(*names: str) -> str | None:
    return MIME_TYPES.get(extension(*names))


def modality(metadata: Mapping[str, Any], content: str, *names: str) -> str:
    """Of an asset: by its names and addresses, else by what is known of its size, else by whether it has content."""
    if "frameTotal" in metadata or "frameRate" in metadata:
        return "video"
    found = extension(*names)
    if found:
        return _MODALITIES.get(found) or MIME_TYPES[found].partition("/")[0]
    if "width" in metadata:
        return "image"
    return "text" if content and not is_address(content) else UNKNOWN
