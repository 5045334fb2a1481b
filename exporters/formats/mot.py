"""`mot`: MOT Challenge ground truth (https://motchallenge.net/instructions/), a folder for each sequence.

    [<split>/]<sequence>/gt/gt.txt       frame,id,left,top,width,height,flag,class,visibility
    [<split>/]<sequence>/gt/labels.txt   the classes, one a line; class 1 is the first
    [<split>/]<sequence>/seqinfo.ini
    [<split>/]<sequence>/img1/000001.jpg or, for a video, [<split>/]<sequence>/<video as it is>

Frames, ids and classes count from 1; so do left and top: the full picture is `1,1,width,height`. `flag` is 0 for crowds
and for what has the attribute `ignored`, else 1; `visibility` is the attribute of this name, else 1. Rows are in order
of frame and id within a video; those of pictures in the order of the pictures. Boxes are of whole objects, what lies
beyond the border included, as MOT's own are: they are not clipped (option out_of_picture).

A *video* is a sequence, each of its tracks an object: a row for every frame that it is in the picture. No frames are
taken out of videos: the file lies in its sequence's folder, and for tools that want `img1` they have to be put there,
as .jpg. The ids are those in the attribute `track_id` where all tracks have one, and no two the same in one frame; else
they count from 1.

A *picture* is a frame of a sequence when its number is known (see the option `frame_from`); then it lies in `img1`
under that number, and boxes are one object that agree in `track_id`, or in their group where they have none. Ids that
are no whole numbers from 1 become large ones (53 bits) that are the same wherever the same id is met, and boxes without
any become objects of their own. Every other picture is a sequence of one frame.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import orjson
from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.formats.labels import class_labels
from exporters.formats.mot_rows import misfit, object_number, own_number, row, track_numbers, track_rows, whole
from exporters.formats.mot_sequences import SEQUENCE, runs, seqinfo, sequences
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box, Entry, Track
from exporters.naming import safe_component, safe_path
from exporters.shard import Shard

ROWS = "rows:"
_SIX_DIGITS = re.compile(r"\d{6}")
_LAST_DIGITS = re.compile(r"(\d+)\D*$")


class MotOptions(KeepingOptions):
    frame_from: Literal["name", "digits", "attribute"] = Field(
        default="name",
        description="Where pictures have the number of their frame: in a name of six digits, as MOT's own "
        "(000001.jpg), in the last digits of their name, or in an attribute (see frame_attribute).",
    )
    frame_attribute: str = Field(
        default="frame", description="With frame_from=attribute: the attribute with the frame's number, from 1."
    )
    sequence_attribute: str = Field(
        default="",
        description="The attribute of a picture that names its sequence; empty: the folder it lies in is the sequence.",
    )
    track_attribute: str = Field(
        default="track_id", description="The attribute of an annotation that tells which object it is."
    )
    frame_rate: int = Field(
        default=30, gt=0, description="Frames a second, written for sequences of which the source does not say it."
    )


class Place(NamedTuple):
    """Where a picture belongs."""

    sequence: str
    frame: int
    is_one_of_many: bool


class MotExporter(Exporter[MotOptions]):
    name = "mot"
    description = "MOT Challenge: boxes of tracked objects, a row for each frame, a folder for each sequence."
    version = 2
    holds = Holds(
        modalities=frozenset({"image", "video"}),
        shapes=frozenset({"box", "track"}),
        class_numbers="from_1",
        needs_category=True,
        needs_size=True,
        pairs_by_stem=True,
    )
    options = MotOptions

    def media_path(self, item: Item, shard: Shard[MotOptions]) -> str:
        extension = PurePosixPath(item.file_name).suffix
        if _is_video(item.entry):
            return f"{_own_sequence(item)}/{PurePosixPath(item.file_name).name}"
        place = _place(item, shard)
        return f"{place.sequence}/img1/{place.frame:06d}{extension}"

    def convert(self, item: Item, shard: Shard[MotOptions]) -> None:
        if _is_video(item.entry):
            _convert_video(item, shard)
        else:
            _convert_picture(item, shard)

    def finish(self, shard: Shard[MotOptions]) -> None:
        for sequence in shard.memory.values():
            sequence["frames"] = list(runs(sequence["frames"]))
            shard.append(SEQUENCE + orjson.dumps(sequence).decode(), b"")

    def assemble(self, package: Assembly[MotOptions]) -> None:
        labels = "".join(f"{label}\n" for label in class_labels(package.classes.classes).values()).encode()
        for sequence in sequences(package):
            path = sequence["path"]
            package.file(f"{path}/gt/gt.txt", package.pieces(ROWS + path))
            package.file(f"{path}/gt/labels.txt", [labels])
            package.file(f"{path}/seqinfo.ini", [seqinfo(sequence)])


# -- sequences --------------------------------------------------------------------------------------------------------


def _is_video(entry: Entry) -> bool:
    media = entry.original
    is_film = media is not None and (media.mime_type or "").startswith("video/")
    return is_film or any(isinstance(one.shape, Track) for one in entry.annotations)


def _own_sequence(item: Item) -> str:
    """The sequence that is all of an entry: named like its file, with the extension where no folder may be without."""
    return _in_split(item, item.file_name if item.stem.endswith((".", " ")) else item.stem)


def _in_split(item: Item, path: str) -> str:
    return f"{safe_component(item.entry.split)}/{path}" if item.entry.split else path


def _place(item: Item, shard: Shard[MotOptions]) -> Place:
    """Which frame of which sequence a picture is; a sequence of its own where that is not known."""
    options = shard.options
    frame = _frame_number(item, options)
    if frame is None:
        return Place(_own_sequence(item), 1, False)
    if options.sequence_attribute:
        name = item.entry.attributes.get(options.sequence_attribute)
        sequence = "" if name is None else safe_path(str(name))
    else:
        sequence = item.file_name.rpartition("/")[0]
        sequence = re.sub(r"(^|/)img1$", "", sequence)
    return Place(_in_split(item, sequence or safe_component(shard.dataset.name)), frame, True)


def _frame_number(item: Item, options: MotOptions) -> int | None:
    if options.frame_from == "attribute":
        return whole(item.entry.attributes.get(options.frame_attribute))
    name = PurePosixPath(item.stem).name
    if options.frame_from == "name":
        return whole(name) if _SIX_DIGITS.fullmatch(name) else None
    found = _LAST_DIGITS.search(name)
    return whole(found[1]) if found else None


def _met(shard: Shard[MotOptions], item: Item, path: str, frames: range) -> None:
    """Keep what a sequence's `seqinfo.ini` needs of an entry."""
    media = item.entry.original
    known = shard.memory.setdefault(
        path,
        {
            "path": path,
            "frames": [],
            "size": item.size,
            "extension": ".jpg" if _is_video(item.entry) else PurePosixPath(item.file_name).suffix,
            "rate": (media.frame_rate if media else None) or shard.options.frame_rate,
        },
    )
    known["frames"].append((frames.start, frames.stop - 1))


