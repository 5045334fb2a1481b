"""One delivery to S3 in a process of its own; prints its seconds, CPU seconds and the peak of the process in megabytes.

    python -m tests.benchmarks.s3_case WHO WHAT FOLDER BUCKET

WHO is `ours`, `obstore` (its synchronous API) or `s3fs` (its `put`, with the settings that serve it best); WHAT is
`large`, one file, or `small`, many. What is read is in FOLDER; where to and who we are stands in the environment.
Loading, and the first connection, are over before the clock begins.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PART_BYTES = 16 << 20


def ours(folder: Path, files: list[Path], bucket: str, place: str) -> Callable[[], object]:
    """As a run delivers a package that is a directory: read from its workspace, checked, sent, looked at there."""
    import flows.deliver  # noqa: F401, PLC0415 - what a run has loaded counts into its peak
    from blocks.storage import Storage  # noqa: PLC0415
    from blocks.store import Store  # noqa: PLC0415
    from flows.put import put_directory  # noqa: PLC0415

    store, storage = Store(Storage(str(folder))), Storage(f"s3://{bucket}/{place}")
    members = [_member(path, folder) for path in files]
    storage.write("warm", [b"x"])
    return lambda: put_directory(iter(members), "name/id", "", storage, store)


def obstore(folder: Path, files: list[Path], bucket: str, place: str) -> Callable[[], object]:
    import obstore as client  # noqa: PLC0415
    from obstore.store import S3Store  # noqa: PLC0415

    store = S3Store(bucket, client_options={"allow_http": True})  # the rest is in the environment
    client.put(store, f"{place}/warm", b"x")

    def one(path: Path) -> None:
        client.put(store, f"{place}/{path.name}", path, chunk_size=PART_BYTES, max_concurrency=4)

    def small() -> None:
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(one, files))

    return small if len(files) > 1 else lambda: one(files[0])


def s3fs(folder: Path, files: list[Path], bucket: str, place: str) -> Callable[[], object]:
    from s3fs import S3FileSystem  # noqa: PLC0415

    config = {"max_pool_connections": 32, "request_checksum_calculation": "when_required"}
    fs = S3FileSystem(use_listings_cache=False, config_kwargs=config)
    fs.pipe_file(f"{bucket}/{place}/warm", b"x")
    paths = [f"{bucket}/{place}/{path.name}" for path in files]
    if len(files) > 1:
        return lambda: fs.put([str(path) for path in files], paths, batch_size=32)
    return lambda: fs.put_file(str(files[0]), paths[0], chunksize=PART_BYTES, max_concurrency=4)


def _member(path: Path, folder: Path) -> Any:
    import hashlib  # noqa: PLC0415

    from flows.index import Member, Run  # noqa: PLC0415

    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while data := handle.read(1 << 20):
            digest.update(data)
    run = Run(path.relative_to(folder).as_posix())
    return Member(path.name, path.stat().st_size, digest.hexdigest(), 0, (run,))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    who, what, folder, bucket = sys.argv[1:]
    files = sorted((Path(folder) / what).iterdir())
    deliver = {"ours": ours, "obstore": obstore, "s3fs": s3fs}[who](Path(folder), files, bucket, os.urandom(6).hex())
    cpu, begun = _cpu(), time.perf_counter()
    deliver()
    seconds, cpu = time.perf_counter() - begun, _cpu() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_megabytes": peak}))


if __name__ == "__main__":
    main()
