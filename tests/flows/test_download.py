"""Files on their way into the store: whole or not there, gone on with where they broke off, given up with a reason."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from blocks import http
from blocks.pictures import ends_as_begun, is_cut_off
from blocks.source import CannotResumeError, MediaReader
from blocks.storage import Storage
from blocks.store import Store, media_path
from exporters.errors import FatalError, OuthaulError, RetriableError, SkippableError
from exporters.model import Media
from flows.download import Download
from flows.media import Fetching
from flows.playlists import MISSING, named


def picture(form: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    noise = Image.effect_noise((160, 120), 90).convert("RGB")
    noise.save(buffer, form, **options)
    return buffer.getvalue()


PICTURE = picture()


class Reader(MediaReader):
    """Sends files in small chunks; `cuts` says, for each attempt, after how many bytes it breaks off (None: never)."""

    def __init__(self, files: dict[str, bytes | OuthaulError], *cuts: int | None, resumes: bool = False) -> None:
        self.files, self.cuts, self.resumes = files, list(cuts), resumes
        self.begun: list[tuple[str, int]] = []

    async def read(self, media: Media) -> AsyncIterator[bytes]:
        async for chunk in self._send(media, 0):
            yield chunk

    async def resume(self, media: Media, offset: int) -> AsyncIterator[bytes]:
        if not self.resumes:
            raise CannotResumeError("no")
        async for chunk in self._send(media, offset):
            yield chunk

    async def _send(self, media: Media, offset: int) -> AsyncIterator[bytes]:
        self.begun.append((media.id, offset))
        await asyncio.sleep(0)
        data = self.files[media.ref]
        if isinstance(data, OuthaulError):
            raise data
        cut = self.cuts.pop(0) if self.cuts else None
        end = len(data) if cut is None else min(offset + cut, len(data))
        for start in range(offset, end, 1000):
            yield data[start : min(start + 1000, end)]
        if cut is not None:
            raise RetriableError("it broke off")


def media(ref: str = "a.jpg", size: int | None = len(PICTURE), **more: Any) -> Media:
    return Media(id=ref, name=ref, ref=ref, size=size, mime_type="image/jpeg", **more)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Storage(str(tmp_path / "workspace")))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.001)


def fetch(reader: Reader, one: Media, store: Store) -> bytes:
    file = asyncio.run(Download(one, "ab" * 32, reader, store).run())
    assert store.known_media("ab" * 32) == file
    return store.storage.read(media_path(file.sha256))


def left_over(store: Store) -> list[Path]:
    return list(store.spool_folder().iterdir())


def test_a_file_goes_on_where_it_broke_off(store: Store) -> None:
    """Where the far end can, only what is missing is sent again, and the file is the same."""
    reader = Reader({"a.jpg": PICTURE}, 3000, 2000, resumes=True)
    assert fetch(reader, media(), store) == PICTURE
    assert [offset for _, offset in reader.begun] == [0, 3000, 5000]
    assert left_over(store) == []


def test_a_file_starts_over_where_it_must(store: Store) -> None:
    """Where the far end sends files from their beginning only, nothing of a former attempt is left in the file."""
    reader = Reader({"a.jpg": PICTURE}, 3000, 2000, 1000)
    assert fetch(reader, media(), store) == PICTURE
    assert [offset for _, offset in reader.begun] == [0, 0, 0, 0]


def test_a_picture_whose_books_are_wrong(store: Store) -> None:
    """A picture that ends where it must, twice at the same byte, is whole, though more bytes were announced."""
    length = len(PICTURE)
    assert fetch(Reader({"a.jpg": PICTURE}, length, length), media(size=length + 64), store) == PICTURE
    assert fetch(Reader({"a.jpg": PICTURE}), media(size=length + 64), store) == PICTURE


def test_a_file_that_is_shorter_than_announced(store: Store) -> None:
    """A file that has no end of its own to go by, and always breaks off at the same byte, cannot be had."""
    reader = Reader({"a.jpg": b"x" * 5000}, *[4000] * http.ATTEMPTS)
    with pytest.raises(SkippableError, match="does not arrive in full length"):
        fetch(reader, media(size=5000), store)
    assert len(reader.begun) == http.ATTEMPTS
    assert left_over(store) == []


def test_a_cut_picture_is_no_picture(store: Store) -> None:
    """A picture that the platform calls whole, but which ends too early, does not come as a whole one."""
    cut = PICTURE[:-200]
    reader = Reader({"a.jpg": cut})
    with pytest.raises(SkippableError, match="does not arrive in full length"):
        fetch(reader, media(size=len(cut)), store)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_pictures_end_as_they_begin(form: str, tmp_path: Path) -> None:
    """Every kind of picture is known by its end; one that is cut in the middle is known to be cut."""
    data = picture(form)
    assert ends_as_begun(data[:16], data[-16:], len(data)) is True
    cut = data[: len(data) // 2]
    assert ends_as_begun(cut[:16], cut[-16:], len(cut)) is False
    (tmp_path / "cut").write_bytes(cut)
    assert is_cut_off(tmp_path / "cut")
    (tmp_path / "whole").write_bytes(data)
    assert not is_cut_off(tmp_path / "whole")


def test_what_follows_a_picture_does_no_harm(store: Store) -> None:
    """Bytes behind the end of a picture, as cameras leave them, are part of the file."""
    data = PICTURE + b"\x00maker note" * 20
    assert fetch(Reader({"a.jpg": data}), media(size=len(data)), store) == data


# Many files


class Work(Fetching):
    """The fetching of files from one reader."""

    reader: Reader

    async def begin(self, connections: int) -> None:
        await self.run(self.reader, connections)


def fetching(reader: Reader, medias: Sequence[Media], store: Store, *, on_error: str, choice: str = "original") -> Work:
    request = SimpleNamespace(on_error=on_error, media=choice)
    plan = cast("Any", SimpleNamespace(request=request, source={"platform": "test"}))
    work = Work([(f"entry of {one.id}", one) for one in medias], plan, store)
    work.reader = reader
    return work


FAILING = RetriableError("The platform answered 503.")


def test_a_file_that_keeps_failing_is_left_out(store: Store) -> None:
    """A file that fails over and over while others come is left out under `skip`, for a reason of its own."""
    files: dict[str, bytes | OuthaulError] = {f"{n}.jpg": PICTURE for n in range(9)}
    files["4.jpg"] = FAILING
    work = fetching(Reader(files), [media(name) for name in files], store, on_error="skip")
    asyncio.run(work.begin(4))
    missing = [one.ref for one in work.outcomes.values() if one.missing]
    assert missing == ["4.jpg"]
    assert work.outcomes["4.jpg", ""].missing == "its media keeps failing on its way"


def test_a_file_that_keeps_failing_is_named(store: Store) -> None:
    """Under `fail` the entry and its file are named, with what the platform said."""
    files: dict[str, bytes | OuthaulError] = {"a.jpg": PICTURE, "b.jpg": FAILING}
    work = fetching(Reader(files), [media(name) for name in files], store, on_error="fail")
    with pytest.raises(RetriableError, match=r"Entry entry of b\.jpg .* keeps failing \(The platform answered 503"):
        asyncio.run(work.begin(2))


def test_a_platform_that_is_down_costs_no_entries(store: Store) -> None:
    """When nothing comes any more, the platform is down: that is an error, and no file is taken for missing."""

    class Dying(Reader):
        def _send(self, media: Media, offset: int) -> AsyncIterator[bytes]:
            if len(self.begun) > 20:
                self.files = dict.fromkeys(self.files, FAILING)
            return super()._send(media, offset)

    files: dict[str, bytes | OuthaulError] = {f"{n}.jpg": PICTURE for n in range(60)}
    work = fetching(Dying(files), [media(name) for name in files], store, on_error="skip")
    with pytest.raises(RetriableError, match="answered 503"):
        asyncio.run(work.begin(4))


def test_a_playlist_without_one_of_its_segments(store: Store) -> None:
    """A playlist that names a file beside it which did not come is broken: its entry is not exported with it."""
    playlist = b"#EXTM3U\n#EXTINF:2,\n720p_00000.ts\n720p_00001.ts\n"
    whole = [Media(id=key, name=key, ref="r", key=key) for key in ("720p.m3u8", "720p_00000.ts", "720p_00001.ts")]
    for medias, expected in ((whole[:2], [MISSING, ""]), (whole, ["", "", ""])):
        work = fetching(Reader({"r": playlist}), medias, store, on_error="skip", choice="all")
        asyncio.run(work.begin(1))
        assert [one.missing for one in work.outcomes.values()] == expected


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("720p_00000.ts", ["720p_00000.ts"]),
        ("# a comment", []),
        ("", []),
        ("/api/v1/media/medias/files/r.mov/240p_00001.ts", ["240p_00001.ts"]),
        ("r.mov?key=a%2Fb.ts", ["a/b.ts"]),
        ("name%20with%20spaces.ts", ["name with spaces.ts"]),
        ("https://cdn.example.org/x.ts", []),
    ],
)
def test_what_a_playlist_names(line: str, keys: list[str]) -> None:
    """Addresses beside the playlist are read as the keys they stand for; those of other hosts are nobody's."""
    assert list(named(line)) == keys


def test_nothing_may_be_missing(store: Store) -> None:
    """Under `fail`, a file that is gone ends the run with the entry's name and what to do."""
    gone = SkippableError("m", "its media is gone from the platform (404)")
    work = fetching(Reader({"a.jpg": gone}), [media()], store, on_error="fail")
    with pytest.raises(FatalError, match=r"entry of a\.jpg .*gone from the platform \(404\).*--on-error skip"):
        asyncio.run(work.begin(1))
