"""What the format `upd` promises beside what every format does; its parts have their tests in `tests/exporters/upd`."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from exporters import read_options, registry
from exporters.errors import FatalError, RequestError
from exporters.formats.upd import UpdOptions
from exporters.model import Annotation, Box, Dataset, Entry, Media, Unknown, compact
from exporters.pictures.upright import MediaFile
from exporters.testing import conformance, run, sample_data
from exporters.upd import schema
from exporters.upd.options import PASSPHRASE
from exporters.upd.verifying import check_signatures
from tests.exporters.upd.certificates import Holder, authority, holder
from tests.exporters.upd.reading import read_entries, tables
from tests.exporters.upd.test_platform import BOX, DATASET, ENTRY, PROJECT, record
from tests.exporters.upd.writing import write
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, fetched, media_bytes, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "upd" / "dump.txt"
SQUARE = Box(1.0, 2.0, 3.0, 4.0)

TestUpd = conformance(registry.all()["upd"])


def raw(**document: Any) -> msgspec.Raw:
    return compact(msgspec.json.encode(document))


def platform_dataset() -> Dataset:
    attributes = {
        "project_id": PROJECT,
        "name": 'Crossing, "north" d\'été',
        "labels": ["street"],
        "modality": "idah-image",
        "labeling_configuration": {"idah-image:bounding-box": {"values": [{"id": "car", "label": "Car"}]}},
        "workflow_configuration": {},
        "status": "in_progress",
        "progress": 0.5,
        "entries_total_count": 2,
        "entries_completed_count": 1,
        "entries_in_progress_count": 1,
        "created_at": "2026-03-02 08:05:00 +0000",
        "updated_at": "2026-03-09 16:20:11 +0000",
    }
    document = raw(type="dataset:datasets", id=DATASET, attributes=attributes)
    return Dataset(id=DATASET, name=attributes["name"], modality="image", raw=document)  # type: ignore[arg-type]


def platform_entry(number: int, *medias: Media, resource: str | None = "4c2052a1.jpg") -> Entry:
    """An entry as the platform sends it, with a box."""
    id_ = f"{ENTRY}{number}"
    attributes = {
        "project_id": PROJECT,
        "dataset_id": DATASET,
        "priority": 0,
        "wf_step": "done",
        "status": "completed",
        "resource": resource,
        "name": "cam_000001.jpg",
        "assigned_to_id": None,
        "submitted_by_id": 12,
        "reviewed_by_id": 13,
        "created_at": "2026-03-02 08:05:00 +0000",
        "updated_at": "2026-03-09 16:20:11 +0000",
    }
    document = json.loads(json.dumps(record(BOX, metadata={"confidence": 0.5})).replace(f'"{ENTRY}"', f'"{id_}"'))
    document["id"] = f"a-{number}"
    box = Annotation(
        id=document["id"],
        shape=Unknown("idah-image:bounding-box"),
        category_id="car",
        attributes={"occluded": False},
        raw=raw(**document),
    )
    return Entry(
        id=id_,
        dataset_id=DATASET,
        name="cam_000001.jpg",
        medias=medias,
        annotations=(box,),
        raw=raw(type="dataset:entries", id=id_, attributes=attributes),
    )


def platform_media(key: str = "", resource: str = "4c2052a1.jpg") -> Media:
    mime_type = "image/png" if not key else "image/webp"
    meta = {"width": WIDTH, "height": HEIGHT} if not key else {}
    attributes = {"resource": resource, "key": key, "filename": "cam.png", "mime_type": mime_type, "meta": meta}
    document = raw(type="media:medias", id=f"storage-{key}", attributes=attributes)
    return Media(id=f"storage-{key}", name="cam.png", ref=resource, key=key, mime_type=mime_type, raw=document, **meta)


def dump(path: Path) -> Iterator[str]:
    """All tables as text: a row a block, a column a line, what is JSON in several."""
    for table, found in tables(path).items():
        yield f"== {table}\n"
        for row in found:
            yield "\n"
            for column, value in row.items():
                yield f"{column}: {_shown(value)}\n"
        yield "\n"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()}"
    if isinstance(value, str) and value.startswith('"outhaul '):
        return '"outhaul VERSION"'
    if not isinstance(value, str) or not value.startswith("{") or value == "{}":
        return repr(value)
    members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    return "{" + "".join(f"\n    {key}: {bytes(one).decode()}" for key, one in members.items()) + "\n}"


def test_golden_dump(tmp_path: Path) -> None:
    """A small export of both forms is, table by table, the text that lies beside this test to be looked at."""
    ours = [
        entry("e1", *list(one_of_each().values())[:4], split="train", attributes={"weather": "rain"}),
        entry("e2", annotation("tag", one_of_each()["classification"], category_id=None), medias=(), state="rejected"),
    ]
    entries = {
        DATASET: [platform_entry(1, platform_media(), platform_media("thumbnail.webp")), platform_entry(2)],
        "d1": ours,
    }
    write(tmp_path / "f.upd", entries, [platform_dataset(), dataset()], authored_by="A. Nonymous")
    assert "".join(dump(tmp_path / "f.upd")) == GOLDEN.read_text()


# -- media ------------------------------------------------------------------------------------------------------------

PLATFORM = {"url": "https://idah.example.org"}


def urls_and_blobs(path: Path) -> tuple[list[str], list[bool]]:
    found = tables(path)
    return [row["media_url"] for row in found["entries"]], [row["blob_data"] is not None for row in found["medias"]]


def test_media_that_was_fetched_is_inside(tmp_path: Path) -> None:
    """Originals, or all of it, whole, with digest, type and size; what was not asked for is described only."""
    medias = (platform_media(), platform_media("thumbnail.webp"))
    for media, inside in (("original", [True, False]), ("all", [True, True])):
        tally = write(
            tmp_path / "f.upd", [platform_entry(1, *medias)], [platform_dataset()], media=media, origin=PLATFORM  # type: ignore[arg-type]
        )  # fmt: skip
        assert urls_and_blobs(tmp_path / "f.upd") == (["local:4c2052a1.jpg"], inside)
        assert tally.went_out["medias"] == sum(inside)
    original, thumbnail = tables(tmp_path / "f.upd")["medias"]
    assert original["blob_data"] == media_bytes(medias[0])
    assert [original["key"], thumbnail["key"]] == ["", "thumbnail.webp"]
    told = json.loads(original["metadata"])
    assert told["SHA256"] == hashlib.sha256(media_bytes(medias[0])).hexdigest()
    assert (told["Width"], told["Height"], original["media_type"]) == (WIDTH, HEIGHT, "image/png")


def test_media_that_was_not_fetched_is_at_the_platform(tmp_path: Path) -> None:
    """The entry names its address there; where that is not known, or there is no file, it names none."""
    entries = [platform_entry(1, platform_media()), platform_entry(2, resource=None), platform_entry(3)]
    for origin, expected in (
        (PLATFORM, "https://idah.example.org/api/v1/media/medias/files/4c2052a1.jpg"),
        ({}, "local:4c2052a1.jpg"),
    ):
        write(tmp_path / "f.upd", entries[:2], [platform_dataset()], media="none", origin=origin)
        assert urls_and_blobs(tmp_path / "f.upd") == ([expected, ""], [False])
    write(tmp_path / "f.upd", entries[2:], [platform_dataset()], media="none", origin=PLATFORM)
    assert urls_and_blobs(tmp_path / "f.upd")[0] == ["https://idah.example.org/api/v1/media/medias/files/4c2052a1.jpg"]


def test_media_of_two_entries_is_inside_once(tmp_path: Path) -> None:
    """Duplicating a dataset on the platform copies entries, not medias."""
    entries = [platform_entry(number, platform_media()) for number in (1, 2)]
    tally = write(tmp_path / "f.upd", entries, [platform_dataset()])
    assert urls_and_blobs(tmp_path / "f.upd") == (["local:4c2052a1.jpg"] * 2, [True])
    assert tally.went_out["medias"] == 2


def test_media_that_no_blob_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry ends the run with a way out, or is left out and counted, with all that belongs to it."""
    entries = [entry("e1", SQUARE), entry("large", SQUARE, medias=(picture("large-m"),)), entry("e2", SQUARE)]
    size = len(media_bytes(entries[0].medias[0]))
    monkeypatch.setattr(schema, "MAX_BLOB_BYTES", size)
    entries = [
        replace(one, medias=tuple(replace(media, size=size + (one.id == "large")) for media in one.medias))
        for one in entries
    ]
    with pytest.raises(FatalError, match=r"large .*2 GiB or more, which does not go into a UPD file.*--on-error skip"):
        write(tmp_path / "f.upd", entries)
    tally = write(tmp_path / "f.upd", entries, skips_faults=True)
    assert [row["id"] for row in tables(tmp_path / "f.upd")["entries"]] == ["e1", "e2"]
    assert {(left.kind, left.count, left.is_fault) for left in tally.left_out} == {
        ("entries", 1, True),
        ("annotations", 1, True),
        ("medias", 1, True),
    }
    assert write(tmp_path / "f.upd", entries, media="none").went_out["entries"] == 3  # only described, it is no blob


