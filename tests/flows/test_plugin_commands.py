"""`outhaul plugin` and `outhaul formats`: what they print, ask, refuse, and end with."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.scaffold import PATTERNS
from tests.fakes.plugins import write_plugin
from tests.flows.harness import Run, command_line


@pytest.fixture
def outhaul(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Calls the command line in this process, in an empty folder; returns status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTHAUL_PLUGINS", "")
    with command_line(monkeypatch, capsys) as run:
        yield run


# -- plugin -----------------------------------------------------------------------------------------------------------


def test_create_says_what_to_do_next(outhaul: Run, tmp_path: Path) -> None:
    """Without a terminal, what no flag says has a default; the next commands are printed."""
    status, output, errors = outhaul("plugin", "create", "damage-report", "--modality", "video", "--pattern", "media")
    assert (status, errors) == (0, "")
    assert output == (
        "Created the plug-in damage-report in damage-report.\n\n"
        "  cd damage-report\n"
        "  pytest\n"
        "  OUTHAUL_PLUGINS=. outhaul formats --modality video\n"
        "  OUTHAUL_PLUGINS=. outhaul export SOURCE --as damage-report --to out\n"
    )
    manifest = json.loads((tmp_path / "damage-report" / "manifest.json").read_text())
    assert (manifest["displayName"], manifest["version"], manifest["modalities"]) == (
        "damage-report",
        "0.0.1",
        ["video"],
    )


def test_flags_say_everything(outhaul: Run, tmp_path: Path) -> None:
    """Each answer has a flag; `--json` prints what was written as one object."""
    flags = ("--display-name", "Damage", "--description", "Lists damage.", "--version", "1.2", "--pattern", "files")
    _, output, _ = outhaul("plugin", "create", "damage", "plugins", *flags, "--json")
    document = json.loads(output)
    assert document["plugin"] == "damage"
    assert document["folder"] == "plugins/damage"
    assert all((tmp_path / path).is_file() for path in document["files"])
    manifest = json.loads((tmp_path / "plugins/damage/manifest.json").read_text())
    assert (manifest["displayName"], manifest["description"], manifest["version"]) == ("Damage", "Lists damage.", "1.2")


def test_an_added_exporter_is_a_format(outhaul: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `create` and `add-exporter` wrote is listed by `formats` for its modality, with its origin."""
    outhaul("plugin", "create", "damage")
    status, output, _ = outhaul("plugin", "add-exporter", "areas", "damage", "--modality", "video")
    assert status == 0
    assert output.splitlines()[:2] == ["Added the exporter areas:", f"  {tmp_path / 'damage/sync.py'}"]

    monkeypatch.setenv("OUTHAUL_PLUGINS", "damage")
    _, output, _ = outhaul("formats", "--modality", "video", "--json")
    found = {one["name"]: one for one in json.loads(output)["formats"]}
    assert found["areas"]["plugin"] == {"name": "damage", "version": "0.0.1", "place": str(tmp_path / "damage")}
    assert found["areas"]["modalities"] == ["video"]
    assert "damage" not in found
    assert found["jsonl"]["plugin"] is None


