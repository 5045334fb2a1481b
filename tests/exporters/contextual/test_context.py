"""What a contextual exporter is given: entries as it iterates, progress, errors, the books."""

from __future__ import annotations

import copy
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from pydantic import BaseModel, Field

from exporters.contextual import Context, Counts, Faulty, IoContext
from exporters.contextual.books import FILTERED, NOT_READ, OTHER
from exporters.contextual.signals import Failed, Rescheduled
from exporters.converted import ENTRY_LEFT_OUT
from exporters.errors import FatalError, RequestError
from exporters.model import Dataset, Entry, Media
from exporters.shard import MEDIA_NOT_ASKED_FOR
from exporters.tally import KINDS, Tally
from exporters.testing import run
from exporters.testing.data import Datasets
from tests.fakes.datasets import SQUARE, annotation, dataset, entry, media_bytes, one_of_each, picture

BOX = one_of_each()["box"]


def two_datasets() -> Datasets:
    """Two entries with a box and a polygon each, and one without annotations."""
    first = [entry("e1", BOX, SQUARE), entry("e2", BOX, SQUARE, state="in_progress")]
    return Datasets([(dataset("d1"), first), (dataset("d2"), [entry("e3", dataset_id="d2")])], media_bytes)


def exported(export: Callable[[Context], Any], data: Any = None, **options: Any) -> Any:
    """The result of an exporter that consists of this function."""
    body = {"name": "mine", "description": "Mine.", "export": lambda _self, context: export(context) and None}
    return run(type("Mine", (), body), data or two_datasets(), **options)


def read_all(context: Context) -> None:
    for one in context.datasets:
        for each in one.entries():
            each.annotations()
            each.medias()


# -- reading ----------------------------------------------------------------------------------------------------------


def test_everything_is_there_in_order() -> None:
    """Ids of datasets, datasets, entries, annotations and medias, each with its record and its model."""
    seen: list[Any] = []

    def export(context: Context) -> None:
        seen.append(context.dataset_ids)
        for one in context.datasets:
            for each in one.entries():
                medias = [media.record.filename for media in each.medias()]
                shapes = [type(found.model.shape).__name__ for found in each.annotations()]
                seen.append((one.record.id, each.record.id, shapes, medias))

    exported(export)
    assert seen == [
        ["d1", "d2"],
        ("d1", "e1", ["Box", "Polygon"], ["e1-m.png"]),
        ("d1", "e2", ["Box", "Polygon"], ["e2-m.png"]),
        ("d2", "e3", [], ["e3-m.png"]),
    ]


def test_the_documentations_names_work_too() -> None:
    """`dataset.dataset`, `entry.entry`, `annotation.annotation` and `media.media` are the records."""

    def export(context: Context) -> None:
        one = next(context.datasets)
        each = next(iter(one.entries()))
        assert one.dataset is one.record
        assert each.entry is each.record
        found, media = each.annotations()[0], each.medias()[0]
        assert found.annotation.id == found.record.id
        assert found.annotation.annotation["category"] == "c-car"
        assert found.annotation.dimensions["type"] == "idah-image:bounding-box"
        assert media.media.filename == "e1-m.png"

    exported(export)


def test_filters_are_given_as_a_mapping_or_by_name() -> None:
    """Both at once must all be met."""

    def export(context: Context) -> None:
        one = next(context.datasets)
        assert [each.record.id for each in one.entries({"status": "completed"})] == ["e1"]
        assert [each.record.id for each in one.entries(status="in_progress")] == ["e2"]
        assert [each.record.id for each in one.entries({"status": "completed"}, id="e2")] == []
        each = next(iter(one.entries()))
        assert [found.record.id for found in each.annotations({"type": "polygon"})] == ["e1-a2"]
        assert [media.record.id for media in each.medias(key="")] == ["e1-m"]
        assert each.medias({"key": "thumbnail.webp"}) == []

    exported(export)


@pytest.mark.parametrize("kind", ["entries", "annotations", "medias"])
def test_an_unknown_filter_never_gives_everything(kind: str) -> None:
    """It ends the export with the nearest name."""

    def export(context: Context) -> None:
        for one in context.datasets:
            for each in one.entries({"identity": "x"} if kind == "entries" else {}):
                getattr(each, kind)({"identity": "x"})

    with pytest.raises(RequestError, match="There is no filter 'identity'"):
        exported(export)


def test_entries_are_read_when_they_are_asked_for() -> None:
    """One at a time, and again each time: nothing is held."""
    opened: list[str] = []

    class Watched(Datasets):
        def entries(self, one: Dataset) -> Iterator[Entry]:
            for each in super().entries(one):
                opened.append(each.id)
                yield each

    data = two_datasets()
    watched = Watched([(one, list(data.entries(one))) for one in data.datasets], data.read_media)

    def export(context: Context) -> None:
        listed = next(context.datasets).entries()
        assert opened == []
        iterator = iter(listed)
        next(iterator)
        assert opened == ["e1"]
        assert [each.record.id for each in listed] == ["e1", "e2"]
        assert opened == ["e1", "e1", "e2"]

    exported(export, watched)


