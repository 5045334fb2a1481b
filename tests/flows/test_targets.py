"""Exports to an API, and to several targets at once, through the real flow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks import http
from blocks.http_target import HttpTarget
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.storage import Storage
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import FatalError, RequestError, UndeliveredError
from flows.delivered import Summary
from flows.export import export
from flows.verify import verify
from tests.fakes.receiver import Receiver, Trouble, receiving
from tests.flows.harness import Exports, Platform, Run, command_line, newest_artifacts
from tests.flows.recovery import Job, running

CANARY = "c4n4ry-s3cr3t"
BOX = {"type": "idah-image::bbox", "data": {"x": 1, "y": 1, "width": 5, "height": 5}}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.001)
    with receiving() as receiver:
        yield receiver


def api(receiver: Receiver, **fields: Any) -> HttpTarget:
    return HttpTarget(
        url=f"{receiver.url}/d/{{dataset}}/e/{{entry}}", auth="bearer", secret=SecretStr(CANARY), **fields
    )


@pytest.fixture
def push(exports: Exports, platform: Platform) -> Callable[..., Summary]:
    """Exports to these targets."""

    def run(*targets: Any, **parameters: Any) -> Summary:
        asked = {"exporter": "jsonl", "media": "none", "name": "street", **parameters}
        place = Workspace(url=str(exports.folder / "workspace"))
        first, *more = targets
        return export(
            source=platform.source, target=first, more_targets=more, workspace=place, **{"exporter": "coco", **asked}
        )

    return run


def ids(platform: Platform) -> set[str]:
    return {str(entry.id) for entry in platform.sandbox.store.entries_of(platform.sandbox.store.datasets[0].id)}


# One API


def test_records_are_sent_once(receiver: Receiver, push: Callable[..., Summary], platform: Platform) -> None:
    """What an API is sent is what the format writes; sent again it is nothing, and the run says so."""
    summary = push(api(receiver))
    records = summary.delivery.records
    assert records
    assert (records.accepted, records.refused, summary.delivery.was_there) == (24, 0, False)
    assert set(receiver.times_taken()) == ids(platform)
    receipt = json.loads(Path(summary.delivery.link).read_bytes())
    assert receipt["records"] == records.model_dump()
    assert (receipt["export_id"], receipt["run_id"] != "") == (summary.delivery.export_id, True)
    assert {headers["Authorization"] for _, headers in receiver.asked} == {f"Bearer {CANARY}"}

    again = push(api(receiver))
    assert (again.delivery.was_there, again.delivery.moved_bytes) == (True, 0)
    assert len(receiver.taken) == 24

    kept = push(Target(url=str(Path(summary.delivery.link).parents[4] / "out")), package="directory")
    lines = (Path(kept.delivery.url) / "entries.jsonl").read_bytes().splitlines()
    assert sorted(map(json.loads, lines), key=str) == sorted(receiver.records(), key=str)


def test_only_changes_are_sent(
    receiver: Receiver, push: Callable[..., Summary], platform: Platform, exports: Exports
) -> None:
    """A delta brings what was added or changed since the last push that ended, and what is gone; none if nothing. Of
    what the workspace remembers of pushes, `keep` leaves the last ones.
    """
    push(api(receiver), delta=True, keep=1)
    receiver.taken.clear()
    store = platform.sandbox.store
    first, second, *_ = store.entries_of(store.datasets[0].id)
    store.delete_entry(first.id)
    store.add_annotation(second.id, BOX, {"category": "car"})
    summary = push(api(receiver), delta=True, keep=1)
    remembered = [path.parent.name for path in exports.folder.glob("workspace/pushes/*/street/*/receipt.json")]
    assert remembered == [summary.delivery.export_id]
    assert sorted((record["id"], record.get("removed", False)) for record in receiver.records()) == sorted(
        [(str(first.id), True), (str(second.id), False)]
    )
    assert summary.delivery.records
    assert (summary.delivery.records.records, summary.delivery.records.accepted) == (2, 2)
    receiver.taken.clear()
    assert push(api(receiver), delta=True).delivery.was_there
    assert receiver.taken == []


def test_what_was_refused_is_in_the_next_delta(
    receiver: Receiver, push: Callable[..., Summary], platform: Platform
) -> None:
    """An entry that the API refused is no part of what it has, so that the next delta brings it again."""
    wanted = min(ids(platform))
    receiver.troubles.append(Trouble(status=422, about=f"/e/{wanted}"))
    first = push(api(receiver, refused="set aside"), delta=True)
    assert first.has_faults
    receiver.taken.clear()
    store = platform.sandbox.store
    other = next(entry for entry in store.entries_of(store.datasets[0].id) if str(entry.id) != wanted)
    store.add_annotation(other.id, BOX, {"category": "car"})
    second = push(api(receiver, refused="set aside"), delta=True)
    assert set(receiver.times_taken()) == {wanted, str(other.id)}
    assert not second.has_faults


def test_an_export_that_comes_round_again(receiver: Receiver, push: Callable[..., Summary], platform: Platform) -> None:
    """When the source is what it was two exports ago, the API is told so: it has the state of the last one."""
    store = platform.sandbox.store
    entry = next(iter(store.entries_of(store.datasets[0].id)))
    name = entry.name
    first = push(api(receiver), full=True)
    entry.name = "renamed"
    push(api(receiver), full=True)
    keys = {one.headers["Idempotency-Key"] for one in receiver.taken}
    receiver.taken.clear()
    entry.name = name
    third = push(api(receiver), full=True)
    assert third.delivery.export_id == first.delivery.export_id
    assert (third.delivery.was_there, len(receiver.taken)) == (False, 24)
    assert not keys & {one.headers["Idempotency-Key"] for one in receiver.taken}
    assert push(api(receiver), full=True).delivery.was_there


def test_a_delta_that_never_ended(receiver: Receiver, push: Callable[..., Summary], platform: Platform) -> None:
    """What it may have told the API is told again by the next one, also where it would not have to tell of it."""
    store = platform.sandbox.store
    push(api(receiver), delta=True)
    first, second, *_ = store.entries_of(store.datasets[0].id)
    added = store.add_entry(resource=first.resource, name="new.jpg")
    store.add_annotation(second.id, BOX, {"category": "car"})
    receiver.troubles.append(Trouble(status=400, about=f"/e/{second.id}"))
    with pytest.raises(FatalError):
        push(api(receiver, order="kept"), delta=True)
    store.delete_entry(added.id)
    receiver.taken.clear()
    push(api(receiver, order="kept"), delta=True)
    told = [(record["id"], record.get("removed", False)) for record in receiver.records()]
    assert sorted(told) == sorted([(str(second.id), False), (str(added.id), True)])
    receiver.taken.clear()
    assert push(api(receiver), delta=True).delivery.was_there
    assert receiver.taken == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"exporter": "coco"}, "takes records, which the format coco has none of; ask for --as jsonl"),
    "files for nobody": ({"media": "original"}, "no files; ask for --media none"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_api_does_not_take(
    receiver: Receiver, push: Callable[..., Summary], platform: Platform, case: str
) -> None:
    """What cannot be sent is refused before anything is fetched."""
    asked, sentence = REFUSED[case]
    with pytest.raises(RequestError) as refused:
        push(api(receiver), **asked)
    assert sentence in str(refused.value)
    assert platform.sandbox.requests["dataset/entries"] == 0


# Several targets


def test_every_target_gets_the_one_package(
    receiver: Receiver, push: Callable[..., Summary], exports: Exports, s3: str
) -> None:
    """A folder, a bucket and an API: one export, made once, each with a receipt of its own."""
    out = exports.folder / "out"
    targets = [Target(url=str(out)), Target(url=s3), api(receiver)]
    summary = push(*targets, media="original")
    assert [len({one.export_id for one in summary.deliveries}), len(summary.deliveries)] == [1, 3]
    assert [verify(Storage(one.url)).problems for one in summary.deliveries[:2]] == [(), ()]
    assert (
        Storage(s3).read(f"street/{summary.delivery.export_id}/manifest.json")
        == (Path(summary.delivery.url) / "manifest.json").read_bytes()
    )
    assert len(receiver.taken) == 24
    assert any("Only records are sent to" in warning for warning in summary.plan.warnings)
    shown = next(one.data for one in newest_artifacts() if one.key == "export-summary" and s3 in str(one.data))
    assert all(one.link in shown for one in summary.deliveries)

    again = push(*targets, media="original")
    assert [one.was_there for one in again.deliveries] == [True, True, True]
    shutil.rmtree(out)
    third = push(*targets, media="original")
    assert [one.was_there for one in third.deliveries] == [False, True, True]
    assert len(receiver.taken) == 24


def test_one_that_fails_keeps_no_other_from_its_export(
    receiver: Receiver, push: Callable[..., Summary], exports: Exports
) -> None:
    """The run fails and says who got it and who did not; the next one moves only what is missing."""
    receiver.troubles.append(Trouble(status=422, body="no", times=1))
    first, second = (Target(url=str(exports.folder / to)) for to in "ab")
    targets = [first, api(receiver, order="kept"), second]
    with pytest.raises(UndeliveredError) as failed:
        push(*targets)
    said = str(failed.value)
    assert f"Not delivered to {receiver.url}/d/{{dataset}}/e/{{entry}}: {receiver.url} refused entry" in said
    assert all(f"Delivered to {exports.folder}/{to}/street/" in said for to in "ab")
    assert ["reason" in one for one in failed.value.targets] == [False, False, True]
    assert all(list((exports.folder / to).glob("*/*/receipt.json")) for to in "ab")
    assert receiver.taken == []

    summary = push(*targets)
    assert [one.was_there for one in summary.deliveries] == [True, False, True]
    assert len(receiver.taken) == 24


def test_misfits_of_all_targets_are_said_at_once(
    push: Callable[..., Summary], platform: Platform, exports: Exports
) -> None:
    """Each target that cannot be delivered to is a line, before anything is fetched; one given twice is another."""
    twice = Target(url=str(exports.folder / "out"))
    targets = [HttpTarget(url="https://a.org/{id}"), twice, Target(url="/dev/null/x"), twice, Target(url="nope://x")]
    with pytest.raises(RequestError) as refused:
        push(*targets, exporter="coco", delta=True)
    beginnings = [
        "Nothing can be delivered there: “https://a.org/{id}” holds {id}",
        "Nothing can be delivered there: /dev/null/x cannot",
        "nope://x cannot be opened",
        f"The target {exports.folder}/out is given twice",
        "Each target has a last export of its own",
        "https://a.org takes records, which the format coco has none of",
    ]
    said = str(refused.value).splitlines()
    assert [line[: len(expected)] for line, expected in zip(said, beginnings, strict=True)] == beginnings
    assert platform.sandbox.requests["dataset/entries"] == 0


# Killed


@pytest.mark.xdist_group("recovery")
def test_a_run_that_is_killed(receiver: Receiver, platform: Platform, exports: Exports) -> None:
    """The next run of the flow sends what is missing, and nothing twice but what was under way."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - of the API that was started for the tests

    receiver.latency_seconds = 0.05
    job = Job(
        source=platform.source.url,
        target="",
        workspace=str(exports.folder / "workspace"),
        prefect_api=str(PREFECT_API_URL.value()),
        parameters={"exporter": "jsonl", "media": "none"},
        api=api(receiver, connections=2),
    )
    with running(job) as run:
        run.wait_for("deliver")
        until = time.monotonic() + 60
        while len(receiver.taken) < 5 and time.monotonic() < until:
            time.sleep(0.005)
        run.process.kill()
        run.process.join()
    assert 5 <= len(receiver.taken) < 24
    with running(job) as run:
        assert run.end()[0] == "delivered"
    assert set(receiver.times_taken()) == ids(platform)
    assert len(receiver.taken) <= 24 + 2


