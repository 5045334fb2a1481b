"""What killed runs leave in workspaces and at targets is swept; what is in use, and what is not ours, stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.leftovers import sweep_target, sweep_uploads, sweep_workspace
from blocks.local_files import is_partial
from blocks.storage import Storage
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import RetriableError
from exporters.temporary import LONGEST_SECONDS, owned_name, this_process

_ROOT = Path(__file__).parents[2]
OLD = time.time() - LONGEST_SECONDS - 60
GONE = f"outhaul-{this_process().place}-{os.getpid()}-{this_process().began + 1}-abcd"
"""A name of a process that had our number before us."""
ELSEWHERE = f"outhaul-{'0' * 12}-7-1-abcd"


def killed(script: str, *arguments: str) -> None:
    """Runs a script that kills its own process."""
    script = (
        "import os, signal, sys\nfrom blocks.storage import Storage\nfrom blocks.workspace import Workspace\n" + script
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=False, cwd=_ROOT)
    assert done.returncode == -9


KILLED_WRITER = """
def chunks():
    for _ in range(20):
        yield bytes(1 << 20)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_workspace_keeps_half_files_in_one_folder(tmp_path: Path) -> None:
    """A killed write and a killed step leave nothing but below `incoming/`, and that is swept."""
    url = str(tmp_path / "workspace")
    write = "from blocks.store import Store\nStore(Storage(sys.argv[1])).storage.write('media/ab/abcd', chunks())"
    killed(f"{KILLED_WRITER}\n{write}", url)
    store = Workspace(url=url).open()
    (store.spool_folder() / GONE).mkdir()
    (store.spool_folder() / GONE / "members").write_text("x")
    store.storage.write("snapshot/whole", [b"x"])
    assert {name.partition("/")[0] for name in store.storage.files()} == {"incoming", "snapshot"}

    sweep_workspace(store)
    assert list(store.storage.files()) == ["snapshot/whole"]
    assert list(store.spool_folder().iterdir()) == []


def test_what_runs_use_stays(tmp_path: Path) -> None:
    """Another run in the same workspace, here or on another machine, loses nothing."""
    store = Workspace(url=str(tmp_path)).open()
    names = [owned_name(), f".{owned_name()}.part", ELSEWHERE]
    for name in names:
        (store.spool_folder() / name).write_text("x")
    sweep_workspace(store)
    assert sorted(path.name for path in store.spool_folder().iterdir()) == sorted(names)
    for path in store.spool_folder().iterdir():
        os.utime(path, (OLD, OLD))
    sweep_workspace(store)
    assert sorted(path.name for path in store.spool_folder().iterdir()) == sorted(names[:2])


def test_temporary_files_of_this_machine_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What killed processes left in the system's own folder goes too; files of other programs stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in (GONE, "tmpabc"):
        (tmp_path / name).mkdir()
    sweep_workspace(Workspace(url="memory://temporary").open())
    assert [path.name for path in tmp_path.iterdir()] == ["tmpabc"]


def test_a_local_target_is_swept(tmp_path: Path) -> None:
    """Half files in the export's own folder, beside the pointer to the newest, and where writing was tried out."""
    storage = Target(url=str(tmp_path)).storage()
    killed(f"{KILLED_WRITER}\nStorage(sys.argv[1]).write('name/id/images/1.jpg', chunks())", str(tmp_path))
    for folder in ("", "name/", "name/id/", "name/other/"):
        storage.write(f"{folder}whole.json", [b"x"])
        (tmp_path / folder / f".{GONE}.part").write_text("x")
        (tmp_path / folder / f".{owned_name()}.part").write_text("x")
    sweep_target(storage, "name/id")
    left = [path for path in storage.files() if is_partial(path.rpartition("/")[2])]
    ours = str(this_process().began + 1)
    assert [path.rpartition("/")[0] for path in left if f"-{ours}-" in path] == ["name/other"]
    assert len(left) == 5
    assert sum(path.endswith("whole.json") for path in storage.files()) == 4


def test_a_target_that_does_not_exist_yet(tmp_path: Path) -> None:
    """There is nothing to sweep, and nothing is made."""
    sweep_target(Storage(str(tmp_path / "new")), "name/id")
    assert list(tmp_path.iterdir()) == []