def test_entries_can_be_counted() -> None:
    """Counting tells how many a filter lets pass, and counts none of them as exported."""

    def export(context: Context) -> None:
        one, other = context.datasets
        assert len(one.entries()) == 2
        assert len(one.entries(status="completed")) == 1
        assert not one.entries(status="errored")
        assert other.entries()

    assert exported(export).left_out("entries") == {NOT_READ: 3}


# -- options ----------------------------------------------------------------------------------------------------------


class Sized(BaseModel):
    size: int = Field(default=2, description="How large.")
    api_key: str | None = None


def test_options_are_attributes_and_a_mapping() -> None:
    """As their model has them, converted and with defaults; a name that was not declared is no None."""
    seen: list[Any] = []

    class Mine:
        name, description, options = "mine", "Mine.", Sized

        def export(self, context: Context) -> None:
            options = context.options
            seen.append((options.size, options["size"], options.get("api_key"), options.get("zzz", 1), dict(options)))
            with pytest.raises(KeyError, match="have no 'zzz'; declare it"):
                options["zzz"]
            with pytest.raises(AttributeError):
                _ = options.zzz
            assert isinstance(options.model, Sized)
            assert copy.copy(options).size == 5

    run(Mine, two_datasets(), size="5")
    assert seen == [(5, 5, None, 1, {"size": 5, "api_key": None})]


# -- progress, errors, log --------------------------------------------------------------------------------------------


def test_progress_follows_the_entries() -> None:
    """Not only the datasets; reading again does not set it back."""

    def export(context: Context) -> None:
        read_all(context)
        read_all(context)
        assert context.progress == 1.0

    assert exported(export).progress == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_progress_set_by_hand_is_left_alone() -> None:
    """The exporter knows better from then on."""

    def export(context: Context) -> None:
        context.progress = 0.25
        read_all(context)
        context.progress = 1

    assert exported(export).progress == [0.25, 1.0]


@pytest.mark.parametrize("fraction", [-0.1, 1.5, "half", None, float("nan")])
def test_progress_is_a_fraction(fraction: Any) -> None:
    """Anything else is a mistake, and said."""
    with pytest.raises(FatalError, match="a number from 0 to 1"):
        exported(lambda context: setattr(context, "progress", fraction))


def test_an_error_ends_the_export_at_once() -> None:
    """It is not caught by the exporter's own `except Exception`, runs `finally`, and nothing behind it."""
    steps: list[str] = []

    def export(context: Context) -> None:
        try:
            try:
                float("no answer")
            except ValueError as error:
                context.error(f"API connection failed: {error}")
                raise
        except Exception:  # noqa: BLE001 - what exporters do
            steps.append("caught")
        finally:
            steps.append("finally")
        steps.append("behind")

    result = exported(export)
    assert result.errors == ["API connection failed: could not convert string to float: 'no answer'"]
    assert steps == ["finally"]
    assert issubclass(Failed, BaseException)
    assert not issubclass(Failed, Exception)


def test_an_error_that_is_caught_all_the_same_counts() -> None:
    """A bare `except:` does not make an export of what has failed."""

    def export(context: Context) -> None:
        try:
            context.error("no answer")
        except:  # noqa: E722 - what exporters do
            context.io.file().write("half")

    result = exported(export)
    assert (result.errors, result.files) == (["no answer"], {})


def test_rescheduling_ends_the_attempt() -> None:
    """With the seconds to wait; ten when none are given."""
    assert exported(lambda context: context.reschedule(after=60)).rescheduled_after == 60
    assert exported(lambda context: context.reschedule()).rescheduled_after == 10
    assert not issubclass(Rescheduled, Exception)
    with pytest.raises(FatalError, match="takes a number of seconds, not 'soon'"):
        exported(lambda context: context.reschedule(after="soon"))


def test_the_log_has_what_anybody_logs() -> None:
    """`context.log` and the standard `logging` of whatever the exporter uses."""

    def export(context: Context) -> None:
        context.log.info("Starting %d", 1)
        logging.getLogger("somebody.else").warning("careful")
        context.log.debug("not kept")

    assert exported(export).log == ["Starting 1", "careful"]


# -- medias -----------------------------------------------------------------------------------------------------------


def test_a_media_is_bytes_a_stream_and_a_file() -> None:
    """`download()`, `open()` and `path` give the same; a copy that was made for `path` goes with the entry."""
    paths: list[Path] = []

    def export(context: Context) -> None:
        for each in next(context.datasets).entries():
            (media,) = each.medias()
            with media.open() as stream:
                assert stream.read() == media.download() == media.path.read_bytes() == media_bytes(media.model)
            assert media.path == media.path
            assert not [path for path in paths if path.exists()]
            paths.append(media.path)

    exported(export)
    assert len(paths) == 2
    assert not [path for path in paths if path.exists()]


