"""A door in front of an S3 server that lets through what a policy of AWS allows, and knows what was asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.fakes.s3_way import Way, in_front
from tests.s3_server import S3Server

DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@dataclass(frozen=True)
class Rule:
    """A statement of a policy that allows something."""

    rights: frozenset[str]
    resources: tuple[str, ...]
    """Patterns of `bucket` or `bucket/key`."""
    prefixes: tuple[str, ...] = ("*",)
    """Patterns of what is listed."""

    def allows(self, right: str, bucket: str, key: str) -> bool:
        is_of_bucket = right.startswith("s3:ListBucket")
        resource = bucket if is_of_bucket else f"{bucket}/{key}"
        wanted = self.prefixes if right == "s3:ListBucket" else ("*",)
        return (
            right in self.rights
            and any(fnmatchcase(resource, one) for one in self.resources)
            and any(fnmatchcase(key, one) for one in wanted)
        )


def rules_of(policy: Mapping[str, Any]) -> list[Rule]:
    """A policy as it is written for AWS; raises what a dictionary does where it says more than is understood here."""
    found = []
    for statement in policy["Statement"]:
        given = dict(statement)
        assert given.pop("Effect") == "Allow"
        rights, resources = (_all(given.pop(name)) for name in ("Action", "Resource"))
        prefixes = _all(given.pop("Condition", {"StringLike": {"s3:prefix": "*"}})["StringLike"]["s3:prefix"])
        assert not given
        found.append(Rule(frozenset(rights), tuple(one.removeprefix("arn:aws:s3:::") for one in resources), prefixes))
    return found


def _all(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass
class S3Door:
    """Where it is, what it allows, and what was asked of it: by which rules, and what none allowed."""

    rules: list[Rule]
    url: str = ""
    used: set[tuple[int, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)

    @property
    def unused(self) -> set[tuple[int, str]]:
        """Rights that a rule gives in vain."""
        return {(number, right) for number, rule in enumerate(self.rules) for right in rule.rights} - self.used

    def lets(self, request: web.Request) -> bool:
        bucket = unquote(request.raw_path.partition("?")[0]).removeprefix("/").partition("/")[0]
        for right, key in rights_of(request):
            by = [number for number, rule in enumerate(self.rules) if rule.allows(right, bucket, key)]
            self.used.update((number, right) for number in by)
            if not by:
                self.refused.add((right, key))
                return False
        return True


def rights_of(request: web.Request) -> Iterator[tuple[str, str]]:
    """What a request takes, of the operations that are told apart here; all others are `unknown`."""
    _, _, key = unquote(request.raw_path.partition("?")[0]).removeprefix("/").partition("/")
    query, method = request.query, request.method
    if not key:
        if method in ("GET", "HEAD"):
            yield "s3:ListBucketMultipartUploads" if "uploads" in query else "s3:ListBucket", query.get("prefix", "")
        else:
            yield "unknown", ""
    elif method in ("GET", "HEAD"):
        yield "s3:ListMultipartUploadParts" if "uploadId" in query else "s3:GetObject", key
    elif method == "DELETE":
        yield "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", key
    else:
        yield "s3:PutObject", key
        if source := request.headers.get("x-amz-copy-source"):
            yield "s3:GetObject", unquote(source).removeprefix("/").partition("/")[2]


@contextmanager
def guarded(server: S3Server, policy: Mapping[str, Any]) -> Iterator[S3Door]:
    """The door, while the block lasts."""
    door, way = S3Door(rules_of(policy)), Way(server.endpoint_url)

    async def handle(request: web.Request) -> web.Response:
        if not door.lets(request):
            return web.Response(status=403, text="" if request.method == "HEAD" else DENIED, content_type="text/xml")
        return await way.pass_on(request)

    with in_front(way, handle) as door.url:
        yield door
