"""The Ango Hub sandbox, asked with the standard library: what it answers, refuses, and lets go wrong."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import pytest

from blocks.sandbox.ango import DEMO_API_KEY, AngoSandbox
from blocks.sandbox.ango.options import build_sandbox
from blocks.sandbox.faults import Fault
from tests.blocks.ango.hub import Hub, bare, serving

KEYS = {"objectId", "schemaId", "title", "classifications", "metadata", "page", "interpolationStopped"}


def refused(hub: Hub, path: str, key: str = DEMO_API_KEY) -> tuple[int, Any]:
    """Status and document of what is refused."""
    request = urllib.request.Request(f"{hub.url}{path}", headers={"apikey": key})
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(request):
        pass
    body = caught.value.read()
    return caught.value.code, json.loads(body) if body.startswith(b"{") else body.decode()


def fetched(link: str) -> bytes:
    with urllib.request.urlopen(link) as answer:
        found: bytes = answer.read()
    return found


def test_every_tool_is_there(gallery: Hub) -> None:
    """A handful of tasks has every kind of tool, answer, relation, stage and page of the export format."""
    rows = [row for kind in ("image", "video", "documents") for row in gallery.rows(kind, stage="[]")]
    tools = [tool for row in rows for tool in row["task"]["tools"]]
    assert {kind for tool in tools for kind in tool.keys() - KEYS} == {
        *(
            "bounding-box",
            "rotated-bounding-box",
            "polygon",
            "segmentation",
            "polyline",
            "point",
            "ner",
            "pdf",
            "spline",
        )
    }
    answers = {one["tool"] for row in rows for one in row["task"]["classifications"]}
    nested = {one["tool"] for tool in tools for one in tool["classifications"]}
    assert answers | nested == {
        *("radio", "multi-dropdown", "single-dropdown", "boolean", "rank", "text", "tree-dropdown")
    }
    relations = [one for row in rows for one in row["task"]["relations"]]
    assert {one.get("direction", "group") for one in relations} == {"straight", "reverse", "bidirectional", "group"}
    assert {row["task"]["stage"] for row in rows} == {"Complete", "Review A", "Label A"}
    assert any(tool["bounding-box"]["width"] < 0 for tool in tools if "bounding-box" in tool)
    assert {"brushDataUrl", "stageHistory"} <= {key for row in rows for key in row["task"]}
    assert any("dataset" in row for row in rows)
    assert any(not row["metadata"] for row in gallery.rows(stage="[]"))
    assert any(tool.get("interpolationStopped") for tool in tools)


def test_the_same_seed_is_the_same_hub() -> None:
    """Two sandboxes of one seed have the same rows, but for signatures; another seed has others."""
    found = []
    for seed in (7, 7, 8):
        with serving(4, seed=seed) as hub:
            found.append(json.dumps(bare(hub.rows(stage="[]"))).replace(hub.url, ""))
    assert found[0] == found[1] != found[2]


def test_forms_and_stages(gallery: Hub) -> None:
    """No stage means complete ones, an empty list all; history, metadata and frames come as asked."""
    assert {row["task"]["stage"] for row in gallery.rows()} == {"Complete"}
    assert {row["task"]["stage"] for row in gallery.rows(stage='["Review A"]')} == {"Review A"}
    (row, *_) = gallery.rows(includeHistory="false", includeMetadata="false", includeIdleBlurDurations="true")
    assert "stageHistory" not in row["task"]
    assert "idleDuration" in row["task"]
    assert not any("metadata" in tool for tool in row["task"]["tools"])
    frames = [len(gallery.rows("video", includeOnlyKeyFrames=only)[0]["task"]["tools"]) for only in ("true", "false")]
    assert frames[0] < frames[1]
    project = gallery.sandbox.project()
    batch = project.batch_ids["clips & notes"]
    assert {tuple(row["batches"]) for row in gallery.rows(stage="[]", batches=json.dumps([batch]))} == {
        ("clips & notes",)
    }


def test_links(hub: Hub) -> None:
    """A link opens its file until it expires, is another one each time, and cannot be changed."""
    first, second = (hub.rows()[0]["asset"] for _ in range(2))
    assert first != second
    assert first.partition("?")[0] == second.partition("?")[0]
    assert fetched(first) == fetched(second)
    assert refused(hub, first.partition("?")[0].removeprefix(hub.url))[0] == 403
    hub.sandbox.links.expire()
    status, said = refused(hub, first.removeprefix(hub.url))
    assert (status, "Request has expired" in said) == (403, True)
    again = hub.ask("getSignedUrl", name=first, project=hub.id(), type="assets")["signedUrl"]
    assert fetched(again)


def test_links_live_as_long_as_they_say() -> None:
    """A link that lives no time at all is dead."""
    with serving(2, link_seconds=-5) as hub:
        link = hub.ask("getSignedUrl", name="/media/x/y", project=hub.id(), type="assets")["signedUrl"]
        assert refused(hub, link.removeprefix(hub.url))[0] == 403


def test_two_exports_at_once_overwrite_each_other(hub: Hub) -> None:
    """There is one file a project: an export that was not fetched yet is lost to the next one."""
    first = hub.ask("export", project=hub.id(), format="json", stage='["Complete"]')["exportPath"]
    second = hub.ask("export", project=hub.id(), format="json", stage='["Review A"]')["exportPath"]
    assert first.partition("?")[0] == second.partition("?")[0]
    assert fetched(first) == fetched(second)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v2/project/nothing", 400, "Invalid project: nothing"),
        ("/v2/export?project=nothing", 400, "Invalid project: nothing"),
        ("/v2/export?project=ID&format=coco", 400, "format coco is not supported"),
        ("/v2/export?project=ID&stage=Complete", 400, "stage is not valid JSON"),
        ("/v2/getUploadUrl?name=a&project=ID", 400, "name or type is not valid"),
        ("/v2/nothing", 404, "Not found"),
    ],
)
def test_refusals(gallery: Hub, path: str, status: int, said: str) -> None:
    """What is refused is refused in the hub's envelope."""
    assert refused(gallery, path.replace("ID", gallery.id())) == (status, {"status": "fail", "message": said})


