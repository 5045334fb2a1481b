"""What `exporters.naming` promises: names that are legal everywhere, and never one for two."""

from __future__ import annotations

import itertools
import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters import naming
from tests.conformance.exporters import check_path
from tests.fakes import hostile

ALL_NAMES = (*hostile.NAMES, *hostile.SURROGATES)
UNLIKE = sorted(set(ALL_NAMES))
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

PIECES = st.sampled_from(
    ["a", "b", "A", ".", "..", "/", "~", "~id-", "~h-", "~2e", "~00", "\x00", " ", "con", "1", ".jpg", "é", "e\u0301"]
)
CRAFTED = st.lists(PIECES, max_size=6).map("".join)
"""Names made of what names are escaped with, so that they meet if any do."""
NAMES = st.one_of(CRAFTED, st.text(), st.sampled_from(ALL_NAMES))


def shown(name: str) -> str:
    return ascii(name)[:40]


def check_component(component: str) -> None:
    assert component not in ("", ".", "..")
    assert len(component.encode()) <= 255
    assert not RESERVED.fullmatch(component)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in component)
    assert not set(component) & set('<>:"\\|?*\u202e\u2066\u200b\u2028')
    assert not component.endswith((".", " "))
    assert not component.startswith(" ")


def check_safe(path: str) -> None:
    check_path(path)
    for component in path.split("/"):
        check_component(component)


@pytest.mark.parametrize("name", UNLIKE, ids=shown)
def test_hostile_name_becomes_safe(name: str) -> None:
    """Whatever a thing is called, its path is legal on every system and stays in its folder."""
    check_safe(naming.safe_path(name))


@given(NAMES)
def test_any_name_becomes_safe(name: str) -> None:
    """No text at all makes a path that some system refuses, or that leaves the folder."""
    check_safe(naming.safe_path(name))


@given(NAMES)
def test_any_path_stays_in_its_folder(name: str) -> None:
    """Joined to a folder, by POSIX rules or those of Windows, a safe path lies below it."""
    path = naming.safe_path(name)
    for kind, root in ((PurePosixPath, "/out"), (PureWindowsPath, "C:/out")):
        joined = kind(root) / path
        assert joined.is_relative_to(root)
        assert ".." not in joined.parts


def test_hostile_names_stay_apart() -> None:
    """No two of the hostile names, unlike in any character, get one path."""
    paths = {name: naming.safe_path(name) for name in UNLIKE}
    assert len(set(paths.values())) == len(UNLIKE)


@given(NAMES, NAMES)
def test_unlike_names_get_unlike_paths(one: str, other: str) -> None:
    """Different names give different paths: the rule can be undone."""
    assert (naming.safe_path(one) == naming.safe_path(other)) == (one == other)


def test_crafted_names_stay_apart() -> None:
    """Of all short names made of the characters that escaping is about, no two meet."""
    letters = ("", "~", ".", " ", "/", "\x00", "7", "e", "con")
    names = {"".join(letter) for letter in itertools.product(letters, repeat=4)}
    paths: dict[str, str] = {}
    for name in sorted(names):
        path = naming.safe_path(name)
        assert paths.setdefault(path, name) == name


@pytest.mark.parametrize("name", ["a.jpg", "folder/a.jpg", "Фото 1.jpg", "写真.jpg", "🦖.png", ".hidden", "a b#c'.JPG"])
def test_harmless_name_is_kept(name: str) -> None:
    """A name that is legal everywhere, folders and all scripts included, stays as it is."""
    assert naming.safe_path(name) == name


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a:b.jpg", "a~3ab.jpg"),
        ("~a", "~7ea"),
        ("..", "~2e~2e"),
        ("con.txt", "~63on.txt"),
        ("é\n", "é~0a"),
        ("\u202e", "~e2~80~ae"),
    ],
)
def test_unsafe_character_becomes_its_bytes(name: str, path: str) -> None:
    """An unsafe character becomes a tilde and two hex digits for each of its bytes, as the manifest says."""
    assert naming.safe_path(name) == path


def test_long_name_is_cut_and_keeps_its_extension() -> None:
    """A name of over 180 bytes is cut, gets a digest, and keeps a short extension."""
    path = naming.safe_path("ы" * 200 + ".jpg")
    assert len(path.encode()) <= naming.MAX_BYTES
    assert re.fullmatch(r"ы+~h-[0-9a-f]{16}\.jpg", path)


