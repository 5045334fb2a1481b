"""`yolo`, `yolo_segment`, `yolo_pose`, `yolo_obb`: a text file of rows for each picture, as Ultralytics reads them.

    data.yaml                          where the pictures of each split lie, class names, keypoints
    images/[split/]name.jpg            the pictures
    labels/[split/]name.txt            a row an object; empty for a picture without any

    yolo            class cx cy w h                       boxes: centre, width, height
    yolo_segment    class x1 y1 x2 y2 ...                 polygons: one ring
    yolo_pose       class cx cy w h px py v px py v ...   skeletons; boxes too, with all points unlabelled
    yolo_obb        class x1 y1 x2 y2 x3 y3 x4 y4         rotated boxes, and upright ones: the corners in order

All numbers but the class, which counts from 0, and the visibility v are shares of the picture's upright width or
height. Edges are rounded to millionths, and no box reaches past 0 or 1: its centre has a seventh digit for that.
Corners of rotated boxes may lie outside the picture. A row that readers would drop as a duplicate is left out and
counted, as are crowds: no row says that it is one.

`data.yaml` has no `path`, so that it holds wherever the folder lies. Splits are known by name: train or training, val,
valid or validation, test or testing. Entries without a split are for training; where there are such beside others, the
pictures are listed in train.txt, val.txt and test.txt. Trainers need a `val`: where nothing is in that split, none is
written and a comment says so, unless missing_val=train.

A polygon of several parts is one ring, joined by seams of no width, or with parts=rows a row for each part, which makes
several objects of it. Holes are joined to their outline by a seam. Visible points outside the picture, and those of
visibility 0, are `0 0 0`; classes with fewer points than others have such for the rest. Attributes are not held.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple, TypeVar

from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats import yolo_data, yolo_rows
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box, Part, Polygon, RotatedBox, Skeleton
from exporters.options import ImageOptions
from exporters.shapes import geometry, seams
from exporters.shard import Shard

MIN_SIDE = 10
"""Pixels; readers leave out smaller pictures."""
NO_EXTENT = "nothing is left of its box when it is rounded to millionths of its picture"


class YoloOptions(ImageOptions):
    out_of_picture: Literal["clip", "drop"] = Field(
        default="clip",
        description="Annotations that reach over the border of their picture: cut them there, or leave them out.",
    )
    missing_val: Literal["omit", "train"] = Field(
        default="omit",
        description="Where no entry is in the split val, which trainers need: write none, or validate on what is "
        "trained on.",
    )


class SegmentOptions(YoloOptions):
    parts: Literal["joined", "rows"] = Field(
        default="joined",
        description="Objects of several parts: one row, the parts joined by seams of no width, or a row for each part.",
    )


AnyYoloOptions = TypeVar("AnyYoloOptions", bound=YoloOptions)


class Rows(NamedTuple):
    """The text of an annotation, and what was done to it that changes it."""

    text: str
    changes: tuple[str, ...] = ()


def _holds(*shapes: str) -> Holds:
    return Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset(shapes),
        class_numbers="from_0",
        needs_category=True,
        needs_size=True,
        pairs_by_stem=True,
    )


class _YoloExporter(Exporter[AnyYoloOptions]):
    """What all of them share: the layout, and a file of rows for each picture."""

    @abstractmethod
    def rows(self, one: Placed, size: yolo_rows.Size, shard: Shard[AnyYoloOptions]) -> Rows | str:
        """An annotation's rows, or why it is left out."""

    def media_path(self, item: Item, shard: Shard[AnyYoloOptions]) -> str:  # noqa: ARG002
        return yolo_data.place("images", item.entry.split, yolo_data.picture_name(item))

    def convert(self, item: Item, shard: Shard[AnyYoloOptions]) -> None:
        assert item.size is not None
        texts: dict[str, Placed] = {}
        for one in item.annotations:
            rows = f"{self.name} cannot hold crowds" if one.annotation.is_crowd else self.rows(one, item.size, shard)
            if isinstance(rows, str):
                shard.leave_out_annotation(one, rows)
            elif rows.text in texts:
                shard.leave_out_annotation(one, f"{self.name} readers drop it: its row is there already")
            else:
                texts[rows.text] = one
                for change in rows.changes:
                    shard.change(change)
                if one.annotation.attributes:
                    shard.change("attributes are not held")
        if min(item.size) < MIN_SIDE:
            shard.change(f"its picture is under {MIN_SIDE} pixels on a side, which YOLO readers leave out")
        split, path = item.entry.split or "", self.media_path(item, shard)
        if not path.lower().endswith(yolo_data.EXTENSIONS):
            shard.change("its picture has no extension that YOLO readers know: they pass over it")
        shard.append(f"pictures:{split}", f"./{path}\n".encode())
        shard.write(yolo_data.place("labels", split, f"{item.stem}.txt"), "".join(texts).encode())
        shard.keep(texts.values())

    def assemble(self, package: Assembly[AnyYoloOptions]) -> None:
        splits = {name.partition(":")[2] for name in package.names()} or {""}
        sources = yolo_data.sources(splits)
        if "" in splits and len(splits) > 1:  # all other pictures lie below the folder of those without a split
            for role, names in sources.items():
                package.file(f"{role}.txt", [piece for name in names for piece in package.pieces(f"pictures:{name}")])
            paths = {role: [f"{role}.txt"] for role in sources}
        else:
            paths = {role: [yolo_data.folder(name) for name in names] for role, names in sources.items()}
        if package.options.missing_val == "train" and "train" in paths:
            paths.setdefault("val", paths["train"])
        unused = [yolo_data.folder(split) for split in sorted(splits) if yolo_data.role(split) is None]
        document = yolo_data.document(paths, unused, package.classes.classes)
        package.file("data.yaml", [(document + self.more_data(package)).encode()])

    def more_data(self, package: Assembly[AnyYoloOptions]) -> str:  # noqa: ARG002
        """What else `data.yaml` says."""
        return ""


