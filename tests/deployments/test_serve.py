"""`outhaul serve` and what it brings: schedules, webhooks, news and limits, on a real server with a real worker.

All tests use one server, in this order: the schedule fires while the others run, and the last one ends it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments import run_deployment
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.storage import Storage
from blocks.target import Target
from blocks.webhook import Webhook
from blocks.webhook_signature import check_signature, read_secret, sign
from deployments.children import descendants
from deployments.webhooks import MOST_BYTES
from flows.at_platform import limit_name
from flows.events import DELIVERED, FAILED, UNCHANGED
from flows.verify import verify
from tests.deployments.serving import OUTHAUL, Served, of_its_own, serving, wait_for
from tests.fakes.receiver import Receiver, receiving
from tests.flows.browser import chromium, person
from tests.prefect_server import speaking_to

pytestmark = [pytest.mark.xdist_group("serve"), pytest.mark.timeout(900)]

OLD, NEW, NEWS = ("".join([letter * 43, "="]) for letter in "kQd")
"""Secrets: two of those who call us, and one of whom we call."""


@dataclass
class House:
    """A server with its worker, a platform, somebody who is told news, and a folder for it all."""

    served: Served
    folder: Path
    sandbox: IdahSandbox
    receiver: Receiver
    seen: dict[str, UUID] = field(default_factory=dict)
    """Runs whose pages are looked at in the end, by the state that they are to show."""

    def delivered(self, name: str) -> list[Path]:
        return sorted(self.folder.glob(f"out/{name}/*/receipt.json"))

    def told(self, kind: str) -> list[Any]:
        """The news of this kind that has arrived, as signed messages."""
        return [one for one in self.receiver.taken if one.path == "/signed" and one.records[0]["type"] == kind]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("serve")
    sandbox = IdahSandbox(entries=6, seed=7)
    with (
        sandbox.serve() as url,
        receiving() as receiver,
        serving(folder, OUTHAUL_WEBHOOK_SECRETS=f"{NEW} {OLD}") as served,
        speaking_to(f"{served.url}/api"),
    ):
        key = SecretStr(DEMO_API_KEY)
        IdahSource(url=url, api_key=key).save("production")
        IdahSource(url="http://127.0.0.1:9", api_key=key).save("broken")
        Target(url=str(folder / "out")).save("nightly")
        Webhook(url=f"{receiver.url}/signed", secret=SecretStr(NEWS)).save("news")
        CustomWebhookNotificationBlock(
            name="news", url=f"{receiver.url}/plain", json_data={"subject": "{{subject}}", "text": "{{body}}"}
        ).save("news")
        yield House(served, folder, sandbox, receiver)


def runs(client: SyncPrefectClient, name: str) -> list[FlowRun]:
    """Of a deployment, those that have run and are over; not those that came while another one ran."""
    deployment = client.read_deployment_by_name(name)
    over = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED]
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(state={"type": FlowRunFilterStateType(any_=over)}),  # type: ignore[arg-type]
    )


def reference(slug: str) -> dict[str, Any]:
    return {"$ref": {"block_document_slug": slug}}


def test_one_command_has_it_all(house: House) -> None:
    """It says where the UI and the webhooks are, and what to do next; a second one at the same port is a sentence."""
    said = house.served.said
    assert f"  UI           {house.served.url}\n" in said
    assert f"  webhooks     http://127.0.0.1:{house.served.webhooks_port}/webhooks\n" in said
    assert "export/on-demand" in said
    assert len(said.splitlines()) < 15
    started = [Path(f"/proc/{pid}/environ").read_bytes() for pid in descendants(house.served.process.pid)]
    assert started
    assert not [one for one in started if NEW.encode() in one]  # who takes webhooks needs their secrets, nobody else
    again = subprocess.run(
        [OUTHAUL, "serve", "--port", str(house.served.port)],
        env=of_its_own(house.folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 2
    assert again.stderr == (
        f"outhaul: Port {house.served.port} of 127.0.0.1 cannot be used (Address already in use); give another one, or "
        f"end what is there.\n"
    )


def test_schedules_are_off_until_they_are_switched_on(house: House) -> None:
    """As delivered nothing is scheduled; from here on, nightly comes every minute (its runs are looked at below)."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("export/nightly")
        (schedule,) = deployment.schedules
        assert not schedule.active
        minutely = CronSchedule(cron="* * * * *", timezone="Europe/Berlin")
        client.update_deployment_schedule(deployment.id, schedule.id, active=True, schedule=minutely)


