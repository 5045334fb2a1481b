"""`outhaul doctor`: what is missing or misconfigured, a line a finding, and nothing that anybody may not see."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from blocks import http
from blocks.catalog import BLOCKS
from blocks.target import Target
from flows import doctor, doctor_api
from flows.findings import Finding, State
from flows.installed import extras, packages
from tests.conformance.sources import CANARY
from tests.flows.harness import Platform, Run
from tests.prefect_server import speaking_to


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write to, not even root."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        command = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("this user may write anywhere, and may not mount a file system")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        yield folder


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"


def examined(outhaul: Run, *arguments: str) -> tuple[int, dict[str, Finding]]:
    """The exit status, and what was found by what it is about; `--json` prints that and nothing else."""
    status, output, errors = outhaul("doctor", *arguments, "--json")
    document = json.loads(output)
    found = [Finding(one["about"], State(one["state"]), one["said"]) for one in document["findings"]]
    assert errors == ""
    assert document["works"] is (status == 0)
    assert not [one.said for one in found if "\n" in one.said or not one.said.endswith(".")]
    return status, {one.about: one for one in found}


def test_a_machine_that_works(outhaul: Run, prefect_api: None, platform: Platform, tmp_path: Path) -> None:
    """Versions, the workspace, the API with its blocks, a source and targets are told, each in a line."""
    name = f"d-{os.urandom(4).hex()}"
    for block in BLOCKS:
        block.register_type_and_schema()
    platform.source.save(name)
    Target(url=str(tmp_path / "saved")).save(name)
    given = (f"idah+{platform.source.url}", f"idah/{name}", "--to", "out", "--to", f"block:{name}")
    status, found = examined(outhaul, *given)

    assert {one.state for one in found.values()} == {State.OK, State.NOTE}
    for package in ("outhaul", "prefect", "fsspec", "s3fs"):
        assert found[package].said.startswith(metadata.version(package))
    assert re.search(r"can be written to, with [\d.]+ [GT]B free on its disk", found["workspace"].said)
    version = metadata.version("prefect")
    assert found["Prefect API"].said.endswith(f"/api/ answers, with Prefect {version} there and {version} here.")
    assert found["block forms"].said == f"all {len(BLOCKS)} kinds of blocks are registered."
    assert "saved blocks" in found
    assert found[f"source idah+{platform.source.url}"].said.startswith("1 dataset can be read: ")
    assert found[f"source idah/{name}"].said.startswith("1 dataset can be read: ")
    assert found["target out"].said == f"{tmp_path}/out can be written to."
    assert found[f"target block:{name}"].said == f"{tmp_path}/saved can be written to."
    assert status == 0

    status, output, _ = outhaul("doctor")
    assert status == 0
    assert output.startswith("ok      Python: ")
    assert output.endswith("\n\nNothing is broken.\n")


def test_an_api_that_is_down(outhaul: Run, platform: Platform) -> None:
    """It is one finding; what is saved there is not tried, and what has an address is."""
    with speaking_to(f"http://somebody:{CANARY}@127.0.0.1:9/api"):
        given = ("idah/x", f"idah+{platform.source.url}", "--to", "block:x", "--to", "out", "--workspace", "block:x")
        status, found = examined(outhaul, *given)

    assert status == 1
    assert [one.about for one in found.values() if one.state is State.BROKEN] == ["Prefect API"]
    assert "at http://127.0.0.1:9/api/ cannot be reached" in found["Prefect API"].said
    for untried in ("source idah/x", "target block:x", "workspace"):
        assert found[untried].said.startswith("not tried: ")
    assert found[f"source idah+{platform.source.url}"].state is State.OK
    assert found["target out"].state is State.OK


@pytest.mark.parametrize("text", ["idah", "idah/", "block:idah"])
def test_a_kind_without_a_name_is_no_saved_block(outhaul: Run, text: str) -> None:
    """It is refused as what names no source, rather than told as one that could not be tried."""
    with speaking_to("http://127.0.0.1:9/api"):
        status, output, errors = outhaul("doctor", text)
    assert (status, output) == (2, "")
    assert errors.startswith(f"outhaul: {text!r} names no source; give a saved block (idah/production), ")


def test_an_api_that_says_nothing(outhaul: Run, monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    """It is waited for once, for a moment."""
    monkeypatch.setattr(doctor_api, "SECONDS", 0.1)
    with speaking_to(silent):
        status, found = examined(outhaul)
    assert status == 1
    assert "cannot be reached (ReadTimeout)" in found["Prefect API"].said


def test_an_api_that_is_none(outhaul: Run, platform: Platform) -> None:
    """A server of another kind is told from one that is down."""
    with speaking_to(platform.source.url):
        status, found = examined(outhaul)
    assert status == 1
    assert "is no Prefect API; check PREFECT_API_URL, which ends with /api" in found["Prefect API"].said


def test_an_api_at_no_address(outhaul: Run) -> None:
    """A password that makes an address none is not in what is said of it."""
    with speaking_to(f"http://somebody:{CANARY}/x@127.0.0.1:9/api"):
        status, output, errors = outhaul("doctor")
    assert (status, errors) == (1, "")
    assert "BROKEN  Prefect API: PREFECT_API_URL is no address; set one such as http://127.0.0.1:4200/api.\n" in output
    assert CANARY not in output


@pytest.mark.parametrize(("here", "state"), [("3.99.0", State.NOTE), ("4.0.0", State.BROKEN)])
def test_a_server_of_another_version(
    outhaul: Run, prefect_api: None, monkeypatch: pytest.MonkeyPatch, here: str, state: State
) -> None:
    """An older server is worth a note; one of another age is broken. Which blocks are saved is told anyway."""
    monkeypatch.setattr(doctor_api, "version_of", lambda _: here)
    status, found = examined(outhaul)
    assert found["Prefect API"].state is state
    assert f"and {here} here" in found["Prefect API"].said
    assert "saved blocks" in found
    assert status == (1 if state is State.BROKEN else 0)


def test_an_api_named_by_a_profile(tmp_path: Path) -> None:
    """An API that only a profile of Prefect's names is found; `outhaul` need not be told of it."""
    (tmp_path / "profiles.toml").write_text(
        'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run(
        [Path(sys.executable).with_name("outhaul"), "doctor"],
        env={**kept, "PREFECT_HOME": str(tmp_path)}, cwd=tmp_path, capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert "BROKEN  Prefect API: The Prefect API at http://127.0.0.1:9/api/ cannot be reached" in done.stdout


@pytest.mark.parametrize(
    ("file", "written", "may_be"),
    [
        ("prefect.toml", "[api]\nurl = 'http://x/api'\n", True),
        ("prefect.toml", "[server]\nlogging_level = 'WARNING'\n", False),
        ("pyproject.toml", "[tool.prefect.api]\nurl = 'http://x/api'\n", True),
        ("pyproject.toml", (Path(__file__).parents[2] / "pyproject.toml").read_text(), False),
        (".env", "prefect_api_url=http://x/api\n", True),
        ("profiles.toml", "active = 'ephemeral'\n", False),
    ],
)
def test_where_an_api_may_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, written: str, may_be: bool
) -> None:
    """Each file that Prefect reads settings from is looked into, without Prefect."""
    (tmp_path / file).write_text(written)
    monkeypatch.chdir(tmp_path)
    assert doctor_api._may_be_configured({"PREFECT_HOME": str(tmp_path)}) is may_be


