"""Plug-in folders: found by the environment, told apart by content, loaded."""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.errors import FatalError, RequestError
from exporters.plugins.manifest import MANIFEST, PluginManifest, entry_file, read_manifest
from exporters.plugins.modules import PluginModules, readable
from exporters.plugins.plugin import Plugin, PluginContext, run_init

ENVIRONMENT = "OUTHAUL_PLUGINS"
"""Folders, separated as in PATH; each is a plug-in itself, or has plug-ins in it."""

DELIVERED = "latest.json"
"""Where this lies, exports were delivered: they are no part of the code, though somebody put them into its folder."""


@dataclass(frozen=True)
class PluginFolder:
    """A plug-in that is sound as far as can be seen without running it."""

    folder: Path
    manifest: PluginManifest
    entry: Path
    code_digest: str


@dataclass(frozen=True)
class LoadedFolder:
    source: PluginFolder
    context: PluginContext
    modules: PluginModules


def search_path() -> list[Path]:
    """The places that the environment names, made absolute there: processes started from here work in other folders."""
    given = os.environ.get(ENVIRONMENT, "")
    places = [Path(place).expanduser().absolute() for place in given.split(os.pathsep) if place]
    if places:
        os.environ[ENVIRONMENT] = os.pathsep.join(map(str, places))
    return places


def find_folders(places: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The plug-in folders in these places, in order, each once; and a sentence for each place that has none."""
    found: dict[Path, None] = {}
    problems = []
    for place in places:
        try:
            if (place / MANIFEST).is_file():
                found[place.resolve()] = None
                continue
            inside = sorted(one for one in place.iterdir() if (one / MANIFEST).is_file() and one.name[0] != ".")
        except OSError as error:
            problems.append(f"{ENVIRONMENT} names {place}, which cannot be read ({error.strerror}); correct it.")
            continue
        if not inside:
            problems.append(f"{ENVIRONMENT} names {place}, in which no folder has a {MANIFEST}; correct it.")
        found.update(dict.fromkeys(one.resolve() for one in inside))
    return list(found), problems


def inspect_folder(folder: Path) -> PluginFolder:
    """Read what a plug-in folder says of itself, without running any of it.

    Raises:
        RequestError: the manifest is wrong, or the file with `init` is missing.
    """
    manifest = read_manifest(folder)
    entry = entry_file(folder, manifest)
    try:
        return PluginFolder(folder, manifest, entry, _digest(folder / MANIFEST, entry.parent))
    except OSError as error:
        raise RequestError(
            f"The plug-in {manifest.name} has a file that cannot be read: {error.filename} ({error.strerror}); "
            f"make it readable or remove it."
        ) from None


def load_folder(source: PluginFolder) -> LoadedFolder:
    """Import the plug-in and let it register its exporters.

    Raises:
        FatalError: its code fails; the sentence says where.
    """
    manifest = source.manifest
    plugin = Plugin(manifest.name, manifest.version, str(source.folder), source.code_digest, manifest.modalities)
    modules = PluginModules(source.entry.parent, manifest.name)
    try:
        init = getattr(modules.load(source.entry.stem), "init", None)
        if not callable(init):
            raise FatalError(f"{source.entry} has no function init(context); add it")  # noqa: TRY301 - named like the rest
        return LoadedFolder(source, run_init(plugin, init), modules)
    except (Exception, SystemExit) as error:
        modules.unload()
        raise FatalError(_failure(plugin, error, source.entry.parent)) from error


def load_plugin(folder: Path) -> PluginContext:
    """What the plug-in in this folder registers: for its own tests, which need no registry.

    Raises:
        FatalError: it cannot be loaded.
    """
    return load_folder(inspect_folder(folder)).context


def _failure(plugin: Plugin, error: BaseException, code: Path) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    said = (readable(text).partition("\n")[0][:200] or "no message").rstrip(".")
    if not isinstance(error, FatalError):
        said = f"{type(error).__name__}: {said}"
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:  # no frame is in a file that does not compile
        frames.append((error.filename, error.lineno))
    places = [f" at {file}:{line}" for file, line in frames if Path(file).is_relative_to(code)]
    where = places[-1] if places else ""
    return f"The plug-in {plugin.name} cannot be loaded ({said}{where}); correct it or remove it from {ENVIRONMENT}."


def _digest(manifest: Path, code: Path) -> str:
    """SHA-256 of all that a plug-in's code consists of, by relative path: where the folder stands does not show."""
    digest = hashlib.sha256(manifest.read_bytes())
    for path in _files(code):
        digest.update(f"\0{path.relative_to(code).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and not (path / DELIVERED).is_file() and not _leads_back(path):
            yield from _files(path)


def _leads_back(path: Path) -> bool:
    """Whether a folder is a link to one that it lies in."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())
