"""Which exporters there are: built-in formats, those of installed packages, and those in plug-in folders.

Built-in formats are listed in `exporters/formats/__init__.py`. Plug-ins are loaded when somebody asks for a name that
is not built in, or for all there is. One that does not work is a problem, in one sentence, and an error only for those
who ask for its exporter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

from pydantic import ValidationError

from exporters.errors import FatalError, RequestError, unknown_name
from exporters.formats import BUILTIN, FAMILIES
from exporters.options import ExporterOptions
from exporters.plugins.loaded import Plugins
from exporters.plugins.modalities import Modalities, bare_modality
from exporters.plugins.plugin import AnyExporter, Plugin, Registration
from exporters.validation import missing_values, secrets_of, wrong_values


class Registry:
    """Exporters by name. Safe to ask from several threads."""

    def __init__(
        self,
        builtin: Iterable[type[AnyExporter]],
        families: Mapping[str, Callable[[str], type[AnyExporter]]] | None = None,
    ) -> None:
        """`families` make exporters on demand: of `datumaro:voc`, what the family `datumaro` makes of `voc`."""
        self._builtin = {exporter.name: exporter for exporter in builtin}
        self._families = families or {}
        self._plugins = Plugins()

    @property
    def families(self) -> dict[str, str]:
        """What each family makes, in a sentence."""
        return {name: (make.__doc__ or "").partition("\n")[0] for name, make in self._families.items()}

    def all(self) -> dict[str, type[AnyExporter]]:
        """Every exporter by name: built-in ones first, then those of plug-ins, sorted. Loads all plug-ins."""
        self._plugins.load()
        found = self._registrations()
        return self._builtin | {name: found[name][0].exporter for name in sorted(found) if not self._refusal(name)}

    def get(self, name: str) -> AnyExporter:
        """A new exporter of this name. Plug-ins are loaded only when no built-in format is meant.

        Raises:
            RequestError: there is no exporter of this name, or it comes from a plug-in that does not work.
        """
        own = self._own(name)
        return own() if own else self._registered(name)[0].exporter()

    def _own(self, name: str) -> type[AnyExporter] | None:
        """A built-in format, or one of a family of them; None for what only a plug-in can have."""
        family, is_member, member = name.partition(":")
        if is_member and family in self._families:
            return self._families[family](member)
        return self._builtin.get(name)

    def get_as_planned(self, name: str, code_digest: str) -> AnyExporter:
        """The exporter, with the code that an export was planned with: this process may have loaded an earlier one.

        Raises:
            FatalError: here it has other code.
            RequestError: as `get`.
        """
        if self.code_digest(name) != code_digest:
            self.reload()
        if self.code_digest(name) != code_digest:
            raise FatalError(
                f"The exporter {name} has other code here than when this export was planned: its plug-in was changed, "
                f"or is not the same on every worker; make it the same and run the export again."
            )
        return self.get(name)

    def plugin(self, name: str) -> Plugin | None:
        """The plug-in that an exporter comes from; None for built-in formats."""
        return None if self._own(name) else self._registered(name)[0].plugin

    def code_digest(self, name: str) -> str:
        """What an exporter's results depend on besides its version: its plug-in's code. Empty for built-in formats."""
        plugin = self.plugin(name)
        return plugin.code_digest if plugin else ""

    def modalities(self, name: str) -> Modalities:
        """What an exporter is registered for, by all who did so; any modality for built-in formats."""
        if self._own(name):
            return Modalities()
        return reduce(or_, (found.modalities for found in self._registered(name)))

    def applies(self, name: str, modality: str) -> bool:
        """Whether an exporter holds this modality, and is registered for it."""
        held = self.get(name).holds.modalities
        return (held is None or bare_modality(modality) in held) and self.modalities(name).match(modality)

    def for_modality(self, modality: str) -> dict[str, type[AnyExporter]]:
        """Those of `all` that apply."""
        return {name: exporter for name, exporter in self.all().items() if self.applies(name, modality)}

    def register(self, plugin: str, modalities: object, exporter: type[Any]) -> None:
        """Add an exporter in the name of a plug-in, as `context.register_exports` in its `init` does.

        Raises:
            FatalError: the class is no exporter, or the modalities are none.
        """
        self._plugins.register(plugin, modalities, exporter)

    def unregister(self, plugin: str) -> None:
        """Remove what the plug-in of this name registered, and only that."""
        self._plugins.unregister(plugin)

    def reload(self) -> None:
        """Take note of plug-in folders that were added, edited or removed; what has not changed stays as it is."""
        self._plugins.reload()

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for everything that is wrong with the plug-ins that were loaded so far."""
        refused = [problem for context in self._plugins.contexts for problem in context.problems.values()]
        clashes = [self._refusal(name) for name in sorted(self._registrations())]
        return (*self._plugins.failures, *refused, *filter(None, clashes))

    def _registrations(self) -> dict[str, list[Registration]]:
        found: dict[str, list[Registration]] = {}
        for context in self._plugins.contexts:
            for one in context.registrations:
                found.setdefault(one.exporter.name, []).append(one)
        return found

    def _registered(self, name: str) -> list[Registration]:
        """The registrations of a plug-in's exporter, one or more, all of one class."""
        self._plugins.load()
        if found := self._registrations().get(name):
            if refusal := self._refusal(name):
                raise RequestError(refusal)
            return found
        if problems := self._plugins.problems_of(name):
            raise RequestError("\n".join(problems))
        unknown = unknown_name("format", name, self.all())
        # It may be in one of these.
        raise RequestError("\n".join([str(unknown), *self._plugins.failures]))

    def _refusal(self, name: str) -> str:
        """Why no plug-in's exporter of this name can be had: the name means several things. Empty when it does not."""
        found = self._registrations()[name]
        plugins = sorted({one.plugin.name for one in found})
        if name in self._builtin:
            return f"The plug-in {plugins[0]} calls an exporter {name!r}, which is a built-in format; rename it there."
        if len({one.given for one in found}) == 1:
            return ""
        whose = f"plug-in {plugins[0]} has" if len(plugins) == 1 else f"plug-ins {' and '.join(plugins)} have"
        return f"The {whose} more than one exporter called {name!r}; rename one, or remove it."


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
        options = exporter.options.model_validate(
            {known[name].validation_alias or name: value for name, value in given.items() if name in known}
        )
    except ValidationError as error:
        missing = missing_values(error)
        refusals += [f"The format {exporter.name} needs the option {one}; give it a value." for one in missing]
        if wrong := wrong_values(error, secrets_of(exporter.options), missing):
            refusals.append(f"The format {exporter.name} does not take {wrong}; correct it.")
    if options is None or refusals:
        raise RequestError("\n".join(refusals))
    return options


registry = Registry(BUILTIN, FAMILIES)
