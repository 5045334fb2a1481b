"""Where a secret could turn up: everything that a process leaves behind, and what others see of it while it runs.

`python -m tests.flows.canaries` carries out many commands in one process, with one Prefect API: standard input has
them as JSON, since a command line is read by everyone.
"""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from deployments.children import descendants

LOOK_SECONDS = 0.1
ZSTD, ZIP = b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


def carry_out() -> None:
    """The process of all commands; says the exit status of each on a line that begins with `status`."""
    from flows.cli import main  # noqa: PLC0415 - whoever searches needs none of it

    for arguments in json.load(sys.stdin):
        sys.stdout.flush()
        try:
            main(arguments)
        except SystemExit as ended:
            sys.stdout.write(f"status {ended.code} of {arguments[0]}\n")
        except Exception:  # noqa: BLE001 - as Python prints it at the end of a process
            sys.excepthook(*sys.exc_info())
            sys.stdout.write(f"status crash of {arguments[0]}\n")


@dataclass
class Ran:
    """What commands printed, and what others could see of their process and of all that it started."""

    output: bytes = b""
    errors: bytes = b""
    command_lines: set[bytes] = field(default_factory=set)
    environments: set[bytes] = field(default_factory=set)
    """Of plug-ins."""

    @property
    def statuses(self) -> list[str]:
        return [line.split()[1] for line in self.output.decode().splitlines() if line.startswith("status ")]

    def look(self, pid: int) -> None:
        for one in (pid, *descendants(pid)):
            with suppress(OSError):  # it has ended
                command_line = Path(f"/proc/{one}/cmdline").read_bytes()
                self.command_lines.add(command_line)
                if b"flows.contextual_worker" in command_line:
                    self.environments.add(Path(f"/proc/{one}/environ").read_bytes())


def run(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Ran:
    """Carry out commands, and look at their processes meanwhile."""
    ran, ended = Ran(), threading.Event()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.flows.canaries"], env=dict(environment), cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip

        def watch() -> None:
            while not ended.wait(LOOK_SECONDS):
                ran.look(process.pid)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            ran.output, ran.errors = process.communicate(json.dumps(commands).encode())
        finally:
            ended.set()
            watcher.join()
    return ran


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files below a folder, and what is in those that are packed or a database."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield from _opened(str(path.relative_to(folder)), path.read_bytes())
            if path.suffix == ".db":
                with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                    yield f"{path.name}, as text", "\n".join(database.iterdump()).encode()


def _opened(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, data
    if data.startswith(ZSTD):
        yield f"{name}, unpacked", zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    elif data.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from _opened(f"{name}/{member}", archive.read(member))


if __name__ == "__main__":
    carry_out()
