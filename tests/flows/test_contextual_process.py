"""The process of an exporter: whatever the exporter does there, the run hears of it in a sentence and goes on."""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from blocks import stopping
from exporters import FatalError, registry
from exporters.model import Annotation, Classification
from flows.child_messages import Broke, encode
from flows.contextual_messages import Delayed, Done
from flows.contextual_process import run_process
from tests.fakes.datasets import BLOB, entry, record
from tests.flows.contextual_jobs import Plugs, job, run

READS_ALL = """
for dataset in context.datasets:
    for entry in dataset.entries():
        entry.annotations()
        entry.medias()
"""


def test_an_exporter_ends_with_its_books(tmp_path: Path, plug: Plugs) -> None:
    """Where it wrote, and what it was given."""
    plug(READS_ALL + "context.io.file(format='txt').write('done')")
    ran = run(job(tmp_path, (entry("e1", BLOB), entry("e2"))))
    assert isinstance(ran.end, Done)
    assert Path(ran.end.written or "").read_text() == "done"
    assert ran.end.tally["went_out"] == {"annotations": 1, "entries": 2, "medias": 2}
    assert ran.moved[-1] == 1.0


def test_everything_it_says_arrives(tmp_path: Path, plug: Plugs) -> None:
    """Logged, printed, from threads and other processes, at its level; also just before the end."""
    plug("""
        import logging, subprocess, threading
        print("printed %s", end="")
        print()
        context.log.warning("%d%% logged", 5)
        thread = threading.Thread(target=logging.getLogger("other").error, args=("standard",))
        thread.start(); thread.join()
        os.system("echo from another process")
        sys.stderr.buffer.write(b"\\xff broken\\n")
        sys.stderr.write("no end of line")
    """)
    said = dict((text, level) for level, text in run(job(tmp_path)).said)  # noqa: C402
    assert said["printed %s"] == said["from another process"] == said["� broken"] == logging.INFO
    assert said["no end of line"] == logging.INFO
    assert (said["5% logged"], said["standard"]) == (logging.WARNING, logging.ERROR)


def test_it_cannot_drown_the_log(tmp_path: Path, plug: Plugs) -> None:
    """After ten thousand lines the others are not kept, and it still ends."""
    plug("for number in range(30_000): print('x' * 50)")
    ran = run(job(tmp_path))
    assert len(ran.said) == 10_001
    assert ran.said[-1] == (logging.WARNING, "The exporter mine has said over 10,000 lines; the others are not kept.")
    assert isinstance(ran.end, Done)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('API key required')", r"ValueError: API key required (export.py, line 9); correct its"),
        ("raise ValueError('one\\ntwo')", r"mine failed: ValueError: one (export.py, line 9); correct its code."),
        ("json.loads('{')", r"(export.py, line 9); correct its code."),
        ("context.error('no answer.')", r"mine gave up: no answer; mend that and run again."),
        ("sys.exit('enough')", r"mine failed: it called sys.exit('enough') (export.py, line 9); correct its code."),
        ("raise KeyboardInterrupt", r"mine failed: KeyboardInterrupt (export.py, line 9); correct its code."),
        ("def f(): f()\nf()", r"mine failed: RecursionError: maximum recursion depth exceeded"),
        ("input()", r"mine failed: EOFError"),
        ("x = bytearray(1 << 60)", r"mine failed: MemoryError"),
        ("context.io.file(); context.io.directory", r"is either one file or one directory (export.py, line 9)."),
        ("list(next(context.datasets).entries(statsu=1))", r"There is no filter 'statsu' in entry records; did you"),
        ("(context.io.directory / '../x.jpg').write_text('x')", r"A file “x.jpg” was written beside"),
    ],
)  # fmt: skip
def test_what_it_fails_with_is_a_sentence(tmp_path: Path, plug: Plugs, body: str, message: str) -> None:
    """Its own words and where it was; the whole trace stands beside."""
    plug(body)
    end = run(job(tmp_path)).end
    assert isinstance(end, Broke)
    assert message in end.message
    assert "\n" not in end.message
    assert "Traceback" in end.trace
    assert not end.is_passing


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os._exit(0)", "ended its own process with status 0, without finishing"),
        ("os._exit(7)", "ended its own process with status 7, without finishing"),
        ("os.kill(os.getpid(), 11)", "was ended by signal 11;"),
        ("os.kill(os.getpid(), 9)", "was ended by signal 9, as when memory runs out"),
        ("os.closerange(0, 100); os._exit(1)", "ended its own process with status 1"),
    ],
)
def test_a_process_that_dies_is_noticed(tmp_path: Path, plug: Plugs, body: str, message: str) -> None:
    """At once, and not taken for one that is busy."""
    plug(body)
    with pytest.raises(FatalError, match=message):
        run(job(tmp_path))


