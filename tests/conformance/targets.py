"""What every place that exports are delivered to promises, and the workspace with it: a `Storage`, wherever it is.

A place joins by inheriting `TargetConformance` and giving one fixture, `case`: how to reach it in our way, and how to
look at it in a way that is not ours.
"""

from __future__ import annotations

import contextlib
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blocks.probing import check_writable
from blocks.storage import Storage
from blocks.target import Target
from exporters.errors import RequestError, RetriableError

MIB = 1 << 20
NAMES = (
    "plain.txt",
    "a/b/c/deep.bin",
    "with blank/and more.txt",
    " leading and trailing ",
    "a#b?c&d=e+f.txt",
    "100%.txt",
    "50%2F51.txt",
    "写真/Фото №1/صورة.jpg",
    "🦖.bin",
    "quote'\".txt",
    "[brackets]{braces}*.txt",
    ".hidden/.file",
    "~tilde",
    "a:b|c<d>.txt",
    "no_extension",
)


@dataclass(frozen=True)
class TargetCase:
    """A place of its own for each test."""

    target: Target
    look: Callable[[], dict[str, bytes]]
    """All files that a reader of the place sees, by path, seen without our code."""
    put: Callable[[str, bytes], None]
    """Writes a file as another machine would: without our code, and without this process knowing of it."""
    uploads: Callable[[], list[Any]] = field(default=list)
    """What is left of uploads that were begun and not ended, and takes up room nobody sees."""
    unreachable: tuple[Target, ...] = ()
    """Targets of this kind that cannot be written to."""


