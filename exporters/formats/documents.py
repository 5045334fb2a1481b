"""JSON as formats write it, whatever a platform put into an attribute."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def json_bytes(value: Any, *, sorts_keys: bool = False) -> bytes:
    """A value as compact JSON; `sorts_keys` of all objects in it.

    Integers of any size are written exactly. NaN and infinities, for which JSON has no number, become null.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sorts_keys else None)
    except TypeError:  # of integers beyond 64 bits; msgspec takes them, but is slower with floats
        return (_encode_sorted if sorts_keys else _encode)(value)
