"""Which split an entry belongs to: given by the source, by a tag, or by a hash that is stable from night to night."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable

import msgspec

from exporters.model import Entry
from exporters.naming import meeting_key, safe_component
from exporters.options import ExporterOptions, RecordOptions

_STEPS = 1 << 64


def in_its_split(entry: Entry, options: ExporterOptions) -> Entry:
    """The entry with the split that the options put it into."""
    if not isinstance(options, RecordOptions) or options.split_by == "source":
        return entry
    match options.split_by:
        case "tag":
            tag = entry.attributes.get(options.split_tag)
            split = None if tag in (None, "") else str(tag)
        case "hash":
            split = _by_hash(_group(entry, options.split_group), options.split_ratios)
        case _:
            split = None
    return msgspec.structs.replace(entry, split=split)


def _group(entry: Entry, attribute: str) -> str:
    """What has to stay together: copies of one picture in two splits would let a model be tested on what it learned."""
    if attribute and attribute in entry.attributes:
        return f"group {entry.attributes[attribute]}"
    media = entry.original
    return f"media {media.ref}" if media and media.ref else f"entry {entry.id}"


def _by_hash(group: str, ratios: dict[str, float]) -> str:
    """The split whose stretch of 0..1 the group's hash falls into; stretches lie in the order of the splits' names."""
    at = int.from_bytes(hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[:8]) / _STEPS
    names = sorted(ratios)
    for name, end in zip(names, itertools.accumulate(ratios[name] for name in names), strict=True):
        if at < end:
            return name
    return next(name for name in reversed(names) if ratios[name])  # the shares' sum was rounded below 1


def file_names(splits: Iterable[str]) -> dict[str, str]:
    """For each split a name that is safe in a file name, told apart from one that differs in case alone."""
    safe = {split: safe_component(split) for split in sorted(set(splits)) if split}
    met = Counter(map(meeting_key, safe.values()))
    return {
        split: name if met[meeting_key(name)] == 1 else f"{name}~h-{hashlib.sha256(split.encode()).hexdigest()[:16]}"
        for split, name in safe.items()
    }
