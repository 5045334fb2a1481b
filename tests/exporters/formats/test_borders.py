"""What becomes of boxes that reach over the border of their picture, in every format that holds some."""

from __future__ import annotations

from typing import Any

import pytest

from exporters.base import Exporter
from exporters.formats import BUILTIN
from exporters.model import Box
from exporters.options import ImageOptions
from tests.conformance.exporters import run_export
from tests.fakes.datasets import dataset, entry

AS_DRAWN = {"ango", "csv", "cvat", "datumaro", "label_studio", "labelme", "mot"}
"""Forms of annotation tools, tables, and formats whose own data is of whole objects."""


def _holds_boxes(exporter: type[Exporter[Any]]) -> bool:
    holds = exporter.holds
    is_of_pictures = holds.modalities is None or "image" in holds.modalities
    return (
        is_of_pictures
        and (holds.shapes is None or "box" in holds.shapes)
        and issubclass(exporter.options, ImageOptions)
    )


WITH_BOXES = {exporter.name: exporter for exporter in BUILTIN if _holds_boxes(exporter)}


@pytest.mark.parametrize("name", sorted(WITH_BOXES))
def test_border_is_seen_to_as_the_format_is_used(name: str) -> None:
    """By default tools and tables get a box as it was drawn, uncounted; what is trained on gets it clipped, counted."""
    over = entry("e1", Box(-5.0, 6.0, 80.0, 12.0), name="street/000001.png")
    made = run_export(WITH_BOXES[name](), [dataset()], [over])
    assert made.tally.went_out["annotations"] == 1
    clipped = {what for what in made.tally.changed if "clipped" in what}
    assert (name in AS_DRAWN) == (not clipped)