def test_a_workspace_that_cannot_be_written_to(outhaul: Run, prefect_api: None, read_only: Path) -> None:
    """It is broken, and all else is looked at."""
    status, found = examined(outhaul, "--workspace", str(read_only / "work"), "--to", "out")
    assert status == 1
    assert [one.about for one in found.values() if one.state is State.BROKEN] == ["workspace"]
    assert found["workspace"].said.startswith("No export can work there: ")
    status, output, _ = outhaul("doctor", "--workspace", str(read_only))
    assert f"BROKEN  workspace: No export can work there: {read_only}" in output
    assert output.endswith("\n1 thing is broken.\n")


def test_a_disk_that_is_nearly_full(
    outhaul: Run, prefect_api: None, monkeypatch: pytest.MonkeyPatch, tiny_disk: Path
) -> None:
    """It is worth a note, since exports may be small."""
    status, found = examined(outhaul, "--workspace", str(tiny_disk / "work"))
    assert (status, found["workspace"].state) == (0, State.NOTE)
    assert "kB are free on its disk" in found["workspace"].said


def test_sources_and_targets_that_do_not_work(
    outhaul: Run, prefect_api: None, monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    """Each is a finding with what to do, also after one that is broken; no secret is in any of them."""
    monkeypatch.setenv("OUTHAUL_API_KEY", f"IDAH_{CANARY}")
    given = (
        f"idah+{platform.source.url}", "idah/nobody", f"idah+https://me:{CANARY}@idah.example.org",
        f"folder:https://data.example.org.invalid/x?sig={CANARY}", "folder:nowhere",
        "--to", "/dev/null/x", "--to", "gs://bucket/x", "--to", "block:nobody", "--to", f"sftp://me:{CANARY}@host/x",
    )  # fmt: skip
    status, output, errors = outhaul("doctor", *given)
    broken = [line for line in output.splitlines() if line.startswith("BROKEN")]

    assert (status, len(broken)) == (1, 9)
    assert CANARY not in output + errors
    assert "refused the credentials" in broken[0]
    assert "There is no saved block idah/nobody" in broken[1]
    assert broken[2].startswith("BROKEN  source idah+https://idah.example.org: A secret in a URL")
    assert broken[3].startswith("BROKEN  source folder:https://data.example.org.invalid/x: ")
    assert "does not exist" in broken[4]
    assert broken[5].startswith("BROKEN  target /dev/null/x: Nothing can be delivered there")
    assert "outhaul[gcs]" in broken[6]
    assert output.endswith("\n9 things are broken.\n")


@pytest.mark.parametrize("arguments", [("nope",), ("--to", " "), ("--too", "x")])
def test_wrong_arguments(outhaul: Run, prefect_api: None, arguments: tuple[str, ...]) -> None:
    """What names no source or target, whatever is saved and installed, is a wrong request."""
    status, output, errors = outhaul("doctor", *arguments)
    assert (status, output) == (2, "")
    assert "outhaul" in errors


def test_versions_that_do_not_fit() -> None:
    """A package that is absent, or outside its range, is broken; what it does to Prefect and what to do are said."""
    (own, *found) = packages(
        ["s3fs>=2026.3", "fastapi<0.2,>=0.1", "numpy>=2", "not-a-package>=1", "gone; extra == 'x'"]
    )
    assert own.about == "outhaul"
    assert [(one.about, one.state) for one in found] == [
        ("s3fs", State.OK),
        ("fastapi", State.BROKEN),
        ("not-a-package", State.BROKEN),
    ]
    assert "lists no runs" in found[1].said
    assert found[1].said.endswith("run pip install 'fastapi>=0.1,<0.2'.")
    assert found[2].said == "it is not installed, and outhaul needs it; run pip install 'not-a-package>=1'."


def test_extras() -> None:
    """Each is told with what it is for, also one that is absent or too old, and none of these is broken."""
    found = {one.about: one for one in extras()}
    declared = metadata.metadata("outhaul").get_all("Provides-Extra") or []
    assert sorted(found) == sorted(f"outhaul[{name}]" for name in declared)
    assert not [one.said for one in found.values() if not re.search(r"\b(formats?|runner) |://", one.said)]

    needed = ["numpy<1; extra == 'upd'", "not-a-package; extra == 'gcs'", "numpy>=2; extra == 'hf'"]
    found = {one.about: one for one in extras(needed)}
    assert found["outhaul[upd]"].said.endswith(
        "is not one of <1, as the format and the source upd needs it: pip install 'outhaul[upd]'."
    )
    assert found["outhaul[gcs]"].said == (
        "not installed; Google Cloud Storage (gs://, gcs://) would need it: pip install 'outhaul[gcs]'."
    )
    assert {found["outhaul[upd]"].state, found["outhaul[gcs]"].state} == {State.NOTE}
    assert found["outhaul[hf]"].state is State.OK


def test_a_package_that_cannot_be_loaded(outhaul: Run, prefect_api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that breaks on the way, in whatever manner, is a finding, and the others are made."""
    monkeypatch.setitem(sys.modules, "flows.installed", None)

    def broken() -> list[Finding]:
        raise ZeroDivisionError("of nobody's making")

    monkeypatch.setattr(doctor, "_api", broken)
    status, found = examined(outhaul)
    assert status == 1
    assert "flows.installed cannot be loaded" in found["packages"].said
    assert "unexpected ZeroDivisionError: of nobody's making;" in found["Prefect API"].said
    assert found["workspace"].state is State.OK
