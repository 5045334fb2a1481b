"""The command line: one clear line for what is wrong, exit statuses to rely on, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY
from tests.fakes.plugins import write_plugin
from tests.flows.harness import Exports, Platform, Run, of_the_tests


def source(platform: Platform) -> str:
    return f"idah+{platform.source.url}"


WRONG: dict[str, tuple[list[str], str]] = {
    "unknown dataset": (["--dataset", "nope"], "There is no dataset 'nope' in IDAH at"),
    "unknown format": (["--as", "cocoo"], "There is no format 'cocoo'; did you mean 'coco'?"),
    "unknown option": (
        ["--option", "colour=1"],
        "There is no option 'colour' in the format coco; there is: anno",
    ),
    "wrong value": (["--option", "out_of_picture=1"], "coco does not take out_of_picture='1': input should be 'clip'"),
    "option without value": (["--option", "out_of_picture"], "is not of the form name=value"),
    "option of no file": (["--option", "class_map=@nowhere.json"], "names the file nowhere.json, which cannot be read"),
    "unknown filter": (["--where", "statuss=completed"], "There is no filter 'statuss' in IDAH; did you mean"),
    "no entries in a shard": (["--shard-entries", "0"], "shard_entries=0: input should be greater than or equal to 1"),
    "file where a folder is needed": (["--to", "/dev/null/x"], "Nothing can be delivered there: /dev/null/x cannot"),
    "unknown kind of store": (["--to", "nope://x"], "nope://x cannot be opened (Protocol not known: nope); check"),
    "store of an extra": (["--to", "gs://bucket/x"], "gs://bucket/x needs a package that is not installed; install"),
    "no credentials": (["--to", "s3://bucket/x"], "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_refused_in_one_line(outhaul: Run, platform: Platform, tmp_path: Path, case: str) -> None:
    """It says what is wrong, ends with status 2, and fetches and leaves nothing."""
    arguments, sentence = WRONG[case]
    status, output, errors = outhaul("export", source(platform), "--to", "out", *arguments)

    assert status == 2
    assert output == ""
    assert errors.startswith("outhaul: ")
    assert sentence in errors
    assert errors.count("\n") == 1
    assert platform.sandbox.requests["dataset/entries"] == 0
    assert list(tmp_path.iterdir()) == []


def test_everything_wrong_is_said_at_once(outhaul: Run, platform: Platform) -> None:
    """Three mistakes are three lines, not three attempts."""
    status, _, errors = outhaul(
        "export", source(platform), "--to", "/dev/null/x", "--as", "cocoo", "--dataset", "nope"
    )  # fmt: skip
    assert status == 2
    assert [line.split()[1:4] for line in errors.splitlines()] == [
        ["There", "is", "no"],
        ["Nothing", "can", "be"],
        ["There", "is", "no"],
    ]


@pytest.mark.parametrize("key", ["IDAH_wrong", f"IDAH_{'0' * 64}"])
def test_a_wrong_key_is_said_and_not_shown(
    outhaul: Run, platform: Platform, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The platform's refusal is passed on without the key."""
    monkeypatch.setenv("OUTHAUL_API_KEY", key)
    status, output, errors = outhaul("export", source(platform), "--to", "out")

    assert status == 2
    assert "refused the credentials" in errors
    assert key not in output + errors


