"""What plug-in folders promise: they load apart from each other, say what is wrong with them, and can change."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from exporters.errors import FatalError, RequestError
from exporters.formats.json import JsonExporter
from exporters.plugins import load_plugin
from exporters.registries import Registry
from tests.fakes.plugins import write_package, write_plugin


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of plug-ins that the environment names."""
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(tmp_path / "plugins"))
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


def exporters(registry: Registry) -> list[str]:
    return [name for name in registry.all() if name != "json"]


@pytest.fixture
def registry(folder: Path) -> Registry:
    return Registry([JsonExporter])


def only_problem(registry: Registry) -> str:
    registry.all()
    (problem,) = registry.problems
    return problem


# -- found ------------------------------------------------------------------------------------------------------------


def test_plugins_of_a_folder_join(folder: Path, registry: Registry) -> None:
    """Each folder with a manifest brings its exporters; their origin is known."""
    write_plugin(folder, "damage")
    write_plugin(folder, "area", version="2.1")
    assert exporters(registry) == ["area", "damage"]
    assert registry.problems == ()
    plugin = registry.plugin("area")
    assert plugin is not None
    assert (plugin.name, plugin.version, plugin.place) == ("area", "2.1", str(folder / "area"))


def test_a_plugin_can_be_named_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search path holds plug-ins and folders of plug-ins, in any mixture; one found twice is one."""
    one, two = write_plugin(tmp_path, "one"), write_plugin(tmp_path / "more", "two")
    monkeypatch.setenv("OUTHAUL_PLUGINS", os.pathsep.join(map(str, (one, two.parent, two, tmp_path / "more/../one"))))
    registry = Registry([])
    assert exporters(registry) == ["one", "two"]
    assert registry.problems == ()


def test_the_platforms_layout_is_found(folder: Path, registry: Registry) -> None:
    """`backends/sync/<name>/sync.py` is found as `sync.py` is, or wherever the manifest says."""
    for plugin in (
        write_plugin(folder, "deep"),
        write_plugin(folder, "named", entryPoints={"sync": "backends/sync/named/sync.py", "backend": {"module": "X"}}),
    ):
        backend = plugin / "backends" / "sync" / plugin.name
        backend.mkdir(parents=True)
        for file in ("sync.py", "export.py"):
            (plugin / file).rename(backend / file)
    assert exporters(registry) == ["deep", "named"]


def test_modalities_may_come_from_the_manifest(folder: Path, registry: Registry) -> None:
    """The platform's names of modalities and Outhaul's mean the same."""
    write_plugin(folder, "still", registers_for="context.modalities", modalities=["idah-image", "document"])
    write_plugin(folder, "moving", registers_for="__import__('re').compile('^idah-video$')")
    assert [*registry.for_modality("image")] == ["json", "still"]
    assert [*registry.for_modality("video")] == [*registry.for_modality("idah-video")] == ["json", "moving"]
    assert registry.applies("still", "document")
    assert registry.applies("still", "idah-image")
    assert registry.modalities("still").names() == ["document", "image"]


# -- apart from each other --------------------------------------------------------------------------------------------

IMPORTS = """
from export import {name}
from .export import {name} as Same
from parts.words import WORD
import parts.words as words

def init(context):
    assert Same is {name} and words.WORD == WORD
    {name}.description = WORD
    context.register_exports("image", {name})
