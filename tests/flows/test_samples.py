"""What earlier versions left behind is read by this one, and goes on; what a newer one left is refused in a sentence.

Each folder of `tests/samples/` was written by the version that it is named by: see `tests.samples.making`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from blocks.catalog import BLOCKS
from blocks.folder import FolderSource
from blocks.idah import IdahSource
from blocks.sandbox.idah import MEDIA_FILES, MEDIA_INFO
from blocks.saved import load_saved
from blocks.storage import Storage
from blocks.webhook_signature import check_signature
from blocks.workspace import Workspace
from exporters import RequestError
from exporters.version import version_of
from flows.collect import collect
from flows.diff import open_export
from flows.verify import verify
from flows.verify_signatures import Demand
from tests.fakes.documents import save_document
from tests.flows.harness import Run, command_line
from tests.samples.making import API, DATASETS, ENTRIES, FOLDER, SIGNED, Town, town, unpack

SAMPLES = sorted(path for path in FOLDER.iterdir() if path.is_dir() and (path / "blocks.json").exists())
THIS = version_of("outhaul")


@pytest.fixture(params=SAMPLES, ids=lambda path: path.name)
def sample(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def left(sample: Path, tmp_path: Path) -> Path:
    """Workspace and target of a sample, as its version left them."""
    unpack(sample, tmp_path)
    return tmp_path


@pytest.fixture
def here(left: Path, prefect_api: None) -> Iterator[Town]:
    with town(left) as found:
        yield found


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    with command_line(monkeypatch, capsys) as run:
        yield run


def exports(left: Path, name: str) -> list[Path]:
    """The exports of a name, the older first."""
    found = [path.parent for path in (left / "target" / name).glob("*/receipt.json")]
    return sorted(found, key=lambda path: json.loads((path / "receipt.json").read_bytes())["finished_at"])


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def medias_asked_for(here: Town) -> list[str]:
    """Files that were fetched, or descriptions of them."""
    return [path for path in here.sandbox.requests if path.startswith((MEDIA_FILES, MEDIA_INFO))]


def rewrite(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}, indent=2) + "\n")


# What earlier versions left


def test_there_is_a_sample_of_this_version() -> None:
    """Whoever raises the version keeps a sample of what it writes: `python -m tests.samples`."""
    assert THIS in [path.name for path in SAMPLES]
    size = sum(path.stat().st_size for sample in SAMPLES for path in sample.iterdir())
    assert size < 300_000 * len(SAMPLES)


def test_every_export_is_verified(sample: Path, left: Path) -> None:
    """Folder, zip, tar and signed package, each against its manifest; the signature against its root."""
    for name in DATASETS:
        for folder in exports(left, name):
            assert verify(Storage(str(folder))).problems == ()
    (signed,) = exports(left, SIGNED)
    verdict = verify(Storage(str(signed)), Demand(sample / "root.pem", is_required=True))
    assert (verdict.problems, len(verdict.signed)) == ((), 1)


def test_two_exports_are_told_apart(left: Path, called: Run) -> None:
    """`outhaul diff` says which entry has changed between them."""
    before, after = exports(left, "street")
    status, output, _ = called("diff", str(before), str(after), "--json")
    assert status == 0
    document = json.loads(output)
    assert [document[kind] for kind in ("added", "changed", "removed", "unchanged")] == [0, 1, 0, ENTRIES - 1]


def test_the_next_export_goes_on_from_that_workspace(here: Town, sample: Path) -> None:
    """Of an unchanged platform no file is fetched again and nothing is delivered twice, nor is a record read again
    by the version that read it; of one entry that changed, that one is read, and told apart from the older export.
    """
    (latest,) = exports(here.folder, "street")[-1:]
    again = here.run("street")
    assert (again.downloaded_files, medias_asked_for(here)) == (0, [])
    assert again.plan.fresh == (0 if sample.name == THIS else ENTRIES)
    if sample.name == THIS:
        assert (again.delivery.was_there, again.delivery.export_id) == (True, latest.name)

    here.change(1)
    changed = here.run("street")
    assert (changed.downloaded_files, changed.plan.fresh) == (0, 1)
    assert changed.delivery.changes is not None
    assert (changed.delivery.changes.changed, changed.delivery.changes.unchanged) == (1, ENTRIES - 1)
    assert verify(Storage(changed.delivery.url)).problems == ()


def test_the_next_delta_follows_the_last_one(here: Town, sample: Path) -> None:
    """It brings the entry that has changed since, and nothing else."""
    (latest,) = exports(here.folder, "changes")
    here.change(2)
    summary = here.run("changes")
    assert (summary.plan.since, summary.tally.went_out["entries"]) == (latest.name, 1)
    assert summary.downloaded_files == 0


def test_an_api_is_sent_nothing_twice(here: Town, sample: Path) -> None:
    """What an earlier version has sent and was accepted is known to this one."""
    summary = here.run(API)
    assert summary.delivery.records is not None
    assert summary.delivery.records.accepted == ENTRIES
    assert [one for one in here.receiver.taken if one.method == "PUT"] == []


def test_records_are_read_as_a_source(left: Path) -> None:
    """A `jsonl` export of an earlier version is a dataset, with all its entries and annotations."""
    (folder,) = exports(left, "records")
    source = FolderSource(url=str(folder))
    (dataset,) = source.choose((), {})
    listing = list(source.list_entries(dataset, {}))
    counts = json.loads((folder / "manifest.json").read_bytes())["counts"]
    found = list(source.read(dataset, listing, "none"))
    assert len(found) == counts["entries"]["out"]
    assert sum(len(entry.annotations) for entry in found) == counts["annotations"]["out"]


def test_saved_blocks_have_what_was_filled_in(sample: Path) -> None:
    """Every kind of block takes the fields that an earlier version saved, and has each as it was."""
    saved = json.loads((sample / "blocks.json").read_bytes())
    by_kind = {block.get_block_type_slug(): block for block in BLOCKS}
    assert saved.keys() <= by_kind.keys()
    for kind, fields in saved.items():
        block = by_kind[kind].model_validate(fields)
        dumped = block.model_dump(mode="json", context={"include_secrets": True})
        assert {name: dumped[name] for name in fields} == fields
        assert not block.model_extra


def test_a_signed_message_is_taken(sample: Path) -> None:
    """A webhook that an earlier version signed is one to this version."""
    kept = json.loads((sample / "webhook.json").read_bytes())
    secret, body = bytes.fromhex(kept["secret"]), kept["body"].encode()
    assert check_signature([secret], kept["headers"], body, kept["time"]) == kept["headers"]["webhook-id"]


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This version, under the name of the next."""
    found = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0.0" if name == "outhaul" else found(name))
    version_of.cache_clear()
    yield
    monkeypatch.undo()
    version_of.cache_clear()


