"""What a class has to be to become an exporter, and what is said of one that is not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from exporters import ExporterOptions, read_options
from exporters.contextual import Context, ContextualExporter, adapt
from exporters.contextual.exporter import TIME_LIMIT
from exporters.errors import FatalError, RequestError
from exporters.holds import Holds


class Plain:
    name = "plain"
    description = "A class that knows nothing of this program."

    def export(self, context: Any) -> None:
        context.called = True


class Sized(BaseModel):
    size: int = Field(ge=1, description="How large.")


def test_a_class_without_relatives_becomes_an_exporter() -> None:
    """Name, description and export are enough; version and options have defaults."""
    exporter = adapt(Plain)()
    assert isinstance(exporter, ContextualExporter)
    assert (exporter.name, exporter.description, exporter.version) == ("plain", Plain.description, 1)
    assert exporter.holds == Holds()
    assert exporter.written_as is Plain

    class Anything:
        called = False

    exporter.export(Anything)  # type: ignore[arg-type]
    assert Anything.called


def test_name_and_description_may_be_methods_or_properties() -> None:
    """As they are in the platform's own language."""

    class Rubyish(Plain):
        @property
        def name(self) -> str:  # type: ignore[override]
            return "rubyish"

        def description(self) -> str:  # type: ignore[override]
            return "Says it itself."

    assert (adapt(Rubyish).name, adapt(Rubyish).description) == ("rubyish", "Says it itself.")


def test_adapting_twice_changes_nothing() -> None:
    """What is adapted stays what it is."""
    once = adapt(Plain)
    assert adapt(once) is once


def test_a_contextual_exporter_of_ours_is_adapted_too() -> None:
    """One that derives from the base class keeps its own methods, and gets the time limit."""

    class Ours(ContextualExporter):
        name = "ours"
        description = "Derives from the base class."
        options = Sized

        def export(self, context: Context) -> None:
            raise NotImplementedError

    adapted = adapt(Ours)
    assert issubclass(adapted, Ours)
    assert set(adapted.options.model_fields) == {"size", TIME_LIMIT}


def _without(name: str) -> type:
    return type("Lacking", (), {key: value for key, value in vars(Plain).items() if key != name and key[0] != "_"})


async def _coroutine(self: Any, context: Any) -> None: ...


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (_without("name"), r"Lacking has no name; give it one, such as"),
        (_without("description"), r"Lacking has no description; give it one"),
        (_without("export"), r"Lacking has no method export\(self, context\); add it"),
        (Plain(), r"is no class; register the exporter's class itself"),
        (type("Odd", (Plain,), {"name": "  "}), r"Odd has no name"),
        (type("Odd", (Plain,), {"name": 3}), r"Odd has no name"),
        (
            type("Odd", (Plain,), {"version": "1"}),
            r"version of the exporter Odd is no whole number but .1.;",
        ),
        (
            type("Odd", (Plain,), {"options": {"a": 1}}),
            r"options of the exporter Odd are no pydantic model's class",
        ),
        (type("Odd", (Plain,), {"options": Sized(size=1)}), r"options of the exporter Odd are no pydantic model"),
        (type("Odd", (Plain,), {"export": lambda _self: None}), r"export of Odd does not take one argument"),
        (type("Odd", (Plain,), {"export": lambda _self, _a, _b: None}), r"export of Odd does not take one argument"),
        (type("Odd", (Plain,), {"export": _coroutine}), r"export of Odd is a coroutine or generator"),
        (type("Odd", (Plain,), {"__init__": lambda _self, _a: None}), r"Odd cannot be made without arguments"),
    ],
)
def test_what_is_no_exporter_is_refused_in_a_sentence(given: Any, message: str) -> None:
    """The refusal names the class, what it lacks, and what to do."""
    with pytest.raises(FatalError, match=message) as refusal:
        adapt(given)
    assert "\n" not in str(refusal.value)


def test_options_get_a_time_limit_that_no_manifest_shows() -> None:
    """It is an option like any other, but says nothing about the product."""
    exporter = adapt(type("WithOptions", (Plain,), {"options": Sized}))()
    options = read_options(exporter, {"size": "3", TIME_LIMIT: "5"})
    assert (getattr(options, "size"), getattr(options, TIME_LIMIT)) == (3, 5.0)  # noqa: B009
    assert isinstance(options, Sized)
    assert options.model_dump(mode="json") == {"size": 3}


def test_options_are_refused_as_those_of_formats_are() -> None:
    """An unknown one, a wrong value and a missing one, by name."""
    exporter = adapt(type("WithOptions", (Plain,), {"options": Sized}))()
    for given, message in (
        ({"sise": 3}, "did you mean 'size'"),
        ({"size": 0}, "size=0"),
        ({}, "size"),
        ({"size": 1, TIME_LIMIT: 0}, TIME_LIMIT),
    ):
        with pytest.raises(RequestError, match=message):
            read_options(exporter, given)


def test_the_time_limit_is_nobody_elses_option() -> None:
    """A plug-in that has one of its own is told to rename it, rather than stopped by surprise."""

    class Limited(ExporterOptions):
        time_limit_seconds: float = 5.0

    with pytest.raises(FatalError, match="option time_limit_seconds, which every exporter gets; rename it"):
        adapt(type("WithOptions", (Plain,), {"options": Limited}))
