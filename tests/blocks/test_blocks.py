"""The blocks as Prefect sees them: registered, shown as forms, saved and loaded."""

from __future__ import annotations

import json
import os
import pickle
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from prefect.client.orchestration import get_client
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from blocks.ango import AngoSource
from blocks.catalog import BLOCKS
from blocks.folder import FolderSource
from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.s3_target import S3Target
from blocks.signing import SigningKey
from blocks.target import Target
from blocks.upd import UpdSource
from blocks.webhook import Webhook
from blocks.workspace import Workspace
from tests.conformance.sources import CANARY

SAMPLES: dict[type[Block], dict[str, Any]] = {
    IdahSource: {
        "url": "https://idah.example.org",
        "api_key": SecretStr(CANARY),
        "email": "someone@example.org",
        "password": SecretStr(CANARY),
        "verify_ssl": False,
        "ca_bundle": "/ca.pem",
        "proxy": SecretStr(CANARY),
        "user_agent": "haul/1",
        "timeout_seconds": 5.5,
        "connections": 3,
        "allow_partial": True,
        "entry_link": "https://idah.example.org/{dataset}/{entry}",
    },
    AngoSource: {
        "url": "https://ango.example.org",
        "api_key": SecretStr(CANARY),
        "stages": ["Review A"],
        "export_format": "json",
        "only_key_frames": False,
        "include_history": False,
        "include_metadata": False,
        "include_idle_durations": True,
        "send_email": True,
        "notify": True,
        "verify_ssl": False,
        "ca_bundle": "/ca.pem",
        "proxy": SecretStr(CANARY),
        "user_agent": "haul/1",
        "timeout_seconds": 5.5,
        "export_timeout_seconds": 60.0,
        "connections": 3,
        "media_hosts": ["*.example.org"],
        "projects_per_page": 7,
        "entry_link": "https://ango.example.org/{dataset}/{entry}",
    },
    FolderSource: {
        "url": "s3://bucket/coco",
        "options": SecretDict({"secret": CANARY}),
        "query": SecretStr(CANARY),
        "connections": 2,
    },
    Target: {
        "url": "s3://bucket/exports",
        "saved_block": "s3-bucket/team",
        "endpoint_url": "https://s3.example.org",
        "access_key_id": "key",
        "secret_access_key": SecretStr(CANARY),
        "region": "eu-central-1",
        "options": SecretDict({"secret": CANARY}),
    },
    HttpTarget: {
        "url": "https://api.example.org/datasets/{dataset}/entries",
        "query": SecretStr(CANARY),
        "method": "PUT",
        "body": "ndjson",
        "records_per_request": 10,
        "bytes_per_request": 1000,
        "removed": "delete",
        "order": "kept",
        "auth": "basic",
        "secret": SecretStr(CANARY),
        "user": "someone",
        "header": "X-Token",
        "idempotency_header": "X-Key",
        "refused": "set aside",
        "refused_limit": 5,
        "accepted_statuses": [409],
        "attempts": 2,
        "connections": 3,
        "timeout_seconds": 5.5,
        "verify_ssl": False,
        "ca_bundle": "/ca.pem",
        "proxy": SecretStr(CANARY),
        "user_agent": "haul/1",
    },
    S3Target: {
        "bucket": "exports",
        "folder": "nightly",
        "endpoint_url": "https://s3.example.org",
        "addressing": "virtual",
        "region": "eu-central-1",
        "access_key_id": "key",
        "secret_access_key": SecretStr(CANARY),
        "session_token": SecretStr(CANARY),
        "profile": "exports",
        "role_arn": "arn:aws:iam::123456789012:role/exports",
        "external_id": "outhaul",
        "encryption": "aws:kms",
        "kms_key_id": "alias/exports",
        "storage_class": "STANDARD_IA",
        "tags": ["team=vision"],
        "acl": "private",
        "requester_pays": True,
        "link_hours": 24,
    },
    Workspace: {"url": "s3://bucket/workspace", "options": SecretDict({"secret": CANARY})},
    UpdSource: {
        "url": "s3://bucket/street.upd",
        "query": SecretStr(CANARY),
        "options": SecretDict({"secret": CANARY}),
        "follow_links": False,
        "media_hosts": ["*.example.org"],
        "connections": 2,
    },
    SigningKey: {
        "private_key": SecretStr(CANARY),
        "certificate": "-----BEGIN CERTIFICATE-----",
        "passphrase": SecretStr(CANARY),
    },
    Webhook: {
        "url": "https://ci.example.org/datasets",
        "query": SecretStr(CANARY),
        "secret": SecretStr(CANARY),
        "timeout_seconds": 5.5,
        "verify_ssl": False,
        "ca_bundle": "/ca.pem",
    },
}
"""Every field of every block, unlike its default."""