def test_long_names_that_begin_alike_stay_apart() -> None:
    """Two long names that differ at the end only get different digests."""
    assert naming.safe_path("x" * 300 + "1.jpg") != naming.safe_path("x" * 300 + "2.jpg")


# -- telling apart ----------------------------------------------------------------------------------------------------


@given(NAMES, st.one_of(CRAFTED, st.sampled_from(hostile.IDS)), NAMES)
def test_told_apart_name_never_meets_an_escaped_one(name: str, entry_id: str, other: str) -> None:
    """A name told apart equals no name that some entry could have by itself, not even one that imitates it."""
    marked = naming.told_apart(naming.safe_path(name), entry_id)
    for rival in (other, marked, f"{name}~id-{entry_id}", name.replace(".", f"~id-{entry_id}.")):
        assert naming.meeting_key(marked) != naming.meeting_key(naming.safe_path(rival))


def test_told_apart_name_has_the_id_before_its_extension() -> None:
    """The entry's id stands before the extension, in the same folder."""
    assert naming.told_apart("a/b.c.jpg", "17") == "a/b.c~id-17.jpg"
    assert naming.told_apart("plain", "17") == "plain~id-17"


def test_entries_of_one_name_are_told_apart_by_id() -> None:
    """Entries that share a name get a path each."""
    paths = {naming.meeting_key(naming.told_apart("a.jpg", id_)) for id_ in ("1", "2", "x" * 300, "x" * 301, "ы", "")}
    assert len(paths) == 6


LONG_NAMES = {"short": "a.jpg", "long_extension": "a." + "x" * 170, "long": "x" * 176 + ".jpg", "cut": "ы" * 300}
LONG_IDS = {"short_id": "1", "long_id": "x" * 300, "long_cyrillic_id": "ы" * 200}


@pytest.mark.parametrize("name", LONG_NAMES.values(), ids=LONG_NAMES.keys())
@pytest.mark.parametrize("entry_id", LONG_IDS.values(), ids=LONG_IDS.keys())
def test_told_apart_name_is_short_enough(name: str, entry_id: str) -> None:
    """A name told apart fits a file system, however long the name, its extension and the id are."""
    check_safe(naming.told_apart(naming.safe_path(name), entry_id))


@pytest.mark.parametrize("entry_id", hostile.IDS, ids=shown)
def test_hostile_id_makes_no_folder(entry_id: str) -> None:
    """An entry's id is opaque: slashes and dots in it lead nowhere."""
    marked = naming.told_apart("a.jpg", entry_id)
    check_safe(marked)
    assert "/" not in marked


def test_ids_that_differ_in_case_are_told_apart_on_every_system() -> None:
    """Two entries of one name whose ids differ only in case get paths that differ in more than that."""
    marked = [naming.told_apart("a.jpg", id_).casefold() for id_ in ("5fA1", "5fa1")]
    assert marked[0] != marked[1]


# -- meeting ----------------------------------------------------------------------------------------------------------


def test_paths_that_differ_in_case_meet() -> None:
    """Paths that a file system without case would take for one have one key."""
    assert naming.meeting_key("Train/A.JPG") == naming.meeting_key("train/a.jpg")
    assert naming.meeting_key("ФОТО.jpg") == naming.meeting_key("фото.jpg")


def test_paths_that_differ_in_composition_meet() -> None:
    """Paths that look alike, accents composed or not, are one on a Mac: they have one key."""
    assert naming.meeting_key("caf\u00e9.jpg") == naming.meeting_key("cafe\u0301.jpg")


def test_unlike_paths_do_not_meet() -> None:
    """Paths that no file system confuses have a key each."""
    paths = ["a.jpg", "a.png", "b/a.jpg", "a", "a/b", "ab", "ä.jpg"]
    assert len({naming.meeting_key(path) for path in paths}) == len(paths)


# -- extensions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mime_type", "expected"),
    [
        ("photo", "image/png", "photo.png"),
        ("photo", "image/jpeg", "photo.jpg"),
        ("photo.JPG", "image/png", "photo.JPG"),
        ("photo", None, "photo"),
        ("photo", "application/x-nobody-knows", "photo"),
        ("v1.2/photo", "image/png", "v1.2/photo.png"),
    ],
)
def test_missing_extension_comes_from_the_media_type(name: str, mime_type: str | None, expected: str) -> None:
    """A name without any extension gets that of its media type; one that has an extension keeps it."""
    assert naming.with_extension(name, mime_type) == expected
