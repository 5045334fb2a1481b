"""Exports to blocks that a team already has."""

from __future__ import annotations

import os

import pytest

from blocks.target import Target
from blocks.workspace import Workspace
from flows.export import export
from flows.verify import verify
from tests.fakes.documents import reference, save_document
from tests.flows.ango.plugin import prefect_database
from tests.flows.harness import Exports, Platform, Run
from tests.s3_server import S3Server

KEY = os.urandom(8).hex()


@pytest.mark.usefixtures("prefect_api")
def test_a_bucket_of_the_team(outhaul: Run, platform: Platform, s3_server: S3Server) -> None:
    """`--to block:s3-bucket/NAME/FOLDER` delivers there with that block's credentials; its secret is nowhere else."""
    name = f"team-{KEY}"
    credentials = {
        "aws_access_key_id": s3_server.access_key_id,
        "aws_secret_access_key": s3_server.secret_access_key,
        "region_name": "us-east-1",
        "aws_client_parameters": {"endpoint_url": s3_server.endpoint_url},
    }
    bucket = {"bucket_name": s3_server.bucket, "bucket_folder": KEY}
    save_document(
        "s3-bucket", name, {**bucket, "credentials": reference(save_document("aws-credentials", name, credentials))}
    )
    assert not [name for name in os.environ if name.startswith("AWS_")]
    status, output, errors = outhaul(
        "export", f"idah+{platform.source.url}", "--to", f"block:s3-bucket/{name}/nightly", "--name", "street"
    )
    assert status == 0, errors
    assert f"s3://{s3_server.bucket}/{KEY}/nightly/street/" in output
    assert verify(Target(saved_block=f"s3-bucket/{name}", url="nightly/street").storage()).problems == ()
    assert s3_server.secret_access_key not in prefect_database() + output + errors


@pytest.mark.parametrize("where", ["local", "memory", "s3"])
def test_a_file_system_of_the_team(exports: Exports, platform: Platform, s3_server: S3Server, where: str) -> None:
    """A block *Remote File System* of any scheme takes an export, the same bytes as elsewhere."""
    bases: dict[str, tuple[str, dict[str, str]]] = {
        "local": (f"file://{exports.folder}/remote", {}),
        "memory": (f"memory://{KEY}", {}),
        "s3": (
            f"s3://{s3_server.bucket}/{KEY}-{where}",
            {
                "key": s3_server.access_key_id,
                "secret": s3_server.secret_access_key,
                "endpoint_url": s3_server.endpoint_url,
            },
        ),
    }
    base, settings = bases[where]
    save_document("remote-file-system", f"{where}-{KEY}", {"basepath": base, "settings": settings})
    slug = f"remote-file-system/{where}-{KEY}"
    workspace = Workspace(url=str(exports.folder / "workspace"))
    here = exports.run(platform.source, "here", media="none")
    there = export(
        source=platform.source,
        target=Target(saved_block=slug, url="out"),
        exporter="coco",
        workspace=workspace,
        media="none",
    )
    assert there.delivery.package_sha256 == here.delivery.package_sha256
    assert not there.delivery.was_there
    assert verify(Target(saved_block=slug, url=f"out/{there.plan.name}").storage()).problems == ()
