"""How obstore comes to a bucket that s3fs has opened: where it is, who we are, and what objects are to be like.

s3fs is the one place of settings. Where obstore cannot be told of one of them, s3fs uploads itself; so it does in
processes that were forked from one that has used obstore, which would hang there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fsspec.asyn import sync

from blocks.uploads import Uploader

REQUEST_TIMEOUT = timedelta(minutes=10)
"""For a request with all that it sends: a part may go over a slow line, beside the others."""
CREDENTIALS_LAST = timedelta(minutes=9)
"""How long credentials that expire are used before they are asked for again; they are renewed ten minutes early."""

_TOP = {"endpoint_url", "key", "secret", "token", "profile", "session", "requester_pays"}
_KNOWN = {
    "": _TOP | {"use_listings_cache", "config_kwargs", "client_kwargs", "s3_additional_kwargs"},
    "config_kwargs": {
        *("max_pool_connections", "retries", "s3", "signature_version"),
        *("request_checksum_calculation", "response_checksum_validation"),
    },
    "client_kwargs": {"region_name", "verify"},
    "s3_additional_kwargs": {"ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "StorageClass", "Tagging"},
}
"""Settings of s3fs that obstore is told of, or need not know."""


class _Runtime:
    """Whether obstore works in this process."""

    was_used = hangs = False

    def forked(self) -> None:
        self.hangs = self.was_used


_runtime = _Runtime()
os.register_at_fork(after_in_child=_runtime.forked)


def uploader(fs: Any, bucket: str) -> Uploader | None:
    """Uploads to a bucket that s3fs has opened; None where s3fs has to do it.

    Raises:
        Exception: s3fs's own, when it cannot find out where the bucket is or who we are.
    """
    options: Mapping[str, Any] = fs.storage_options
    groups = {name: options.get(name) or {} if name else options for name in _KNOWN}
    if _runtime.hangs or any(set(found) - _KNOWN[name] for name, found in groups.items()):
        return None
    fs.connect()
    region = fs.s3.meta.region_name
    if not fs.endpoint_url and _region_of(fs, bucket) not in ("", region):
        return None  # s3fs goes where it is sent
    import obstore.store  # noqa: PLC0415 - loaded where it is used

    _runtime.was_used = True
    address = urlsplit(fs.url(f"{bucket}/x", client_method="put_object"))
    place = f"{address.scheme}://{address.netloc}{address.path.removesuffix('/x')}"
    extra = fs.s3_additional_kwargs
    config: dict[str, Any] = {
        # The address has the bucket in it, whatever the style; the environment, which comes first, is told the same.
        "endpoint": place,
        "aws_endpoint_url_s3": place,
        "virtual_hosted_style_request": True,
        "region": region if region != "aws-global" else "us-east-1",
        "request_payer": fs.requester_pays,
        "server_side_encryption": extra.get("ServerSideEncryption"),
        "sse_kms_key_id": extra.get("SSEKMSKeyId"),
        "sse_bucket_key_enabled": extra.get("BucketKeyEnabled"),
    }
    store = obstore.store.S3Store(
        bucket,
        config={name: value for name, value in config.items() if value is not None},  # type: ignore[arg-type]
        client_options=_client_options(fs),  # type: ignore[arg-type]
        retry_config={"max_retries": 3},  # tasks have their own patience
        credential_provider=lambda: _credentials(fs),  # type: ignore[arg-type]
    )
    return Uploader(fs, bucket, store)


def _region_of(fs: Any, bucket: str) -> str:
    """Where AWS says that a bucket is, also to those who may not look into it."""
    try:
        answer = fs.call_s3("head_bucket", Bucket=bucket)
    except OSError as error:
        answer = getattr(error.__cause__, "response", {})
    found: str = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
    return found


def _client_options(fs: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "allow_http": True,
        "timeout": REQUEST_TIMEOUT,
        "pool_idle_timeout": timedelta(seconds=20),
    }
    verify = fs.client_kwargs.get("verify", os.environ.get("AWS_CA_BUNDLE") or True)
    if verify is False:
        options["allow_invalid_certificates"] = True
    elif isinstance(verify, str):
        options["root_certificate"] = Path(verify).read_bytes()
    return options


def _credentials(fs: Any) -> dict[str, Any]:
    """Those that s3fs uses, renewed when they expire."""
    if fs.key:
        return {"access_key_id": fs.key, "secret_access_key": fs.secret, "token": fs.token, "expires_at": None}
    found = sync(fs.loop, _frozen, fs)
    lasts = datetime.now(UTC) + CREDENTIALS_LAST if found.token else None
    return {
        "access_key_id": found.access_key,
        "secret_access_key": found.secret_key,
        "token": found.token,
        "expires_at": lasts,
    }


async def _frozen(fs: Any) -> Any:
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - loaded where S3 is used

    found = await fs.session.get_credentials()
    if found is None:
        raise NoCredentialsError
    return await found.get_frozen_credentials()
