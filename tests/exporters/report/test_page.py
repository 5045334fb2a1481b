"""The page: right, the same every time, of bounded size, and harmless whatever it is about."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from exporters.model import Annotation, Box, Category, Classification, Entry, Media, Shape, TextSpan, TimeSpan
from exporters.pictures.upright import MediaFile
from exporters.report.figures import SHOWN
from exporters.report.sheet import MOST_BYTES as MOST_SHEET_BYTES
from tests.fakes.datasets import annotation, dataset, entry, fetched, one_of_each, picture
from tests.fakes.reports import Report, report_of

MOST_BYTES = 3_000_000
"""Of a page: its pictures, and what words and drawings come to."""
NASTY = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp; &#60;",
    "javascript:alert(1)",
    "url(https://elsewhere.example/x)",
    "\u202egnp.exe\u202c",
    "a\x00b\x1b[31m\r\nc\ud800",
    "x" * 5000,
]


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def check_harmless(page: str) -> Elements:
    """No script, no handler, nothing from elsewhere, a policy that the style and nothing else fits."""
    found = Elements(page)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "a"} & found.tags.keys()
    assert found.tags["style"] == 1
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]
    places = [value for name, value in found.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert all(value.startswith("data:image/jpeg;base64,") for value in places)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'" in page
    assert "url(" not in style
    assert "@import" not in style
    return found


def nasty_entry(word: str, number: int) -> Entry:
    id_ = f"e{number}"
    shapes = [annotation(f"{id_}-{name}", shape, category_id="bad") for name, shape in one_of_each().items()]
    made = entry(id_, *shapes, name=word, attributes={"text": word})
    return replace(made, medias=(replace(made.medias[0], name=word),))


def report_about(word: str) -> Report:
    about = dataset("d1", [Category(id="bad", name=word, color=word)], name=word)
    facts: dict[str, Any] = {"name": word, "export_id": word, "exporter_version": word, "options": {word: word}}
    more: dict[str, Any] = {"source": {word: word}, "where": {word: [word]}, "outhaul": word}
    return report_of(about, [nasty_entry(word, 1)], said=facts | more)


@pytest.mark.parametrize("word", NASTY, ids=range(len(NASTY)))
def test_no_name_does_anything(word: str) -> None:
    """Whatever datasets, classes, entries, options and sources are called, the page shows it, and obeys none of it."""
    report = report_about(word.replace("\ud800", ""))
    elements = check_harmless(report.text)
    usual = Elements(report_about("street").text)
    assert elements.tags == usual.tags
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", report.text)


def test_texts_are_shown_as_they_are() -> None:
    """A text is quoted with its spans marked in the color of their class; tags in it are words."""
    said = "Say <b>Ada</b> & go\nhome"
    about = dataset("d1", [Category(id="p", name="<Person>", color="#123456")], modality="text")
    span = annotation("a", TextSpan(7, 10, "Ada"), category_id="p")
    one = Entry(id="t", dataset_id="d1", name="t", annotations=(span,), attributes={"text": said})
    report = report_of(about, [one])
    elements = check_harmless(report.text)
    assert '<mark class="c0" title="&lt;Person&gt;">Ada</mark>' in report.text
    assert ".c0{--c:#123456}" in report.text
    assert said in "".join(elements.words)


def many(count: int, classes: int = 3) -> list[Entry]:
    def boxes(number: int) -> list[Any]:
        return [
            annotation(
                f"{number}-{place}",
                Box(place % 7, place % 5, 3 + (number * 7 + place) % 50, 3 + (number + place * 3) % 40),
                category_id=f"c{(number * number + place) % classes}",
            )
            for place in range(number % 9)
        ]

    return [entry(f"e{number}", *boxes(number)) for number in range(count)]


def classes_of(count: int) -> list[Category]:
    return [Category(id=f"c{number}", name=f"class {number}") for number in range(count)]


def test_the_same_entries_give_the_same_bytes_however_they_are_cut() -> None:
    """Shards of 1, 7 and 1,000 entries make one page, one sheet."""
    about, entries = dataset("d1", classes_of(3)), many(40)
    reports = [report_of(about, entries, "coco", shard_size=size) for size in (1, 7, 1000)]
    assert len({report.page for report in reports}) == 1
    assert len({report.sheet for report in reports}) == 1


def test_figures_are_those_of_what_is_written() -> None:
    """Classes, shapes, and sizes count what the format wrote: not what it left out, merged as options say."""
    about = dataset("d1", classes_of(4))

    def of(id_: str, shape: Shape, category_id: str) -> Annotation:
        return annotation(id_, shape, category_id=category_id)

    entries = [
        entry("e1", of("1", Box(0, 0, 10, 10), "c0"), of("2", Box(0, 0, 40, 20), "c1")),
        entry("e2", of("3", Box(0, 0, 10, 10), "c1"), of("4", Classification(), "c2")),
        entry("e3", of("5", Box(0, 0, 8, 8), "c3"), state="rejected"),
        entry("e4"),
    ]
    report = report_of(about, entries, "coco", options={"rename_classes": "class 0=thing,class 1=thing"})

    assert report.tally.went_out == {"entries": 3, "annotations": 3, "medias": 3}
    assert (report.figures.entries, report.figures.annotations) == (3, 3)
    assert sum(report.figures.sizes) == 3
    assert sum(report.figures.crowds) == 3
    assert report.figures.crowds[:3] == [1, 1, 1]
    assert report.figures.entries_of == {"c0": 2}
    words = " ".join(Elements(report.text).words)
    assert "thing 3 100.0 % 2" in words
    assert "coco cannot hold the shape classification" in words
    assert "it was rejected on the platform" in words


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 60), st.floats(0.5, 40)), max_size=20))
def test_every_box_is_in_one_bin_of_each_plot(sizes: list[tuple[float, float]]) -> None:
    """Sizes and aspects are counted once each, on the right side of where bins meet."""
    boxes = [annotation(str(number), Box(0, 0, *size)) for number, size in enumerate(sizes)]
    figures = report_of(dataset(), [entry("e1", *boxes)]).figures
    assert sum(figures.sizes) == sum(figures.aspects) == len(sizes)
    assert figures.sizes[0] == sum(width * height < 16 for width, height in sizes)
    assert figures.aspects[6] == sum(0.816 <= width / height < 1.225 for width, height in sizes)


def test_each_class_in_use_is_shown_with_an_object_of_it() -> None:
    """The samples of a class are cut out around its objects, a few of each."""
    report = report_of(dataset("d1", classes_of(3)), many(60), "coco")
    for number in range(3):
        row = report.text.split(f"<bdi>class {number}</bdi></td>")[1].split("</tr>")[0]
        assert row.count("<img") == 4


def test_a_thousand_classes_and_many_entries_stay_small() -> None:
    """A page has a bound, however much there is: rare classes are listed, and what is over is said."""
    about = dataset("d1", [Category(id=f"c{number}", name="&" * 200 + str(number)) for number in range(1500)])
    report = report_of(about, many(400, 1500), "coco")
    assert len(report.page) <= MOST_BYTES
    assert len(report.tiles) == SHOWN
    assert "1,470 more classes" in report.text
    assert "and 500 more, which the manifest lists" in report.text


def test_pictures_that_no_jpeg_makes_small_do_not_break_the_bound() -> None:
    """Of noise, too, the sheet stays below what Prefect takes, and the page below its own bound."""
    noise = Image.effect_noise((640, 480), 255).convert("RGB")

    def content(_media: Media) -> bytes:
        out = io.BytesIO()
        noise.save(out, "JPEG", quality=95)
        return out.getvalue()

    entries = [
        replace(one, medias=(replace(one.medias[0], width=640, height=480),)) for one in many(60, 40) if one.annotations
    ]
    report = report_of(dataset("d1", classes_of(40)), entries, "coco", content=content)
    assert 0 < len(report.sheet) <= MOST_SHEET_BYTES
    assert len(report.page) <= MOST_BYTES


def test_an_export_of_nothing_says_so() -> None:
    """No entry, no class: a page all the same, with the books."""
    report = report_of(dataset("d1", []), [])
    check_harmless(report.text)
    assert "This export has no entries." in report.text
    assert report.sheet == b""


def test_no_media_no_pictures() -> None:
    """Where media was not asked for, shapes are drawn on blank paper of the picture's size."""
    report = report_of(dataset(), [entry("e1", Box(8, 6, 16, 12))], files=None)
    with Image.open(io.BytesIO(report.tiles[0].jpeg)) as tile:
        assert tile.size == (320, 240)
        red, green, blue = tile.convert("RGB").getpixel((300, 230))  # type: ignore[misc]
    assert min(red, green, blue) > 220


def test_sounds_and_entries_without_anything_have_tiles() -> None:
    """A sound is its stretches of time; an entry without media or shapes is a sentence."""
    sound = Media(id="m", name="a.wav", ref="r", mime_type="audio/wav", duration=4.0)
    spoken = Entry(
        id="a", dataset_id="d1", name="a.wav", medias=(sound,), annotations=(annotation("x", TimeSpan(1, 3)),)
    )
    silent = Entry(id="b", dataset_id="d1", name="b")

    def files(media: Media) -> MediaFile:
        return replace(fetched(media), width=None, height=None)

    report = report_of(dataset(modality="audio"), [spoken, silent], files=files)
    assert [bool(tile.jpeg) for tile in report.tiles] == [True, False]
    assert report.tiles[1].sentence == "this entry has no media"
    assert picture("m").name not in report.text
