"""What becomes of shapes that reach over the border, in the forms of annotation tools and in tables.

What trains a model wants coordinates on the picture, so formats for that clip by default. A tool, or a table, is to
show what the annotator drew, with the part of an object that the picture cuts off: there, shapes stay as they are.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exporters.options import ImageOptions


class KeepingOptions(ImageOptions):
    """Of formats that hold coordinates beyond the border without harm."""

    out_of_picture: Literal["clip", "drop", "keep"] = Field(
        default="keep",
        description="Annotations that reach over the border of their picture: keep them as they were drawn, cut them "
        "there, or leave them out.",
    )
