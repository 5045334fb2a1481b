"""Which exporters there are. Built-in formats are listed in `exporters/__init__.py`; others join by entry point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        for point in sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
            exporter = point.load()
            if exporter.name in found:
                raise FatalError(
                    f"Two exporters are called {exporter.name!r}, the second one from the plug-in {point.value}; "
                    f"rename it or remove the plug-in."
                )
            found[exporter.name] = exporter
        return found

    def get(self, name: str) -> AnyExporter:
        exporters = self.all()
        if name not in exporters:
            raise unknown_name("format", name, exporters)
        return exporters[name]()


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