def test_every_field_has_a_sample() -> None:
    """These tests know each block of the catalog and each field of it."""
    assert set(SAMPLES) == set(BLOCKS)
    for block, values in SAMPLES.items():
        assert set(values) == set(block.model_fields)


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: str(kind.__name__))
class TestBlockStandards(BlockStandardTestSuite):
    """Prefect's own suite, but for what asks the network for a logo or a page: our blocks bring none."""

    @pytest.fixture
    def block(self, kind: type[Block]) -> type[Block]:
        return kind

    def test_has_a_documentation_url(self, block: type[Block]) -> None:
        """There is no page to send people to: the form explains itself."""
        assert block._documentation_url is None

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """There is no logo to be fetched from elsewhere."""
        assert block._logo_url is None

    def test_has_a_valid_code_example(self, block: type[Block], monkeypatch: pytest.MonkeyPatch) -> None:
        """The block's docstring has an example that runs by itself: it makes a block, saves it, and loads it again."""
        assert "Example:" in (block.__doc__ or "")
        example = block.get_code_example()
        assert example
        saved: dict[str, Block] = {}
        monkeypatch.setattr(block, "save", lambda made, name: saved.update({name: made}))
        monkeypatch.setattr(block, "load", staticmethod(saved.__getitem__))
        names: dict[str, Any] = {}
        exec(example.strip().removeprefix("```python").removesuffix("```"), names)
        (made,) = saved.values()
        assert type(made) is block
        assert made in [value for name, value in names.items() if name != "__builtins__"]


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_blocks_are_saved_and_loaded(block: type[Block]) -> None:
    """A block comes back from Prefect as it was saved, secrets too; who only looks at it sees none of them."""
    name = f"test-{os.urandom(4).hex()}"
    made = block(**SAMPLES[block])
    block.register_type_and_schema()
    made.save(name)
    loaded = block.load(name, _sync=True)  # type: ignore[call-arg]
    assert type(loaded) is block
    for field, value in SAMPLES[block].items():
        assert getattr(loaded, field) == value, field
    with get_client(sync_client=True) as client:
        slug = block.get_block_type_slug()
        shown = client.read_block_document_by_name(name, slug, include_secrets=False)
        assert CANARY not in json.dumps(shown.data)
        public = next(iter(set(shown.data) & {"url", "bucket", "certificate"}))
        assert shown.data[public] == SAMPLES[block][public]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_blocks_travel_between_processes(block: type[Block]) -> None:
    """A block that was pickled is the same block, secrets too: tasks run elsewhere."""
    made = block(**SAMPLES[block])
    travelled = pickle.loads(pickle.dumps(made))
    for field in block.model_fields:
        assert getattr(travelled, field) == getattr(made, field)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_secrets_are_masked(block: type[Block]) -> None:
    """No way of showing a block shows its secrets."""
    made = block(**SAMPLES[block])
    for shown in (repr(made), str(made), made.model_dump_json(), str(made.model_dump()), str(made.__rich_repr__())):
        assert CANARY not in shown


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.__name__))
def test_forms_have_titles_and_defaults(block: type[Block]) -> None:
    """In the form only what nobody can guess has to be filled in, and secrets are secret fields."""
    schema = block.model_json_schema()
    assert schema.get("required", []) in (["url"], ["bucket"], [], ["private_key", "certificate"], ["url", "secret"])
    secrets = {name.split(".")[0] for name in schema["secret_fields"]}
    assert secrets == {name for name, value in SAMPLES[block].items() if isinstance(value, SecretStr | SecretDict)}
    for name, field in schema["properties"].items():
        later = field["title"].split()[1:]
        assert all(word.islower() or word.isupper() for word in later), name
        assert field["description"].endswith("."), name


@pytest.mark.parametrize(
    "values",
    [{"timeout_seconds": 0}, {"timeout_seconds": -1}, {"connections": 0}, {"connections": 65}, {"verify_ssl": "maybe"}],
    ids=str,
)
def test_values_that_make_no_sense(values: dict[str, Any]) -> None:
    """A value that could not work is refused when the block is made, not when it is used."""
    with pytest.raises(ValidationError):
        IdahSource(url="https://idah.example.org", **values)
