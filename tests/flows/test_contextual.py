"""Contextual exporters through the real flow: what they write is delivered, and what they do hurts nobody else."""

from __future__ import annotations

import json
import logging
import time
import zipfile
from pathlib import Path

import pytest

from blocks.folder import FolderSource
from exporters import FatalError, RequestError
from exporters.examples.single_file import SingleFile
from exporters.testing import platform_data, run
from flows.delivered import Summary
from tests.flows.contextual_jobs import Plugs
from tests.flows.harness import Exports, Platform

pytestmark = pytest.mark.timeout(180)

READS_ALL = """
for dataset in context.datasets:
    for entry in dataset.entries():
        entry.annotations()
        entry.medias()
"""


def product(summary: Summary) -> dict[str, bytes]:
    """What the package has, delivered as a directory."""
    folder = Path(summary.delivery.url)
    ours = ("manifest.json", "receipt.json", "contents.jsonl", "report.html")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ours
    }


def leftovers(exports: Exports) -> list[Path]:
    """Files of exporters that are still lying about in the workspace."""
    return list((exports.folder / "workspace" / "incoming").glob("*"))


# -- products ---------------------------------------------------------------------------------------------------------


def test_one_file_is_the_package(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """It is named like the export, with the extension asked for, and the numbers of the export add up."""
    plug("""
        file = context.io.file(format="json")
        found = []
        for dataset in context.datasets:
            for entry in dataset.entries({"status": "completed"}):
                found.append({"entry": entry.record, "annotations": [one.record for one in entry.annotations()]})
        json.dump(found, file)
        context.io.cleanup()
    """)
    summary = exports.run(platform.source, exporter="mine", package="directory", name="street")
    files = product(summary)
    assert list(files) == ["street.json"]
    store = platform.sandbox.store
    completed = [one for one in store.entries_of(store.datasets[0].id) if one.status == "completed"]
    documents = json.loads(files["street.json"])
    assert [document["entry"]["id"] for document in documents] == [entry.id for entry in completed]
    assert {document["entry"]["status"] for document in documents} == {"completed"}
    manifest = exports.manifest(summary)
    assert manifest["counts"]["entries"] == {"in": 24, "out": len(completed), "left_out": 24 - len(completed)}
    assert manifest["counts"]["annotations"]["out"] == sum(len(document["annotations"]) for document in documents)
    assert (manifest["exporter"]["name"], manifest["exporter"]["options"]) == ("mine", {})
    assert leftovers(exports) == []


def test_a_directory_is_the_package(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """With its folders, hidden files and medias; a zip that the exporter made makes no difference."""
    plug("""
        directory = context.io.directory
        (directory / "sub").mkdir()
        (directory / "sub" / ".hidden").write_text("h")
        for dataset in context.datasets:
            for entry in dataset.entries():
                entry.annotations()
                for media in entry.medias({"key": ""}):
                    assert media.path.read_bytes() == media.download() == media.open().read()
                    (directory / "sub" / media.safe_name).write_bytes(media.download())
        (directory / context.io.zip_directory().name).write_text("its name")
    """)
    summary = exports.run(platform.source, exporter="mine", package="zip", name="street")
    with zipfile.ZipFile(summary.delivery.link) as opened:
        packed = {info.filename: opened.read(info) for info in opened.infolist()}
    assert packed["sub/.hidden"] == b"h"
    assert sum(data.startswith(b"\xff\xd8") for data in packed.values()) == 24
    assert summary.tally.went_out["medias"] == 24
    assert summary.tally.left_out == ()
    assert leftovers(exports) == []


def test_nothing_written_is_delivered_too(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """An exporter that pushes elsewhere leaves a manifest with its numbers; only the second run finds it there."""
    plug(READS_ALL)
    summary, again = (exports.run(platform.source, exporter="mine", package="directory") for _ in range(2))
    assert product(summary) == {}
    assert summary.tally.went_out["entries"] == 24
    assert [one.delivery.moved_files for one in (summary, again)] == [0, 0]
    assert [one.delivery.was_there for one in (summary, again)] == [False, True]


def test_the_same_export_has_the_same_bytes(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """From another workspace, in other shards: delivered bytes, manifest included, are the same."""
    plug("""
        for dataset in context.datasets:
            for entry in dataset.entries():
                (context.io.directory / f"{entry.record.id}.json").write_text(json.dumps(entry.record))
    """)
    exports.run(platform.source, "first", "workspace-1", exporter="mine", package="zip")
    exports.run(platform.source, "second", "workspace-2", exporter="mine", package="zip", shard_entries=7)
    assert exports.delivered("first") == exports.delivered("second")


def test_a_workspace_in_a_store_gives_the_same(exports: Exports, platform: Platform, plug: Plugs, s3: str) -> None:
    """Medias have a local path there too, for as long as their entry is looked at."""
    plug("""
        for dataset in context.datasets:
            for entry in dataset.entries():
                for media in entry.medias():
                    (context.io.directory / media.safe_name).write_bytes(media.path.read_bytes())
    """)
    exports.run(platform.source, "local", exporter="mine")
    exports.run(platform.source, "store", s3, exporter="mine")
    assert exports.delivered("store") == exports.delivered("local")


def test_other_sources_are_read_too(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """From a folder in COCO, an exporter written for the platform finds the fields it knows."""
    coco = exports.run(platform.source, "coco", package="directory")
    plug("""
        file = context.io.file(format="jsonl")
        for dataset in context.datasets:
            for entry in dataset.entries(status="completed"):
                for one in entry.annotations(type="polygon"):
                    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in one.record.shape["points"])
                    file.write(json.dumps([entry.record.name, one.record.annotation["category"]]) + "\\n")
    """)
    summary = exports.run(FolderSource(url=coco.delivery.url), "again", exporter="mine", package="directory", name="x")
    assert len(product(summary)["x.jsonl"].splitlines()) > 10


def test_media_choices_are_the_runs(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """Without media its bytes are refused with what to ask for; with all of it, derived files are there too."""
    plug("""
        count = 0
        for dataset in context.datasets:
            for entry in dataset.entries():
                entry.annotations()
                count += len(entry.medias())
        context.io.file().write(str(count))
    """)
    none = exports.run(platform.source, "none", exporter="mine", media="none")
    assert {one.reason for one in none.tally.left_out} == {"media was not asked for"}
    every = exports.run(platform.source, "all", exporter="mine", media="all", package="directory", name="n")
    assert product(every) == {"n": b"72"}
    assert every.tally.went_out["medias"] == 72

    plug(
        "for one in context.datasets:\n    for entry in one.entries():\n        entry.medias()[0].download()",
        name="reads",
    )
    with pytest.raises(FatalError, match=r"no bytes of media .*: media was not asked for; export with --media"):
        exports.run(platform.source, "refused", exporter="reads", media="none")


def test_a_missing_media_follows_the_runs_policy(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """With `on_error=skip` its entry never reaches the exporter, and is counted as a fault."""
    plug(READS_ALL)
    store = platform.sandbox.store
    entry = next(iter(store.entries_of(store.datasets[0].id)))
    store.delete_media(entry.resource)
    summary = exports.run(platform.source, exporter="mine", on_error="skip")
    (fault,) = (one for one in summary.tally.left_out if one.is_fault and one.kind == "entries")
    assert fault.examples == (entry.id,)


def test_the_harness_reads_a_sandbox_platform(platform: Platform) -> None:
    """An exporter is tested against a platform over HTTP, its filters included, without a flow."""
    data = platform_data(platform.source, where={"status": ["completed"]})
    documents = run(SingleFile, data).json()
    store = platform.sandbox.store
    completed = [one.id for one in store.entries_of(store.datasets[0].id) if one.status == "completed"]
    assert [entry["id"] for entry in documents[0]["entries"]] == completed


# -- options, progress, log, attempts ---------------------------------------------------------------------------------

OPTIONS = """
from pydantic import BaseModel, Field, SecretStr
class Options(BaseModel):
    size: int = Field(default=1, ge=1)
    token: SecretStr = SecretStr("")
"""


def test_options_are_read_as_those_of_formats(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """Refused before anything is fetched; in the manifest, but for secrets and the time limit."""
    plug("context.io.file().write(f'{context.options.size} {context.options.token.get_secret_value()}')", head=OPTIONS)
    with pytest.raises(RequestError, match="did you mean 'size'"):
        exports.run(platform.source, exporter="mine", options={"sise": 1})
    assert platform.sandbox.requests["dataset/entries"] == 0
    options = {"size": "3", "token": "s3cret", "time_limit_seconds": "100"}
    summary = exports.run(platform.source, exporter="mine", options=options, package="directory", name="x")
    assert product(summary) == {"x": b"3 s3cret"}
    assert exports.manifest(summary)["exporter"]["options"] == {"size": 3, "token": "**********"}
    other = exports.run(platform.source, exporter="mine", options={**options, "token": "n3w"}, package="directory")
    assert b"n3w" in b"".join(product(other).values())  # a result remembered for another secret is not for this one


def test_progress_and_log_reach_the_run(
    exports: Exports, platform: Platform, plug: Plugs, caplog: pytest.LogCaptureFixture
) -> None:
    """What the exporter logs, prints, and how far it is; whole lines, at their level."""
    plug("import logging\nprint('printed %s :one:')\ncontext.log.warning('%d%% logged', 5)\n"
         "logging.getLogger('other').error('standard')\nos.system('echo from a child')\n" + READS_ALL)  # fmt: skip
    with caplog.at_level(logging.INFO):
        exports.run(platform.source, exporter="mine")
    said = {record.getMessage(): record.levelno for record in caplog.records}
    assert said["printed %s :one:"] == said["from a child"] == logging.INFO
    assert said["5% logged"] == logging.WARNING
    assert said["standard"] == logging.ERROR


def test_a_result_is_remembered_until_the_code_changes(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """The exporter runs once for the same content; an edited plug-in runs anew."""
    marks = exports.folder / "marks"
    count = f"with open({str(marks)!r}, 'a') as marks: marks.write('x')\n"
    plug(count + READS_ALL)
    first = exports.run(platform.source, exporter="mine")
    second = exports.run(platform.source, exporter="mine")
    assert (marks.read_text(), second.delivery.was_there) == ("x", True)
    assert first.delivery.export_id == second.delivery.export_id
    plug(count + READS_ALL + "\ncontext.io.file().write('changed')")
    assert exports.run(platform.source, exporter="mine").delivery.export_id != first.delivery.export_id
    assert marks.read_text() == "xx"


def test_rescheduling_counts_as_no_failure(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """The export runs again after the time it asks for, from an empty folder, and is delivered."""
    marks = exports.folder / "marks"
    plug(f"""
        marks = Path({str(marks)!r})
        assert not os.listdir(context.io.directory)
        (context.io.directory / "half").write_text("half")
        with marks.open("a") as file: file.write("x")
        if len(marks.read_text()) < 3:
            context.reschedule(after=0.3)
        (context.io.directory / "whole").write_text("whole")
    """)
    started = time.monotonic()
    summary = exports.run(platform.source, exporter="mine", package="directory")
    assert time.monotonic() - started > 0.6
    assert sorted(product(summary)) == ["half", "whole"]
    assert marks.read_text() == "xxx"


def test_a_passing_failure_is_tried_again(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """An exporter that says so with RetriableError gets the attempts of any other step."""
    marks = exports.folder / "marks"
    plug(f"""
        from exporters import RetriableError
        marks = Path({str(marks)!r})
        if not marks.exists():
            marks.touch()
            raise RetriableError("The far end is busy.", 0.1)
        context.io.file().write("there")
    """)
    assert product(exports.run(platform.source, exporter="mine", package="directory", name="x")) == {"x": b"there"}


# -- exporters that misbehave -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('API key required')", r"API key required \(export.py, line 9\); correct its code\.$"),
        ("context.error('no answer')", r"mine gave up: no answer; mend that and run again\.$"),
        ("os._exit(0)", r"mine ended its own process with status 0, without finishing"),
        ("os.symlink('/etc/passwd', context.io.directory / 'p')", r"wrote “p” as a link"),
        ("for name in 'aA': (context.io.directory / name).write_text('x')", r"differ in case"),
    ],
)  # fmt: skip
def test_a_failing_exporter_is_named_in_a_sentence(
    exports: Exports, platform: Platform, plug: Plugs, body: str, message: str
) -> None:
    """What it said itself, and where; nothing is delivered, and nothing is left behind."""
    plug(body)
    with pytest.raises(FatalError, match=message) as refusal:
        exports.run(platform.source, exporter="mine")
    assert "\n" not in str(refusal.value)
    assert exports.delivered() == {}
    assert leftovers(exports) == []


def test_the_whole_trace_is_in_the_log(
    exports: Exports, platform: Platform, plug: Plugs, caplog: pytest.LogCaptureFixture
) -> None:
    """For the plug-in's author; the message of the run has none of it."""
    plug("def inner(): raise ValueError('deep inside')\ninner()")
    with pytest.raises(FatalError, match="deep inside"):
        exports.run(platform.source, exporter="mine")
    (logged,) = (record.getMessage() for record in caplog.records if "Traceback" in record.getMessage())
    assert "in inner" in logged


def test_a_hanging_exporter_is_stopped(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """After the time limit that is an option of every exporter; nothing is left behind."""
    plug("Path('left behind').write_text('x')\ntime.sleep(600)")
    with pytest.raises(
        FatalError, match=r"still running after 2 seconds and was stopped; .*--option time_limit_seconds"
    ):
        exports.run(platform.source, exporter="mine", options={"time_limit_seconds": 2})
    assert exports.delivered() == {}
    assert leftovers(exports) == []


def test_a_media_of_the_store_is_not_harmed(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """An exporter that writes into a file it was shown fails, and the next run fetches that file again."""
    plug("""
        for dataset in context.datasets:
            for entry in dataset.entries():
                with entry.medias()[0].path.open("r+b") as file: file.write(b"spoilt")
    """)
    with pytest.raises(FatalError, match="A file of the workspace was written to, that of media"):
        exports.run(platform.source, exporter="mine")
    plug("""
        for dataset in context.datasets:
            for entry in dataset.entries():
                for media in entry.medias():
                    (context.io.directory / media.safe_name).write_bytes(media.download())
    """)
    files = product(exports.run(platform.source, exporter="mine", package="directory"))
    assert len(files) == 24
    assert all(data.startswith(b"\xff\xd8") for data in files.values())
