"""Blocks of other packages as they lie at a Prefect API, made there as the UI makes them: without those packages.

Every Prefect server brings the types and forms of its integrations along, so what is saved here is of the true shape.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate


def save_document(kind: str, name: str, data: dict[str, Any]) -> UUID:
    """Save a block of this kind; `{"$ref": {"block_document_id": ...}}` in the data is another one."""
    with get_client(sync_client=True) as client:
        type_id = client.read_block_type_by_slug(kind).id
        schema = client.get_most_recent_block_schema_for_block_type(type_id)
        assert schema is not None
        document = BlockDocumentCreate(name=name, data=data, block_schema_id=schema.id, block_type_id=type_id)
        return client.create_block_document(document).id


def reference(id_: UUID) -> dict[str, Any]:
    return {"$ref": {"block_document_id": str(id_)}}
