"""What `exporters.registries` promises: one list of formats, and options refused by name."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

import exporters
from exporters import Assembly, Exporter, ExporterOptions, Holds, Item
from exporters.errors import FatalError, RequestError
from exporters.formats.coco import CocoExporter
from exporters.formats.json import JsonExporter
from exporters.options import ImageOptions, NoOptions
from exporters.registries import Registry, read_options
from exporters.shard import Shard
from tests.fakes.plugins import write_package


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


PACKAGE = "from tests.exporters.test_registry import PluginExporter\n"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution where Python finds it, for as long as a test takes."""
    monkeypatch.syspath_prepend(tmp_path)
    installed = []

    def write(name: str, entry_points: dict[str, str], module: str = PACKAGE) -> None:
        installed.append(name)
        write_package(tmp_path, name, entry_points, module)

    yield write
    for name in installed:
        sys.modules.pop(name, None)


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
    with pytest.raises(RequestError, match=r"no format 'xyzzy'; there is: .*coco, .*json"):
        exporters.registry.get("xyzzy")


def test_plugin_joins_by_entry_point(install: Install) -> None:
    """A package that names an exporter in the entry-point group adds a format, behind the built-in ones."""
    install("brought", {"plugin": "brought:PluginExporter"})
    registry = Registry([JsonExporter])
    assert list(registry.all()) == ["json", "plugin"]
    assert isinstance(registry.get("plugin"), PluginExporter)
    assert registry.applies("plugin", "audio")


INIT = """
import re
def init(context):
    context.register_exports(["video", re.compile("^aud")], PluginExporter)
"""


@pytest.mark.parametrize("value", ["brought", "brought:init"])
def test_plugin_joins_by_init(install: Install, value: str) -> None:
    """An entry point may name a function that registers exporters for modalities, or the module that it is in."""
    install("brought", {"many": value}, PACKAGE + INIT)
    registry = Registry([])
    assert list(registry.all()) == ["plugin"]
    assert [registry.applies("plugin", modality) for modality in ("video", "audio", "image")] == [True, True, False]


def test_plugins_are_sorted(install: Install) -> None:
    """The order in which packages were installed does not show."""
    install("brought", {"plugin": "brought:PluginExporter"})
    install("another", {"coco": "another:CocoExporter"}, "from exporters.formats.coco import CocoExporter\n")
    assert list(Registry([]).all()) == ["coco", "plugin"]


def test_code_of_a_package_is_known_by_its_version(install: Install) -> None:
    """What tells results of another version apart is the distribution with its version; built-in formats have none."""
    install("brought", {"plugin": "brought:PluginExporter"})
    registry = Registry([JsonExporter])
    assert registry.code_digest("plugin") == "brought 1.2"
    assert registry.code_digest("json") == ""
    assert registry.plugin("json") is None


def test_plugin_cannot_take_the_name_of_a_format(install: Install) -> None:
    """The built-in format stays what it is, and the plug-in that wants its name is named."""
    rival = "class Rival(PluginExporter):\n    name = 'json'\n"
    install("brought", {"rival": "brought:Rival"}, PACKAGE + rival)
    registry = Registry([JsonExporter])
    assert registry.all() == {"json": JsonExporter}
    assert registry.problems == (
        "The plug-in rival calls an exporter 'json', which is a built-in format; rename it there.",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nowhere:Nothing", "No module named 'nowhere'"),
        ("brought:NAME", "it is neither an exporter nor a function init"),
        ("brought:leave", "it leaves"),
        ("brought:idle", "its init registers nothing"),
    ],
)
def test_a_broken_plugin_harms_itself_alone(install: Install, value: str, said: str) -> None:
    """A plug-in that cannot be loaded is named to those who ask for it, or for all; everything else does without it."""
    module = "NAME = 1\ndef leave(context):\n    raise SystemExit('it leaves')\ndef idle(context):\n    pass\n"
    install("brought", {"broken": value, "plugin": "brought:PluginExporter"}, PACKAGE + module)
    registry = Registry([JsonExporter])
    assert isinstance(registry.get("json"), JsonExporter)
    assert "brought" not in sys.modules, "built-in formats need no plug-in"

    assert list(registry.all()) == ["json", "plugin"]
    (problem,) = registry.problems
    assert problem.startswith(f"The plug-in broken of brought 1.2 cannot be loaded ({said}")
    for name, answer in (
        ("broken", f"^{re.escape(problem)}$"),
        ("xyz", rf"^There is no format 'xyz'.*\n{re.escape(problem)}$"),
    ):
        with pytest.raises(RequestError, match=answer):
            registry.get(name)


