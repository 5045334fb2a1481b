"""Every block Outhaul has, and how a text on the command line names one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, ValidationError

from blocks.ango import AngoSource
from blocks.existing import KINDS, split_existing
from blocks.folder import FolderSource
from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.s3_target import S3Target
from blocks.saved import load_saved, saved_names
from blocks.signing import SigningKey
from blocks.source import Source
from blocks.target import Target
from blocks.upd import UpdSource
from blocks.urls import expanded, refuse_credentials
from blocks.webhook import Webhook
from blocks.workspace import Workspace
from exporters.errors import NoSourceError, RequestError, unknown_name
from exporters.validation import wrong_values

# A title here is what a tab of the run form is called; one at the class would hide it from the server's check.
AnySource = (
    Annotated[IdahSource, Field(title="IDAH")]
    | Annotated[AngoSource, Field(title="Ango Hub")]
    | Annotated[FolderSource, Field(title="Folder")]
    | Annotated[UpdSource, Field(title="UPD")]
)
SOURCES: tuple[type[AnySource], ...] = (IdahSource, AngoSource, FolderSource, UpdSource)
AnyTarget = (
    Annotated[Target, Field(title="Anywhere")]
    | Annotated[S3Target, Field(title="S3")]
    | Annotated[HttpTarget, Field(title="HTTP API")]
)
TARGETS: tuple[type[AnyTarget], ...] = (Target, S3Target, HttpTarget)
BLOCKS: tuple[type[Block], ...] = (*SOURCES, *TARGETS, Workspace, SigningKey, Webhook)

SOURCE_FORMS = "a saved block (idah/production), idah+https://HOST, ango+https://HOST, folder:PATH or upd:FILE"
FROM_ENVIRONMENT = (
    *("api_key", "email", "password", "ca_bundle", "verify_ssl", "proxy"),
    *("connections", "timeout_seconds", "export_timeout_seconds", "allow_partial", "entry_link"),
)
PLATFORMS: Mapping[str, type[IdahSource | AngoSource]] = {"idah+": IdahSource, "ango+": AngoSource}
"""By what stands in front of their addresses."""
SAVED = "block:"
"""Marks a saved block where a URL could stand too: `--to block:nightly`."""


def find_source(text: str, environment: Mapping[str, str] = os.environ) -> AnySource:
    """The source that SOURCE names. Secrets of a URL come from the environment, never from the text.

    Raises:
        RequestError: there is no such source.
    """
    if text.startswith("folder:"):
        refuse_credentials(text.removeprefix("folder:"))
        return FolderSource(url=_without(text, "folder:"), query=_query(environment))
    if text.startswith("upd:"):
        refuse_credentials(text.removeprefix("upd:"))
        return UpdSource(url=_without(text, "upd:"), query=_query(environment), media_hosts=_media_hosts(environment))
    for prefix, platform in PLATFORMS.items():
        if text.startswith((f"{prefix}http://", f"{prefix}https://")):
            url = _without(text, prefix)
            if "@" in url.split("/")[2]:
                raise RequestError(
                    "A secret in a URL is seen by everyone on this machine; "
                    "take it out and set OUTHAUL_API_KEY instead."
                )
            return _from_environment(platform, url, environment)
    slug = text.removeprefix(SAVED)
    kind, slash, name = slug.partition("/")
    by_kind: dict[str, type[AnySource]] = {source.get_block_type_slug(): source for source in SOURCES}
    if kind in by_kind and slash and name:
        found: AnySource = load_saved(by_kind[kind], name)
        return found
    raise NoSourceError(f"{text!r} names no source; give {SOURCE_FORMS}.")


def is_saved_source(text: str) -> bool:
    """Whether SOURCE is a saved block, which the Prefect API has to be asked for."""
    kind, _, name = text.removeprefix(SAVED).partition("/")
    return bool(name) and kind in {source.get_block_type_slug() for source in SOURCES}


def _from_environment(
    platform: type[IdahSource | AngoSource], url: str, environment: Mapping[str, str]
) -> IdahSource | AngoSource:
    """The platform at this address, with every field of its block that a variable `OUTHAUL_<FIELD>` gives."""
    fields = [name for name in FROM_ENVIRONMENT if name in platform.model_fields]
    given: dict[str, Any] = {name: environment.get(f"OUTHAUL_{name.upper()}", "") for name in fields}
    if "media_hosts" in platform.model_fields:
        given["media_hosts"] = _media_hosts(environment)
    try:
        return platform(url=url, **{name: value for name, value in given.items() if value})
    except ValidationError as error:
        secrets = ("api_key", "password", "proxy")
        raise RequestError(
            f"The OUTHAUL_... variables of the environment do not take {wrong_values(error, secrets)}; correct them."
        ) from None


def _query(environment: Mapping[str, str]) -> SecretStr:
    return SecretStr(environment.get("OUTHAUL_QUERY", ""))


def _media_hosts(environment: Mapping[str, str]) -> list[str]:
    return [host.strip() for host in environment.get("OUTHAUL_MEDIA_HOSTS", "").split(",") if host.strip()]


def find_target(text: str) -> AnyTarget:
    """The target that `--to` names: a URL, a path, or a saved one.

    `block:NAME` is one of the kind that takes any URL, or else the one of another kind that is called so; a block of
    Prefect's own or of an integration goes by its kind, and may have a folder behind it, `block:s3-bucket/NAME/FOLDER`.

    Raises:
        RequestError: there is no such block, or there are several, or the URL holds a password.
    """
    if not text.strip():
        raise RequestError("--to is empty; give a path, a URL, or block:NAME.")
    if text.startswith(SAVED):
        if existing := split_existing(text.removeprefix(SAVED)):
            return Target(saved_block=existing[0], url=existing[1])
        kind, slash, name = text.removeprefix(SAVED).rpartition("/")
        by_kind: dict[str, type[AnyTarget]] = {one.get_block_type_slug(): one for one in TARGETS}
        if slash and kind not in by_kind:
            raise unknown_name("kind of target", kind, [*by_kind, *KINDS], where="saved blocks")
        target: AnyTarget = load_saved(by_kind[kind] if slash else _kind_of(name), name)
        return target
    refuse_credentials(text)
    return Target(url=expanded(text))


def _kind_of(name: str) -> type[AnyTarget]:
    """The kind that a saved target's name alone means."""
    if name in saved_names(Target.get_block_type_slug()):
        return Target
    kinds = [kind for kind in TARGETS if name in saved_names(kind.get_block_type_slug())]
    if len(kinds) > 1:
        known = " or ".join(f"{SAVED}{kind.get_block_type_slug()}/{name}" for kind in kinds)
        raise RequestError(f"{len(kinds)} saved targets are called {name!r}; say which: {known}.")
    return kinds[0] if kinds else Target


def find_workspace(text: str) -> Workspace:
    """The workspace that `--workspace` names: a URL, a path, `block:NAME`, or nothing for the default one.

    Raises:
        RequestError: there is no such block, or the URL holds a password.
    """
    if text.startswith(SAVED):
        saved: Workspace = load_saved(Workspace, text.removeprefix(SAVED).removeprefix("outhaul-workspace/"))
        return saved
    refuse_credentials(text)
    return Workspace(url=expanded(text)) if text else Workspace()


def _without(text: str, prefix: str) -> str:
    rest = text.removeprefix(prefix)
    if not rest:
        raise NoSourceError(f"{text!r} names no source; give {SOURCE_FORMS}.")
    return expanded(rest)


__all__ = ["BLOCKS", "AnySource", "AnyTarget", "Source", "find_source", "find_target", "find_workspace"]
