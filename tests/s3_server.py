"""A real S3 server on this machine: SeaweedFS, from a wheel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class S3Server:
    endpoint_url: str
    access_key_id: str = "testkey"
    secret_access_key: str = "testsecret"
    bucket: str = "test"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


@contextmanager
def serving_s3(folder: Path) -> Iterator[S3Server]:
    """The server, while the block lasts; keeps its files in this folder."""
    ports = dict(zip(("s3", "master", "volume", "filer", "admin"), free_ports(5), strict=True))
    server = S3Server(f"http://127.0.0.1:{ports['s3']}")
    command = [
        *(str(Path(sys.executable).with_name("weed")), "mini", f"-dir={folder}", f"-bucket={server.bucket}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false", "-admin.ui=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder}/s3.sock"),
        *(f"-filer.localSocket={folder}/filer.sock", *(f"-{name}.port={port}" for name, port in ports.items())),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **server.environment}, stdout=log, stderr=log)
    try:
        _wait_until_it_stores(server, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that are free now, and whose neighbours 10,000 above (where SeaweedFS speaks gRPC) are too."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1]
            try:
                high.bind(("127.0.0.1", port + 10_000 if port < 55_000 else port - 10_000))
            except OSError:
                continue
        if port < 55_000 and port not in found:
            found.append(port)
    return found


def _wait_until_it_stores(server: S3Server, log: Path) -> None:
    import s3fs  # noqa: PLC0415

    store = s3fs.S3FileSystem(
        key=server.access_key_id, secret=server.secret_access_key, endpoint_url=server.endpoint_url,
        client_kwargs={"region_name": "us-east-1"}, skip_instance_cache=True,
    )  # fmt: skip
    for _ in range(150):
        try:
            store.pipe_file(f"{server.bucket}/.ready", b"ready")
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The S3 server did not start:\n{log.read_text()[-2000:]}")
