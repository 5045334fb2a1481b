"""Blocks that a team already has, used as targets: what they say is translated, and nothing of it gets out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from blocks.catalog import find_target
from blocks.existing import KINDS, existing_place, split_existing
from blocks.places import S3_CONFIG
from blocks.saved import saved_names
from blocks.target import Target
from exporters.errors import RequestError, RetriableError
from tests.conformance.sources import CANARY
from tests.fakes.documents import reference, save_document
from tests.fakes.hostile import NAMES
from tests.prefect_server import speaking_to

pytestmark = pytest.mark.usefixtures("prefect_api")

NOTHING: dict[str, Any] = {
    "aws_access_key_id": None, "aws_secret_access_key": None, "aws_session_token": None, "profile_name": None,
    "region_name": None, "assume_role_arn": None, "block_type_slug": "aws-credentials",
    "aws_client_parameters": {"api_version": None, "use_ssl": True, "verify": None, "verify_cert_path": None,
                              "endpoint_url": None, "config": None},
}  # fmt: skip
"""What prefect-aws saves of credentials that nobody filled in."""
ACCOUNT = {"type": "service_account", "private_key": CANARY}


def saved(kind: str, data: dict[str, Any]) -> str:
    name = f"team-{os.urandom(4).hex()}"
    save_document(kind, name, data)
    return f"{kind}/{name}"


PLACES: dict[str, tuple[str, dict[str, Any], str, str, dict[str, Any]]] = {
    "a bucket, and what the environment says": (
        "s3-bucket", {"bucket_name": "b", "credentials": NOTHING, "bucket_folder": ""}, "", "s3://b", {},
    ),
    "a bucket with a folder and keys": (
        "s3-bucket",
        {"bucket_name": "b", "bucket_folder": "f/g/", "credentials": {
            **NOTHING, "aws_access_key_id": "k", "aws_secret_access_key": CANARY, "aws_session_token": "t",
            "region_name": "eu-north-1",
        }},
        "", "s3://b/f/g",
        {"key": "k", "secret": CANARY, "token": "t", "client_kwargs": {"region_name": "eu-north-1"}},
    ),
    "a bucket of a compatible store": (
        "s3-bucket",
        {"bucket_name": "b", "credentials": {**NOTHING, "profile_name": "p", "aws_client_parameters": {
            "endpoint_url": "https://s3.example.org", "verify_cert_path": "/ca.pem", "api_version": "2006-03-01",
            "use_ssl": True, "config": {"s3": {"addressing_style": "path"}},
        }}},
        "nightly", "s3://b/nightly",
        {"profile": "p", "endpoint_url": "https://s3.example.org",
         "client_kwargs": {"verify": "/ca.pem", "api_version": "2006-03-01"},
         "config_kwargs": {**S3_CONFIG, "s3": {"addressing_style": "path"}}},
    ),
    "a bucket for everybody": (
        "s3-bucket",
        {"bucket_name": "b", "credentials": {**NOTHING, "aws_client_parameters": {
            "use_ssl": False, "verify": False, "config": {"signature_version": "unsigned"}}}},
        "", "s3://b", {"anon": True, "use_ssl": False, "client_kwargs": {"verify": False}},
    ),
    "a bucket of MinIO": (
        "s3-bucket",
        {"bucket_name": "b", "credentials": {
            "minio_root_user": "root", "minio_root_password": CANARY, "region_name": None,
            "aws_client_parameters": {"endpoint_url": "http://minio:9000"}, "block_type_slug": "minio-credentials",
        }},
        "", "s3://b", {"key": "root", "secret": CANARY, "endpoint_url": "http://minio:9000"},
    ),
    "credentials, for a bucket": (
        "aws-credentials", {"aws_access_key_id": "k", "aws_secret_access_key": CANARY}, "s3://b/f", "s3://b/f",
        {"key": "k", "secret": CANARY},
    ),
    "credentials of MinIO, for a bucket": (
        "minio-credentials", {"minio_root_user": "k", "minio_root_password": CANARY}, "b", "s3://b",
        {"key": "k", "secret": CANARY},
    ),
    "a bucket at Google": (
        "gcs-bucket",
        {"bucket": "b", "bucket_folder": "f/", "gcp_credentials": {"service_account_info": ACCOUNT, "project": "p"}},
        "g", "gs://b/f/g", {"token": ACCOUNT, "project": "p"},
    ),
    "a bucket at Google, and what the environment says": (
        "gcs-bucket", {"bucket": "b", "gcp_credentials": {}}, "", "gs://b", {},
    ),
    "credentials of Google, for a bucket": (
        "gcp-credentials", {"service_account_file": "/key.json"}, "gs://b/f", "gs://b/f", {"token": "/key.json"},
    ),
    "anything fsspec reaches": (
        "remote-file-system", {"basepath": "sftp://h/x/", "settings": {"password": CANARY}}, "y", "sftp://h/x/y",
        {"password": CANARY},
    ),
    "a folder": ("local-file-system", {"basepath": "/data"}, "", "/data", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_what_a_block_says_is_translated(case: str) -> None:
    """Bucket, folder, keys, region, endpoint and certificates are those of the block; what it leaves out stays out."""
    kind, data, folder, url, options = PLACES[case]
    place = existing_place(saved(kind, data), folder)
    assert (place.url, place.options) == (url, options)
    assert CANARY not in repr(place)


def test_every_kind_is_tested() -> None:
    assert {kind for kind, *_ in PLACES.values()} == set(KINDS)


def test_a_role() -> None:
    """A role that a block assumes is assumed when the place is used; the keys that may assume it do not serve alone."""
    fields = {
        "aws_access_key_id": "k",
        "aws_secret_access_key": CANARY,
        "region_name": "eu-north-1",
        "assume_role_arn": "arn:aws:iam::1:role/haul",
        "assume_role_kwargs": {"ExternalId": "x"},
    }
    place = existing_place(saved("aws-credentials", fields), "s3://b")
    assert set(place.options) == {"session", "client_kwargs"}
    assert place.options["session"]._credentials.method == "assume-role"
    assert CANARY not in repr(place)


def test_credentials_saved_apart() -> None:
    """Credentials that a bucket refers to are used as those in it are."""
    id_ = save_document(
        "minio-credentials", f"c-{os.urandom(4).hex()}", {"minio_root_user": "k", "minio_root_password": CANARY}
    )
    place = existing_place(saved("s3-bucket", {"bucket_name": "b", "credentials": reference(id_)}))
    assert place.options == {"key": "k", "secret": CANARY}


REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a role": (
        "aws-credentials",
        {"assume_role_arn": "arn:aws:iam::1:role/haul", "assume_role_kwargs": {"DurationSeconds": 900, "Policy": None}},
        "s3://b", "assumes the role arn:aws:iam::1:role/haul with DurationSeconds, and here only an ExternalId is told",
    ),
    "no bucket": ("s3-bucket", {"bucket_name": ""}, "", "has no bucket_name; open it in the Prefect UI"),
    "credentials without a place": ("aws-credentials", {}, "", "say for which bucket and folder, such as s3://bucket"),
    "credentials of another store": ("aws-credentials", {}, "gs://b", "such as s3://bucket/folder"),
    "no folder at all": ("local-file-system", {"basepath": None}, "", "has no basepath"),
    "a password that everybody sees": (
        "remote-file-system", {"basepath": f"sftp://me:{CANARY}@h/x"}, "", "put it into its settings",
    ),
    "an address where a folder is needed": ("s3-bucket", {"bucket_name": "b"}, "s3://other/x", "only a folder within"),
    "the folder above": ("local-file-system", {"basepath": "/data"}, "a/../../b", "only a folder within"),
    "a folder of its own, above": ("s3-bucket", {"bucket_name": "b", "bucket_folder": "../x"}, "", "only a folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_said(case: str) -> None:
    """What a block says and is not done here is refused in a sentence that names the block, and no secret of it."""
    kind, data, folder, sentence = REFUSED[case]
    slug = saved(kind, data)
    with pytest.raises(RequestError) as caught:
        Target(saved_block=slug, url=folder).storage()
    assert slug in str(caught.value)
    assert sentence in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        ("s3-bucket/nobody", "There is no saved block s3-bucket/nobody"),
        ("s3-bucket", "names no saved block"),
        ("s3-buckets/team", "did you mean 's3-bucket'"),
        ("slack-webhook/team", "There is no kind of block to deliver to 'slack-webhook'"),
    ],
)
def test_blocks_that_are_no_places(slug: str, sentence: str) -> None:
    """A block that does not exist, or is of another kind, is refused with what there is."""
    with pytest.raises(RequestError, match=sentence):
        Target(saved_block=slug).storage()


def test_a_prefect_api_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prefect API that cannot be reached is trouble that may pass, and is named."""
    with (
        speaking_to("http://127.0.0.1:9/api"),
        pytest.raises(RetriableError, match=r"The Prefect API at http://127\.0\.0\.1:9/api/ cannot be"),
    ):
        existing_place("s3-bucket/team")