def test_a_store_with_folders_is_swept() -> None:
    """Places without a rename of their own are written to beside the final name, as disks are."""
    storage = Storage(f"memory://{os.urandom(6).hex()}")
    for name in ("whole", f".{GONE}.part", f".{owned_name()}.part", f".{ELSEWHERE}.part"):
        storage.write(f"name/id/a/{name}", [b"x"])
    sweep_target(storage, "name/id")
    assert f"name/id/a/.{GONE}.part" not in storage.files()
    assert len(storage.files()) == 3


# S3


def uploads(storage: Storage) -> list[str]:
    bucket, _, prefix = storage.root.partition("/")
    page = storage.fs.call_s3("list_multipart_uploads", Bucket=bucket)
    return sorted(
        one["Key"].removeprefix(f"{prefix}/") for one in page.get("Uploads", ()) if one["Key"].startswith(prefix)
    )


def begin(storage: Storage, name: str) -> dict[str, Any]:
    bucket, _, key = storage.path(name).partition("/")
    begun = storage.fs.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    return {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}


def test_uploads_left_open_in_a_bucket_are_aborted(s3: str) -> None:
    """Those below the export's own folder, also of a killed process, and no others."""
    storage = Target(url=s3).storage()
    killed(f"{KILLED_WRITER}\nStorage(sys.argv[1]).write('name/id/name.zip', chunks())", s3)
    for name in ("name/id/deep/er", "name/id2/name.zip", "name/other/name.zip", "name.zip"):
        begin(storage, name)
    assert len(uploads(storage)) == 5
    sweep_target(storage, "name/id", is_first=False)
    assert len(uploads(storage)) == 5
    sweep_target(storage, "name/id")
    assert uploads(storage) == ["name.zip", "name/id2/name.zip", "name/other/name.zip"]


def test_uploads_of_a_workspace_are_aborted_after_a_day(s3: str) -> None:
    """Other workers may be at them: the store's clock says how old they are."""
    store = Workspace(url=s3).open()
    begin(store.storage, "media/ab/abcd")
    sweep_workspace(store)
    assert uploads(store.storage) == ["media/ab/abcd"]
    sweep_uploads(store.storage, "", timedelta(seconds=-5))
    assert uploads(store.storage) == []


def test_many_uploads_are_aborted(s3: str) -> None:
    """However many pages they are told in."""
    storage = Target(url=s3).storage()
    for number in range(25):
        begin(storage, f"name/id/{number}")
    call = storage.fs.call_s3
    storage.fs.call_s3 = lambda name, **given: call(name, **given, **({"MaxUploads": 10} if "list" in name else {}))
    try:
        sweep_target(storage, "name/id")
    finally:
        del storage.fs.call_s3
    assert uploads(storage) == []


def test_an_upload_that_somebody_else_ended_is_tried_again(s3: str) -> None:
    """Of two that deliver one export from two workspaces, who loses its upload is told that another try may help."""
    storage = Target(url=s3).storage()

    def chunks() -> Any:
        yield bytes(20 << 20)
        sweep_target(Target(url=s3).storage(), "name/id")
        yield bytes(20 << 20)

    with pytest.raises(RetriableError):
        storage.write("name/id/name.zip", chunks())
    assert uploads(storage) == []
    assert storage.files() == {}


def test_what_was_tried_out_in_a_bucket_is_swept(s3: str) -> None:
    """The small file that shows whether one may write there."""
    storage = Target(url=s3).storage()
    for name in (f".{GONE}.probe", f".{ELSEWHERE}.probe", ".other", "name/id/file"):
        storage.write(name, [b"x"])
    sweep_target(storage, "name/id")
    assert sorted(storage.files()) == sorted([f".{ELSEWHERE}.probe", ".other", "name/id/file"])


def test_a_bucket_that_tells_nothing_of_uploads_is_delivered_to(
    s3: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """To list them is a right of its own: without it the export goes on, and says so in the log."""
    storage = Target(url=s3).storage()

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(storage.fs, "call_s3", refuse)
    sweep_target(storage, "name/id")
    assert "could not be looked for" in caplog.text
