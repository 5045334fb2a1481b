"""Who sees what of the IDAH sandbox, and its ``sync`` service."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from blocks.sandbox import idah_accounts as accounts
from blocks.sandbox.idah import DEMO_EMAIL, DEMO_PASSWORD, IdahSandbox
from tests.blocks.sandbox_client import Client

ABSENT_ID = "019b5c10-3a2b-7c3d-8e4f-000000000099"
LISTS = ("dataset/projects", "dataset/project_members", "dataset/datasets", "dataset/entries", "dataset/annotations")
CLOSED = ("sync/exports", "sync/jobs", "dataset/entry_stats", "sync/exports/1", "sync/exports/formats?modalities[]=x")


@pytest.fixture(scope="module")
def sandbox() -> IdahSandbox:
    """For tests that only read."""
    return IdahSandbox(entries=24)


@pytest.fixture(scope="module")
def url(sandbox: IdahSandbox) -> Iterator[str]:
    with sandbox.serve() as url:
        yield url


@pytest.fixture(scope="module")
def reader(url: str) -> Client:
    """Of an organisation, as an exporter should be."""
    return Client(url)


@pytest.fixture(scope="module")
def writer(url: str) -> Client:
    return Client(url, key=accounts.RW_API_KEY)


# Accounts


@pytest.mark.parametrize("key", accounts.KEYS)
def test_published_keys(url: str, key: str) -> None:
    """Every published key has the platform's form and logs in, with its role, its scope and rights to match."""
    assert len(key) == 69
    attributes = Client(url).login(api_key=key).json["data"]["attributes"]
    assert attributes["role_name"].startswith("api:project_")
    assert len(attributes["role_scope"]) == 1
    may_write = any("*" in right.split(".")[1] for right in attributes["role_rights"])
    assert may_write == ("rw" in attributes["role_name"])


@pytest.mark.parametrize("key", [accounts.RW_API_KEY, accounts.ALL_API_KEY])
def test_keys_that_see_everything(url: str, reader: Client, key: str) -> None:
    """A key of all organisations, and one that may write too, read what the demo key reads."""
    other = Client(url, key=key)
    assert [other.call(path).body for path in LISTS] == [reader.call(path).body for path in LISTS]


@pytest.mark.parametrize("key", [accounts.FOREIGN_API_KEY, accounts.BLIND_API_KEY])
def test_keys_that_see_nothing(url: str, reader: Client, sandbox: IdahSandbox, key: str) -> None:
    """Out of scope is not refused: lists are empty, records and files are a 404."""
    blind = Client(url, key=key)
    assert [blind.call(path).json for path in LISTS] == [{"data": [], "meta": {}}] * len(LISTS)
    assert blind.call("dataset/entries?count=true").json["meta"] == {"count": 0, "more": False}
    for path in LISTS:
        identifier = reader.call(f"{path}?page[size]=1").ids[0]
        assert blind.call(f"{path}/{identifier}").error == (404, f'{{id: "{identifier}"}}')
    resource = sandbox.store.entries_of(sandbox.store.datasets[0].id)[0].resource
    assert blind.call(f"media/medias/files/{resource}").status == 404
    assert blind.call(f"media/medias/info/{resource}").status == 404


def test_medias_of_others_are_listed(url: str, reader: Client) -> None:
    """Organisation-scoped keys are shown the medias of other organisations too; a key of no organisation is not."""
    listed = Client(url, key=accounts.FOREIGN_API_KEY).call("media/medias?page[size]=5")
    assert listed.body == reader.call("media/medias?page[size]=5").body
    assert Client(url, key=accounts.BLIND_API_KEY).call("media/medias").ids == []


def test_an_annotator_sees_their_own_entries(url: str, reader: Client) -> None:
    """An annotator gets the entries assigned to them and nothing tells that there are others, but the counters."""
    annotator = Client(url, email=accounts.ANNOTATOR_EMAIL)
    assigned = reader.call("dataset/entries?filter[assigned_to_id]=12").ids
    hidden = reader.call("dataset/entries?filter[assigned_to_id]").ids[0]
    assert annotator.call("dataset/entries?count=true").ids == assigned
    assert annotator.call(f"dataset/entries/{hidden}").status == 404
    assert annotator.call(f"dataset/entries/{assigned[0]}").status == 200
    rows = annotator.call("dataset/annotations").json["data"]
    assert rows
    assert {row["attributes"]["entry_id"] for row in rows} <= set(assigned)
    assert annotator.call(f"dataset/annotations?filter[entry_id]={hidden}").ids == []
    assert annotator.call("dataset/datasets").body == reader.call("dataset/datasets").body
    included = annotator.call("dataset/datasets?included[]=entries").json["included"]
    assert [row["id"] for row in included] == assigned
    assert annotator.call("sync/exports").ids == []


