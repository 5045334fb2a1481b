"""Whole exports to servers of files: SFTP and WebDAV get what a disk gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blocks.workspace import Workspace
from flows.export import export
from flows.verify import verify
from tests.flows.harness import Exports, Platform

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("package", ["directory", "zip"])
@pytest.mark.parametrize("kind", ["sftp", "webdav"])
def test_servers_of_files_receive_the_same_bytes(
    exports: Exports, platform: Platform, request: pytest.FixtureRequest, kind: str, package: str
) -> None:
    """Byte for byte what a disk gets, whole by the word of `verify`, and nothing is sent again for the same export."""
    server = request.getfixturevalue(f"{kind}_server")
    target, workspace = server.target(os.urandom(6).hex()), Workspace(url=str(exports.folder / "workspace"))
    exports.run(platform.source, package=package)
    first = export(source=platform.source, target=target, exporter="coco", workspace=workspace, package=package)
    second = export(
        source=platform.source, target=target, exporter="coco", workspace=workspace, package=package, full=True
    )

    top = server.folder / target.url.rpartition("/")[2]
    stored = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    names = ("receipt.json", "latest.json")
    assert {name: data for name, data in stored.items() if Path(name).name not in names} == exports.delivered()
    assert (first.delivery.was_there, second.delivery.was_there) == (False, True)
    (name,) = {path.partition("/")[0] for path in stored}
    assert verify(server.target(f"{top.name}/{name}").storage()).problems == ()
