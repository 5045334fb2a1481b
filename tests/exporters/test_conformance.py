"""What every exporter promises. A format that joins the registry joins this suite, without a line here."""

from __future__ import annotations

import copy
import functools
import importlib
import io
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporters import Shard, read_options, registry
from exporters.base import BaseExporter, Exporter
from exporters.converted import ConvertedEntry
from exporters.errors import FatalError
from exporters.model import SHAPES, Box, Category, Entry, Media, Shape, Unknown, encode, shape_name
from exporters.pictures.upright import MediaFile
from exporters.shard_index import ShardIndex
from exporters.survey import survey
from exporters.tally import KINDS
from exporters.testing.sharded import Output
from tests import strategies
from tests.conformance.exporters import Export, run_export, suited
from tests.fakes import hostile
from tests.fakes.datasets import SQUARE, annotation, dataset, entry, fetched, one_of_each, picture

EXPORTERS = registry.all()
SHARDED = [name for name, exporter in EXPORTERS.items() if issubclass(exporter, Exporter)]
"""Those that work shard by shard, and know nothing of an export as a whole."""
ENTRYWISE = [name for name, one in EXPORTERS.items() if issubclass(one, Exporter) and one.is_entrywise]
SIZES = (1, 2, 3, 7, 1000)
# fmt: off
UNWANTED = {
    "prefect", "sqlalchemy", "fastapi", "rich", "aiohttp", "httpx", "requests", "urllib3", "fsspec", "s3fs", "gcsfs",
    "adlfs", "sshfs", "asyncssh", "azure", "google", "boto3", "botocore", "aiobotocore", "hypothesis", "pytest",
    "pycocotools", "duckdb", "cryptography", "pyarrow", "blocks", "flows", "deployments", "tests",
}
# fmt: on

BOX = Box(1.0, 2.0, 3.0, 4.0)


@pytest.fixture(params=list(EXPORTERS))
def exporter(request: pytest.FixtureRequest) -> BaseExporter[Any]:
    return registry.get(request.param)


def export(exporter: BaseExporter[Any], entries: Iterable[Entry], **options: Any) -> Export:
    """An export of one dataset that adds up, to the formats' defaults."""
    asked = dataset(modality=modality(exporter))
    made = run_export(exporter, [options.pop("dataset", asked)], suited(exporter, entries), **options)
    made.tally.check("the export")
    return made


def modality(exporter: BaseExporter[Any]) -> str:
    held = exporter.holds.modalities
    return "image" if held is None or "image" in held else min(held)


