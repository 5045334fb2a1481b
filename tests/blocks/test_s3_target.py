"""What the form of a bucket says is what S3 is told, in every request that makes an object; it is said once."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from pydantic import SecretStr

from blocks.probing import check_writable
from blocks.s3_target import S3Target
from blocks.sandbox.server import serve
from blocks.storage import Storage
from blocks.uploads import Budget, part_bytes
from exporters.errors import RequestError, RetriableError
from tests.fakes.s3_proxy import kind_of
from tests.fakes.s3_sink import Sink
from tests.s3_server import S3Server

MIB = 1 << 20
MADE = {"PUT", "UPLOAD", "COPY", "CREATE"}
"""Requests that make an object, and so say what it is to be like."""


class Recorder(Sink):
    """Keeps what it was asked, and answers as told before anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, web.BaseRequest, str]] = []
        self.faults: dict[str, list[web.Response]] = {}

    def application(self) -> web.Application:
        made = super().application()
        made.middlewares.append(self._record)
        return made

    @web.middleware
    async def _record(self, request: web.Request, handler: Any) -> web.StreamResponse:
        kind = kind_of(request)
        body = (await request.read()).decode() if kind == STS else ""
        self.asked.append((kind, request, body))
        if waiting := self.faults.get(kind):
            await request.read()
            return waiting.pop(0)
        if kind == STS:
            return web.Response(text=ASSUMED, content_type="text/xml")
        response: web.StreamResponse = await handler(request)
        return response

    def headers(self, kind: str) -> list[Any]:
        return [request.headers for found, request, _ in self.asked if found == kind]

    def kinds(self) -> set[str]:
        return {kind for kind, _, _ in self.asked}


STS = "POST"
"""What is asked by it here, and is no upload, is asked of the service that lends credentials."""
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>assumed</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>lent</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@pytest.fixture
def recorder(forgotten: None) -> Iterator[tuple[Recorder, str]]:
    recorder = Recorder()
    with serve(recorder.application(), host="127.0.0.1", port=0) as url:
        yield recorder, url


def target(url: str, **fields: Any) -> S3Target:
    keys = {} if "profile" in fields else {"access_key_id": "key", "secret_access_key": SecretStr("canary")}
    return S3Target(**{"bucket": "exports", "folder": "nightly/", "endpoint_url": url, **keys, **fields})


