"""The labelling configuration of Label Studio that the tasks of `exporters.formats.label_studio` are labelled with.

Each control names the object it belongs to, and all classes, so that labelling can go on where it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporters.classes import ExportClass
from exporters.formats.labels import one_line, xml_attribute

OBJECTS = {
    "image": '<Image name="image" value="$image"/>',
    "video": '<Video name="video" value="$video"/>',
    "audio": '<Audio name="audio" value="$audio"/>',
    "text": '<Text name="text" value="$text" valueType="url"/>',
}
CONTROLS = {
    "image": {
        "rectangle": "RectangleLabels",
        "polygon": "PolygonLabels",
        "ellipse": "EllipseLabels",
        "brush": "BrushLabels",
        "keypoint": "KeyPointLabels",
    },
    "video": {"labels": "Labels", "timeline": "TimelineLabels"},
    "audio": {"labels": "Labels"},
    "text": {"labels": "Labels"},
}
"""For each kind of object, the tags of its controls by the name that regions refer to."""
OTHERS = {
    "video": ('<VideoRectangle name="box" toName="video"/>',),
    "audio": ('<TextArea name="transcript" toName="audio" perRegion="true"/>',),
}
CHOICE = "choice"


def keypoint_labels(one: ExportClass) -> tuple[str, ...]:
    return tuple(map(one_line, one.keypoints))


def config(kind: str, classes: Sequence[ExportClass], labels: Mapping[str, str]) -> bytes:
    """The XML for tasks of one kind of object."""
    lines = ["<View>", f"  {OBJECTS[kind]}"]
    names = list(labels.values())
    points = dict.fromkeys((*names, *(name for one in classes for name in keypoint_labels(one))))
    colors = {labels[one.id]: one.color for one in classes}
    for name, tag in CONTROLS[kind].items():
        values = points if tag == "KeyPointLabels" else names
        lines += _control(tag, f' name="{name}" toName="{kind}"', "Label", values, colors)
    lines += [f"  {tag}" for tag in OTHERS.get(kind, ())]
    lines += _control("Choices", f' name="{CHOICE}" toName="{kind}" choice="multiple"', "Choice", names, {})
    lines += _control("Relations", "", "Relation", names, {})
    return "\n".join([*lines, "</View>\n"]).encode()


def _control(
    tag: str, attributes: str, child: str, values: Iterable[str], colors: Mapping[str, str | None]
) -> Iterator[str]:
    yield f"  <{tag}{attributes}>"
    for value in values:
        color = colors.get(value)
        background = f" background={xml_attribute(color)}" if color else ""
        yield f"    <{child} value={xml_attribute(value)}{background}/>"
    yield f"  </{tag}>"
