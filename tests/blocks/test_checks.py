"""`check()` of every block: what was found, or what is wrong, in one sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks import http, idah_client
from blocks.ango import AngoSource
from blocks.catalog import BLOCKS
from blocks.checking import Checkable
from blocks.folder import FolderSource
from blocks.idah import IdahSource
from blocks.sandbox import ango as ango_sandbox
from blocks.sandbox import idah as idah_sandbox
from blocks.signing import SigningKey
from blocks.target import Target
from blocks.upd import UpdSource
from blocks.workspace import Workspace
from exporters.errors import OuthaulError
from tests.blocks.samples import coco, image, lay_out
from tests.exporters.upd.certificates import holder
from tests.fakes.stranger import stranger
from tests.fakes.upd import archived


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    idah_client._tokens.clear()


@pytest.fixture
def expired(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a server whose certificate was good until yesterday, and the file of its authority."""
    now = dt.datetime.now(dt.UTC)
    with stranger(tmp_path, begin=now - dt.timedelta(days=9), end=now - dt.timedelta(days=1)) as old:
        yield old.url, old.pem


def said(block: Checkable) -> str:
    """What is wrong with it."""
    with pytest.raises(OuthaulError) as caught:
        block.check()
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_every_block_can_be_checked() -> None:
    for block in BLOCKS:
        assert isinstance(block.model_construct(), Checkable)


def test_a_platform() -> None:
    """It says what this account may read; a wrong key, no key and one that may read nothing are told apart."""
    with idah_sandbox.IdahSandbox(entries=2, datasets=7).serve() as url:
        found = IdahSource(url=url, api_key=SecretStr(idah_sandbox.DEMO_API_KEY)).check()
        assert found.startswith("7 datasets can be read: “Crossing")
        assert found.endswith(" and 2 more.")
        assert "refused the credentials" in said(IdahSource(url=url, api_key=SecretStr("IDAH_wrong")))
        assert "needs an API key" in said(IdahSource(url=url))


def test_a_hub() -> None:
    """Its projects are counted without looking into each."""
    sandbox = ango_sandbox.AngoSandbox(tasks=2)
    with sandbox.serve() as url:
        assert "can be read: “" in AngoSource(url=url, api_key=SecretStr(ango_sandbox.DEMO_API_KEY)).check()
        assert "refused the credentials" in said(AngoSource(url=url, api_key=SecretStr("wrong")))


def test_a_platform_that_is_not_there(expired: tuple[str, str]) -> None:
    """No such host, nobody at the port, no TLS, an expired certificate, an unknown authority: each has its words."""
    key = SecretStr("IDAH_x")
    assert "(name or service not known)" in said(IdahSource(url="https://nowhere.invalid", api_key=key))
    assert "(connection refused)" in said(IdahSource(url="http://127.0.0.1:9", api_key=key))
    url, bundle = expired
    assert "(certificate has expired)" in said(IdahSource(url=url, api_key=key, ca_bundle=bundle))
    with idah_sandbox.IdahSandbox(entries=1).serve() as plain:
        assert "does not speak TLS" in said(IdahSource(url=plain.replace("http:", "https:"), api_key=key))


def test_files(tmp_path: Path) -> None:
    """A folder and a UPD file say what is in them, or that they are not there."""
    lay_out(tmp_path / "set", {"annotations/instances.json": coco(image(1, "a.jpg"))})
    assert FolderSource(url=str(tmp_path / "set")).check() == "1 dataset can be read: “set”."
    assert "does not exist" in said(FolderSource(url=str(tmp_path / "nowhere")))
    archived(tmp_path / "x.upd")
    assert "can be read: “" in UpdSource(url=str(tmp_path / "x.upd")).check()
    assert "is no file" in said(UpdSource(url=str(tmp_path / "y.upd")))


@pytest.mark.parametrize("kind", [Target, Workspace])
def test_places(kind: type[Target | Workspace], tmp_path: Path, s3: str) -> None:
    """A place says that it can be written to, and keeps nothing of the trial; or why it cannot."""
    place = tmp_path / "a" / "b"
    assert f"{place} can be written to" in kind(url=str(place)).check()
    assert list(tmp_path.iterdir()) == []
    assert f"{s3} can be written to" in kind(url=s3).check()
    refusal = said(kind(url="/dev/null/x"))
    assert "cannot be used: a file lies where a folder" in refusal
    assert refusal.startswith("Nothing can be delivered there" if kind is Target else "No export can work there")
    assert "Protocol not known" in said(kind(url="nope://x"))


def test_a_bucket_that_is_not_ours(s3: str) -> None:
    """Wrong keys are named, and not repeated."""
    wrong = said(Target(url=s3, access_key_id="someone", secret_access_key=SecretStr("canary")))
    assert f"{s3} may not be read or written" in wrong
    assert "canary" not in wrong


def test_a_signing_key() -> None:
    """A key that is none, one of another certificate, and one whose certificate has run out are told apart."""
    me, other = holder("me"), holder("other")
    old = holder("old", begin=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), end=dt.datetime(2021, 1, 1, tzinfo=dt.UTC))

    def block(key: str, certificate: str) -> SigningKey:
        return SigningKey(private_key=SecretStr(key), certificate=certificate)

    assert block(me.key_pem().decode(), me.pem.decode()).check().startswith("Signs as CN=me, until ")
    assert "cannot be read" in said(block("x", me.pem.decode()))
    assert "belongs to another key" in said(block(me.key_pem().decode(), other.pem.decode()))
    assert "is valid from 2020-01-01T00:00:00Z to 2021-01-01T00:00:00Z, and not now" in said(
        block(old.key_pem().decode(), old.pem.decode())
    )