# The command line


@pytest.fixture
def outhaul(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: Platform, tmp_path: Path
) -> Iterator[Run]:
    with command_line(monkeypatch, capsys) as run:
        monkeypatch.setenv("OUTHAUL_WORKSPACE", str(tmp_path / "workspace"))
        yield partial(run, "export", f"idah+{platform.source.url}", "--as", "jsonl", "--media", "none")


@pytest.mark.usefixtures("prefect_api")
def test_on_the_command_line(receiver: Receiver, outhaul: Run, tmp_path: Path) -> None:
    """`--to` again and again, an API by its saved block; refused records end it with 3, and are shown and listed."""
    name = f"api-{os.urandom(4).hex()}"
    api(receiver, refused="set aside").save(name)
    receiver.troubles.append(Trouble(status=422, body="no such class"))
    to = ("--to", str(tmp_path / "out"), "--to", f"block:outhaul-http-target/{name}")
    status, output, errors = outhaul(*to)
    assert (status, errors) == (3, "")
    assert f"  sent to      {receiver.url}/d/{{dataset}}/e/{{entry}}  (23 records accepted, 1 refused)\n" in output
    refused = next(line.split()[1] for line in output.splitlines() if line.startswith("  refused "))
    assert json.loads(Path(refused).read_bytes())["answer"] == "no such class"

    status, output, errors = outhaul(*to, "--json")
    document = json.loads(output)
    assert (status, document["targets"][0]["was_there"], document["targets"][1]["was_there"]) == (0, True, False)
    assert document["targets"][1]["records"]["accepted"] == 24
    assert not Path(refused).exists()

    receiver.troubles.append(Trouble(status=403, times=None))
    status, output, errors = outhaul(*to, "--json", "--name", "other")
    assert status == 1
    assert [one.get("reason", "")[-50:] for one in json.loads(output)["targets"]] == [
        "",
        "this account may not write there; ask for the right to."[-50:],
    ]
    assert "Not delivered to" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("fails", [False, True])