class TargetConformance(ABC):
    largest = 3 * MIB + 1
    names = NAMES

    @pytest.fixture
    @abstractmethod
    def case(self) -> Any:
        """A TargetCase."""

    @pytest.fixture
    def storage(self, case: TargetCase) -> Storage:
        return case.target.storage()

    def test_what_is_written_is_there(self, case: TargetCase, storage: Storage) -> None:
        """A file has the bytes of its chunks in order, and the size and SHA-256 returned are theirs."""
        chunks = [b"one ", b"", b"two ", bytes(range(256)) * 5000]
        written = storage.write("folder/file.bin", iter(chunks))
        data = b"".join(chunks)
        assert written == (len(data), hashlib.sha256(data).hexdigest())
        assert case.look() == {"folder/file.bin": data}
        assert case.target.storage().read("folder/file.bin") == data
        assert b"".join(case.target.storage().stream("folder/file.bin")) == data
        for wrong in (0, 1, len(data) - 1, len(data), len(data) + 1):  # an expectation is no promise
            assert b"".join(storage.stream("folder/file.bin", wrong)) == data
        with storage.open("folder/file.bin") as handle:
            handle.seek(4)
            assert handle.read(4) == b"two "
        assert case.uploads() == []

    def test_empty_files_are_files(self, case: TargetCase, storage: Storage) -> None:
        """A file of no chunks, or of empty ones, is there and is empty."""
        assert storage.write("none", [])[0] == storage.write("empty", [b"", b""])[0] == 0
        assert case.look() == {"none": b"", "empty": b""}
        assert storage.files() == {"none": 0, "empty": 0}
        assert storage.exists("none")
        assert storage.size("none") == 0
        assert storage.read("none") == b"".join(storage.stream("empty")) == b""

    def test_large_files(self, case: TargetCase, storage: Storage) -> None:
        """A file of many chunks is written whole, its size and SHA-256 those of all of it."""
        block = hashlib.sha256(b"block").digest() * (MIB // 32)
        count, rest = divmod(self.largest, MIB)

        def chunks() -> Iterator[bytes]:
            for number in range(count):
                yield number.to_bytes(4, "big") + block[4:]
            yield block[:rest]

        expected = b"".join(chunks())
        written = storage.write("large.bin", chunks(), durable=False)
        assert written == (self.largest, hashlib.sha256(expected).hexdigest())
        assert case.look() == {"large.bin": expected}
        assert hashlib.sha256(b"".join(storage.stream("large.bin"))).hexdigest() == written[1]
        assert case.uploads() == []

    @pytest.mark.parametrize("error", [RetriableError("broke"), KeyboardInterrupt(), ValueError("broke")], ids=repr)
    @pytest.mark.parametrize("bytes_before", [0, 10, 18 * MIB], ids=["at once", "early", "late"])
    def test_a_write_that_fails_leaves_nothing(
        self, case: TargetCase, storage: Storage, error: BaseException, bytes_before: int
    ) -> None:
        """When the chunks end in an error, that error comes out, nothing is to be seen, and no upload stays open."""
        with pytest.raises(type(error)) as caught:
            storage.write("folder/file.bin", _breaking(bytes_before, error))
        assert caught.value is error
        assert case.look() == {}
        assert storage.files() == {}
        assert not storage.exists("folder/file.bin")
        assert case.uploads() == []

    @pytest.mark.parametrize("bytes_before", [0, 10, 18 * MIB], ids=["at once", "early", "late"])
    def test_a_write_that_fails_keeps_what_was_there(
        self, case: TargetCase, storage: Storage, bytes_before: int
    ) -> None:
        """A file that was to be replaced stays whole when the writing fails."""
        storage.write("file.bin", [b"before"])
        with pytest.raises(RetriableError):
            storage.write("file.bin", _breaking(bytes_before, RetriableError("broke")))
        assert case.look() == {"file.bin": b"before"}
        assert storage.write("file.bin", [b"after"])[0] == 5
        assert case.look() == {"file.bin": b"after"}
        assert case.uploads() == []

    def test_nothing_is_seen_before_the_end(self, case: TargetCase, storage: Storage) -> None:
        """While a file is being written a reader sees nothing of it, or all of the one before."""
        seen: list[dict[str, bytes]] = []

        def chunks() -> Iterator[bytes]:
            for _ in range(3):
                yield bytes(6 * MIB)
                found = case.look()
                seen.append({name: data for name, data in found.items() if not name.endswith(".part")})

        storage.write("file.bin", chunks())
        storage.write("file.bin", chunks())
        assert [list(map(len, one.values())) for one in seen] == [[]] * 3 + [[18 * MIB]] * 3

    def test_replacing_is_whole(self, case: TargetCase, storage: Storage) -> None:
        """A file of the same name is replaced, nothing of a longer one before stays."""
        storage.write("file.bin", [bytes(2 * MIB)])
        storage.write("file.bin", [b"short"])
        assert case.look() == {"file.bin": b"short"}

    def test_names_of_any_kind(self, case: TargetCase, storage: Storage) -> None:
        """Each file lies under the very name it was given, and is found, measured, listed and removed under it."""
        for name in self.names:
            storage.write(name, [name.encode()], durable=False)
        assert case.look() == {name: name.encode() for name in self.names}
        assert storage.files() == {name: len(name.encode()) for name in self.names}
        for name in self.names:
            assert (storage.exists(name), storage.size(name)) == (True, len(name.encode()))
            assert storage.read(name) == name.encode()
            storage.remove(name)
            assert not storage.exists(name)
        assert case.look() == {}

    @pytest.mark.parametrize("name", ["../x", "a/../../x", "..", "a/.."])
    def test_no_name_leads_outside(self, case: TargetCase, storage: Storage, name: str, tmp_path: Path) -> None:
        """A name that would lead out of the place is refused by whatever is done with it."""
        (tmp_path / "local").write_bytes(b"x")
        storage.write("a/file", [b"x"])
        attempts: list[Callable[[], Any]] = [
            lambda: storage.write(name, [b"x"]), lambda: storage.create(name, b"x"),
            lambda: storage.move_in(tmp_path / "local", name), lambda: storage.remove(name), lambda: storage.read(name),
            lambda: storage.exists(name), lambda: storage.size(name), lambda: storage.files(name),
        ]  # fmt: skip
        for attempt in attempts:
            with pytest.raises(RequestError, match="would lie outside"):
                attempt()
        with contextlib.suppress(RequestError):  # where there is no copying, it says so whatever the name
            assert not storage.copy("a/file", name)
        assert case.look() == {"a/file": b"x"}

    def test_nothing_is_listed_where_nothing_is(self, storage: Storage) -> None:
        """A folder whose last file has gone has no files."""
        storage.write("a/file", [b"x"])
        storage.remove("a/file")
        assert storage.files() == storage.files("a") == {}

    def test_files_are_listed_below_a_folder(self, storage: Storage) -> None:
        """All files below a folder are listed relative to it, with `/` between folders, in order; others are not."""
        sizes = {"b/2.txt": 2, "a.txt": 1, "b/c/d/3.txt": 3, "b.txt": 4, "bb/5.txt": 5}
        for name, size in sizes.items():
            storage.write(name, [bytes(size)])
        assert list(storage.files().items()) == sorted(sizes.items())
        assert storage.files("b") == {"2.txt": 2, "c/d/3.txt": 3}
        assert storage.files("b/c") == {"d/3.txt": 3}
        assert storage.files("nothing") == {}

    def test_what_is_missing(self, storage: Storage) -> None:
        """A file that is not there has no size, can be removed without harm, and is refused by its name when read."""
        storage.write("there", [b"x"])
        assert not storage.exists("missing")
        assert storage.size("missing") is None
        storage.remove("missing")
        for read in (storage.read, storage.open, lambda name: list(storage.stream(name))):
            with pytest.raises(RequestError, match="missing does not exist"):
                read("missing")

    def test_new_files_are_seen_at_once(self, case: TargetCase) -> None:
        """What another machine writes is seen at once, also where this one has looked before."""
        place = case.target.storage()
        place.write("a/first", [b"xx"])
        assert place.files() == {"a/first": 2}
        assert not place.exists("a/second")
        case.put("a/second", b"x")
        assert (place.exists("a/second"), place.size("a/second"), place.read("a/second")) == (True, 1, b"x")
        assert place.files() == {"a/first": 2, "a/second": 1}

    def test_local_files_are_taken_over(self, case: TargetCase, storage: Storage, tmp_path: Any) -> None:
        """A finished local file can be moved in whole, replacing what was there."""
        for data in (b"first", b"second"):
            local = tmp_path / "spool"
            local.write_bytes(data)
            storage.move_in(local, "a/b/file")
            assert case.look() == {"a/b/file": data}

    def test_trying_out_leaves_nothing(self, case: TargetCase, storage: Storage) -> None:
        """Whether a place can be written to is found out without leaving anything behind."""
        check_writable(storage)
        assert case.look() == {}
        assert case.uploads() == []
        storage.write("file", [b"x"])
        check_writable(storage)
        assert case.look() == {"file": b"x"}

    def test_places_that_cannot_be_written_to(self, case: TargetCase) -> None:
        """A place that cannot be written to is refused before anything else is done, in one sentence."""
        for target in case.unreachable:
            with pytest.raises(RequestError, match="Nothing can be delivered there: ") as caught:
                check_writable(target.storage())
            assert "\n" not in str(caught.value)
            assert "outhaul-probe" not in str(caught.value)


def _breaking(bytes_before: int, error: BaseException) -> Iterator[bytes]:
    for start in range(0, bytes_before, MIB):
        yield bytes(min(MIB, bytes_before - start))
    raise error