def test_what_is_written_of_the_platform_is_as_it_was_sent(tmp_path: Path) -> None:
    """Coordinates too: those of the stored picture, though other formats get them turned upright."""

    def sideways(media: Media) -> MediaFile:
        return msgspec.structs.replace(fetched(media), orientation=6)

    media = replace(platform_media(), frame="stored")
    write(tmp_path / "f.upd", [platform_entry(1, media)], [platform_dataset()], files=sideways)
    found = tables(tmp_path / "f.upd")
    assert json.loads(found["annotations"][0]["shape_args"])["points"] == BOX["points"]
    assert json.loads(found["medias"][0]["metadata"])["Width"] == WIDTH


def test_an_entry_is_of_one_form(tmp_path: Path) -> None:
    """Where one of its records is not the platform's, all of it is written in the words of the record model."""
    one = platform_entry(1, platform_media())
    mixed = replace(one, annotations=(*one.annotations, annotation("own", SQUARE)))
    write(tmp_path / "f.upd", [mixed], [platform_dataset()])
    assert read_entries(tmp_path / "f.upd")[0] == replace(mixed, dataset_id=DATASET)
    assert {row["shape_type"] for row in tables(tmp_path / "f.upd")["annotations"]} == {
        "outhaul:unknown",
        "outhaul:box",
    }