"""


def test_modules_of_one_name_are_kept_apart(folder: Path, registry: Registry) -> None:
    """Siblings are imported by relative or bare name and are one module; two plug-ins with an export.py never mix."""
    before, path = set(sys.modules), list(sys.path)
    for name in ("one", "two"):
        files = {"sync.py": IMPORTS.format(name=name.title()), "parts/__init__.py": ""}
        write_plugin(folder, name, files={**files, "parts/words.py": f"WORD = 'the word of {name}'\n"})
    described = {name: exporter.description for name, exporter in registry.all().items() if name != "json"}
    assert registry.problems == ()
    assert described == {"one": "the word of one", "two": "the word of two"}
    assert all(name.startswith("_outhaul_plugin_") for name in set(sys.modules) - before)
    assert sys.path == path


def test_modules_of_the_program_stay_what_they_are(folder: Path, registry: Registry, tmp_path: Path) -> None:
    """A plug-in's module neither replaces one of the same name that is there, nor one of Python's own."""
    sys.modules["export"] = there = type(sys)("export")
    try:
        sync = "from export import Own\nimport json\nassert json.loads('1') == 1\n"
        sync += "def init(context):\n    context.register_exports('image', Own)\n"
        write_plugin(folder, "own", files={"sync.py": sync, "json.py": "raise RuntimeError('never imported')\n"})
        assert exporters(registry) == ["own"]
        assert registry.problems == ()
        assert sys.modules["export"] is there
    finally:
        del sys.modules["export"]


def test_nothing_is_left_of_a_plugin_that_is_gone(folder: Path, registry: Registry) -> None:
    """Unregistered or failed, it leaves no module and no finder of modules behind."""
    modules, finders = set(sys.modules), list(sys.meta_path)
    write_plugin(folder, "gone")
    write_plugin(folder, "broken", files={"export.py": "import no_such_module\n"})
    assert exporters(registry) == ["gone"]
    registry.unregister("gone")
    assert exporters(registry) == []
    assert not [name for name in set(sys.modules) - modules if name.startswith("_outhaul_plugin_")]
    assert sys.meta_path == finders


# -- what is wrong ----------------------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "no JSON": ({"manifest.json": "{"}, r"manifest.json is no manifest of a plug-in; correct it: [iI]nvalid"),
    "no version": ({"manifest.json": '{"name": "bad"}'}, r"manifest.json .*; correct it: version: field required"),
    "hostile name": ({"manifest.json": '{"name": "../bad", "version": "1"}'}, r"name='\.\./bad': string should match"),
    "misspelt key": (
        {"manifest.json": '{"name": "bad", "version": "1", "modalitys": ["image"]}'},
        r"manifest.json has the unknown key “modalitys”; did you mean 'modalities'\?",
    ),
    "entry outside": (
        {"manifest.json": '{"name": "bad", "version": "1", "entryPoints": {"sync": "../good/sync.py"}}'},
        r"names “../good/sync.py” as entryPoints.sync; name a Python file within its folder",
    ),
    "no entry": (
        {"manifest.json": '{"name": "bad", "version": "1", "entryPoints": {"sync": "main.py"}}'},
        r"The plug-in bad has no file main.py in .*; add it, with a function init\(context\)",
    ),
    "no init": ({"sync.py": ""}, r"The plug-in bad cannot be loaded \(.*sync.py has no function init\(context\)"),
    "syntax": ({"export.py": "class\n"}, r"bad cannot be loaded \(SyntaxError: .* at .*/export.py:1\)"),
    "name in another module": (
        {"sync.py": "from . import export\ndef init(context):\n    export.Rad\n"},
        r"bad cannot be loaded \(AttributeError: module 'export' has no attribute 'Rad'.* at .*/sync.py:3\)",
    ),
    "import": (
        {"export.py": "import os\nimport no_such_module\n"},
        r"bad cannot be loaded \(ModuleNotFoundError: No module named 'no_such_module' at .*export.py:2\); correct it",
    ),
    "raises": (
        {"sync.py": "def init(context):\n    raise ValueError('first line.\\nsecond line')\n"},
        r"bad cannot be loaded \(ValueError: first line at .*sync.py:2\)",
    ),
    "exits": ({"sync.py": "raise SystemExit(3)\n"}, r"bad cannot be loaded \(SystemExit: 3 at .*sync.py:1\)"),
    "no method": (
        {"export.py": "class Bad:\n    name = 'bad'\n    description = 'Bad.'\n"},
        r"The plug-in bad cannot register “bad”: The exporter Bad has no method export\(self, context\); add it.",
    ),
    "no name to be typed": (
        {"export.py": "class Bad:\n    name = 'a\\nb'\n    description = 'x'\n    def export(self, context): pass\n"},
        r"The plug-in bad cannot register “a\\u000ab”: The exporter Bad is called .*; give it a name to be typed",
    ),
    "options that cannot be shown": (
        {
            "export.py": "import collections.abc, pydantic\nclass Options(pydantic.BaseModel):\n"
            "    call: collections.abc.Callable = print\nclass Bad:\n    name = 'bad'\n    description = 'x'\n"
            "    options = Options\n    def export(self, context): pass\n"
        },
        r"cannot register “bad”: The options of Bad cannot be shown \(.*\); use types that JSON has",
    ),
    "modalities": (
        {"sync.py": "from .export import Bad\ndef init(context):\n    context.register_exports(7, Bad)\n"},
        r"The plug-in bad cannot register “bad”: Modalities are a name such as 'image'.* and not 7.",
    ),
    "name of another": (
        {"manifest.json": '{"name": "good", "version": "1"}'},
        r"Two plug-ins are called good: the one of .*bad is used, the one of .*good is not; rename it",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_and_harms_no_other(folder: Path, registry: Registry, case: str) -> None:
    """Whatever is wrong with one is one sentence that says where; the others work, and so do built-in formats."""
    files, sentence = BROKEN[case]
    write_plugin(folder, "bad", files=files)
    write_plugin(folder, "good")
    write_plugin(folder, "other")
    problem = only_problem(registry)
    assert re.search(sentence, problem), problem
    assert "\n" not in problem
    assert exporters(registry)[-1] == "other"
    assert registry.get("json").name == "json"


def test_a_broken_plugin_is_an_error_for_who_asks_for_it(folder: Path, registry: Registry) -> None:
    """Its cause comes alone, and no other name is suggested; asking for something unknown tells what did not load."""
    write_plugin(folder, "bad", files=BROKEN["no method"][0])
    write_plugin(folder, "worse", files=BROKEN["syntax"][0])
    write_plugin(folder, "worst", files={"manifest.json": "{"})
    write_plugin(folder, "wors")
    answers = {
        "bad": r"^The plug-in bad cannot register “bad”.*; add it\.$",
        "worse": r"^The plug-in worse cannot be loaded \(SyntaxError: .*$",
        "worst": r"^.*worst/manifest.json is no manifest of a plug-in; .*$",
        "xyz": r"^There is no format 'xyz'.*\n(.*worst.*\nThe plug-in worse|The plug-in worse.*\n.*worst).*$",
    }
    for name, answer in answers.items():
        with pytest.raises(RequestError, match=answer):
            registry.get(name)


def test_a_refused_exporter_of_another_name_is_named(folder: Path, registry: Registry) -> None:
    """Who asks by the plug-in's name learns what is wrong with the exporters that it has."""
    export = "class Bad:\n    name = 'shape-list'\n    description = 'Bad.'\n"
    write_plugin(folder, "bad", files={"export.py": export})
    for name in ("bad", "shape-list"):
        with pytest.raises(RequestError, match=r"^The plug-in bad cannot register “shape-list”: .*; add it\.$"):
            registry.get(name)


