"""What the scaffold promises: folders that work as they are, and nothing that was there before is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.errors import RequestError
from exporters.plugins import load_plugin
from exporters.scaffold import PATTERNS, NewExporter, NewPlugin, add_exporter, create_plugin
from tests.fakes.plugins import write_plugin

DESCRIPTION = 'Says "damage", C:\\new and $name: é.'


def new_exporter(name: str, pattern: str = "json", modality: str = "image", description: str = "X.") -> NewExporter:
    return NewExporter(name=name, description=description, modality=modality, pattern=pattern)


def create(parent: Path, name: str = "damage-report", pattern: str = "json") -> Path:
    create_plugin(NewPlugin(new_exporter(name, pattern, description=DESCRIPTION), f"Report “{name}”"), parent)
    return parent / name


def contents(folder: Path) -> dict[str, str]:
    """Without what Python keeps of them."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent.name != "__pycache__"]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


# -- a new plug-in ----------------------------------------------------------------------------------------------------


def test_a_new_plugin_has_all_it_needs(tmp_path: Path) -> None:
    """Manifest, registration, exporter, tests of both, and a README with commands; what was answered is in them."""
    plugin = create(tmp_path)
    assert sorted(contents(plugin)) == [
        "README.md",
        "export.py",
        "manifest.json",
        "pytest.ini",
        "sync.py",
        "test_damage_report_export.py",
        "test_damage_report_sync.py",
    ]
    manifest = json.loads((plugin / "manifest.json").read_text())
    assert manifest["displayName"] == "Report “damage-report”"
    assert manifest["description"] == DESCRIPTION
    readme = (plugin / "README.md").read_text()
    assert "$ OUTHAUL_PLUGINS=. outhaul export SOURCE --as damage-report --to out" in readme


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_an_exporter(tmp_path: Path, pattern: str) -> None:
    """The plug-in loads without a problem, and its exporter has the name and description that were asked for."""
    context = load_plugin(create(tmp_path, pattern=pattern))
    assert context.problems == {}
    (registration,) = context.registrations
    exporter = registration.exporter
    assert (exporter.name, exporter.description) == ("damage-report", DESCRIPTION)
    assert registration.given.__name__ == "DamageReportExport"
    assert registration.modalities.match("image")
    assert not registration.modalities.match("video")


def test_generated_tests_pass_at_once(tmp_path: Path) -> None:
    """Of each pattern, as a new plug-in and as an exporter added to one; several plug-ins can be tested in one go."""
    for pattern in PATTERNS:
        add_exporter(new_exporter(f"more-{pattern}", pattern), create(tmp_path, f"my-{pattern}", pattern))
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, env={**os.environ, "OUTHAUL_PLUGINS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout
    for pattern in PATTERNS:
        files = contents(tmp_path / f"my-{pattern}")
        assert len([name for name in files if name.startswith("test_")]) == 3


def test_generated_tests_pass_within_another_project(tmp_path: Path) -> None:
    """Settings that a project around the plug-in has for its own tests are not those of the plug-in's."""
    around = '[tool.pytest.ini_options]\nno_such_option = 1\naddopts = "--no-such-flag"\n'
    (tmp_path / "pyproject.toml").write_text(around)
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", create(tmp_path).name],
        cwd=tmp_path, env={**os.environ, "OUTHAUL_PLUGINS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr


def test_what_an_author_writes_is_typed(tmp_path: Path) -> None:
    """A type checker at its strictest finds nothing in a new plug-in, of any pattern; and it finds a slip.

    What it knows of `context`, an editor completes.
    """
    names = [create(tmp_path, f"my_{pattern}", pattern).name for pattern in PATTERNS]
    slips = {
        "export.py": ("context.datasets", "context.datasetz", '"Context" has no attribute "datasetz"'),
        "sync.py": ("register_exports(", "register_export(", '"PluginContext" has no attribute "register_export"'),
    }
    slipped = create(tmp_path, "slipped")
    for file, (right, wrong, _) in slips.items():
        (slipped / file).write_text((slipped / file).read_text().replace(right, wrong))
    for folder in (*names, "slipped"):
        (tmp_path / folder / "__init__.py").touch()
    modules = [f"{folder}.{file}" for folder in (*names, "slipped") for file in ("export", "sync")]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    process = subprocess.run(
        [*command, *(part for module in modules for part in ("-m", module))],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": "."}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [line for line in process.stdout.splitlines() if ": error: " in line]
    assert [line for line in found if not line.startswith("slipped")] == []
    for file, (_, _, said) in slips.items():
        assert [line for line in found if line.startswith(f"slipped/{file}") and said in line], process.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder that is there stays as it is, and so does an exporter's module, and the sync.py that names it."""
    plugin = create(tmp_path)
    (plugin / "export.py").write_text("mine\n")
    before = contents(plugin)
    with pytest.raises(RequestError, match=r"damage-report is there already, and nothing is overwritten"):
        create(tmp_path)
    (plugin / "export_areas.py").write_text("mine too\n")
    with pytest.raises(RequestError, match=r"export_areas.py is there already, and nothing is overwritten"):
        add_exporter(new_exporter("areas"), plugin)
    assert contents(plugin) == before | {"export_areas.py": "mine too\n"}


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A place that is no folder is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=r"file/damage-report cannot be written \(Not a directory\)"):
        create(tmp_path / "file")


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "/root", "a b", "A", "1a", "é", "a\n", "-x", "con", "a" * 65])
def test_hostile_names_are_refused(tmp_path: Path, name: str) -> None:
    """A name is a folder, a word of the command line and part of a module; the refusal says what it may consist of."""
    with pytest.raises(RequestError, match=r"cannot be the name of an exporter; use up to 64 of a-z, 0-9, - and _"):
        create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"description": "two\nlines"}, "cannot be the description; give one line of text"),
        ({"description": " "}, "cannot be the description"),
        ({"modality": '"); import os'}, "cannot be the name of a modality"),
        ({"pattern": "jsno"}, "There is no pattern “jsno”; there is: json, stream"),
    ],
)
def test_answers_that_cannot_be_used_are_refused(answers: dict[str, str], sentence: str) -> None:
    """Each is named with what it may be: they become code."""
    with pytest.raises(RequestError, match=sentence.replace('"', ".").replace("(", r"\(")):
        NewExporter(**{"name": "a", "description": "b", "modality": "image", "pattern": "json", **answers})


