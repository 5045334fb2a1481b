"""The label set of a sandbox project: ``categorySchema`` as the API shows it, and its classes by what they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blocks.sandbox.ango.ids import short_id
from blocks.sandbox.shapes import CATEGORIES

Schema = dict[str, Any]

IMAGE_TOOLS = (
    "bounding-box",
    "rotated-bounding-box",
    "polygon",
    "segmentation",
    "polyline",
    "point",
    "spline",
    "brush",
)
VIDEO_TOOLS = ("bounding-box", "rotated-bounding-box", "polygon")
NER_TITLES = ("Person", "Organisation", "Date", "Speaker")
CHOICES: Mapping[str, tuple[str, Sequence[str]]] = {
    "Weather": ("radio", ("Rain", "Dry", "Fog")),
    "Hazards": ("multi-dropdown", ("Glare", "Standing water", "Road works")),
    "Surface": ("single-dropdown", ("Asphalt", "Gravel")),
    "Reviewed": ("boolean", ()),
    "Order": ("rank", ("first", "second")),
    "Note": ("text", ()),
}
"""Questions about a whole asset, with their kinds and options."""
TREE = ("Passenger", "Passenger / Hatchback", "Passenger / Saloon", "Heavy", "Heavy / Truck")
RELATIONS = {"Towing": "one-to-one", "Convoy": "group"}


class Ontology:
    """The classes of one project. Titles repeat between tools, ids never do."""

    def __init__(self, seed: int, kind: str) -> None:
        self._seed, self._kind = seed, kind
        self.tools = self._tools()
        self.classifications = [self._question(title, *choice) for title, choice in CHOICES.items()]
        self.relations = [self._class(tool, title) for title, tool in RELATIONS.items()]
        self._by_name = {(one["tool"], one["title"]): one for one in (*self.tools, *self.relations)}
        self._questions = {one["title"]: one for one in self.classifications}

    @property
    def schema(self) -> Schema:
        return {"tools": self.tools, "classifications": self.classifications, "relations": self.relations}

    def tool(self, kind: str, category: str) -> dict[str, str]:
        """What an annotation says of its class; ``category`` is one of ``CATEGORIES``, or a title."""
        title = CATEGORIES[category].label if category in CATEGORIES else category
        one = self._by_name[kind, title]
        return {"schemaId": one["schemaId"], "title": title}

    def colors(self, kind: str) -> dict[str, tuple[str, str]]:
        """Class and colour of the tools of a kind, by the category that they are of."""
        labels = {category.label: id_ for id_, category in CATEGORIES.items()}
        return {labels[one["title"]]: (one["schemaId"], one["color"]) for one in self.tools if one["tool"] == kind}

    def question(self, title: str) -> dict[str, str]:
        one = self._questions[title]
        return {"schemaId": one["schemaId"], "tool": one["tool"], "title": title}

    def nested(self, title: str) -> dict[str, str]:
        """One of the questions about an object."""
        one = next(one for one in _walk(self.tools) if one["title"] == title and one["tool"] in _NESTED)
        return {"schemaId": one["schemaId"], "tool": one["tool"], "title": title}

    def _tools(self) -> list[Schema]:
        if self._kind == "documents":
            return [*(self._class("ner", title) for title in NER_TITLES), self._class("pdf", "Supplier")]
        kinds = VIDEO_TOOLS if self._kind == "video" else IMAGE_TOOLS
        return [self._of_category(kind, category_id) for kind in kinds for category_id in CATEGORIES]

    def _of_category(self, kind: str, category_id: str) -> Schema:
        category = CATEGORIES[category_id]
        one = self._class(kind, category.label)
        one["color"] = "#{:02x}{:02x}{:02x}".format(*category.colour)
        if kind == "bounding-box":
            occluded = self._question("Occluded", "radio", ("No", "Partly", "Mostly"))
            hidden_by = ("Pole", "Other vehicle", "Building")
            occluded["classifications"] = [self._question("Hidden by", "checkbox", hidden_by)]
            tree = self._question("Vehicle type", "tree-dropdown", ())
            tree["treeOptions"] = _tree(TREE)
            one["classifications"] = [occluded, tree]
        return one

    def _class(self, kind: str, title: str) -> Schema:
        return {
            "tool": kind,
            "title": title,
            "schemaId": short_id(self._seed, self._kind, kind, title),
            "color": "#f6402b",
            "required": False,
            "columnField": False,
            "shortcutKey": "",
            "classifications": [],
        }

    def _question(self, title: str, kind: str, options: Sequence[str]) -> Schema:
        one = self._class(kind, title)
        id_ = one["schemaId"]
        return {**one, "options": [{"value": value, "schemaId": short_id(id_, value)} for value in options]}


_NESTED = {"radio", "checkbox", "tree-dropdown"}


def _walk(classes: Sequence[Schema]) -> list[Schema]:
    return [one for each in classes for one in (each, *_walk(each["classifications"]))]


def _tree(paths: Sequence[str]) -> list[Schema]:
    """Paths with `` / `` between their levels as nested options."""
    roots: list[Schema] = []
    found: dict[str, Schema] = {}
    for path in paths:
        above, _, title = path.rpartition(" / ")
        found[path] = {"title": title, "key": short_id(path), "value": short_id(path), "children": []}
        (found[above]["children"] if above else roots).append(found[path])
    return roots
