"""Ango Hub through the whole flow and the command line: what is delivered, the same each night, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks import http
from blocks.ango import AngoSource
from blocks.sandbox.ango import DEMO_API_KEY
from blocks.sandbox.faults import Chaos
from tests.blocks.ango.hub import Hub, serving
from tests.flows.harness import Exports, command_line


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.02)
    with serving(12, video_tasks=2, document_tasks=4) as hub:
        yield hub


def test_a_second_night_moves_nothing(exports: Exports, hub: Hub) -> None:
    """Another export of the same rows, whose links have other signatures, is the same export."""
    source = hub.source()
    first = exports.run(source, datasets=[hub.id()], exporter="coco")
    again = exports.run(source, datasets=[hub.id()], exporter="coco")
    assert again.delivery.export_id == first.delivery.export_id
    assert first.tally.came_in["medias"] == first.tally.went_out["medias"] > 5
    reasons = {one.reason for one in first.tally.left_out}
    assert "coco cannot hold the shape classification" in reasons


def test_stormy_nights(exports: Exports, hub: Hub) -> None:
    """With a third of the hub's answers spoilt, and links that die, the delivered files are those of a quiet day."""
    source = hub.source(stages=[])
    quiet = exports.run(source, "quiet", "work-1", datasets=[hub.id()], exporter="ango", package="directory")
    hub.sandbox.chaos = Chaos(5, 0.3, ("503", "reset", "truncate", "garbage", "429"))
    for kind in ("status", "reset", "truncate", "slow"):
        hub.fault("/assets/", 503, kind=kind, times=3, drip_seconds=0.001)
    hub.fault("/exports/", kind="truncate")
    hub.sandbox.on_request("/assets/", hub.sandbox.links.expire, nth=5)
    stormy = exports.run(source, "stormy", "work-2", datasets=[hub.id()], exporter="ango", package="directory")
    assert stormy.delivery.export_id == quiet.delivery.export_id
    assert exports.delivered("stormy") == exports.delivered("quiet")
    assert hub.sandbox.chaos.hits


@pytest.mark.parametrize(
    ("kind", "where", "name"), [("video", "stage=*", "cvat_video"), ("documents", "modality=text", "spacy")]
)
def test_projects_of_other_kinds(exports: Exports, hub: Hub, kind: str, where: str, name: str) -> None:
    """Videos and texts go out in formats for them, their files beside them."""
    summary = exports.run(hub.source(), datasets=[hub.id(kind)], exporter=name, where=[where])
    assert summary.tally.went_out["entries"] == 2
    assert not summary.tally.has_faults


@pytest.mark.usefixtures("prefect_api")
def test_the_command_line(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Projects are listed; a stage that a project does not have is a wrong request, and nothing is exported."""
    address = f"ango+{hub.url}"
    with command_line(monkeypatch, capsys, DEMO_API_KEY) as outhaul:
        status, output, _ = outhaul("datasets", address, "--json")
        wrong = ("export", address, "--dataset", hub.id(), "--to", str(tmp_path / "out"), "--where", "stage=Complet")
        refused, _, errors = outhaul(*wrong)
    assert status == 0
    assert {one["id"] for one in json.loads(output)["datasets"]} == set(hub.sandbox.projects)
    assert (refused, "did you mean 'Complete'" in errors) == (2, True)
    assert hub.sandbox.requests["export"] == 0
    assert not (tmp_path / "out").exists()


def test_its_address_and_environment() -> None:
    """An address makes a source, its settings from the environment; the key is never in it."""
    from blocks.catalog import find_source  # noqa: PLC0415
    from exporters.errors import RequestError  # noqa: PLC0415

    made = find_source("ango+https://ango.example.org", {"OUTHAUL_API_KEY": "k", "OUTHAUL_EXPORT_TIMEOUT_SECONDS": "9"})
    assert isinstance(made, AngoSource)
    assert (made.url, made.export_timeout_seconds) == ("https://ango.example.org", 9.0)
    with pytest.raises(RequestError, match="A secret in a URL"):
        find_source("ango+https://key@ango.example.org", {})
