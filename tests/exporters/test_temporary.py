"""Temporary files tell whose they are, and what killed processes leave is swept, that and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporters import temporary
from exporters.temporary import Owner, owned_name, owner_of, sweep, temporary_folder, this_process

_ROOT = Path(__file__).parents[2]
OLD = time.time() - temporary.LONGEST_SECONDS - 60

_KILLED = """
import os, signal
from pathlib import Path
from exporters.temporary import owned_name, temporary_folder
with temporary_folder(Path.cwd()) as folder:
    Path(folder, "inside").write_text("x")
    Path(owned_name()).write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_name_tells_its_process() -> None:
    """A name says whose it is, also hidden and with an ending; no two are the same, and other names say nothing."""
    name = owned_name()
    assert owner_of(name) == owner_of(f".{name}.part") == this_process()
    assert this_process().is_gone is False
    assert owned_name() != name
    for other in ("outhaul-demo", "tmpabc", f"{name}/x", "", f"my-{name}"):
        assert owner_of(other) is None


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    """Files and folders with all in them; those of a process that lives stay, and what has no owner."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    done = subprocess.run([sys.executable, "-c", _KILLED], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2

    (tmp_path / "of nobody").write_text("x")
    with temporary_folder(tmp_path) as own:
        assert sweep(tmp_path) == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == ["of nobody", Path(own).name]


def test_a_process_that_nobody_has_waited_for_is_gone(tmp_path: Path) -> None:
    """A dead process whose parent has not looked yet holds nothing any more."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from exporters.temporary import *; print(owned_name(), flush=True); input()"],
        cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    owner = owner_of(process.stdout.readline().strip())
    assert owner
    assert owner.is_gone is False
    process.kill()
    while not owner.is_gone:
        time.sleep(0.01)
    process.communicate()


def test_another_process_of_the_same_number_is_told_apart() -> None:
    """Numbers are used again: a process that began at another time is another one."""
    this = this_process()
    assert Owner(this.place, this.pid, this.began + 1).is_gone is True


@pytest.mark.parametrize("name", [f"outhaul-{'0' * 12}-1-1-abcd", f".outhaul-{'0' * 12}-1-1-abcd.part"])
def test_what_others_left_is_swept_after_a_day(tmp_path: Path, name: str) -> None:
    """Whether a process of another machine lives cannot be told: what it wrote to within a day stays."""
    (tmp_path / name).mkdir()
    inside = tmp_path / name / "inside"
    inside.write_text("x")
    os.utime(tmp_path / name, (OLD, OLD))
    assert sweep(tmp_path) == 0
    os.utime(inside, (OLD, OLD))
    os.utime(tmp_path / name, (OLD, OLD))
    assert sweep(tmp_path) == 1


def test_only_a_folder_of_ours_is_swept_of_foreign_names(tmp_path: Path) -> None:
    """In the system's folder for temporary files, what does not bear our name is not ours."""
    (tmp_path / "tmpabc").write_text("x")
    os.utime(tmp_path / "tmpabc", (OLD, OLD))
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path, is_ours=True) == 1


def test_a_link_is_swept_not_what_it_leads_to(tmp_path: Path) -> None:
    """Names can be forged in a folder that everybody may write to."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "swept").mkdir()
    this = this_process()
    link = tmp_path / "swept" / f"outhaul-{this.place}-{this.pid}-{this.began + 1}-abcd"
    link.symlink_to(tmp_path / "precious")
    assert sweep(tmp_path / "swept") == 1
    assert (tmp_path / "precious").is_dir()


def test_nothing_to_sweep(tmp_path: Path) -> None:
    """A folder that is not there is swept without a word."""
    assert sweep(tmp_path / "nowhere") == 0