class YoloExporter(_YoloExporter[YoloOptions]):
    name = "yolo"
    description = "YOLO detection: boxes as centre, width and height, a text file a picture, data.yaml."
    version = 1
    is_entrywise = True
    holds = _holds("box")
    options = YoloOptions

    def rows(self, one: Placed, size: yolo_rows.Size, shard: Shard[YoloOptions]) -> Rows | str:  # noqa: ARG002
        box = yolo_rows.box(one, size)
        return Rows(f"{box}\n") if box else NO_EXTENT


class YoloSegmentExporter(_YoloExporter[SegmentOptions]):
    name = "yolo_segment"
    description = "YOLO segmentation: polygons, a text file a picture, data.yaml."
    version = 1
    is_entrywise = True
    holds = _holds("polygon")
    options = SegmentOptions

    def rows(self, one: Placed, size: yolo_rows.Size, shard: Shard[SegmentOptions]) -> Rows | str:
        shape = one.shape
        assert isinstance(shape, Polygon)
        changes = []
        groups: list[tuple[Part, ...]] = [shape.parts]
        if len(shape.parts) > 1 and shard.options.parts == "rows":
            groups = [(part,) for part in shape.parts]
            changes.append("its parts became rows of their own")
        elif len(shape.parts) > 1:
            changes.append("its parts were joined by seams of no width")
        if any(part.holes for part in shape.parts):
            changes.append("its holes were joined to their outline by seams of no width")
        text = "".join(f"{yolo_rows.number(one)} {yolo_rows.points(seams.one_ring(group), size)}\n" for group in groups)
        return Rows(text, tuple(changes))


class YoloPoseExporter(_YoloExporter[YoloOptions]):
    name = "yolo_pose"
    description = "YOLO pose: skeletons with a box each, and boxes alone, a text file a picture, data.yaml."
    version = 1
    is_entrywise = True
    holds = _holds("box", "skeleton")
    options = YoloOptions

    def rows(self, one: Placed, size: yolo_rows.Size, shard: Shard[YoloOptions]) -> Rows | str:
        box = yolo_rows.box(one, size)
        if box is None:
            return NO_EXTENT
        points: list[str] = []
        if isinstance(one.shape, Skeleton):
            if one.category is None or len(one.shape.points) != len(one.category.keypoints):
                return "it has another number of points than its category"
            width, height = size
            placed = zip(one.shape.points, one.shape.visibility, strict=True)
            points += (f"{x / width:.6f} {y / height:.6f} {seen}" if seen else "0 0 0" for (x, y), seen in placed)
        if "keypoints_count" not in shard.memory:
            shard.memory["keypoints_count"] = yolo_data.keypoints_count(shard.classes.classes)
        points += ["0 0 0"] * (shard.memory["keypoints_count"] - len(points))
        return Rows(" ".join([box, *points]) + "\n")

    def more_data(self, package: Assembly[YoloOptions]) -> str:
        return yolo_data.keypoints(package.classes.classes)


class YoloObbExporter(_YoloExporter[YoloOptions]):
    name = "yolo_obb"
    description = "YOLO oriented boxes: the four corners of each box, a text file a picture, data.yaml."
    version = 1
    is_entrywise = True
    holds = _holds("box", "rotated_box")
    options = YoloOptions

    def more_data(self, package: Assembly[YoloOptions]) -> str:  # noqa: ARG002
        return "task: obb\n"  # trainers pass over it; it tells who reads this back that corners are rotated boxes

    def rows(self, one: Placed, size: yolo_rows.Size, shard: Shard[YoloOptions]) -> Rows | str:  # noqa: ARG002
        shape = one.shape
        assert isinstance(shape, (Box, RotatedBox))
        if isinstance(shape, RotatedBox) and yolo_rows.is_refused(shape, size):
            return "yolo_obb readers would refuse its picture: too much of it lies outside"
        corners = (
            geometry.corners(shape) if isinstance(shape, RotatedBox) else yolo_rows.upright_corners(one.box or shape)
        )
        return Rows(f"{yolo_rows.number(one)} {yolo_rows.points(corners, size)}\n")
