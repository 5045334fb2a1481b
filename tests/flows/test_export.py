"""The flow as a whole, from a platform over HTTP to a delivered package that independent readers accept."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from pycocotools.coco import COCO
from pydantic import SecretStr

from blocks.folder import FolderSource
from blocks.idah import IdahSource
from blocks.s3_target import S3Target
from blocks.sandbox import shapes
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.target import Target
from blocks.workspace import Workspace
from exporters import FatalError, Item, RequestError, Shard, registry
from exporters.formats.json import JsonExporter
from flows.delivered import Summary
from flows.entry_links import EntryLinks
from flows.export import export
from flows.manifest import OWN, REPORT
from flows.report import markdown
from tests.flows.harness import Exports, Platform, newest_artifacts
from tests.s3_server import S3Server

pytestmark = pytest.mark.timeout(120)


def read_coco(folder: str) -> COCO:
    (path,) = Path(folder).glob("annotations/*.json")
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_boxes_polygons_and_masks_equal_what_was_drawn(exports: Exports, platform: Platform) -> None:
    """The delivered COCO has every box, polygon and mask of the platform, exactly where the generator drew it."""
    summary = exports.run(platform.source, package="directory", options={"out_of_picture": "keep"})

    store = platform.sandbox.store
    coco = read_coco(summary.delivery.url)
    names = {image["file_name"]: image["id"] for image in coco.dataset["images"]}
    found = 0
    for entry in store.entries_of(store.datasets[0].id):
        image_id = names.get(entry.name) or names.get(f"{entry.name[:-4]}~id-{entry.id}.jpg")
        rows = coco.imgToAnns[image_id] if image_id else []
        truth = [one for one in store.scene(entry.id).objects if _is_held(one.shape)] if _is_annotated(entry) else []
        assert len(rows) == len(truth), entry.id
        for row, drawn in zip(rows, truth, strict=True):
            found += 1
            _assert_equal(coco, row, drawn.shape)
            assert coco.cats[row["category_id"]]["name"].lower() == drawn.category.rpartition("/")[2]
    assert found == summary.tally.went_out["annotations"] > 50


def _is_annotated(entry: Any) -> bool:
    return bool(entry.status == "completed" or entry.is_annotated)


def _is_held(shape: object) -> bool:
    return isinstance(shape, shapes.Polygon | shapes.Mask) or (isinstance(shape, shapes.Box) and not shape.angle)


def _assert_equal(coco: COCO, row: dict[str, Any], shape: Any) -> None:
    match shape:
        case shapes.Box():
            assert row["bbox"] == [shape.left, shape.top, shape.width, shape.height]
            assert row["segmentation"] == []
        case shapes.Polygon():
            assert row["segmentation"] == [[value for point in shape.points for value in point]]
        case shapes.Mask():
            assert np.array_equal(coco.annToMask(row).astype(bool), shape.pixels)
            assert row["area"] == shape.pixels.sum()


def test_pictures_arrive_byte_for_byte(exports: Exports, platform: Platform) -> None:
    """Each delivered picture has the bytes that the platform drew."""
    exports.run(platform.source, package="directory")

    store = platform.sandbox.store
    drawn = {store.scene(entry.id).jpeg() for entry in store.entries_of(store.datasets[0].id)}
    pictures = [data for name, data in exports.delivered().items() if "/images/" in name]
    assert len(pictures) == 23
    assert set(pictures) <= drawn


@pytest.mark.parametrize("package", ["zip", "tar", "directory"])
def test_the_same_export_has_the_same_bytes(exports: Exports, platform: Platform, package: str) -> None:
    """Package and manifest are byte for byte the same from another workspace, to another place, in other shards."""
    exports.run(platform.source, "first", "workspace-1", package=package)
    exports.run(platform.source, "second", "workspace-2", package=package, shard_entries=7)

    assert exports.delivered("first") == exports.delivered("second")


@pytest.mark.parametrize("package", ["zip", "tar"])
def test_an_archive_holds_what_the_directory_holds(exports: Exports, platform: Platform, package: str) -> None:
    """A zip or tar is read by Python's own modules, and has the same files as the directory form."""
    archive = exports.run(platform.source, package=package).delivery.link
    folder = exports.run(platform.source, "directory", package="directory").delivery.url

    if package == "zip":
        with zipfile.ZipFile(archive) as opened:
            assert opened.testzip() is None
            packed = {info.filename: opened.read(info) for info in opened.infolist()}
    else:
        with tarfile.open(archive) as opened_tar:
            packed = {one.name: opened_tar.extractfile(one).read() for one in opened_tar}  # type: ignore[union-attr]
    loose = {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    assert packed == {name: data for name, data in loose.items() if name not in (*OWN, REPORT)}


def test_a_second_run_moves_nothing(exports: Exports, platform: Platform) -> None:
    """What lies at the target already is left alone, receipt and all, and no media is fetched again."""
    first = exports.run(platform.source)
    before = {path: path.stat().st_mtime_ns for path in Path(first.delivery.url).iterdir()}
    fetched = platform.sandbox.requests["media/medias/files"]

    second = exports.run(platform.source)

    assert (first.delivery.was_there, second.delivery.was_there) == (False, True)
    assert {path: path.stat().st_mtime_ns for path in Path(first.delivery.url).iterdir()} == before
    assert platform.sandbox.requests["media/medias/files"] == fetched


def test_a_change_on_the_platform_is_another_export(exports: Exports, platform: Platform) -> None:
    """A deleted annotation, which moves no time on the platform, gives an export of another name beside the first."""
    first = exports.run(platform.source)
    store = platform.sandbox.store
    entry = next(one for one in store.entries_of(store.datasets[0].id) if len(store.annotations_of(one.id)) > 1)
    store.delete_annotation(next(iter(store.annotations_of(entry.id))).id)

    second = exports.run(platform.source)

    assert second.delivery.export_id != first.delivery.export_id
    assert second.tally.came_in["annotations"] == first.tally.came_in["annotations"] - 1
    assert Path(first.delivery.link).exists()


def test_s3_receives_the_same_bytes(exports: Exports, platform: Platform, s3: str) -> None:
    """An S3 target gets byte for byte what a local one gets, and nothing else."""
    local = exports.run(platform.source, package="directory")
    remote = exports.run(platform.source, s3, package="directory")

    fs = Target(url=s3).storage().fs
    top = s3.removeprefix("s3://")
    stored = {path.removeprefix(f"{top}/"): fs.cat_file(path) for path in fs.find(top)}
    stored = {name: data for name, data in stored.items() if Path(name).name not in ("receipt.json", "latest.json")}
    assert stored == exports.delivered()
    assert remote.delivery.export_id == local.delivery.export_id


def test_a_link_for_whoever_has_it(exports: Exports, platform: Platform, s3: str, s3_server: S3Server) -> None:
    """Where a bucket's form asks for one, the summary links to the package; the receipt, which stays, does not."""
    target = S3Target(bucket=s3_server.bucket, folder=s3.rpartition("/")[2], link_hours=1)
    workspace = Workspace(url=str(exports.folder / "workspace"))
    summary = export(source=platform.source, target=target, exporter="coco", workspace=workspace)

    with urlopen(summary.delivery.link) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() == summary.delivery.package_sha256
    storage = target.storage()
    stays = [storage.read(name) for name in storage.files() if name.endswith(".json")]
    assert not any(b"X-Amz-Signature" in data for data in stays)
    workspace = Workspace(url=str(exports.folder / "workspace")).open()
    assert "[download](http" in markdown(summary, EntryLinks(summary, platform.source, workspace))


def test_a_workspace_may_lie_in_a_store(exports: Exports, platform: Platform, s3: str) -> None:
    """Working on S3, where workers on several machines reach it, gives the very bytes that a local disk gives."""
    exports.run(platform.source, "local")
    exports.run(platform.source, "store", s3, shard_entries=10)

    assert exports.delivered("store") == exports.delivered("local")


def test_numbers_are_reconciled(exports: Exports, platform: Platform) -> None:
    """For entries, annotations and medias, what came in is what went out plus what was left out, with reasons."""
    manifest = exports.manifest(exports.run(platform.source))

    for kind in ("entries", "annotations", "medias"):
        count = manifest["counts"][kind]
        reasons = sum(left["count"] for left in manifest["left_out"] if left["kind"] == kind)
        assert count["in"] == count["out"] + count["left_out"]
        assert count["left_out"] == reasons
    assert manifest["counts"]["entries"]["in"] == 24
    assert sum(manifest["annotations_by_category"].values()) == manifest["counts"]["annotations"]["out"]


class ForgetfulExporter(JsonExporter):
    name = "forgetful"

    def convert(self, item: Item, shard: Shard[Any]) -> None:
        super().convert(item, shard)
        shard.keep(item.entry.annotations[1:])


def test_an_exporter_that_loses_something_fails_the_run(
    exports: Exports, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose sums differ fails, and delivers nothing."""
    monkeypatch.setitem(registry._builtin, "forgetful", ForgetfulExporter)

    with pytest.raises(FatalError, match="do not add up"):
        exports.run(platform.source, exporter="forgetful")
    assert exports.delivered() == {}


def test_a_missing_media_fails_the_run_unless_it_may_be_skipped(exports: Exports, platform: Platform) -> None:
    """`on_error` decides: fail names the entry and delivers nothing; skip leaves it out, counted as a fault."""
    store = platform.sandbox.store
    entry = next(iter(store.entries_of(store.datasets[0].id)))
    store.delete_media(entry.resource)

    with pytest.raises(FatalError, match=f"{entry.id}.*on-error skip"):
        exports.run(platform.source)
    assert exports.delivered() == {}

    summary = exports.run(platform.source, on_error="skip")
    fault = next(left for left in summary.tally.left_out if left.is_fault and left.kind == "entries")
    assert (fault.count, fault.examples) == (1, (entry.id,))
    assert "404" in fault.reason


def test_short_faults_of_the_platform_are_bridged(exports: Exports, platform: Platform) -> None:
    """Errors, resets and cut-off bodies that pass give the very export that a healthy platform gives."""
    exports.run(platform.source, "healthy", "workspace-1")
    faults = [
        Fault(r"dataset/annotations", status=503, times=1),
        Fault(r"media/medias\?", kind="reset", times=1),
        Fault(r"medias/files/", kind="truncate", times=2, after=3),
        Fault(r"medias/files/", status=429, retry_after=1, times=2, after=8),
    ]
    platform.sandbox.faults.extend(faults)
    exports.run(platform.source, "ill", "workspace-2")

    assert exports.delivered("ill") == exports.delivered("healthy")
    assert [fault.hits for fault in faults] == [1, 1, 2, 2]


def test_a_step_that_cannot_go_on_is_tried_again(
    exports: Exports, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the retries of one request cannot bridge, the retries of its task do."""
    monkeypatch.setattr("blocks.http.FIRST_WAIT_SECONDS", 0.01)
    platform.sandbox.faults.append(Fault(r"dataset/annotations", status=503, times=6))

    assert exports.run(platform.source).tally.went_out["entries"] == 23


@pytest.mark.parametrize("media", ["none", "original", "all"])
def test_media_as_asked_for(exports: Exports, platform: Platform, media: str) -> None:
    """No files, the originals, or all derived ones too, each where the package says."""
    summary = exports.run(platform.source, exporter="json", package="directory", media=media)

    document = json.loads((Path(summary.delivery.url) / "export.json").read_bytes())
    entries = document["datasets"][0]["entries"]
    paths = [path for entry in entries for path in entry["files"].values()]
    assert len(entries) == 24
    assert len(paths) == {"none": 0, "original": 24, "all": 72}[media]
    assert all((Path(summary.delivery.url) / path).is_file() for path in paths)


def test_a_filter_is_pushed_down_and_believed_only_when_obeyed(exports: Exports, platform: Platform) -> None:
    """`where` exports the entries it names, and no others."""
    summary = exports.run(platform.source, exporter="json", where=["status=in_progress"], package="directory")

    document = json.loads((Path(summary.delivery.url) / "export.json").read_bytes())
    statuses = [entry["entry"]["attributes"]["status"] for entry in document["datasets"][0]["entries"]]
    assert set(statuses) == {"in_progress"}
    assert len(statuses) == 3


def test_a_jsonl_export_is_a_source(exports: Exports, platform: Platform) -> None:
    """From the platform to jsonl and from there to COCO gives the COCO that comes from the platform directly."""
    jsonl = exports.run(platform.source, "jsonl", exporter="jsonl", package="directory")
    direct = exports.run(platform.source, "direct", package="directory")
    again = exports.run(FolderSource(url=jsonl.delivery.url), "again", package="directory")

    def content(summary: Summary) -> dict[str, bytes]:
        top = Path(summary.delivery.url)
        return {str(one.relative_to(top)): one.read_bytes() for one in top.glob("*/*") if one.is_file()}

    assert content(again) == content(direct)
    assert again.tally == direct.tally


def test_a_jsonl_zip_is_a_source(exports: Exports, platform: Platform) -> None:
    """A zipped export is read where it lies."""
    jsonl = exports.run(platform.source, exporter="jsonl", package="zip")
    again = exports.run(FolderSource(url=jsonl.delivery.link), "again", exporter="jsonl", package="directory")

    assert again.tally.went_out == jsonl.tally.went_out


def test_strict_refuses_what_a_format_cannot_hold(exports: Exports, platform: Platform) -> None:
    """`strict` refuses in plan what the ontology declares and the format cannot hold, before anything is fetched."""
    with pytest.raises(RequestError, match="cannot hold classification, ellipse, polyline"):
        exports.run(platform.source, strict=True)
    assert platform.sandbox.requests["dataset/entries"] == 0


def test_an_empty_dataset_is_an_export_too(exports: Exports, platform: Platform) -> None:
    """A dataset without entries gives a valid, empty COCO, and says so."""
    store = platform.sandbox.store
    for entry in list(store.entries_of(store.datasets[0].id)):
        store.delete_entry(entry.id)

    summary = exports.run(platform.source, package="directory")

    coco = read_coco(summary.delivery.url)
    assert (coco.dataset["images"], coco.dataset["annotations"]) == ([], [])
    assert len(coco.dataset["categories"]) == 3


def test_what_was_missing_is_asked_for_again(exports: Exports, platform: Platform) -> None:
    """A file that was gone yesterday and is there today is exported today."""
    (entry, *_) = platform.sandbox.store.entries_of(platform.sandbox.store.datasets[0].id)
    platform.sandbox.faults.append(Fault(rf"medias/files/{entry.resource}", status=404, times=2))
    first = exports.run(platform.source, on_error="skip")
    second = exports.run(platform.source, on_error="skip")

    assert first.tally.has_faults
    assert not second.tally.has_faults
    assert second.downloaded_files == 1


def test_an_export_is_the_same_however_it_was_asked_for(exports: Exports, platform: Platform) -> None:
    """No dataset, its id or its name, and filters in another order, name one and the same export."""
    dataset = platform.sandbox.store.datasets[0]
    filters = ["status=completed", "wf_step=done"]
    asked: list[dict[str, Any]] = [
        {"where": filters},
        {"where": filters[::-1], "datasets": [dataset.id]},
        {"where": filters, "datasets": [dataset.name]},
    ]
    assert len({exports.run(platform.source, **one).delivery.export_id for one in asked}) == 1


def test_datasets_in_another_order_keep_their_entries(exports: Exports) -> None:
    """What is remembered of a shard does not put it under another dataset when they are asked for in another order."""
    sandbox = IdahSandbox(entries=3, datasets=2)
    with sandbox.serve() as url:
        source = IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY))
        for ids in (names := [one.id for one in sandbox.store.datasets]), names[::-1]:
            summary = exports.run(source, datasets=ids, exporter="json", package="directory")
            document = json.loads((Path(summary.delivery.url) / "export.json").read_bytes())
            assert [one["dataset"]["id"] for one in document["datasets"]] == ids
            for one in document["datasets"]:
                owners = {entry["entry"]["attributes"]["dataset_id"] for entry in one["entries"]}
                assert owners == {one["dataset"]["id"]}


