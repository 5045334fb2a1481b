"""The notify flow: news of an export to whoever has a saved webhook, by a message that is signed.

Automations run it, since the Prefect server signs nothing. A message keeps its id however often it is sent.
"""

from __future__ import annotations

from typing import Any

import orjson
from prefect import flow, task
from pydantic import Field

from blocks.webhook import Webhook
from flows.policy import is_retriable


# Beyond the short tries of a single message: after half a minute, five minutes, half an hour.
@task(
    name="send", task_run_name="send", retries=3, retry_delay_seconds=[30, 300, 1800], retry_condition_fn=is_retriable
)
def send(webhook: Webhook, message_id: str, message: dict[str, Any]) -> None:
    webhook.send(message_id, orjson.dumps(message))


@flow(name="notify", flow_run_name="{event}")
def notify(
    webhook: Webhook,
    event: str = Field(default="outhaul.test", description="What happened, such as outhaul.export.delivered."),
    message_id: str = Field(default="outhaul-test", description="The same for the same news: twice can be told."),
    occurred: str = Field(default="", description="When, by the Prefect server's clock."),
    payload: dict[str, Any] = Field(default={}, description="The facts."),
) -> None:
    """Tell a saved webhook what happened, by a signed message."""
    send(webhook, message_id, {"type": event, "timestamp": occurred, "data": payload})
