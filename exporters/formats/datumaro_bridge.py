"""`datumaro:<format>`: every format that the installed Datumaro can write, by its own writers.

The export is staged in Datumaro's own form (the format `datumaro`), read from there by Datumaro, and written by it; so
it needs the pictures, room for them on disk, and, unlike formats of this package, memory for all annotations at once.
The layout is Datumaro's, and so is what the format can hold: what was written is read back by Datumaro, and what is
missing then is counted as left out, by entry and class. Where Datumaro cannot read back what it wrote, a warning says
so. Coordinates are rounded to two decimals on the way, by Datumaro.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from exporters.contextual import Context, ContextualExporter, adapt
from exporters.errors import FatalError, unknown_name
from exporters.extras import absent
from exporters.formats.datumaro import DatumaroExporter
from exporters.formats.datumaro_staging import Items, Staging
from exporters.options import ImageOptions
from exporters.temporary import temporary_folder
from exporters.version import version_of

PREFIX = "datumaro:"
READERS = {"mot_seq_gt": "mot_seq", "mots_png": "mots", "yolo_ultralytics": "yolo"}
"""Formats that Datumaro reads under another name than it writes them."""
WITH_A_CLOCK = frozenset({"image_zip", "mnist"})
"""Formats whose files say when they were written: the same export would give other bytes."""

_Counts = dict[str, Counter[tuple[str | None, bool]]]
"""By item, how many objects of each class it has, and whether it has the class as a whole."""


class DatumaroBridge(ContextualExporter):
    """A format of Datumaro's; `bridge` makes a class for each."""

    format: ClassVar[str]
    holds = replace(DatumaroExporter.holds, needs_media=True)
    options = ImageOptions

    def export(self, context: Context) -> None:
        dataset = _library("datumaro").Dataset
        options = context.options.model
        assert isinstance(options, ImageOptions)
        with temporary_folder() as folder:
            staging = Staging(context, Path(folder))
            staging.run(options)
            staged = dataset.import_from(folder, "datumaro")
            before = _counts(staged)
            written = context.io.directory
            try:
                staged.export(str(written), self.format, save_media=True)
            except Exception as error:  # whatever Datumaro's writers raise
                raise FatalError(
                    f"Datumaro cannot write this export as {self.format} ({_line(error)}); choose another format."
                ) from error
        try:
            found = dataset.import_from(str(written), READERS.get(self.format, self.format))
            after = _counts(found)
        except Exception as error:  # noqa: BLE001 - likewise its readers
            context.log.warning(
                "Datumaro cannot read back what it wrote as %s (%s): what that format cannot hold is not counted",
                *(self.format, _line(error)),
            )
            return
        _leave_out_lost(context, staging.items, before, after, self.name)


@cache
def bridge(format_name: str) -> type[ContextualExporter]:
    """Any format that Datumaro writes, by Datumaro's name for it; needs outhaul[datumaro].

    Raises:
        RequestError: Datumaro is not installed, or does not write such a format.
    """
    formats = formats_written()
    if format_name not in formats:
        raise unknown_name("format", PREFIX + format_name, [PREFIX + one for one in formats])
    declared = {
        "__module__": __name__,
        "name": PREFIX + format_name,
        "description": f"Datumaro's format {format_name}, written by Datumaro itself.",
        "version": _version(),
        "format": format_name,
    }
    return adapt(type("DatumaroBridge", (DatumaroBridge,), declared))


def formats_written() -> list[str]:
    """The names of all formats that the installed Datumaro writes, but for those with the time in their files."""
    names: Iterable[str] = _library("datumaro.components.environment").DEFAULT_ENVIRONMENT.exporters
    return sorted(set(names) - WITH_A_CLOCK)


def _library(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise absent("datumaro") from None


def _version() -> int:
    """That of the library decides about the bytes: 1.13.12 is 1013012."""
    major, minor, patch = (int(part) for part in version_of("datumaro").split(".")[:3])
    return (major * 1000 + minor) * 1000 + patch


def _line(error: BaseException) -> str:
    """The first line of what an exception says, and of what the one behind it does."""
    said = []
    for one in (error, error.__cause__):
        text = (str(one).strip().splitlines() or [""])[0].rstrip(".") if one else ""
        said.append(f"{type(one).__name__} {text}" if isinstance(one, LookupError) or (one and not text) else text)
    return ": ".join(filter(None, said))


# -- what was lost ----------------------------------------------------------------------------------------------------


def _counts(dataset: Any) -> _Counts:
    """The objects of each item by class, and its classes as a whole; what is tied by a group is one object."""
    kinds = import_module("datumaro").AnnotationType
    labels = dataset.categories().get(kinds.label, ())
    names: dict[int | None, str] = {index: label.name for index, label in enumerate(labels)}
    counts: _Counts = {}
    for item in dataset:
        objects = {
            (names.get(getattr(one, "label", None)), one.type == kinds.label, one.group or -place)
            for place, one in enumerate(item.annotations, 1)
        }
        found = counts.setdefault(_key(item.id), Counter())
        found.update((name, is_tag) for name, is_tag, _ in objects)
    return counts


def _key(item_id: str) -> str:
    """Some formats have no room for folders in names."""
    return item_id.replace("/", "_")


def _leave_out_lost(context: Context, items: Items, before: _Counts, after: _Counts, name: str) -> None:
    """Count as left out what is there `before` and not `after`, the last annotations of a class first."""
    if before and not before.keys() & after.keys():
        context.log.warning("%s gives items other names: what it cannot hold is not counted", name)
        return
    reason = f"{name} does not hold it"
    for dataset in context.datasets:
        for entry in dataset.entries():
            item = items.get((dataset.model.id, entry.model.id))
            if item is None:
                continue
            if _key(item.id) not in after:
                entry.leave_out(reason)
                continue
            missing = before[_key(item.id)] - after[_key(item.id)]
            annotations = {one.model.id: one for one in entry.annotations()}
            for id_, label, is_tag in reversed(item.annotations):
                if missing[label, is_tag] > 0:
                    missing[label, is_tag] -= 1
                    annotations[id_].leave_out(reason)
