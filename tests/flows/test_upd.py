"""UPD through the real flow: what is delivered, what comes back of it, who signed it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prefect.client.orchestration import get_client
from pydantic import SecretStr

from blocks.folder import FolderSource
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.signing import SigningKey
from blocks.upd import UpdSource
from exporters import FatalError, RequestError, read_options, registry
from exporters.formats.jsonl import JsonlExporter
from exporters.model import Box
from exporters.upd.verifying import check_signatures
from flows.contextual_secrets import check_signing
from flows.delivered import Summary
from tests.conformance.exporters import run_export
from tests.exporters.upd.certificates import Holder, authority, holder
from tests.exporters.upd.reading import rows, tables
from tests.fakes.datasets import annotation, dataset, entry
from tests.flows.harness import Exports, Platform

ROOT = Path(__file__).parent.parent.parent
BOX = Box(1.0, 2.0, 3.0, 4.0)
LABELS = {"exporter": "upd", "name": "street", "package": "directory"}


def file_of(summary: Summary) -> Path:
    return Path(summary.delivery.url) / "street.upd"


def delivered(exports: Exports, to: str) -> dict[str, bytes]:
    """What was delivered, without the papers and the folder that is named by them."""
    files = exports.delivered(to)
    papers = ("manifest.json", "contents.jsonl", "report.html")
    return {name.split("/", 2)[2]: data for name, data in files.items() if not name.endswith(papers)}


@pytest.fixture(scope="module")
def root() -> Holder:
    return authority("root")


# -- what is delivered ------------------------------------------------------------------------------------------------


def test_plain_duckdb_answers(exports: Exports, platform: Platform) -> None:
    """The five tables hold what the platform has, and answer questions across them."""
    summary = exports.run(platform.source, **LABELS)
    store = platform.sandbox.store
    (only,) = store.datasets
    entries = list(store.entries_of(only.id))
    assert summary.tally.left_out == ()
    assert summary.tally.went_out == {"entries": 24, "annotations": summary.tally.came_in["annotations"], "medias": 24}
    with duckdb.connect(str(file_of(summary)), read_only=True) as connection:
        assert rows(connection, "SELECT value FROM metadata WHERE key = 'Schema-Version'") == [{"value": '"1.1"'}]
        (found,) = rows(connection, "SELECT id, name, modality FROM datasets")
        assert found == {"id": only.id, "name": 'Crossing, "north" d\'été', "modality": "idah-image"}
        by_status = rows(
            connection,
            "SELECT metadata->>'Status' AS status, count(*) AS n FROM entries GROUP BY 1 ORDER BY 1",
        )
        statuses = [one.status for one in entries]
        assert {one["status"]: one["n"] for one in by_status} == {name: statuses.count(name) for name in set(statuses)}
        cars = rows(
            connection,
            "SELECT count(*) AS n FROM annotations a JOIN entries e ON e.id = a.entry_id "
            "JOIN medias m ON e.media_url = 'local:' || m.id "
            "WHERE a.category = 'vehicles/car' AND m.blob_data IS NOT NULL",
        )
        assert cars == [{"n": summary.tally.by_category["vehicles/car"]}]
        assert rows(connection, "SELECT id FROM entries ORDER BY rowid") == [{"id": one.id} for one in entries]


def test_the_pictures_are_inside(exports: Exports, platform: Platform) -> None:
    """Byte for byte those that another format delivers as files."""
    summary = exports.run(platform.source, **LABELS)
    exports.run(platform.source, "coco", package="directory", options={"empty_entries": "all"})
    pictures = {data for name, data in exports.delivered("coco").items() if "/images/" in name}
    assert {row["blob_data"] for row in tables(file_of(summary))["medias"]} >= pictures
    assert len(pictures) > 20


def test_media_is_taken_along_as_asked(exports: Exports, platform: Platform) -> None:
    """None: the platform's addresses stand for it; all: derived files are inside too."""
    none = tables(file_of(exports.run(platform.source, "none", media="none", **LABELS)))
    assert {row["blob_data"] for row in none["medias"]} == {None}
    resources = [json.loads(row["metadata"])["Resource"] for row in none["entries"]]
    expected = [f"{platform.source.url}/api/v1/media/medias/files/{resource}" for resource in resources]
    assert [row["media_url"] for row in none["entries"]] == expected
    every = tables(file_of(exports.run(platform.source, "all", media="all", **LABELS)))
    assert len([row for row in every["medias"] if row["blob_data"]]) == 72


