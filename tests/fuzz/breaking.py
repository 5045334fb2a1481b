"""True documents, broken: a few edits, each of a few numbers, so that what fails is made small by Hypothesis.

A document is a set of files by path. What an edit does to a file depends on what it is: values of JSON and words of
other texts are exchanged for strange ones, taken out, doubled or buried; and bytes of any file are flipped, cut off,
repeated and put in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from hypothesis import strategies as st

Files = Mapping[str, bytes]

_DEEP = 100_000
STRANGE_JSON: tuple[bytes, ...] = (
    *(b"null", b"true", b"false", b"0", b"-1", b"1", b"0.5", b"-0.0", b"1e308", b"-1e308", b"1e999", b"1e-320"),
    *(b"NaN", b"Infinity", b"-Infinity", b"2147483648", b"9223372036854775808", b"18446744073709551616", b"-9e18"),
    *(b"1" + b"0" * 400, b"1" * 5000, b"1000000", b"16777217", b"4294967295", b"1e9", b"3.5", b"1e400000"),
    *(b'""', b'" "', b'"a"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b'"\n"'),
    *(b'"NaN"', b'"1e999"', b'"-5"', b'"0x10"', '"\uff11\uff12"'.encode(), '"²"'.encode(), b'"' + b"9" * 5000 + b'"'),
    *(b'"../../x"', b'"/etc/passwd"', b'"..\\\\x"', b'"C:\\\\x"', b'"\\u202ex"', b'"=1+1"', b'"<script>"', b'"%s{0}"'),
    *(b'"2026-13-45T99:99:99Z"', b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59.999999999+23:59"', b'"30000/0"'),
    *(b'"http://[::1"', b'"http://127.0.0.1:1/x"', b'"data:,x"', b'"AAAA"', b'"/w=="', b'"' + b"x" * 100_000 + b'"'),
    *(b"[]", b"{}", b"[[]]", b"[null]", b'{"":{}}', b"[1e308,1e308]", b"[0,0]", b"[[0,0],[0,0],[0,0]]", b'["a","b"]'),
    *(b"[" * 900 + b"]" * 900, b"[" * _DEEP + b"]" * _DEEP, b"[" * _DEEP, b'{"a":' * 900 + b"1" + b"}" * 900),
    *(
        b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
        b"[" + b"0," * 50_000 + b"0]",
        b"",
        b"x",
        b"'a'",
        b"/*",
        b"[1,]",
        b'{"a":1,}',
    ),
)
"""Fragments of JSON, and of what is none, to stand where a value stood."""

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


class Edit(NamedTuple):
    """`file` and `kind` of breaking are chosen by remainders; `at` is a share of the file in 65536ths."""

    file: int
    kind: int
    at: int
    what: int


_NUMBERS = st.integers(0, (1 << 16) - 1)
EDITS = st.lists(st.builds(Edit, st.integers(0, 15), st.integers(0, 31), _NUMBERS, _NUMBERS), min_size=1, max_size=3)


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
        ways: Sequence[Callable[[bytes, Edit], bytes]] = (*_JSON * 3, *_BYTES)
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


# -- JSON -------------------------------------------------------------------------------------------------------------

_MARK = "\ue000strange\ue000"


def _in_json(change: Callable[[list[_Node], Edit], bytes]) -> Callable[[bytes, Edit], bytes]:
    """A change of values; what is no JSON any more is left as it is."""

    def changed(data: bytes, edit: Edit) -> bytes:
        lines = data.split(b"\n")
        at = edit.at % len(lines)
        if len(lines) == 1 or lines[0].rstrip().endswith((b"{", b"[", b",")):  # one document of several lines
            lines, at = [data], 0
        try:
            holder = [orjson.loads(lines[at])]
            fragment = change(list(_nodes(holder)), edit)
            text = orjson.dumps(holder[0]) if holder else b""
        except (ValueError, TypeError, RecursionError):  # an edit before this one has made it unsound, or deep
            return data
        lines[at] = text.replace(orjson.dumps(_MARK), fragment)
        return b"\n".join(lines)

    return changed


class _Node(NamedTuple):
    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]


def _nodes(holder: Any) -> Iterator[_Node]:
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield _Node(holder, key)
        if isinstance(holder[key], dict | list):
            yield from _nodes(holder[key])


def _chosen(nodes: Sequence[_Node], number: int) -> _Node:
    return nodes[number * len(nodes) >> 16]


@_in_json
def _strange_value(nodes: list[_Node], edit: Edit) -> bytes:
    node = _chosen(nodes, edit.at)
    node.holder[node.key] = _MARK
    return STRANGE_JSON[edit.what % len(STRANGE_JSON)]


@_in_json
def _removed_value(nodes: list[_Node], edit: Edit) -> bytes:
    node = _chosen(nodes, edit.at)
    del node.holder[node.key]
    return b""


@_in_json
def _doubled_value(nodes: list[_Node], edit: Edit) -> bytes:
    """A key that comes twice, the second time with something strange; an item of a list, or all of it, twice."""
    node = _chosen(nodes, edit.at)
    before = orjson.dumps(node.value)
    node.holder[node.key] = _MARK
    after = STRANGE_JSON[edit.what % len(STRANGE_JSON)] if edit.what % 2 else before
    return before + b"," + orjson.dumps(node.key) + b":" + after if isinstance(node.key, str) else before + b"," + after


@_in_json
def _moved_value(nodes: list[_Node], edit: Edit) -> bytes:
    node, other = _chosen(nodes, edit.at), _chosen(nodes, edit.what)
    node.holder[node.key] = orjson.loads(orjson.dumps(other.value))  # a copy: no value holds itself
    return b""


@_in_json
def _buried_value(nodes: list[_Node], edit: Edit) -> bytes:
    node = _chosen(nodes, edit.at)
    before = orjson.dumps(node.value)
    node.holder[node.key] = _MARK
    depth = (1, 2, 40, 200, 1000, 5000)[edit.what % 6]
    return b"[" * depth + before + b"]" * depth if edit.what % 2 else b'{"x":' * depth + before + b"}" * depth


@_in_json
def _other_key(nodes: list[_Node], edit: Edit) -> bytes:
    node = _chosen(nodes, edit.at)
    if isinstance(node.key, str):
        value = node.holder.pop(node.key)
        texts = [one for one in STRANGE_JSON if one[:1] == b'"']
        node.holder[_MARK] = value
        return texts[edit.what % len(texts)]
    return b""


@_in_json
def _larger_number(nodes: list[_Node], edit: Edit) -> bytes:
    numbers = [node for node in nodes if isinstance(node.value, int | float)]
    if numbers:
        node = _chosen(numbers, edit.at)
        node.holder[node.key] = float(node.value) * (1000, -1, 1e9, 0, 1e200, 0.001)[edit.what % 6]
    return b""


_JSON = (
    _strange_value,
    _strange_value,
    _removed_value,
    _doubled_value,
    _moved_value,
    _buried_value,
    _other_key,
    _larger_number,
)


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
