"""The report beside a package, and what the Prefect UI shows of it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from blocks.storage import Storage
from blocks.store import Store
from exporters.model import Entry
from exporters.report import figures, tiles
from exporters.report.figures import SHOWN, Counted
from exporters.tally import LeftOut
from flows import preview_counting, preview_drawing, report
from flows.collect import collect
from flows.delivered import Summary
from flows.entry_links import EntryLinks
from flows.manifest import REPORT
from flows.preview_counting import COUNTED, FIGURES
from flows.preview_drawing import TILES
from flows.report import markdown, preview_markdown
from flows.verify import verify
from tests.fakes import hostile
from tests.flows.contextual_jobs import Plugs
from tests.flows.harness import Exports, Platform, newest_artifacts

pytestmark = pytest.mark.timeout(180)


def problems(summary: Summary) -> tuple[str, ...]:
    return verify(Storage(summary.delivery.url)).problems


def receipt(summary: Summary) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(summary.delivery.url) / "receipt.json").read_bytes())
    return loaded


@pytest.mark.parametrize("package", ["zip", "directory"])
def test_a_report_lies_beside_the_package_and_is_verified(exports: Exports, platform: Platform, package: str) -> None:
    """The receipt knows its digest; verify finds one that was changed, went, or was put where there was none."""
    summary = exports.run(platform.source, package=package)
    report = Path(summary.delivery.report)
    assert report == Path(summary.delivery.url) / REPORT
    assert receipt(summary)["report"]["size"] == report.stat().st_size
    assert problems(summary) == ()

    page = report.read_bytes()
    report.write_bytes(page.replace(b"<h1>", b"<h2>"))
    assert problems(summary) == (f"{REPORT} was changed",)
    report.unlink()
    assert problems(summary) == (f"{REPORT} is missing",)

    without = exports.run(platform.source, "without", package=package, report=False)
    assert problems(without) == ()
    (Path(without.delivery.url) / REPORT).write_bytes(page)
    assert problems(without) == (f"{REPORT} was added",)


def test_a_report_changes_nothing_but_the_receipt(exports: Exports, platform: Platform) -> None:
    """With and without it an export has one name, one manifest, one package; one that lies there stays as it is."""
    bare = exports.run(platform.source, report=False)
    files = exports.delivered()
    assert not bare.delivery.report
    assert "report" not in receipt(bare)
    assert bare.preview is None

    again = exports.run(platform.source)
    assert again.delivery.was_there
    assert exports.delivered() == files

    whole = exports.run(platform.source, "other", "another workspace")
    assert whole.delivery.export_id == bare.delivery.export_id
    name = f"{whole.plan.name}/{whole.delivery.export_id}/{REPORT}"
    delivered = exports.delivered("other")
    assert delivered.pop(name)
    assert delivered == files
    known = exports.run(platform.source, "other")
    assert (known.delivery.was_there, known.delivery.report) == (True, whole.delivery.report)


def test_its_figures_are_those_of_the_manifest(exports: Exports, platform: Platform) -> None:
    """Of each class as many annotations as the manifest counts, and as the delivered COCO file has."""
    summary = exports.run(platform.source, package="directory")
    folder = Path(summary.delivery.url)
    instances = json.loads((folder / "annotations/instances.json").read_bytes())
    names = {one["id"]: one["name"] for one in instances["categories"]}
    of_class = dict.fromkeys(names.values(), 0)
    pictures: dict[str, set[int]] = {name: set() for name in of_class}
    for one in instances["annotations"]:
        of_class[names[one["category_id"]]] += 1
        pictures[names[one["category_id"]]].add(one["image_id"])

    page = (folder / REPORT).read_text()
    for name, count in of_class.items():
        row = page.split(f"<bdi>{name}</bdi></td>")[1].split("</tr>", maxsplit=1)[0]
        assert re.findall(r'<td class="n">([\d,.]+)</td>', row) == [f"{count:,}", f"{len(pictures[name]):,}"]
    assert summary.by_class == {name: count for name, count in of_class.items() if count}
    assert page.count("data:image/jpeg;base64,") >= 12


def test_only_changed_entries_are_counted_and_drawn_again(
    exports: Exports, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was counted and drawn of entries is kept; tidying up keeps it while it is needed, and the page too."""
    counted, drawn = list[str](), list[str]()

    def counting(entry: Entry, *others: Any) -> Counted:
        counted.append(entry.id)
        return figures.counted(entry, *others)

    def drawing(sample: tiles.Sample, *others: Any) -> Any:
        drawn.append(sample.entry.id)
        return draw(sample, *others)

    draw = tiles.tile
    monkeypatch.setattr(preview_counting, "counted", counting)
    monkeypatch.setattr(preview_drawing, "tile", drawing)
    first = exports.run(platform.source, shard_entries=6)
    assert len(counted) == first.tally.went_out["entries"]
    assert drawn
    counted.clear()
    drawn.clear()
    store = platform.sandbox.store
    changed = next(one for one in store.entries_of(store.datasets[0].id) if one.status == "completed")
    store.change_entry(changed.id, name="renamed.jpg")
    second = exports.run(platform.source, shard_entries=6)
    assert second.delivery.export_id != first.delivery.export_id
    assert counted == [changed.id]
    assert len(drawn) in (0, 1, SHOWN)  # on no tile, on one, or on the sheet, which is one picture

    workspace = Store(Storage(str(exports.folder / "workspace")))
    collect(workspace, keep=1, grace_seconds=-60)
    assert second.preview
    assert all(map(workspace.storage.exists, (second.preview.path, second.preview.sheet, *second.preview.kept)))
    for folder in (FIGURES, COUNTED, TILES):
        there = {f"{folder}/{name}" for name in workspace.storage.files(folder)} - {second.preview.sheet}
        assert there == {one for one in second.preview.kept if one.startswith(f"{folder}/")}

    fresh = exports.run(platform.source, "other", "another workspace", shard_entries=6)
    assert Path(fresh.delivery.report).read_bytes() == Path(second.delivery.report).read_bytes()


