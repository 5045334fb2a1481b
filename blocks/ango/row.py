"""One row of an export, opened as far as is needed: an asset with its task, in whichever form it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec
from msgspec import Raw

from blocks.ango import kinds
from blocks.values import identifier, mapping, text
from exporters.errors import RetriableError

Form = Literal["task", "old", "issue"]
_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def _begins(value: Raw, bracket: bytes) -> bool:
    return bytes(memoryview(value)[:1]) == bracket


def raws(value: Raw | None) -> list[Raw]:
    """The items of a list as they came; none where it is no list."""
    return _decode_list(value) if value is not None and _begins(value, b"[") else []


def fields(value: Raw | None) -> dict[str, Raw]:
    return _decode(value) if value is not None and _begins(value, b"{") else {}


def decoded(value: Raw) -> dict[str, Any]:
    """A thing of a list; empty where it is no object."""
    return mapping(msgspec.json.decode(value))


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the listing. `page` is that of an asset of several images, each an entry of its own.

    `signed`: the asset's file is opened by a signed link only.
    """

    id: str
    row: Raw
    page: int | None = None
    signed: bool = False


@dataclass(frozen=True)
class Row:
    """`form`: as it is today, as it was until 2023 (`tasks` with `objects`), or about an issue."""

    raw: Raw
    asset: Mapping[str, Raw]

    @classmethod
    def parse(cls, raw: bytes | Raw) -> Row:
        return cls(Raw(raw), _decode(raw))

    @cached_property
    def form(self) -> Form:
        if "task" in self.asset:
            return "task"
        if "tasks" in self.asset:
            return "old"
        if "_id" in self.asset:
            return "issue"
        raise RetriableError(
            f"Ango Hub exported a row without a task ({', '.join(sorted(self.asset)[:6])}); try again."
        )

    @cached_property
    def task(self) -> dict[str, Raw]:
        if self.form == "old":
            tasks = raws(self.asset["tasks"])
            return fields(tasks[0]) if tasks else {}
        return fields(self.asset.get("task"))

    def value(self, key: str) -> Any:
        return msgspec.json.decode(self.asset[key]) if key in self.asset else None

    def task_value(self, key: str) -> Any:
        return msgspec.json.decode(self.task[key]) if key in self.task else None

    @cached_property
    def id(self) -> str:
        """The task's: there may be several tasks of one asset, and an asset's id is not always told."""
        known = (self.value("_id"),) if self.form == "issue" else (self.task_value("taskId"), self.value("assetId"))
        found = next((one for one in map(identifier, known) if one), None)
        if found is None:
            raise RetriableError(
                "Ango Hub exported a row without the id of its task; try again, and report it if it stays."
            )
        return found

    @cached_property
    def asset_id(self) -> str:
        about = mapping(self.value("asset")) if self.form == "issue" else {}
        return identifier(self.value("assetId")) or identifier(about.get("_id")) or self.id

    @cached_property
    def name(self) -> str:
        about = mapping(self.value("asset")) if self.form == "issue" else {}
        return identifier(self.value("externalId")) or identifier(about.get("externalId")) or ""

    @cached_property
    def content(self) -> str:
        """The address of the asset's file, or what it consists of."""
        found = self.value("asset")
        return (text(mapping(found).get("data")) or "") if isinstance(found, dict) else text(found) or ""

    @cached_property
    def pages(self) -> list[str]:
        """The addresses of the images that an asset of several consists of; one or none where it is none of those."""
        found = self.value("dataset")
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

    @cached_property
    def metadata(self) -> dict[str, Any]:
        return mapping(self.value("metadata"))

    @cached_property
    def modality(self) -> str:
        addresses = [one for one in (self.content, *self.pages[:1]) if kinds.is_address(one)]
        return kinds.modality(self.metadata, self.content, *addresses, self.name)

    @cached_property
    def batches(self) -> list[str]:
        found = self.value("batches")
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
