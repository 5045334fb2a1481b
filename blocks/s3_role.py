"""Credentials of a role that is assumed with others, renewed before they expire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiobotocore.credentials import AioDeferredRefreshableCredentials
from aiobotocore.session import AioSession


def assuming(
    role_arn: str, external_id: str, profile: str, keys: Mapping[str, str], client: Mapping[str, str]
) -> AioSession:
    """A session that is this role, once it is used; `keys` or the profile's credentials say who may be it."""
    source = AioSession(profile=profile or None)

    async def assume() -> dict[str, str]:
        asked = {"RoleArn": role_arn, "RoleSessionName": "outhaul"}
        if external_id:
            asked["ExternalId"] = external_id
        async with source.create_client("sts", **keys, **client) as sts:
            found: dict[str, Any] = (await sts.assume_role(**asked))["Credentials"]
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }

    session = AioSession(profile=profile or None)
    session._credentials = AioDeferredRefreshableCredentials(assume, "assume-role")  # noqa: SLF001 - as its own resolver does
    return session
