"""Playlists of HLS: texts that name the segments of a video, worth nothing when one of these is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from blocks.store import Store, media_path
from exporters.model import Media
from flows.outcomes import Outcome

PLAYLIST = ".m3u8"
MOST_BYTES = 4 << 20
"""A playlist names some 100 bytes for each segment of two seconds; this would be a video of a day."""
MISSING = "its playlist names a file that is not there"


def broken_playlists(
    wanted: Sequence[tuple[str, Media]], found: Mapping[int, Outcome], store: Store
) -> Iterator[tuple[int, str]]:
    """The indexes of fetched playlists that name a file which was not fetched with them, and why that matters."""
    there: defaultdict[str, set[str]] = defaultdict(set)
    for index, outcome in found.items():
        if outcome.file:
            there[outcome.ref].add(wanted[index][1].key)
    for index, outcome in list(found.items()):
        if outcome.file and outcome.key.endswith(PLAYLIST) and outcome.file.size <= MOST_BYTES:
            text = store.storage.read(media_path(outcome.file.sha256)).decode(errors="replace")
            if not set(named(text)) <= there[outcome.ref]:
                yield index, MISSING


def named(playlist: str) -> Iterator[str]:
    """The keys of files beside the playlist that it names: of addresses elsewhere nobody says that we have them."""
    for line in map(str.strip, playlist.splitlines()):
        try:
            address = urlsplit(line)
        except ValueError:  # no address at all, so none of a file here
            continue
        if line and not line.startswith("#") and not address.scheme and not address.netloc:
            yield parse_qs(address.query).get("key", [unquote(address.path.rpartition("/")[2])])[0]
