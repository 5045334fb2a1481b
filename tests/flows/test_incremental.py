"""The second export of a dataset: it costs what has changed, and misses nothing that has."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.lease import holding
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.storage import Storage
from blocks.workspace import Workspace
from exporters.errors import BusyError, RequestError
from exporters.shard import Shard
from flows.cli import main
from flows.collect import collect
from flows.delivered import Summary
from flows.planned import ONE_IN
from flows.renew import TOGETHER
from flows.verify import verify
from tests.flows.harness import Exports, Platform

BOX = {"type": "idah-image::bbox", "data": {"x": 1, "y": 1, "width": 5, "height": 5}}


@pytest.fixture
def large() -> Iterator[Platform]:
    """A platform of 240 entries: several shards of 40, several groups to count."""
    sandbox = IdahSandbox(entries=240, seed=11)
    with sandbox.serve() as url:
        yield Platform(sandbox, IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)))


class Nightly:
    """An export that is run again and again; what each run asked the platform for is counted."""

    def __init__(self, exports: Exports, platform: Platform, **parameters: Any) -> None:
        self.exports, self.platform = exports, platform
        self.parameters = {"shard_entries": 40, "exporter": "jsonl", "package": "directory", **parameters}
        self.asked: Counter[str] = Counter()

    def run(self, **parameters: Any) -> Summary:
        before = Counter(self.platform.sandbox.requests)
        summary = self.exports.run(self.platform.source, **self.parameters, **parameters)
        self.asked = self.platform.sandbox.requests - before
        return summary

    def is_like_a_first_run(self, summary: Summary) -> bool:
        """Whether what was delivered is what somebody without a memory gets, byte for byte."""
        fresh = self.exports.run(self.platform.source, to="elsewhere", workspace="new", **self.parameters)
        ours, theirs = Path(summary.delivery.url), Path(fresh.delivery.url)
        assert summary.delivery.export_id == fresh.delivery.export_id
        return _files(ours) == _files(theirs)

    @property
    def store(self) -> Any:
        return self.platform.sandbox.store

    @property
    def entries(self) -> list[Any]:
        return list(self.store.entries_of(self.store.datasets[0].id))


def _files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name != "receipt.json"}


@pytest.fixture
def nightly(exports: Exports, large: Platform) -> Nightly:
    return Nightly(exports, large)


def test_an_unchanged_dataset_costs_its_listing(nightly: Nightly) -> None:
    """The second run lists the entries, counts the annotations, reads and moves nothing, and says so."""
    first = nightly.run()
    second = nightly.run()
    assert (second.plan.fresh, second.delivery.was_there, second.delivery.moved_files) == (0, True, 0)
    assert second.delivery.export_id == first.delivery.export_id
    assert nightly.asked["dataset/annotations"] == 1
    assert not [path for path in nightly.asked if path.startswith("media/")]


def test_only_what_changed_is_read(nightly: Nightly) -> None:
    """One entry of hundreds changed: its annotations are read, and no file."""
    nightly.run()
    changed = nightly.entries[100]
    nightly.store.add_annotation(changed.id, BOX, {"category": "car"})
    second = nightly.run()
    assert (second.plan.fresh, second.downloaded_files) == (1, 0)
    assert second.delivery.changes is not None
    assert (second.delivery.changes.changed, second.delivery.changes.unchanged) == (1, 239)
    assert nightly.is_like_a_first_run(second)


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the entries that an exporter was given, by whichever run."""
    seen: list[str] = []
    convert = Shard.convert

    def watched(shard: Shard[Any], entry: Any) -> Any:
        seen.append(entry.id)
        return convert(shard, entry)

    monkeypatch.setattr(Shard, "convert", watched)
    return seen


@pytest.mark.parametrize("exporter", ["coco", "yolo", "jsonl"])
@pytest.mark.parametrize("kind", ["zip", "directory"])
def test_only_what_changed_is_converted(
    exports: Exports, large: Platform, exporter: str, kind: str, converted: list[str]
) -> None:
    """Of shards in which an entry here and there has changed, the exporter sees those entries and no others."""
    nightly = Nightly(exports, large, exporter=exporter, package=kind)
    nightly.run()
    converted.clear()
    changed = [nightly.entries[number] for number in (0, 70, 71, 239)]
    for entry in changed:
        nightly.store.change_entry(entry.id, name=f"other-{entry.id}.jpg")
    second = nightly.run()
    assert sorted(converted) == sorted(entry.id for entry in changed)
    assert nightly.is_like_a_first_run(second)
    converted.clear()
    nightly.store.change_entry(changed[1].id, name="again.jpg")
    third = nightly.run()
    assert converted == [changed[1].id]
    assert nightly.is_like_a_first_run(third)


