"""Uploads to S3: a small file in one request, a large one in parts side by side, within a budget of bytes.

They go through obstore, which takes a third of the CPU that s3fs takes for a file, half of it for a gigabyte, and signs
what it sends with its SHA-256, so that the store refuses what was damaged on the way. Where the bucket is, who we are
and what objects are to be like it is told by s3fs, the one place of settings. What it cannot be told, s3fs does itself.

Only its functions that are not asynchronous are used: the others end one process in five with an abort. It hangs in
processes that were forked from one that has used it, so those do without.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from fsspec.asyn import sync

from blocks import stopping

if TYPE_CHECKING:
    from obstore.store import S3Store

MIB = 1 << 20
SMALL_BYTES = 5 * MIB
"""Up to here one request is used: an upload in parts takes three at least."""
PART_BYTES = 6 * MIB
PARTS_AT_ONCE = 4
MOST_PARTS = 9_000
"""S3 takes 10,000; the size that is expected of an archive does without what stands between its files."""
BUDGET_BYTES = (PARTS_AT_ONCE + 1) * PART_BYTES
"""Of all uploads of this process together."""
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
_STRANGE = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f]")
"""Names that S3 takes and obstore does not."""


class _Runtime:
    """Whether obstore works in this process."""

    was_used = hangs = False

    def forked(self) -> None:
        self.hangs = self.was_used


_runtime = _Runtime()
os.register_at_fork(after_in_child=_runtime.forked)


class Budget:
    """Bytes that may be on their way at once; whoever wants more than are left waits."""

    def __init__(self, size: int) -> None:
        self._left = self._all = size
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        share = min(size, self._all)
        with self._changed:
            while self._left < share:
                self._changed.wait(stopping.LOOK_SECONDS)
                stopping.check()
            self._left -= share
        try:
            yield
        finally:
            with self._changed:
                self._left += share
                self._changed.notify_all()


_budget = Budget(BUDGET_BYTES)


def part_bytes(expected: int) -> int:
    """How large parts are to be for a file of about this size: larger where there would be too many."""
    return max(PART_BYTES, -(-expected // MOST_PARTS // MIB) * MIB)


class Uploader:
    """Uploads to one bucket."""

    def __init__(self, fs: Any, bucket: str, store: S3Store) -> None:
        self._fs, self._bucket, self._store = fs, bucket, store
        extra = fs.s3_additional_kwargs
        self._given: dict[str, Any] = {}
        if "StorageClass" in extra:
            self._given["attributes"] = {"Storage-Class": extra["StorageClass"]}
        if "Tagging" in extra:
            self._given["tags"] = dict(parse_qsl(extra["Tagging"], keep_blank_values=True))

    @staticmethod
    def takes(path: str) -> bool:
        return not _STRANGE.search(path)

    def upload(self, path: str, chunks: Iterable[bytes], expected: int | None) -> None:
        """Write an object whole, or not at all: when the chunks end in an error, that error comes out.

        Holds five parts at most. `expected` is about how many bytes there will be; parts become as large as it takes.
        """
        part = part_bytes(expected or 0)
        with _budget.taken((PARTS_AT_ONCE + 1) * part if expected is None else expected):
            waiting, head, size = iter(chunks), [], 0
            for chunk in waiting:
                head.append(chunk)
                size += len(chunk)
                if size > SMALL_BYTES:
                    self._put_in_parts(path, _chained(head, waiting), part)
                    return
            self._put(path, b"".join(head))

    def _put(self, path: str, data: bytes) -> None:
        import obstore  # noqa: PLC0415 - loaded where it is used

        key = path.partition("/")[2]

        def work() -> None:
            obstore.put(self._store, key, data, use_multipart=False, **self._given)

        if threading.current_thread() is threading.main_thread():  # who gets the signals has to be able to hear them
            stopping.apart(work)
        else:
            work()

    def _put_in_parts(self, path: str, chunks: Iterator[bytes], part: int) -> None:
        import obstore  # noqa: PLC0415

        key = path.partition("/")[2]
        at_once = max(min(PARTS_AT_ONCE, BUDGET_BYTES // part - 1), 1)
        ended = threading.Event()

        def work() -> None:
            try:
                obstore.put(
                    self._store,
                    key,
                    chunks,
                    use_multipart=True,
                    chunk_size=part,
                    max_concurrency=at_once,
                    **self._given,
                )
            finally:
                ended.set()

        try:
            stopping.apart(work)
        except BaseException:
            if not ended.is_set():  # it waits for a store that says nothing, and does not know yet that all is over
                with suppress(Exception):
                    abort_uploads(self._fs, self._bucket, key)
            raise


def _chained(head: list[bytes], waiting: Iterator[bytes]) -> Iterator[bytes]:
    """What was looked at already, let go of while it passes, and what follows."""
    while head:
        yield head.pop(0)
    yield from waiting


def abort_uploads(fs: Any, bucket: str, key: str) -> None:
    """Abort the uploads to one object that are open."""
    page = fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
    for upload in page.get("Uploads", ()):
        if upload["Key"] == key:
            fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload["UploadId"])


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
