"""Filters of IDAH: named as the platform names them, refused where it would answer with something else."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.idah_client import Resource
from blocks.idah_filters import check_filters, check_rows, query_of, read_filters
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from exporters.errors import FatalError, RequestError
from exporters.model import EMPTY, Entry

ID = "019b5c10-1a2b-7c3d-8e4f-000000000001"


@pytest.fixture(scope="module")
def source() -> Iterator[IdahSource]:
    sandbox = IdahSandbox(entries=8, datasets=3)
    sandbox.store.datasets[2].modality = "idah-video"
    with sandbox.serve() as url:
        yield IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("statsu", "completed", "did you mean 'status'"),
        ("status", "complete", "did you mean 'completed'"),
        ("dataset.status", "processing", "no dataset.status 'processing'"),
        ("nobody.name", "x", "no filter 'nobody.name'"),
        ("dataset.wf_step", "done", "no filter 'dataset.wf_step'"),
        ("id", "x", "takes an id, not 'x'"),
        ("priority", "", "takes a number, not ''"),
        ("assigned", "yes", "no assigned 'yes'"),
        ("annotation.updated_at__gt", "2026-01-31T10:00:00+02:00", "takes a UTC time"),
        ("annotation.updated_at__gt", "yesterday", "takes a UTC time"),
    ],
)
def test_what_the_platform_would_misunderstand(name: str, value: str, said: str) -> None:
    """A misspelt name, or a value that a column cannot hold, is refused: the platform would ignore it, or break."""
    with pytest.raises(RequestError, match=said):
        check_filters({name: [value]})


def test_a_bound_has_one_value() -> None:
    """A comparison takes one value; given twice it is refused."""
    with pytest.raises(RequestError, match="takes one value, not 2"):
        check_filters({"name__match": ["a", "b"]})


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("status", ["completed"], [("filter[status]", "completed")]),
        ("status", ["completed", "errored"], [("filter[status][]", "completed"), ("filter[status][]", "errored")]),
        ("status__in", ["completed"], [("filter[status__in][]", "completed")]),
        ("id", [ID.upper()], [("filter[id]", ID)]),
        ("name", [""], [("filter[name]", "")]),
    ],
)
def test_what_is_sent(name: str, values: list[str], expected: list[tuple[str, str]]) -> None:
    """Filters are sent in the form that the platform needs: a list where it would break on a single value."""
    assert query_of(read_filters({name: values}, "entry")) == expected


def test_times_are_sent_as_they_are_compared() -> None:
    """Times are sent in UTC, in the platform's own form."""
    (one,) = read_filters({"annotation.updated_at__gt": ["2026-01-31T23:59:00Z"]}, "annotation")
    assert one.query == [("filter[updated_at__gt]", "2026-01-31 23:59:00")]


@pytest.mark.parametrize(
    ("name", "value", "attributes", "fits"),
    [
        ("status", "completed", {"status": "completed"}, True),
        ("status", "completed", {"status": "pending"}, False),
        ("name__match", "CAM", {"name": "my cam"}, True),
        ("name__match", "CAM", {"name": None}, False),
        ("priority", "1", {"priority": 1}, True),
        ("priority", "1", {"priority": None}, False),
        ("assigned", "false", {"assigned_to_id": None}, True),
        ("assigned", "true", {"assigned_to_id": None}, False),
        ("participated", "12", {"reviewed_by_id": 12}, True),
        ("participated", "12", {"reviewed_by_id": 13}, False),
        ("created_at", "2026-01-14T10:23:18", {"created_at": "2026-01-14 10:23:18 +0000"}, True),
        ("name", "", {"name": None}, True),
    ],
)
def test_answers_are_not_believed(name: str, value: str, attributes: dict[str, object], fits: bool) -> None:
    """Each row is looked at: one that no filter lets through shows that the platform has dropped the filter."""
    filters, row = read_filters({name: [value]}, "entry"), Resource(ID, attributes, EMPTY)
    if fits:
        check_rows([row], filters)
    else:
        with pytest.raises(FatalError, match="does not filter by it"):
            check_rows([row], filters)


def test_datasets_by_modality_and_project(source: IdahSource) -> None:
    """All datasets of a modality, or of a project by its name, are chosen at once, and together with names."""
    videos = source.choose([], {"dataset.modality": ["video"]})
    images = source.choose([], {"dataset.modality": ["image"], "project.name": ["Street scenes"]})
    assert [len(videos), len(images)] == [1, 2]
    assert source.choose([images[1].name], {"project.name__match": ["street"]}) == [images[1]]
    everything = source.choose([], {"dataset.status__in": ["in_progress", "completed", "pending"]})
    assert everything == source.catalog()


def test_no_dataset_fits(source: IdahSource) -> None:
    """When no dataset fits, that is said, with what was asked for."""
    for where in ({"project.name": ["Nobody's"]}, {"dataset.name__match": ["nothing like it"]}):
        with pytest.raises(RequestError, match=r"No dataset in IDAH at .* fits (project|dataset)\."):
            source.choose([], where)
    with pytest.raises(RequestError, match="no dataset 'Crossing 3'"):
        source.choose(["Crossing 3"], {"dataset.modality": ["image"]})


def test_annotations_can_be_filtered(source: IdahSource) -> None:
    """Filters on annotations narrow what is read of each entry, and leave no entry out."""
    dataset = source.catalog()[0]
    listing = list(source.list_entries(dataset, {}))
    where = {"annotation.created_by_email": ["nobody@example.org"]}
    read = list(source.read(dataset, listing, "none", where))
    assert len(read) == len(listing)
    assert all(isinstance(one, Entry) and not one.annotations for one in read)
    assert any(one.annotations for one in source.read(dataset, listing, "none") if isinstance(one, Entry))


@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-priority", "id", "-id", "assigned_to_id"])
def test_entries_in_the_order_asked_for(source: IdahSource, sort: str) -> None:
    """Entries come in the order asked for, those alike by id, the same each time."""
    dataset = source.catalog()[0]
    rows = [orjson.loads(line) for line in source.list_entries(dataset, {}, sort)]
    rows.sort(key=lambda row: row["id"])
    name = sort.removeprefix("-")

    def place(row: dict[str, object]) -> tuple[bool, object]:
        value = row["id"] if name == "id" else row["attributes"][name]  # type: ignore[index]
        return value is not None, "" if value is None else value

    expected = sorted(rows, key=place, reverse=sort.startswith("-"))
    if sort.startswith("-"):  # reversing keeps those alike in their order
        expected = sorted(rows, key=place, reverse=True)
    assert [orjson.loads(line)["id"] for line in source.list_entries(dataset, {}, sort)] == [
        row["id"] for row in expected
    ]
