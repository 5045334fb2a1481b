"""What people, platforms and attackers call things. Every exporter must take all of it."""

from __future__ import annotations

from typing import Any

from exporters.model import Box, Category, Dataset, Entry
from tests.fakes.datasets import SQUARE, annotation, dataset, entry

NAMES = (
    "",
    " ",
    ".",
    "..",
    "...",
    "a/../../b.jpg",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "//server/share/a.jpg",
    "\\\\server\\share\\a.jpg",
    "C:\\a.jpg",
    "C:a.jpg",
    "a//b.jpg",
    "a/./b.jpg",
    "a/b/",
    "line\nbreak.jpg",
    "carriage\r\nreturn.jpg",
    "tab\there.jpg",
    "nul\x00byte.jpg",
    "\x00",
    "escape\x1b[31mred.jpg",
    "delete\x7f.jpg",
    "next\x85line.jpg",
    "\u202egpj.exe",
    "zero\u200bwidth.jpg",
    "\u2066isolate\u2069.jpg",
    "\ufeffmark.jpg",
    "line\u2028separator.jpg",
    "Фотография №1.jpg",
    "写真.jpg",
    "صورة.jpg",
    "ภาพ.jpg",
    "caf\u00e9.jpg",
    "👩\u200d🚀.jpg",
    "🦖.jpg",
    "noncharacter\uffff.jpg",
    "with blank.jpg",
    " leading.jpg",
    "trailing ",
    "dot.",
    "dots...",
    ".hidden",
    "no_extension",
    "UPPER.JPG",
    "a#b.jpg",
    "a%2Fb.jpg",
    "a&b<c>.jpg",
    "quote'.jpg",
    'double".jpg',
    "pipe|star*question?.jpg",
    "colon:stream.jpg",
    "$(touch owned).jpg",
    "`touch owned`.jpg",
    "-rf",
    "CON",
    "con.jpg",
    "Nul.tar.gz",
    "COM1",
    "lpt9.txt",
    "aux/a.jpg",
    "~",
    "~/a.jpg",
    "a~id-1.jpg",
    "a~id-2.jpg",
    "~2e~2e/a.jpg",
    "~h-0123456789abcdef.jpg",
    "very long " + "x" * 300 + ".jpg",
    "очень длинное имя " + "ы" * 300 + ".jpg",
    "🦖" * 100 + ".jpg",
    "a." + "long extension" * 20,
    "deep/" * 30 + "a.jpg",
    "Same.jpg",
    "same.jpg",
    "SAME.JPG",
    "same.jpg",
    "straße.jpg",
    "STRASSE.jpg",
    "true",
    "null",
    "1.0",
    "NaN",
)
"""Names of entries, some twice. A text file, a JSON document and a URL can hold all of them."""

SURROGATES = ("\ud800", "half\udfffpair.jpg", "\udcff\udcfe.jpg")
"""What `os.fsdecode` makes of names that are not UTF-8; no JSON document can hold it."""

IDS = (
    "../../../etc/passwd",
    "a/b",
    "/abs",
    "C:\\x",
    "x\ny",
    "x\x00y",
    "..",
    "con",
    "x" * 300,
    "ы" * 150,
    "🦖",
    "A",
    "a",
)
"""Ids of entries: opaque texts of a platform, all different."""

SPLITS = ("../../outside", "/absolute", "..", "a/b", "con", "train:1", "x\ny", "x\x00y", "Поезд", " ", "x" * 300)
"""Names of splits: on some platforms a field that anyone may fill in."""


def entries(dataset_id: str = "d1") -> list[Entry]:
    """An entry for each hostile name, each with a box."""
    return [
        entry(f"e{index}", Box(1.0, 2.0, 3.0, 4.0), name=name, dataset_id=dataset_id)
        for index, name in enumerate(NAMES)
    ]


def categories(id_: str = "d1", **values: Any) -> Dataset:
    """A dataset whose categories have hostile names, meet but for case, or share a name."""
    names = [*NAMES, "Car", "car", "CAR", "car", "car (x)"]
    return dataset(id_, [Category(id=f"c{index}", name=name) for index, name in enumerate(names)], **values)


def degenerate() -> Entry:
    """An entry whose boxes have no extent, a negative one, or lie outside the picture, beside one that is sound."""
    return entry(
        "degenerate",
        Box(5.0, 5.0, 0.0, 10.0),
        Box(5.0, 5.0, 10.0, 0.0),
        Box(5.0, 5.0, 0.0, 0.0),
        Box(15.0, 15.0, -5.0, -5.0),
        Box(-50.0, -50.0, 20.0, 20.0),
        Box(500.0, 500.0, 20.0, 20.0),
        SQUARE,
    )


def of_every_category(hostile: Dataset) -> list[Entry]:
    """An entry for each category, with a box of it."""
    return [
        entry(f"e{index}", annotation(f"a{index}", Box(1.0, 2.0, 3.0, 4.0), category_id=category.id))
        for index, category in enumerate(hostile.categories)
    ]
