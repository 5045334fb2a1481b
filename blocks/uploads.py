"""Uploads to S3: a small file in one request, a large one in parts side by side, within a budget of bytes.

They go through obstore, which takes a third of the CPU that s3fs takes for a file, half of it for a gigabyte, and signs
what it sends with its SHA-256, so that the store refuses what was damaged on the way. Only its functions that are not
asynchronous are used: the others end one process in five with an abort.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

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
_STRANGE = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f]")
"""Names that S3 takes and obstore does not."""
KEYS_A_PAGE = 1000


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

    def sizes(self, path: str) -> Iterator[tuple[str, int]]:
        """The objects below a folder, and their sizes, in a tenth of the CPU that s3fs takes.

        A key that obstore does not take is told of in other words, or has s3fs tell of all; so has an answer that
        obstore does not understand.
        """
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError  # noqa: PLC0415

        prefix = f"{path.partition('/')[2]}/"
        pages = iter(obstore.list(self._store, prefix=prefix, chunk_size=KEYS_A_PAGE))
        try:
            while page := stopping.apart(lambda: next(pages, None)):
                for one in page:
                    yield one["path"].removeprefix(prefix), one["size"]
        except BaseError:
            yield from listed_sizes(self._fs, path)

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


def listed_sizes(fs: Any, path: str) -> Iterator[tuple[str, int]]:
    """The objects below a folder of a bucket, and their sizes, as s3fs tells of them; a page of them is held."""
    bucket, _, prefix = f"{path}/".partition("/")
    asked: dict[str, str] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        page = fs.call_s3("list_objects_v2", **asked)
        for one in page.get("Contents", ()):
            yield one["Key"].removeprefix(prefix), one["Size"]
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]