def test_a_passing_failure_and_a_delay_are_told(tmp_path: Path, plug: Plugs) -> None:
    """The run decides what to do with them."""
    plug("from exporters import RetriableError\nraise RetriableError('Busy.', 7)")
    end = run(job(tmp_path)).end
    assert (end.message, end.is_passing, end.delay_seconds) == ("Busy.", True, 7)
    plug("context.reschedule(after=60)", name="later")
    (tmp_path / "other").mkdir()
    assert run(job(tmp_path / "other", name="later")).end == Delayed(60)


def test_a_plugin_that_was_edited_meanwhile_is_refused(tmp_path: Path, plug: Plugs) -> None:
    """What was planned with other code would be remembered under the wrong name."""
    plug(READS_ALL)
    made = job(tmp_path)
    plug("raise ValueError('edited')")
    assert "has other code here than when this export was planned" in run(made).end.message


class Registered:
    name = "registered"
    description = "Of the program itself, which has no plug-in folder."

    def export(self, context: Any) -> None:
        context.io.file(format="txt").write("registered")


def test_an_exporter_that_the_program_registered_is_found(tmp_path: Path) -> None:
    """By its class, as long as that can be imported."""
    registry.register("program", None, Registered)
    try:
        made = job(tmp_path, name="registered", written_as=(Registered.__module__, "Registered"))
        end = run(made).end
    finally:
        registry.unregister("program")
    assert isinstance(end, Done)
    assert Path(end.written or "").read_text() == "registered"


def test_a_hanging_exporter_is_stopped(tmp_path: Path, plug: Plugs) -> None:
    """After its time limit, with all that it has started, also when it ignores signals."""
    pid = tmp_path / "pid"
    plug(f"""
        import signal, subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])
        Path({str(pid)!r}).write_text(str(child.pid))
        time.sleep(600)
    """)
    started = time.monotonic()
    with pytest.raises(
        FatalError, match=r"still running after 2 seconds and was stopped; .*--option time_limit_seconds"
    ):
        run(job(tmp_path), time_limit=2)
    assert time.monotonic() - started < 150
    assert is_gone(int(pid.read_text()))


def test_what_it_leaves_behind_holds_nobody_up(tmp_path: Path, plug: Plugs) -> None:
    """Threads, processes, also such as left its session, and what is to be done at exit."""
    pid = tmp_path / "pid"
    plug(f"""
        import atexit, subprocess, threading
        threading.Thread(target=time.sleep, args=(600,)).start()
        atexit.register(time.sleep, 600)
        child = subprocess.Popen(["sleep", "600"])
        subprocess.Popen(["sleep", "20"], start_new_session=True)
        Path({str(pid)!r}).write_text(str(child.pid))
    """)
    started = time.monotonic()
    assert isinstance(run(job(tmp_path)).end, Done)
    assert time.monotonic() - started < 15
    assert is_gone(int(pid.read_text()))


SECRETS = {
    "ours": ("OUTHAUL_API_KEY", "OUTHAUL_PASSWORD", "OUTHAUL_ANGO_PLUGIN_SECRET", "OUTHAUL_WEBHOOK_SECRETS"),
    "Prefect's": ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY", "PREFECT_SERVER_DATABASE_CONNECTION_URL"),
    "of stores": ("AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN"),
    "of signing": ("OUTHAUL_SIGNING_PASSPHRASE",),
    "its own": ("PUSH_TOKEN", "AWS_PROFILE"),
}


@pytest.mark.parametrize(
    ("changes", "given"),
    [
        ({}, ["its own"]),
        ({"options": {"signing_key": "key.pem"}}, ["of signing", "its own"]),
        ({"workspace_url": "memory://"}, ["of stores", "its own"]),
    ],
)
def test_it_is_not_given_the_secrets_of_the_run(
    tmp_path: Path, plug: Plugs, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], given: list[str]
) -> None:
    """Its environment has what it takes to read the workspace and to sign, and what is the plug-in's own; of what a
    run alone needs, only what is named in OUTHAUL_PLUGIN_ENVIRONMENT.
    """
    monkeypatch.setenv("OUTHAUL_PLUGIN_ENVIRONMENT", "X, AWS_PROFILE")
    for names in SECRETS.values():
        for name in names:
            monkeypatch.setenv(name, "c4n4ry")
    seen = tmp_path / "seen"
    plug("pass", head=f"Path({str(seen)!r}).write_bytes(Path('/proc/self/environ').read_bytes())")
    run(job(tmp_path, **changes))
    variables = seen.read_bytes().split(b"\0")
    found = {one.partition(b"=")[0].decode() for one in variables if b"c4n4ry" in one}
    assert found == {name for kind in given for name in SECRETS[kind]}