def test_whatever_goes_wrong_with_it_the_export_is_delivered(
    exports: Exports, platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the report is a warning, and an export without one."""

    def broken(*_: Any) -> None:
        raise ValueError("no colours left")

    monkeypatch.setattr("exporters.report.page.page", broken)
    summary = exports.run(platform.source)
    assert problems(summary) == ()
    assert summary.delivery.report == ""
    assert "The report could not be made (ValueError: no colours left)" in caplog.text


def test_exporters_that_see_all_entries_at_once_have_reports(exports: Exports, platform: Platform, plug: Plugs) -> None:
    """Also of a plug-in; one that writes a file of that name itself keeps it."""
    plug("context.io.directory.joinpath('a.txt').write_text('a')")
    summary = exports.run(platform.source, exporter="mine", package="directory")
    assert "<h2>Samples</h2>" in Path(summary.delivery.report).read_text()
    assert problems(summary) == ()

    plug("context.io.directory.joinpath('report.html').write_text('mine')", name="own")
    own = exports.run(platform.source, exporter="own", package="directory")
    assert (Path(own.delivery.url) / REPORT).read_text() == "mine"
    assert own.delivery.report == ""
    assert problems(own) == ()


def test_the_prefect_ui_shows_samples_classes_and_durations(exports: Exports, platform: Platform) -> None:
    """A sheet below 200 kB as an artifact of its own; the summary counts classes, and says what each step took."""
    summary = exports.run(platform.source)
    artifacts = newest_artifacts()
    sheet = next(one.data for one in artifacts if one.key == "export-preview" and summary.delivery.report in one.data)
    data = re.search(r"\(data:image/jpeg;base64,([^)]+)\)", sheet)
    assert data
    assert len(data[1]) <= 200_000
    assert base64.b64decode(data[1]).startswith(b"\xff\xd8")
    text = next(one.data for one in artifacts if one.key == "export-summary" and summary.delivery.link in one.data)
    assert f"| Car | {summary.by_class['Car']} | █" in text
    assert all(f"| {step} | " in text for step in ("plan", "fetch", "transform", "package", "preview", "deliver"))
    assert summary.delivery.report in text


NASTY = "[x](javascript:alert(1)) | <img src=x onerror=alert(1)> `` ![y](https://elsewhere.example) \n# head"


def test_names_do_nothing_in_the_prefect_ui(exports: Exports, platform: Platform) -> None:
    """Reasons, ids and classes are text in Markdown: no link, no picture, no heading, no row of a table."""
    summary = exports.run(platform.source)
    left = (LeftOut(kind="entries", reason=NASTY, count=1, examples=(NASTY,)),)
    tally = summary.tally.model_copy(update={"left_out": left})
    bad = summary.model_copy(update={"tally": tally, "by_class": {NASTY: 3}})
    links = EntryLinks(bad, platform.source, Store(Storage(str(exports.folder / "workspace"))))
    for text in (markdown(bad, links), preview_markdown(bad, b"x")):
        bare = re.sub(r"\\.", "", text)
        assert "javascript" not in re.findall(r"\]\((.*?)\)", bare)
        assert "<img" not in bare
        assert "\n# head" not in bare
        assert "elsewhere" not in "".join(re.findall(r"!\[[^\]]*\]\(([^)]*)\)", bare))


MARKS = ("", "`", "``", "```\n# head", "\r# head", "| a | b |", "https://elsewhere.example", "www.elsewhere.example")


@pytest.mark.parametrize("mark", [*hostile.NAMES[:60], *MARKS, NASTY])
def test_a_reader_of_markdown_sees_texts_and_nothing_else(mark: str) -> None:
    """What a real parser makes of any name, as a text or as code in a row of a table, is one text in one row."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(f"| {report._text(mark)} |\n| --- |\n| {report._text(mark)} |\n\n{report._code(mark)} .\n")
    assert [one.type for one in tokens].count("tr_open") == 2
    inner = [child for one in tokens for child in one.children or ()]
    assert {one.type for one in inner} <= {"text", "code_inline", "text_special"}
    assert sum(one.type == "code_inline" for one in inner) == bool(mark)
    assert not any(one.type in ("heading_open", "html_block", "fence", "hr") for one in tokens)


def test_what_was_left_out_is_linked_to_the_platform(exports: Exports, platform: Platform) -> None:
    """Where the block says how the platform addresses entries; of several datasets the right one is named."""
    store = platform.sandbox.store
    store.copy_dataset(store.datasets[0].id, "another")
    source = platform.source.model_copy(update={"entry_link": "https://ui.example/{dataset}/(e)/{entry}"})
    summary = exports.run(source, datasets=[one.id for one in store.datasets])
    workspace = Store(Storage(str(exports.folder / "workspace")))
    links = EntryLinks(summary, source, workspace)
    (left,) = (one for one in summary.tally.left_out if one.kind == "entries")
    owners = {entry.id: one.id for one in store.datasets for entry in store.entries_of(one.id)}
    assert links.of(left) == {one: f"https://ui.example/{owners[one]}/(e)/{one}" for one in left.examples}
    assert f"](https://ui.example/{owners[left.examples[0]]}/%28e%29/{left.examples[0]})" in markdown(summary, links)
    assert not EntryLinks(summary, platform.source, workspace)
