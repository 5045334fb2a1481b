"""MOT Challenge: a folder for each sequence, with `gt/gt.txt`, `seqinfo.ini` and the frames in `img1/`.

Every frame is an entry, named `<sequence>/000001.jpg`; the number of the object that a box belongs to is its attribute
`track_id`. Where a sequence has a video instead of frames, the video is the entry, and its objects are tracks. Left and
top are 1-based. Rows whose flag is 0 are not counted by the benchmark: their attribute `ignored` is true. Sequences
below `train/`, `val/` or `test/` are in that split. Sequences without `gt/gt.txt` beside others with it, as in the
benchmark's test set, are not labelled: in progress.
"""

from __future__ import annotations

import configparser
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts.layout import Layout
from blocks.layouts.opened import SPLITS, Folder, video_type
from blocks.values import finite
from exporters.errors import RequestError
from exporters.model import Annotation, Box, Category, Dataset, Entry, Keyframe, State
from exporters.shapes import tracks
from exporters.shard import MediaChoice

TRUTH = "gt/gt.txt"
BENCHMARK_CLASSES = (
    *("pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle", "static person"),
    *("distractor", "occluder", "occluder on the ground", "occluder full", "reflection"),
)
"""What the numbers from 1 mean where no `gt/labels.txt` says otherwise."""
_MOST_FRAMES = 10_000_000


class Row(NamedTuple):
    frame: int
    track: int
    box: Box
    category_id: str | None
    attributes: dict[str, Any]
    text: str


