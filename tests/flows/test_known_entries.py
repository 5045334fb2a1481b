"""What is known of entries and files is found, whichever order they come in now."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.scratch import scratch_database
from blocks.storage import Storage
from blocks.store import Store
from flows.former_files import CHANGED_IN_PLACE, FormerFiles
from flows.former_files import TABLE as FILES
from flows.index import Member
from flows.known_entries import TABLE, KnownEntries
from flows.ledger import Booked, digest_of
from flows.planned import Former

LISTED = [b"entry %d, version 1" % number for number in range(30)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(Storage(str(tmp_path_factory.mktemp("ledgers"))))


def key_of(line: bytes) -> str:
    return line.split(b",")[0].decode()


def ledger(lines: list[bytes], store: Store) -> Former:
    booked = [Booked(key_of(line), digest_of(line), "", len(line), 0) for line in lines]
    path, sha256 = store.save_lines(map(msgspec.json.encode, booked))
    return Former(listing="", path="", sha256=sha256, ledger=path, entries=len(lines), annotations=0, medias=0)


@settings(derandomize=True, database=None, deadline=None)
@given(
    cut=st.integers(0, 30), gone=st.sets(st.integers(0, 29)), changed=st.sets(st.integers(0, 29)),
    new=st.sets(st.integers(0, 29), max_size=4), seed=st.integers(0, 9),
)  # fmt: skip
def test_an_entry_is_known_by_its_line(
    store: Store, cut: int, gone: set[int], changed: set[int], new: set[int], seed: int
) -> None:
    """Entries that are listed as they were are found where they lie; those that changed or are new are not."""
    formers = [ledger(LISTED[:cut], store), ledger(LISTED[cut:], store)]
    listed = []
    for number, line in enumerate(LISTED):
        listed += [b"new %d, version 1" % number] if number in new else []
        listed += [] if number in gone else [line.replace(b"1", b"2") if number in changed else line]
    if seed == 0:
        random.Random(1).shuffle(listed)
    with scratch_database(TABLE) as database:
        known = KnownEntries(formers, key_of, store, database, are_apart=True)
        for line in listed:
            found = known.find(line)
            number = LISTED.index(line) if line in LISTED else None
            assert (found is None) == (number is None)
            if found and number is not None:
                assert found.place == ((0, number) if number < cut else (1, number - cut))
                assert found.annotations == len(line)


def test_the_latest_has_the_say(store: Store) -> None:
    """An entry that was read again since is known as it was read then."""
    formers = [ledger(LISTED[:3], store), ledger(LISTED[1:2], store)]
    with scratch_database(TABLE) as database:
        known = KnownEntries(formers, key_of, store, database, are_apart=False)
        places = [entry and entry.place for entry in map(known.find, LISTED[:3])]
    assert places == [(0, 0), (1, 0), (0, 2)]


def former_export(folder: Path, files: dict[str, str]) -> Storage:
    storage = Storage(str(folder))
    listed = []
    for path, text in files.items():
        size, sha256 = storage.write(f"name/old/{path}", [text.encode()])
        listed.append(msgspec.json.encode({"path": path, "size": size, "sha256": sha256}).decode())
    manifest = '{\n  "schema": 1,\n  "files": [\n' + ",\n".join(f"    {one}" for one in listed) + "\n  ]\n}\n"
    storage.write("name/old/manifest.json", [manifest.encode()])
    storage.write("name/old/receipt.json", [b"{}"])
    return storage


def member(path: str, text: str, storage: Storage) -> Member:
    size, sha256 = storage.write("probe", [text.encode()])
    return Member(path, size, sha256, 0, ())


@pytest.mark.parametrize("order", ["as it was", "the other way round", "one less", "one more", "renamed"])
def test_a_file_is_found_by_its_content(tmp_path: Path, order: str) -> None:
    """In whatever order and under whatever names an export has the files of the one before, none is sent again."""
    files = {f"images/{number:02}.jpg": f"picture {number}" for number in range(40)}
    storage = former_export(tmp_path / "out", files)
    now = list(files.items())
    if order == "the other way round":
        now.reverse()
    elif order == "one less":
        del now[3]
    elif order == "one more":
        now.insert(3, ("images/02b.jpg", "another"))
    elif order == "renamed":
        now = [(path.replace("images", "pictures"), text) for path, text in now]
    with scratch_database(FILES) as database:
        there = FormerFiles(storage, "name/old", database)
        found = {path: there.find(member(path, text, storage)) for path, text in now}
    was = {text: f"name/old/{path}" for path, text in files.items()}
    assert found == {path: was.get(text) for path, text in now}


def test_many_files_with_other_content_are_looked_for_elsewhere(tmp_path: Path) -> None:
    """A few files that changed in place are sent; when it is many, they may have changed places, and are found."""
    names = [f"images/{number:02}.jpg" for number in range(60)]
    files = {name: f"picture {number}" for number, name in enumerate(names)}
    storage = former_export(tmp_path / "out", files)
    with scratch_database(FILES) as database:
        there = FormerFiles(storage, "name/old", database)
        found = [there.find(member(name, f"picture {59 - number}", storage)) for number, name in enumerate(names)]
    assert found[:CHANGED_IN_PLACE] == [None] * CHANGED_IN_PLACE
    assert found[CHANGED_IN_PLACE:] == [f"name/old/{name}" for name in names[::-1][CHANGED_IN_PLACE:]]
