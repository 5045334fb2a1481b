"""Texts, sounds and PDF files as assets of the sandbox."""

from __future__ import annotations

import random
import wave
from io import BytesIO
from typing import Any, NamedTuple

from blocks.sandbox.ango.answers import Pen, Row

_NAMES = (("Aylin Demir", "Northwind Ltd."), ("Jürgen Groß", "Café Zoë"), ("李雷", "東風社"))
_KINDS = (("txt", "text/plain"), ("wav", "audio/wav"), ("pdf", "application/pdf"), ("txt", "text/plain"))
RATE, SECONDS = 8000, 10
PAGE_WIDTH, PAGE_HEIGHT = 612.0, 792.0


class Document(NamedTuple):
    """``counts_utf16``: offsets count as a browser does, in which a sign beyond the first 65,536 is two."""

    extension: str
    mime_type: str
    text: str
    person: str
    company: str
    counts_utf16: bool

    def file(self) -> bytes:
        if self.extension == "wav":
            return _sound()
        return _pdf(self.text) if self.extension == "pdf" else self.text.encode()


def draw_document(seed: int, index: int) -> Document:
    rng = random.Random(f"{seed}:document:{index}")
    person, company = rng.choice(_NAMES)
    sign = "🚀" if index % 4 == 3 else "☀"
    text = f"{sign} Dr. {person} joined {company} in Ankara on {rng.randint(1, 28)} May 2024 as chief engineer."
    return Document(*_KINDS[index % 4], text, person, company, index % 4 == 3)


def annotate(pen: Pen, document: Document) -> Row:
    match document.extension:
        case "wav":
            tools = [_said(pen, 2.05, 6.06), _said(pen, 6.06, 9.5)]
        case "pdf":
            tools = [_on_page(pen, document, 0), _on_page(pen, document, 1)]
        case _:
            tools = [
                _span(pen, document, "Person", document.person),
                _span(pen, document, "Organisation", document.company),
            ]
    relation = {"from": tools[0]["objectId"], "to": tools[1]["objectId"], "direction": "straight"}
    return {
        "tools": tools,
        "classifications": [pen.answer(pen.ontology.question("Note"), "A hiring notice.")],
        "relations": [{**relation, "objectId": pen.object_id(), **pen.ontology.tool("one-to-one", "Towing")}],
    }


def _span(pen: Pen, document: Document, title: str, words: str) -> Row:
    before, _, _ = document.text.partition(words)

    def length(text: str) -> int:
        return len(text.encode("utf-16-le")) // 2 if document.counts_utf16 else len(text)

    start = length(before)
    return pen.tool("ner", title, {"start": start, "end": start + length(words), "selection": words})


def _said(pen: Pen, start: float, end: float) -> Row:
    return pen.tool("ner", "Speaker", {"start": start, "end": end})


def _on_page(pen: Pen, document: Document, page: int) -> Row:
    """A line of text on the first page, an area on the second; numbers of a page as it was rendered."""
    across = {"width": PAGE_WIDTH, "height": PAGE_HEIGHT}
    box: dict[str, Any] = {"x1": 72.0, "y1": 90.0 + 400 * page, "x2": 300.0, "y2": 110.0 + 400 * page, **across}
    rects = [box] if page == 0 else []
    content = {"text": document.company} if page == 0 else {"image": "data:image/png;base64,"}
    position = {"boundingRect": box, "rects": rects, "pageNumber": page + 1}
    return pen.tool("pdf", "Supplier", {"position": position, "content": content})


def _sound() -> bytes:
    buffer = BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(RATE)
        sound.writeframes(b"\x80" * (RATE * SECONDS))
    return buffer.getvalue()


def _pdf(text: str) -> bytes:
    """Two empty pages, and the text in the document's information."""
    said = text.encode("utf-16").hex()
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
        *["<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"] * 2,
        f"<< /Title <{said}> >>",
    ]
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + head.encode() + trailer.encode()
