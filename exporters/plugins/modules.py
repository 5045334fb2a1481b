"""The modules of one plug-in, apart from everybody else's.

Two plug-ins may both have an `export.py`, and neither may hide a module of the program. So a plug-in's files are
modules of a package with a private name. `from .export import X` works in it at any time, and `from export import X`,
as in a script, while the plug-in is being loaded.
"""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

OURS = frozenset({"exporters", "blocks", "flows", "deployments"})
"""While a plug-in is loaded, other threads import too: they must find us."""

_numbers = itertools.count(1)
_PRIVATE_NAME = re.compile(r"_outhaul_plugin_[0-9]+_([a-z0-9_]+)(\.?)")


class PluginModules(MetaPathFinder):
    """Finds the modules of the plug-in whose code lies in `folder`, from `load` until `unload`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.package = f"_outhaul_plugin_{next(_numbers)}_{name.replace('-', '_')}"
        self._folder = folder
        self._is_loading = False

    def load(self, module: str) -> ModuleType:
        """Import a module of the plug-in, named by its file without `.py`. Raises whatever that module raises."""
        package = ModuleType(self.package)
        package.__path__ = [str(self._folder)]
        sys.modules[self.package] = package
        sys.meta_path.insert(0, self)
        with self._bare_names():
            return importlib.import_module(f"{self.package}.{module}")

    def unload(self) -> None:
        """Forget the modules; what was made of them lives on while somebody holds it."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        _take_modules({self.package})

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target  # only a reload of a single module has one
        if path and fullname.startswith(f"{self.package}."):
            return FileFinder(path[0], (_FreshLoader, SOURCE_SUFFIXES)).find_spec(fullname)
        if self._is_loading and fullname.partition(".")[0] in self._siblings():
            return ModuleSpec(fullname, _Alias(f"{self.package}.{fullname}"))
        return None

    def _siblings(self) -> set[str]:
        """Modules beside the plug-in's own that it may import by their bare names: never one that Python has."""
        found = {path.stem for path in self._folder.glob("*.py")}
        found |= {path.parent.name for path in self._folder.glob("*/__init__.py")}
        return found - sys.stdlib_module_names - OURS

    @contextmanager
    def _bare_names(self) -> Iterator[None]:
        """For as long as this lasts, `import export` means the plug-in's own; modules of that name are put aside."""
        names = self._siblings()
        others = _take_modules(names)
        self._is_loading = True
        try:
            yield
        finally:
            self._is_loading = False
            _take_modules(names)
            sys.modules.update(others)


class _FreshLoader(SourceFileLoader):
    """Compiles anew: compiled files are told apart by whole seconds, and an edited plug-in has to be seen at once."""

    def path_stats(self, path: str) -> dict[str, int]:
        raise OSError(path)


class _Alias(Loader):
    """A module that is another one, so that a class is the same class by whichever name it is imported."""

    def __init__(self, name: str) -> None:
        self._name = name

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(self._name)


def readable(text: str) -> str:
    """What Python says of a plug-in's modules, with the names that its author gave them."""
    return _PRIVATE_NAME.sub(lambda found: "" if found[2] else found[1], text)


def _take_modules(names: set[str]) -> dict[str, ModuleType]:
    """Remove the modules of these top-level names, with their submodules, and return them."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names}
