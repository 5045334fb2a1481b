"""UPD is a way out and a way in: what the format `upd` writes, the source `upd:` reads back as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import fields, replace
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.upd import UpdSource
from exporters import registry
from exporters.model import (
    Annotation,
    Box,
    Category,
    Dataset,
    Entry,
    Keyframe,
    Media,
    Part,
    Polygon,
    Skeleton,
    Track,
)
from exporters.pictures.upright import MediaFile
from exporters.shard import MediaChoice
from tests.blocks.samples import read_media
from tests.exporters.upd.writing import write
from tests.fakes import hostile
from tests.fakes.datasets import (
    BLOB,
    PAIR,
    RING,
    annotation,
    dataset,
    entry,
    fetched,
    media_bytes,
    one_of_each,
    picture,
)
from tests.flows.harness import Exports
from tests.strategies import boxes, masks, polygons, skeletons

pytestmark = pytest.mark.skipif("upd" not in registry.all(), reason="the format upd is not registered")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.upd"


def read(path: Path, choice: MediaChoice = "all") -> dict[str, list[Entry]]:
    """The entries of a file by dataset, their media as it was before it lay in a file."""
    source = UpdSource(url=str(path))
    return {
        one.id: list(map(_bare, source.read(one, list(source.list_entries(one, {})), choice)))
        for one in source.choose(())
    }


def _bare(one: Entry) -> Entry:
    """Without what says where the bytes of its media are, and which they are."""
    return replace(one, medias=tuple(replace(media, ref="", version="") for media in one.medias))


def _bare_all(entries: Sequence[Entry]) -> list[Entry]:
    return list(map(_bare, entries))


def full(kind: type[Any], **values: Any) -> Any:
    """One with a value of its own in every field: a field that joins the model joins this test."""
    given_names = set(values) - {"raw"}
    assert given_names == {field.name for field in fields(kind)} - {"raw"}
    return kind(raw=Raw(b'{"a":[1.50,"\\u00e9"],"a":null}'), **values)


MEDIA = {
    "ref": "r", "version": "v", "mime_type": "image/png", "width": 64, "height": 48, "frame": "upright",
    "duration": 2.5, "frame_rate": 30000 / 1001, "frames_count": 75,
}  # fmt: skip


def full_entry() -> Entry:
    medias = (
        full(Media, **MEDIA, id="m", name="a.png", key="", size=1234),
        full(Media, **MEDIA, id="m2", name="b.png", key="z" * 300, size=1234),
        full(Media, **{**MEDIA, "mime_type": "x/" + "y" * 80}, id="m3", name="c", key="a", size=1234),
    )
    return full(  # type: ignore[no-any-return]
        Entry,
        id="e",
        dataset_id="d",
        name="n" * 100,
        state="rejected",
        number=7,
        split="val",
        medias=medias,
        annotations=tuple(
            full(
                Annotation,
                id=f"a{index}",
                shape=shape,
                category_id=["c-car", "", None][index % 3],
                number=index,
                box=Box(1 / 3, 2.0, 3.0, 4.0),
                area=0.1,
                is_crowd=True,
                group_id="g",
                attributes={"b": [1, {"c": None}], "": True},
                stage="review",
                created_by="someone",
                created_at="2026-01-14 10:23:18 +0000",
                updated_at="yesterday",
            )
            for index, shape in enumerate((*one_of_each().values(), *FURTHER))
        ),
        attributes={"weather": "rain", "nested": {"x": 1.5}},
        created_at="2026-01-14 10:23:18 +0000",
        updated_at="2026-01-15T10:23:18Z",
    )


FURTHER = (
    RING,
    PAIR,
    Skeleton(((1.0, 2.0),), (2,), RING),
    Track((Keyframe(0, BLOB, attributes={"occluded": True}), Keyframe(3, BLOB, is_outside=True))),
    Track((Keyframe(5, Polygon((Part(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),))),)),
)


def test_every_shape_and_every_field(path: Path) -> None:
    """An entry with every kind of shape, and a value in each field of all that belongs to it, comes back the same."""
    wanted = full_entry()
    write(path, [wanted], [dataset("d")], media="all", files=_file)
    assert read(path) == {"d": [_bare(wanted)]}


def _file(media: Media) -> MediaFile:
    return fetched(replace(media, mime_type="image/png"))


def test_every_field_of_a_dataset(path: Path) -> None:
    """A dataset comes back with its classes and all that is known of them; how many entries it holds is counted."""
    category = Category(
        id="c",
        name="Car",
        number=3,
        parent="v",
        color="#ff0000",
        keypoints=("a", "b"),
        skeleton=((0, 1),),
        shapes=("box",),
    )
    wanted = full(
        Dataset, id="d" * 90, name="N" * 90, modality="m" * 90, categories=(category, Category(id="", name="")),
        split="val", attributes={"licence": "CC0"}, entries_count=9,
    )  # fmt: skip
    write(path, [], [wanted])
    source = UpdSource(url=str(path))
    assert source.choose(()) == [replace(wanted, entries_count=0)]
    assert source.dataset("N" * 90).id == "d" * 90


def test_media_comes_back_byte_for_byte(path: Path) -> None:
    """The bytes of embedded media are those that were exported, known by their digest; the others are told apart."""
    medias = (picture("m"), picture("small", key="small.png"))
    wanted = [
        entry("e", medias=medias),
        entry("text", medias=(picture("t", mime_type="text/plain", width=None, height=None),)),
    ]
    write(path, wanted, [dataset()], media="all")
    source = UpdSource(url=str(path))
    (found,) = source.choose(())
    for one, original in zip(source.read(found, list(source.list_entries(found, {})), "all"), wanted, strict=True):
        assert [media.key for media in one.medias] == [media.key for media in original.medias]
        assert [read_media(source, media) for media in one.medias] == list(map(media_bytes, original.medias))
        assert all(media.version.startswith("sha256:") for media in one.medias)


@pytest.mark.parametrize("choice", ["none", "original"])
def test_media_that_was_not_taken_along(path: Path, choice: MediaChoice) -> None:
    """What was not taken along is described as it was, all the same."""
    wanted = [entry("e", medias=(picture("m"), picture("small", key="small.png"))), entry("none", medias=())]
    write(path, wanted, [dataset()], media=choice)
    assert read(path) == {"d1": _bare_all(wanted)}
    assert [len(one.medias) for one in read(path, "original")["d1"]] == [1, 0]


def test_hostile_names_ids_and_classes(path: Path) -> None:
    """Whatever things are called, and however long, comes back as it is, also where ids meet."""
    ids = [*hostile.IDS, *(id_ + "~" + "0" * 32 for id_ in hostile.IDS)]
    wanted = {
        "d1": hostile.entries(),
        "d2": hostile.entries("d2"),
        "d3": [
            entry(id_, annotation("a", Box(1.0, 2.0, 3.0, 4.0), category_id=id_, attributes={id_: id_}),
                  dataset_id="d3", medias=(picture(id_, key=key, name=id_),), attributes={id_: id_})
            for id_, key in zip(ids, ["", *ids[1:]], strict=True)
        ],
    }  # fmt: skip
    datasets = [hostile.categories("d1"), dataset("d2", name=hostile.NAMES[-8]), dataset("d3", name=hostile.NAMES[5])]
    write(path, wanted, datasets)
    assert read(path) == {id_: _bare_all(entries) for id_, entries in wanted.items()}
    assert UpdSource(url=str(path)).choose(()) == [replace(one, entries_count=len(wanted[one.id])) for one in datasets]


def test_annotations_that_refer_to_each_other(path: Path) -> None:
    """A relation still leads from one annotation to the other where their ids had to be told apart."""
    one = entry("e1", *one_of_each().values())
    other = entry("e2", *(replace(each, raw=Raw(b"{}")) for each in one.annotations), dataset_id="d2")
    write(path, {"d1": [one], "d2": [other]}, [dataset("d1"), dataset("d2")])
    assert read(path) == {"d1": [_bare(one)], "d2": [_bare(other)]}


SHAPES = st.one_of(boxes(margin=9.0), polygons(margin=9.0), masks(), skeletons())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(drawn=st.lists(st.lists(SHAPES, max_size=4), max_size=4))
def test_any_shape_comes_back(path: Path, drawn: list[list[Any]]) -> None:
    """Coordinates are the same numbers afterwards, whatever they are."""
    path.unlink(missing_ok=True)
    wanted = [entry(f"e{number}", *shapes) for number, shapes in enumerate(drawn)]
    write(path, wanted, [dataset()])
    assert read(path) == {"d1": _bare_all(wanted)}


# The platform's entries


@pytest.fixture
def platform() -> Iterator[IdahSource]:
    sandbox = IdahSandbox(entries=12, datasets=2, seed=7)
    sandbox.store.add_entry(resource=None)
    with sandbox.serve() as url:
        yield IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY))


@pytest.mark.parametrize("choice", ["none", "original", "all"])
def test_entries_of_the_platform(path: Path, platform: IdahSource, choice: MediaChoice) -> None:
    """Entries of the platform come back as the platform itself sends them, records and all, whether their media is in
    the file or not.
    """
    datasets = platform.catalog()
    wanted = {one.id: list(platform.read(one, list(platform.list_entries(one, {})), choice)) for one in datasets}
    write(path, wanted, datasets, media=choice, files=_file, origin={"url": platform.url})  # type: ignore[arg-type]
    found = read(path, choice)
    assert found == {id_: _bare_all(entries) for id_, entries in wanted.items()}  # type: ignore[arg-type]
    for id_, entries in found.items():
        for one, sent in zip(entries, wanted[id_], strict=True):
            assert isinstance(sent, Entry)
            assert bytes(one.raw) == bytes(sent.raw)
            assert [bytes(each.raw) for each in one.annotations] == [bytes(each.raw) for each in sent.annotations]
            assert [bytes(each.raw) for each in one.medias] == [bytes(each.raw) for each in sent.medias]
    assert [replace(one, entries_count=None) for one in UpdSource(url=str(path)).choose(())] == [
        replace(one, entries_count=None) for one in datasets
    ]


def test_a_picture_that_the_platform_has_not_measured(path: Path, platform: IdahSource) -> None:
    """Where the platform does not know how large a picture is, and its bytes are not in the file, its size is not lost,
    nor are the shapes that are shares of it.
    """
    one = platform.catalog()[0]
    listing = list(platform.list_entries(one, {}))[:1]
    (sent,) = platform.read(one, listing, "none")
    assert isinstance(sent, Entry)
    (media,) = sent.medias
    record = media.record
    record["attributes"]["meta"] = {}
    wanted = replace(sent, medias=(replace(media, raw=Raw(msgspec.json.encode(record))),))
    write(path, [wanted], [one], media="none")
    (found,) = read(path)[one.id]
    assert found.annotations == wanted.annotations
    assert (found.medias[0].width, found.medias[0].height) == (media.width, media.height)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize("exporter", ["coco", "json"])
def test_a_detour_over_upd_changes_nothing(tmp_path: Path, platform: IdahSource, exporter: str) -> None:
    """What is exported from the platform, and from a UPD file that was exported from it, is the same bytes."""
    exports = Exports(tmp_path)
    chosen = [platform.catalog()[0].id]
    exports.run(platform, "direct", datasets=chosen, exporter=exporter, package="directory", name="street")
    archived = exports.run(platform, "archive", datasets=chosen, exporter="upd", package="directory", name="street")
    (file,) = Path(archived.delivery.url).glob("*.upd")
    source = UpdSource(url=str(file))
    exports.run(source, "detour", exporter=exporter, package="directory", name="street")
    direct, detour = (_files(exports.delivered(to)) for to in ("direct", "detour"))
    assert detour == direct
    assert len(direct) > 10


def _files(delivered: dict[str, bytes]) -> dict[str, bytes]:
    """What was delivered, by its path in the export, but for manifest and report: those name the source."""
    names_it = ("manifest.json", "report.html")
    return {"/".join(Path(path).parts[2:]): data for path, data in delivered.items() if Path(path).name not in names_it}
