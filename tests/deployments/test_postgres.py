"""`outhaul serve` with Postgres: Debian's package, in a folder of the test's own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.serve import DATABASE, for_runs, refuse_database
from exporters.errors import RequestError
from tests.deployments.serving import serving, wait_for
from tests.s3_server import free_ports

pytestmark = [pytest.mark.xdist_group("serve"), pytest.mark.timeout(900)]

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a database with nothing in it. The server refuses to be root's."""
    if not PROGRAMS:
        pytest.skip("no Postgres is installed here (Debian: apt-get install postgresql)")
    folder, (port,) = Path(tempfile.mkdtemp(prefix="outhaul-postgres-")), free_ports(1)
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        command = [PROGRAMS[-1] / program, *arguments]
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who)

    data, options = f"{folder}/data", f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    run("initdb", "--auth=trust", "--username=outhaul", "--no-sync", data)
    run("pg_ctl", "start", "-w", "-D", data, "-o", options, "-l", f"{folder}/log")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "outhaul", "outhaul")
        yield f"postgresql://outhaul@127.0.0.1:{port}/outhaul"
    finally:
        run("pg_ctl", "stop", "-m", "immediate", "-D", data)
        shutil.rmtree(folder, ignore_errors=True)


def test_all_of_it_is_in_the_database_that_was_named(postgres: str, tmp_path: Path) -> None:
    """Deployments are there, a worker has reported, and nothing of SQLite is on this machine."""
    question = [PROGRAMS[-1] / "psql", postgres, "--tuples-only", "--no-align", "--command"]
    with serving(tmp_path, "--database", postgres) as served:
        asked = subprocess.run(
            [*question, "select name from deployment order by name"], capture_output=True, check=True
        )
        assert {"nightly", "on-completed", "on-demand"} <= set(asked.stdout.decode().split())
        workers = [*question, "select count(*) from worker"]
        wait_for(lambda: subprocess.run(workers, capture_output=True, check=True).stdout.strip() == b"1", 120)
        assert served.end() == 0
    assert not list(tmp_path.rglob("*.db"))


def test_a_password_is_not_taken_from_the_command_line() -> None:
    """It is refused in a sentence that does not repeat it, and so is a database that Prefect does not take."""
    with pytest.raises(RequestError, match=DATABASE) as caught:
        refuse_database("postgresql://outhaul:c4n4ry@db/outhaul")
    assert "c4n4ry" not in str(caught.value)
    with pytest.raises(RequestError, match="postgresql://USER@HOST/NAME"):
        refuse_database("mysql://db/outhaul")


def test_runs_do_not_know_the_password() -> None:
    """Of the database and of the server's own login, the server alone is told; a worker has its own login."""
    ours = {"PREFECT_API_AUTH_STRING": "me:x", "PREFECT_SERVER_LOGGING_LEVEL": "WARNING", "OUTHAUL_API_KEY": "x"}
    theirs = {DATABASE: "x", "PREFECT_SERVER_DATABASE_PASSWORD": "x", "PREFECT_SERVER_API_AUTH_STRING": "me:x"}
    assert for_runs(ours | theirs) == ours
