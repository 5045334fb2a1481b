"""The contact sheet: a dozen tiles on one picture that is small enough to be shown anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from exporters.report.tiles import jpeg

COLUMNS = 4
TILE = (240, 180)
GAP = 8
PAGE = (255, 255, 255)
MOST_BYTES = 140_000
"""As base64 less than 200 kB."""


def contact_sheet(pictures: Sequence[Image.Image]) -> bytes:
    """A JPEG of these pictures, side by side; empty where there are none."""
    if not pictures:
        return b""
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (TILE[0] + GAP) - GAP, rows * (TILE[1] + GAP) - GAP), PAGE)
    for number, picture in enumerate(pictures):
        small = picture.copy()
        small.thumbnail(TILE, Image.Resampling.LANCZOS)
        left = number % columns * (TILE[0] + GAP) + (TILE[0] - small.width) // 2
        top = number // columns * (TILE[1] + GAP) + (TILE[1] - small.height) // 2
        sheet.paste(small, (left, top))
    for quality in (82, 70, 55, 40, 25):
        data = jpeg(sheet, quality)
        if len(data) <= MOST_BYTES:
            return data
    half = sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.BOX)
    return jpeg(half, 40)
