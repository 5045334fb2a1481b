"""Automations as code: news of exports to saved notification blocks, and to saved webhooks.

What starts an export when a dataset is completed stands with its deployment, in `prefect.yaml`. An automation that is
there already stays as people have made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect.automations import AutomationCore, EventTrigger, RunDeployment, SendNotification
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound

from blocks.webhook import Webhook
from exporters.errors import RequestError
from flows.events import DELIVERED, FAILED, RESOURCE

WEBHOOK = Webhook.get_block_type_slug()
NOTIFY = "notify/notify"
"""The deployment that signs messages."""
SUBJECT = "Outhaul: {{ event.payload.name }}"
BODY = "{{ event.payload.sentence }}\n\n{{ flow_run | ui_url }}"


def automation_name(slug: str) -> str:
    return f"Outhaul: news of exports to {slug}"


def find_told(client: SyncPrefectClient, slugs: Sequence[str]) -> dict[str, BlockDocument]:
    """The saved blocks `KIND/NAME` that are to be told.

    Raises:
        RequestError: there is no such block, or it is not one that can be told anything.
    """
    return {slug: _find(client, slug) for slug in slugs}


def make_automations(client: SyncPrefectClient, told: Mapping[str, BlockDocument]) -> None:
    """Have them told what was delivered and what failed."""
    for slug, block in told.items():
        if not client.read_automations_by_name(automation_name(slug)):
            client.create_automation(_automation(slug, _action(client, slug, block)))


def _automation(slug: str, action: RunDeployment | SendNotification) -> AutomationCore:
    trigger = EventTrigger(match={"prefect.resource.id": f"{RESOURCE}.*"}, expect={DELIVERED, FAILED})
    return AutomationCore(
        name=automation_name(slug),
        description="What was delivered, and what failed; made by outhaul serve, and yours to change.",
        trigger=trigger,
        actions=[action],
    )


def _find(client: SyncPrefectClient, slug: str) -> BlockDocument:
    kind, _, name = slug.partition("/")
    try:
        block = client.read_block_document_by_name(name, kind, include_secrets=False)
    except ObjectNotFound:
        raise RequestError(
            f"There is no saved block {slug} to be told of exports; make one in the Prefect UI under Blocks, or see "
            f"`prefect block ls`."
        ) from None
    capabilities = block.block_schema.capabilities if block.block_schema else []
    if kind != WEBHOOK and "notify" not in capabilities:
        raise RequestError(
            f"The saved block {slug} cannot be told anything; give one such as slack-webhook/NAME, "
            f"sendgrid-email/NAME or {WEBHOOK}/NAME."
        )
    return block


def _action(client: SyncPrefectClient, slug: str, block: BlockDocument) -> RunDeployment | SendNotification:
    if slug.startswith(f"{WEBHOOK}/"):
        deployment = client.read_deployment_by_name(NOTIFY)
        return RunDeployment(deployment_id=deployment.id, parameters=_message(str(block.id)))
    return SendNotification(block_document_id=block.id, subject=SUBJECT, body=BODY)


def _message(block_id: str) -> dict[str, Any]:
    """Parameters of the notify flow, filled in by the Prefect server when the event comes."""
    return {
        "webhook": {"$ref": {"block_document_id": block_id}},
        "event": "{{ event.event }}",
        "message_id": "outhaul-{{ event.id }}",
        "occurred": "{{ event.occurred | string }}",
        "payload": "{{ event.payload }}",
    }