def test_a_server_that_runs_already(house: House) -> None:
    """Where PREFECT_API_URL is set no server is started; deployments are as people have made them, saved blocks are
    told news from now on, and the server stays when this one ends.
    """
    notify = ("--notify", "outhaul-webhook/news", "--notify", "custom-webhook/news")
    with serving(house.folder, *notify, PREFECT_API_URL=f"{house.served.url}/api") as second:
        assert f"  UI           {house.served.url}\n" in second.said
        assert "  deployments  as they were\n" in second.said
        assert second.end(signal.SIGINT) == 0
    with get_client(sync_client=True) as client:
        (schedule,) = client.read_deployment_by_name("export/nightly").schedules
        assert schedule.active
        names = {one.name for one in client.read_automations()}
        assert {f"Outhaul: news of exports to {kind}/news" for kind in ("outhaul-webhook", "custom-webhook")} <= names
        limit = client.read_global_concurrency_limit_by_name(limit_name(IdahSource.load("production")))
        assert limit.limit == 2


def test_a_block_that_cannot_be_told_news(house: House) -> None:
    """It is refused in a sentence before anything is served."""
    environment = of_its_own(house.folder, PREFECT_API_URL=f"{house.served.url}/api")
    for slug, said in (("outhaul-target/nightly", "cannot be told anything"), ("slack-webhook/none", "no saved block")):
        refused = subprocess.run(
            [OUTHAUL, "serve", "--notify", slug], env=environment, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 2
        assert said in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def post(house: House, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{house.served.webhooks_port}/webhooks", data=body, headers=dict(headers)
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())["message"]
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["message"]


def completed(house: House, **data: str) -> bytes:
    told = {"source": "idah/production", "dataset": house.sandbox.store.datasets[0].id, **data}
    return json.dumps({"type": "dataset.completed", "data": told}).encode()


def test_a_webhook_starts_an_export(house: House) -> None:
    """Signed, with the old secret or the new one, from now, and new: the dataset is exported, once. What is signed
    wrongly, comes again, is old, too large or about something else starts nothing.
    """
    body, now = completed(house), int(time.time())
    good = sign(read_secret(NEW), "msg_1", now, body)
    assert post(house, body, {**good, "webhook-signature": "v1,AAAA"})[0] == 401
    assert post(house, body + b" ", good)[0] == 401
    assert post(house, body, sign(read_secret(NEWS), "msg_2", now, body))[0] == 401
    assert post(house, body, sign(read_secret(NEW), "msg_3", now - 301, body))[0] == 401
    assert post(house, body, {})[0] == 401
    large = body.ljust(MOST_BYTES + 1)
    assert post(house, large, sign(read_secret(NEW), "msg_4", now, large))[0] == 413
    for other in (b"{}", b"[" * 10_000, completed(house, source="s3-bucket/x"), completed(house, dataset="")):
        assert post(house, other, sign(read_secret(NEW), f"msg_{hash(other)}", now, other))[0] == 422

    assert post(house, body, good) == (202, "Taken.")
    assert post(house, body, good) == (200, "This message has been taken already.")
    with get_client(sync_client=True) as client:
        (run,) = wait_for(lambda: runs(client, "export/on-completed"), 300)
        assert run.state.name == "Completed", run.state.message
        assert run.parameters["datasets"] == [house.sandbox.store.datasets[0].id]
        (receipt,) = [one for one in house.delivered("*") if list(one.parent.glob("*.zip"))]
        assert verify(Storage(str(receipt.parent))).problems == ()
        assert post(house, body, good)[0] == 200
        again = completed(house)
        assert post(house, again, sign(read_secret(OLD), "msg_5", int(time.time()), again))[0] == 202
        wait_for(lambda: len(runs(client, "export/on-completed")) == 2, 300)
        assert DEMO_API_KEY not in str([one.parameters for one in runs(client, "export/on-completed")])
    news = wait_for(lambda: [one for one in house.told(DELIVERED) if str(run.id) in str(one.records)], 300)
    told = news[0].records[0]["data"]
    assert told["export_id"] == receipt.parent.name
    assert told["counts"]["entries"]["in"] == 6
    assert told["targets"][0]["url"] == str(receipt.parent)


def test_a_failing_platform_ends_in_a_notification(house: House) -> None:
    """Whoever is to be told, is: by a notification of Prefect's own and by a message we signed, with no secret."""
    parameters = {
        "source": reference("idah/broken"),
        "target": reference("outhaul-target/nightly"),
        "name": "broken",
        "exporter": {"image": {"format": "yolo"}},  # as the form has it
    }
    run = run_deployment("export/on-demand", parameters=parameters, timeout=400, poll_interval=1, as_subflow=False)
    assert isinstance(run, FlowRun)
    assert run.state
    assert run.state.name == "Failed"
    message = wait_for(lambda: house.told(FAILED), 300)[0]
    told = message.records[0]
    headers = {name.lower(): value for name, value in message.headers.items()}
    assert headers["webhook-id"].startswith("outhaul-")
    body = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
    assert check_signature([read_secret(NEWS)], headers, body, time.time()) == headers["webhook-id"]
    assert "127.0.0.1:9 cannot be reached" in told["data"]["reason"]
    assert told["data"]["run_id"] == str(run.id)
    assert told["data"]["exporter"] == "yolo"
    (plain,) = wait_for(
        lambda: [one for one in house.receiver.taken if one.path == "/plain" and "broken" in str(one.records)], 300
    )
    assert "cannot be reached" in plain.records[0]["text"]
    assert f"{house.served.url}/runs/flow-run/{run.id}" in plain.records[0]["text"]
    assert DEMO_API_KEY not in str(house.receiver.taken)
    house.seen["Failed"] = run.id


def test_a_nightly_schedule_fires_twice(house: House) -> None:
    """The first time it delivers, the second time nothing has changed, and it says so; both are Completed."""
    with get_client(sync_client=True) as client:
        wait_for(lambda: len(runs(client, "export/nightly")) >= 2, 400)
        done = sorted(runs(client, "export/nightly"), key=lambda run: run.expected_start_time)[:2]
        assert [run.state.name for run in done] == ["Completed", "Completed"], [run.state.message for run in done]
        events = [event for run in done for event in wait_for(lambda run=run: outcome(client, run.id), 60)]
        deployment = client.read_deployment_by_name("export/nightly")
        client.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=False)
    assert events == [DELIVERED, UNCHANGED]
    house.seen["Completed"] = done[1].id