def test_a_local_file_is_not_copied(tmp_path: Path) -> None:
    """Where the bytes lie on this machine, `path` is where."""
    (tmp_path / "here").write_bytes(b"x")

    class Local(Datasets):
        def path(self, media: Media) -> Path | None:
            return tmp_path / "here"

    data = Local([(dataset("d1"), [entry("e1")])], media_bytes)
    exported(
        lambda context: _equal(next(iter(next(context.datasets).entries())).medias()[0].path, tmp_path / "here"), data
    )


def _equal(one: Any, other: Any) -> None:
    assert one == other


def test_a_large_download_warns_once() -> None:
    """With its size, and the name of what reads it as a stream."""
    large = [entry(f"e{number}", medias=(picture(f"m{number}", size=100_000_000),)) for number in range(3)]
    data = Datasets([(dataset("d1"), large)], lambda _media: b"x")

    def export(context: Context) -> None:
        for each in next(context.datasets).entries():
            each.medias()[0].download()

    (line,) = exported(export, data).log
    assert line == "Media m0 has 100 MB, and download() holds all of it in memory; open() reads it as a stream."


def test_media_that_was_not_fetched_is_described_only() -> None:
    """Its record is there; its bytes are refused with what to ask for, and it counts as left out."""
    data = Datasets([(dataset("d1"), [entry("e1")])], lambda _media: None)

    def export(context: Context) -> None:
        for each in next(context.datasets).entries():
            (media,) = each.medias()
            assert media.record.filename == "e1-m.png"
            with pytest.raises(
                FatalError, match="no bytes of media e1-m: media was not asked for; export with --media"
            ):
                media.download()

    assert exported(export, data).left_out("medias") == {MEDIA_NOT_ASKED_FOR: 1}


def test_safe_names_meet_nowhere() -> None:
    """Files that were all uploaded as one name, or as a path elsewhere, get names of their own for every disk."""
    names = ["a.jpg", "a.jpg", "A.JPG", "../a.jpg", "/etc/passwd", "", "x" * 300 + ".png", "con.png"]
    medias = tuple(picture(f"m{number}", name=name) for number, name in enumerate(names))
    data = Datasets([(dataset("d1"), [entry("e1", medias=medias)])], media_bytes)
    made: list[str] = []
    exported(
        lambda context: made.extend(one.safe_name for one in next(iter(next(context.datasets).entries())).medias()),
        data,
    )
    assert len({name.casefold() for name in made}) == len(names)
    assert all("/" not in name and len(name.encode()) < 255 for name in made)
    assert made[0] == "a~id-m0.jpg"


# -- the books --------------------------------------------------------------------------------------------------------


def counts(tally: Tally) -> dict[str, tuple[int, int, int]]:
    return {
        kind: (tally.came_in.get(kind, 0), tally.went_out.get(kind, 0), tally.left_out_count(kind)) for kind in KINDS
    }


def test_what_the_exporter_is_given_goes_out() -> None:
    """However often it is given."""

    def export(context: Context) -> None:
        read_all(context)
        read_all(context)

    tally = exported(export).tally
    assert counts(tally) == {"entries": (3, 3, 0), "annotations": (4, 4, 0), "medias": (3, 3, 0)}
    assert tally.by_shape == {"box": 2, "polygon": 2}
    assert tally.by_category == {"c-car": 4}


def test_what_nobody_read_is_left_out() -> None:
    """An exporter that stops early, or never asks for annotations, loses nothing silently."""

    def export(context: Context) -> None:
        for _ in next(context.datasets).entries():
            break

    result = exported(export)
    assert result.left_out("entries") == {NOT_READ: 2}
    assert result.left_out("annotations") == {NOT_READ: 4}
    assert result.left_out("medias") == {NOT_READ: 3}


def test_what_a_filter_excludes_is_left_out_for_that() -> None:
    """Unless another filter lets it pass; which ones, the examples say."""

    def export(context: Context) -> None:
        for one in context.datasets:
            for each in one.entries(status="completed"):
                each.annotations(type="polygon")
                each.medias(key="x")

    tally = exported(export).tally
    assert {(one.kind, one.reason): (one.count, one.examples) for one in tally.left_out} == {
        ("entries", FILTERED): (1, ("e2",)),
        ("annotations", FILTERED): (3, ("e1-a1", "e2-a1", "e2-a2")),
        ("medias", FILTERED): (3, ("e1-m", "e2-m", "e3-m")),
    }

    def export_again(context: Context) -> None:
        export(context)
        read_all(context)

    assert counts(exported(export_again).tally)["annotations"] == (4, 4, 0)


