"""Each deployment can be loaded and would be taken, checked without a server."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import Flow

FILE = Path(__file__).parents[2] / "deployments" / "prefect.yaml"
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["name"])
def test_a_deployment_s_parameters_fit_the_flow(deployment: dict[str, Any]) -> None:
    """The entry point is a flow, and its form has every parameter that the deployment sets, with that value allowed."""
    module, _, name = deployment["entrypoint"].partition(":")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    schema = flow.parameters.model_dump()["properties"]
    for parameter, value in deployment["parameters"].items():
        assert parameter in schema
        assert value in schema[parameter].get("enum", [value])


def test_every_parameter_of_the_flow_says_what_it_is() -> None:
    """The run form in the UI describes each field, except the two blocks that are picked from a list."""
    flow = import_module("flows.export").export
    properties = flow.parameters.model_dump()["properties"]
    undescribed = {name for name, schema in properties.items() if not schema.get("description")}
    assert undescribed <= {"source", "target"}


def test_only_source_and_target_must_be_filled_in() -> None:
    """Pressing Run takes a source and a target; everything else has a default that a server accepts."""
    schema = import_module("flows.export").export.parameters.model_dump()
    assert schema["required"] == ["source", "target"]


def test_nothing_of_this_machine_is_stored() -> None:
    """A deployment pulls from nowhere and names no folder: it runs wherever Outhaul is installed."""
    document = yaml.safe_load(FILE.read_text())
    assert document["pull"] == []
    assert not any("path" in deployment for deployment in DEPLOYMENTS)