def test_the_same_export_has_the_same_bytes(exports: Exports, platform: Platform) -> None:
    """From another workspace, in other shards, the manifest included."""
    exports.run(platform.source, "first", "workspace-1", **LABELS)
    exports.run(platform.source, "second", "workspace-2", shard_entries=7, **LABELS)
    assert exports.delivered("first") == exports.delivered("second")


def test_a_workspace_in_a_store_gives_the_same(exports: Exports, platform: Platform, s3: str) -> None:
    """Files that lie on no disk go in alike."""
    exports.run(platform.source, "local", **LABELS)
    exports.run(platform.source, "store", s3, **LABELS)
    assert exports.delivered("store") == exports.delivered("local")


def test_a_missing_media_follows_the_runs_policy(exports: Exports, platform: Platform) -> None:
    """Its entry is left out and counted, and is not in the file."""
    store = platform.sandbox.store
    entry = next(iter(store.entries_of(store.datasets[0].id)))
    store.delete_media(entry.resource)
    with pytest.raises(FatalError, match=entry.id):
        exports.run(platform.source, **LABELS)
    summary = exports.run(platform.source, on_error="skip", **LABELS)
    (fault,) = (one for one in summary.tally.left_out if one.is_fault and one.kind == "entries")
    assert fault.examples == (entry.id,)
    assert entry.id not in {row["id"] for row in tables(file_of(summary))["entries"]}
    assert len(tables(file_of(summary))["entries"]) == 23


def test_several_datasets_are_one_file(exports: Exports) -> None:
    """Two that give the same ids to entries and annotations lie in one file, and come apart again."""
    datasets = [dataset(id_, modality="image") for id_ in ("d1", "d2")]
    entries = {one.id: [entry("1", annotation("1", BOX), dataset_id=one.id, name=one.id)] for one in datasets}
    run_export(JsonlExporter(), datasets, entries, media="none").write(exports.folder / "jsonl")
    upd = file_of(exports.run(FolderSource(url=str(exports.folder / "jsonl")), media="none", **LABELS))
    assert [len(tables(upd)[table]) for table in ("datasets", "entries", "annotations", "medias")] == [2, 2, 2, 1]
    source = UpdSource(url=str(upd))
    exports.run(source, "again", exporter="json", media="none", name="n", package="directory")
    (made,) = [json.loads(data) for data in delivered(exports, "again").values()]
    found = [(one["dataset"]["id"], [each["entry"]["entry"] for each in one["entries"]]) for one in made["datasets"]]
    assert found == [("d1", ["1"]), ("d2", ["1"])]


# -- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exporter", ["coco", "json"])
@pytest.mark.parametrize("media", ["original", "none"])
def test_the_platform_comes_back_as_it_was(exports: Exports, platform: Platform, exporter: str, media: str) -> None:
    """IDAH → UPD → another format is IDAH → that format, file for file, byte for byte."""
    upd = file_of(exports.run(platform.source, media=media, **LABELS))
    asked: dict[str, Any] = {"exporter": exporter, "media": media, "name": "n", "package": "directory"}
    exports.run(platform.source, "direct", **asked)
    exports.run(UpdSource(url=str(upd), follow_links=False), "again", **asked)
    assert delivered(exports, "again") == delivered(exports, "direct")
    assert len(delivered(exports, "direct")) >= 1


@pytest.mark.parametrize("exporter", ["coco", "csv", "cvat"])
def test_a_folder_comes_back_as_it_was(exports: Exports, platform: Platform, exporter: str) -> None:
    """Another source → UPD → a format is that source → that format."""
    exports.run(platform.source, "folder", exporter="datumaro", name="n", package="directory")
    (top,) = (exports.folder / "folder" / "n").glob("*/")
    source = FolderSource(url=str(top))
    upd = file_of(exports.run(source, **LABELS))
    asked: dict[str, Any] = {"exporter": exporter, "name": "n", "package": "directory"}
    exports.run(source, "direct", **asked)
    exports.run(UpdSource(url=str(upd)), "again", **asked)
    assert delivered(exports, "again") == delivered(exports, "direct")


# -- signing ----------------------------------------------------------------------------------------------------------


