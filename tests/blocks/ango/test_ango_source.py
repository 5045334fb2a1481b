"""The Ango Hub source against a sandbox over real HTTP: projects, filters, entries, files and links."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec import structs
from pydantic import SecretStr

from blocks.ango import files, links
from blocks.ango.filters import NAMES, check_filters, wanted
from blocks.ango.signatures import unsigned
from blocks.sandbox import shapes
from blocks.sandbox.scenes import draw_scene
from exporters.errors import OuthaulError, RequestError, RetriableError, SkippableError
from exporters.model import Box, Entry, Mask, Relation, Track, Unknown, shape_name
from exporters.shapes import masks, tracks
from tests.blocks.ango.hub import Hub, serving, serving_rows
from tests.blocks.samples import read_media


def only(entries: list[Entry], name: str) -> Entry:
    (found,) = [entry for entry in entries if entry.name == name]
    return found


# -- projects


def test_projects_are_datasets(gallery: Hub) -> None:
    """Each project is a dataset of the modality of its assets, with its label set in order."""
    datasets = {one.modality: one for one in gallery.source().catalog()}
    assert set(datasets) == {"image", "video", "text"}
    image = datasets["image"]
    assert image.id == gallery.id()
    categories = gallery.dataset().categories
    titles = [one.name for one in categories]
    assert titles[:3] == ["Car", "Bus", "Person"]
    assert {"Rain", "Standing water", "true", "Note", "Towing", "Convoy"} <= set(titles)
    assert len({one.id for one in categories}) == len(titles)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_projects_come_in_pages(gallery: Hub, size: int) -> None:
    """However long a page of projects is, all of them are listed."""
    assert len(gallery.source(projects_per_page=size).catalog()) == 3


def test_empty_projects_have_a_modality() -> None:
    """A project without assets is of what its tools are for."""
    with serving(0, video_tasks=0, document_tasks=0) as hub:
        (dataset,) = hub.source().catalog()
        assert dataset.modality == "image"
        assert hub.listing() == []


# -- refusals


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"api_key": SecretStr("")}, "OUTHAUL_API_KEY"),
        ({"api_key": SecretStr("wrong")}, "refused the credentials"),
        ({"api_key": SecretStr("two\nlines")}, "copy it again"),
        ({"url": "http://someone:secret@127.0.0.1"}, "take it out"),
        ({"url": "127.0.0.1"}, "not a valid address"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_requests_that_cannot_be_made(gallery: Hub, values: dict[str, Any], said: str) -> None:
    """What is wrong with an address or a key is said in one sentence, without the secret."""
    with pytest.raises(RequestError, match=said) as caught:
        gallery.source(**values).catalog()
    assert "secret" not in str(caught.value)


def test_fenced_organisations() -> None:
    """An organisation that lets nobody in from here is said to, and not asked again."""
    with serving(is_fenced=True) as hub:
        with pytest.raises(RequestError, match=r"451.*limits IP addresses"):
            hub.source().catalog()
        assert hub.sandbox.requests["listProjects"] == 1


def test_pages_of_the_web_are_no_api(hub: Hub) -> None:
    """A web page where the API was expected is the wrong address."""
    hub.fault("listProjects", 200, kind="html", times=None)
    with pytest.raises(RequestError, match="web page"):
        hub.source().catalog()


def test_what_passes_is_waited_for(hub: Hub) -> None:
    """Server errors, resets and broken answers are asked again; what does not pass is said to be worth another try."""
    for kind in ("status", "reset", "truncate"):
        hub.fault("listProjects", 503, kind=kind)
    assert len(hub.source().catalog()) == 3
    hub.fault("listProjects", 503, times=None)
    with pytest.raises(RetriableError, match="503"):
        hub.source().catalog()


# -- filters


def test_stages_by_default(gallery: Hub) -> None:
    """Without a filter, tasks that are complete are exported; `stage=*` is all of them, and so are no stages."""
    every = gallery.entries(stage=["*"])
    complete = gallery.entries()
    assert {entry.state for entry in complete} == {"completed"}
    assert {entry.state for entry in every} == {"completed", "in_progress"}
    assert gallery.entries(source=gallery.source(stages=[])) == every
    assert [entry for entry in every if entry.state == "completed"] == complete


@pytest.mark.parametrize("by_id", [True, False])
def test_stages_and_batches_by_name_or_id(gallery: Hub, by_id: bool) -> None:
    """Stages and batches are named by name or id, as many as one likes; rows carry names, the hub is sent ids."""
    project = gallery.sandbox.project()
    stages = [project.stage_id("Review A"), "Complete"] if by_id else ["Review A", "Complete"]
    batch = project.batch_ids["2026-02 rain"] if by_id else "2026-02 rain"
    found = gallery.entries(stage=stages, batch=[batch])
    every = gallery.entries(stage=["*"])
    assert [one.id for one in found] == [
        one.id
        for one in every
        if one.attributes["stage"] in ("Review A", "Complete") and "2026-02 rain" in one.attributes.get("batches", ())
    ]
    assert found


@pytest.mark.parametrize("key", ["id", "name"])
def test_hubs_that_know_stages_by_one_word_only(hub: Hub, key: str) -> None:
    """Whether a hub knows its stages by their names or by their ids, the tasks of a stage are exported."""
    project = hub.sandbox.project()
    facts = project.facts
    word = "stage_id" if key == "id" else "stage"
    project.facts = lambda index: facts(index) | dict.fromkeys(("stage", "stage_id"), facts(index)[word])  # type: ignore[method-assign]
    found = [len(hub.listing(stage=[asked])) for asked in ("Review A", project.stage_id("Review A"))]
    assert found == [1, 1]


def test_times_are_utc(gallery: Hub) -> None:
    """Times of any zone are compared as what they are; without one they are UTC."""
    after = gallery.entries(stage=["*"], updated_at__gt=["2026-02-11T12:10:00+03:00"])
    assert after == gallery.entries(stage=["*"], updated_at__gt=["2026-02-11 09:10:00"])
    assert [one.updated_at > "2026-02-11T09:10" for one in after if one.updated_at].count(False) == 0
    both = gallery.entries(stage=["*"], updated_at__gt=["2026-02-11T09:10Z"], created_at__lt=["2026-02-11T09:13Z"])
    assert 0 < len(both) < len(after)


def test_modalities_of_mixed_projects(gallery: Hub) -> None:
    """A project that mixes kinds of files can be exported by kind, as a dataset of that kind."""
    source = gallery.source(stages=[])
    for modality, count in (("text", 4), ("audio", 2), ("document", 2)):
        (dataset,) = source.choose([gallery.id("documents")], {"modality": [modality]})
        assert dataset.modality == modality
        assert len(list(source.list_entries(dataset, {"modality": [modality]}))) == count


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"stage": ["Complet"]}, "did you mean 'Complete'"),
        ({"batch": ["rain"]}, "There is no batch 'rain'"),
        ({"task_type": ["all"]}, "There is no task_type 'all'"),
        ({"updated_at__gt": ["yesterday"]}, "takes a time such as"),
        ({"updated_at__gt": ["2026-13-01"]}, "takes a time such as"),
        ({"updated_at__gt": ["2026-01-01", "2026-01-02"]}, "takes one value"),
        ({"updatedAt": ["2026-01-01"]}, "There is no filter 'updatedAt'"),
        ({"stage": [""]}, "is empty"),
    ],
    ids=str,
)
def test_filters_that_the_hub_does_not_have(gallery: Hub, where: dict[str, list[str]], said: str) -> None:
    """What the hub would ignore, or misunderstand, is refused before it is asked."""
    before = gallery.sandbox.requests["export"]
    with pytest.raises(RequestError, match=said):
        gallery.listing(**where)
    assert gallery.sandbox.requests["export"] == before


def test_parameters_of_an_export() -> None:
    """All that the hub can be asked for is sent as it takes it: an empty list of stages is not the same as none."""
    project = {"_id": "p", "stages": [{"id": "uuid", "name": "Review A"}], "batches": [{"_id": "b", "name": "rain"}]}
    asked = wanted({"stage": ["*"], "created_at__gt": ["2026-01-02"]}, project, options={"format": "ndjson"})
    assert asked.parameters == {
        "format": "ndjson",
        "type": "task",
        "project": "p",
        "taskTypes": '["default"]',
        "stage": "[]",
        "createdAt": '{"$gt": "2026-01-02T00:00:00.000Z"}',
    }
    asked = wanted({"stage__in": ["Review A"], "batch": ["rain"], "task_type": ["consensus"]}, project, stages=["x"])
    assert json.loads(asked.parameters["stage"]) == ["Review A"]
    assert asked.otherwise == {**asked.parameters, "stage": '["uuid"]'}
    assert json.loads(asked.parameters["batches"]) == ["b"]
    assert "stage" not in wanted({"type": ["issue"]}, project).parameters
    check_filters({name: ["2026-01-01" if "_at" in name else "x"] for name in NAMES if "__" in name})


def test_fields_are_parameters(hub: Hub) -> None:
    """What is set on the block is asked of the hub, and what is left out of rows is missed by nobody."""
    seen: list[str] = []
    handlers, export = hub.sandbox.handlers, hub.sandbox.handlers.export

    async def noted(request: Any) -> Any:
        seen.append(request.query_string)
        return await export(request)

    handlers.export = noted  # type: ignore[method-assign]
    with hub.sandbox.serve() as url:
        source = hub.source(
            url=url,
            export_format="json",
            include_history=False,
            include_metadata=False,
            only_key_frames=False,
            include_idle_durations=True,
            send_email=True,
            notify=True,
        )
        plain = hub.source(url=url)
        found, usual = hub.entries("video", source), hub.entries("video", plain)
    for parameter in ("format=json", "sendEmail=true", "doNotNotify=false", "includeIdleBlurDurations=true"):
        assert parameter in seen[0]
    assert "doNotNotify=true" in seen[1]
    assert len(found) == len(usual) > 0
    assert not any(one.created_by for entry in found for one in entry.annotations)
    assert "stage_history" not in found[0].attributes


@pytest.mark.parametrize("sort", ["name", "-name", "updated_at", "-updated_at", "-id"])
def test_entries_in_order(gallery: Hub, sort: str) -> None:
    """Entries come in the order asked for, and by their ids otherwise."""
    source = gallery.source(stages=[])
    dataset = gallery.dataset("documents")
    entries = list(source.read(dataset, list(source.list_entries(dataset, {}, sort)), "none"))
    keys = [str(getattr(entry, sort.removeprefix("-"))) for entry in entries]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    assert len(keys) == 8


# -- what is understood


def test_every_box_is_where_it_was_drawn(gallery: Hub) -> None:
    """Boxes on pictures are those of the scenes that were drawn, whichever corner they began at."""
    entries = {entry.id: entry for entry in gallery.entries(stage=["*"])}
    project = gallery.sandbox.project()
    compared = 0
    for index in range(project.count):
        scene = draw_scene(project.seed, index)
        drawn = [item.shape for item in scene.objects if isinstance(item.shape, shapes.Box) and not item.shape.angle]
        id_ = project.task_id(index)
        entry = entries.get(id_) or entries[f"{id_}/0000"]
        found = [one.shape for one in entry.annotations if isinstance(one.shape, Box)]
        assert found == [Box(*map(float, (one.left, one.top, one.width, one.height))) for one in drawn]
        compared += len(found)
    assert compared > 20


def test_every_trace_is_what_was_painted(gallery: Hub) -> None:
    """Masks of the brush are pixel by pixel what was painted, but for what was painted over."""
    entries = {entry.id: entry for entry in gallery.entries(stage=["*"])}
    project, compared = gallery.sandbox.project(), 0
    for index in range(project.count):
        entry = entries.get(project.task_id(index))
        found = [one for one in entry.annotations if isinstance(one.shape, Mask)] if entry else []
        painted: dict[str, Any] = {}
        colors = project.ontology.colors("brush")
        for item in project.scenes(index)[0].objects if entry else ():
            if isinstance(item.shape, shapes.Mask):
                painted = {id_: pixels & ~item.shape.pixels for id_, pixels in painted.items()}
                painted[colors[item.category][0]] = item.shape.pixels
        assert {one.category_id for one in found} == {id_ for id_, pixels in painted.items() if pixels.any()}
        for one in found:
            assert isinstance(one.shape, Mask)
            assert (masks.to_pixels(one.shape) == painted[str(one.category_id)]).all()
            compared += 1
    assert compared > 2


def test_pages_are_entries(gallery: Hub) -> None:
    """Each image of an asset of several is an entry of its own, with what is marked on it, and all answers."""
    pages = [entry for entry in gallery.entries(stage=["*"]) if "/" in entry.id]
    assert len(pages) == 6
    by_asset = {entry.id.partition("/")[0]: entry.record for entry in pages}
    for task_id, row in by_asset.items():
        own = [entry for entry in pages if entry.id.startswith(task_id)]
        tools = Counter(tool["page"] for tool in row["task"]["tools"])
        for page, entry in enumerate(own):
            marked = [one for one in entry.annotations if shape_name(one.shape) not in ("classification", "relation")]
            assert len(marked) == tools[page]
            assert entry.original is not None
            assert entry.original.ref == row["dataset"][page]
        answers = [[one.id for one in entry.annotations if shape_name(one.shape) == "classification"] for entry in own]
        assert answers[0] == answers[1] == answers[2] != []


def test_tracks_are_what_was_drawn(gallery: Hub) -> None:
    """Whether key frames were exported or all, an object is in the same frames at the same places."""
    by_key = gallery.entries("video", stage=["*"])
    every = gallery.entries("video", gallery.source(only_key_frames=False), stage=["*"])
    compared = 0
    for entry, other in zip(by_key, every, strict=True):
        found = [one.shape for one in entry.annotations if isinstance(one.shape, Track)]
        others = [one.shape for one in other.annotations if isinstance(one.shape, Track)]
        for track, long_track in zip(found, others, strict=True):
            keys = {frame.number: frame.shape for frame in tracks.frames(track) if frame.is_keyframe}
            long_keys = {frame.number: frame.shape for frame in tracks.frames(long_track)}
            assert {number: long_keys[number] for number in keys} == keys
            assert long_keys.keys() == {frame.number for frame in tracks.frames(track)}
            compared += 1
    assert compared > 20


def test_words_of_texts(gallery: Hub) -> None:
    """Spans are where their words stand, also where offsets were counted as a browser does."""
    texts = [entry for entry in gallery.entries("documents", stage=["*"]) if entry.name.endswith(".txt")]
    source = gallery.source()
    for entry in texts:
        assert entry.original is not None
        said = read_media(source, entry.original).decode()
        spans = [one.shape for one in entry.annotations if shape_name(one.shape) == "text_span"]
        assert len(spans) == 2
        assert all(said[one.start : one.end] == one.text for one in spans)  # type: ignore[union-attr]
    assert len(texts) == 4


def test_stages_passed(gallery: Hub) -> None:
    """An entry tells which stages it passed, and how reviews ended; annotations tell the stage they were made in."""
    entry = gallery.entries()[0]
    history = entry.attributes["stage_history"]
    assert [one["stage"] for one in history] == ["Start", "Label A", "Review A", "Label A", "Review A"]
    assert [one.get("review_status") for one in history] == [None, None, "Rejected", None, "Accepted"]
    assert "example.org" not in json.dumps(entry.attributes)
    assert {one.stage for one in entry.annotations if one.created_by} == {"Label A"}


def test_relations_of_rows(gallery: Hub) -> None:
    """Relations lead between annotations of the same entry; one that leads nowhere keeps its end, to be reported."""
    lost = 0
    for entry in gallery.entries(stage=["*"]):
        ids = {one.id for one in entry.annotations}
        for one in entry.annotations:
            if isinstance(one.shape, Relation):
                assert one.shape.source_id in ids or "/" in entry.id
                lost += one.shape.target_id not in ids and "/" not in entry.id
    assert lost == 2


# -- old rows, strange rows


def test_exports_of_2023() -> None:
    """A row as exports were until 2023 is an entry whose things are told one by one, not guessed at."""
    old = {
        "asset": "https://127.0.0.1:1/1.jpg",
        "externalId": "1.jpg",
        "tasks": [
            {
                "taskId": "t1",
                "objects": [{"objectId": "o1", "bounding-box": {"x": 1}}, {"objectId": "o2", "point": [1, 2]}],
                "classifications": [{"objectId": "c1", "answer": "x"}],
                "relations": [],
            }
        ],
    }
    with serving_rows([old]) as hub:
        (entry,) = hub.entries(stage=["*"])
    assert entry.id == "t1"
    assert entry.record == old
    assert [one.shape for one in entry.annotations] == [
        Unknown("object of an export from before 2024"),
        Unknown("object of an export from before 2024"),
        Unknown("answer of an export from before 2024"),
    ]
    assert entry.annotations[1].record == old["tasks"][0]["objects"][1]  # type: ignore[index]


def test_rows_that_do_not_say_what_a_filter_asks() -> None:
    """A row without the stage or the batches that were asked for is believed; one with others is not."""
    old = {"asset": "", "externalId": "1", "tasks": [{"taskId": "t1", "objects": []}]}
    bare_row = {"task": {"taskId": "t2"}}
    with serving_rows([old, bare_row]) as hub:
        assert [entry.id for entry in hub.entries(stage=["Complete"])] == ["t1", "t2"]


def test_full_disks(tiny_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that does not fit on this machine's disk says so; it is no fault of the network."""
    monkeypatch.setattr("blocks.ango.exporting.scratch_file", lambda: tempfile.TemporaryFile(dir=tiny_disk))  # noqa: SIM115
    said = f"no space left for {tempfile.gettempdir()}"
    with serving(40, row_bytes=8000) as hub, pytest.raises(OuthaulError, match=said):
        hub.listing(stage=["*"])