def check_documents(made: Export) -> None:
    """JSON and JSON lines must be strict: UTF-8, no NaN, no Infinity, and lines where lines are promised."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    for path, data in made.files.items():
        lines = data.splitlines() if path.endswith(".jsonl") else [data] if path.endswith(".json") else []
        for line in lines:
            json.loads(line.decode("utf-8"), parse_constant=refuse)


def check_places(made: Export) -> None:
    """No two files may be one on a file system without case or with composed accents, nor one a folder of another."""
    paths = [unicodedata.normalize("NFC", path.casefold()) for path in (*made.files, *made.medias)]
    assert len(set(paths)) == len(paths)
    folders = {path[:at] for path in paths for at, character in enumerate(path) if character == "/"}
    assert folders.isdisjoint(paths)


FILE_FOR_EACH_SHARD = frozenset({"parquet"})
"""Formats whose files cannot be joined byte by byte: the size of shards shows in how many files there are."""


def check_same(exporter: BaseExporter[Any], one: Export, other: Export) -> None:
    """Two exports that differ in nothing but how they were cut into shards."""
    if exporter.name in FILE_FOR_EACH_SHARD:
        assert (one.tally, one.medias) == (other.tally, other.medias)
    else:
        assert one == other


def a_few() -> list[Entry]:
    """Entries of all shapes, of two splits and none, with crowds, attributes, previews, some empty, some bare."""
    shapes = tuple(one_of_each().values())
    crowd = annotation("crowd", one_of_each()["mask"], is_crowd=True, attributes={"count": 3, "note": "é\n"})
    preview = picture("p", key="preview.png")
    return [
        entry("e1", *shapes),
        entry("e2", crowd, split="train"),
        entry("e3"),
        entry("e4", BOX, medias=(preview, picture("e4-m")), split="val"),
        entry("e5", BOX, medias=()),
        entry("e6", state="in_progress"),
        entry("e7", BOX, state="rejected"),
        entry("e8", annotation("none", BOX, category_id=None)),
        entry("e9", annotation("new", BOX, category_id="undeclared"), split="train"),
        entry("e10", SQUARE, name="e4.png", split="val"),
        hostile.degenerate(),
    ]


# -- the books --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", ["none", "original", "all"])
def test_everything_is_accounted_for(exporter: BaseExporter[Any], media: Any) -> None:
    """Of entries, annotations and media, what came in either went out or was left out with a reason."""
    entries = a_few()
    tally = export(exporter, entries, media=media, shard_size=2).tally
    came_in = {
        "entries": len(entries),
        "annotations": sum(len(one.annotations) for one in entries),
        "medias": sum(len(one.medias) for one in entries),
    }
    assert tally.came_in == came_in
    for kind in KINDS:
        assert tally.went_out.get(kind, 0) + tally.left_out_count(kind) == came_in[kind]
    assert sum(tally.by_shape.values()) == sum(tally.by_category.values()) == tally.went_out["annotations"]
    assert all(left.reason.strip() and 0 < len(left.examples) <= left.count for left in tally.left_out)
    assert not tally.has_faults


@given(entries=strategies.entry_lists("d1", margin=30), size=st.integers(1, 4), name=st.sampled_from(sorted(EXPORTERS)))
def test_any_entries_are_accounted_for(entries: list[Entry], size: int, name: str) -> None:
    """Whatever the entries, the books balance, the documents are sound, and the size of shards does not show."""
    exporter = registry.get(name)
    whole = export(exporter, entries)
    check_same(exporter, export(exporter, entries, shard_size=size), whole)
    check_documents(whole)
    check_places(whole)


# -- bytes ------------------------------------------------------------------------------------------------------------


def test_two_runs_give_the_same_bytes(exporter: BaseExporter[Any]) -> None:
    """The same entries give the same files, byte for byte."""
    one, other = export(exporter, a_few()), export(type(exporter)(), a_few())
    assert one == other


def test_another_process_gives_the_same_bytes(exporter: BaseExporter[Any]) -> None:
    """Nothing depends on the order of sets, which changes from process to process."""
    assert digests_elsewhere("1")[exporter.name] == digests_elsewhere("2")[exporter.name]


@functools.cache
def digests_elsewhere(seed: str) -> dict[str, str]:
    """Of what each format writes in a process with this seed of hashes; one process for all, since it starts slowly."""
    script = (
        "import hashlib\n"
        "from exporters import registry\n"
        "from tests.exporters.test_conformance import EXPORTERS, a_few, export\n"
        "for name in EXPORTERS:\n"
        "    files = export(registry.get(name), a_few()).files\n"
        "    print(name, hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True, text=True)
    return dict(line.split(" ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("size", SIZES)
def test_size_of_shards_does_not_show(exporter: BaseExporter[Any], size: int) -> None:
    """However entries are cut into shards, files, media and books are the same."""
    check_same(exporter, export(exporter, a_few(), shard_size=size), export(exporter, a_few()))


def test_size_of_shards_does_not_show_with_hostile_names(exporter: BaseExporter[Any]) -> None:
    """Names are told apart alike in one shard and in many."""
    check_same(exporter, export(exporter, hostile.entries(), shard_size=5), export(exporter, hostile.entries()))


def test_several_datasets_are_one_export(exporter: BaseExporter[Any]) -> None:
    """Datasets follow each other in the order asked for, with one class map, in shards of any size."""
    kind = modality(exporter)
    datasets = [dataset("d1", modality=kind), dataset("empty", modality=kind)]
    datasets.append(dataset("d2", [Category(id="x", name="x")], modality=kind))
    entries = {
        "d1": suited(exporter, [entry("e1", BOX), entry("e2", BOX)]),
        "d2": suited(exporter, [entry("f1", annotation("a", BOX, category_id="x"), dataset_id="d2")]),
    }
    one, other = (run_export(exporter, datasets, entries, shard_size=size) for size in (1, 1000))
    check_same(exporter, one, other)
    assert one.tally.came_in["entries"] == one.tally.went_out["entries"] == 3
    if isinstance(exporter, Exporter):
        assert [one.name for one in one.classes.classes] == ["car", "person", "tree", "x"]


def test_entries_are_left_as_they_were(exporter: BaseExporter[Any]) -> None:
    """Exporting changes nothing of the entries or the dataset."""
    entries, one = a_few(), dataset(modality=modality(exporter))
    before = [encode(record) for record in (*entries, one)]
    export(exporter, entries, dataset=one)
    assert [encode(record) for record in (*entries, one)] == before


def test_exporter_holds_no_state(exporter: BaseExporter[Any]) -> None:
    """An exporter is after a run what it was before: one serves all shards, in any order."""
    before = copy.deepcopy(vars(exporter))
    first = export(exporter, a_few()).files
    assert vars(exporter) == before
    export(exporter, [entry("other", BOX)])
    assert export(exporter, a_few()).files == first


@pytest.mark.parametrize("name", SHARDED)
def test_entries_are_taken_one_at_a_time(name: str) -> None:
    """An entry is asked for only when the one before it is dealt with: memory does not grow with the dataset."""
    exporter = registry.get(name)
    asked = 0

    def watch(entries: Iterable[Entry], shard: Shard[Any]) -> Iterator[Entry]:
        nonlocal asked
        for one in entries:
            tally = shard.counters.tally()
            assert tally.came_in.get("entries", 0) == asked
            assert tally.went_out.get("entries", 0) + tally.left_out_count("entries") == asked
            asked += 1
            yield one

    export(exporter, a_few(), watch=watch)
    assert asked == len(a_few())


# -- what comes in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", ["none", "all"])
@pytest.mark.parametrize("name", ENTRYWISE)
def test_entries_stand_apart_where_that_is_declared(name: str, media: Any) -> None:
    """What is made of an entry does not depend on those before it; nothing is to be finished, and all of it is kept as
    JSON and comes back.
    """
    exporter = registry.get(name)
    assert isinstance(exporter, Exporter)
    assert type(exporter).finish is Exporter.finish
    entries = suited(exporter, [*a_few(), *hostile.entries()])
    options, index = read_options(exporter, {}), ShardIndex(exporter.holds)
    for one in entries:
        index.add(one)
    asked = dataset(modality=modality(exporter))
    (placement,) = survey([asked], [index.to_bytes()], exporter.holds, options).placements

    def shard() -> Shard[Any]:
        files = fetched if media == "all" else None
        output = Output(lambda file: io.BytesIO(b""))
        return Shard(
            exporter, options, placement, dataset=asked, media=media, files=files, skips_faults=False, output=output
        )

    together = shard()
    for one in entries:
        alone = shard()
        alone.next_number, alone.next_annotation_number = together.next_number, together.next_annotation_number
        made = together.convert(one)
        assert alone.convert(one) == made
        assert msgspec.json.decode(msgspec.json.encode(made), type=ConvertedEntry) == made
        together.add(made)


def test_empty_dataset_is_a_whole_export(exporter: BaseExporter[Any], tmp_path: Path) -> None:
    """A dataset without entries gives a package that can be written and read, not an error."""
    made = export(exporter, [])
    assert not made.medias
    check_documents(made)
    made.write(tmp_path)


def test_entry_without_annotations_is_exported(exporter: BaseExporter[Any]) -> None:
    """An entry that a person completed without annotations is data, and goes out by default."""
    made = export(exporter, [entry("e1")])
    assert made.tally.went_out["entries"] == 1
    check_documents(made)


def test_entry_without_media_is_accounted_for(exporter: BaseExporter[Any]) -> None:
    """An entry that has no media yet is exported, or left out with a reason that says so."""
    made = export(exporter, [entry("e1", BOX, medias=()), entry("e2", BOX)])
    left = [one.reason for one in made.tally.left_out if one.kind == "entries"]
    assert made.tally.went_out["entries"] + len(left) == 2
    assert all("picture" in reason or "media" in reason for reason in left)
    check_documents(made)


def test_one_category(exporter: BaseExporter[Any]) -> None:
    """A dataset of a single category is exported."""
    only = dataset(categories=[Category(id="c-car", name="car")], modality=modality(exporter))
    assert export(exporter, [entry("e1", BOX)], dataset=only).tally.by_category == {"c-car": 1}


def test_a_thousand_categories(exporter: BaseExporter[Any]) -> None:
    """A dataset of a thousand categories is exported, each found again in the books."""
    many = dataset(
        categories=[Category(id=f"c{number}", name=f"category {number}") for number in range(1000)],
        modality=modality(exporter),
    )
    made = export(exporter, hostile.of_every_category(many), dataset=many)
    assert made.tally.by_category == {f"c{number}": 1 for number in range(1000)}
    check_documents(made)


def test_hostile_categories(exporter: BaseExporter[Any], tmp_path: Path) -> None:
    """Categories of hostile names, of one name, or of names that differ in case, are all kept apart."""
    many = hostile.categories(modality=modality(exporter))
    made = export(exporter, hostile.of_every_category(many), dataset=many)
    assert made.tally.by_category == {category.id: 1 for category in many.categories}
    check_documents(made)
    made.write(tmp_path)


def test_hostile_names(exporter: BaseExporter[Any], tmp_path: Path) -> None:
    """Entries of hostile names are all exported, under paths that no file system refuses or confuses."""
    made = export(exporter, hostile.entries())
    assert made.tally.went_out == dict.fromkeys(KINDS, len(hostile.NAMES))
    check_documents(made)
    check_places(made)
    made.write(tmp_path)


def test_hostile_ids(exporter: BaseExporter[Any], tmp_path: Path) -> None:
    """Entries of one name are told apart by ids that lead nowhere, whatever is in them."""
    made = export(exporter, [entry(id_, BOX, name="same.png") for id_ in hostile.IDS])
    assert made.tally.went_out["medias"] == len(hostile.IDS)
    check_documents(made)
    check_places(made)
    made.write(tmp_path)


def test_hostile_splits(exporter: BaseExporter[Any], tmp_path: Path) -> None:
    """Splits of hostile names are all exported, each to a place of its own within the package."""
    made = export(exporter, [entry(f"e{index}", BOX, split=split) for index, split in enumerate(hostile.SPLITS)])
    assert made.tally.went_out["entries"] == len(hostile.SPLITS)
    check_documents(made)
    check_places(made)
    made.write(tmp_path)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([entry("1", BOX, name="a.png"), entry("2", BOX, name="a.png/b.png")], id="file and folder"),
        pytest.param(
            [entry("1", BOX, name="t/a.png"), entry("2", BOX, name="a.png", split="t")], id="split and folder"
        ),
        pytest.param([entry("1", BOX, split="Train"), entry("2", BOX, split="train")], id="splits but for case"),
        pytest.param([entry("1", BOX, name="\u00e9.png"), entry("2", BOX, name="e\u0301.png")], id="composed accents"),
    ],
)
def test_paths_never_meet(exporter: BaseExporter[Any], entries: list[Entry]) -> None:
    """No two files of a package are one on some file system, nor is one a folder of another."""
    check_places(export(exporter, entries))


def test_nothing_is_written_outside(exporter: BaseExporter[Any], tmp_path: Path) -> None:
    """Laid out as a folder, a package has nothing outside of it."""
    inside = tmp_path / "deep" / "package"
    inside.mkdir(parents=True)
    made = export(exporter, [*a_few(), *hostile.entries()], media="all")
    made.write(inside)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == len(made.files) + len(made.medias)
    assert all(path.is_relative_to(inside) for path in written)


def with_shape(exporter: BaseExporter[Any], shape: Shape) -> list[Entry]:
    """One entry of the format's modality with this shape, as it is."""
    bare = suited(exporter, [entry("e1")])
    return [replace(one, annotations=entry("e1", shape).annotations) for one in bare]


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_shape_is_held_or_left_out_by_name(exporter: BaseExporter[Any], name: str) -> None:
    """A shape that a format declares goes out; any other is left out with a reason that names it."""
    shape = one_of_each()[name]
    tally = run_export(exporter, [dataset(modality=modality(exporter))], with_shape(exporter, shape)).tally
    assert tally.went_out["entries"] == 1
    if exporter.holds.shapes is None or name in exporter.holds.shapes:
        assert tally.by_shape == {name: 1}
        return
    assert tally.by_shape == {}
    (reason,) = [left.reason for left in tally.left_out if left.kind == "annotations"]
    assert (shape.name if isinstance(shape, Unknown) else name.replace("_", " ")) in reason


