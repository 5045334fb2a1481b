"""Dockerfile, compose file and Kubernetes template, as far as they can be held to what they say without Docker."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings.legacy import _get_settings_fields
from prefect.settings.models.root import Settings
from prefect.utilities.schema_tools.validation import validate

from deployments import serve
from deployments.children import PATIENCE_SECONDS
from deployments.local import SECRETS
from flows.ango import command as ango
from flows.cli import make_parser
from flows.settings import _DEFAULTS
from tests.deployments.serving import wait_for
from tests.s3_server import free_ports

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deployments"
DOCKERFILE = (HERE / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TEMPLATE: dict[str, Any] = json.loads((HERE / "kubernetes.json").read_text())
COLLECTIONS = Path(sys.modules["prefect"].__file__ or "").parent / "server" / "api" / "collections_data" / "views"


def test_the_image_has_all_that_is_installed() -> None:
    """What is copied is there and is all that the package consists of; extras are those of pyproject.toml, but for Ray,
    which is larger than all the rest; nothing else of the project is sent to the builder.
    """
    copied = [word for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    assert all((ROOT / one).exists() for one in copied)
    assert set(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(copied)
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE)
    assert [*extras.split(","), "ray"] == list(PYPROJECT["project"]["optional-dependencies"])
    sent = {line[1:] for line in (HERE / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sent == set(copied)


def test_the_image_starts_with_a_command_that_there_is() -> None:
    (entry,), (words,) = (re.findall(rf"^{word} (.*)$", DOCKERFILE, re.MULTILINE) for word in ("ENTRYPOINT", "CMD"))
    assert json.loads(entry) == ["outhaul"]
    arguments = make_parser().parse_args(json.loads(words))
    assert (arguments.host, arguments.verbose) == ("0.0.0.0", True)
    assert re.search(r"^EXPOSE 4200 4201$", DOCKERFILE, re.MULTILINE)
    assert (arguments.port, arguments.webhooks_port) == (4200, 4201)


@pytest.mark.skipif(
    "OUTHAUL_TEST_IMAGE" not in os.environ, reason="installs 200 packages: ask for it with OUTHAUL_TEST_IMAGE=1"
)
@pytest.mark.timeout(1200)
def test_the_image_can_be_made(tmp_path: Path) -> None:
    """The commands of its first stage, run as they are but for the places; what they install knows its deployments."""
    source, target = tmp_path / "src", tmp_path / "opt"
    for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE):
        *names, _ = line.split()
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            source.mkdir(exist_ok=True)
            copy(ROOT / name, source / name)
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE)
    script = re.findall(r"^RUN (python -m venv(?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)[0]
    script = script.replace("/opt/outhaul", str(target)).replace("python -m venv", f"{sys.executable} -m venv")
    subprocess.run(["sh", "-ec", script], cwd=source, env={**os.environ, "EXTRAS": extras}, check=True)
    code = "from deployments.setup import described; print(len(described()))"
    said = subprocess.run([target / "bin" / "python", "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert int(said.stdout) >= 6
    subprocess.run([target / "bin" / "outhaul", "--version"], cwd=tmp_path, check=True)


def test_services_wait_for_each_other() -> None:
    """Who is waited for exists and says when it is healthy; volumes exist; ours end before they are killed."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[other], (name, other)
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= COMPOSE["volumes"].keys()
        if service["image"] == "outhaul":
            assert ROOT / "deployments" / service["build"]["context"] / service["build"]["dockerfile"]
            assert int(service["stop_grace_period"].removesuffix("s")) > 3 * PATIENCE_SECONDS
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_services_are_set_as_we_set_them() -> None:
    """Every variable is one that somebody reads; the server's are those of `outhaul serve`; no secret stands there."""
    settings = set(_get_settings_fields(Settings))
    ours = {SECRETS, ango.PLUGIN_ID, ango.PLUGIN_SECRET, "OUTHAUL_S3_ENDPOINT_URL", "OUTHAUL_WORKSPACE"}
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            assert name in settings | ours or name.startswith(("POSTGRES_", "AWS_"))
            if re.search("PASSWORD|SECRET|AUTH|CONNECTION_URL", name):
                assert "${" in value
    server = SERVICES["server"]["environment"]
    shared = {name: value for name, value in _DEFAULTS.items() if name.startswith("PREFECT_SERVER_")}
    for name in shared.keys() - {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"}:
        assert server[name] == {**shared, **serve.LOUDER}[name]
    assert server[serve.DATABASE].startswith("postgresql+asyncpg://")
    used = set(re.findall(r"\$\{(\w+)", (HERE / "compose.yaml").read_text())) - {"SEAWEEDFS_VERSION"}
    example = re.findall(r"^(\w+)=", (HERE / "compose.env.example").read_text(), re.MULTILINE)
    assert sorted(example) == sorted(used)


def test_services_start_with_commands_that_there_are() -> None:
    for name in ("worker", "ango-plugin"):
        assert make_parser().parse_args(SERVICES[name]["command"]).command in ("serve", "ango-plugin")
    help_text = subprocess.run(
        [sys.executable, "-m", "prefect", "server", "start", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert SERVICES["server"]["entrypoint"] == ["prefect"]
    assert SERVICES["server"]["command"][:2] == ["server", "start"]
    assert all(word in help_text for word in SERVICES["server"]["command"] if word.startswith("--"))


def test_the_store_starts_as_written_and_says_when_it_is_healthy(tmp_path: Path) -> None:
    """The command of the service runs here, on other ports and this machine's address; its health check is answered."""
    (tmp_path / "data").mkdir()
    ports = dict(zip(("s3", "master", "volume", "filer", "admin"), free_ports(5), strict=True))
    command = [
        *(str(Path(sys.executable).with_name("weed")), *SERVICES["store"]["command"]),
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *("-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.localSocket={tmp_path}/s3.sock", f"-filer.localSocket={tmp_path}/filer.sock"),
    ]
    command = [
        word.replace("=/data", f"={tmp_path}/data")
        .replace("-ip=store", "-ip=127.0.0.1")
        .replace("0.0.0.0", "127.0.0.1")
        for word in command
    ]
    (script,) = SERVICES["store"]["healthcheck"]["test"][1:]
    (url,) = [word for word in shlex.split(script) if word.startswith("http")]
    with (tmp_path / "log").open("wb") as log:
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": "outhaul", "AWS_SECRET_ACCESS_KEY": "secret"}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(url.replace("8333", str(ports["s3"]))), 60)
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
        return bool(answer.status == 200)
    return False


def test_pods_are_described_as_prefect_has_them() -> None:
    """The template of the work pool is Prefect's own, and more: every placeholder is a variable, whose default fits."""
    document = json.loads((COLLECTIONS / "aggregate-worker-metadata.json").read_text())
    theirs = document["prefect-kubernetes"]["kubernetes"]["default_base_job_configuration"]
    assert theirs["job_configuration"].keys() == TEMPLATE["job_configuration"].keys()
    variables = TEMPLATE["variables"]["properties"]
    assert theirs["variables"]["properties"].keys() <= variables.keys()
    placeholders = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(TEMPLATE["job_configuration"])))
    assert placeholders == variables.keys()
    defaults = {name: field["default"] for name, field in variables.items() if "default" in field}
    assert not validate(defaults, TEMPLATE["variables"], raise_on_error=False)
    assert "://" in defaults["env"]["OUTHAUL_WORKSPACE"]
    deployed = yaml.safe_load((HERE / "prefect.yaml").read_text())["definitions"]["pool"]["job_variables"]
    assert not validate(deployed, TEMPLATE["variables"], raise_on_error=False)
    user = TEMPLATE["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert f"--uid {user} " in DOCKERFILE


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.xdist_group("ango-plugin")  # which has a server
def test_a_server_takes_the_pool_of_pods() -> None:
    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name="outhaul-pods", type="kubernetes", base_job_template=TEMPLATE)
        client.create_work_pool(pool, overwrite=True)
        assert client.read_work_pool("outhaul-pods").base_job_template == TEMPLATE