def test_what_the_platform_has_no_word_for_is_kept(tmp_path: Path) -> None:
    """A split that an earlier export has set stands beside the platform's own words."""
    write(tmp_path / "f.upd", [replace(platform_entry(1), split="val")], [platform_dataset()])
    (row,) = tables(tmp_path / "f.upd")["entries"]
    assert json.loads(row["metadata"])["Outhaul-Split"] == "val"


# -- signing ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root() -> Holder:
    return authority("root")


def test_datasets_are_signed_if_asked_for(tmp_path: Path, root: Holder) -> None:
    """Each of them, with the digest that was chosen; not otherwise."""
    options = holder("me", root).write(tmp_path)
    entries = {"d1": [entry("e1", SQUARE)], "d2": [entry("f1", SQUARE, dataset_id="d2")]}
    datasets = [dataset("d1"), dataset("d2")]
    for algorithm in ("SHA256", "SHA512"):
        write(tmp_path / "f.upd", entries, datasets, **options, signature_hash=algorithm)
        found = check_signatures(tmp_path / "f.upd", [root.certificate])
        assert [(one.signers, one.problems) for one in found] == [(("CN=me",), ())] * 2
        (one, _) = tables(tmp_path / "f.upd")["datasets"]
        assert json.loads(one["metadata"])["Content-Signature"][0]["dataHashAlgorithm"] == algorithm
    write(tmp_path / "f.upd", entries, datasets)
    assert [one.signers for one in check_signatures(tmp_path / "f.upd")] == [(), ()]


def test_a_signed_export_has_the_same_bytes(tmp_path: Path, root: Holder) -> None:
    """Neither a clock nor chance takes part in it; the rows are those of the unsigned one."""
    options = holder("me", root).write(tmp_path)
    for name in ("one", "other"):
        write(tmp_path / name, [entry("e1", *one_of_each().values())], **options)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    write(tmp_path / "unsigned", [entry("e1", *one_of_each().values())])
    signed, unsigned = tables(tmp_path / "one"), tables(tmp_path / "unsigned")
    for found in (signed, unsigned):
        metadata = json.loads(found["datasets"][0]["metadata"])
        metadata.pop("Content-Signature", None)
        found["datasets"][0]["metadata"] = metadata
    assert signed == unsigned