def test_versions_begin_with_a_number() -> None:
    """What is no version is refused."""
    with pytest.raises(RequestError, match="“new” is no version"):
        NewPlugin(new_exporter("a"), "A", version="new")


# -- one more exporter ------------------------------------------------------------------------------------------------


def test_an_exporter_is_added_to_what_the_author_has_made_of_it(tmp_path: Path) -> None:
    """A line imports it and a line registers it; everything else in sync.py stays as it was written."""
    plugin = create(tmp_path)
    written = (
        '"""Mine."""\n\nimport re\n\nfrom .export import DamageReportExport  # the first\n\n\n'
        "def init(plugin):\n"
        "    plugin.register_exports(  # both\n        re.compile('^image$'), DamageReportExport\n    )\n"
        "    return None\n\n\nLAST = 1"
    )
    (plugin / "sync.py").write_text(written)
    add_exporter(new_exporter("areas", "files", "video"), plugin)

    lines = (plugin / "sync.py").read_text().splitlines()
    added = ["from .export_areas import AreasExport", '    plugin.register_exports("video", AreasExport)']
    assert [line for line in lines if line not in added] == written.splitlines()
    names = {one.exporter.name: one.modalities.names() for one in load_plugin(plugin).registrations}
    assert names == {"damage-report": ["/^image$/"], "areas": ["video"]}


def test_an_exporter_is_added_beside_a_sync_that_lies_deeper(tmp_path: Path) -> None:
    """In the platform's layout its files go to where the plug-in's others are, and its tests find the plug-in."""
    plugin = write_plugin(tmp_path, "deep")
    backend = plugin / "backends" / "sync" / "deep"
    backend.mkdir(parents=True)
    for file in ("sync.py", "export.py"):
        (plugin / file).rename(backend / file)
    files = add_exporter(new_exporter("areas"), plugin)

    assert {path.parent for path in files} == {backend}
    assert [one.exporter.name for one in load_plugin(plugin).registrations] == ["deep", "areas"]
    assert "load_plugin(Path(__file__).parents[3])" in (backend / "test_deep_export_areas.py").read_text()


@pytest.mark.parametrize("sync", ["", "def init(context): pass\n", "def init():\n    pass\n", "def init(\n"])
def test_what_cannot_be_added_is_said_to_the_author(tmp_path: Path, sync: str) -> None:
    """Where no line can be added, both lines are in the refusal, and nothing is written."""
    plugin = write_plugin(tmp_path, "one", files={"sync.py": sync})
    before = contents(plugin)
    with pytest.raises(RequestError, match=r"from .export_areas import AreasExport, and context.register_exports\("):
        add_exporter(new_exporter("areas"), plugin)
    assert contents(plugin) == before


def test_an_exporter_is_added_to_a_plugin_only(tmp_path: Path) -> None:
    """A folder without a manifest is refused."""
    with pytest.raises(RequestError, match=r"manifest.json cannot be read"):
        add_exporter(new_exporter("areas"), tmp_path)