def test_issues_are_told(gallery: Hub) -> None:
    """Issues instead of tasks: each is an entry with its record, of no shape."""
    found = gallery.entries(type=["issue"])
    assert [one.annotations[0].shape for one in found] == [Unknown("issue")] * 4
    assert found[0].record["content"] == "the wheel is missing"


def minimal(task_id: str = "t1", **values: Any) -> dict[str, Any]:
    task = {"taskId": task_id, "stage": "Complete", "stageId": "Complete", "tools": [], "classifications": []}
    return {
        "asset": "https://media.example.org/1.jpg",
        "externalId": "1.jpg",
        "task": task,
        "metadata": {"width": 9, "height": 9},
    } | values


def test_rows_that_lack_what_is_optional() -> None:
    """Nearly everything may be missing, null, or of another type: the row is an entry all the same."""
    strange = minimal("t2", batches=[None, 3], metadata=None, dataset="no list", contextData={"a": 1}, surprise=[1])
    strange["task"] |= {"tools": None, "relations": {}, "stageHistory": [None, {"stage": 3}], "updatedAt": 12}
    odd = minimal("t3", asset=None, externalId=None)
    odd["task"]["tools"] = [None, {"page": "x", "objectId": 5}, {"page": 7, "point": [1, 2]}]
    with serving_rows([minimal(), strange, odd]) as hub:
        first, second, third = hub.entries(stage=["*"])
    assert first.annotations == ()
    assert second.attributes == {"stage": "Complete", "stage_history": [{"stage": 3}], "context_data": {"a": 1}}
    assert third.medias == ()
    assert [shape_name(one.shape) for one in third.annotations] == ["unknown", "unknown", "skeleton"]
    assert third.annotations[2].attributes == {"page": 7}


