"""`outhaul completion`: what a shell makes of what somebody has begun to type."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import shtab

from exporters import registry
from flows.cli import make_parser
from flows.cli_doctor import SHELLS
from flows.completion import FILES, FOLDERS, FORMATS, all_arguments
from tests.fakes.plugins import write_plugin
from tests.flows.contextual_jobs import Plugs
from tests.flows.harness import Run


def completed(script: str, typed: str, folder: Path) -> set[str]:
    """What bash offers for the last of these words, once it has read the script."""
    words = shlex.split(typed) + ([""] if typed.endswith(" ") else [])
    program = [
        script,
        f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}",
        f"COMP_LINE={shlex.quote(typed)}; COMP_POINT={len(typed)}",
        "function=$(complete -p outhaul | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
        f'"$function" outhaul {shlex.quote(words[-1])} {shlex.quote(words[-2])}',
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(program)], capture_output=True, check=True, cwd=folder, text=True
    )
    assert done.stderr == ""
    return {line.strip() for line in done.stdout.splitlines() if line.strip()}


@pytest.fixture
def bash_script(outhaul: Run) -> str:
    status, script, errors = outhaul("completion", "bash")
    assert (status, errors) == (0, "")
    return script


def test_bash_completes(bash_script: str, tmp_path: Path) -> None:
    """Commands, those within groups, options, choices, formats, folders and files."""
    (tmp_path / "out").mkdir()
    (tmp_path / "outline.yaml").touch()
    for typed, offered in {
        "outhaul ex": {"export", "exports"},
        "outhaul export x --as co": {"coco", "conll"},
        "outhaul export x --as yolo_": {"yolo_obb", "yolo_pose", "yolo_segment"},
        "outhaul export x --on": {"--on-error"},
        "outhaul export x --media ": {"none", "original", "all"},
        "outhaul export x --to ou": {"out"},
        "outhaul export x --to s3://b": set(),
        "outhaul verify ou": {"out"},
        "outhaul blocks c": {"check", "create"},
        "outhaul blocks create ou": {"out", "outline.yaml"},
        "outhaul ango-plugin --exporter cvat_": {"cvat_video"},
        "outhaul completion ": set(SHELLS),
    }.items():
        assert (typed, completed(bash_script, typed, tmp_path)) == (typed, offered)


def test_formats_of_plugins_are_completed(outhaul: Run, plug: Plugs, tmp_path: Path) -> None:
    """A script knows the formats that there are when it is made."""
    write_plugin(tmp_path / "plugins", "damage")
    _, script, _ = outhaul("completion", "bash")
    offered = completed(script, "outhaul export x --as ", tmp_path)
    assert "damage" in offered
    assert offered == set(registry.all())


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts(outhaul: Run, shell: str) -> None:
    """Each shell of which one is offered gets a script with every format, valid where it can be asked."""
    assert shell in shtab.SUPPORTED_SHELLS
    status, output, _ = outhaul("completion", shell, "--json")
    document = json.loads(output)
    assert (status, document["shell"]) == (0, shell)
    assert all(name in document["script"] for name in registry.all())
    if shell == "tcsh":  # knows no way to check without carrying out
        return
    if shell == "bash" or shutil.which(shell):
        subprocess.run([shell, "-n"], input=document["script"], check=True, text=True)


def test_no_argument_is_forgotten() -> None:
    """What is said to take paths or formats is there, and whatever is shown as such is said to."""
    actions = list(all_arguments(make_parser()))
    assert {action.dest for action in actions} >= FOLDERS | FILES | FORMATS
    metavars = ("FORMAT", "DIR", "CA.pem", "FILE", "FILE.yaml")
    shown = {action.dest for action in actions if action.metavar in metavars}
    assert shown <= FOLDERS | FILES | FORMATS


def test_another_shell(outhaul: Run) -> None:
    """A shell that there is no script for is a wrong argument."""
    status, output, errors = outhaul("completion", "cmd")
    assert (status, output) == (2, "")
    assert "'cmd'" in errors