def test_after_an_upgrade_records_are_read_again_and_no_file(here: Town, upgraded: None) -> None:
    """A new version does not take over what another made of records; the bytes of files are the same to all."""
    summary = here.run("street")
    assert (summary.plan.fresh, summary.downloaded_files, medias_asked_for(here)) == (ENTRIES, 0, [])
    assert summary.delivery.export_id == exports(here.folder, "street")[-1].name
    assert summary.delivery.was_there


# What a newer version left


def test_a_newer_workspace_is_left_alone(here: Town) -> None:
    """An export, a clean-up and a check say what to do, and leave nothing there but what Prefect was told."""
    workspace = here.folder / "workspace"
    rewrite(workspace / "workspace.json", layout=2)
    before = files(workspace)
    said = (
        r"workspace\.json has the layout 2, of a newer Outhaul, .* 1 are .*; use a newer Outhaul, or give another --w"
    )
    with pytest.raises(RequestError, match=said):
        here.run("street")
    with pytest.raises(RequestError, match=said):
        collect(Workspace(url=str(workspace)).open(), 1)
    with pytest.raises(RequestError, match=said):
        Workspace(url=str(workspace)).check()
    assert {name: data for name, data in files(workspace).items() if name in before or "results" not in name} == before


@pytest.mark.parametrize("document", ["manifest.json", "receipt.json"])
def test_a_newer_export_is_not_half_understood(left: Path, called: Run, document: str) -> None:
    """`verify` refuses, and so does `diff`, whatever else the documents hold; in one sentence."""
    before, after = exports(left, "street")
    rewrite(after / document, schema=99, package="of another form")
    asked = [("verify", str(after))]
    if document == "manifest.json":
        asked += [("diff", str(before), str(after)), ("diff", str(after), str(before))]
    for arguments in asked:
        status, output, errors = called(*arguments)
        assert (status, output) == (2, "")
        assert f"{document} has the schema 99, of a newer Outhaul, and those up to 1 are understood here" in errors
        assert len(errors.strip().splitlines()) == 1