def test_ids_that_are_there_twice() -> None:
    """Rows under one id are told apart, and so are objects of an entry; a row that came twice is one entry."""
    twin = minimal(externalId="other.jpg")
    doubled = minimal("t2")
    doubled["task"]["tools"] = [{"objectId": "o", "point": [1, 2]}, {"objectId": "o", "point": [3, 4]}]
    with serving_rows([minimal(), twin, minimal(), doubled]) as hub:
        entries = hub.entries()
    assert sorted((entry.id, entry.name) for entry in entries) == [
        ("t1", "1.jpg"),
        ("t1-2", "other.jpg"),
        ("t2", "1.jpg"),
    ]
    assert [one.id for one in entries[-1].annotations] == ["o", "o-2"]


def test_assets_that_are_their_content(gallery: Hub) -> None:
    """A text that was imported as such is the media itself."""
    row = minimal(asset="Dr. Aylin Demir ☀", externalId="note", metadata={})
    row["task"]["tools"] = [{"objectId": "o", "ner": {"start": 4, "end": 9, "selection": "Aylin"}}]
    with serving_rows([row]) as hub:
        (entry,) = hub.entries()
        assert entry.original is not None
        assert read_media(hub.source(), entry.original) == "Dr. Aylin Demir ☀".encode()
    assert entry.original.mime_type == "text/plain"
    assert shape_name(entry.annotations[0].shape) == "text_span"


