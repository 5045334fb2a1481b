"""A secret is in the request that logs in, and nowhere else: whatever it opens, and whatever goes wrong."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.sandbox.ango import DEMO_API_KEY as ANGO_API_KEY
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.storage import Storage
from tests.blocks.ango.hub import Hub, serving
from tests.blocks.samples import coco, image, pack, picture_bytes
from tests.exporters.upd.certificates import holder
from tests.fakes.receiver import Receiver, Trouble, receiving
from tests.flows.canaries import Ran, everything, run
from tests.flows.harness import Platform
from tests.s3_server import S3Server
from tests.servers import PASSWORD, FileServer


def test_secrets_are_nowhere_when_a_run_breaks_off(platform: Platform, tmp_path: Path, s3_server: S3Server) -> None:
    """Not in Prefect's database, results or logs, not in the workspace or the output."""
    platform.sandbox.faults.append(Fault(r"medias/files/", status=403, times=None, after=2))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "OUTHAUL_API_KEY": DEMO_API_KEY,
        "OUTHAUL_WORKSPACE": str(tmp_path / "work"),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        **s3_server.environment,
    }
    command = [str(Path(sys.executable).with_name("outhaul")), "export", f"idah+{platform.source.url}"]
    done = subprocess.run(
        [*command, "--to", f"s3://{s3_server.bucket}/{tmp_path.name}"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    assert (tmp_path / "prefect" / "prefect.db").stat().st_size > 100_000
    searched = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    searched |= {"standard output": done.stdout, "standard error": done.stderr}
    for secret in (DEMO_API_KEY, s3_server.secret_access_key):
        assert [name for name, data in searched.items() if secret.encode() in data] == []


WORD = "c4n4ry"
CANARIES = {
    name: f"{WORD}-{os.urandom(8).hex()}"
    for name in ("ANGO", "PASSWORD", "PROXY", "S3", "TOKEN", "BEARER", "BASIC", "HEADER", "LINK", "QUERY", "PASSPHRASE")
} | {"IDAH": f"IDAH_{WORD}{os.urandom(29).hex()}", "WEBHOOK": WORD * 6 + "AAA="}
"""Secrets of each kind, which let nobody in."""
SIGNATURE = re.compile(rb"X-Amz-Signature(=|%3D|\\u003d)[0-9a-fA-F]{8}")


@dataclass
class Scene:
    """Platforms and targets, some of which let us in, and all that processes leave behind."""

    folder: Path
    platform: Platform
    hub: Hub
    receiver: Receiver
    s3: S3Server
    servers: dict[str, FileServer]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OUTHAUL_"))}
        made = {"OUTHAUL_WORKSPACE": "work", "PREFECT_HOME": "prefect", "TMPDIR": "tmp"}
        folders = {name: str(self.folder / "made" / folder) for name, folder in made.items()}
        return {
            **kept, **folders, **self.s3.environment,
            "OUTHAUL_API_KEY": DEMO_API_KEY,
            "OUTHAUL_DEBUG": "1",
            "OUTHAUL_PLUGINS": str(self.folder / "plugins"),
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        }  # fmt: skip

    def secret(self, text: str) -> dict[str, str]:
        """A value of a block that lies in a file of its own."""
        path = self.folder / f"secret-{hashlib.sha256(text.encode()).hexdigest()}"
        path.write_text(text)
        return {"from_file": str(path)}

    def blocks(self) -> dict[str, dict[str, Any]]:
        """Fields of blocks, by kind and name."""
        idah, hub, api, nobody = self.platform.source.url, self.hub.url, self.receiver.url, "http://127.0.0.1:9"
        secrets = {name: self.secret(value) for name, value in CANARIES.items()}
        proxy = {"proxy": self.secret(f"http://me:{CANARIES['PROXY']}@127.0.0.1:9")}
        bucket = {"bucket": self.s3.bucket, "access_key_id": "testkey", "secret_access_key": secrets["S3"]}
        bearer = {"auth": "bearer", "secret": secrets["BEARER"]}
        found = {
            "idah/wrong": {"url": idah, "api_key": secrets["IDAH"]},
            "idah/password": {"url": idah, "email": "a@example.org", "password": secrets["PASSWORD"]},
            "idah/away": {"url": nobody, "api_key": secrets["IDAH"]},
            "idah/proxied": {"url": "https://idah.invalid", "api_key": secrets["IDAH"], **proxy},
            "ango/right": {"url": hub, "api_key": self.secret(ANGO_API_KEY)},
            "ango/wrong": {"url": hub, "api_key": secrets["ANGO"]},
            "outhaul-s3-target/wrong": {**bucket, "endpoint_url": self.s3.endpoint_url},
            "outhaul-s3-target/lent": {**bucket, "endpoint_url": nobody, "session_token": secrets["TOKEN"]},
            "outhaul-http-target/bearer": {"url": f"{api}/taken/{{entry}}", "refused": "set aside", **bearer},
            "outhaul-http-target/query": {
                "url": f"{api}/asked/{{entry}}", "query": self.secret(f"key={CANARIES['QUERY']}"),
                "refused": "set aside",
            },
            "outhaul-http-target/basic": {
                "url": f"{api}/basic", "auth": "basic", "user": "me", "secret": secrets["BASIC"],
            },
            "outhaul-http-target/header": {
                "url": f"{nobody}/x", "auth": "header", "secret": secrets["HEADER"],
            },
            "outhaul-http-target/proxied": {"url": "https://api.invalid/x", **bearer, **proxy},
            "outhaul-webhook/wrong": {
                "url": f"{api}/hook", "secret": secrets["WEBHOOK"],
                "query": self.secret(f"token={CANARIES['QUERY']}"),
            },
            "outhaul-signing-key/release": {
                "private_key": {"from_file": "key.pem"}, "certificate": {"from_file": "certificate.pem"},
                "passphrase": secrets["PASSPHRASE"],
            },
        }  # fmt: skip
        found["folder/presigned"] = self.presigned()
        for kind in ("folder", "upd"):
            signed = self.secret(f"X-Amz-Signature={CANARIES['LINK']}")
            found[f"{kind}/linked"] = {"url": f"{api}/x.zip", "query": signed}
        for name, server in self.servers.items():
            place = {"url": f"{server.url}/{self.folder.name}"}
            found[f"outhaul-target/{name}"] = {
                **place,
                "options": {**server.options, "password": self.secret(PASSWORD)},
            }
            wrong = {**server.options, "username": "me", "password": secrets["PASSWORD"]}
            found[f"outhaul-target/no-{name}"] = {**place, "options": wrong}
        return found

    def presigned(self) -> dict[str, Any]:
        """A zip behind a link that lets anybody in for ten minutes."""
        options = {"key": self.s3.access_key_id, "secret": self.s3.secret_access_key}
        bucket = Storage(
            f"s3://{self.s3.bucket}/{self.folder.name}-linked", {"endpoint_url": self.s3.endpoint_url, **options}
        )
        packed = pack(self.folder / "set.zip", {"annotations.json": coco(image()), "images/1.png": picture_bytes(1)})
        bucket.write("set.zip", [packed.read_bytes()])
        bucket.link_seconds = 600
        url, _, query = bucket.link("set.zip").partition("?")
        return {"url": url, "query": self.secret(query)}

    def places(self, ran: Ran) -> Iterator[tuple[str, bytes]]:
        """Where a secret could be, by name."""
        yield from everything(self.folder / "made")
        yield "standard output", ran.output
        yield "standard error", ran.errors
        yield from ((f"the process {one[:80]!r}", one) for one in ran.command_lines)
        yield from (("the environment of a plug-in", one) for one in ran.environments)


@pytest.fixture
def scene(tmp_path: Path, platform: Platform, s3_server: S3Server, request: pytest.FixtureRequest) -> Iterator[Scene]:
    for name in ("made/tmp", "plugins/loud"):
        (tmp_path / name).mkdir(parents=True)
    for name, text in LOUD.items():
        (tmp_path / "plugins" / "loud" / name).write_text(text)
    me = holder("me")
    (tmp_path / "key.pem").write_bytes(me.key_pem(CANARIES["PASSPHRASE"].encode()))
    (tmp_path / "certificate.pem").write_bytes(me.pem)
    servers = {name: request.getfixturevalue(f"{name}_server") for name in ("sftp", "webdav")}
    with serving(4, video_tasks=0, document_tasks=0) as hub, receiving() as receiver:
        yield Scene(tmp_path, platform, hub, receiver, s3_server, servers)


LOUD = {
    "manifest.json": '{"name": "loud", "version": "1.0.0"}',
    "sync.py": "from .export import Loud\ndef init(context):\n    context.register_exports(['image'], Loud)\n",
    "export.py": """
import os
class Loud:
    name = "loud"
    description = "Says all that it was given, and fails."
    def export(self, context):
        print(dict(os.environ), vars(context), context.options)
        raise ValueError(f"{vars(context)!r} {dict(os.environ)}")
""",
}


def test_no_secret_is_left_anywhere(scene: Scene) -> None:
    """API keys, passwords, tokens, keys that sign, of links and of proxies; of runs that deliver, are refused, find
    nobody, or crash; in logs, Prefect's database and files, the workspace unpacked, temporary files, what was
    delivered, what is printed, command lines of all processes, and what a plug-in's process is given.
    """
    scene.receiver.troubles += [
        Trouble(status=400, body=f"bad token {CANARIES['BEARER']}", about="/taken/"),
        Trouble(status=400, body=f"no key {CANARIES['QUERY']}", about="/asked/"),
        Trouble(status=401, body=CANARIES["BASIC"], about="/basic", times=None, heads=True),
        Trouble(status=401, body=CANARIES["WEBHOOK"], about="/hook", times=None),
        *(Trouble(status=403, body=CANARIES["LINK"], about="/x.", times=None, heads=heads) for heads in (True, False)),
    ]
    saved = scene.blocks()
    described = [dict(zip(("kind", "name"), slug.split("/"), strict=True), fields=saved[slug]) for slug in saved]
    (scene.folder / "blocks.yaml").write_text(yaml.safe_dump(described))
    idah, out = f"idah+{scene.platform.source.url}", str(scene.folder / "made" / "out")
    bucket, api = f"s3://{scene.s3.bucket}/{scene.folder.name}", "outhaul-http-target"
    records = ["--as", "jsonl", "--media", "none", "--no-report"]
    link = f"{scene.receiver.url}/x.zip?X-Amz-Signature={CANARIES['LINK']}"
    sources = ["idah/wrong", "ango/wrong", f"folder:{link}", "folder/linked", "upd/linked"]
    targets = [f"outhaul-target/no-{server}" for server in scene.servers]
    targets += ["outhaul-s3-target/wrong", f"{api}/header", f"{api}/proxied"]
    signed = "signing_key=block:release"
    refused = [["export", source, *records, "--to", out] for source in sources]
    refused += [["export", idah, *records, "--to", f"block:{target}"] for target in targets]
    refused += [["export", idah, "--to", f"{scheme}://me:{CANARIES['PASSWORD']}@db/x"] for scheme in ("sftp", "https")]
    refused += [["serve", "--database", f"postgresql://me:{CANARIES['PASSWORD']}@db/x"]]
    ran = run(
        [
            ["blocks", "create", str(scene.folder / "blocks.yaml")],
            ["blocks", "list"],
            ["blocks", "check", *saved],
            ["doctor", "idah/wrong", f"folder:{link}", "--to", "block:no-webdav", "--to", f"block:{api}/basic"],
            *refused,
            ["export", idah, "--as", "upd", *records[2:], "--to", "block:webdav", "--option", signed],
            ["export", "ango/right", *records[:2], "--to", f"block:{api}/bearer", "--to", bucket, "--to", out],
            ["export", "folder/presigned", *records[:2], "--to", f"block:{api}/query", "--to", out],
            ["export", idah, "--as", "loud", *records[2:], "--to", out],
        ],
        scene.environment,
    )  # fmt: skip
    places = dict(scene.places(ran))
    database = places["prefect.db, as text"]
    assert all(f'INSERT INTO "{table}"'.encode() in database for table in ("artifact", "events", "flow_run", "log"))
    assert len(ran.environments) >= 2
    good = (DEMO_API_KEY, ANGO_API_KEY, PASSWORD, scene.s3.secret_access_key, CANARIES["BEARER"])
    secrets = [WORD, *good, *(scene.folder / "key.pem").read_text().splitlines()[1:3]]
    secrets += [base64.b64encode(f"me:{CANARIES[name]}".encode()).decode() for name in ("BASIC", "PROXY")]
    assert [(secret, name) for secret in secrets for name, data in places.items() if secret.encode() in data] == []
    assert [name for name, data in places.items() if SIGNATURE.search(data)] == []
    assert ran.statuses == ["0", "0", "1", "1", *["2"] * len(refused), "0", "3", "3", "1"]