def test_a_reviewer_sees_what_waits_for_them(reader: Client) -> None:
    """A reviewer sees what is assigned to them and what waits for review, unless they submitted it themselves."""
    sandbox = IdahSandbox(entries=6)
    store = sandbox.store
    waiting, own, assigned, *_ = store.entries_of(store.datasets[0].id)
    for entry in (waiting, own):
        store.move_entry(entry.id, "in_progress", "review")
    store.change_entry(own.id, submitted_by_id=13)
    store.change_entry(assigned.id, assigned_to_id=13)
    with sandbox.serve() as url:
        assert Client(url, email=accounts.REVIEWER_EMAIL).call("dataset/entries").ids == [waiting.id, assigned.id]


def test_closed_doors(url: str) -> None:
    """Read-only keys are refused at ``sync`` and ``entry_stats``, whatever their scope; others are let in."""
    for key in (accounts.DEMO_API_KEY, accounts.ALL_API_KEY, accounts.BLIND_API_KEY):
        for path in CLOSED:
            answer = Client(url, key=key).call(path)
            kind = path.split("/")[1] if "formats" not in path else "exports"
            assert answer.error == (403, f"unauthorized action `read` on `{path.split('/')[0]}:{kind}`")
            title = answer.json["type"] if "formats" in path else answer.json["errors"][0]["title"]
            assert title == "Verse::Error::Unauthorized"
    for path in CLOSED:
        assert Client(url, key=accounts.RW_API_KEY).call(path).status == 200
        assert Client(url, email=DEMO_EMAIL).call(path).status == 200


def test_refused_accounts(url: str, sandbox: IdahSandbox) -> None:
    """A key that is not active and a person whose account is disabled are told so."""
    client = Client(url)
    sandbox.auth.inactive_keys[accounts.RW_API_KEY] = "suspended"
    sandbox.auth.disabled_emails.add(accounts.REVIEWER_EMAIL)
    try:
        assert client.login(api_key=accounts.RW_API_KEY).error == (401, "API key is not active (status: suspended)")
        person = {"email": accounts.REVIEWER_EMAIL, "password": DEMO_PASSWORD}
        assert client.post("iam/auth/login", person).error == (401, "account_disabled")
    finally:
        sandbox.auth.inactive_keys.clear()
        sandbox.auth.disabled_emails.clear()


def test_cookies(url: str, reader: Client) -> None:
    """A login may leave cookies, for a day and for two weeks; the second one fetches a new token, without a login."""
    person = {"email": DEMO_EMAIL, "password": DEMO_PASSWORD, "cookie": True}
    cookies = reader.post("iam/auth/login", person).headers.get_all("Set-Cookie") or []
    assert [cookie.partition("=")[0] for cookie in cookies] == ["auth-token", "refresh-token"]
    assert all("HttpOnly" in cookie and "Secure" in cookie for cookie in cookies)
    assert "Max-Age=1209600" in cookies[1]
    assert "Path=/api/v1/iam" in cookies[1]
    renewed = reader.call("iam/auth/refresh", Authorization="", Cookie=cookies[1].partition(";")[0])
    token = renewed.json["meta"]["token"]
    assert reader.call("dataset/projects", Authorization=f"Bearer {token}").status == 200
    assert reader.call("iam/auth/refresh", Authorization="").status == 401
    assert reader.post("iam/auth/login", person | {"cookie": False}).headers.get_all("Set-Cookie") is None


# Members


def test_members(reader: Client) -> None:
    """Members have ids of their own beside their account's, and can be filtered by what is no column of theirs."""
    rows = reader.call("dataset/project_members").json["data"]
    assert {row["type"] for row in rows} == {"dataset:project_members"}
    assert [(row["id"], row["attributes"]["account_id"], row["attributes"]["role"]) for row in rows] == [
        ("7", 3, "owner"),
        ("8", 12, "annotator"),
        ("9", 13, "reviewer"),
    ]
    assert "relationships" not in rows[0]
    for query, ids in {
        "filter[email__match]=VIEWER": ["9"],
        "filter[role__in][]=owner&filter[role__in][]=reviewer": ["7", "9"],
        "filter[organization_id__in][]=5": [],
        "filter[organization_id]=5": ["7", "8", "9"],  # no column: dropped
        "filter[enabled]=false": [],
        "filter[id][]=8": ["8"],
        "filter[created_at__gte]=2027-01-01": [],
    }.items():
        assert reader.call(f"dataset/project_members?{query}").ids == ids, query
    document = reader.call("dataset/project_members/8?included[]=project").json
    assert [row["type"] for row in document["included"]] == ["dataset:projects"]
    assert document["data"]["relationships"]["project"]["data"]["id"] == document["included"][0]["id"]
    assert reader.call("dataset/project_members/x").error[0] == 500
    assert reader.call("dataset/project_members/77").error[0] == 404


