"""The README, carried out as it is written."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.places import PLACES
from exporters import registry
from tests.fakes.receiver import receiving
from tests.prefect_server import serving_prefect
from tests.s3_server import free_ports

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
pytestmark = pytest.mark.xdist_group("readme")  # its commands share a port
WAIT = "for _ in $(seq 50); do (echo > /dev/tcp/127.0.0.1/8718) 2>/dev/null && break; sleep 0.2; done"
EXPORT_ID = re.compile(r"\b[0-9a-f]{20}\b")


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which `outhaul` is what was installed here, and nothing is shared with other tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **kept,
        "PATH": path,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "OUTHAUL_WORKSPACE": str(tmp_path / "work"),
    }


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect API for all of the README: each command that had to start one would take ten seconds more."""
    (port,) = free_ports(1)
    with serving_prefect(tmp_path_factory.mktemp("readme"), port):
        yield f"http://127.0.0.1:{port}/api"


@pytest.fixture
def shell(alone: dict[str, str], api: str) -> dict[str, str]:
    """The same with an API to talk to, as those have it who have started one."""
    return {**alone, "PREFECT_API_URL": api}


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a script in a shell of its own, and end what it left running."""
    process = subprocess.Popen(
        ["bash", "-ec", script], cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{script}\n{output}\n{errors}"
    assert "Traceback" not in errors + output
    return output


def test_the_first_screen_is_true(tmp_path: Path, alone: dict[str, str]) -> None:
    """`make demo` prints what the README shows, to the letter, but for the folder it stands in."""
    assert "$(BIN)/outhaul demo --to demo" in (ROOT / "Makefile").read_text()
    output = run("outhaul demo --to demo", tmp_path, alone)

    shown = BLOCKS[0].partition("\n")[2].rstrip()
    printed = output.partition("\n\n  outhaul verify")[0].replace(f"{tmp_path}/", "")
    assert EXPORT_ID.sub("ID", printed) == EXPORT_ID.sub("ID", shown)
    assert (tmp_path / "demo").is_dir()


def test_the_commands_work_as_written(tmp_path: Path, shell: dict[str, str]) -> None:
    """The commands of the section on the command line run one after the other, and what is shown of them is printed."""
    first, *rest = commands(BLOCKS[1])
    script = "\n".join([f"{first.removesuffix('&')} > /dev/null 2>&1 &", WAIT, *rest, *commands(BLOCKS[2])])
    output = run(script, tmp_path, shell)

    shown = [line for line in BLOCKS[1].splitlines() if not line.startswith("$ ")]
    assert all(line in output for line in shown)
    assert "is whole" in output
    assert len(list((tmp_path / "out").glob("*/*/receipt.json"))) == 2


def test_doctor_and_completion_work_as_written(tmp_path: Path, shell: dict[str, str]) -> None:
    """The commands of the section on what has to be in place find nothing broken, and have bash complete."""
    section = README.partition("## Is all in place?")[2].partition("\n## ")[0]
    (script,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    server, key, *_ = commands(BLOCKS[1])
    lines = [f"{server.removesuffix('&')} > /dev/null 2>&1 &", WAIT, key, script, "complete -p outhaul"]
    output = run("\n".join(lines), tmp_path, shell)

    assert "ok      source idah+http://127.0.0.1:8718: 1 dataset can be read: " in output
    assert f"ok      target out: {tmp_path}/out can be written to.\n\nNothing is broken.\n" in output
    assert "-F _shtab_outhaul outhaul" in output


def test_the_table_of_formats_is_made_from_the_registry() -> None:
    """Every exporter has its row, with its own words, and no row is without an exporter."""
    table = README.partition("<!-- /formats -->")[0].rpartition("-->\n")[2]
    rows = [
        f"| `{exporter.name}` | {exporter.description} | "
        f"{', '.join(sorted(exporter.holds.modalities)) if exporter.holds.modalities else 'any modality'}; "
        f"{', '.join(sorted(exporter.holds.shapes)) if exporter.holds.shapes else 'every shape'} |"
        for exporter in registry.all().values()
    ]
    assert table.splitlines()[2:] == rows


def test_the_table_of_targets_is_made_from_what_is_known_of_them() -> None:
    """Every kind of place has its row, with what it can do, and no row is without one."""
    table = README.partition("<!-- /targets -->")[0].rpartition("-->\n")[2]
    rows = [
        f"| {place.name} | {', '.join(f'`{scheme}://`' for scheme in place.schemes)} "
        f"| {f'`outhaul[{place.extra}]`' if place.extra else ''} | {'yes' if place.creates_only else 'looks first'} "
        f"| {'yes' if place.copies else 'sends again'} | {'SHA-256' if place.checks else 'length'} |"
        for place in PLACES
    ]
    assert table.splitlines()[2:] == rows


def test_a_plugin_works_as_written(tmp_path: Path, shell: dict[str, str]) -> None:
    """The commands of the section on plug-ins make one that passes its tests, is listed, and exports."""
    server, key, *_ = commands(BLOCKS[1])
    script = "\n".join([f"{server.removesuffix('&')} > /dev/null 2>&1 &", WAIT, key, *commands(BLOCKS[4])])
    output = run(script, tmp_path, shell)

    assert "damage-report: " in output
    assert "Exported damage as damage-report." in output


def test_blocks_are_made_and_used_as_written(tmp_path: Path, shell: dict[str, str]) -> None:
    """The file of the section on saved platforms and targets is taken, and its commands run one after the other."""
    section = README.partition("## Saved platforms and targets")[2].partition("\n## ")[0]
    (described,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    (script,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (tmp_path / "blocks.yaml").write_text(described)
    server, key, *_ = commands(BLOCKS[1])
    output = run("\n".join([f"{server.removesuffix('&')} > /dev/null 2>&1 &", WAIT, key, script]), tmp_path, shell)

    assert "idah/production: created\nouthaul-target/nightly: created\n" in output
    assert "idah/production: 1 dataset can be read: " in output
    assert f"outhaul-target/nightly: {tmp_path}/out/nightly can be written to." in output
    assert len(list((tmp_path / "out" / "nightly" / "street").glob("*/receipt.json"))) == 1


def test_deployments_are_taken_by_a_server(tmp_path: Path, shell: dict[str, str]) -> None:
    """The commands of the section on the Prefect UI register blocks and deployments."""
    output = run("\n".join(f"cd {ROOT}\n{command}" for command in commands(BLOCKS[3])), tmp_path, shell)

    assert "on-demand" in output
    assert "IDAH" in output


def test_several_targets_work_as_written(tmp_path: Path, shell: dict[str, str]) -> None:
    """The commands of the section on several targets deliver to a folder and to an API."""
    section = README.partition("## To several targets, and to an API")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    server, key, *_ = commands(BLOCKS[1])
    with receiving() as receiver:
        written = example.replace("https://api.example.org", receiver.url)
        script = "\n".join([f"{server.removesuffix('&')} > /dev/null 2>&1 &", WAIT, key, written])
        output = run(script, tmp_path, shell)

    assert f"sent to      {receiver.url}/datasets/{{dataset}}/entries/{{entry}}  (12 records accepted)" in output
    assert len(list((tmp_path / "out").glob("street/*/receipt.json"))) == 1
    assert {one.method for one in receiver.taken} == {"PUT"}
    assert {one.headers["Authorization"] for one in receiver.taken} == {"Bearer ..."}
    assert len(receiver.times_taken()) == 12
