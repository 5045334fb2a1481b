"""The contextual way to write an exporter, and the door for classes that know nothing of this package.

    class MyExport:
        name = "my-export"
        description = "What it writes, in a sentence."

        def export(self, context): ...

Such a class needs to inherit from nothing. `options` may be a pydantic model, `version` a number that is raised when
the same entries would give other bytes.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel, Field, create_model

from exporters.base import BaseExporter
from exporters.contextual.context import Context
from exporters.errors import FatalError
from exporters.holds import Holds
from exporters.options import NoOptions

TIME_LIMIT = "time_limit_seconds"
DEFAULT_TIME_LIMIT_SECONDS = 6 * 3600.0


class ContextualExporter(BaseExporter[Any]):
    """An exporter that is given all entries of an export, and writes its files itself."""

    version: ClassVar[int] = 1
    holds: ClassVar[Holds] = Holds()
    options: type[Any] = NoOptions
    written_as: ClassVar[type | None] = None
    """The class of the plug-in's author; None where it is this one."""

    @abstractmethod
    def export(self, context: Context) -> None:
        """Write the export; what is returned is ignored."""


def adapt(cls: Any) -> type[ContextualExporter]:
    """Make an exporter of a class that has `name`, `description` and `export(self, context)`.

    Its options get one more: how long a run may take.

    Raises:
        FatalError: it is no such class; says what is missing.
    """
    if isinstance(cls, type) and issubclass(cls, ContextualExporter) and cls.written_as is not None:
        return cls
    shown = getattr(cls, "__qualname__", repr(cls))
    if not isinstance(cls, type):
        raise FatalError(f"{shown} is no class; register the exporter's class itself.")
    _check_export(cls, shown)
    instance = _instance(cls, shown)
    declared = {
        "name": _text(instance, "name", shown, 'such as name = "my-export"'),
        "description": _text(instance, "description", shown, "a sentence that says what it writes"),
        "version": _number(instance, shown),
        "holds": getattr(cls, "holds", Holds()),
        "options": _limited(getattr(cls, "options", None), shown),
        "written_as": cls,
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
    }
    if issubclass(cls, ContextualExporter):
        return type(cls.__name__, (cls,), declared)
    return type(cls.__name__, (_Adapted,), declared)


class _Adapted(ContextualExporter):
    """Hands over to a class that is no relative of ours."""

    def export(self, context: Context) -> None:
        assert self.written_as is not None
        self.written_as().export(context)


def _check_export(cls: type, shown: str) -> None:
    export = getattr(cls, "export", None)
    if not callable(export):
        raise FatalError(f"The exporter {shown} has no method export(self, context); add it.")
    if inspect.iscoroutinefunction(export) or inspect.isgeneratorfunction(export):
        raise FatalError(f"The method export of {shown} is a coroutine or generator, which nobody would run; use def.")
    try:
        inspect.signature(export).bind(None, None)
    except (TypeError, ValueError):
        raise FatalError(
            f"The method export of {shown} does not take one argument; write it as export(self, context)."
        ) from None


def _instance(cls: type, shown: str) -> Any:
    try:
        return cls()
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises, it is the plug-in's fault
        raise FatalError(f"The exporter {shown} cannot be made without arguments ({error}); let it.") from None


def _text(instance: Any, name: str, shown: str, example: str) -> str:
    """An attribute, property or method without arguments: the platform's own exporters have them as methods."""
    value = getattr(instance, name, None)
    value = value() if inspect.ismethod(value) else value
    if not isinstance(value, str) or not value.strip():
        raise FatalError(f"The exporter {shown} has no {name}; give it one, {example}.")
    return value.strip()


def _number(instance: Any, shown: str) -> int:
    version = getattr(instance, "version", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise FatalError(f"The version of the exporter {shown} is no whole number but {version!r}; count it up from 1.")
    return version


def _limited(options: Any, shown: str) -> type[BaseModel]:
    """The options with a time limit, which decides nothing about the product and so is kept out of its manifest."""
    model = options or NoOptions
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        raise FatalError(
            f"The options of the exporter {shown} are no pydantic model's class but {options!r}; name the class itself."
        )
    if TIME_LIMIT in model.model_fields:
        raise FatalError(f"The exporter {shown} has an option {TIME_LIMIT}, which every exporter gets; rename it.")
    limit = Field(
        default=DEFAULT_TIME_LIMIT_SECONDS,
        gt=0,
        exclude=True,
        description="Seconds after which an attempt of the exporter is stopped.",
    )
    limited: type[BaseModel] = create_model(
        model.__name__,
        __base__=model,
        __module__=model.__module__,
        **{TIME_LIMIT: (float, limit)},  # type: ignore[call-overload]
    )
    return limited