def test_temporary_files_lie_in_its_folder(tmp_path: Path, plug: Plugs) -> None:
    """So that whoever removes that folder removes them too."""
    plug("import tempfile\nprint(tempfile.mkdtemp())\nprint(os.getcwd())\nopen('relative', 'w').write('x')")
    ran = run(job(tmp_path))
    temporary, working = (Path(text) for _, text in ran.said)
    assert (temporary.parent, working) == (tmp_path / "place" / "tmp", tmp_path / "place" / "work")
    assert (tmp_path / "place" / "work" / "relative").exists()


def test_a_stopped_run_takes_its_exporter_along(tmp_path: Path, plug: Plugs) -> None:
    """When the run is stopped, the process goes within seconds."""
    pid = tmp_path / "pid"
    plug(f"Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(600)")
    made = job(tmp_path)
    failures: list[FatalError] = []

    def work() -> None:
        try:
            run_process(made, 600, lambda *_said: None, lambda _fraction: None)
        except FatalError as error:
            failures.append(error)

    def start_and_interrupt() -> None:
        with stopping.on_interrupt():
            thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
            thread.start()
            threads.append(thread)
            wait_for(pid)
            raise KeyboardInterrupt

    threads: list[threading.Thread] = []
    with pytest.raises(KeyboardInterrupt):
        start_and_interrupt()
    threads[0].join(10)
    assert [str(failure) for failure in failures] == [
        "The run was stopped; run it again, and it goes on from what is done."
    ]
    assert is_gone(int(pid.read_text()))


def test_a_killed_run_takes_its_exporter_along(tmp_path: Path, plug: Plugs) -> None:
    """Even when nobody is left to end it: it goes by itself, and removes its folder."""
    pid = tmp_path / "pid"
    plug(f"Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(600)")
    made = job(tmp_path)
    (tmp_path / "place" / "work").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "flows.contextual_worker"],
        stdin=subprocess.PIPE,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(encode(made) + b"\n")
        process.stdin.flush()
        wait_for(pid)
        process.stdin.close()
        assert process.wait(20) == -signal.SIGKILL
    assert not (tmp_path / "place").exists()


def test_a_file_that_is_written_anew_is_said(tmp_path: Path, plug: Plugs) -> None:
    """Medias that share a name would overwrite each other without a word."""
    plug("""
        for number in range(2):
            for name in ("a.jpg", f"{number}.jpg"):
                (context.io.directory / name).write_text("x")
            with (context.io.directory / "log.txt").open("a") as file:
                file.write("appended")
    """)
    assert run(job(tmp_path)).said == [
        (
            logging.WARNING,
            "The exporter writes a.jpg a second time, and what it held is lost; safe_name tells medias apart.",
        )
    ]


def test_a_media_of_the_store_is_not_spoilt_unnoticed(tmp_path: Path, plug: Plugs) -> None:
    """An exporter that writes into a file it was shown fails, and that file is gone, to be fetched again."""
    plug("""
        for dataset in context.datasets:
            for entry in dataset.entries():
                with entry.medias()[0].path.open("r+b") as file:
                    file.write(b"spoilt")
    """)
    made = job(tmp_path)
    assert "A file of the workspace was written to, that of media e1-m" in run(made).end.message
    files = [path.read_bytes() for path in (tmp_path / "workspace" / "media").rglob("*") if path.is_file()]
    assert len(files) == 1
    assert not files[0].startswith(b"spoilt")


def test_a_million_annotations_take_little_memory(tmp_path: Path, plug: Plugs) -> None:
    """Streamed to one JSON file, they take less than 300 MB, most of which is Python and its libraries."""
    plug("""
        file = context.io.file(format="json")
        separator = "["
        for dataset in context.datasets:
            for entry in dataset.entries():
                for annotation in entry.annotations():
                    file.write(separator + json.dumps(annotation.record))
                    separator = ",\\n"
        file.write("]")
        print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    """)
    annotations = tuple(
        Annotation(
            id=f"a{number}",
            shape=Classification(),
            raw=record(id=f"a{number}", attributes={"dimensions": {"type": "entry:root"}}),
        )
        for number in range(1000)
    )
    one = entry("e1", *annotations, medias=())
    ran = run(job(tmp_path, (one,) * 1000), time_limit=300)
    assert isinstance(ran.end, Done)
    assert ran.end.tally["went_out"]["annotations"] == 1_000_000
    assert int(ran.said[-1][1]) < 300_000  # kB
    assert (tmp_path / "place" / "product" / "export" / "file.json").stat().st_size > 50_000_000


def wait_for(pid: Path) -> None:
    while not pid.exists() or not pid.read_text():
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True  # its parent, whoever that is now, has not looked yet
        time.sleep(0.05)
    return False