REFUSED: dict[str, tuple[list[str], str]] = {
    "folder is there": (["create", "there"], "there is there already, and nothing is overwritten"),
    "hostile name": (["create", "../x"], "“../x” cannot be the name of an exporter; use up to 64 of a-z"),
    "built-in format": (["create", "coco"], "There is an exporter 'coco' already (see outhaul formats)"),
    "unknown pattern": (["create", "x", "--pattern", "yaml"], "There is no pattern “yaml”; there is: json, stream"),
    "no plug-in": (["add-exporter", "x", "there"], "there/manifest.json cannot be read (No such file or directory)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_request_is_refused_in_one_line(outhaul: Run, tmp_path: Path, case: str) -> None:
    """It says what is wrong, ends with status 2, and writes nothing."""
    (tmp_path / "there").mkdir()
    arguments, sentence = REFUSED[case]
    status, output, errors = outhaul("plugin", *arguments)
    assert (status, output) == (2, "")
    assert sentence in errors
    assert errors.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def on_a_terminal(answers: str, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command with a terminal to ask; returns status, standard output, and what was asked."""
    here, there = pty.openpty()
    os.write(here, answers.encode())
    process = subprocess.run(
        [str(Path(sys.executable).with_name("outhaul")), *arguments],
        cwd=folder, stdin=there, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(here)
    os.close(there)
    return process.returncode, process.stdout, process.stderr


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    """What no flag says is asked for, with its default; a pattern that does not exist is asked for again."""
    answers = "Damage report\n\nidah-video\nyaml\nstream\n\n"
    status, output, asked = on_a_terminal(answers, tmp_path, "plugin", "create", "damage", "--json")
    assert status == 0, asked
    assert json.loads(output)["plugin"] == "damage", "questions are not on standard output"
    for question in ("Display name (damage)", "Description (", "Modality (image)", "Version (0.0.1)"):
        assert question in asked
    assert asked.count(f"Pattern [{'/'.join(PATTERNS)}] (json)") == 2
    manifest = json.loads((tmp_path / "damage" / "manifest.json").read_text())
    assert manifest["displayName"] == "Damage report"
    assert manifest["modalities"] == ["idah-video"]
    assert "read while they are written" in (tmp_path / "damage" / "export.py").read_text()


def test_questions_may_be_broken_off(tmp_path: Path) -> None:
    """Ctrl-D at a question ends it in one sentence, and nothing is written."""
    status, _, asked = on_a_terminal("\x04", tmp_path, "plugin", "create", "damage")
    assert status == 2
    assert asked.endswith(
        "outhaul: The questions were not answered to the end, and nothing was written; run it again.\n"
    )
    assert list(tmp_path.iterdir()) == []


# -- formats ----------------------------------------------------------------------------------------------------------


def test_every_format_is_listed_once_with_all_its_options(outhaul: Run) -> None:
    """For people, each option stands once: below its format, or at the end among those that several share."""
    _, output, _ = outhaul("formats")
    _, document, _ = outhaul("formats", "--json")
    for one in json.loads(document)["formats"]:
        assert output.count(f"\n{one['name']}: ") + output.startswith(f"{one['name']}: ") == 1
    shared = output[output.index("\nOptions of all formats but upd:") :]
    assert shared.count("--option split_by=source") == output.count("--option split_by=source") == 1


def test_formats_show_what_is_wrong_with_plugins(outhaul: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that does not work is named below the formats that do, and is no failure."""
    write_plugin(tmp_path, "good")
    write_plugin(tmp_path, "bad", files={"sync.py": "import no_such_module\n"})
    monkeypatch.setenv("OUTHAUL_PLUGINS", ".")
    status, output, _ = outhaul("formats")
    assert status == 0
    assert f"\n  from the plug-in good 0.0.1, {tmp_path / 'good'}\n" in output
    (problem,) = json.loads(outhaul("formats", "--json")[1])["problems"]
    assert problem.startswith("The plug-in bad cannot be loaded (ModuleNotFoundError: No module named 'no_such_module'")
    assert output.endswith(f"Plug-ins that do not work:\n  {problem}\n")


@pytest.mark.parametrize("modality", ["image", "idah-image"])
def test_formats_of_a_modality(outhaul: Run, modality: str) -> None:
    """The platform's name of a modality will do, and formats of others are left out."""
    names = [one["name"] for one in json.loads(outhaul("formats", "--modality", modality, "--json")[1])["formats"]]
    assert {"coco", "json"} <= set(names)
    other = [one["name"] for one in json.loads(outhaul("formats", "--modality", "audio", "--json")[1])["formats"]]
    assert "json" in other
    assert "coco" not in other


@pytest.mark.parametrize("command", [["formats"], ["plugin", "create", "x"], ["plugin", "add-exporter", "x"]])
def test_an_unknown_modality_is_refused(outhaul: Run, tmp_path: Path, command: list[str]) -> None:
    """A slip of the pen is answered with what was probably meant, or what there is; nothing is listed or written."""
    answers = {"vidoe": "did you mean 'video'?", "smell": "there is: audio, image, text, video."}
    for given, advice in answers.items():
        status, output, errors = outhaul(*command, "--modality", given)
        assert (status, output) == (2, "")
        assert errors == f"outhaul: There is no modality '{given}'; {advice}\n"
    assert not list(tmp_path.iterdir())


def test_a_plugin_makes_a_modality_known(outhaul: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a plug-in is registered for, by name or by pattern, is listed; registering for any names none."""
    monkeypatch.setenv("OUTHAUL_PLUGINS", "plugins")
    write_plugin(tmp_path / "plugins", "any", registers_for="__import__('re').compile('.*')")
    assert outhaul("formats", "--modality", "smell")[0] == 2
    write_plugin(tmp_path / "plugins", "nose", registers_for="'idah-smell'")
    write_plugin(tmp_path / "plugins", "tongue", registers_for="__import__('re').compile('^(taste|umami)$')")
    for modality, plugin in (("smell", "nose"), ("idah-taste", "tongue")):
        status, output, _ = outhaul("formats", "--modality", modality)
        assert status == 0
        assert f"\n{plugin}: What {plugin} writes.\n" in output
    assert "there is: audio" in outhaul("formats", "--modality", "x")[2]