def test_an_export_is_signed_with_files(
    exports: Exports, platform: Platform, root: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named by paths from where the run was started; the manifest shows no path."""
    holder("me", root).write(exports.folder)
    monkeypatch.chdir(exports.folder)
    options = {"signing_key": "key.pem", "certificate": "certificate.pem"}
    summary = exports.run(platform.source, options=options, **LABELS)
    (found,) = check_signatures(file_of(summary), [root.certificate])
    assert (found.signers, found.problems) == (("CN=me",), ())
    assert exports.manifest(summary)["exporter"]["options"] == {
        "signing_key": "**********",
        "signature_hash": "SHA256",
        "signed_at": "",
        "authored_by": "",
    }


def test_a_signed_export_is_remembered_until_its_certificate_changes(
    exports: Exports, platform: Platform, root: Holder
) -> None:
    """The same key signs nothing anew; another one under the same name does."""
    options = holder("me", root).write(exports.folder)
    first, second = (exports.run(platform.source, options=options, **LABELS) for _ in range(2))
    assert (second.delivery.was_there, second.delivery.export_id) == (True, first.delivery.export_id)
    holder("other", root).write(exports.folder)
    third = exports.run(platform.source, options=options, **LABELS)
    assert third.delivery.export_id != first.delivery.export_id
    assert check_signatures(file_of(third))[0].signers == ("CN=other",)


def test_a_key_that_cannot_be_read_is_named(exports: Exports, platform: Platform, root: Holder) -> None:
    """The run fails in a sentence, before anything is fetched."""
    options = holder("me", root).write(exports.folder)
    (exports.folder / "key.pem").unlink()
    with pytest.raises(FatalError, match=r"The signing key .*key.pem cannot be read \(No such file"):
        exports.run(platform.source, options=options, **LABELS)
    assert platform.sandbox.requests["dataset/entries"] == 0


def test_an_export_is_signed_with_a_saved_block(exports: Exports, platform: Platform, root: Holder) -> None:
    """Whose key is locked; parameters of the run name the block, and nothing more."""
    me = holder("me", root)
    SigningKey(
        private_key=SecretStr(me.key_pem(b"open sesame").decode()),
        certificate=me.pem.decode(),
        passphrase=SecretStr("open sesame"),
    ).save("release", overwrite=True, _sync=True)  # type: ignore[call-arg]
    options = {"signing_key": "block:release"}
    summary = exports.run(platform.source, options=options, **LABELS)
    assert check_signatures(file_of(summary), [root.certificate])[0].problems == ()
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
    assert options in [run.parameters["options"] for run in runs if run.parameters.get("exporter") == "upd"]


def test_a_block_that_is_not_there_is_named(exports: Exports, platform: Platform) -> None:
    """In a sentence; it can be found out before anything is fetched."""
    options = {"signing_key": "block:nobody"}
    said = "There is no saved block outhaul-signing-key/nobody"
    with pytest.raises(FatalError, match=said):
        exports.run(platform.source, options=options, **LABELS)
    with pytest.raises(RequestError, match=said):
        check_signing(read_options(registry.get("upd"), options))


# -- the block --------------------------------------------------------------------------------------------------------


def test_a_key_is_checked_by_its_block(root: Holder) -> None:
    """It says who signs and until when; a form that takes line breaks out does no harm."""
    me = holder("me", root)
    for change in (lambda text: text, lambda text: text.replace("\n", ""), lambda text: text.replace("\n", " ")):
        block = SigningKey(private_key=SecretStr(change(me.key_pem().decode())), certificate=change(me.pem.decode()))
        assert block.check() == "Signs as CN=me, until 2036-01-01T00:00:00Z."


def test_a_key_of_another_certificate_is_refused_by_its_block(root: Holder) -> None:
    """In a sentence that shows nothing of it."""
    me, other = holder("me", root), holder("other", root)
    block = SigningKey(private_key=SecretStr(me.key_pem().decode()), certificate=other.pem.decode())
    with pytest.raises(RequestError, match="belongs to another key"):
        block.check()
    assert me.key_pem().decode().splitlines()[1] not in repr(block)


def test_the_readme_signs_and_verifies(platform: Platform, tmp_path: Path, root: Holder) -> None:
    """The commands of its section on UPD, as they are written."""
    section = (ROOT / "README.md").read_text().partition("## One portable file")[2].partition("\n## ")[0]
    (script,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert "http://127.0.0.1:8718" in script
    (tmp_path / "root.pem").write_bytes(root.pem)
    holder("me", root).write(tmp_path)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "OUTHAUL_API_KEY": DEMO_API_KEY,
        "OUTHAUL_WORKSPACE": str(tmp_path / "work"),
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    command = ["bash", "-ec", script.replace("http://127.0.0.1:8718", platform.source.url)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "is signed by “CN=me”" in done.stdout
    (question,) = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    (made,) = (tmp_path / "out" / "signed").glob("*/signed.zip")
    with zipfile.ZipFile(made) as archive:
        archive.extract("signed.upd", tmp_path)
    with duckdb.connect(str(tmp_path / "signed.upd"), read_only=True) as connection:
        assert dict(connection.execute(question).fetchall())["person"] > 0