def test_a_platform_that_is_down_is_a_failure(outhaul: Run) -> None:
    """It is not the request that is wrong: status 1, soon, in one line."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    begun = time.monotonic()
    status, _, errors = outhaul("export", f"idah+http://127.0.0.1:{port}", "--to", "out")

    assert status == 1
    assert errors == (
        f"outhaul: IDAH at http://127.0.0.1:{port} cannot be reached (connection refused); "
        f"check the address and that it is up.\n"
    )
    assert time.monotonic() - begun < 20


def test_a_secret_in_a_url_is_refused(outhaul: Run) -> None:
    """Command lines are seen by everyone on a machine."""
    status, _, errors = outhaul("export", "idah+https://user:hunter2@host", "--to", "out")

    assert status == 2
    assert "hunter2" not in errors


def test_dry_run_says_what_would_be_done_and_stops(outhaul: Run, platform: Platform, tmp_path: Path) -> None:
    """It lists entries, but fetches no annotation and no file, and writes nothing to the target."""
    status, output, _ = outhaul("export", source(platform), "--to", "out", "--dry-run", "--workspace", "work")

    assert status == 0
    assert output.startswith("Would export Crossing-north-d-été; nothing was fetched or delivered.")
    assert "24 in 1 shard" in output
    assert "  cost         10 requests and 24 files from the source, at 5.0 annotations an entry" in output.splitlines()
    assert "options" not in output, "all of them are as they are without being said"
    assert platform.sandbox.requests["dataset/annotations"] == 0
    assert not (tmp_path / "out").exists()


def test_dry_run_says_what_is_special(outhaul: Run, platform: Platform) -> None:
    """Options that are not the defaults, as they are typed; what the format holds then; and what will be left out."""
    shares, shapes = "split_ratios=train=0.5,val=0.5", "convert=polygon_to_box,ellipse_to_box"
    options = ("out_of_picture=clip", "split_by=hash", shares, shapes)
    given = [argument for option in options for argument in ("--option", option)]
    status, output, errors = outhaul("export", source(platform), "--to", "out", "--as", "yolo", *given, "--dry-run")

    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert "  options      split_by=hash" in lines
    assert f"               {shares}" in lines
    assert f"               {shapes}" in lines
    assert "out_of_picture" not in output, "it is what it would be anyway"
    assert "  shapes       box, ellipse, polygon; others are left out and counted" in lines
    assert "  warnings     The format yolo cannot hold " in output


SPEAKING = """\
from exporters import Exporter, Holds, NoOptions

class Speaking:
    name = "speaking"
    description = "Says something."

    def export(self, context):
        print("printed [bold] :one:")
        context.log.info("told")
        context.log.warning("first\\nsecond")

class Shards(Exporter[NoOptions]):
    name = "shards"
    description = "Prints in the process of the run."
    version = 1
    holds = Holds()
    options = NoOptions

    def convert(self, item, shard):
        print("printed")
        shard.keep(item.entry.annotations)

    def assemble(self, package):
        pass
"""


def test_what_an_exporter_says_is_on_standard_error(
    outhaul: Run, exports: Exports, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a plug-in logs and prints reaches its author as it is, line by line, and standard output stays clean."""
    sync = "from .export import Shards, Speaking\n\ndef init(context):\n"
    sync += "    for one in (Shards, Speaking):\n        context.register_exports('image', one)\n"
    write_plugin(tmp_path / "plugins", "speaking", files={"export.py": SPEAKING, "sync.py": sync})
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(tmp_path / "plugins"))
    arguments = ("export", source(platform), "--to", "out", "--workspace", "work", "--json")

    status, output, errors = outhaul(*arguments, "--as", "speaking")
    assert status == 0
    assert json.loads(output)["was_there"] is False
    said = ["printed [bold] :one:", "told", "warning: first", "warning: second"]
    assert sorted(errors.splitlines()) == sorted(f"outhaul: speaking: {line}" for line in said)

    status, output, errors = outhaul(*arguments, "--as", "shards")
    assert json.loads(output)["exporter"] == "shards"
    assert errors == "printed\n" * 24


def test_json_is_one_object_and_nothing_else(outhaul: Run, platform: Platform, exports: Exports) -> None:
    """Standard output of `--json` is parsed as it is; the object has the counts and the place."""
    status, output, _ = outhaul("export", source(platform), "--to", "out", "--workspace", "work", "--json")

    document: dict[str, Any] = json.loads(output)
    assert status == 0
    assert document["counts"]["entries"] == {"in": 24, "out": 23, "left_out": 1}
    assert Path(document["link"]).is_file()
    assert document["was_there"] is False


def test_json_holds_the_error_too(outhaul: Run, platform: Platform) -> None:
    """A refused request is an object with the sentence and the status."""
    status, output, _ = outhaul("export", source(platform), "--to", "out", "--as", "cocoo", "--json")
    assert json.loads(output) == {
        "error": "There is no format 'cocoo'; did you mean 'coco'?",
        "exit_status": status,
    }


def test_entries_left_out_for_faults_are_status_3(outhaul: Run, platform: Platform, exports: Exports) -> None:
    """`--on-error skip` delivers the rest, and says so by its status."""
    (entry, *_) = platform.sandbox.store.entries_of(platform.sandbox.store.datasets[0].id)
    platform.sandbox.faults.append(Fault(rf"medias/files/{entry.resource}", status=404, times=None))
    status, output, _ = outhaul(
        "export", source(platform), "--to", "out", "--workspace", "work", "--on-error", "skip"
    )  # fmt: skip
    assert status == 3
    assert "1 entry: its media is gone from the platform (404)" in output


