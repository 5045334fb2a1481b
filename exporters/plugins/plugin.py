"""A plug-in once it is loaded: what it is, and what it registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from exporters.base import BaseExporter, Exporter
from exporters.errors import FatalError, quoted, unknown_name
from exporters.holds import Holds
from exporters.plugins.modalities import Modalities, read_modalities
from exporters.plugins.modules import readable

AnyExporter = BaseExporter[Any]


@dataclass(frozen=True)
class Plugin:
    """Where exporters come from. `code_digest` changes whenever the code may have."""

    name: str
    version: str
    place: str
    """The folder it lies in, or the distribution that brought it."""
    code_digest: str
    modalities: tuple[str, ...] = ()
    """What its manifest says that it is made for."""


@dataclass(frozen=True)
class Registration:
    """One exporter class, by one plug-in, for some modalities. `given` is the class before it was adapted."""

    plugin: Plugin
    given: type[Any]
    exporter: type[AnyExporter]
    modalities: Modalities


@dataclass
class PluginContext:
    """What a plug-in's `init(context)` is given.

    A class that is no exporter is a problem, not an exception: all of a plug-in's problems are named at once, and its
    other exporters work.
    """

    plugin: Plugin
    registrations: list[Registration] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """A sentence for each class that was refused, by the name the exporter has or would have."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities in the plug-in's manifest."""
        return self.plugin.modalities

    def exporter(self, name: str) -> type[Any]:
        """The class that was registered under this name, as its author wrote it; for a plug-in's own tests."""
        for one in self.registrations:
            if one.exporter.name == name:
                return one.given
        registered = [one.exporter.name for one in self.registrations]
        raise unknown_name(
            "exporter", name, registered, where=f"the plug-in {self.plugin.name}", if_none="register one"
        )

    def register_exports(self, modalities: object, exporter: type[Any]) -> None:
        """Offer an exporter for modalities: a name, a compiled pattern, a list of both, or None for any.

        The exporter is a class with `name`, `description`, `options` and `export(self, context)`, or derives from one
        of Outhaul's. Several for one modality are fine, and so is one registered several times.
        """
        try:
            chosen = read_modalities(modalities)
            made = exporter_class(exporter)
        except FatalError as error:
            named = getattr(exporter, "name", None)
            name = named if isinstance(named, str) else getattr(exporter, "__name__", repr(exporter))
            said = readable(str(error))
            self.problems[name] = f"The plug-in {self.plugin.name} cannot register {quoted(name)}: {said}"
        else:
            self.registrations.append(Registration(self.plugin, exporter, made, chosen))


Init = Callable[[PluginContext], object]


def run_init(plugin: Plugin, init: Init) -> PluginContext:
    """Call a plug-in's `init`, and see that it registered something.

    Raises:
        FatalError: it registered nothing. What `init` itself raises is passed on.
    """
    context = PluginContext(plugin)
    init(context)
    if not context.registrations and not context.problems:
        raise FatalError("its init registers nothing; call context.register_exports(modalities, exporter) in it")
    return context


def exporter_class(given: Any) -> type[AnyExporter]:
    """What was registered, as an exporter of ours: as it is when it works shard by shard, else adapted.

    Raises:
        FatalError: it lacks something that an exporter has.
    """
    if not inspect.isclass(given):
        raise FatalError(f"{given!r} is no class; register the exporter's class itself.")
    if issubclass(given, Exporter):
        _check(given)
        exporter: type[AnyExporter] = given
    else:
        from exporters.contextual import adapt  # noqa: PLC0415 - built-in formats do without

        exporter = adapt(given)
    if not exporter.name.isprintable():
        raise FatalError(
            f"The exporter {given.__name__} is called {quoted(exporter.name)}; give it a name to be typed."
        )
    try:
        exporter.options.model_json_schema()
    except PydanticUserError as error:
        said = str(error).partition("\n")[0]
        raise FatalError(
            f"The options of {given.__name__} cannot be shown ({said}); use types that JSON has."
        ) from None
    return exporter


def _check(exporter: type[AnyExporter]) -> None:
    """Raise FatalError naming all that the class lacks."""
    declared = {"name": str, "description": str, "version": int, "holds": Holds}
    lacks = [name for name, kind in declared.items() if not isinstance(getattr(exporter, name, None), kind)]
    options = getattr(exporter, "options", None)
    if not (inspect.isclass(options) and issubclass(options, BaseModel)):
        lacks.append("options")
    lacks += [f"{method}()" for method in sorted(getattr(exporter, "__abstractmethods__", ()))]
    if lacks:
        raise FatalError(
            f"The exporter {exporter.__name__} lacks {', '.join(lacks)}, or has something else there; derive it from "
            f"exporters.Exporter, which says what belongs there."
        )
