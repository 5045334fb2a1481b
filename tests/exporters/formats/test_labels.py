"""Names of classes on one line, and texts in XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from exporters.classes import ExportClass
from exporters.formats.labels import class_labels, one_line, xml_attribute, xml_text
from tests.fakes import hostile

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x00\r\n\t\x85\u2028\ufffe<>&'\"]"))


@given(st.lists(TEXTS))
def test_labels_are_lines_and_apart(names: list[str]) -> None:
    """No two classes have one label, and each label is one line of UTF-8."""
    classes = [ExportClass(id=f"c{index}", name=name, number=index) for index, name in enumerate(names)]
    labels = class_labels(classes)
    assert len(set(labels.values())) == len(classes)
    assert all(label.encode() and len(label.splitlines()) == 1 for label in labels.values() if label)


def test_plain_names_stay() -> None:
    """A name that is fit as it is stays as it is, in any script."""
    for name in ("car", "R&D <1>", "写真", "👩\u200d🚀", "with blank ", "a\\b"):
        assert one_line(name) == name


@given(TEXTS)
def test_texts_survive_xml(text: str) -> None:
    """An XML reader gives back the text, but for what XML cannot hold, which comes back as its number."""
    meant = "".join(
        f"\\u{ord(one):04x}" if (ord(one) < 32 and one not in "\t\n\r") or one in "\ufffe\uffff" else one
        for one in text
    )
    read = ET.fromstring(f"<a b={xml_attribute(text)}>{xml_text(text)}</a>")
    assert (read.text or "") == meant
    assert read.get("b") == meant


def test_surrogates_are_shown() -> None:
    """What no UTF-8 document can hold comes as its number, too."""
    for name in hostile.SURROGATES:
        ET.fromstring(f"<a>{xml_text(name)}</a>".encode())
        assert one_line(name).encode()
