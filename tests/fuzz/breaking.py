"""True documents, broken: a few edits, each of a few numbers, so that what fails is made small by Hypothesis.

A document is a set of files by path. What an edit does to a file depends on what it is: values of JSON and words of
other texts are exchanged for strange ones, taken out, doubled or buried; and bytes of any file are flipped, cut off,
repeated and put in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tests.fuzz.breaking_json import JSON
from tests.fuzz.edits import Edit

Files = Mapping[str, bytes]

STRANGE_WORDS: tuple[bytes, ...] = (
    *(b"", b" ", b"0", b"-1", b"1", b"0.5", b"1e308", b"-1e308", b"1e999", b"nan", b"inf", b"-inf", b"NaN", b"1_000"),
    *(
        b"9" * 5000,
        b"1e400000",
        b"2147483648",
        b"9223372036854775808",
        b"18446744073709551616",
        b"0x10",
        b"1.0",
        b"true",
    ),
    *(
        "\uff11\uff12".encode(),
        "²".encode(),
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x1b[31m",
        b"\xe2\x80\xa8",
    ),
    *(b"../../x", b"/etc/passwd", b"C:\\x", b"~", b"null", b"[]", b"{}", b"*x", b"&x", b"!!python/object:os.system"),
    *(b"a,b;c", b"'", b'"', b"<", b">", b"]]>", b"<![CDATA[", b"<!--", b"&lt;", b"&x;", b"&#0;", b"&#xD800;", b"%(x)s"),
    *(
        b"<a>" * 2000,
        b"<a>" * 200 + b"</a>" * 200,
        b"[" * 5000,
        b"- " * 5000,
        b"{a: " * 3000,
        b"x" * 100_000,
        b"1 " * 20_000,
    ),
    *(
        b"\n",
        b"\r",
        b"\n\n\n",
        b"\t",
        b"=",
        b"#",
        b":",
        b": ",
        b"|",
        b"2026-01-01",
        b"12:30:45",
        b"=1+1",
        b"1" + b"0" * 400,
    ),
)
"""To stand where a word or a number of a text stood."""

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    b'<!ENTITY d SYSTEM "file:///etc/passwd">]>'
)


def broken(files: Files, edits: Sequence[Edit]) -> dict[str, bytes]:
    """The document after its edits; as it was where there are none."""
    made = dict(files)
    paths = sorted(made, key=lambda path: (path.endswith((".png", ".jpg")), path))
    for edit in edits:
        path = paths[edit.file % len(paths)]
        made[path] = _broken(path, made[path], edit)
    return made


def _broken(path: str, data: bytes, edit: Edit) -> bytes:
    if path.endswith((".json", ".jsonl")):
        ways: Sequence[Callable[[bytes, Edit], bytes]] = (*JSON * 3, *_BYTES)
    elif path.endswith((".xml", ".txt", ".yaml", ".ini", ".csv", ".data", ".m3u8")):
        ways = (*_TEXT * 2, *_BYTES)
    else:
        ways = _BYTES
    return ways[edit.kind % len(ways)](data, edit)


# -- bytes ------------------------------------------------------------------------------------------------------------


def _place(data: bytes, edit: Edit) -> int:
    return edit.at * len(data) >> 16


def _flip(data: bytes, edit: Edit) -> bytes:
    at = _place(data, edit)
    return data[:at] + bytes([data[at] ^ (1 << edit.what % 8)]) + data[at + 1 :] if data else data


def _cut(data: bytes, edit: Edit) -> bytes:
    return data[: _place(data, edit)]


def _take_out(data: bytes, edit: Edit) -> bytes:
    at = _place(data, edit)
    return data[:at] + data[at + 1 + edit.what % 64 :]


def _repeat(data: bytes, edit: Edit) -> bytes:
    at, size = _place(data, edit), 1 + edit.what % 256
    return data[:at] + data[at : at + size] * 3 + data[at + size :]


def _overwrite(data: bytes, edit: Edit) -> bytes:
    at, piece = _place(data, edit), _NUMBERS_IN_BYTES[edit.what % len(_NUMBERS_IN_BYTES)]
    return data[:at] + piece + data[at + len(piece) :]


def _put_in(data: bytes, edit: Edit) -> bytes:
    at = _place(data, edit)
    return data[:at] + STRANGE_WORDS[edit.what % len(STRANGE_WORDS)] + data[at:]


def _exchange(data: bytes, edit: Edit) -> bytes:
    """A piece of it stands somewhere else."""
    at, to = _place(data, edit), edit.what * len(data) >> 16
    return data[:to] + data[at : at + 64] + data[to + 64 :]


_NUMBERS_IN_BYTES = (
    *(b"\0", b"\xff", b"\0\0", b"\xff\xff", b"\x7f\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"),
    *(
        b"\x80\0\0\0",
        b"\0\0\0\x80",
        b"\xff\xff\xff\x7f",
        b"\x01\0\0\0",
        b"\0\0\0\x01",
        b"\xff" * 8,
        b"\0" * 8,
        b"\0" * 64,
    ),
)
_BYTES = (_flip, _cut, _take_out, _repeat, _overwrite, _put_in, _exchange, _flip)


# -- other texts ------------------------------------------------------------------------------------------------------

_WORD = re.compile(rb"[^\s,;:=\"'<>\[\]{}&/]+")


def _strange_word(data: bytes, edit: Edit) -> bytes:
    words = list(_WORD.finditer(data))
    if not words:
        return data
    word = words[edit.at * len(words) >> 16]
    return data[: word.start()] + STRANGE_WORDS[edit.what % len(STRANGE_WORDS)] + data[word.end() :]


def _moved_word(data: bytes, edit: Edit) -> bytes:
    words = list(_WORD.finditer(data))
    if not words:
        return data
    word, other = words[edit.at * len(words) >> 16], words[edit.what * len(words) >> 16]
    return data[: word.start()] + other[0] + data[word.end() :]


def _removed_line(data: bytes, edit: Edit) -> bytes:
    lines = data.splitlines(keepends=True)
    at = edit.at * len(lines) >> 16
    return b"".join(lines[:at] + lines[at + 1 :])


def _doubled_line(data: bytes, edit: Edit) -> bytes:
    lines = data.splitlines(keepends=True)
    at = edit.at * len(lines) >> 16
    return b"".join(lines[:at] + lines[at : at + 1] * (2 + edit.what % 3) + lines[at + 1 :])


def _with_bomb(data: bytes, edit: Edit) -> bytes:
    return (
        BOMB + data.partition(b"?>")[2].replace(b"car", b"&c;" if edit.what % 2 else b"&d;")
        if data[:1] == b"<"
        else data
    )


_TEXT = (_strange_word, _strange_word, _strange_word, _moved_word, _removed_line, _doubled_line, _with_bomb)