def test_an_export_beside_newer_ones_is_made(here: Town) -> None:
    """It does not say what has changed, and a newer version's exports stay, also those that are too many."""
    others = exports(here.folder, "street")
    for folder in others:
        rewrite(folder / "manifest.json", schema=99)
    before = {folder: files(folder) for folder in others}
    here.change(1)
    summary = here.run("street", keep=1)
    assert summary.delivery.changes is None
    assert verify(Storage(summary.delivery.url)).problems == ()
    assert {folder: files(folder) for folder in others} == before


def test_no_delta_follows_a_newer_export(here: Town) -> None:
    """What has changed since cannot be known; the sentence says what to do."""
    (latest,) = exports(here.folder, "changes")
    rewrite(latest / "manifest.json", schema=99)
    with pytest.raises(RequestError, match=f"{latest.name} does not say what it is of.*give the deltas another --name"):
        here.run("changes")


def test_newer_records_are_no_source(left: Path) -> None:
    """Fields of a later version would be lost without a word."""
    (folder,) = exports(left, "records")
    rewrite(folder / "manifest.json", exporter={"name": "jsonl", "version": 99})
    with pytest.raises(RequestError, match="has a jsonl export of version 99, of a newer Outhaul"):
        FolderSource(url=str(folder)).catalog()


def test_class_numbers_of_a_newer_manifest_are_refused(left: Path, called: Run) -> None:
    """They may mean another thing there."""
    folder = exports(left, "street")[0]
    rewrite(folder / "manifest.json", schema=99)
    records = exports(left, "records")[0]
    asked = ("export", f"folder:{records}", "--as", "coco", "--to", str(left / "out"), "--dry-run")
    status, _, errors = called(*asked, "--option", f"class_map=@{folder / 'manifest.json'}")
    assert status == 2
    assert "the manifest has the schema 99, and only 1 is understood here" in errors


def test_a_block_of_a_newer_version_is_refused(prefect_api: None, called: Run) -> None:
    """A field that is not known here might be what keeps a run from going where it must not; it is named."""
    IdahSource.register_type_and_schema()
    name = f"b-{os.urandom(4).hex()}"
    save_document("idah", name, {"url": "https://idah.example.org", "api_key": "k", "only_hosts": ["a"], "x": 1})
    said = f"The block idah/{name} has the fields only_hosts and x, which this Outhaul does not know; use the newer one"
    with pytest.raises(RequestError, match=said):
        load_saved(IdahSource, name)
    status, output, errors = called("export", f"idah/{name}", "--as", "coco", "--to", "out", "--dry-run")
    assert (status, output) == (2, "")
    assert said in errors


def test_a_newer_block_of_a_deployment_is_refused(here: Town) -> None:
    """Also where Prefect loads the blocks itself, as it does for the parameters of deployments."""
    here.source = IdahSource.model_validate({**here.source.model_dump(), "only_hosts": ["a"]})
    with pytest.raises(RequestError, match="The block idah has the field only_hosts, which this Outhaul does not know"):
        here.run("street")


def test_a_damaged_sign_of_a_workspace_is_said_so(left: Path) -> None:
    """No traceback where `workspace.json` is not what was written."""
    (left / "workspace" / "workspace.json").write_text("{}")
    with pytest.raises(Exception, match=r"workspace\.json is damaged; remove the workspace and run again"):
        Workspace(url=str(left / "workspace")).open().identity()
    shutil.rmtree(left / "workspace")
    assert Workspace(url=str(left / "workspace")).open().identity()


def test_an_export_without_a_word_of_its_schema_is_read(left: Path) -> None:
    """A document that says nothing of its version is of the first."""
    folder = exports(left, "street")[1]
    export_id, lines = open_export(Storage(str(folder)))
    document = json.loads((folder / "manifest.json").read_bytes())
    del document["schema"]
    (folder / "manifest.json").write_text(json.dumps(document))
    assert open_export(Storage(str(folder)))[0] == export_id
    assert len(list(lines)) == ENTRIES
