"""What `exporters.shard` promises: books that are kept for the exporter, not by it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Raw
from PIL import ExifTags, Image

from exporters import Assembly, Exporter, Holds, Item, NoOptions
from exporters.errors import FatalError, SkippableError
from exporters.formats.coco import CocoExporter
from exporters.formats.jsonl import JsonlExporter
from exporters.model import Box, Ellipse, Entry, Media, Skeleton
from exporters.options import RecordOptions
from exporters.pictures.upright import MediaFile
from exporters.preparing import EMPTIED
from exporters.shard import Shard
from exporters.survey import Placement
from exporters.tally import LeftOut
from exporters.testing.sharded import Output
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, SQUARE, WIDTH, annotation, dataset, entry, fetched, media_bytes, picture

BOX = Box(1.0, 1.0, 5.0, 5.0)
Convert = Callable[[Item, Shard[Any]], None]


class ScriptedExporter(Exporter[NoOptions]):
    """Does what the test says."""

    name = "scripted"
    description = "For tests."
    version = 1
    options = NoOptions

    def __init__(self, script: Convert, holds: Holds | None = None) -> None:
        self._script = script
        self.holds = holds or Holds()  # type: ignore[misc]

    def convert(self, item: Item, shard: Shard[NoOptions]) -> None:
        self._script(item, shard)

    def assemble(self, package: Assembly[NoOptions]) -> None:
        package.file("out.txt", package.pieces("lines"))


def keep(item: Item, shard: Shard[Any]) -> None:
    shard.append("lines", item.entry.id.encode(), b" ")
    shard.keep(item.entry.annotations)


def run(script: Convert, *entries: Entry, holds: Holds | None = None, **options: Any) -> Export:
    return run_export(ScriptedExporter(script, holds), [dataset()], entries, **options)


# -- books ------------------------------------------------------------------------------------------------------------


def test_entry_that_is_forgotten_is_found_out() -> None:
    """An exporter that neither keeps an entry nor leaves it out is stopped, with the entry's name."""
    with pytest.raises(FatalError, match="scripted neither kept entry e1 nor left it out"):
        run(lambda _item, _shard: None, entry("e1"))


def test_annotation_that_is_forgotten_is_found_out() -> None:
    """An exporter that keeps an entry without saying what became of an annotation makes sums that differ."""
    export = run(lambda item, shard: shard.keep(item.entry.annotations[:1]), entry("e1", BOX, BOX))
    with pytest.raises(FatalError, match="annotations of x do not add up: 2 came in, 1 went out and 0"):
        export.tally.check("x")


def test_entry_left_out_takes_all_of_it_along() -> None:
    """What was written for an entry is taken back when it is left out; its annotations and media are counted."""

    def script(item: Item, shard: Shard[Any]) -> None:
        keep(item, shard)
        if item.entry.id == "e2":
            shard.leave_out("it is the second")

    export = run(script, entry("e1", BOX), entry("e2", BOX, BOX), entry("e3", BOX))
    assert export.files["out.txt"] == b"e1 e3"
    assert set(export.medias) == {"images/e1.png", "images/e3.png"}
    assert export.tally.left_out == (
        LeftOut(kind="annotations", reason="its entry was left out", count=2, examples=("e2-a1", "e2-a2")),
        LeftOut(kind="entries", reason="it is the second", count=1, examples=("e2",)),
        LeftOut(kind="medias", reason="its entry was left out", count=1, examples=("e2-m",)),
    )
    export.tally.check("the export")
    assert export.tally.by_shape == {"box": 2}
    assert export.tally.by_category == {"c-car": 2}


def test_fault_after_writing_takes_all_of_it_back() -> None:
    """An entry that fails half way leaves nothing in the parts or the books but the fault."""

    def script(item: Item, shard: Shard[Any]) -> None:
        keep(item, shard)
        shard.leave_out_annotation(item.entry.annotations[0], "it is small")
        shard.change("made smaller")
        if item.entry.id == "e1":
            raise SkippableError("e1", "it is broken")
        shard.keep(item.entry.annotations[1:])

    export = run(script, entry("e1", BOX, BOX), entry("e2", BOX, BOX), skips_faults=True)
    assert export.files["out.txt"] == b"e2"
    assert [(left.kind, left.reason, left.count, left.is_fault) for left in export.tally.left_out] == [
        ("annotations", "it is small", 1, False),
        ("annotations", "its entry was left out", 2, True),
        ("entries", "it is broken", 1, True),
        ("medias", "its entry was left out", 1, True),
    ]
    assert export.tally.changed == {"made smaller": 1}