def test_keys(gallery: Hub) -> None:
    """Without a key that it knows, the hub answers nothing; an organisation that is fenced nobody."""
    assert refused(gallery, "/v2/listProjects", "x") == (401, {"status": "fail", "message": "Invalid API KEY"})
    with serving(1, is_fenced=True) as hub:
        assert refused(hub, "/v2/listProjects")[0] == 451


def test_uploads(hub: Hub) -> None:
    """A file goes up under a link made for it, with a length and no key, and can be had by another."""
    name = quote("a & b.zip")
    link = hub.ask("getUploadUrl", name="a & b.zip", project=hub.id(), type="exports")["uploadUrl"]
    urllib.request.urlopen(urllib.request.Request(link, b"zipped", method="PUT")).close()
    assert name in link
    signed = hub.ask("getSignedUrl", name=link.partition("?")[0], project=hub.id(), type="exports")["signedUrl"]
    assert fetched(signed) == b"zipped"
    assert refused(hub, link.removeprefix(hub.url))[0] == 403


def test_rows_of_any_size() -> None:
    """For benchmarks rows are as large as asked for, all complete, each of its own task."""
    sandbox = AngoSandbox(200, row_bytes=8000)
    sizes, ids = set(), set()
    for row in sandbox.rows():
        sizes.add(len(row) // 1000)
        ids.add(json.loads(row)["task"]["taskId"])
    assert sizes <= {8, 9}
    assert len(ids) == 200


def test_faults_by_flag(hub: Hub) -> None:
    """Faults answer for the hub; shares of them are read from words."""
    hub.sandbox.faults.append(Fault("/v2/export", status=503))
    assert refused(hub, f"/v2/export?project={hub.id()}")[0] == 503
    assert hub.rows()
    sandbox = build_sandbox(tasks=1, faults=["503=0.05", "reset=0.01"])
    assert sandbox.chaos is not None
    with pytest.raises(ValueError, match="no KIND=SHARE"):
        build_sandbox(faults=["503"])
    with pytest.raises(ValueError, match="no address to call a plug-in at"):
        build_sandbox(rest_plugin="here")