def test_two_exporters_of_one_name_are_nobodys(folder: Path, registry: Registry) -> None:
    """Which one was meant cannot be known: both are refused by name, and the other exporters of both work."""
    second = "class Second:\n    name = 'second'\n    description = 'x'\n    def export(self, context): pass\n"
    sync = "from .export import Two, Second\ndef init(context):\n"
    sync += "    for one in (Two, Second):\n        context.register_exports('image', one)\n"
    write_plugin(folder, "one")
    rival = "class Two:\n    name = 'one'\n    description = 'x'\n    def export(self, context): pass\n"
    write_plugin(folder, "two", files={"export.py": rival + second, "sync.py": sync})
    assert exporters(registry) == ["second"]
    assert only_problem(registry) == (
        "The plug-ins one and two have more than one exporter called 'one'; rename one, or remove it."
    )
    with pytest.raises(RequestError, match="The plug-ins one and two have more than one exporter called 'one'"):
        registry.get("one")


def test_a_class_that_two_plugins_share_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no clash, and goes when the last of them goes."""
    write_package(folder / "site", "shared", {}, "class Shared:\n    name = 'shared'\n    description = 'x'\n"
                  "    def export(self, context): pass\n")  # fmt: skip
    monkeypatch.syspath_prepend(folder / "site")
    for name, modality in (("a", "image"), ("b", "video")):
        sync = f"from shared import Shared\ndef init(context):\n    context.register_exports({modality!r}, Shared)\n"
        write_plugin(folder, name, files={"sync.py": sync})
    registry = Registry([])
    assert exporters(registry) == ["shared"]
    assert registry.problems == ()
    registry.unregister("b")
    assert [registry.applies("shared", modality) for modality in ("image", "video")] == [True, False]
    registry.unregister("a")
    assert exporters(registry) == []
    sys.modules.pop("shared")


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_place_without_plugins_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A misspelt folder is not passed over in silence."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(tmp_path / place))
    assert only_problem(Registry([])).startswith(f"OUTHAUL_PLUGINS names {tmp_path / place}, ")


# -- changed while we run ---------------------------------------------------------------------------------------------


def test_reload_sees_what_was_added_edited_and_removed(folder: Path, registry: Registry) -> None:
    """A process that serves exports sees it without a restart; what did not change is not loaded again."""
    for name in ("kept", "edited", "removed"):
        write_plugin(folder, name)
    before = registry.all()
    write_plugin(folder, "added")
    shutil.rmtree(folder / "removed")
    export = folder / "edited" / "export.py"
    export.write_text(export.read_text().replace("What edited writes.", "What edited doubles"))  # as long as it was
    assert registry.all() == before, "nothing changes until it is asked for"

    registry.reload()
    after = registry.all()
    assert exporters(registry) == ["added", "edited", "kept"]
    assert after["kept"] is before["kept"]
    assert after["edited"].description == "What edited doubles"


def test_reload_sees_that_a_plugin_was_mended(folder: Path, registry: Registry) -> None:
    """A problem goes when its cause goes, also when that lies outside of the plug-in's folder."""
    write_plugin(folder, "late", files={"sync.py": "from .export import Late\nimport late_dependency\n"
                 "def init(context):\n    context.register_exports('image', Late)\n"})  # fmt: skip
    assert "late_dependency" in only_problem(registry)
    sys.modules["late_dependency"] = type(sys)("late_dependency")
    try:
        registry.reload()
        assert exporters(registry) == ["late"]
        assert registry.problems == ()
    finally:
        del sys.modules["late_dependency"]


