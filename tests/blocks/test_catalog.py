"""Texts on the command line that name sources, targets and workspaces."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blocks.catalog import BLOCKS, SOURCES, find_source, find_target, find_workspace
from blocks.folder import FolderSource
from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.s3_target import S3Target
from blocks.source import find_dataset, parse_where
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import RequestError
from tests.fakes.datasets import dataset

SECRETS = {
    "OUTHAUL_API_KEY": "canary-key",
    "OUTHAUL_EMAIL": "someone@example.org",
    "OUTHAUL_PASSWORD": "canary-password",
}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_platform_by_its_address(scheme: str) -> None:
    """A platform's address names it; its secrets come from the environment."""
    source = find_source(f"idah+{scheme}://idah.example.org:8443/base", SECRETS)
    assert isinstance(source, IdahSource)
    assert source.url == f"{scheme}://idah.example.org:8443/base"
    assert source.api_key.get_secret_value() == "canary-key"
    assert (source.email, source.password.get_secret_value()) == ("someone@example.org", "canary-password")
    assert "canary" not in repr(source) + str(source) + source.model_dump_json()


def test_without_secrets_in_the_environment() -> None:
    """An environment without secrets gives a source without: it says so when it is used."""
    source = find_source("idah+https://idah.example.org", {})
    assert isinstance(source, IdahSource)
    assert source.api_key.get_secret_value() == source.password.get_secret_value() == source.email == ""
    with pytest.raises(RequestError, match="OUTHAUL_API_KEY"):
        source.catalog()


def test_the_environment_is_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise the environment is the one of this process, as it is now."""
    monkeypatch.setenv("OUTHAUL_API_KEY", "now")
    source = find_source("idah+https://idah.example.org")
    assert isinstance(source, IdahSource)
    assert source.api_key.get_secret_value() == "now"


@pytest.mark.parametrize(
    ("value", "verify"),
    [(None, True), ("true", True), ("1", True), ("", True), ("0", False), ("false", False), ("No", False)],
)
def test_verification_is_on_unless_switched_off(value: str | None, verify: bool) -> None:
    """Certificates are verified unless the environment says no in so many words; a CA bundle is taken from there."""
    environment = {"OUTHAUL_CA_BUNDLE": "/ca.pem"} | ({} if value is None else {"OUTHAUL_VERIFY_SSL": value})
    source = find_source("idah+https://idah.example.org", environment)
    assert isinstance(source, IdahSource)
    assert (source.verify_ssl, source.ca_bundle) == (verify, "/ca.pem")


@pytest.mark.parametrize(
    "text",
    ["idah+https://someone:canary@idah.example.org", "idah+http://canary@idah.example.org/x", "idah+https://:canary@h"],
)
def test_a_secret_in_an_address_is_refused(text: str) -> None:
    """A password in the address is refused, saying where it belongs, and is not repeated."""
    with pytest.raises(RequestError, match="OUTHAUL_API_KEY") as caught:
        find_source(text, {})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["folder:sftp://someone:canary@host/x", "folder:ftp://someone:canary@host/x"])
def test_a_secret_in_the_address_of_a_folder_is_refused(text: str) -> None:
    """The same holds for folders: everyone on this machine sees a command line."""
    with pytest.raises(RequestError) as caught:
        find_source(text, {})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["sftp://someone:canary@host/x", "https://someone:can/ary@host/x"])
def test_a_secret_in_the_address_of_a_target_is_refused(text: str) -> None:
    """The same holds for targets and workspaces."""
    for find in (find_target, find_workspace):
        with pytest.raises(RequestError, match="options of a saved block") as caught:
            find(text)
        assert "canary" not in str(caught.value)


def test_a_user_name_in_an_address_is_no_secret() -> None:
    """A user name without a password may stand in an address."""
    text = "sftp://bob@host/x"
    assert find_source(f"folder:{text}", {}).url == find_target(text).url == find_workspace(text).url == text


@pytest.mark.parametrize(
    "text",
    ["", "idah", "idah/", "/", "https://idah.example.org", "idah+", "idah+ftp://x", "idah://x", "folder:", "folder",
     "nonsense/name", "block:", "block:nonsense/name", "outhaul-target/nightly", "/some/path"],
)  # fmt: skip
def test_what_names_no_source(text: str) -> None:
    """A text that names no source is refused with the forms there are."""
    with pytest.raises(RequestError, match=r"names no source; give .*idah/production.*folder:PATH"):
        find_source(text, {})


@pytest.mark.parametrize("text", ["idah+https://", "idah+http:///path", "idah+https://?x"])
def test_an_address_without_a_host(text: str) -> None:
    """An address without a host is refused, at the latest when it is used."""
    with pytest.raises(RequestError):
        find_source(text, SECRETS).catalog()


def test_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths and `~` mean what they mean here and now: tasks may run in another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for text, expected in (("a/b", tmp_path / "a/b"), ("../c", tmp_path.parent / "c"), ("~/d", tmp_path / "home/d")):
        source = find_source(f"folder:{text}", {})
        assert isinstance(source, FolderSource)
        assert source.url == find_target(text).url == find_workspace(text).url == str(expected)


@pytest.mark.parametrize("url", ["s3://bucket/folder", "memory://x", "file:///x", "gs://bucket/a b"])
def test_addresses_stay_as_they_are(url: str) -> None:
    """A URL is passed on untouched."""
    source = find_source(f"folder:{url}", {})
    assert isinstance(source, FolderSource)
    assert source.url == find_target(url).url == find_workspace(url).url == url


def test_no_workspace_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name the workspace is the default one."""
    monkeypatch.setenv("OUTHAUL_WORKSPACE", "memory://shared")
    assert find_workspace("").url == "memory://shared"


