"""The webhook receiver over real HTTP. What it tells is looked at here; what comes of it, in `test_serve`."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from prefect.events import Event

from blocks.sandbox.server import serve
from blocks.webhook_signature import read_secret, sign
from deployments.local import PATH
from deployments.webhooks import COMPLETED, MOST_BYTES, Receiver, Seen

SECRET = read_secret("k" * 43 + "=")
DATASET = "019cad8f-ac00-7000-81b4-56e06326dc65"
BODY = json.dumps({"type": "dataset.completed", "data": {"source": "idah/production", "dataset": DATASET}}).encode()


@dataclass
class Door:
    """A receiver, and what it has told; with `is_down` the Prefect server takes nothing."""

    url: str = ""
    told: list[Event] = field(default_factory=list)
    is_down: bool = False

    async def emit(self, event: Event) -> None:
        if self.is_down:
            raise httpx.ConnectError("down")
        self.told.append(event)

    def post(self, message_id: str, body: bytes = BODY, secret: bytes = SECRET, ago: int = 0) -> int:
        headers = sign(secret, message_id, int(time.time()) - ago, body)
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + PATH, body, headers)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    door, seen = Door(), Seen(tmp_path / "seen.sqlite")
    with serve(Receiver([SECRET], seen, door.emit).application(), host="127.0.0.1", port=0) as door.url:
        yield door
    seen.close()


def test_a_message_is_told_once(door: Door, tmp_path: Path) -> None:
    """It is taken once, also by a receiver that was started anew; the event says which dataset of which platform."""
    assert [door.post("msg_1") for _ in range(3)] == [202, 200, 200]
    again, seen = Door(), Seen(tmp_path / "seen.sqlite")
    with serve(Receiver([SECRET], seen, again.emit).application(), host="127.0.0.1", port=0) as again.url:
        assert [again.post("msg_1"), again.post("msg_2")] == [200, 202]
    seen.close()
    (event,) = door.told
    assert event.event == COMPLETED
    assert event.payload == {"source": "idah/production", "dataset": DATASET}
    assert event.resource.id == f"outhaul.dataset.idah.production.{DATASET}"
    assert len(again.told) == 1


def test_what_is_not_right_is_not_told(door: Door) -> None:
    """Signed by somebody else, from yesterday or tomorrow, too large, or about something else."""
    assert door.post("msg_1", secret=SECRET[::-1] + b"x") == 401
    assert door.post("msg_1", ago=301) == door.post("msg_1", ago=-310) == 401
    assert door.post("msg_1", BODY.ljust(MOST_BYTES + 1)) == 413
    said = json.loads(BODY)
    for other in (
        b"", b"{}", b"[]", b"[" * 10_000, b"\xff", json.dumps({**said, "type": "x"}).encode(),
        json.dumps({**said, "data": {"source": "s3-bucket/x", "dataset": "x"}}).encode(),
        json.dumps({**said, "data": {"source": "idah/../x", "dataset": "x"}}).encode(),
        json.dumps({**said, "data": {"source": "idah/production", "dataset": ["x"]}}).encode(),
    ):  # fmt: skip
        assert door.post("msg_1", other) == 422
    assert not door.told
    assert door.post("msg_1") == 202  # none of those has used up the id


def test_a_server_that_is_down_is_told_later(door: Door) -> None:
    """The sender is asked to send the message again, and then it counts as new."""
    door.is_down = True
    assert door.post("msg_1") == 503
    door.is_down = False
    assert door.post("msg_1") == 202
    assert len(door.told) == 1
