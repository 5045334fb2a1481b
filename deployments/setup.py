"""What a Prefect server needs to know of Outhaul: forms of blocks, work pool, deployments, limits, automations.

What is there already is left as people have made it, but for what they cannot make: the forms of blocks and of runs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from blocks.ango import AngoSource
from blocks.catalog import BLOCKS
from blocks.idah import IdahSource
from blocks.saved import load_saved, prefect_api, saved_names
from deployments.automations import find_told, make_automations
from deployments.local import POOL
from exporters.errors import FatalError, RequestError, first_line
from flows.at_platform import make_limit

FILE = Path(__file__).with_name("prefect.yaml")


def described() -> list[dict[str, Any]]:
    """The deployments of `prefect.yaml`."""
    return list(yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"])


def set_up(environment: Mapping[str, str], notify: Sequence[str]) -> list[str]:
    """Make what is missing at the Prefect server that is configured; returns the deployments that are new.

    Raises:
        RequestError: a block that is to be told of exports does not exist, or the server wants a login.
        RetriableError: the server cannot be reached.
    """
    with prefect_api() as client:
        told = find_told(client, notify)  # before anything is made
        _make_pool(client)
        for block in BLOCKS:
            block.register_type_and_schema()
        missing = [one for one in described() if not _renewed(client, one)]
    names = [f"{_flow_name(one)}/{one['name']}" for one in missing]
    if names:
        _deploy(names, environment)
    with prefect_api() as client:
        for kind in (IdahSource, AngoSource):
            for name in saved_names(kind.get_block_type_slug()):
                _make_limit(client, kind, name)
        make_automations(client, told)
    return names


def _make_pool(client: SyncPrefectClient) -> None:
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    else:
        if pool.type != "process":
            raise RequestError(
                f"The work pool {POOL} of this Prefect server is one of {pool.type}, whose worker is not this one; "
                f"start that with: prefect worker start --pool {POOL}"
            )


def _renewed(client: SyncPrefectClient, one: Mapping[str, Any]) -> bool:
    """Whether a deployment is there; it has the form of this version then."""
    try:
        found = client.read_deployment_by_name(f"{_flow_name(one)}/{one['name']}")
    except ObjectNotFound:
        return False
    schema = parameter_schema(_flow(one)).model_dump_for_openapi()
    client.update_deployment(found.id, DeploymentUpdate(entrypoint=one["entrypoint"], parameter_openapi_schema=schema))
    return True


def _deploy(names: Sequence[str], environment: Mapping[str, str]) -> None:
    """By Prefect's own command, which knows what all of `prefect.yaml` means."""
    chosen = [argument for name in names for argument in ("--name", name)]
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(FILE), *chosen]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = first_line(said[-1]) if said else done.returncode
        raise FatalError(f"The deployments are not taken ({reason}); correct prefect.yaml.")


def _make_limit(client: SyncPrefectClient, kind: type[IdahSource | AngoSource], name: str) -> None:
    try:
        make_limit(client, load_saved(kind, name))
    except RequestError:  # what is wrong with a saved platform, its own run says
        return


def _flow(one: Mapping[str, Any]) -> Any:
    module, _, name = one["entrypoint"].partition(":")
    return getattr(import_module(module), name)


def _flow_name(one: Mapping[str, Any]) -> str:
    return str(_flow(one).name)