def test_no_folder_leaves_the_place(tmp_path: Path) -> None:
    """Whatever a folder within a block is called, what is written there lies below the block's own folder."""
    slug = saved("local-file-system", {"basepath": str(tmp_path / "in")})
    refused = 0
    for name in NAMES:
        try:
            storage = Target(saved_block=slug, url=name).storage()
            storage.write("x", [b"x"])
        except (RequestError, ValueError, OSError):
            refused += 1
    assert refused < len(NAMES) / 2
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_on_the_command_line() -> None:
    """`block:s3-bucket/NAME/FOLDER` names a folder within such a block; a target of ours is named as ever."""
    target = find_target("block:s3-bucket/team/a/b")
    assert (target.saved_block, target.url) == ("s3-bucket/team", "a/b")
    assert split_existing("gcp-credentials/team/bucket/x") == ("gcp-credentials/team", "bucket/x")
    assert split_existing("nightly") is split_existing("outhaul-target/nightly") is None


def test_kinds_that_nobody_registered() -> None:
    """Of a kind that the Prefect API has never heard of, no block is saved."""
    assert saved_names("never-heard-of") == []


def test_what_is_filled_in_comes_first() -> None:
    """An endpoint or a region of the target goes before what the saved block says of it."""
    slug = saved("s3-bucket", {"bucket_name": "b", "credentials": {**NOTHING, "region_name": "a"}})
    storage = Target(saved_block=slug, endpoint_url="http://mine.example", region="z").storage()
    assert (storage.fs.endpoint_url, storage.fs.client_kwargs["region_name"]) == ("http://mine.example", "z")


@pytest.mark.parametrize("url", ["", " "])
def test_a_target_of_nothing(url: str) -> None:
    """A target without a URL and without a block says what to fill in."""
    with pytest.raises(RequestError, match="The target has no URL; fill it in, or name a saved block"):
        Target(url=url).storage()
