"""Blocks that a team already has, made by Prefect or its integrations, as places to deliver to.

Their documents are read as they lie at the Prefect API: the packages that define them need not be installed, and would
take seconds to import. They are read when a place is opened, by whoever opens it, so that no secret of theirs is ever
a parameter or a result of a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.places import S3_CONFIG
from blocks.saved import read_saved
from blocks.urls import refuse_credentials
from blocks.values import mapping
from exporters.errors import RequestError, unknown_name

Fields = Mapping[str, Any]

_DOTS = re.compile(r"(^|/)\.\.?(/|$)")


@dataclass(frozen=True)
class SavedPlace:
    """A place as fsspec takes it. `url` is empty of a block that holds credentials alone."""

    url: str
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    scheme: str = ""
    """What the credentials are for, where there is no URL."""


def existing_place(slug: str, within: str = "") -> SavedPlace:
    """The place of the block `KIND/NAME`, or a folder within it; of credentials, the URL they are to be used for.

    Raises:
        RequestError: there is no such block, or it says what cannot be done here, or the folder is not within it.
        RetriableError: the Prefect API cannot be reached.
    """
    kind, _, name = slug.strip().partition("/")
    if kind not in KINDS:
        raise unknown_name("kind of block to deliver to", kind, KINDS)
    if not name:
        raise RequestError(f"{slug!r} names no saved block; give its kind and its name, such as s3-bucket/team.")
    place = KINDS[kind](read_saved(kind, name), slug)
    if place.url:
        return SavedPlace(_within(place.url, within, slug), place.options)
    bucket = within.strip().removeprefix(f"{place.scheme}://").strip("/")
    if not bucket or "://" in bucket:
        raise RequestError(
            f"The saved block {slug} holds credentials, but no place; say for which bucket and folder, "
            f"such as {place.scheme}://bucket/folder."
        )
    return SavedPlace(_within(f"{place.scheme}://", bucket, slug), place.options)


def split_existing(text: str) -> tuple[str, str] | None:
    """`KIND/NAME` and the folder behind it, where a text names a block of one of these kinds."""
    kind, _, rest = text.partition("/")
    name, _, folder = rest.partition("/")
    return (f"{kind}/{name}", folder) if kind in KINDS else None


def _within(url: str, folder: str, slug: str) -> str:
    inner = folder.strip().strip("/")
    if "://" in inner or "::" in inner or _DOTS.search(inner):
        raise RequestError(f"The saved block {slug} is a place itself; name only a folder within it, such as exports.")
    if not inner:
        return url
    return url + inner if url.endswith("/") else f"{url}/{inner}"


def _s3_bucket(fields: Fields, slug: str) -> SavedPlace:
    bucket = _needed(fields, "bucket_name", slug)
    options = _s3(mapping(fields.get("credentials")), slug)
    return SavedPlace(_within(f"s3://{bucket.strip('/')}", _text(fields, "bucket_folder"), slug), options)


def _aws_credentials(fields: Fields, slug: str) -> SavedPlace:
    return SavedPlace("", _s3(fields, slug), "s3")


def _s3(fields: Fields, slug: str) -> dict[str, Any]:
    """Of AWS's credentials, and of MinIO's, whose first two fields have other names."""
    parameters = mapping(fields.get("aws_client_parameters"))
    config = dict(mapping(parameters.get("config")))
    options: dict[str, Any] = {
        "key": _text(fields, "aws_access_key_id") or _text(fields, "minio_root_user"),
        "secret": _text(fields, "aws_secret_access_key") or _text(fields, "minio_root_password"),
        "token": _text(fields, "aws_session_token"),
        "profile": _text(fields, "profile_name"),
        "endpoint_url": _text(parameters, "endpoint_url"),
    }
    if config.get("signature_version") == "unsigned":
        options["anon"] = bool(config.pop("signature_version"))
    client = {
        "region_name": _text(fields, "region_name"),
        "api_version": _text(parameters, "api_version"),
        "verify": _text(parameters, "verify_cert_path") or _text(parameters, "verify"),
    }
    client_kwargs: dict[str, Any] = {name: value for name, value in client.items() if value}
    if parameters.get("verify") is False:
        client_kwargs["verify"] = False
    if parameters.get("use_ssl") is False:
        options["use_ssl"] = False
    if role := _text(fields, "assume_role_arn"):
        options = _with_role(role, options, client_kwargs, mapping(fields.get("assume_role_kwargs")), slug)
    return {name: value for name, value in options.items() if value not in ("", None)} | (
        ({"client_kwargs": client_kwargs} if client_kwargs else {})
        | ({"config_kwargs": {**S3_CONFIG, **config}} if config else {})
    )


def _with_role(role: str, options: dict[str, Any], client: Fields, asked: Fields, slug: str) -> dict[str, Any]:
    """The options with the credentials of a role in the place of those that may assume it."""
    if others := sorted(name for name, value in asked.items() if value and name != "ExternalId"):
        raise RequestError(
            f"The saved block {slug} assumes the role {role} with {' and '.join(others)}, and here only an ExternalId "
            f"is told; leave that out, or name a profile that assumes the role."
        )
    from blocks.s3_role import assuming  # noqa: PLC0415 - botocore takes its time

    words = {"key": "aws_access_key_id", "secret": "aws_secret_access_key", "token": "aws_session_token"}
    keys = {word: options[name] for name, word in words.items() if options[name]}
    region = {name: value for name, value in client.items() if name == "region_name"}
    session = assuming(role, _text(asked, "ExternalId"), options["profile"], keys, region)
    others_left = {name: value for name, value in options.items() if name not in (*words, "profile")}
    return {**others_left, "session": session}


def _gcs_bucket(fields: Fields, slug: str) -> SavedPlace:
    bucket = _needed(fields, "bucket", slug)
    credentials = mapping(fields.get("gcp_credentials"))
    return SavedPlace(_within(f"gs://{bucket.strip('/')}", _text(fields, "bucket_folder"), slug), _gcs(credentials))


def _gcp_credentials(fields: Fields, _slug: str) -> SavedPlace:
    return SavedPlace("", _gcs(fields), "gs")


def _gcs(fields: Fields) -> dict[str, Any]:
    """Of a service account, in the document or in a file; of neither, what gcsfs finds in the environment."""
    account = dict(mapping(fields.get("service_account_info")))
    file = _text(fields, "service_account_file")
    token = account or (str(Path(file).expanduser()) if file else None)
    options = {"token": token, "project": _text(fields, "project")}
    return {name: value for name, value in options.items() if value}


def _remote_file_system(fields: Fields, slug: str) -> SavedPlace:
    base = _needed(fields, "basepath", slug)
    try:
        refuse_credentials(base)
    except RequestError:
        raise RequestError(
            f"The saved block {slug} has a password in its basepath, which everybody sees; put it into its settings."
        ) from None
    return SavedPlace(base, dict(mapping(fields.get("settings"))))


def _local_file_system(fields: Fields, slug: str) -> SavedPlace:
    return SavedPlace(str(Path(_needed(fields, "basepath", slug)).expanduser()))


KINDS: Mapping[str, Callable[[Fields, str], SavedPlace]] = {
    "s3-bucket": _s3_bucket,
    "aws-credentials": _aws_credentials,
    "minio-credentials": _aws_credentials,
    "gcs-bucket": _gcs_bucket,
    "gcp-credentials": _gcp_credentials,
    "remote-file-system": _remote_file_system,
    "local-file-system": _local_file_system,
}
"""By the slugs that Prefect and its integrations gave them."""


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _needed(fields: Fields, name: str, slug: str) -> str:
    if found := _text(fields, name):
        return found
    raise RequestError(f"The saved block {slug} has no {name}; open it in the Prefect UI and fill it in.")