# -- links


def test_links_are_no_identity(hub: Hub) -> None:
    """Two exports of the same rows, whose links have other signatures, are the same listing and the same entries."""
    assert hub.listing(stage=["*"]) == hub.listing(stage=["*"])
    for entry in hub.entries(stage=["*"]):
        assert entry.original is not None
        assert "?" not in entry.original.ref
        assert b"X-Amz" not in bytes(entry.raw) + bytes(entry.original.raw)


def test_links_of_the_export_are_used(hub: Hub) -> None:
    """Files are fetched by the links that the export brought: nobody is asked for another one."""
    for entry in hub.entries("documents", stage=["*"]):
        assert entry.original is not None
        read_media(hub.source(), entry.original)
    assert hub.sandbox.requests["getSignedUrl"] == 0


def test_links_that_have_expired(hub: Hub) -> None:
    """A link that does not open any more is asked for again; the bytes are the same."""
    (entry, *_) = hub.entries("documents")
    assert entry.original is not None
    before = read_media(hub.source(), entry.original)
    hub.sandbox.links.expire()
    assert read_media(hub.source(), entry.original) == before
    assert hub.sandbox.requests["getSignedUrl"] == 1


def test_links_on_another_machine(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has not seen the export asks for links: for files, for traces, for sizes."""
    source, dataset = hub.source(stages=[]), hub.dataset()
    listing = list(source.list_entries(dataset, {}))
    here = list(source.read(dataset, listing, "original"))
    monkeypatch.setattr("blocks.ango.client.BOOK", links.LinkBook())
    hub.sandbox.links.expire()
    assert list(source.read(dataset, listing, "original")) == here
    assert hub.sandbox.requests["getSignedUrl"] > 0
    for entry in here:
        assert isinstance(entry, Entry)
        assert entry.original is not None
        assert read_media(source, entry.original).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "link", ["s3://bucket/1.jpg", "uploads/1.jpg", "http://[::1", "ftp://a.example/1.jpg", "http:///x"]
)
def test_addresses_that_cannot_be_opened(link: str) -> None:
    """A file at an address that is not of the web costs its entry only; its address is never taken for its content."""
    with serving_rows([minimal(asset=link, externalId="1.jpg")]) as hub:
        (entry,) = hub.entries()
        assert entry.original is not None
        assert entry.original.mime_type == "image/jpeg"
        with pytest.raises(SkippableError, match="not opened by its storage"):
            read_media(hub.source(), entry.original)


def test_files_that_are_not_to_be_had(hub: Hub) -> None:
    """A file that its storage does not give costs its entry only."""
    (entry, *_) = hub.entries("documents")
    assert entry.original is not None
    hub.sandbox.project("documents").lost.add(urlsplit(entry.original.ref).path)
    with pytest.raises(SkippableError, match="gone from its storage"):
        read_media(hub.source(), entry.original)
    foreign = files.file_of(entry.original)
    closed = structs.replace(
        entry.original, raw=json.dumps({"link": foreign.link, "project": foreign.project}).encode()
    )
    with pytest.raises(SkippableError, match="not opened by its storage"):
        read_media(hub.source(), closed)


def test_files_go_on_where_they_broke(hub: Hub) -> None:
    """A transfer that broke is gone on with: the storage sends the rest."""
    entry = only(hub.entries("video"), "drive-00.avi")
    media = entry.original
    assert media is not None

    async def read() -> tuple[bytes, bytes]:
        async with hub.source().open_media() as reader:
            whole = b"".join([chunk async for chunk in reader.read(media)])
            hub.fault("/assets/", kind="truncate")
            part = b""
            with contextlib.suppress(RetriableError):
                async for chunk in reader.read(media):
                    part += chunk
            assert 0 < len(part) < len(whole)
            rest = b"".join([chunk async for chunk in reader.resume(media, len(part))])
            return whole, part + rest

    whole, joined = asyncio.run(read())
    assert joined == whole


def test_keys_go_to_the_hub_only(hub: Hub) -> None:
    """The storage is asked without the key."""
    seen: list[Any] = []

    async def noted(request: Any) -> Any:
        seen.append(request.headers.get("apikey"))
        return await media(request)

    media, hub.sandbox.handlers.media = hub.sandbox.handlers.media, noted  # type: ignore[method-assign]
    with hub.sandbox.serve() as url:
        source = hub.source(url=url)
        (entry, *_) = source.read(hub.dataset(source=source), hub.listing(source=source)[:1], "none")
        assert isinstance(entry, Entry)
        assert entry.original is not None
        read_media(source, entry.original)
    assert seen
    assert set(seen) == {None}


def test_queries_that_are_no_signatures_stay() -> None:
    """Of an address that a customer imported, what finds the file stays; what opens it goes."""

    def kept(link: str) -> str:
        return str(json.loads(unsigned(json.dumps({"asset": link}).encode()))["asset"])

    assert kept("https://a.example/i?id=5&size=l") == "https://a.example/i?id=5&size=l"
    assert kept("https://a.example/i?id=5&X-Amz-Date=1&X-Amz-Signature=ab") == "https://a.example/i?id=5"
    assert kept("https://a.example/i?Expires=1&Signature=ab~&Key-Pair-Id=K") == "https://a.example/i"
    assert kept("https://a.blob.example/i?sv=1&se=2&sr=b&sp=r&sig=ab") == "https://a.blob.example/i"
    assert kept("see https://a.example/i?X-Amz-Signature=ab") == "see https://a.example/i?X-Amz-Signature=ab"
    assert (
        unsigned(b'{"a":"https:\\/\\/a.example\\/i?X-Amz-Signature=a\\u0026x-id=b"}')
        == b'{"a":"https:\\/\\/a.example\\/i"}'
    )


def test_lives_of_links() -> None:
    """A link is used as long as it says it opens, and not much shorter; those that do not say it live a day."""
    book = links.LinkBook()
    book.add("me", "a", "https://a.example/?X-Amz-Date=20200101T000000Z&X-Amz-Expires=120000")
    book.add("me", "b", "https://a.example/?Signature=1")
    assert book.get("me", "a") is None
    assert book.get("me", "b") == "https://a.example/?Signature=1"
    assert book.get("you", "b") is None
    book.sweep()
    assert book.get("me", "b") == "https://a.example/?Signature=1"
    assert links.dies_at("https://a.example/?X-Goog-Date=20260211T100000Z&X-Goog-Expires=60", 0.0) == 1770804060.0
    assert links.dies_at("https://a.example/?Expires=77", 0.0) == 77.0