def test_plugins_are_loaded_once(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """What is installed is searched and imported once, however often formats are asked for."""
    install("brought", {"plugin": "brought:PluginExporter"}, PACKAGE + "print('imported')\n")
    registry = Registry([JsonExporter])
    for _ in range(3):
        assert list(registry.all()) == ["json", "plugin"]
        registry.reload()
    assert capsys.readouterr() == ("", "imported\n"), "standard output is for what was asked for"


# -- registering by hand ----------------------------------------------------------------------------------------------


class OtherExporter(PluginExporter):
    name = "other"


def test_unregistering_takes_away_what_that_plugin_brought() -> None:
    """A class that another plug-in registered too stays, for the modalities that the other one gave."""
    registry = Registry([])
    registry.register("a", "image", PluginExporter)
    registry.register("a", "image", OtherExporter)
    registry.register("b", "video", PluginExporter)
    assert registry.for_modality("image").keys() == {"plugin", "other"}

    registry.unregister("a")
    assert list(registry.all()) == ["plugin"]
    assert not registry.applies("plugin", "image")
    assert registry.applies("plugin", "video")


def test_exporters_and_modalities_are_many_to_many() -> None:
    """Several exporters for one modality, and several modalities for one exporter."""
    registry = Registry([JsonExporter, CocoExporter])
    registry.register("a", ["image", re.compile("^vid")], PluginExporter)
    registry.register("a", "video", OtherExporter)
    registry.register("a", "audio", OtherExporter)
    assert list(registry.for_modality("image")) == ["json", "coco", "plugin"]
    assert list(registry.for_modality("video")) == ["json", "other", "plugin"]
    assert list(registry.for_modality("audio")) == ["json", "other"]
    assert registry.modalities("other").names() == ["audio", "video"]


@pytest.mark.parametrize("modalities", [1, [], [None], "", ["image", 3], re.compile(b"image")])
def test_modalities_are_names_or_patterns(modalities: Any) -> None:
    """Anything else is refused where it is registered, with what it may be."""
    with pytest.raises(FatalError, match=r"Modalities are a name such as 'image', a compiled pattern .* or a list of"):
        Registry([]).register("a", modalities, PluginExporter)


class Bare(Exporter[PluginOptions]):
    name = "bare"

    def assemble(self, package: Assembly[PluginOptions]) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Bare, r"The exporter Bare lacks description, version, holds, options, convert\(\)"),
        (PluginExporter(), "is no class"),
        (type("Idle", (), {"name": "x", "description": "y"}), r"Idle has no method export\(self, context\)"),
    ],
)
def test_what_an_exporter_lacks_is_named(given: Any, said: str) -> None:
    """A class that is no exporter is refused with all that is missing."""
    with pytest.raises(FatalError, match=said):
        Registry([]).register("a", "image", given)


class PlainExporter(PluginExporter):
    name = "plain"
    options = NoOptions  # type: ignore[assignment]


# -- options ----------------------------------------------------------------------------------------------------------


def test_options_have_defaults() -> None:
    """No options at all are the defaults."""
    assert read_options(CocoExporter(), {}) == ImageOptions()
    assert read_options(PluginExporter(), {}) == PluginOptions()


def test_texts_become_what_the_option_is() -> None:
    """Values from a command line are texts: they are converted where they can be."""
    read = read_options(PluginExporter(), {"size": "7", "ratio": "0.25", "is_flat": "true", "mode": "slow"})
    assert read == PluginOptions(size=7, ratio=0.25, is_flat=True, mode="slow")


def test_unknown_option_is_named_with_the_nearest() -> None:
    """An option that the format lacks is refused with the one that was probably meant, and the format's name."""
    with pytest.raises(RequestError, match="no option 'empty_entry' in the format coco; did you mean 'empty_entries'"):
        read_options(CocoExporter(), {"empty_entry": "all"})
    with pytest.raises(RequestError, match="no option 'x' in the format plain; it has none"):
        read_options(PlainExporter(), {"x": 1})


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


class NeedyOptions(ExporterOptions):
    address: str = Field(description="Where to.")
    token: str = Field(default="", description="Who it is.")


class NeedyExporter(PluginExporter):
    options = NeedyOptions  # type: ignore[assignment]


def test_a_missing_option_is_named_alone() -> None:
    """An option that has to be given is asked for without repeating what was given: that may be a secret."""
    with pytest.raises(RequestError, match="needs the option address") as caught:
        read_options(NeedyExporter(), {"token": "s3cret"})
    assert "s3cret" not in str(caught.value)