def test_fault_stops_the_run_unless_told_otherwise() -> None:
    """A fault of one entry is fatal by default, and says how to go on without it."""

    def script(_item: Item, _shard: Shard[Any]) -> None:
        raise SkippableError("e1", "it is broken")

    with pytest.raises(FatalError, match=r"e1 cannot be exported: it is broken.*--on-error skip"):
        run(script, entry("e1"))


def test_what_is_no_fault_of_an_entry_is_not_skipped() -> None:
    """A fault of the exporter itself ends the run, whatever the policy, and names the entry."""

    def script(_item: Item, _shard: Shard[Any]) -> None:
        raise ZeroDivisionError

    with pytest.raises(FatalError, match=r"scripted failed at the entry e1 \(ZeroDivisionError"):
        run(script, entry("e1"), skips_faults=True)


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_do_not_depend_on_what_is_left_out() -> None:
    """Entries and annotations are numbered as they came: one left out leaves a gap, in shards of any size."""
    seen: list[tuple[int, list[int]]] = []

    def script(item: Item, shard: Shard[Any]) -> None:
        seen.append((item.number, [one.number for one in item.annotations]))
        shard.leave_out("odd") if item.number % 2 else keep(item, shard)

    entries = [entry("e1", BOX, BOX), entry("e2", BOX), entry("e3"), entry("e4", BOX)]
    for size in (1, 3, 4):
        seen.clear()
        run(script, *entries, shard_size=size)
        assert seen == [(1, [1, 2]), (2, [3]), (3, []), (4, [4])]


# -- media ------------------------------------------------------------------------------------------------------------

PREVIEWED = entry("e1", BOX, medias=(picture("m1"), picture("m2", key="thumbs/small.png")), name="a/b.png")


@pytest.mark.parametrize(
    ("media", "paths", "left_out"),
    [
        ("none", [], {"media was not asked for": 2}),
        ("original", ["images/a/b.png"], {"derived media was not asked for": 1}),
        ("all", ["derived/images/a/b.png/thumbs/small.png", "images/a/b.png"], {}),
    ],
)
def test_media_are_those_asked_for(media: Any, paths: list[str], left_out: dict[str, int]) -> None:
    """No media, the originals, or all: each is in the package or counted as not asked for."""
    export = run(keep, PREVIEWED, media=media)
    assert sorted(export.medias) == paths
    assert {one.reason: one.count for one in export.tally.left_out} == left_out
    export.tally.check("the export")


def test_examples_are_of_what_was_left_out() -> None:
    """The examples of a reason are media that it holds for, not those that went out."""
    (left,) = run(keep, PREVIEWED, media="original").tally.left_out
    assert left.examples == ("m2",)


def test_exporter_is_told_where_media_lie() -> None:
    """An item names the package path of each media that is part of the package, and its file name in any case."""
    items: list[Item] = []

    def script(item: Item, shard: Shard[Any]) -> None:
        items.append(item)
        keep(item, shard)

    for media in ("none", "original", "all"):
        run(script, PREVIEWED, media=media)
    assert [item.file_name for item in items] == ["a/b.png"] * 3
    original, derived = {"m1": "images/a/b.png"}, {"m2": "derived/images/a/b.png/thumbs/small.png"}
    assert [dict(item.files) for item in items] == [{}, original, original | derived]


def test_media_lie_in_the_folder_of_their_split() -> None:
    """The media of a split have a folder of their own, so that names may repeat."""
    export = run(keep, entry("e1", name="a.png", split="train"), entry("e2", name="a.png", split="val"))
    assert sorted(export.medias) == ["images/train/a.png", "images/val/a.png"]


def test_split_and_folder_of_one_name_do_not_meet() -> None:
    """An entry of a split, and one without whose name begins with that split's, get a path each."""
    export = run(keep, entry("e1", name="a.png", split="train"), entry("e2", name="train/a.png"))
    assert len(export.medias) == 2


@pytest.mark.parametrize("split", hostile.SPLITS, ids=lambda split: ascii(split)[:30])
def test_hostile_split_stays_in_the_package(split: str, tmp_path: Any) -> None:
    """Whatever a split is called, its media stay in the media folder."""
    export = run(keep, entry("e1", split=split))
    (path,) = export.medias
    assert path.startswith("images/")
    export.write(tmp_path)


