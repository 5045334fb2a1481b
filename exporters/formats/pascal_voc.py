"""`pascal_voc`: Pascal VOC (host.robots.ox.ac.uk/pascal/VOC), an XML file and two palette PNGs for each picture.

    JPEGImages/name.jpg                     the pictures, whatever their type
    Annotations/name.xml                    a picture's objects; without any it has no `object`
    ImageSets/Main/<split>.txt              a name a line, without extension
    ImageSets/Main/<class>_<split>.txt      name and 1 (the class is there), 0 (difficult only), -1 (it is not)
    SegmentationClass/name.png              value = number of the class, 0 background, 255 ignored
    SegmentationObject/name.png             value = place of the object in the XML from 1
    ImageSets/Segmentation/<split>.txt      the names that have masks
    labelmap.txt                            `name:red,green,blue::`, background first; what CVAT and Datumaro read

Coordinates are whole pixels from 1, the last one included: xmin = floor(left) + 1, xmax = ceil(right), kept on the
picture; a millionth of a pixel counts as none. With coordinates=zero_based they are one less each. `trainval` has the
entries of train and val, and those without a split.

Polygons and masks are painted into the two PNGs, in the order of annotations, later ones over earlier ones; they have
their box in the XML too. Of a picture with masks, objects that are boxes are in the XML only. An attribute `pose` (of
VOC's five), `truncated`, `occluded` or `difficult` becomes the element of that name, others are `attributes` of the
object, an extension that CVAT and Datumaro read and others pass over.

Names are flat: readers look for all files in one folder each. A `/` in one is written `~2f`, blanks and `#` likewise,
because lists are split at them.
Class names are those of `exporters.formats.labels`; in labelmap.txt, `:` and `#` are written `~3a` and `~23`.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats import pascal_voc_lists as lists
from exporters.formats import pascal_voc_masks as masks
from exporters.formats import pascal_voc_objects as objects
from exporters.formats.labels import labels_of, xml_text
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box
from exporters.naming import MAX_BYTES
from exporters.options import ImageOptions
from exporters.preparing import NO_CATEGORY
from exporters.shard import Shard


class PascalVocOptions(ImageOptions):
    out_of_picture: Literal["clip", "drop"] = Field(
        default="clip",
        description="Annotations that reach over the border of their picture: cut them there, or leave them out.",
    )
    coordinates: Literal["one_based", "zero_based"] = Field(
        default="one_based", description="Whether the first pixel is 1, as in VOC itself, or 0, as some readers want."
    )
    crowds: Literal["leave_out", "difficult"] = Field(
        default="leave_out",
        description="Crowd regions: leave them out, or write them as difficult, which scores do not count.",
    )
    masks: bool = Field(
        default=True,
        description="Paint polygons and masks into PNGs; otherwise they are left out, and only boxes taken.",
    )
    class_lists: bool = Field(
        default=True, description="Write a list for each class and split; each has a line for each picture."
    )
    depth: Literal["assumed", "read"] = Field(
        default="assumed",
        description="The depth of pictures, in channels: 3 for all, or read from each file, which takes its time.",
    )


class PascalVocExporter(Exporter[PascalVocOptions]):
    name = "pascal_voc"
    description = "Pascal VOC: an XML file a picture, lists of pictures, palette PNGs for polygons and masks."
    version = 1
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box", "polygon", "mask"}),
        class_numbers="from_1",
        needs_category=True,
        needs_size=True,
        pairs_by_stem=True,
        has_folders=False,
        has_split_folders=False,
    )
    options = PascalVocOptions

    def media_path(self, item: Item, shard: Shard[PascalVocOptions]) -> str:  # noqa: ARG002
        return f"JPEGImages/{_file_name(item)}"

    def convert(self, item: Item, shard: Shard[PascalVocOptions]) -> None:
        assert item.size is not None
        names, first = _names(shard), 1 if shard.options.coordinates == "one_based" else 0
        kept: list[Placed] = []
        elements: list[str] = []
        for one in item.annotations:
            reason = _refusal(one, len(kept), shard.options)
            if reason is not None or one.category is None:
                shard.leave_out_annotation(one, reason or NO_CATEGORY)
                continue
            kept.append(one)
            elements.append(objects.element(one, names[one.category.id], item.size, first))
            if one.box is not None and not objects.is_whole(one.box):
                shard.change("its box was rounded outwards to whole pixels")
        stem, split = _stem(item), item.entry.split or ""
        is_segmented = any(not isinstance(one.shape, Box) for one in kept)
        if is_segmented:
            for folder, png in masks.paint(item, kept, shard.change).items():
                shard.write(f"{folder}/{stem}.png", png)
        classes = shard.options.class_lists
        lists.add(shard, stem, split, objects.flags_of(kept), is_segmented=is_segmented, for_classes=classes)
        document = _document(item, shard, elements, is_segmented=is_segmented)
        shard.write(f"Annotations/{stem}.xml", document.encode())
        shard.keep(kept)

    def finish(self, shard: Shard[PascalVocOptions]) -> None:
        lists.finish(shard)

    def assemble(self, package: Assembly[PascalVocOptions]) -> None:
        lists.assemble(package, for_classes=package.options.class_lists)
        package.file("labelmap.txt", [masks.labelmap(package.classes.classes).encode()])


# -- names ------------------------------------------------------------------------------------------------------------


def _stem(item: Item) -> str:
    stem = re.sub(r"[\s#]", lambda found: "".join(f"~{byte:02x}" for byte in found[0].encode()), item.stem)
    data = stem.encode()
    if len(data) <= MAX_BYTES:
        return stem
    return data[: MAX_BYTES - 19].decode(errors="ignore") + f"~h-{hashlib.sha256(data).hexdigest()[:16]}"


def _file_name(item: Item) -> str:
    return _stem(item) + "".join(item.file_name[len(item.stem) :].split())


# -- the document -----------------------------------------------------------------------------------------------------


def _document(item: Item, shard: Shard[PascalVocOptions], elements: Sequence[str], *, is_segmented: bool) -> str:
    width, height = item.size or (0, 0)
    return (
        "<annotation>\n"
        "\t<folder>JPEGImages</folder>\n"
        f"\t<filename>{xml_text(_file_name(item))}</filename>\n"
        "\t<source>\n"
        f"\t\t<database>{xml_text(shard.dataset.name)}</database>\n"
        "\t\t<annotation>Outhaul</annotation>\n"
        f"\t\t<image>{xml_text(item.entry.name)}</image>\n"
        "\t</source>\n"
        "\t<size>\n"
        f"\t\t<width>{width}</width>\n"
        f"\t\t<height>{height}</height>\n"
        f"\t\t<depth>{_depth(item, shard)}</depth>\n"
        "\t</size>\n"
        f"\t<segmented>{is_segmented:d}</segmented>\n"
        f"{''.join(elements)}"
        "</annotation>\n"
    )


def _depth(item: Item, shard: Shard[PascalVocOptions]) -> int:
    media = item.entry.original
    data = shard.read_media(media) if media and shard.options.depth == "read" else None
    if data is None:
        return 3
    from PIL import Image  # noqa: PLC0415 only here, for it takes a while

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of enormous ones: nothing is decoded
            with Image.open(io.BytesIO(data)) as picture:
                return 3 if picture.mode == "P" else len(picture.getbands())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # of files that are no picture
        return 3


def _refusal(one: Placed, before: int, options: PascalVocOptions) -> str | None:
    """Why an annotation is left out, `before` objects of its picture being written already; None when it is not."""
    if one.annotation.is_crowd and options.crowds == "leave_out":
        return "pascal_voc holds crowds only with crowds=difficult"
    if isinstance(one.shape, Box):
        return None
    if not options.masks:
        return "pascal_voc holds polygons and masks only with masks=true"
    if one.category is not None and one.category.number > masks.MOST:
        return f"pascal_voc has room for {masks.MOST} classes in masks"
    if before >= masks.MOST:
        return f"pascal_voc has room for {masks.MOST} objects in the masks of a picture"
    return None


def _names(shard: Shard[PascalVocOptions]) -> dict[str, str]:
    """The names of classes as XML, by their ids; made once a shard."""
    if "names" not in shard.memory:
        shard.memory["names"] = {id_: xml_text(name) for id_, name in labels_of(shard).items()}
    names: dict[str, str] = shard.memory["names"]
    return names
