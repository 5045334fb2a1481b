"""Draws scenes. The same scene gives the same bytes with the same Pillow, and costs a few milliseconds."""

from collections.abc import Iterable
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from blocks.sandbox.shapes import CATEGORIES, Colour, Line, Mask, SceneObject

LINE_WIDTH_PIXELS = 3
THUMBNAIL_PIXELS = 96


def paint(size: tuple[int, int], background: tuple[Colour, Colour], objects: Iterable[SceneObject]) -> Image.Image:
    """Objects filled in their category's colour, later ones on top, over a gradient from top to bottom colour."""
    width, height = size
    gradient = np.linspace(*background, num=height).astype(np.uint8)  # (H, 3)
    image = Image.fromarray(np.repeat(gradient[:, np.newaxis, :], width, axis=1))
    draw = ImageDraw.Draw(image)
    for item in objects:
        colour = CATEGORIES[item.category].colour
        match item.shape:
            case Mask(pixels):
                image.paste(colour, (0, 0), Image.fromarray(pixels.astype(np.uint8) * 255))
            case Line(start, end):
                draw.line([start, end], fill=colour, width=LINE_WIDTH_PIXELS)
            case shape:
                draw.polygon(shape.outline(), fill=colour)
    return image


def encode(image: Image.Image, image_format: Literal["jpeg", "webp"]) -> bytes:
    buffer = BytesIO()
    # Method 0 is WebP's fastest effort: these files stand in for a platform's previews, nobody looks at them.
    image.save(buffer, format=image_format, quality=85, method=0)
    return buffer.getvalue()


def thumbnail(image: Image.Image) -> Image.Image:
    """A copy that fits into a square of ``THUMBNAIL_PIXELS``."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    return small