class MotLayout(Layout):
    label: ClassVar[str] = "MOT Challenge"
    sought: ClassVar[str] = "gt/gt.txt in a folder for each sequence (MOT)"

    def __init__(self, folder: Folder, sequences: Sequence[str]) -> None:
        super().__init__(folder)
        self._sequences = sequences

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        found = [] if folder.only_file else list(_sequences(folder, "", 3))
        return cls(folder, found) if any(_has_truth(folder, one) for one in found) else None

    def catalog(self) -> list[Dataset]:
        modality = "video" if all(map(self._video, self._sequences)) else "image"
        return [Dataset(id=self.folder.name, name=self.folder.name, modality=modality)]

    def dataset(self, found: Dataset) -> Dataset:
        names = self._declared() or BENCHMARK_CLASSES
        shapes = ("track",) if found.modality == "video" else ("box",)
        categories = (Category(id=str(number), name=name, shapes=shapes) for number, name in enumerate(names, 1))
        return replace(found, categories=tuple(categories))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        for sequence in self._sequences:
            info = self._info(sequence)
            if self._video(sequence):
                yield orjson.dumps({"sequence": sequence, "info": info})
                continue
            rows = self._rows(sequence)
            for frame in sorted(rows.keys() | self._frames(sequence, info)):
                found = [row.text for row in rows.get(frame, [])]
                yield orjson.dumps({"sequence": sequence, "info": info, "frame": frame, "rows": found})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            sequence, info = document["sequence"], document["info"]
            if "frame" in document:
                rows = [self._row(text, sequence) for text in document["rows"]]
                yield self._frame_entry(sequence, info, document["frame"], rows, dataset, media)
            else:
                yield self._video_entry(sequence, info, dataset, media)

    def _frame_entry(
        self, sequence: str, info: dict[str, str], frame: int, rows: list[Row], dataset: Dataset, media: MediaChoice
    ) -> Entry:
        split, name = _split(sequence)
        id_, file_name = f"{sequence}#{frame}", f"{frame:06d}{info.get('imExt', '.jpg')}"
        wanted = posixpath.join(sequence, info.get("imDir", "img1"), file_name)
        found = self.folder.find(wanted)
        size = _size(info) or self.folder.upright_size(found) or (None, None)
        picture = self.folder.original(found, media, id_=id_, wanted=wanted, width=size[0], height=size[1])
        return Entry(
            id=id_,
            dataset_id=dataset.id,
            name=f"{name or self.folder.name}/{file_name}",
            state=self._state(sequence),
            split=split,
            medias=(picture,),
            annotations=tuple(
                Annotation(
                    id=f"{id_}#{number}",
                    shape=row.box,
                    category_id=row.category_id,
                    attributes={"track_id": row.track, **row.attributes},
                    raw=Raw(orjson.dumps({"row": row.text})),
                )
                for number, row in enumerate(rows, 1)
            ),
        )

    def _video_entry(self, sequence: str, info: dict[str, str], dataset: Dataset, media: MediaChoice) -> Entry:
        split, name = _split(sequence)
        path = self._video(sequence)
        width, height = _size(info) or (None, None)
        rows = self._rows(sequence)
        video = self.folder.original(
            path,
            media,
            id_=path,
            wanted=path,
            mime_type=video_type(path),
            width=width,
            height=height,
            frame_rate=float(info.get("frameRate", 0)) or None,
            frames_count=int(info.get("seqLength", 0)) or None,
        )
        return Entry(
            id=sequence or self.folder.name,
            dataset_id=dataset.id,
            name=posixpath.join(posixpath.dirname(name), posixpath.basename(path)),
            state=self._state(sequence),
            split=split,
            medias=(video,),
            annotations=tuple(self._tracks(sequence, rows)),
        )

    def _tracks(self, sequence: str, rows: dict[int, list[Row]]) -> Iterator[Annotation]:
        """The objects of a video in order of their numbers; one that changes its class is several."""
        objects: defaultdict[tuple[int, str], list[Keyframe]] = defaultdict(list)
        for row in (row for frame in sorted(rows) for row in rows[frame]):
            keyframe = Keyframe(row.frame - 1, row.box, attributes=row.attributes)
            objects[row.track, row.category_id or ""].append(keyframe)
        for (track, category_id), keyframes in sorted(objects.items()):
            try:
                shape = tracks.from_frames(keyframes)
            except ValueError:
                raise RequestError(
                    f"{self._truth(sequence)} has the object {track} twice in one frame; give each object its own id."
                ) from None
            yield Annotation(
                id=f"{sequence}#{track}#{category_id}",
                shape=shape,
                category_id=category_id or None,
                attributes={"track_id": track},
            )

    def _row(self, text: str, sequence: str) -> Row:
        shown = self._truth(sequence)
        try:
            frame, track, left, top, width, height, flag, *more = (finite(value) for value in text.split(","))
        except ValueError:
            raise RequestError(
                f"{shown} has the row {text[:80]!r}; "
                f"rows are frame,id,left,top,width,height,flag,class,visibility, all numbers."
            ) from None
        if not 1 <= frame <= _MOST_FRAMES:
            raise RequestError(f"{shown} has the frame {frame:.0f}; frames count from 1, to {_MOST_FRAMES} at most.")
        attributes: dict[str, Any] = {} if flag else {"ignored": True}
        has_class = len(more) == 2  # three more are a place in space, in the form of 2015
        if has_class and more[1] != 1:
            attributes["visibility"] = more[1]
        category_id = ("1" if not has_class else None) if not has_class or more[0] < 1 else str(int(more[0]))
        return Row(int(frame), int(track), Box(left - 1, top - 1, width, height), category_id, attributes, text)

    def _state(self, sequence: str) -> State:
        return "completed" if _has_truth(self.folder, sequence) else "in_progress"

    def _truth(self, sequence: str) -> str:
        return self.folder.shown_file(posixpath.join(sequence, TRUTH))

    def _rows(self, sequence: str) -> dict[int, list[Row]]:
        """The rows of each frame, in order of the objects' numbers."""
        rows: defaultdict[int, list[Row]] = defaultdict(list)
        has_truth = _has_truth(self.folder, sequence)
        for line in self.folder.read_text(posixpath.join(sequence, TRUTH)).splitlines() if has_truth else ():
            if line.strip():
                row = self._row(line.strip(), sequence)
                rows[row.frame].append(row)
        return {frame: sorted(found, key=lambda row: row.track) for frame, found in rows.items()}

    def _info(self, sequence: str) -> dict[str, str]:
        path = self.folder.find(posixpath.join(sequence, "seqinfo.ini"))
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        try:
            parser.read_string(self.folder.read_text(path) if path else "")
            info = dict(parser["Sequence"]) if parser.has_section("Sequence") else {}
            finite(info.get("frameRate", 0))
            numbers = [int(info.get(name, 0)) for name in ("seqLength", "imWidth", "imHeight")]
        except (configparser.Error, ValueError) as error:
            said = str(error).splitlines()[0][:80]
            raise RequestError(f"{self.folder.shown_file(path)} cannot be read ({said}); correct it there.") from None
        if not all(0 <= number <= _MOST_FRAMES for number in numbers):
            raise RequestError(f"{self.folder.shown_file(path)} has a length or a size that cannot be; correct it.")
        return info

    def _frames(self, sequence: str, info: dict[str, str]) -> set[int]:
        """The numbers of the frames there are: of pictures where these are at hand, else as many as it says."""
        listed = self.folder.listed(posixpath.join(sequence, info.get("imDir", "img1")))
        stems = [posixpath.splitext(posixpath.basename(path))[0] for path, is_file in listed if is_file]
        found = {int(stem) for stem in stems if stem.isascii() and stem.isdecimal() and len(stem) < 9}
        return found or set(range(1, int(info.get("seqLength", 0)) + 1))

    def _declared(self) -> list[str]:
        first = next(one for one in self._sequences if _has_truth(self.folder, one))
        path = self.folder.find(posixpath.join(first, "gt/labels.txt"))
        return [name for name in self.folder.read_text(path).split("\n") if name.strip()] if path else []

    def _video(self, sequence: str) -> str:
        """The video of a sequence that has no frames; empty where it has."""
        inside = [path for path, is_file in self.folder.listed(sequence) if is_file and video_type(path)]
        has_frames = any(True for _ in self.folder.listed(posixpath.join(sequence, "img1")))
        return "" if has_frames or len(inside) != 1 else inside[0]


def _size(info: dict[str, str]) -> tuple[int, int] | None:
    width, height = int(info.get("imWidth", 0)), int(info.get("imHeight", 0))
    return (width, height) if width and height else None


def _sequences(folder: Folder, place: str, depth: int) -> Iterator[str]:
    """The folders at or below `place` that hold a ground truth or frames, without searching pictures."""
    signs = (TRUTH, "seqinfo.ini")
    has_sign = any(folder.find(posixpath.join(place, sign)) for sign in signs)
    if has_sign or any(True for _ in folder.listed(posixpath.join(place, "img1"))):
        yield place
    elif depth and posixpath.basename(place) not in ("img1", "images"):
        for path, is_file in folder.listed(place):
            if not is_file:
                yield from _sequences(folder, path, depth - 1)


def _has_truth(folder: Folder, sequence: str) -> bool:
    return bool(folder.find(posixpath.join(sequence, TRUTH)))


def _split(sequence: str) -> tuple[str | None, str]:
    """The split a sequence lies in, and its name there."""
    first, slash, rest = sequence.partition("/")
    return (first, rest) if slash and first in SPLITS else (None, sequence)