def test_the_time_of_signing_can_be_given(tmp_path: Path, root: Holder) -> None:
    """It stands in the signature as it was given, in UTC."""
    write(
        tmp_path / "f.upd", [entry("e1")], **holder("me", root).write(tmp_path), signed_at="2026-05-01T02:00:00+02:00"
    )
    (row,) = tables(tmp_path / "f.upd")["datasets"]
    assert json.loads(row["metadata"])["Content-Signature"][0]["signedAt"] == "2026-05-01T00:00:00Z"


def test_a_change_of_the_dataset_itself_counts(tmp_path: Path, root: Holder) -> None:
    """Its own record may be newer than its entries, or there are none."""
    write(tmp_path / "f.upd", [], [platform_dataset()], **holder("me", root).write(tmp_path))
    (row,) = tables(tmp_path / "f.upd")["datasets"]
    assert json.loads(row["metadata"])["Content-Signature"][0]["signedAt"] == "2026-03-09T16:20:11Z"


def test_a_locked_key_has_its_passphrase_in_the_environment(
    tmp_path: Path, root: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no option: those are seen by many."""
    me = holder("me", root)
    options = me.write(tmp_path)
    (tmp_path / "key.pem").write_bytes(me.key_pem(b"open sesame"))
    with pytest.raises(RequestError, match="is locked; give its passphrase"):
        write(tmp_path / "f.upd", [entry("e1")], **options)
    monkeypatch.setenv(PASSPHRASE, "open sesame")
    write(tmp_path / "f.upd", [entry("e1")], **options)
    assert check_signatures(tmp_path / "f.upd", [root.certificate])[0].problems == ()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"certificate": ""}, "A signing key needs its certificate"),
        ({"signing_key": ""}, "A certificate alone signs nothing"),
        ({"signing_key": "nowhere.pem"}, r"The signing key nowhere.pem cannot be read \(No such file"),
        ({"certificate": "nowhere.pem"}, r"The signing certificate nowhere.pem cannot be read"),
        ({"signing_key": "block:release"}, "A saved block is known within a run only"),
    ],
)
def test_what_is_missing_to_sign_is_said(tmp_path: Path, root: Holder, missing: dict[str, str], said: str) -> None:
    """In a sentence, before anything is written."""
    with pytest.raises(RequestError, match=said):
        write(tmp_path / "f.upd", [entry("e1")], **(holder("me", root).write(tmp_path) | missing))


def test_a_key_is_no_option(root: Holder) -> None:
    """Given instead of its path it is refused, and not repeated; where it lies is not shown either."""
    key = holder("me", root).key_pem().decode()
    exporter = registry.get("upd")
    with pytest.raises(RequestError, match="the path of the key or block:NAME, never the key itself") as refusal:
        read_options(exporter, {"signing_key": key})
    assert "BEGIN" not in str(refusal.value)
    assert key.splitlines()[1] not in str(refusal.value)
    with pytest.raises(ValidationError):
        UpdOptions.model_validate({"signing_key": key.replace("\n", "")})
    options = read_options(exporter, {"signing_key": "/home/me/key.pem", "certificate": "/home/me/cert.pem"})
    assert "/home/me" not in f"{options.model_dump(mode='json')} {json.dumps(options.model_dump(mode='json'))}"


# -- without the library ----------------------------------------------------------------------------------------------


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is fetched, with what to install."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(RequestError, match=r"needs DuckDB; install it with: pip install 'outhaul\[upd\]'"):
        registry.get("upd").check_installed()


def test_the_exporter_runs_in_the_harness_of_plugins() -> None:
    """On plain data, as any contextual exporter."""
    result = run(registry.all()["upd"], sample_data())
    result.assert_complete()
    assert list(result.files) == ["export.upd"]
    assert result.progress[-1] == 1.0
