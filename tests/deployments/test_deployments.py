"""Each deployment can be loaded and would be taken, checked without a server; and all of them by one, from a clone."""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from prefect.flows import Flow
from prefect.utilities.schema_tools.hydration import HydrationContext, hydrate
from prefect.utilities.schema_tools.validation import validate

from blocks.catalog import BLOCKS
from flows.events import DELIVERED
from tests.flows.harness import of_the_tests
from tests.flows.worker import POOL, PREFECT, prefect

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deployments" / "prefect.yaml"
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["deployments"]
BY_NAME = {one["name"]: one for one in DEPLOYMENTS}
each = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    module, _, name = deployment["entrypoint"].partition(":")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    return flow


def schema_of(deployment: dict[str, Any]) -> dict[str, Any]:
    return flow_of(deployment).parameters.model_dump_for_openapi()


@each
def test_a_deployment_s_parameters_fit_the_flow(deployment: dict[str, Any]) -> None:
    """The entry point is a flow, whose form has every parameter that the deployment sets, and takes its value."""
    schema, parameters = schema_of(deployment), deployment["parameters"]
    assert parameters.keys() <= schema["properties"].keys()
    given = {name: value for name, value in parameters.items() if not is_reference(value)}
    with pytest.MonkeyPatch.context() as patch:  # what a person picks is not there yet
        patch.setitem(schema, "required", [])
        assert not validate(hydrate(given, HydrationContext()), schema, raise_on_error=False)


@each
def test_saved_blocks_are_named_by_a_kind_that_the_parameter_takes(deployment: dict[str, Any]) -> None:
    kinds = {block.get_block_type_slug(): block.__name__ for block in BLOCKS}
    properties = schema_of(deployment)["properties"]
    for name, value in deployment["parameters"].items():
        if is_reference(value):
            kind, _, block = value["$ref"]["block_document_slug"].partition("/")
            assert block
            assert kinds[kind] in str(properties[name])


def is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "$ref" in value


@each
def test_nothing_runs_by_itself_until_somebody_wants_it(deployment: dict[str, Any]) -> None:
    """Schedules are off; they are of a time zone that exists, and have a name by which a pause is kept. Runs that
    meet are held back.
    """
    for schedule in deployment.get("schedules", []):
        assert schedule["active"] is False
        assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone
        assert schedule["slug"]
    if deployment["name"] != "notify":
        limit = deployment["concurrency_limit"]
        assert limit["limit"] >= 1
        assert limit["collision_strategy"] == ("CANCEL_NEW" if "schedules" in deployment else "ENQUEUE")


def test_what_a_webhook_starts() -> None:
    """The trigger expects what the receiver emits, and hands parameters on that the flow has."""
    from deployments.webhooks import COMPLETED, RESOURCE, Completed  # noqa: PLC0415

    deployment = BY_NAME["on-completed"]
    (written,) = deployment["triggers"]
    trigger = DeploymentEventTrigger.model_validate(written)
    assert trigger.expect == {COMPLETED} != {DELIVERED}
    assert trigger.match.root == {"prefect.resource.id": f"{RESOURCE}.*"}
    assert written["parameters"].keys() <= schema_of(deployment)["properties"].keys()
    for field in Completed.model_fields:
        assert f"event.payload.{field} " in str(written["parameters"])


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.xdist_group("ango-plugin")  # which has a server
def test_all_are_deployed_from_a_clone(tmp_path: Path) -> None:
    """A clone without anything beside it is enough; doing it again changes nothing, and a paused schedule stays so."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    shutil.copy(FILE, clone / "deployments" / "prefect.yaml")
    prefect("work-pool", "create", POOL, "--type", "process", "--overwrite", folder=tmp_path)
    command = [PREFECT, "--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"]
    for _ in range(2):
        subprocess.run(command, cwd=clone, env=of_the_tests(tmp_path), check=True, capture_output=True)
    with get_client(sync_client=True) as client:
        for one in DEPLOYMENTS:
            found = client.read_deployment_by_name(f"{flow_of(one).name}/{one['name']}")
            assert found.entrypoint == one["entrypoint"]
            assert not found.pull_steps
            assert found.path in (None, "", ".")
            assert [schedule.active for schedule in found.schedules] == [False] * len(one.get("schedules", []))
            assert str(clone) not in found.model_dump_json()
        (automation,) = client.read_automations_by_name("on-completed__automation_1")
    assert automation.enabled
    assert automation.actions[0].parameters == BY_NAME["on-completed"]["triggers"][0]["parameters"]


def test_every_parameter_of_the_flow_says_what_it_is() -> None:
    """The run form in the UI describes each field, except the two blocks that are picked from a list."""
    flow = import_module("flows.export").export
    properties = flow.parameters.model_dump()["properties"]
    undescribed = {name for name, schema in properties.items() if not schema.get("description")}
    assert undescribed <= {"source", "target"}


def test_only_source_target_and_format_must_be_filled_in() -> None:
    """Pressing Run takes a source, a target and the format, of which the form shows one; all else has a default that a
    server accepts.
    """
    schema = import_module("flows.export").export.parameters.model_dump()
    assert schema["required"] == ["source", "target", "exporter"]


def test_nothing_of_this_machine_is_stored() -> None:
    """A deployment pulls from nowhere and names no folder: it runs wherever Outhaul is installed."""
    document = yaml.safe_load(FILE.read_text())
    assert document["pull"] == []
    assert not any("path" in deployment for deployment in DEPLOYMENTS)