def test_every_block_is_in_the_catalog() -> None:
    """The catalog has each source, the target and the workspace, under slugs of their own."""
    assert set(SOURCES) < set(BLOCKS)
    assert {Target, Workspace} < set(BLOCKS)
    assert len({block.get_block_type_slug() for block in BLOCKS}) == len(BLOCKS)
    assert len({block.get_block_type_name() for block in BLOCKS}) == len(BLOCKS)


# Filters and datasets


def test_filters_are_read() -> None:
    """Filters are `name=value`; a value may have any letters, `__in` takes several with commas between."""
    texts = ["status=completed", "name=a=b,c", "wf_step__in=done,review", "status=errored", "empty="]
    assert parse_where(texts) == {
        "status": ["completed", "errored"],
        "name": ["a=b,c"],
        "wf_step__in": ["done", "review"],
        "empty": [""],
    }
    assert parse_where([]) == {}


@pytest.mark.parametrize("text", ["", "status", "=completed"])
def test_filters_that_are_none(text: str) -> None:
    """What is no filter is refused with the form it should have."""
    with pytest.raises(RequestError, match="name=value"):
        parse_where([text])


def test_datasets_are_found() -> None:
    """An id comes before a name; a name must be the only one; near misses are suggested."""
    catalog = [
        dataset("d1", name="d2"),
        dataset("d2", name="Crossing"),
        dataset("d3", name="Twin"),
        dataset("d4", name="Twin"),
    ]
    assert find_dataset(catalog, "d2", "here") is catalog[1]
    assert find_dataset(catalog, "Crossing", "here") is catalog[1]
    with pytest.raises(RequestError, match="2 datasets in here are called 'Twin'; say which by id: d3, d4"):
        find_dataset(catalog, "Twin", "here")
    with pytest.raises(RequestError, match="no dataset 'Crosing' in here; did you mean 'Crossing'"):
        find_dataset(catalog, "Crosing", "here")
    with pytest.raises(RequestError, match="it has none at all"):
        find_dataset([], "x", "here")


# Saved blocks


@pytest.mark.usefixtures("prefect_api")
def test_saved_blocks_are_found() -> None:
    """A saved block is found by its kind and name, with the secrets it was saved with."""
    name = f"test-{os.urandom(4).hex()}"
    IdahSource(url="https://idah.example.org", api_key="canary-key").save(name)  # type: ignore[arg-type]
    FolderSource(url="s3://bucket/coco").save(name)
    Target(url="s3://bucket/exports").save(name)
    Workspace(url="s3://bucket/workspace").save(name)
    for text in (f"idah/{name}", f"block:idah/{name}"):
        source = find_source(text, {})
        assert isinstance(source, IdahSource)
        assert source.api_key.get_secret_value() == "canary-key"
    folder = find_source(f"folder/{name}", {})
    assert isinstance(folder, FolderSource)
    assert folder.url == "s3://bucket/coco"
    assert find_target(f"block:{name}").url == find_target(f"block:outhaul-target/{name}").url == "s3://bucket/exports"
    for text in (f"block:{name}", f"block:outhaul-workspace/{name}"):
        assert find_workspace(text).url == "s3://bucket/workspace"


@pytest.mark.usefixtures("prefect_api")
def test_a_saved_target_goes_by_its_name_whatever_its_kind() -> None:
    """A name alone means the only target of it; one that takes any URL goes first, others have to be told apart."""
    name = f"test-{os.urandom(4).hex()}"
    HttpTarget(url="https://api.example.org/{entry}").save(name)
    assert isinstance(find_target(f"block:{name}"), HttpTarget)
    S3Target(bucket="exports").save(name)
    with pytest.raises(RequestError, match=f"say which: block:outhaul-.*/{name} or block:outhaul-.*/{name}"):
        find_target(f"block:{name}")
    Target(url="s3://bucket/exports").save(name)
    assert isinstance(find_target(f"block:{name}"), Target)


@pytest.mark.usefixtures("prefect_api")
def test_what_is_saved_lies_at_a_whole_path() -> None:
    """A worker's run stands in a folder that goes with it: what would be delivered there is refused before."""
    name = f"test-{os.urandom(4).hex()}"
    assert Target(url="out").storage().shown == "out"
    Target(url="out").save(name)
    Workspace(url="work").save(name)
    with pytest.raises(RequestError, match=rf"The saved target {name} has the path “out”, .*; give a whole one"):
        find_target(f"block:{name}").check_writable()
    with pytest.raises(RequestError, match=rf"The saved workspace {name} has the path “work”, .*; give a whole one"):
        find_workspace(f"block:{name}").open()


@pytest.mark.usefixtures("prefect_api")
def test_saved_blocks_that_do_not_exist() -> None:
    """A block that nobody saved is refused by its name."""
    with pytest.raises(RequestError, match="There is no saved block idah/nobody"):
        find_source("idah/nobody", {})
    with pytest.raises(RequestError, match="There is no saved block outhaul-target/nobody"):
        find_target("block:nobody")
    with pytest.raises(RequestError, match="There is no saved block outhaul-workspace/nobody"):
        find_workspace("block:nobody")
    for text in ("block:", "block:idah/x"):
        with pytest.raises(RequestError):
            find_target(text)
    with pytest.raises(RequestError, match=r"There is no kind of target 'outhaul-targets'.*did you mean 'outhaul-tar"):
        find_target("block:outhaul-targets/nightly")
