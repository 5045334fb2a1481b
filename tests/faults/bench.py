"""A place for one export to meet one fault: a platform, a workspace, a target, and what an undisturbed one delivers."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr

from blocks.http_target import HttpTarget
from blocks.s3_target import S3Target
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import IdahSandbox
from blocks.storage import Storage
from blocks.target import Target
from exporters.errors import FatalError, RequestError
from flows import cli
from flows.delivered import Summary
from flows.plan import check
from flows.verify import verify
from tests.fakes.s3_proxy import S3Proxy
from tests.faults.steps import Asked, run_in_flow, run_in_steps
from tests.faults.world import ENTRIES, SHARD_ENTRIES, SILENCE_SECONDS, Files, Kind, Served, World

RUN_ALONE = ("receipt.json", "latest.json")
"""They name the run and the hour; all else is the same for the same export."""


@dataclass
class Ended:
    """How a run ended: with a summary, with what the command line would say of its error, or by a signal."""

    summary: Summary | None = None
    error: BaseException | None = None
    signal: int = 0
    status: int = 0
    said: str = ""


@dataclass
class Bench:
    """For one cell; everything lies below `folder`."""

    world: World
    kind: Kind
    folder: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    engine: Callable[[Asked], Summary] = run_in_steps
    workspace: Path = field(init=False)
    out: Path = field(init=False)
    temporary: Path = field(init=False)
    target: Any = field(init=False)

    def __post_init__(self) -> None:
        self.workspace, self.out = self.folder / "workspace", self.folder / "out"
        self.temporary = self.folder / "tmp"
        self.target = self._target()

    @property
    def served(self) -> Served:
        return self.world.of(self.kind)

    @property
    def sandbox(self) -> IdahSandbox:
        return self.served.sandbox

    @property
    def proxy(self) -> S3Proxy:
        return self.world.s3_server()[1]

    def _target(self, *, is_direct: bool = False) -> Any:
        if self.kind == "API":
            return HttpTarget(url=f"{self.world.receiver.url}/e/{{entry}}", attempts=3, timeout_seconds=SILENCE_SECONDS)
        if not self.kind.startswith("S3"):
            return Target(url=str(self.out))
        server, proxy = self.world.s3_server()
        return S3Target(
            bucket=server.bucket,
            folder=f"faults/{self.folder.name}",
            endpoint_url=server.endpoint_url if is_direct else proxy.url,
            access_key_id=server.access_key_id,
            secret_access_key=SecretStr(server.secret_access_key),
        )

    def asked(self) -> Asked:
        of_kind: dict[str, Any] = {"exporter": "jsonl", "media": "none"}
        if self.kind != "API":
            package = "directory" if self.kind.endswith("directory") else "zip"
            of_kind = {"exporter": "coco", "package": package, "options": {"empty_entries": "all"}}
        parameters = {"shard_entries": SHARD_ENTRIES, **of_kind, **self.parameters}
        return Asked(self.served.source(), self.target, str(self.workspace), parameters)

    def run(self) -> Ended:
        """As the command line does: what the checks find ends with 2, and anything later with 1."""
        asked = self.asked()
        try:
            check(asked.request(), asked.source, [asked.target])
            return Ended(summary=self._run_checked(asked))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the test looks at it
            status, said = told(error)
            _let_go(error)
            return Ended(error=error, status=status, said=said)

    def _run_checked(self, asked: Asked) -> Summary:
        try:
            return self.engine(asked)
        except RequestError as error:
            raise FatalError(str(error)) from None

    def place(self) -> Storage:
        """Where files are delivered to, seen without what goes wrong on the way."""
        storage: Storage = self._target(is_direct=True).storage()
        return storage

    def delivered(self) -> Files:
        """All that can be seen at the target, but for what names the run and the hour; of an API, what it took last."""
        if self.kind == "API":
            return {one.path: repr(one.records).encode() for one in self.world.receiver.taken if one.records}
        place = self.place()
        return {path: place.read(path) for path in place.files() if path.rpartition("/")[2] not in RUN_ALONE}

    def truth(self, *, without_one: bool = False) -> Files:
        """What a quiet day's export delivers, made by the flow itself; or what is left of it without one file."""
        package: Any = "API" if self.kind == "API" else "directory" if self.kind.endswith("directory") else "zip"
        name = f"{package} without one" if without_one else package
        truths = self.served.truths
        if name not in truths:
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            parameters = {"on_error": "skip"} if without_one else {}
            quiet = (_Heavy if self.served is self.world.heavy else Bench)(
                self.world, package, folder, parameters, engine=run_in_flow
            )
            if without_one:
                self.sandbox.faults.append(Fault(f"medias/files/{self.one_entry.resource}", status=404, times=None))
            ended = quiet.run()
            assert ended.summary, ended.said
            truths[name] = quiet.delivered()
            self._check_truth(name)
            self.world.receiver.taken.clear()
            shutil.rmtree(folder)
            self.served.forget()
        return truths[name]

    @property
    def one_entry(self) -> Any:
        """The one that something is wrong with, where that is so of one alone."""
        store = self.sandbox.store
        return store.entries_of(store.datasets[0].id)[1]

    def _check_truth(self, name: str) -> None:
        """The pictures are those of the platform, to the byte."""
        if name == "directory":
            store = self.sandbox.store
            entries = store.entries_of(store.datasets[0].id)
            assert len(entries) == ENTRIES
            found = set(self.served.truths[name].values())
            originals = [one for entry in entries for one in store.medias_of(entry.resource) if not one.key]
            assert {one.content for one in originals} <= found

    def is_visible(self) -> bool:
        """Whether a reader of the target would take something there for an export."""
        if self.kind == "API":
            return False  # what it has taken it has; that it gets the rest is looked at in the end
        return any(path.rpartition("/")[2] in RUN_ALONE for path in self.place().files())

    def problems(self) -> tuple[str, ...]:
        """What `outhaul verify` finds."""
        if self.kind == "API":
            return ()
        place = self.place()
        (name,) = {path.partition("/")[0] for path in place.files()}
        return verify(Storage(f"{place.url}/{name}", self._options())).problems

    def _options(self) -> dict[str, Any]:
        if not self.kind.startswith("S3"):
            return {}
        server, _ = self.world.s3_server()
        keys = {"key": server.access_key_id, "secret": server.secret_access_key}
        return {**keys, "endpoint_url": server.endpoint_url}

    def remains(self) -> list[str]:
        """What nobody will take up any more: hidden files at the target, open uploads, half files, leases."""
        found = [str(path) for name in ("incoming", "running") for path in (self.workspace / name).glob("*")]
        if self.kind == "API":
            return found
        place = self.place()
        found += [path for path in place.files() if any(part.startswith(".") for part in path.split("/"))]
        if place.is_s3:
            bucket, _, prefix = place.root.partition("/")
            page = place.fs.call_s3("list_multipart_uploads", Bucket=bucket)
            found += [one["Key"] for one in page.get("Uploads", ()) if one["Key"].startswith(f"{prefix}/")]
        return found


class _Heavy(Bench):
    @property
    def served(self) -> Served:
        return self.world.heavy


def _let_go(error: BaseException | None) -> None:
    """Let the frames of an error go, which hold on to what lies on disks, as the end of the process would."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def told(error: BaseException) -> tuple[int, str]:
    """The exit status of `outhaul export` when a run raises this, and what it prints."""
    with patch.object(cli, "_carry_out", side_effect=error), contextlib.redirect_stderr(io.StringIO()) as printed:
        try:
            cli.main(["formats"])
        except SystemExit as stopped:
            return int(stopped.code or 0), printed.getvalue().strip()
    raise AssertionError("the command line went on after an error")


@contextlib.contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """What is written for a moment lies there, so that what stays of it is found."""
    folder.mkdir(exist_ok=True)
    with patch.dict(os.environ, {"TMPDIR": str(folder)}), patch.object(tempfile, "tempdir", None):
        yield
