"""Options that formats share: which annotations are taken, how classes and splits are made, what is done at the border.

A format's own options derive from the widest of these classes whose promises it keeps:

    RecordOptions   it writes entries: splits, several annotators, redaction
    ClassOptions    ... and numbers or names classes: renaming, merging, dropping, given numbers
    ImageOptions    ... and shapes on pictures: conversion, clipping, pictures without annotations

What they mean is carried out once, before a format sees an entry, and counted; no format does any of it itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from exporters.version import MANIFEST_SCHEMA

Conversion = Literal[
    "box_to_polygon",
    "rotated_box_to_polygon",
    "rotated_box_to_box",
    "ellipse_to_polygon",
    "ellipse_to_box",
    "polygon_to_box",
    "polygon_to_rotated_box",
    "polygon_to_mask",
    "mask_to_polygon",
    "mask_to_box",
    "skeleton_to_box",
]
"""Of those that start from one shape, what keeps the most of it stands first: that one is proposed."""


class ExporterOptions(BaseModel):
    """Options of a format: each field has a type, a default and a description, from which forms and help are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(ExporterOptions):
    """For formats that leave nothing to choose."""


Options = TypeVar("Options", bound=ExporterOptions)


def _from_text(split: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Values that come as text, from a command line or a form: JSON, or the short form that `split` reads."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.strip()
        if text.startswith(("{", "[")):
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"this is no JSON: {error}") from None
        return split(text)

    return read


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in _names(text):
        name, mark, value = part.partition("=")
        if not mark:
            raise ValueError(f"{part!r} should be name=value, several separated by commas, or a JSON object")
        if name.strip() in pairs:
            raise ValueError(f"{name.strip()!r} is given twice")
        pairs[name.strip()] = value.strip()
    return pairs


Names = Annotated[tuple[str, ...], BeforeValidator(_from_text(_names))]
"""`a,b` on a command line."""
Renames = Annotated[dict[str, str], BeforeValidator(_from_text(_pairs))]
"""`a=b,c=d` on a command line."""


def _class_numbers(value: Any) -> Any:
    """Numbers of classes by name; of an export's manifest, those of its classes."""
    given = _from_text(_pairs)(value)
    if isinstance(given, dict) and isinstance(given.get("classes"), list):
        schema = given.get("schema", MANIFEST_SCHEMA)
        if schema != MANIFEST_SCHEMA:
            raise ValueError(f"the manifest has the schema {schema}, and only {MANIFEST_SCHEMA} is understood here")
        try:
            return {one["name"]: one["number"] for one in given["classes"]}
        except (KeyError, TypeError):
            raise ValueError("the classes of a manifest have a name and a number each") from None
    return given


ClassNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
Numbers = Annotated[dict[str, ClassNumber], BeforeValidator(_class_numbers)]
"""`a=1,b=2` on a command line, or the manifest of an export, whole."""
Ratios = Annotated[dict[str, float], BeforeValidator(_from_text(_pairs))]
Conversions = Annotated[tuple[Conversion, ...], BeforeValidator(_from_text(_names))]


class RecordOptions(ExporterOptions):
    """Of every format that writes entries."""

    split_by: Literal["source", "tag", "hash", "none"] = Field(
        default="source",
        description="Splits: as the source has them, from an attribute of the entry (see split_tag), by a hash that "
        "puts an entry into the same split every time (see split_ratios), or none.",
    )
    split_tag: str = Field(default="split", description="With split_by=tag: the attribute that names the split.")
    split_ratios: Ratios = Field(
        default={"train": 0.8, "val": 0.1, "test": 0.1},
        description="With split_by=hash: the share of each split.",
    )
    split_group: str = Field(
        default="",
        description="With split_by=hash: the attribute whose equal values stay together; "
        "empty: entries of one and the same file do.",
    )
    annotators: Literal["all", "latest"] = Field(
        default="all",
        description="Where several people annotated an entry: take the work of all, or of the one who worked last.",
    )
    authors: Names = Field(default=(), description="Take only annotations of these people; none given: of all.")
    stages: Names = Field(default=(), description="Take only annotations of these workflow stages; none given: all.")
    redact: Annotated[
        tuple[Literal["authors", "positions"], ...],
        BeforeValidator(_from_text(_names)),
    ] = Field(
        default=(),
        description="Leave out who annotated (with the platform's own records, which say so) and took the pictures, "
        "and where they were taken (from their EXIF, XMP and IPTC data).",
    )

    @model_validator(mode="after")
    def _splits_can_be_made(self) -> RecordOptions:
        shares = self.split_ratios
        if not shares or min(shares.values()) < 0 or not abs(sum(shares.values()) - 1) <= 1e-6:
            raise ValueError("split_ratios should be shares that add up to 1, such as train=0.8,val=0.2")
        for name, choice in (("split_ratios", "hash"), ("split_group", "hash"), ("split_tag", "tag")):
            if self.split_by != choice and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} means something only with split_by={choice}")
        return self


class ClassOptions(RecordOptions):
    """Of formats in which a class has a name or a number of its own."""

    rename_classes: Renames = Field(
        default={}, description="New names of classes, as old=new; classes that get one name become one class."
    )
    drop_classes: Names = Field(default=(), description="Leave these classes out, with their annotations.")
    only_classes: Names = Field(default=(), description="Leave all other classes out, with their annotations.")
    hierarchy: Literal["leaf", "root", "path"] = Field(
        default="leaf",
        description="Of nested classes: each for itself, all as their topmost one, or named by the path to them (a/b).",
    )
    class_map: Numbers = Field(
        default={},
        description="Numbers that classes must have, as name=number, or an earlier export's manifest (@manifest.json). "
        "Classes that are not in it follow behind.",
    )
    first_class: ClassNumber | None = Field(
        default=None,
        description="Count classes from this number, instead of keeping the source's or the format's usual ones.",
    )
    empty_entries: Literal["reviewed", "all", "none"] = Field(
        default="reviewed",
        description="Entries without annotations: take those a person completed (they are negatives), all, or none.",
    )


class ImageOptions(ClassOptions):
    """Of formats that hold shapes on pictures."""

    convert: Conversions = Field(
        default=(),
        description="Shapes to turn into others that the format holds, such as polygon_to_box; each is counted.",
    )
    out_of_picture: Literal["clip", "drop", "keep"] = Field(
        default="clip",
        description="Annotations that reach over the border of their picture: cut them there, leave them out, or keep.",
    )