def test_of_two_plugins_of_one_name_the_first_is_used_also_after_a_reload(folder: Path, registry: Registry) -> None:
    """A worker that has run for long and one that has just begun use the same one."""
    write_plugin(folder, "z", files={"manifest.json": '{"name": "twin", "version": "z"}'})
    assert exporters(registry) == ["z"]
    write_plugin(folder, "a", files={"manifest.json": '{"name": "twin", "version": "a"}'})
    registry.reload()
    assert exporters(registry) == exporters(Registry([JsonExporter])) == ["a"]


# -- the digest of its code -------------------------------------------------------------------------------------------


def test_digest_follows_every_file_of_the_code(folder: Path, registry: Registry) -> None:
    """It changes with any file the code may read, and not with what Python, pytest or an export leave in the folder."""
    plugin = write_plugin(folder, "one", files={"words/list.txt": "a"})
    seen = [registry.code_digest("one")]

    def changed() -> bool:
        registry.reload()
        seen.append(registry.code_digest("one"))
        return seen[-1] != seen[-2]

    assert len(seen[0]) == 64
    (plugin / "words/list.txt").write_text("b")
    assert changed()
    (plugin / "words/list.txt").rename(plugin / "words/names.txt")
    assert changed()
    (plugin / "words/back").symlink_to(plugin)
    for path in (".pytest_cache/x", "__pycache__/export.pyc", "out/name/latest.json", "out/name/0a/export.txt"):
        (plugin / path).parent.mkdir(parents=True, exist_ok=True)
        (plugin / path).write_text("left behind")
    assert not changed()


def test_digest_is_the_same_wherever_the_folder_stands(tmp_path: Path) -> None:
    """Two machines with the same plug-in remember results by the same key."""
    digests = {load_plugin(write_plugin(tmp_path / place, "one")).plugin.code_digest for place in ("here", "there")}
    assert len(digests) == 1


def test_the_planned_code_is_what_runs(folder: Path, registry: Registry) -> None:
    """A worker that holds older code loads the planned one; one that cannot have it refuses rather than mixes."""
    plugin = write_plugin(folder, "one")
    planned = registry.code_digest("one")
    assert registry.get_as_planned("one", planned).name == "one"
    (plugin / "export.py").write_text((plugin / "export.py").read_text() + "EDITED = True\n")
    edited = Registry([]).code_digest("one")
    assert registry.get_as_planned("one", edited).name == "one"
    with pytest.raises(FatalError, match="The exporter one has other code here than when this export was planned"):
        registry.get_as_planned("one", planned)
    assert registry.get_as_planned("json", "").name == "json"


def test_a_plugin_can_be_loaded_by_its_own_tests(tmp_path: Path) -> None:
    """`load_plugin` gives what it registers, without a registry and without the environment."""
    context = load_plugin(write_plugin(tmp_path, "one"))
    assert [one.exporter.name for one in context.registrations] == ["one"]
    assert context.problems == {}
    with pytest.raises(FatalError, match="cannot be read"):
        load_plugin(tmp_path / "nowhere")