def test_a_killed_run_is_told_too(house: House) -> None:
    """Its process cannot tell any more, so the worker does: that it crashed, and what to do."""
    slow = Fault("dataset/", kind="slow", times=None, drip_bytes=10, drip_seconds=0.5)
    house.sandbox.faults.append(slow)
    parameters = {
        "source": reference("idah/production"),
        "target": reference("outhaul-target/nightly"),
        "name": "killed",
        "exporter": "coco",
    }
    run = run_deployment("export/on-demand", parameters=parameters, timeout=0, as_subflow=False)
    assert isinstance(run, FlowRun)
    with get_client(sync_client=True) as client:
        # Another run may be late, and ask the platform before this one does.
        wait_for(lambda: client.read_flow_run(run.id).state_type == StateType.RUNNING and slow.hits, 300)
    mine = f"PREFECT__FLOW_RUN_ID={run.id}".encode()
    killed = []
    for pid in descendants(house.served.process.pid):
        with suppress(OSError):
            if mine in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
    assert killed
    house.sandbox.faults.clear()
    (message,) = wait_for(lambda: [one for one in house.told(FAILED) if str(run.id) in str(one.records)], 300)
    assert message.records[0]["data"]["state"] == "Crashed"
    assert "it goes on where it stood" in message.records[0]["data"]["sentence"]


def test_the_pages_of_runs_show_how_they_ended(house: House) -> None:
    """In the browser, by the address that notifications have: Completed, Failed."""
    chromium()
    with person(house.served.url, house.folder) as somebody:
        for state, run_id in house.seen.items():
            somebody.page.goto(f"{house.served.url}/runs/flow-run/{run_id}")
            assert somebody.waits_for_the_end() == state
            somebody.looks(f"run-{state.lower()}")
    assert house.seen.keys() == {"Failed", "Completed"}


def test_it_ends_with_all_that_it_has_started(house: House) -> None:
    """By SIGTERM, as by Ctrl-C: no process is left, and the ports are free."""
    assert house.served.end(signal.SIGTERM) == 0
    assert "Ending the worker and the server" in house.served.said
    for port in (house.served.port, house.served.webhooks_port):
        socket.create_server(("127.0.0.1", port)).close()


def outcome(client: SyncPrefectClient, run_id: UUID) -> list[str]:
    """The news of a run, as the server has it."""
    found = client.request(
        "POST", "/events/filter",
        json={"filter": {"event": {"prefix": ["outhaul.export."]}, "related": {"id": [f"prefect.flow-run.{run_id}"]}}},
    )  # fmt: skip
    return [one["event"] for one in found.json()["events"]]
