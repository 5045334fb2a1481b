"""What annotators say in the sandbox: answers about objects and assets, relations between objects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from blocks.sandbox.ango.ids import moment, short_id
from blocks.sandbox.ango.ontology import CHOICES, TREE, Ontology

Row = dict[str, Any]
ANNOTATORS = ("ana@example.org", "bo@example.org", "çelik@example.org")
LABEL_STAGE = "Label A"
REVIEW_STAGE = "Review A"


class Pen:
    """Writes the objects of one asset: gives them ids, authors and times in the order in which they are drawn."""

    def __init__(self, ontology: Ontology, index: int, asset_id: str, stage_id: str) -> None:
        self.ontology, self.index = ontology, index
        self._asset_id, self._stage_id, self._count = asset_id, stage_id, 0

    def object_id(self) -> str:
        self._count += 1
        return short_id(self._asset_id, self._count)

    def metadata(self) -> Row:
        """Who drew the latest object, and when; some are told in milliseconds, as the documentation has it."""
        created: str | int = moment(self.index, self._count)
        if self._count % 9 == 8:
            created = 1_770_800_400_000 + 60_000 * self.index + 1000 * self._count
        author = ANNOTATORS[(self.index + self._count) % len(ANNOTATORS)]
        metadata: Row = {"createdAt": created, "createdBy": author, "createdIn": self._stage_id}
        if self._count % 4 == 1:
            metadata |= {"updatedAt": moment(self.index, 40), "updatedBy": ANNOTATORS[1], "updatedIn": "Complete"}
        return metadata

    def tool(self, kind: str, category: str, geometry: Any, classifications: Sequence[Row] = ()) -> Row:
        id_ = self.object_id()
        return {
            kind: geometry,
            "objectId": id_,
            "classifications": list(classifications),
            "metadata": self.metadata(),
            **self.ontology.tool(kind, category),
        }

    def answer(self, asked: dict[str, str], said: Any, nested: Sequence[Row] = ()) -> Row:
        id_ = self.object_id()
        return {
            "objectId": id_,
            **asked,
            "answer": said,
            "metadata": self.metadata(),
            "classifications": list(nested),
        }


def about_object(pen: Pen, rng: random.Random) -> list[Row]:
    """Nested two levels deep where the first answer asks for more; one object in three has none at all."""
    if rng.random() < 0.3:
        return []
    occluded = rng.choice(("No", "Partly", "Mostly", None))
    nested = []
    if occluded in ("Partly", "Mostly"):
        nested = [pen.answer(pen.ontology.nested("Hidden by"), rng.sample(["Pole", "Other vehicle", "Building"], 2))]
    answers = [pen.answer(pen.ontology.nested("Occluded"), occluded, nested)]
    if rng.random() < 0.5:
        path = rng.choice([path for path in TREE if " / " in path])
        above = path.partition(" / ")[0]
        answers.append(pen.answer(pen.ontology.nested("Vehicle type"), [above, path]))
    return answers


def about_asset(pen: Pen, rng: random.Random) -> list[Row]:
    """An answer of every kind, some of them null or with null among several."""
    said: dict[str, Any] = {
        "Weather": rng.choice(CHOICES["Weather"][1]),
        "Hazards": rng.choice((["Glare", "Standing water"], ["Road works"], [], ["Glare", None])),
        "Surface": rng.choice(("Asphalt", "Gravel", None)),
        "Reviewed": rng.random() < 0.5,
        "Order": ["second", "first"],
        "Note": 'kerb hidden — see "left" side\nsecond line' if rng.random() < 0.5 else "",
    }
    return [pen.answer(pen.ontology.question(title), answer) for title, answer in said.items()]


def relations(pen: Pen, tools: Sequence[Row]) -> list[Row]:
    """A single one in one of the three directions, a group; in every seventh asset one that leads nowhere."""
    ids = list(dict.fromkeys(tool["objectId"] for tool in tools))
    found: list[Row] = []
    if len(ids) > 1:
        direction = ("straight", "reverse", "bidirectional")[pen.index % 3]
        found.append(
            {
                "from": ids[1],
                "to": ids[0],
                "objectId": pen.object_id(),
                "direction": direction,
                **pen.ontology.tool("one-to-one", "Towing"),
            }
        )
    if len(ids) > 2:
        found.append({"objectId": pen.object_id(), "group": ids[:3], **pen.ontology.tool("group", "Convoy")})
    if ids and pen.index % 7 == 3:
        missing = {"from": ids[0], "to": short_id("nothing", pen.index), "direction": "straight"}
        found.append({**missing, "objectId": pen.object_id(), **pen.ontology.tool("one-to-one", "Towing")})
    return found