# -- entries ----------------------------------------------------------------------------------------------------------


def _convert_picture(item: Item, shard: Shard[MotOptions]) -> None:
    place = _place(item, shard)
    attribute = shard.options.track_attribute
    rows: list[tuple[int, str]] = []
    taken: set[int] = set()
    for index, one in enumerate(item.annotations, 1):
        if not isinstance(one.shape, Box):
            raise NotImplementedError(type(one.shape).__name__)
        number = object_number(one.annotation, item.entry, attribute, shard.change) if place.is_one_of_many else index
        if number in taken:
            shard.change("another box of its frame has its track id: it became an object of its own")
            number = own_number(one.annotation, item.entry)
        taken.add(number)
        rows.append((number, row(place.frame, number, one.shape, one, one.annotation.attributes)))
        _count_unheld(one, shard)
    shard.append(ROWS + place.sequence, "".join(line for _, line in sorted(rows)).encode())
    _met(shard, item, place.sequence, range(place.frame, place.frame + 1))
    shard.keep(item.annotations)


def _convert_video(item: Item, shard: Shard[MotOptions]) -> None:
    path = _own_sequence(item)
    media = item.entry.original
    count = media.frames_count if media and media.frames_count else None
    kept: list[Placed] = []
    for one in item.annotations:
        reason = misfit(one, count)
        if reason:
            shard.leave_out_annotation(one, reason)
        else:
            kept.append(one)
    numbers = track_numbers(kept, shard.options.track_attribute, count)
    rows: list[tuple[int, int, str]] = []
    for one, number in zip(kept, numbers, strict=True):
        _count_unheld(one, shard)
        rows += ((frame, number, line) for frame, line in track_rows(one, number, count))
    rows.sort()
    shard.append(ROWS + path, "".join(line for _, _, line in rows).encode())
    last = count or (rows[-1][0] if rows else 1)
    _met(shard, item, path, range(1, last + 1))
    shard.keep(kept)


def _count_unheld(one: Placed, shard: Shard[MotOptions]) -> None:
    keyframes = one.shape.keyframes if isinstance(one.shape, Track) else ()
    names = one.annotation.attributes.keys() | {name for keyframe in keyframes for name in keyframe.attributes}
    if names - {shard.options.track_attribute, "ignored", "visibility"}:
        shard.change("attributes are not held")