def test_few_changes_are_few_tasks(nightly: Nightly, submitted: Counter[str]) -> None:
    """Shards of which little has changed share their tasks; one of which much has changed has its own."""
    nightly.run()
    submitted.clear()
    for number in (*range(0, 240, 20), *range(80, 100)):
        nightly.store.change_entry(nightly.entries[number].id, name=f"other{number}.jpg")
    second = nightly.run()
    changed_much = sum(shard.fresh * ONE_IN > shard.entries for shard in second.plan.shards)
    assert 0 < changed_much < len(second.plan.shards) == sum(shard.fresh > 0 for shard in second.plan.shards)
    together = -(-(len(second.plan.shards) - changed_much) // TOGETHER)
    expected = {"fetch": changed_much, "media": changed_much, "renew": together, "transform": changed_much + together}
    assert submitted == expected
    assert nightly.is_like_a_first_run(second)


def test_numbers_that_move_are_written_anew(exports: Exports, large: Platform, converted: list[str]) -> None:
    """An entry less, and all that are numbered behind it are converted again; those before are not."""
    nightly = Nightly(exports, large, exporter="coco")
    nightly.run()
    converted.clear()
    behind = [entry.id for entry in nightly.entries[101:]]
    nightly.store.delete_entry(nightly.entries[100].id)
    second = nightly.run()
    assert sorted(converted) == sorted(behind)
    assert nightly.is_like_a_first_run(second)


def test_a_formats_own_option_converts_all_again(nightly: Nightly, converted: list[str]) -> None:
    """What was made with other options is not taken for what is asked for now."""
    nightly.run()
    nightly.store.change_entry(nightly.entries[3].id, name="other.jpg")
    converted.clear()
    second = nightly.run(options={"redact": ["authors"]})
    assert len(converted) == 240
    assert (second.plan.fresh, second.downloaded_files) == (1, 0)


def test_a_deleted_annotation_is_found(nightly: Nightly) -> None:
    """Its deletion moves no time anywhere on the platform, and the export has it all the same."""
    nightly.run()
    entry = next(entry for entry in nightly.entries if nightly.store.annotations_of(entry.id))
    nightly.store.delete_annotation(nightly.store.annotations_of(entry.id)[0].id)
    second = nightly.run()
    assert 0 < second.plan.fresh < 240
    assert nightly.is_like_a_first_run(second)


def test_a_deletion_that_is_made_up_for_elsewhere_is_found(nightly: Nightly) -> None:
    """One annotation went, another came: as many in all as before, and neither is missed."""
    nightly.run()
    with_some = [entry for entry in nightly.entries if nightly.store.annotations_of(entry.id)]
    nightly.store.delete_annotation(nightly.store.annotations_of(with_some[0].id)[0].id)
    nightly.store.add_annotation(with_some[-1].id, BOX, {"category": "car"})
    assert nightly.is_like_a_first_run(nightly.run())


def test_entries_that_came_and_went(nightly: Nightly) -> None:
    """An entry in front of all others, and one less, cost themselves: no other entry is read again."""
    nightly.run()
    first = nightly.entries[0]
    nightly.store.delete_entry(nightly.entries[50].id)
    added = nightly.store.add_entry(id="00000000-0000-7000-8000-000000000001", resource=first.resource, name="new.jpg")
    nightly.store.add_annotation(added.id, BOX, {"category": "car"})
    second = nightly.run()
    assert (second.plan.fresh, second.downloaded_files) == (1, 0)
    changes = second.delivery.changes
    assert changes is not None
    assert (changes.added, changes.removed, changes.changed, changes.unchanged) == (1, 1, 0, 239)
    assert nightly.is_like_a_first_run(second)


def test_filters_do_not_hide_a_deletion(exports: Exports, large: Platform) -> None:
    """The annotations of those entries that fit are counted, not of the whole dataset."""
    nightly = Nightly(exports, large, where=["status=completed"])
    nightly.run()
    assert nightly.run().plan.fresh == 0
    completed = [entry for entry in nightly.entries if entry.status == "completed"]
    entry = next(entry for entry in completed if nightly.store.annotations_of(entry.id))
    nightly.store.delete_annotation(nightly.store.annotations_of(entry.id)[0].id)
    second = nightly.run()
    assert second.plan.fresh
    assert nightly.is_like_a_first_run(second)


def test_two_changes_within_a_second_are_both_seen(nightly: Nightly) -> None:
    """Times are cut to seconds: an entry that was read in the second of its change is read again by the next run."""
    entry = nightly.entries[7]
    nightly.store.change_entry(entry.id, name="before.jpg")
    entry.updated_at = now = datetime.now(UTC).replace(microsecond=0)
    nightly.run()
    nightly.store.add_annotation(entry.id, BOX, {"category": "car"})
    entry.updated_at = now
    second = nightly.run()
    assert second.plan.fresh == 1
    assert nightly.is_like_a_first_run(second)


def test_a_change_that_was_committed_late_is_seen(nightly: Nightly) -> None:
    """A transaction that began before the last run, and whose time is older than that, is no less a change."""
    nightly.run()
    entry = nightly.entries[9]
    nightly.store.add_annotation(entry.id, BOX, {"category": "car"})
    entry.updated_at = entry.created_at + timedelta(seconds=1)
    second = nightly.run()
    assert second.plan.fresh == 1
    assert nightly.is_like_a_first_run(second)


def test_reading_all_again_can_be_asked_for(nightly: Nightly) -> None:
    """`full` reads every entry, delivers nothing when nothing changed, and downloads no file twice."""
    nightly.run()
    second = nightly.run(full=True)
    assert (second.plan.fresh, second.downloaded_files, second.delivery.was_there) == (240, 0, True)


def test_another_format_reads_nothing_again(nightly: Nightly) -> None:
    """What was read for one format serves another."""
    nightly.run()
    second = nightly.exports.run(nightly.platform.source, exporter="coco")
    assert (second.plan.fresh, second.downloaded_files, second.delivery.was_there) == (0, 0, False)


def test_a_workspace_that_lost_something(nightly: Nightly) -> None:
    """Whatever is missing of what was remembered is read again; the bytes are the same."""
    first = nightly.run()
    nightly.store.change_entry(nightly.entries[3].id, name="other.jpg")
    for path in (nightly.exports.folder / "workspace" / "snapshot").iterdir():
        path.unlink()
    second = nightly.run()
    assert second.plan.fresh == 240
    assert second.delivery.export_id != first.delivery.export_id
    assert nightly.is_like_a_first_run(second)


def test_files_of_an_earlier_export_are_not_sent_again(nightly: Nightly) -> None:
    """A directory takes what has not changed from the export before: on a disk, both have one file."""
    first = nightly.run()
    nightly.store.change_entry(nightly.entries[3].id, name="other.jpg")
    second = nightly.run()
    assert second.delivery.moved_files < 5
    one = next((Path(first.delivery.url) / "images").rglob("*.jpg"))
    assert one.stat().st_nlink >= 2


def test_a_file_that_was_tampered_with_is_sent_anew(nightly: Nightly) -> None:
    """What somebody wrote into an earlier export does not find its way into the next."""
    first = nightly.run()
    one = sorted((Path(first.delivery.url) / "images").rglob("*.jpg"))[10]
    data = bytearray(one.read_bytes())
    data[100] ^= 1
    one.write_bytes(data)
    receipt = Path(first.delivery.url) / "receipt.json"
    os.utime(one, (receipt.stat().st_mtime + 5,) * 2)
    nightly.store.change_entry(nightly.entries[3].id, name="other.jpg")
    assert nightly.is_like_a_first_run(nightly.run())


def test_the_same_to_an_object_store(nightly: Nightly, s3: str) -> None:
    """There, the store copies what has not changed by itself; the whole is delivered, with a whole manifest."""
    nightly.run(to=s3)
    nightly.store.change_entry(nightly.entries[3].id, name="other.jpg")
    second = nightly.run(to=s3)
    assert second.delivery.moved_files < 5
    assert second.plan.fresh == 1
    assert verify(Storage(second.delivery.url)).problems == ()


def test_a_delta_has_the_changes_only(nightly: Nightly) -> None:
    """The first has everything; the next, what was added or changed since, and the names of what is gone."""
    first = nightly.run(delta=True)
    assert first.tally.went_out["entries"] == 240
    removed, changed = nightly.entries[50], nightly.entries[60]
    nightly.store.delete_entry(removed.id)
    nightly.store.add_annotation(changed.id, BOX, {"category": "car"})
    second = nightly.run(delta=True)
    assert second.tally.went_out["entries"] == 1
    manifest = json.loads((Path(second.delivery.url) / "manifest.json").read_bytes())
    assert manifest["delta"]["since"] == first.delivery.export_id
    assert [one["entry"] for one in manifest["delta"]["removed"]] == [removed.id]
    rows = (Path(second.delivery.url) / "entries.jsonl").read_bytes().splitlines()
    assert [json.loads(row)["id"] for row in rows] == [changed.id]
    third = nightly.run(delta=True)
    assert (third.delivery.was_there, third.delivery.export_id) == (True, second.delivery.export_id)


def test_the_last_exports_are_kept(nightly: Nightly) -> None:
    """Of one kind, as many as asked for; another format's, and what was not finished yet, are left alone."""
    other = nightly.exports.run(nightly.platform.source, exporter="coco")
    delivered = []
    for number in range(4):
        nightly.store.change_entry(nightly.entries[number].id, name=f"other{number}.jpg")
        delivered.append(nightly.run(keep=2).delivery)
    receipt = Storage(delivered[-1].url).read("receipt.json")
    assert re.search(rb'"finished_at": "[^"]+\.\d{6}\+00:00"', receipt)  # several may finish within one second
    there = {path.parent.name for path in (nightly.exports.folder / "out").glob("*/*/receipt.json")}
    assert there == {other.delivery.export_id, *(one.export_id for one in delivered[-2:])}
    assert {path.name for path in Path(delivered[0].url).parent.iterdir()} == {*there, "latest.json"}
    assert verify(Storage(delivered[-1].url)).problems == ()


def test_a_workspace_is_tidied_up(nightly: Nightly, converted: list[str]) -> None:
    """What the last export goes by stays, the rest goes; the next run costs what it would have, and is the same."""
    for number in range(3):
        nightly.store.change_entry(nightly.entries[number].id, name=f"other{number}.jpg")
        nightly.run()
    store = Workspace(url=str(nightly.exports.folder / "workspace")).open()
    would = collect(store, keep=1, dry_run=True, grace_seconds=-60)
    before = store.storage.files()
    assert collect(store, keep=1, grace_seconds=-60) == would
    assert (would.exports, len(before) - len(store.storage.files()) >= would.files > 0) == (2, True)
    assert nightly.run().delivery.was_there
    nightly.store.change_entry(nightly.entries[9].id, name="last.jpg")
    converted.clear()
    last = nightly.run()
    assert (last.plan.fresh, last.downloaded_files) == (1, 0)
    assert converted == [nightly.entries[9].id]
    assert nightly.is_like_a_first_run(last)


def test_a_workspace_in_use_is_not_tidied_up(nightly: Nightly) -> None:
    """While an export runs, the clean-up refuses: it cannot know what that needs."""
    store = Workspace(url=str(nightly.exports.folder / "workspace")).open()
    with holding(store, "other"), pytest.raises(BusyError, match="in use"):
        collect(store, keep=1)


def test_two_exports_are_told_apart(nightly: Nightly, capsys: pytest.CaptureFixture[str]) -> None:
    """`outhaul diff` names every entry, and the classes whose annotations are not as many as before."""
    first = nightly.run()
    removed, changed = nightly.entries[50], nightly.entries[60]
    nightly.store.delete_entry(removed.id)
    nightly.store.add_annotation(changed.id, BOX, {"category": "car"})
    second = nightly.run()
    with pytest.raises(SystemExit) as ended:
        main(["diff", first.delivery.url, second.delivery.url, "--json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["since"], document["to"]) == (first.delivery.export_id, second.delivery.export_id)
    assert [one["entry"] for one in document["entries"]["removed"]] == [removed.id]
    assert [one["entry"] for one in document["entries"]["changed"]] == [changed.id]
    assert document["entries"]["added"] == []
    with pytest.raises(SystemExit):
        main(["diff", first.delivery.url, str(nightly.exports.folder / "out" / second.plan.name)])
    text = capsys.readouterr().out
    assert "0 added, 1 changed, 1 removed, 238 unchanged" in text
    assert changed.id in text
    receipt = json.loads((Path(second.delivery.url) / "receipt.json").read_bytes())
    assert receipt["changes"]["changed"] == 1


def test_a_pointer_leads_nowhere_else(nightly: Nightly) -> None:
    """What somebody wrote into `latest.json` is not taken for a path: the run says that it cannot be read."""
    first = nightly.run()
    nightly.store.change_entry(nightly.entries[3].id, name="other.jpg")
    (Path(first.delivery.url).parent / "latest.json").write_text('{"export_id": "../../elsewhere"}')
    with pytest.raises(RequestError, match=r"latest\.json cannot be read"):
        nightly.run()