@pytest.mark.parametrize("key", [name for name in hostile.NAMES if name], ids=lambda key: ascii(key)[:30])
def test_hostile_key_stays_in_the_package(key: str, tmp_path: Any) -> None:
    """Whatever a derived media is called, it stays in the folder of derived media."""
    one = entry("e1", medias=(picture("m1"), picture("m2", key=key)))
    export = run(keep, one, media="all")
    assert any(path.startswith("derived/") for path in export.medias)
    export.write(tmp_path)


def test_derived_media_never_meet() -> None:
    """Derived media of two entries get a path each, however names and keys share their folders."""
    one = entry("e1", name="a", medias=(picture("m1", mime_type=None), picture("m2", key="b/c.png")))
    two = entry("e2", name="a/b", medias=(picture("m3", mime_type=None), picture("m4", key="c.png")))
    assert len(run(keep, one, two, media="all").medias) == 4


def test_file_of_another_size_is_a_fault() -> None:
    """A media file that contradicts the source's size is counted as a fault of its entry."""

    def files(media: Media) -> MediaFile:
        return fetched(picture(media.id, width=5, height=5)) if media.id == "e1-m" else fetched(media)

    export = run(keep, entry("e1"), entry("e2"), files=files, skips_faults=True)
    assert export.tally.has_faults
    assert export.files["out.txt"] == b"e2"


def test_file_of_an_entry_left_out_is_not_written() -> None:
    """A small file takes effect when its entry is kept, and only then."""

    def script(item: Item, shard: Shard[Any]) -> None:
        shard.write(f"labels/{item.stem}.txt", b"x")
        keep(item, shard) if item.entry.id == "e1" else shard.leave_out("it is the second")

    assert set(run(script, entry("e1"), entry("e2")).files) == {"labels/e1.txt", "out.txt"}


def test_position_of_a_picture_is_redacted() -> None:
    """Under redact=positions the delivered picture says no longer where it was taken; without it, it does."""
    located = Image.new("RGB", (WIDTH, HEIGHT))
    exif = located.getexif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    buffer = io.BytesIO()
    located.save(buffer, "JPEG", exif=exif)
    data = buffer.getvalue()
    file = MediaFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), crc32=0, width=WIDTH, height=HEIGHT)
    output = Output(lambda _file: io.BytesIO(data))
    for redact in ([], ["positions"]):
        options = RecordOptions.model_validate({"redact": redact})
        one = Shard(
            JsonlExporter(), options, Placement(), dataset=dataset(), media="original", files=lambda _media: file,
            skips_faults=False, output=output,
        )  # fmt: skip
        one.run([entry("e1")])
    assert [member.path for member in output.medias] == ["images/e1.png"]
    ((path, redacted),) = output.files
    assert path == "images/e1.png"
    assert not Image.open(io.BytesIO(redacted)).getexif().get_ifd(ExifTags.IFD.GPSInfo)


def test_position_that_cannot_be_taken_out_is_a_fault() -> None:
    """Under redact=positions, a file that may say where it was taken and cannot be cleaned is not delivered."""
    film = entry("e1", medias=(picture("m", mime_type="video/mp4"),))
    with pytest.raises(FatalError, match=r"m\.png is of a kind whose position cannot be taken out"):
        run_export(JsonlExporter(), [dataset()], [film], options={"redact": "positions"})
    made = run_export(JsonlExporter(), [dataset()], [film], options={"redact": "positions"}, skips_faults=True)
    assert made.tally.has_faults
    assert not made.medias


def test_authors_are_redacted() -> None:
    """Under redact=authors neither names of people nor the platform's records, which hold them, are delivered."""
    one = entry("e1", annotation("a", BOX, created_by="ada@example.org", raw=Raw(b'{"by":"ada@example.org"}')))
    files = run_export(JsonlExporter(), [dataset()], [one], options={"redact": "authors"}).files
    assert not any(b"ada@" in data for data in files.values())
    assert any(b"ada@" in data for data in run_export(JsonlExporter(), [dataset()], [one]).files.values())


def test_embedded_media_counts_as_out() -> None:
    """A format that embeds media reads the bytes; the file does not lie beside, and counts as exported."""
    read = []

    def script(item: Item, shard: Shard[Any]) -> None:
        original = item.entry.original
        assert original is not None
        read.append(shard.read_media(original))
        keep(item, shard)

    one = entry("e1")
    made = run(script, one, holds=Holds(embeds_media=True))
    assert read == [media_bytes(one.medias[0])]
    assert not made.medias
    assert made.tally.went_out["medias"] == 1


