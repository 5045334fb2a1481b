"""Which exporters there are. Built-in formats are listed in `exporters/__init__.py`; others join by entry point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import metadata
from typing import Any

from pydantic import ValidationError

from exporters.base import Exporter, ExporterOptions
from exporters.errors import FatalError, RequestError, unknown_name

AnyExporter = Exporter[Any]

ENTRY_POINTS = "outhaul.exporters"


class Registry:
    def __init__(self, builtin: Iterable[type[AnyExporter]]) -> None:
        self._builtin = tuple(builtin)

    def all(self) -> dict[str, type[AnyExporter]]:
        """Every exporter by name, built-in ones first, then those of installed plug-ins, sorted."""
        found: dict[str, type[AnyExporter]] = {exporter.name: exporter for exporter in self._builtin}
        for point in self._plugins:
            exporter = _load(point)
            if exporter.name in found:
                raise FatalError(
                    f"Two exporters are called {exporter.name!r}, the second one from the plug-in {point.value}; "
                    f"rename it or remove the plug-in."
                )
            found[exporter.name] = exporter
        return found

    def get(self, name: str) -> AnyExporter:
        """A new exporter of this name. A plug-in is loaded only when no built-in format is meant.

        Raises:
            FatalError: the plug-in cannot be loaded.
            RequestError: there is no exporter of this name.
        """
        for exporter in self._builtin:
            if exporter.name == name:
                return exporter()
        named = [point for point in self._plugins if point.name == name]
        if len(named) == 1 and (plugin := _load(named[0])).name == name:
            return plugin()
        exporters = self.all()
        if name not in exporters:
            raise unknown_name("format", name, exporters)
        return exporters[name]()

    @cached_property
    def _plugins(self) -> tuple[metadata.EntryPoint, ...]:
        """What installed packages say they bring: all of them are asked, so once is enough."""
        return tuple(sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name))


def _load(point: metadata.EntryPoint) -> type[AnyExporter]:
    try:
        exporter: type[AnyExporter] = point.load()
    except Exception as error:
        said = str(error).split("\n", maxsplit=1)[0][:160] or type(error).__name__
        raise FatalError(f"The plug-in {point.name} cannot be loaded ({said}); update it or uninstall it.") from error
    return exporter


def read_options(exporter: AnyExporter, given: Mapping[str, Any]) -> ExporterOptions:
    """The exporter's options from names and values (texts are converted where they can be).

    Raises:
        RequestError: naming every unknown option and every wrong value at once.
    """
    known = exporter.options.model_fields
    refusals = [
        str(unknown_name("option", name, known, where=f"the format {exporter.name}"))
        for name in given
        if name not in known
    ]
    options: ExporterOptions | None = None
    try:
        options = exporter.options.model_validate({name: value for name, value in given.items() if name in known})
    except ValidationError as error:
        refusals.append(f"The format {exporter.name} does not take {wrong_values(error)}.")
    if options is None or refusals:
        raise RequestError("\n".join(refusals))
    return options


def wrong_values(error: ValidationError) -> str:
    """`name=value: what it should be`, for each value that was refused."""
    return "; ".join(
        f"{'.'.join(map(str, detail['loc']))}={detail['input']!r}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
        for detail in error.errors()
    )
