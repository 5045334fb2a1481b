"""What `exporters.registry` promises: one list of formats, and options refused by name."""

from __future__ import annotations

from importlib import metadata
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

import exporters
from exporters.base import Assembly, Exporter, ExporterOptions, Holds, Item
from exporters.coco import CocoExporter, CocoOptions
from exporters.errors import FatalError, RequestError
from exporters.json import JsonExporter
from exporters.registry import ENTRY_POINTS, Registry, read_options
from exporters.shard import Shard


class PluginOptions(ExporterOptions):
    size: int = Field(default=3, ge=1, description="How large.")
    ratio: float = Field(default=0.5, description="How many of them.")
    is_flat: bool = Field(default=False, description="Whether it is flat.")
    mode: Literal["fast", "slow"] = Field(default="fast", description="How.")


class PluginExporter(Exporter[PluginOptions]):
    name = "plugin"
    description = "A format of somebody else."
    version = 1
    holds: ClassVar[Holds] = Holds()
    options = PluginOptions

    def convert(self, item: Item, shard: Shard[PluginOptions]) -> None:
        shard.keep(item.entry.annotations)

    def assemble(self, package: Assembly[PluginOptions]) -> None:
        package.file("plugin.txt", [])


class RivalExporter(PluginExporter):
    name = "json"


def install(monkeypatch: pytest.MonkeyPatch, *plugins: type[Exporter[Any]]) -> None:
    points = [metadata.EntryPoint(plugin.name, f"{__name__}:{plugin.__name__}", ENTRY_POINTS) for plugin in plugins]
    by_value = {f"{__name__}:{plugin.__name__}": plugin for plugin in plugins}
    monkeypatch.setattr(metadata, "entry_points", lambda *, group: points if group == ENTRY_POINTS else [])
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda point: by_value[point.value])


# -- formats ----------------------------------------------------------------------------------------------------------


def test_built_in_formats_are_found_by_name() -> None:
    """Every built-in exporter is in the registry under its own name, once."""
    names = [exporter.name for exporter in exporters.BUILTIN]
    assert list(exporters.registry.all())[: len(names)] == names
    assert len(set(names)) == len(names)
    for name in names:
        assert exporters.registry.get(name).name == name


def test_unknown_format_is_named_with_the_nearest() -> None:
    """A format that does not exist is refused with the name that was probably meant, or all there are."""
    with pytest.raises(RequestError, match="no format 'cooc'; did you mean 'coco'"):
        exporters.registry.get("cooc")
    with pytest.raises(RequestError, match="no format 'xyzzy'; there is: coco, json"):
        exporters.registry.get("xyzzy")


def test_plugin_joins_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that names an exporter in the entry-point group adds a format, behind the built-in ones."""
    install(monkeypatch, PluginExporter)
    registry = Registry([JsonExporter])
    assert list(registry.all()) == ["json", "plugin"]
    assert isinstance(registry.get("plugin"), PluginExporter)


def test_plugins_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which packages were installed does not show."""
    install(monkeypatch, PluginExporter, CocoExporter)
    assert list(Registry([]).all()) == ["coco", "plugin"]


def test_plugin_cannot_take_the_name_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exporters of one name are refused, saying which plug-in the second comes from."""
    install(monkeypatch, RivalExporter)
    with pytest.raises(FatalError, match=r"Two exporters are called 'json'.*RivalExporter"):
        Registry([JsonExporter]).all()


def break_plugins(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    """Plug-ins of these names that cannot be loaded; the list tells each time the installed ones are looked for."""
    points, scans = [metadata.EntryPoint(name, "nowhere:Nothing", ENTRY_POINTS) for name in names], []

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        scans.append(group)
        return points

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    return scans


def test_a_broken_plugin_harms_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that cannot be loaded is named when it or the list is asked for; built-in formats do without it."""
    scans = break_plugins(monkeypatch, "broken")
    registry = Registry([JsonExporter])
    assert isinstance(registry.get("json"), JsonExporter)
    assert scans == []
    for ask in (lambda: registry.get("broken"), registry.all):
        with pytest.raises(FatalError, match="The plug-in broken cannot be loaded"):
            ask()


def test_plugins_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed is searched once, however often formats are asked for."""
    scans = break_plugins(monkeypatch)
    registry = Registry([JsonExporter])
    for _ in range(3):
        assert list(registry.all()) == ["json"]
    assert len(scans) == 1


# -- options ----------------------------------------------------------------------------------------------------------


def test_options_have_defaults() -> None:
    """No options at all are the defaults."""
    assert read_options(CocoExporter(), {}) == CocoOptions()
    assert read_options(PluginExporter(), {}) == PluginOptions()


def test_texts_become_what_the_option_is() -> None:
    """Values from a command line are texts: they are converted where they can be."""
    read = read_options(PluginExporter(), {"size": "7", "ratio": "0.25", "is_flat": "true", "mode": "slow"})
    assert read == PluginOptions(size=7, ratio=0.25, is_flat=True, mode="slow")


def test_unknown_option_is_named_with_the_nearest() -> None:
    """An option that the format lacks is refused with the one that was probably meant, and the format's name."""
    with pytest.raises(RequestError, match="no option 'empty_entry' in the format coco; did you mean 'empty_entries'"):
        read_options(CocoExporter(), {"empty_entry": "all"})
    with pytest.raises(RequestError, match="no option 'x' in the format json; there is none"):
        read_options(JsonExporter(), {"x": 1})


def test_every_wrong_value_is_named() -> None:
    """Wrong values are refused all at once, each with its option and what was given."""
    with pytest.raises(RequestError) as caught:
        read_options(PluginExporter(), {"size": "0", "ratio": "much", "mode": "odd"})
    text = str(caught.value)
    assert text.startswith("The format plugin does not take ")
    for expected in ("size='0'", "ratio='much'", "mode='odd'", "'fast' or 'slow'"):
        assert expected in text


def test_every_unknown_option_is_named() -> None:
    """Unknown options are refused all at once, together with wrong values: nobody has to try three times."""
    with pytest.raises(RequestError) as caught:
        read_options(PluginExporter(), {"sise": 1, "ratoi": 2, "mode": "odd"})
    for expected in ("sise", "ratoi", "mode"):
        assert expected in str(caught.value)
