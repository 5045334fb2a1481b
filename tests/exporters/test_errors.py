"""What `exporters.errors` promises: a tree that callers act by, sentences, and a safe trip between processes."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import exporters
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError, unknown_name

for module in pkgutil.walk_packages(exporters.__path__, "exporters."):
    importlib.import_module(module.name)


def tree(root: type[OuthaulError] = OuthaulError) -> Iterator[type[OuthaulError]]:
    """The class and all that derive from it within `exporters`."""
    yield root
    for derived in root.__subclasses__():
        if derived.__module__.partition(".")[0] == "exporters":
            yield from tree(derived)


def example(error: type[OuthaulError]) -> OuthaulError:
    """An instance with a value for each parameter, told by its annotation."""
    if error.__init__ is Exception.__init__:
        return error("Something happened; do something about it.")
    values: dict[str, Any] = {"int": 7, "float": 2.5}
    parameters = list(inspect.signature(error).parameters.values())
    return error(*(values.get(str(one.annotation).partition(" ")[0], f"the {one.name}") for one in parameters))


@pytest.mark.parametrize("error", list(tree()), ids=lambda error: error.__name__)
def test_error_survives_pickling(error: type[OuthaulError]) -> None:
    """Every error arrives in another process with its type, its text and its attributes."""
    before = example(error)
    after = pickle.loads(pickle.dumps(before))
    assert type(after) is error
    assert str(after) == str(before)
    assert vars(after) == vars(before)
    assert after.args == before.args


@pytest.mark.parametrize("error", list(tree()), ids=lambda error: error.__name__)
def test_error_says_what_the_caller_can_do(error: type[OuthaulError]) -> None:
    """Every error but the root is exactly one of fatal, retriable and skippable."""
    kinds = [issubclass(error, kind) for kind in (FatalError, RetriableError, SkippableError)]
    assert sum(kinds) == (0 if error is OuthaulError else 1)


def test_request_error_is_fatal() -> None:
    """A wrong request is not tried again."""
    assert issubclass(RequestError, FatalError)


def test_retriable_error_knows_its_delay() -> None:
    """A retriable error has the delay that the far end asked for, or None, and keeps it out of its text."""
    assert RetriableError("Busy.", 2.5).delay_seconds == 2.5
    assert RetriableError("Busy.").delay_seconds is None
    assert str(RetriableError("Busy.", 2.5)) == "Busy."


def test_skippable_error_knows_its_entry() -> None:
    """A skippable error has the entry and a reason that many entries can share, and a text with both."""
    error = SkippableError("e17", "its media is gone (404)")
    assert (error.entry_id, error.reason) == ("e17", "its media is gone (404)")
    assert str(error) == "Entry e17 cannot be exported: its media is gone (404)."


def test_skippable_error_tells_its_entry_apart() -> None:
    """Names and numbers of the one entry stand in its sentence, and not in the reason that reports count by."""
    error = SkippableError("e17", "its picture is too large", "its picture a.png has 9 pixels too many")
    assert error.reason == "its picture is too large"
    assert str(error) == "Entry e17 cannot be exported: its picture a.png has 9 pixels too many."


def test_unknown_name_comes_with_the_nearest() -> None:
    """A name that is nearly right is answered with the one that was probably meant."""
    error = unknown_name("format", "cocco", ["coco", "json"])
    assert str(error) == "There is no format 'cocco'; did you mean 'coco'?"
    assert isinstance(error, RequestError)


def test_unknown_name_comes_with_all_there_are() -> None:
    """A name like no other is answered with all there are, sorted, or with the first twelve of many."""
    assert str(unknown_name("format", "zzz", ["json", "coco"])) == "There is no format 'zzz'; there is: coco, json."
    many = str(unknown_name("dataset", "zzz", [f"d{number:02}" for number in range(30)]))
    assert "d11 and 18 more" in many
    assert "d12" not in many


def test_unknown_name_where_there_is_none() -> None:
    """Where nothing can be chosen the refusal says so, and where that is."""
    text = str(unknown_name("option", "size", [], where="the format json"))
    assert text == "There is no option 'size' in the format json; it has none at all, leave it out."
    assert (
        str(unknown_name("dataset", "d", [], if_none="make one"))
        == "There is no dataset 'd'; there is none at all, make one."
    )


def test_unknown_name_comes_with_each_name_once() -> None:
    """What goes by its name as id, too, is named once."""
    assert str(unknown_name("dataset", "x", ["voc", "voc"])) == "There is no dataset 'x'; there is: voc."
