"""Plug-ins in the real flow: found, checked, run, remembered by their code, and changed between two runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.sandbox.idah import DEMO_API_KEY
from exporters import RequestError, registry
from flows.delivered import Summary
from tests.fakes.plugins import write_plugin
from tests.flows.harness import Exports, Platform, of_the_tests

SHARDED = """\
from exporters import Exporter, Holds, NoOptions

class {name}(Exporter[NoOptions]):
    name = "{plugin}"
    description = "A line for each entry."
    version = 1
    holds = Holds()
    options = NoOptions

    def convert(self, item, shard):
        shard.append("lines", b"{word}\\n")
        shard.keep(item.entry.annotations)

    def assemble(self, package):
        package.file("lines.txt", package.pieces("lines"))
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of plug-ins that the environment names; nothing of them is left for other tests."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(folder))
    yield folder
    monkeypatch.delenv("OUTHAUL_PLUGINS")
    registry.reload()


def sharded(word: str) -> dict[str, str]:
    return {"export.py": SHARDED.format(name="Lines", plugin="lines", word=word)}


def written(summary: Summary) -> str:
    """The one text file of a package."""
    with zipfile.ZipFile(summary.delivery.link) as package:
        (name,) = [name for name in package.namelist() if name.endswith(".txt")]
        return package.read(name).decode()


def test_a_new_plugin_is_tested_and_exports(platform: Platform, tmp_path: Path, prefect_api: None) -> None:
    """`plugin create`, its tests, then `export --as` it, in a fresh folder, also delivers into the plug-in's folder."""
    tools = Path(sys.executable).parent
    environment = {
        **of_the_tests(tmp_path),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "OUTHAUL_API_KEY": DEMO_API_KEY,
    }

    def run(command: str, folder: Path) -> str:
        process = subprocess.run(
            ["bash", "-ec", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    run("outhaul plugin create my-plugin --pattern media", tmp_path)
    plugin = tmp_path / "my-plugin"
    readme = (plugin / "README.md").read_text()
    commands = [line.removeprefix("$ ") for line in readme.splitlines() if line.startswith("$ ")]
    assert len(commands) == 3
    *tests, export = [command.replace("SOURCE", f"idah+{platform.source.url}") for command in commands]
    for command in tests:
        run(command, plugin)
    first, second = (json.loads(run(f"{export} --json", plugin)) for _ in range(2))

    assert first["counts"]["medias"] == {"in": 24, "out": 24, "left_out": 0}
    assert not first["was_there"]
    assert second["was_there"], "what lies in the plug-in's folder is no part of its code"
    assert second["export_id"] == first["export_id"]


@pytest.mark.parametrize("name", ["lines", "damage"])
def test_a_process_that_serves_sees_changed_plugins(
    exports: Exports, platform: Platform, plugins: Path, name: str
) -> None:
    """Edited, a plug-in of either kind runs anew and names another export; unchanged, nothing is done twice."""
    plugin = write_plugin(plugins, name, files=sharded("before") if name == "lines" else None)
    first = exports.run(platform.source, exporter=name)
    again = exports.run(platform.source, exporter=name)
    export = plugin / "export.py"
    text = export.read_text()
    export.write_text(text.replace("before", "behind") if name == "lines" else text.replace('.write("d', '.write("D'))
    edited = exports.run(platform.source, exporter=name)

    assert again.delivery.was_there
    assert edited.delivery.export_id != first.delivery.export_id
    assert written(first) != written(edited)
    assert exports.manifest(edited)["exporter"]["code"] == registry.code_digest(name)


def test_a_plugin_that_comes_later_is_found(exports: Exports, platform: Platform, plugins: Path) -> None:
    """A flow that was refused for want of a plug-in runs when it has come, in the same process."""
    write_plugin(plugins, "other")
    with pytest.raises(RequestError, match="There is no format 'lines'"):
        exports.run(platform.source, exporter="lines")
    write_plugin(plugins, "lines", files=sharded("late"))
    assert written(exports.run(platform.source, exporter="lines")) == "late\n" * 24


def test_what_a_plugin_is_registered_for_is_checked(exports: Exports, platform: Platform, plugins: Path) -> None:
    """A dataset of another modality is refused before anything is fetched; patterns and the platform's names work."""
    write_plugin(plugins, "moving", registers_for="['idah-video', __import__('re').compile('^(audio|text)$')]")
    with pytest.raises(RequestError, match=r"moving holds /\^\(audio\|text\)\$/ and video, but dataset .* is image"):
        exports.run(platform.source, exporter="moving")
    assert platform.sandbox.requests["dataset/entries"] == 0

    write_plugin(plugins, "still", registers_for="__import__('re').compile('idah-im')")
    assert exports.run(platform.source, exporter="still").tally.came_in["entries"] == 24


def test_what_is_wrong_with_other_plugins_is_a_warning(exports: Exports, platform: Platform, plugins: Path) -> None:
    """It is named with the run, which goes on without them."""
    write_plugin(plugins, "bad", files={"sync.py": "import no_such_module\n"})
    write_plugin(plugins, "good")
    summary = exports.run(platform.source, exporter="good")
    (warning,) = summary.plan.warnings
    assert warning.startswith("The plug-in bad cannot be loaded (ModuleNotFoundError")