def test_misfits_of_an_ontology_are_named(exporter: BaseExporter[Any]) -> None:
    """Before anything is fetched, a format names the shapes of an ontology that it cannot hold, and no others."""
    ontology = dataset(categories=[Category(id=name, name=name, shapes=(name,)) for name in SHAPES])
    held = SHAPES.keys() if exporter.holds.shapes is None else exporter.holds.shapes
    assert exporter.holds.misfits(ontology) == SHAPES.keys() - held
    assert exporter.holds.misfits(dataset()) == frozenset()


def test_held_shapes_are_shapes(exporter: BaseExporter[Any]) -> None:
    """A format declares shapes by the model's own words."""
    assert exporter.holds.shapes is None or exporter.holds.shapes <= SHAPES.keys()


@given(shape=strategies.shapes(), name=st.sampled_from(sorted(EXPORTERS)))
def test_any_held_shape_goes_out(shape: Any, name: str) -> None:
    """Any sound shape of a declared kind, of some extent and within the picture, goes out."""
    exporter = registry.get(name)
    if exporter.holds.shapes is not None and shape_name(shape) not in exporter.holds.shapes:
        return
    tally = run_export(exporter, [dataset(modality=modality(exporter))], with_shape(exporter, shape)).tally
    reasons = {left.reason for left in tally.left_out if left.kind == "annotations"}
    if shape_name(shape) in ("mask", "skeleton"):  # the only ones that the strategy may leave without extent
        reasons -= {"nothing of it is marked", "its box has no extent"}
    assert not reasons


