"""Ways in which datasets lie in folders; adding one is an import and a name here."""

from __future__ import annotations

from blocks.layouts.coco import CocoLayout
from blocks.layouts.cvat import CvatLayout
from blocks.layouts.datumaro import DatumaroLayout
from blocks.layouts.imagefolder import ImageFolderLayout
from blocks.layouts.jsonl import JsonlLayout
from blocks.layouts.kitti import KittiLayout
from blocks.layouts.label_studio import LabelStudioLayout
from blocks.layouts.labelme import LabelmeLayout
from blocks.layouts.layout import Layout
from blocks.layouts.metadata_folder import MetadataFolderLayout
from blocks.layouts.mot import MotLayout
from blocks.layouts.opened import Folder
from blocks.layouts.pascal_voc import PascalVocLayout
from blocks.layouts.yolo import YoloLayout
from exporters.errors import RequestError

LAYOUTS: tuple[type[Layout], ...] = (
    JsonlLayout,
    DatumaroLayout,
    CocoLayout,
    CvatLayout,
    LabelStudioLayout,
    PascalVocLayout,
    YoloLayout,
    KittiLayout,
    MotLayout,
    LabelmeLayout,
    MetadataFolderLayout,
    ImageFolderLayout,
)
"""Tried in this order: the surest signs first."""


def recognised(folder: Folder) -> Layout:
    """The layout of this folder, or of the only folder in it where nothing is recognised at the top.

    Raises:
        RequestError: it has none that is known.
    """
    inside = folder.only_folder()
    try:
        found = _found(folder)
    except RequestError:
        found = _found(inside) if inside else None
        if not found:
            raise
    found = found or (_found(inside) if inside else None)
    if found:
        return found
    if folder.only_file:
        raise RequestError(
            f"{folder.shown} is no COCO file, for neither images nor annotations are in it, nor is it one of Datumaro, "
            f"Label Studio or CVAT; check the path."
        )
    *most, last = (layout.sought for layout in LAYOUTS)
    raise RequestError(
        f"{folder.shown} holds no dataset that is known here: neither {', '.join(most)}, nor {last}; check the path."
    )


def _found(folder: Folder) -> Layout | None:
    return next(filter(None, (layout.found_in(folder) for layout in LAYOUTS)), None)