def use(storage: Storage) -> None:
    """Everything that makes an object."""
    storage.write("small", [b"x"])
    storage.write("large", [bytes(7 * MIB)])
    storage.create("created", b"x")
    assert storage.copy("small", "copied")


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"encryption": "AES256"}, {"x-amz-server-side-encryption": "AES256"}),
        (
            {"encryption": "aws:kms", "kms_key_id": "alias/exports"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/exports",
            },
        ),
        ({"encryption": "aws:kms:dsse"}, {"x-amz-server-side-encryption": "aws:kms:dsse"}),
        ({"storage_class": "STANDARD_IA"}, {"x-amz-storage-class": "STANDARD_IA"}),
        ({"tags": ["team=vision", "for=a b&c=d"]}, {"x-amz-tagging": "team=vision&for=a+b%26c%3Dd"}),
        ({"acl": "bucket-owner-full-control"}, {"x-amz-acl": "bucket-owner-full-control"}),
        ({"requester_pays": True}, {"x-amz-request-payer": "requester"}),
        ({"session_token": SecretStr("lent")}, {"x-amz-security-token": "lent"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_objects_are_to_be_like(
    recorder: tuple[Recorder, str], fields: dict[str, Any], headers: dict[str, str]
) -> None:
    """Small files, large ones, those that may not be there yet and copies are all made as the form says."""
    recorded, url = recorder
    use(target(url, **fields).storage())
    assert recorded.kinds() >= MADE
    for kind in MADE:
        for found in recorded.headers(kind):
            for name, value in headers.items():
                same = found.get(name)
                if name == "x-amz-tagging":  # a blank is written in two ways
                    assert parse_qs(str(same)) == parse_qs(value), kind
                else:
                    assert same == value, kind
            assert all(name in found["Authorization"] for name in headers)  # who changes one on the way is found out
    for kind in ("PART", "COMPLETE"):
        for found in recorded.headers(kind):
            assert {"x-amz-request-payer", "x-amz-security-token"} & set(headers) <= set(map(str.lower, found)), kind


def test_nothing_is_said_that_was_not_asked_for(recorder: tuple[Recorder, str]) -> None:
    """An empty form leaves all to the bucket's own settings."""
    recorded, url = recorder
    use(target(url).storage())
    said = {name.lower() for kind in MADE for found in recorded.headers(kind) for name in found}
    assert {name for name in said if name.startswith("x-amz-")} <= {
        *("x-amz-content-sha256", "x-amz-date", "x-amz-copy-source", "x-amz-metadata-directive"),
    }


def test_what_is_sent_is_signed_with_its_digest(recorder: tuple[Recorder, str]) -> None:
    """The store refuses what was damaged on its way, files and parts of files alike."""
    recorded, url = recorder
    use(target(url).storage())
    for kind in ("PUT", "PART", "CREATE"):
        assert all(re.fullmatch("[0-9a-f]{64}", found["x-amz-content-sha256"]) for found in recorded.headers(kind))


@pytest.mark.parametrize(
    ("addressing", "host", "path"),
    [
        ("auto", "s3.example.org", "/exports/nightly/small"),
        ("path", "s3.example.org", "/exports/nightly/small"),
        ("virtual", "exports.s3.example.org", "/nightly/small"),
    ],
)
def test_where_the_bucket_is(
    recorder: tuple[Recorder, str], addressing: str, host: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket stands in the path, or in the host's name where asked for, and the region in the signature."""
    recorded, url = recorder
    monkeypatch.setenv("HTTP_PROXY", url)  # so that hosts of any name are found, and the proxy is seen to be used
    monkeypatch.setenv("http_proxy", url)
    storage = target("http://s3.example.org", addressing=addressing, region="eu-central-1").storage()
    storage.write("small", [b"x"])
    assert storage.size("small") == 1
    for _, request, _ in recorded.asked:
        assert request.headers["Host"] == host
        assert request.path == path
        assert re.search(r"Credential=key/\d{8}/eu-central-1/s3/", request.headers["Authorization"])


def test_a_profile(recorder: tuple[Recorder, str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and region of a profile are used, whatever the environment's are."""
    (tmp_path / "config").write_text(
        "[profile exports]\nregion = eu-west-1\naws_access_key_id = ofprofile\naws_secret_access_key = s\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ofenvironment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    recorded, url = recorder
    use(target(url, profile="exports").storage())
    assert recorded.kinds() >= MADE
    for _, request, _ in recorded.asked:
        assert "Credential=ofprofile/" in request.headers["Authorization"]


def test_a_role(recorder: tuple[Recorder, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A role is assumed once with the given key, the owner's external id along, and all is done as this role."""
    recorded, url = recorder
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    arn = "arn:aws:iam::123456789012:role/exports"
    use(target(url, role_arn=arn, external_id="outhaul", region="eu-central-1").storage())
    ((sts, body),) = [(request, body) for kind, request, body in recorded.asked if kind == STS]
    assert {name: value for name, (value,) in parse_qs(body).items()} == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleSessionName": "outhaul",
        "RoleArn": arn,
        "ExternalId": "outhaul",
    }
    assert "Credential=key/" in sts.headers["Authorization"]
    assert recorded.kinds() >= MADE
    for kind, request, _ in recorded.asked:
        if kind != STS:
            assert "Credential=assumed/" in request.headers["Authorization"]
            assert request.headers["x-amz-security-token"] == "lent"


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"bucket": "exports/nightly"}, "folder has a field of its own"),
        ({"bucket": "s3://exports"}, "is no name"),
        ({"folder": "a/../b"}, "leads elsewhere"),
        ({"access_key_id": ""}, "give both or none"),
        ({"profile": "x", "access_key_id": "key", "secret_access_key": SecretStr("canary")}, "keys of its own"),
        ({"external_id": "x"}, "give its ARN"),
        ({"kms_key_id": "x"}, "goes with the encryption aws:kms"),
        ({"tags": ["=x"]}, "name=value"),
        ({"tags": ["x"]}, "name=value"),
        ({"tags": [f"{number}=x" for number in range(11)]}, "ten at most"),
        ({"endpoint_url": "s3.example.org"}, "no URL"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together(fields: dict[str, Any], advice: str) -> None:
    """What cannot work is refused before anything is sent, in a sentence without a secret."""
    with pytest.raises(RequestError, match=advice) as caught:
        target("http://127.0.0.1:1", **fields).storage()
    assert "canary" not in str(caught.value)


def test_a_profile_that_is_not_there(recorder: tuple[Recorder, str]) -> None:
    """A profile that the worker does not have is named."""
    with pytest.raises(RequestError, match="no-such-profile"):
        check_writable(target(recorder[1], profile="no-such-profile").storage())


@pytest.mark.usefixtures("s3", "forgotten")
def test_links_let_anybody_in_for_a_while(s3_server: S3Server) -> None:
    """A link is made only where it is asked for, needs no key, holds none, and says how long it is good for."""
    place = {"bucket": s3_server.bucket, "folder": os.urandom(6).hex()}
    storage = S3Target(**place, link_hours=2).storage()
    storage.write("a b#.zip", [b"package"])
    link = storage.link("a b#.zip")
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"package"
    assert "X-Amz-Expires=7200" in link
    assert s3_server.secret_access_key not in link
    assert S3Target(**place).storage().link("x") == f"s3://{place['bucket']}/{place['folder']}/x"


# What goes wrong on the way


def answer(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code><Message>canary</Message></Error>")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", RequestError),
        (400, "InvalidStorageClass", RequestError),
        (404, "NoSuchBucket", RequestError),
        (400, "RequestTimeout", RetriableError),
        (500, "InternalError", RetriableError),
        (503, "SlowDown", RetriableError),
    ],
)
@pytest.mark.parametrize("kind", ["PUT", "UPLOAD", "PART", "COMPLETE"])
def test_what_s3_says_is_translated(
    recorder: tuple[Recorder, str], kind: str, status: int, code: str, expected: type[Exception]
) -> None:
    """Whatever request is refused, the reason comes out as a sentence, and an upload that was begun is aborted."""
    recorded, url = recorder
    recorded.faults[kind] = [answer(status, code) for _ in range(40)]
    storage = target(url).storage()
    with pytest.raises(expected) as caught:
        storage.write("file", [bytes(7 * MIB if kind != "PUT" else 1)])
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3://exports/nightly/file" in str(caught.value)
    assert ("DELETE" in recorded.kinds()) == (kind in ("PART", "COMPLETE"))


def test_a_store_that_is_busy_for_a_moment(recorder: tuple[Recorder, str]) -> None:
    """What passes is tried again, at once and a few times, without the export noticing."""
    recorded, url = recorder
    recorded.faults = {kind: [answer(503, "SlowDown")] for kind in ("PUT", "UPLOAD", "PART")}
    use(target(url).storage())
    assert not any(recorded.faults.values())


# Sizes


def test_parts_grow_with_the_file() -> None:
    """A file of S3's largest size has no more than the 10,000 parts that S3 takes; small ones have small parts."""
    assert part_bytes(0) == part_bytes(10 << 30) == 6 * MIB
    for size in (100 << 30, 1 << 40, 5 << 40):
        assert size * 1.1 / part_bytes(size) < 10_000
        assert part_bytes(size) <= 5 << 30


def test_parts_of_a_very_large_file(recorder: tuple[Recorder, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected of a file makes its parts larger, and they are sent one by one then."""
    monkeypatch.setattr("blocks.uploads.MOST_PARTS", 2)
    recorded, url = recorder
    target(url).storage().write("file", [bytes(MIB)] * 40, expected=40 * MIB)
    sizes = [int(found["Content-Length"]) for found in recorded.headers("PART")]
    assert sorted(sizes) == [20 * MIB, 20 * MIB]


def test_the_budget_is_kept() -> None:
    """Who wants more than is left waits for others; who wants more than there is gets all of it."""
    budget = Budget(10)
    with budget.taken(100):
        assert budget._left == 0
    with budget.taken(4), budget.taken(6):
        assert budget._left == 0
    assert budget._left == 10


@pytest.mark.usefixtures("s3")
def test_copies_beyond_what_one_request_takes(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over 5 GiB, here over 6 MiB, is copied in parts by the store itself, byte for byte."""
    monkeypatch.setattr("s3fs.core.MANAGED_COPY_THRESHOLD", 6 * MIB)
    storage = S3Target(bucket=s3_server.bucket, folder=os.urandom(6).hex()).storage()
    data = os.urandom(13 * MIB)
    storage.write("from", [data])
    assert storage.copy("from", "to")
    assert storage.read("to") == data


def test_names_that_only_one_of_the_clients_takes(s3: str) -> None:
    """Names that obstore refuses are written all the same."""
    storage = Storage(s3)
    for name in ("a//b", "a\tb"):
        storage.write(name, [name.encode()])
        assert storage.read(name) == name.encode()


@pytest.mark.parametrize("names", [["a.jpg", "ü/é #%20.jpg", "deep/er/b"], ["a.jpg", "line\nbreak.jpg"]])
def test_sizes_below_a_folder(s3: str, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all files and no others, over as many pages as it takes, whatever their names."""
    monkeypatch.setattr("blocks.uploads.KEYS_A_PAGE", 2)
    storage = Storage(s3)
    for size, name in enumerate(names):
        storage.write(f"export/{name}", [bytes(size)])
    storage.write("exported", [b"another"])
    assert dict(storage.sizes("export")) == {name: size for size, name in enumerate(names)}
    assert dict(storage.sizes("nothing")) == {}


def test_settings_that_only_s3fs_knows(s3: str) -> None:
    """A bucket opened with options of s3fs that are not ours is written to by s3fs."""
    storage = Storage(s3, {"max_concurrency": 2})
    assert storage._remote.uploader is None
    storage.write("file", [bytes(7 * MIB)])
    assert storage.size("file") == 7 * MIB


@pytest.mark.usefixtures("s3")
def test_what_breaks_off_is_not_published(s3_server: S3Server) -> None:
    """An upload that ends in an error leaves nothing under its name; s3fs alone publishes what it has by then."""
    import s3fs  # noqa: PLC0415 - the server's address stands in the environment only now

    def broken() -> Iterator[bytes]:
        yield bytes(7 * MIB)
        raise RuntimeError("it broke off")

    folder = os.urandom(6).hex()
    theirs = s3fs.S3FileSystem(use_listings_cache=False)
    with pytest.raises(RuntimeError), theirs.open(f"{s3_server.bucket}/{folder}/theirs", "wb") as handle:
        handle.writelines(broken())
    ours = S3Target(bucket=s3_server.bucket, folder=folder).storage()
    with pytest.raises(RuntimeError):
        ours.write("ours", broken())
    assert ours.files() == {"theirs": 7 * MIB}
