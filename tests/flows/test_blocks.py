"""`outhaul blocks`: forms registered, blocks made from a file, listed and checked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from blocks.catalog import BLOCKS
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.target import Target
from tests.conformance.sources import CANARY
from tests.exporters.upd.certificates import holder
from tests.fakes.documents import save_document
from tests.flows.ango.plugin import prefect_database
from tests.flows.harness import Platform, Run
from tests.prefect_server import speaking_to

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def name() -> str:
    return f"b-{os.urandom(4).hex()}"


def test_all_kinds_are_registered(outhaul: Run) -> None:
    """Every kind of block is named, and where; doing it again does no harm."""
    for _ in range(2):
        status, output, _ = outhaul("blocks", "register", "--json")
        assert status == 0
        assert json.loads(output)["kinds"] == [block.get_block_type_slug() for block in BLOCKS]


def described(name: str, platform: Platform, tmp_path: Path) -> str:
    me = holder("me")
    (tmp_path / "key.pem").write_bytes(me.key_pem())
    (tmp_path / "me.pem").write_bytes(me.pem)
    return f"""
- kind: idah
  name: {name}
  fields:
    url: {platform.source.url}
    api_key: ${{THE_KEY}}
    connections: 3
- kind: outhaul-target
  name: {name}
  fields:
    url: {tmp_path}/$${{x}}/${{WHERE}}
    secret_access_key: ${{THE_KEY}}
    options: {{client_kwargs: {{verify: "${{WHERE}}"}}}}
---
kind: outhaul-signing-key
name: {name}
fields:
  private_key: {{from_file: key.pem}}
  certificate: {{from_file: me.pem}}
"""


def test_blocks_from_a_file(
    outhaul: Run, platform: Platform, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made, found unchanged, and changed, and a dry run only says so; variables and files are put in, and
    what they hold is printed nowhere.
    """
    monkeypatch.setenv("THE_KEY", DEMO_API_KEY)
    monkeypatch.setenv("WHERE", "out")
    file = tmp_path / "blocks.yaml"
    file.write_text(described(name, platform, tmp_path))
    slugs = [f"idah/{name}", f"outhaul-target/{name}", f"outhaul-signing-key/{name}"]

    def create(*more: str) -> list[str]:
        status, output, errors = outhaul("blocks", "create", str(file), "--json", *more)
        assert (status, errors) == (0, "")
        assert DEMO_API_KEY not in output
        document = json.loads(output)
        assert [one["block"] for one in document["blocks"]] == slugs
        return [one["outcome"] for one in document["blocks"]]

    assert create("--dry-run") == create() == ["created"] * 3
    assert create("--dry-run") == create() == ["unchanged"] * 3
    file.write_text(file.read_text().replace("connections: 3", "connections: 4"))
    monkeypatch.setenv("WHERE", "elsewhere")
    assert create("--dry-run") == create() == ["changed", "changed", "unchanged"]

    source, target = IdahSource.load(name, _sync=True), Target.load(name, _sync=True)  # type: ignore[call-arg]
    assert (source.connections, source.api_key.get_secret_value()) == (4, DEMO_API_KEY)
    assert target.url == f"{tmp_path}/${{x}}/elsewhere"
    assert target.options.get_secret_value() == {"client_kwargs": {"verify": "elsewhere"}}
    status, output, _ = outhaul("blocks", "check", *slugs)
    assert status == 0
    assert output.splitlines()[0] == f'idah/{name}: 1 dataset can be read: “Crossing, "north" d\'été”.'
    assert output.splitlines()[1] == f"outhaul-target/{name}: {tmp_path}/${{x}}/elsewhere can be written to."
    assert output.splitlines()[2].startswith(f"outhaul-signing-key/{name}: Signs as CN=me")
    _, listed, _ = outhaul("blocks", "list")
    assert set(slugs) <= set(listed.splitlines())
    assert DEMO_API_KEY not in prefect_database()


ELSEWHERE = "has the path “out”, which lies elsewhere for each run; give a whole one, such as /data/exports."
WRONG = """
- {kind: idahh, name: a}
- {kind: idah, name: Not A Name, fields: {url: https://x}}
- {kind: idah, name: b, fields: {urll: x, api_key: "${NOT_SET}", ca_bundle: {from_file: nowhere.pem}}}
- {kind: idah, name: c, fields: {url: https://x, connections: many}, notes: x}
- {kind: idah, name: d}
- {kind: outhaul-target, name: e, fields: [url]}
- {kind: outhaul-workspace, name: f}
- {kind: outhaul-workspace, name: f}
- {kind: outhaul-target, name: g, fields: {url: out}}
- just a text
"""


