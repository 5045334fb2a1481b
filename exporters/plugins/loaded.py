"""The plug-ins of this process: loaded once, and again when their code has changed."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

from exporters.errors import FatalError
from exporters.plugins.folders import LoadedFolder, PluginFolder, find_folders, inspect_folder, load_folder, search_path
from exporters.plugins.installed import find_installed, load_installed
from exporters.plugins.plugin import Plugin, PluginContext


class Failure(NamedTuple):
    """A plug-in that could not be loaded, or a place where none was found, and the sentence that says why."""

    plugin: str | None
    sentence: str


class Plugins:
    """Safe to use from several threads. What does not load is a sentence in `failures`, and harms no other plug-in."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._installed: list[PluginContext] | None = None
        self._registered: list[PluginContext] = []
        self._folders: dict[Path, LoadedFolder] = {}
        self._installed_failures: list[Failure] = []
        self._folder_failures: list[Failure] = []

    @property
    def contexts(self) -> list[PluginContext]:
        """What the plug-ins loaded so far registered: of packages, of this program, of folders in their order."""
        with self._lock:
            return [*(self._installed or ()), *self._registered, *(one.context for one in self._folders.values())]

    @property
    def failures(self) -> list[str]:
        """A sentence for each plug-in that could not be loaded, and each place where none was found."""
        with self._lock:
            return [one.sentence for one in self._installed_failures + self._folder_failures]

    def problems_of(self, name: str) -> list[str]:
        """Why there is no exporter of this name: it was refused, or else what is wrong with the plug-in called so."""
        with self._lock:
            refused = [one.problems[name] for one in self.contexts if name in one.problems]
            failed = [one.sentence for one in self._installed_failures + self._folder_failures if one.plugin == name]
            others = [problem for one in self.contexts if one.plugin.name == name for problem in one.problems.values()]
            return refused or failed or others

    def load(self) -> None:
        """Load all plug-ins there are, unless that was done already."""
        with self._lock, contextlib.redirect_stdout(sys.stderr):  # standard output is for what was asked for
            if self._installed is None:
                self._load_installed()
                self._load_folders()

    def reload(self) -> None:
        """Look at the plug-in folders again: load new and changed ones, forget those that are gone.

        Installed packages stay as they are until the process ends, as everywhere in Python.
        """
        with self._lock, contextlib.redirect_stdout(sys.stderr):
            if self._installed is not None:
                self._load_folders()

    def register(self, plugin: str, modalities: object, exporter: type[Any]) -> None:
        """Add an exporter in the name of a plug-in. Raises FatalError when it is none, or the modalities are none."""
        context = PluginContext(Plugin(plugin, "", "this program", ""))
        context.register_exports(modalities, exporter)
        for problem in context.problems.values():
            raise FatalError(problem)
        with self._lock:
            self._registered.append(context)

    def unregister(self, plugin: str) -> None:
        """Remove what the plug-in of this name registered, and only that. A reload finds its folder again."""
        with self._lock:
            self.load()
            self._installed = [one for one in self._installed or () if one.plugin.name != plugin]
            self._registered = [one for one in self._registered if one.plugin.name != plugin]
            for folder in [folder for folder, one in self._folders.items() if one.context.plugin.name == plugin]:
                self._folders.pop(folder).modules.unload()

    def _load_installed(self) -> None:
        self._installed = []
        for point in find_installed():
            try:
                self._installed.append(load_installed(point))
            except FatalError as error:
                self._installed_failures.append(Failure(point.name, str(error)))

    def _load_folders(self) -> None:
        found, problems = find_folders(search_path())
        self._folder_failures = [Failure(None, problem) for problem in problems]
        sources = self._sound(found)
        loaded, self._folders = self._folders, {}
        for folder, one in loaded.items():
            if folder not in sources or one.source != sources[folder]:
                one.modules.unload()
        for folder, source in sources.items():
            if folder in loaded and loaded[folder].source == source:
                self._folders[folder] = loaded[folder]
                continue
            try:
                self._folders[folder] = load_folder(source)
            except FatalError as error:
                self._folder_failures.append(Failure(source.manifest.name, str(error)))

    def _sound(self, found: list[Path]) -> dict[Path, PluginFolder]:
        """The folders worth loading: of two plug-ins with one name, the first that is found."""
        sources: dict[Path, PluginFolder] = {}
        taken = {one.plugin.name: one.plugin.place for one in self._installed or ()}
        for folder in found:
            try:
                source = inspect_folder(folder)
            except FatalError as error:
                self._folder_failures.append(Failure(folder.name, str(error)))
                continue
            name = source.manifest.name
            if name in taken:
                sentence = (
                    f"Two plug-ins are called {name}: the one of {taken[name]} is used, the one of {folder} is not; "
                    f"rename it in its manifest.json."
                )
                self._folder_failures.append(Failure(name, sentence))
                continue
            taken[name] = str(folder)
            sources[folder] = source
        return sources