def test_latest_points_at_the_export_that_was_asked_for_last(exports: Exports, platform: Platform) -> None:
    """Also when it was there already: whoever follows the pointer gets what the last run stands for."""
    first = exports.run(platform.source)
    second = exports.run(platform.source, where=["status=completed"])
    latest = Path(first.delivery.url).parent / "latest.json"
    assert json.loads(latest.read_bytes())["export_id"] == second.delivery.export_id

    again = exports.run(platform.source)
    assert again.delivery.was_there
    assert json.loads(latest.read_bytes())["export_id"] == first.delivery.export_id


def test_a_removed_workspace_is_made_again(exports: Exports, platform: Platform) -> None:
    """Results that are remembered do not outlive the workspace that they point into."""
    exports.run(platform.source, "first")
    shutil.rmtree(exports.folder / "workspace")
    exports.run(platform.source, "second")

    assert exports.delivered("first") == exports.delivered("second")


def test_the_run_leaves_a_summary_and_a_table_in_prefect(exports: Exports, platform: Platform) -> None:
    """The UI shows what was exported, where it lies, and what was left out and why."""
    summary = exports.run(platform.source)

    artifacts = newest_artifacts()
    text = next(one.data for one in artifacts if one.key == "export-summary" and summary.delivery.link in one.data)
    assert "| entries | 24 | 23 | 1 |" in text
    assert any("coco cannot hold the shape ellipse" in one.data for one in artifacts if one.key == "export-left-out")