def test_all_that_is_wrong_is_said_at_once(outhaul: Run, tmp_path: Path) -> None:
    """A file with twelve mistakes is refused with twelve lines, and nothing of it is saved."""
    file = tmp_path / "blocks.yaml"
    file.write_text(WRONG)
    status, _, errors = outhaul("blocks", "create", str(file))
    assert status == 2
    assert [line.removeprefix(f"outhaul: {file}: ") for line in errors.splitlines()] == [
        "There is no kind of block 'idahh'; did you mean 'idah'?",
        "idah/Not A Name is no name of a block; use lower-case letters, digits and dashes.",
        "There is no field 'urll' in idah/b; did you mean 'url'?",
        "api_key of idah/b is taken from the variable NOT_SET, which is not set; set it.",
        "ca_bundle of idah/b is taken from the file nowhere.pem, which cannot be read; check it.",
        "There is no part 'notes' in idah/c; there is: fields, kind, name.",
        "idah/c does not take connections='many': input should be a valid integer; correct it.",
        "idah/d does not take url: field required; correct it.",
        "the fields of outhaul-target/e are none; write name: value.",
        "outhaul-workspace/f is described twice; describe it once.",
        f"outhaul-target/g {ELSEWHERE}",
        "block 10 is no block; give it a kind, a name and fields.",
    ]
    _, output, _ = outhaul("blocks", "list")
    assert "outhaul-workspace/f" not in output.splitlines()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a: [", "is no YAML that can be read, line 1; check it"), ("", "it describes no block"), (None, "No such file")],
)
def test_files_that_are_none(outhaul: Run, tmp_path: Path, text: str | None, sentence: str) -> None:
    """A file that is missing, empty or no YAML is named."""
    file = tmp_path / "blocks.yaml"
    if text is not None:
        file.write_text(text)
    status, _, errors = outhaul("blocks", "create", str(file))
    assert (status, len(errors.splitlines())) == (2, 1)
    assert str(file) in errors
    assert sentence.lower() in errors.lower()


def test_a_secret_in_the_file(outhaul: Run, name: str, tmp_path: Path) -> None:
    """It is taken, with a word of advice that does not repeat it; a wrong value of a secret is not repeated either."""
    file = tmp_path / "blocks.yaml"
    file.write_text(f"{{kind: idah, name: {name}, fields: {{url: https://x, api_key: {CANARY}}}}}")
    status, output, errors = outhaul("blocks", "create", str(file))
    assert (status, output) == (0, f"idah/{name}: created\n")
    assert f"api_key of idah/{name} is a secret that stands in the file; take it from the environment" in errors
    file.write_text(f"{{kind: idah, name: {name}, fields: {{url: https://x, api_key: [{CANARY}]}}}}")
    status, output, refused = outhaul("blocks", "create", str(file))
    assert status == 2
    assert CANARY not in output + errors + refused


def test_blocks_that_do_not_work(outhaul: Run, platform: Platform, name: str, tmp_path: Path) -> None:
    """All of them are tried, also after one that fails; the status is that of a failure."""
    IdahSource(url=platform.source.url, api_key="IDAH_wrong").save(name)  # type: ignore[arg-type]
    Target(url="/dev/null/x").save(f"{name}-broken")
    Target(url=str(tmp_path)).save(f"{name}-sound")
    save_document("local-file-system", name, {"basepath": str(tmp_path)})
    names = [f"idah/{name}", f"{name}-broken", f"{name}-sound", f"local-file-system/{name}"]
    status, output, _ = outhaul("blocks", "check", *names, "--json")
    blocks = json.loads(output)["blocks"]
    assert status == 1
    assert [one["works"] for one in blocks] == [False, False, True, True]
    assert "refused the credentials" in blocks[0]["said"]
    assert blocks[1]["block"] == f"outhaul-target/{name}-broken"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nobody", "There is no saved block 'nobody'; see `outhaul blocks list`."),
        ("idah/nobody", "There is no saved block idah 'nobody' in the Prefect API;"),
        ("idahh/x", "There is no kind of block 'idahh'; did you mean 'idah'?"),
        ("NAME", "2 saved blocks are called 'NAME'; say which: idah/NAME, outhaul-target/NAME."),
    ],
)
def test_blocks_that_are_not_found(outhaul: Run, name: str, given: str, sentence: str) -> None:
    """A name of nobody, or of several, is a wrong request, and says what there is."""
    IdahSource(url="https://idah.example.org").save(name)
    Target(url="/x").save(name)
    status, _, errors = outhaul("blocks", "check", given.replace("NAME", name))
    assert status == 2
    assert sentence.replace("NAME", name) in errors


def test_a_prefect_api_that_is_down(outhaul: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure in one line that names the API."""
    with speaking_to("http://127.0.0.1:9/api"):
        for command in (("list",), ("register",), ("check", "idah/x")):
            status, _, errors = outhaul("blocks", *command)
            assert status == 1
            assert "The Prefect API at http://127.0.0.1:9/api/ cannot be reached" in errors
            assert len(errors.splitlines()) == 1