def test_secrets_are_nowhere(receiver: Receiver, platform: Platform, tmp_path: Path, fails: bool) -> None:
    """The secret of an API is in its requests and nowhere else, also when the API says it back while it refuses."""
    receiver.troubles.append(Trouble(status=400, body=f"bad token {CANARY}", times=None if fails else 2))
    to = ["block:outhaul-http-target/api", str(tmp_path / "out")][:: -1 if fails else 1]  # in both parameters
    code = f"""
import sys
from flows.cli import main
from flows.settings import prepare
prepare({str(tmp_path / "work")!r})
from blocks.http_target import HttpTarget
HttpTarget(
    url="{receiver.url}/e/{{entry}}", auth="header", secret=sys.stdin.read(),
    refused="set aside", refused_limit=5,
).save("api")
main(["export", "idah+{platform.source.url}", "--as", "jsonl", "--media", "none", "--to", {to[0]!r}, "--to", {to[1]!r}])
"""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "OUTHAUL_API_KEY": DEMO_API_KEY,
        "OUTHAUL_WORKSPACE": str(tmp_path / "work"),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, input=CANARY.encode(), capture_output=True, check=False
    )
    assert done.returncode == (1 if fails else 3), done.stderr
    assert {headers["X-API-Key"] for _, headers in receiver.asked} == {CANARY}
    assert list((tmp_path / "work" / "pushes").rglob("refused.jsonl"))
    searched = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    searched |= {"standard output": done.stdout, "standard error": done.stderr}
    assert [name for name, data in searched.items() if CANARY.encode() in data] == []