READING = """\
class Reading:
    name = "reading"
    description = "Reads every entry."

    def export(self, context):
        for dataset in context.datasets:
            for entry in dataset.entries():
                entry.annotations()
                entry.medias()
"""


@pytest.mark.parametrize("exporter", ["coco", "reading"])
def test_a_broken_picture_is_no_picture(
    outhaul: Run, prefect_api: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exporter: str
) -> None:
    """Its file is named, or it is left out and counted in words that many share, however the format is written."""
    write_plugin(tmp_path / "plugins", "reading", files={"export.py": READING})
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(tmp_path / "plugins"))
    Image.new("RGB", (64, 48)).save(tmp_path / "sound.png")
    (tmp_path / "broken.jpg").write_bytes(b"<html>gone</html>")
    images = [
        {"id": number, "file_name": name, "width": 64, "height": 48}
        for number, name in enumerate(("sound.png", "broken.jpg"), start=1)
    ]
    annotations = [{"id": one, "image_id": one, "category_id": 1, "bbox": [1, 2, 3, 4]} for one in (1, 2)]
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}]}
    (tmp_path / "instances.json").write_text(json.dumps(document))
    arguments = ("export", "folder:instances.json", "--to", "out", "--workspace", "work", "--as", exporter)

    status, _, errors = outhaul(*arguments)
    assert status == 1
    assert "Entry 2 cannot be exported: its picture cannot be read (“broken.jpg”, 17 bytes); leave such" in errors
    assert errors.count("\n") == 1
    status, output, _ = outhaul(*arguments, "--on-error", "skip")
    assert status == 3
    assert "1 entry: its picture cannot be read\n" in output


def test_datasets_and_formats_can_be_listed(outhaul: Run, platform: Platform) -> None:
    """What a platform offers, and what formats there are, for people and for programs."""
    _, output, _ = outhaul("datasets", source(platform), "--json")
    assert [one["entries"] for one in json.loads(output)["datasets"]] == [24]
    _, output, _ = outhaul("formats", "--modality", "video", "--json")
    names = {one["name"] for one in json.loads(output)["formats"]}
    assert {"json", "jsonl"} <= names
    assert "coco" not in names


def test_ctrl_c_ends_a_run_in_one_line(platform: Platform, tmp_path: Path) -> None:
    """An interrupted run stops within seconds, without a traceback, and leaves nothing at the target."""
    platform.sandbox.faults.append(Fault(r"medias/files/", kind="stall", times=None, after=5))
    command = [
        str(Path(sys.executable).with_name("outhaul")),
        "export",
        source(platform),
        "--to",
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "OUTHAUL_API_KEY": DEMO_API_KEY, "OUTHAUL_WORKSPACE": str(tmp_path / "work")}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if platform.sandbox.requests["media/medias/files"] > 5:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("outhaul: interrupted; what was fetched is kept")
    assert "Traceback" not in errors
    assert not list((tmp_path / "out").rglob("*"))


def test_a_killed_run_goes_on_where_it_stood(exports: Exports, platform: Platform, tmp_path: Path) -> None:
    """After SIGKILL in the middle of the media, the next run delivers the same bytes and fetches only the rest."""
    fault = Fault(r"medias/files/", kind="stall", times=None, after=12)
    platform.sandbox.faults.append(fault)
    command = [
        str(Path(sys.executable).with_name("outhaul")),
        "export",
        source(platform),
        "--to",
        str(tmp_path / "out"),
    ]
    environment = {**of_the_tests(tmp_path), "OUTHAUL_API_KEY": DEMO_API_KEY}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    keys = tmp_path / "workspace" / "media-keys"
    for _ in range(2000):  # a busy machine takes a minute to begin
        if len(list(keys.rglob("*"))) > 12 and fault.hits:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)  # the Prefect API that it had started as well
    process.wait()
    kept = sum(path.is_file() for path in keys.rglob("*"))
    platform.sandbox.faults.clear()
    platform.sandbox.requests.clear()

    summary = exports.run(platform.source)
    exports.run(platform.source, "undisturbed", "other-workspace")

    assert kept >= 6
    assert summary.downloaded_files == 24 - kept
    assert exports.delivered("out") == exports.delivered("undisturbed")
