"""`manifest.json`: what a plug-in folder says of itself. Keys that other platforms put there are left alone."""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from exporters.errors import RequestError, quoted
from exporters.validation import wrong_values

MANIFEST = "manifest.json"
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,63}$"
"""Such a name is a folder on every file system, and needs no quoting in a shell."""


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)


class EntryPoints(_Document):
    sync: str = ""
    """The Python file with `init(context)`, relative to the plug-in's folder."""


class PluginManifest(_Document):
    """The manifest, read. Keys of several words are in camel case in JSON: `displayName`, `entryPoints`."""

    name: str = Field(pattern=NAME_PATTERN)
    version: str = Field(min_length=1)
    display_name: str = ""
    description: str = ""
    modalities: tuple[str, ...] = ()
    """What the plug-in is made for; `init` registers its exporters for these, or for what it likes."""
    entry_points: EntryPoints = EntryPoints()


def read_manifest(folder: Path) -> PluginManifest:
    """The manifest of the plug-in in this folder.

    Raises:
        RequestError: it cannot be read, or says something wrong; all of that is named.
    """
    path = folder / MANIFEST
    try:
        manifest = PluginManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); every plug-in folder has one.") from None
    except ValidationError as error:
        raise RequestError(f"{path} is no manifest of a plug-in; correct it: {wrong_values(error)}.") from None
    known = [field.alias or name for name, field in PluginManifest.model_fields.items()]
    for key in manifest.model_extra or ():  # another platform's, unless it nearly has the name of one of ours
        if near := difflib.get_close_matches(key, known, n=1, cutoff=0.8):
            raise RequestError(f"{path} has the unknown key {quoted(key)}; did you mean {near[0]!r}?")
    return manifest


def entry_file(folder: Path, manifest: PluginManifest) -> Path:
    """The file with the plug-in's `init`: where the manifest says, else in one of the two usual places.

    Raises:
        RequestError: there is no such file, or it is no Python file within the plug-in's folder.
    """
    named = manifest.entry_points.sync
    places = (named,) if named else ("sync.py", f"backends/sync/{manifest.name}/sync.py")
    for place in places:
        if not _is_within(folder, place):
            raise RequestError(
                f"{folder / MANIFEST} names {quoted(place)} as entryPoints.sync; name a Python file within its folder."
            )
        if (path := (folder / place).resolve()).is_file():
            return path
    raise RequestError(
        f"The plug-in {manifest.name} has no file {' or '.join(places)} in {folder}; add it, with a function "
        f"init(context), or correct entryPoints.sync in {MANIFEST}."
    )


def _is_within(folder: Path, place: str) -> bool:
    """Whether this can be a Python file of a folder."""
    try:
        path = (folder / place).resolve()
        path.is_file()
    except (OSError, ValueError):  # names that are too long, or have a NUL in them
        return False
    return path.is_relative_to(folder.resolve()) and path.suffix == ".py"