# -- faults -----------------------------------------------------------------------------------------------------------


def gone(media: Media) -> MediaFile | str:
    return "its media is gone (404)" if media.id == "bad-m" else fetched(media)


def with_a_bad_one() -> list[Entry]:
    return [entry("e1", BOX), entry("bad", BOX, BOX, name="marked-as-bad.png"), entry("e2", BOX)]


def test_failing_entry_stops_the_run(exporter: BaseExporter[Any]) -> None:
    """By default an entry whose media is gone fails the run, with the entry, the reason, and a way out."""
    with pytest.raises(FatalError, match=r"bad .*its media is gone \(404\).*--on-error skip"):
        export(exporter, with_a_bad_one(), files=gone)


@pytest.mark.parametrize("size", [1, 1000])
def test_failing_entry_can_be_skipped(exporter: BaseExporter[Any], size: int) -> None:
    """Where the policy says so, a failing entry is counted as a fault, and the others are still written."""
    made = export(exporter, with_a_bad_one(), files=gone, skips_faults=True, shard_size=size)
    assert made.tally.went_out == {"entries": 2, "annotations": 2, "medias": 2}
    assert {(left.kind, left.count, left.is_fault) for left in made.tally.left_out} == {
        ("entries", 1, True),
        ("annotations", 2, True),
        ("medias", 1, True),
    }
    assert len(made.medias) == (0 if exporter.holds.embeds_media else 2)
    assert not any(b"marked-as-bad" in data for data in made.files.values())
    assert not any("marked-as-bad" in path for path in made.files)
    check_documents(made)


