"""A line for each entry of a shard, remembered from run to run: whatever a step found out about entries one by one.

    <folder>/<key>     where the lines of a shard are kept, and where its files are told of that they were made with;
                       `key` is a digest of all that its entries were told

Which entries of a shard are as they were, and where those are found, fetch has written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat

from blocks.storage_errors import translated
from blocks.store import Store
from exporters.version import version_of
from flows.policy import digest
from flows.results import FetchedMedia, FetchedShard
from flows.stretches import Along, of_shard


class EntryLines:
    """Lines of the entries of one shard. Ask for each entry's in its turn."""

    def __init__(
        self, folder: str, fetched: FetchedShard, media: FetchedMedia | None, told: Sequence[object], store: Store
    ) -> None:
        """`told` is all that entries of the shard are told, beside their own content and their files."""
        self._folder, self._fetched, self._told, self._store = folder, fetched, told, store
        self._files = media.path if media else ""
        self._lines = self._remembered()

    def next(self) -> bytes | None:
        """The next entry's; None where it was read anew, a file of it has become another, or nothing is remembered."""
        return next(self._lines, None)

    def keep(self, lines: Iterable[bytes]) -> tuple[str, str]:
        """Remember a line for each entry of the shard; returns where."""
        path, _ = self._store.save_lines(self._all(lines))
        pointer = self._pointer(self._fetched.sha256)
        self._store.storage.write(pointer, [f"{path}\n{self._files}".encode()], durable=False)
        return pointer, path

    def _all(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        # What goes wrong while they are made is about the workspace, not about where lines are put together.
        with translated(self._store.storage.shown):
            yield from lines
        for _ in self._lines:
            pass

    def _remembered(self) -> Iterator[bytes | None]:
        formers = [self._former(former.sha256) for former in self._fetched.shard.formers]
        files = self._there(self._files)
        for stretch in of_shard(self._fetched, self._store):
            now = list(islice(files, stretch.length))
            if stretch.is_fresh:
                yield from repeat(None, stretch.length)
                continue
            former, files_then = formers[stretch.former]
            lines: list[bytes | None] = list(former.take(stretch))
            then = list(files_then.take(stretch))
            if now != then:
                lines = [line if one == two else None for line, one, two in zip(lines, now, then, strict=False)]
            yield from lines
            yield from repeat(None, stretch.length - len(lines))
        for lines_and_files in formers:
            for one in lines_and_files:
                one.finish()

    def _former(self, sha256: str) -> tuple[Along, Along]:
        """What is remembered of the entries of a former shard, and the files that they had."""
        pointer = self._pointer(sha256)
        found = (
            self._store.storage.read(pointer).decode(errors="replace") if self._store.storage.exists(pointer) else ""
        )
        path, _, files = found.partition("\n")
        return Along(self._there(path)), Along(self._there(files))

    def _there(self, path: str) -> Iterator[bytes]:
        return self._store.load_lines(path) if path and self._store.storage.exists(path) else iter(())

    def _pointer(self, sha256: str) -> str:
        return f"{self._folder}/{digest(version_of('outhaul'), sha256, *self._told)}"