# The export service


def test_formats(writer: Client) -> None:
    """Formats are a plain list for a list of modalities; without one a 422, with a scalar a 500, both plain."""
    answer = writer.call("sync/exports/formats?modalities[]=idah-image&modalities[]=idah-video")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == [
        {
            "name": "Universal Portable Dataset",
            "description": "Export to UPD file.",
            "exporter": "Exports::Upd::Exporter",
        },
    ]
    for query, status in {"": 422, "?modalities=idah-image": 500}.items():
        refused = writer.call(f"sync/exports/formats{query}")
        assert refused.status == status
        assert "errors" not in refused.json


def test_exports(writer: Client) -> None:
    """Exports have integers for ids, in strings; what is not done has no file, and a failed job no message."""
    document = writer.call("sync/exports?included[]=job").json
    rows, jobs = document["data"], {row["id"]: row["attributes"] for row in document["included"]}
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert " ".join(rows[0]["attributes"]) == (
        "job_id project_id created_by_id file_id filename mime_type size created_at"
    )
    assert [jobs[row["attributes"]["job_id"]]["status"] for row in rows] == [
        *("completed", "errored", "running", "pending"),
    ]
    assert " ".join(next(iter(jobs.values()))) == (
        "job_class arguments priority status progress retry_count error unicity scheduled_at created_at updated_at"
    )
    assert {job["error"] for job in jobs.values()} == {None}
    assert [jobs[row["attributes"]["job_id"]]["progress"] for row in rows] == [1.0, 0.0, 0.0, 0.0]
    assert [bool(row["attributes"]["size"]) for row in rows] == [True, False, False, False]
    assert rows[0]["attributes"]["filename"].startswith("idah-export-")
    assert {(row["attributes"]["filename"], row["attributes"]["mime_type"]) for row in rows[1:]} == {(None, None)}
    assert [row["relationships"]["job"]["data"]["id"] for row in rows] == [row["attributes"]["job_id"] for row in rows]
    assert writer.call("sync/exports/2?included[]=job").json["data"] == rows[1]
    assert writer.call("sync/exports/99").error[0] == 404
    assert writer.call("sync/exports/x").error[0] == 500
    assert writer.call("sync/exports?filter[id__in][]=2&filter[id__in][]=4").ids == ["2", "4"]
    assert writer.call("sync/exports?included[]=project").status == 422


def test_jobs(writer: Client) -> None:
    """Jobs list the exports that asked for them; their arguments cannot be filtered by."""
    jobs = writer.call("sync/jobs").ids
    assert writer.call("sync/jobs?filter[status__in][]=running").ids == [jobs[2]]
    assert writer.call("sync/jobs?filter[arguments][exporter]=y").ids == jobs
    assert writer.call("sync/jobs?filter[retry_count__gte]=1").ids == []
    document = writer.call(f"sync/jobs/{jobs[0]}?included[]=exports").json
    assert [(row["type"], row["id"]) for row in document["included"]] == [("sync:exports", "1")]
    assert document["data"]["attributes"]["arguments"]["exporter"] == "Exports::Upd::Exporter"
    assert writer.call(f"sync/jobs/{ABSENT_ID}").status == 404


def test_download(writer: Client) -> None:
    """A finished export downloads as an attachment, without ranges; before that it is a 500, in plain JSON."""
    export = writer.call("sync/exports/1").json["data"]["attributes"]
    answer = writer.call("sync/exports/1/download", Range="bytes=0-1")
    assert (answer.status, len(answer.body)) == (200, export["size"])
    assert answer.headers["Content-Disposition"] == f"attachment;filename={export['filename']}"
    assert answer.headers["Content-Length"] == str(export["size"])
    for number in (2, 3, 4):
        assert writer.call(f"sync/exports/{number}/download").error[0] == 500
    assert "errors" not in writer.call("sync/exports/4/download").json
    assert writer.call("sync/exports/9/download").error[0] == 404


def test_exports_come_to_an_end() -> None:
    """A job that waits can be started, finished and failed while a client polls it."""
    sandbox = IdahSandbox(entries=1)
    with sandbox.serve() as url:
        client = Client(url, key=accounts.RW_API_KEY)

        def status(number: int) -> str:
            document = client.call(f"sync/exports/{number}?included[]=job").json
            return str(document["included"][0]["attributes"]["status"])

        sandbox.store.start_export("4")
        assert status(4) == "running"
        sandbox.store.finish_export("4", b"exported")
        assert status(4) == "completed"
        assert client.call("sync/exports/4/download").body == b"exported"
        sandbox.store.fail_export("3")
        assert status(3) == "errored"
    assert json.dumps(sandbox.requests) == json.dumps(
        {"iam/auth/api/login": 1, "sync/exports/:id": 3, "sync/exports/:id/download": 1},
    )
