"""Values of JSON exchanged for strange ones, taken out, doubled, moved, buried, and called otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from tests.fuzz.edits import Edit

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


JSON = (
    _strange_value,
    _strange_value,
    _removed_value,
    _doubled_value,
    _moved_value,
    _buried_value,
    _other_key,
    _larger_number,
)
