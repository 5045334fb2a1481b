"""Several people's work on one entry: whose annotations are taken, and what is kept of who they were."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from exporters.model import EMPTY, Annotation, Dataset, Entry
from exporters.options import RecordOptions

OTHER_AUTHOR = "its author was not asked for"
OTHER_STAGE = "its stage was not asked for"
EARLIER_WORK = "another person worked on its entry later"


def select(annotations: Iterable[Annotation], options: RecordOptions) -> dict[int, str]:
    """Why annotations are not taken, by their place in the entry."""
    out: dict[int, str] = {}
    rest: dict[int, Annotation] = {}
    for place, annotation in enumerate(annotations):
        if options.authors and annotation.created_by not in options.authors:
            out[place] = OTHER_AUTHOR
        elif options.stages and annotation.stage not in options.stages:
            out[place] = OTHER_STAGE
        else:
            rest[place] = annotation
    if options.annotators == "latest" and len({one.created_by for one in rest.values()}) > 1:
        # Equal times: the later one in the platform's own order.
        last = max(rest.items(), key=lambda pair: (pair[1].updated_at or pair[1].created_at or "", pair[0]))[1]
        out |= {place: EARLIER_WORK for place, one in rest.items() if one.created_by != last.created_by}
    return out


def datasets_as_asked(datasets: Iterable[Dataset], options: object) -> list[Dataset]:
    """The datasets as they may be delivered: under redact=authors without the platform's records, which name people."""
    redacts = isinstance(options, RecordOptions) and "authors" in options.redact
    return [replace(one, raw=EMPTY) if redacts else one for one in datasets]


def without_authors(entry: Entry) -> Entry:
    """The entry without a word of who worked on it: the platform's own records, which tell, go too."""
    return replace(
        entry,
        raw=EMPTY,
        medias=tuple(replace(media, raw=EMPTY) for media in entry.medias),
        annotations=tuple(replace(one, raw=EMPTY, created_by=None) for one in entry.annotations),
    )
