"""The labelling configuration of the sandbox's datasets: the same categories under every shape type."""

from typing import Any

from blocks.sandbox.shapes import CATEGORIES, Category, Colour

SHAPE_TYPES = ("bounding-box", "polygon", "mask", "line", "circle", "ellipse")
VIDEO_SHAPE_TYPES = ("bounding-box", "polygon")
BOX_TYPE = "idah-image:bounding-box"
ROOT_TYPE = "entry:root"


def labeling_configuration() -> dict[str, Any]:
    """Keyed by shape type; ``category_field`` is a scalar among them, which readers of the platform have to skip."""
    configuration = _configuration("idah-image", SHAPE_TYPES)
    configuration[BOX_TYPE] |= {"properties": _box_properties()}
    return configuration | {"category_field": "category"}


def video_configuration() -> dict[str, Any]:
    """Of tracks, boxes have one property: of a piece as a whole, so that a track is cut where it changes."""
    configuration = _configuration("idah-video", VIDEO_SHAPE_TYPES)
    configuration["idah-video:bounding-box"] |= {"properties": _box_properties()[:1]}
    return configuration


def _configuration(modality: str, shapes: tuple[str, ...]) -> dict[str, Any]:
    values = [_category(category) for category in CATEGORIES.values()]
    configuration: dict[str, Any] = {
        f"{modality}:{name}": {"values": values, "properties": [], "order": order} for order, name in enumerate(shapes)
    }
    configuration[ROOT_TYPE] = {
        "values": [{"id": name, "label": name.title(), "color": None, "text_color": None} for name in ("day", "night")],
        "properties": [],
        "order": len(shapes),
    }
    return configuration


def _category(category: Category) -> dict[str, Any]:
    value: dict[str, Any] = {"id": category.id, "color": _hex(category.colour), "label": category.label}
    if category.parent is not None:
        value |= {"parent": category.parent, "children": [], "expanded": True}
    return value | {"text_color": _hex(category.text_colour)}


def _hex(colour: Colour) -> str:
    return "#" + bytes(colour).hex().upper()


def _box_properties() -> list[dict[str, Any]]:
    is_vehicle = [
        "or",
        [["eq", [["get", ["value.category"]], category.id]] for category in CATEGORIES.values() if category.parent],
    ]
    percent = {"minimum": 0, "maximum": 100, "step": 5}
    colours = {
        "options": [
            {"id": "red", "label": "Red"},
            {"id": "blue", "label": "Blue", "styles": {"stroke-dasharray": "4"}},
        ],
    }
    tags = {"options": [{"id": "night", "label": "Night"}, {"id": "rain", "label": "Rain"}]}
    return [
        _property("occluded", "boolean", "Occluded", required=True, visibility=is_vehicle),
        _property("truncation", "integer", "Truncation (%)", description="share cut by the border", form=percent),
        _property("colour", "single-select", "Colour", form=colours),
        _property("tags", "multi-select", "Tags", form=tags),
        _property("note", "text", "Note", visibility=False),
    ]


def _property(
    identifier: str,
    kind: str,
    label: str,
    *,
    description: str = "",
    form: dict[str, Any] | None = None,
    required: bool = False,
    visibility: bool | list[Any] = True,
) -> dict[str, Any]:
    return {
        "id": identifier,
        "type": kind,
        "label": label,
        "format": form or {},
        "required": required,
        "visibility": visibility,
        "description": description,
    }