def test_exporter_may_finish_a_shard() -> None:
    """After the last entry of a shard the exporter writes what could only be written then, from the shard's memory."""

    class Counting(ScriptedExporter):
        def finish(self, shard: Shard[Any]) -> None:
            shard.append("lines", b"/%d" % shard.memory.get("count", 0))

    def script(item: Item, shard: Shard[Any]) -> None:
        shard.memory["count"] = shard.memory.get("count", 0) + 1
        keep(item, shard)

    entries = [entry("e1"), entry("e2"), entry("e3")]
    made = run_export(Counting(script), [dataset()], entries, shard_size=2)
    assert made.files["out.txt"].replace(b" ", b"") == b"e1e2/2e3/1"


def test_shard_runs_without_a_survey() -> None:
    """A shard of an export that is one shard needs no more than the default placement."""
    output = Output(lambda _file: io.BytesIO())
    shard = Shard(
        ScriptedExporter(keep),
        NoOptions(),
        Placement(),
        dataset=dataset(),
        media="none",
        files=None,
        skips_faults=False,
        output=output,
    )
    shard.run([entry("e1"), entry("e2")])
    assert output.parts == {"lines": b"e1 e2"}


# -- making entries ready ---------------------------------------------------------------------------------------------


def test_what_is_left_out_does_not_count_as_changed() -> None:
    """An annotation that is converted or clipped, and left out after all, is counted once: as left out."""
    over_the_border = Box(-5.0, -5.0, 20.0, 20.0)
    one = entry("e1", annotation("a", over_the_border, category_id=None), annotation("b", SQUARE, category_id=None))
    made = run_export(CocoExporter(), [dataset()], [one], options={"convert": "polygon_to_box"})
    assert made.tally.changed == {EMPTIED: 1}
    assert made.tally.left_out_count("annotations") == 2


def test_redaction_does_not_hide_whose_work_is_asked_for() -> None:
    """Whose annotations are taken is decided while the entry still says whose they are."""
    one = entry("e1", annotation("a", BOX, created_by="ada"), annotation("b", BOX, created_by="bob"))
    made = run_export(CocoExporter(), [dataset()], [one], options={"authors": "ada", "redact": "authors"})
    assert made.tally.went_out["annotations"] == 1


def test_work_that_was_not_asked_for_makes_no_negative() -> None:
    """A picture that the people asked for never annotated is left out: it is no negative of theirs."""
    one = entry("e1", annotation("a", BOX, created_by="ada"))
    made = run_export(CocoExporter(), [dataset()], [one], options={"authors": "bob"})
    assert made.tally.went_out.get("entries", 0) == 0


def test_unfinished_picture_that_loses_its_annotations_makes_no_negative() -> None:
    """A picture nobody completed, none of whose annotations the format holds, is not passed off as an empty one."""
    one = entry("e1", Ellipse(9.0, 9.0, 3.0, 3.0), state="in_progress")
    assert run_export(CocoExporter(), [dataset()], [one]).tally.went_out.get("entries", 0) == 0


@pytest.mark.parametrize(
    "one",
    [
        entry("odd", annotation("a", BOX, number=2**70), number=2**70),
        entry("odd", annotation("a", Skeleton(((1.0, 1.0), (9.0, 9.0)), (2,)))),
    ],
)
def test_hostile_records_are_exported_or_counted(one: Entry) -> None:
    """Numbers beyond 64 bits, and points without a word on their visibility, do not stop an export."""
    made = run_export(CocoExporter(), [dataset()], [one])
    made.tally.check("the export")
    assert made.tally.came_in["entries"] == 1


@pytest.mark.parametrize(("choice", "count"), [("reviewed", 1), ("all", 1), ("none", 0)])
def test_pictures_that_lose_all_annotations(choice: str, count: int) -> None:
    """A picture none of whose annotations is exported stays, or goes with empty_entries=none, and is counted."""
    made = run_export(
        CocoExporter(), [dataset()], [entry("e1", Ellipse(9.0, 9.0, 3.0, 3.0))], options={"empty_entries": choice}
    )
    assert made.tally.went_out.get("entries", 0) == count
    if not count:
        assert "none of its annotations is exported" in [left.reason for left in made.tally.left_out]
