"""Plug-ins that installed packages bring, through the entry-point group `outhaul.exporters`."""

from __future__ import annotations

import inspect
from importlib import metadata
from types import ModuleType
from typing import Any

from exporters.errors import FatalError
from exporters.plugins.plugin import Init, Plugin, PluginContext, run_init

ENTRY_POINTS = "outhaul.exporters"


def find_installed() -> list[metadata.EntryPoint]:
    """What installed packages say they bring, by name: the order in which they were installed does not show."""
    return sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value))


def load_installed(point: metadata.EntryPoint) -> PluginContext:
    """Import what an entry point names: an exporter, a function `init(context)`, or a module that has one.

    Raises:
        FatalError: it cannot be imported, or is none of these.
    """
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    plugin = Plugin(point.name, point.dist.version if point.dist else "", distribution, distribution)
    try:
        return run_init(plugin, _init(point.load()))
    except (Exception, SystemExit) as error:
        said = str(error).partition("\n")[0][:200].rstrip(".") or type(error).__name__
        raise FatalError(
            f"The plug-in {point.name} of {distribution} cannot be loaded ({said}); update it or uninstall it."
        ) from error


def _init(named: Any) -> Init:
    if inspect.isclass(named):
        return lambda context: context.register_exports(None, named)
    init: Init | None = getattr(named, "init", None) if isinstance(named, ModuleType) else named
    if not callable(init):
        raise FatalError(
            "it is neither an exporter nor a function init(context), nor a module that has one; name one of them"
        )
    return init