def test_an_entry_can_be_left_out_with_a_reason() -> None:
    """It takes its annotations and medias along, also those that were read already; the first reason counts."""

    def export(context: Context) -> None:
        read_all(context)
        for one in context.datasets:
            for each in one.entries(id="e1"):
                each.leave_out("it has no boxes")
                each.leave_out("another reason")
                each.annotations()

    result = exported(export)
    assert result.left_out("entries") == {"it has no boxes": 1}
    assert result.left_out("annotations") == {ENTRY_LEFT_OUT: 2}
    assert result.tally.by_shape == {"box": 1, "polygon": 1}
    assert not result.tally.has_faults


def test_an_annotation_can_be_left_out_with_a_reason() -> None:
    """The others go out."""

    def export(context: Context) -> None:
        for one in context.datasets:
            for each in one.entries():
                for found in each.annotations():
                    if found.record.shape["type"] == "idah-image:polygon":
                        found.leave_out("a polygon")

    result = exported(export)
    assert result.left_out("annotations") == {"a polygon": 2}
    assert result.tally.by_shape == {"box": 2}


def test_a_fault_is_for_the_run_to_decide() -> None:
    """It ends an export that must not lose anything, and is counted by one that may skip."""

    def export(context: Context) -> None:
        for each in next(context.datasets).entries(id="e1"):
            each.leave_out("its picture is broken", is_fault=True)

    with pytest.raises(FatalError, match=r"Entry e1 cannot be exported: its picture is broken; leave such entries out"):
        exported(export)
    tally = exported(export, skips_faults=True).tally
    assert [(one.count, one.is_fault) for one in tally.left_out if one.reason == "its picture is broken"] == [(1, True)]


class WithFault(Datasets):
    """Whose second entry cannot be exported."""

    def entries(self, one: Dataset) -> Iterator[Any]:
        for number, each in enumerate(super().entries(one)):
            yield Faulty(each, "its media is gone (404)", "its media a.png is gone (404)") if number == 1 else each


def test_entries_that_cannot_be_exported_never_reach_the_exporter() -> None:
    """They end the run, for a reason of their own, or are counted as faults with all that belongs to them."""
    data = WithFault([(dataset("d1"), [entry("e1", BOX), entry("e2", BOX), entry("e3", BOX)])], media_bytes)
    seen: list[str] = []

    def export(context: Context) -> None:
        one = next(context.datasets)
        seen.extend(each.record.id for each in one.entries())
        assert len(one.entries()) == 2

    with pytest.raises(FatalError, match=r"Entry e2 cannot be exported: its media a\.png is gone"):
        exported(export, data)
    seen.clear()
    tally = exported(export, data, skips_faults=True).tally
    assert seen == ["e1", "e3"]
    assert [one.reason for one in tally.left_out if one.kind == "entries"] == ["its media is gone (404)"]
    assert {one.kind: one.count for one in tally.left_out if one.is_fault} == {
        "entries": 1,
        "annotations": 1,
        "medias": 1,
    }


def test_reasons_do_not_grow_with_the_dataset() -> None:
    """A reason with an id in it is none to count by: after a hundred of them the others share one."""
    many = [entry(f"e{number}") for number in range(150)]

    def export(context: Context) -> None:
        for each in next(context.datasets).entries():
            each.leave_out(f"reason\n{each.record.id} " + "x" * 500)

    result = exported(export, Datasets([(dataset("d1"), many)], media_bytes))
    reasons = result.left_out("entries")
    assert len(reasons) == 101
    assert reasons[OTHER] == 50
    assert all(len(reason) <= 200 and "\n" not in reason for reason in reasons)


def test_an_empty_export_adds_up(tmp_path: Path) -> None:
    """No dataset, or one without entries."""
    exported(read_all, Datasets([], media_bytes)).assert_complete()
    exported(read_all, Datasets([(dataset("d1"), [])], media_bytes)).assert_complete()
    assert Counts() + Counts(1, 2, 3) == Counts(1, 2, 3)
    context = Context(Datasets([], media_bytes), Sized(), IoContext(tmp_path), log=logging.getLogger())
    assert list(context.datasets) == []


def test_streams_are_the_sources_own() -> None:
    """`open` hands out what the source opens: nothing is read before the exporter does."""
    handed: list[IO[bytes]] = []

    class Streams(Datasets):
        def open(self, media: Media) -> IO[bytes]:
            handed.append(io.BytesIO(b"stream"))
            return handed[-1]

    data = Streams([(dataset("d1"), [entry("e1", annotation("a", BOX))])], media_bytes)

    def export(context: Context) -> None:
        stream = next(iter(next(context.datasets).entries())).medias()[0].open()
        assert stream is handed[0]
        assert stream.tell() == 0

    exported(export, data)