# -- the module -------------------------------------------------------------------------------------------------------


def test_importing_loads_nothing_heavy(exporter: BaseExporter[Any]) -> None:
    """A format's module loads neither Prefect, nor a network or storage client, nor anything optional."""
    assert type(exporter).__module__ in loaded_by_formats()
    assert not {module.partition(".")[0] for module in loaded_by_formats()} & UNWANTED


@functools.cache
def loaded_by_formats() -> list[str]:
    """Modules that importing all formats loads, which importing one of them does."""
    script = f"import sys, {', '.join(sorted({one.__module__ for one in EXPORTERS.values()}))}; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()


def test_exporter_introduces_itself(exporter: BaseExporter[Any]) -> None:
    """A format has a name to type, a one-sentence description, a version, and says in its module what it writes."""
    assert exporter.name == exporter.name.lower().strip()
    assert " " not in exporter.name
    assert exporter.description.endswith(".")
    assert "\n" not in exporter.description
    assert exporter.version >= 1
    assert importlib.import_module(type(exporter).__module__).__doc__


def test_options_explain_themselves(exporter: BaseExporter[Any]) -> None:
    """Every option has a default and a description that is a sentence: forms and help are made of them."""
    exporter.options()
    for field in exporter.options.model_fields.values():
        assert not field.is_required()
        assert (field.description or "").endswith(".")
    assert exporter.options.model_json_schema()["additionalProperties"] is False


def test_options_survive_json(exporter: BaseExporter[Any]) -> None:
    """Options written as JSON and read back are the same, at their defaults and at every other choice."""
    for options in all_options(exporter):
        assert exporter.options.model_validate_json(options.model_dump_json()) == options


def all_options(exporter: BaseExporter[Any]) -> Iterator[Any]:
    yield exporter.options()
    for name, field in exporter.options.model_fields.items():
        if get_origin(field.annotation) is Literal:
            for choice in get_args(field.annotation):
                yield exporter.options.model_validate({name: choice})
        elif field.annotation is bool:
            yield exporter.options.model_validate({name: not field.default})


def test_every_choice_of_an_option_works(exporter: BaseExporter[Any]) -> None:
    """Under each choice of each option the books balance and the documents are sound."""
    for options in all_options(exporter):
        check_documents(export(exporter, a_few(), options=options.model_dump()))


def test_documents_are_strict(exporter: BaseExporter[Any]) -> None:
    """JSON that is delivered is JSON: UTF-8 throughout, without NaN or Infinity."""
    check_documents(export(exporter, a_few()))
