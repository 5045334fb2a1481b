"""Callbacks written for Ango Hub's SDK: the rows, the logger and the call that they get, and what they may return."""

from __future__ import annotations

import collections
import copy
import functools
import gc
import io
import itertools
import json
import logging
import pickle
import sys
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.ango.exporting import Export
from exporters.errors import FatalError, OuthaulError
from flows.ango.callback_logger import MAX_TEXT, CallbackLogger
from flows.ango.callbacks import ExportPlugin, ExportResponse, call
from flows.ango.product import Product
from flows.ango.rows import Rows
from tests.blocks.ango.hub import bare, serving

API_KEY, SECRET = "1f0c9a3e-key-of-a-user", "a7d2-secret-of-the-plugin"
EVENT = {
    "projectId": "p1",
    "session": "s1",
    "apiKey": API_KEY,
    "orgId": "o1",
    "runBy": "u1",
    "configJSON": '{"a": 1}',
    "stage": ["Complete"],
    "batches": None,
    "somethingNew": 5,
}


def rows_of(folder: Path, *rows: Any) -> Rows:
    path = folder / "rows.ndjson"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return Rows(path)


@pytest.fixture
def seven(tmp_path: Path) -> Rows:
    return rows_of(tmp_path, *({"n": number, "text": "é" * number} for number in range(7)))


def numbers(rows: Any) -> list[int]:
    return [row["n"] for row in rows]


class Log(CallbackLogger):
    """Keeps what it would tell."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, Any]]] = []
        super().__init__(lambda *line: self.lines.append(line))


def called(callback: Any, folder: Path, *rows: Any, log: Log | None = None, **event: Any) -> Product:
    """What `call` makes of a callback."""
    plugin = ExportPlugin("id", SECRET, callback)
    return call(plugin, EVENT | event, rows_of(folder, *rows), log or Log(), folder)


def returning(value: Any, folder: Path) -> Product:
    return called(lambda data: value, folder)


# -- rows


def test_rows_are_a_list(seven: Rows) -> None:
    """Scripts that take `jsonExport` for a list find its length, its items from either end, and pieces of it."""
    assert (len(seven), bool(seven)) == (7, True)
    assert (seven[3]["n"], seven[-1]["n"], seven[6]["text"]) == (3, 6, "éééééé")
    assert (numbers(seven[2:5]), numbers(seven[::-3]), seven[9:]) == ([2, 3, 4], [6, 3, 0], [])
    assert (numbers(reversed(seven))[:2], seven[2] in seven, seven.index(seven[4])) == ([6, 5], True, 4)
    assert numbers(json.loads(json.dumps(list(seven)))) == list(range(7))
    with pytest.raises(IndexError):
        seven[7]


def test_rows_are_a_generator(seven: Rows) -> None:
    """Scripts that take it for a generator may ask for the next row, and loop over those behind it."""
    assert next(seven)["n"] == 0
    assert next(seven)["n"] == 1
    assert numbers(seven) == [2, 3, 4, 5, 6]
    found = []
    while (row := next(seven, None)) is not None:
        found.append(row["n"])
    assert found == list(range(7))
    assert next(seven, None) is None


def test_a_first_row_is_not_seen_twice(tmp_path: Path) -> None:
    """Where there is one row, a script that took it finds none behind it; where there is none, it finds that out."""
    one = rows_of(tmp_path, {"n": 0})
    assert next(one) == {"n": 0}
    assert list(one) == []
    none = rows_of(tmp_path)
    assert (len(none), bool(none), next(none, "none"), list(none), none[:]) == (0, False, "none", [], [])


def test_every_loop_is_its_own(seven: Rows) -> None:
    """A loop begins with the first row, whatever other loops are at; loops within loops see all pairs."""
    assert numbers(seven) == numbers(seven) == list(range(7))
    assert numbers(itertools.islice(seven, 3)) == [0, 1, 2]
    assert [(a["n"], b["n"]) for a in seven for b in seven] == list(itertools.product(range(7), repeat=2))
    one, other = iter(seven), iter(seven)
    assert [next(one)["n"], next(one)["n"], next(other)["n"], next(one)["n"]] == [0, 1, 0, 2]


def test_rows_go_elsewhere(seven: Rows) -> None:
    """Rows can be copied, pickled for another process, and read by several threads at once."""
    assert numbers(copy.deepcopy({"rows": seven})["rows"]) == numbers(pickle.loads(pickle.dumps(seven)))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(numbers, [seven] * 20)) == [list(range(7))] * 20


def test_rows_between_blank_lines(tmp_path: Path) -> None:
    """Blank lines are no rows, and the last row needs no end of its line."""
    path = tmp_path / "rows"
    path.write_bytes(b'\n{"n":0}\r\n\n \n{"n":1}\n\n{"n":2}')
    rows = Rows(path)
    assert (len(rows), numbers(rows), rows[1], rows[-1]) == (3, [0, 1, 2], {"n": 1}, {"n": 2})


@pytest.mark.parametrize("line", [b"{", b"[1]", b"null", b'{"n":1}{', b"\xff"])
def test_rows_that_are_no_json(tmp_path: Path, line: bytes) -> None:
    """A row that is no JSON object is told by its number, when it is read; the others can be."""
    path = tmp_path / "rows"
    path.write_bytes(b'{"n":0}\n' + line + b'\n{"n":2}\n')
    rows = Rows(path)
    assert (len(rows), rows[2]["n"]) == (3, 2)
    with pytest.raises(FatalError, match="Row 2 of the export is no JSON object"):
        list(rows)


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    """Numbers are those that Python's own reader makes of the line."""
    path = tmp_path / "rows"
    path.write_bytes(b'{"a":12345678901234567890123,"b":1.50,"c":0.1,"d":-0.0,"e":1e300}\n')
    assert str(Rows(path)[0]) == str(json.loads(path.read_text()))


def test_many_rows(tmp_path: Path) -> None:
    """A hundred thousand rows, 20 MB of them, take no more memory than their index: eight bytes each."""
    count, path = 100_000, tmp_path / "rows"
    with path.open("wb") as file:
        for number in range(count):
            file.write(b'{"n":%d,"text":"%s"}\n' % (number, b"x" * 200))
    tracemalloc.start()
    try:
        rows = Rows(path)
        last = collections.deque(rows, maxlen=1)
        assert (last[0]["n"], len(rows), rows[count // 2]["n"]) == (count - 1, count, count // 2)
        assert tracemalloc.get_traced_memory()[1] < count * 8 + 1_000_000
    finally:
        tracemalloc.stop()


def test_an_export_is_called_back_with(tmp_path: Path) -> None:
    """A script for the SDK gets the rows of a real export, signed links and all, and its file is on disk."""

    def callback(data: dict[str, Any]) -> ExportResponse:
        file = io.BytesIO()
        for row in data["jsonExport"]:
            file.write(json.dumps(row).encode() + b"\n")
        assert data["numTasks"] == file.getvalue().count(b"\n")
        data["logger"].info("%d rows", data["numTasks"], format="ndjson")
        return ExportResponse(file=file, file_name="all.ndjson")

    log = Log()
    with serving(6) as hub:
        source = hub.source()
        dataset = hub.dataset(source=source)
        asked = source.wanted_of(dataset, {"stage": ["*"]})
        Export(source.connection(), dataset.id, "p", asked).spill(tmp_path / "rows.ndjson")
        rows = Rows(tmp_path / "rows.ndjson")
        product = call(ExportPlugin("id", SECRET, callback), dict(EVENT), rows, log, tmp_path)
        found = [json.loads(line) for line in product.path.read_text().splitlines()]
        assert [bare(row) for row in found] == [bare(row) for row in hub.rows(stage="[]")]
    assert all("X-Amz-Signature" in row["asset"] for row in found)
    assert log.lines == [(logging.INFO, "6 rows", {"format": "ndjson"})]


# -- calling

ALL = sorted([*EVENT, "jsonExport", "logger", "numTasks"])


def seen(*values: Any) -> bytes:
    return json.dumps(values).encode()


def of_one(data: Any) -> Any:
    return seen(*sorted(data))


def of_one_and_more(data: Any, level: int = 3, *, name: str = "x") -> Any:
    return seen(*sorted(data)) if (level, name) == (3, "x") else b""


def of_none_or_one(data: Any = None) -> Any:
    return seen(*sorted(data))


def of_all(**data: Any) -> Any:
    return seen(*sorted(data))


def of_some(jsonExport: Any, logger: Any, numTasks: int = -1, unknown: int = 7) -> Any:  # noqa: N803
    return seen(list(jsonExport), numTasks, unknown)


def of_some_and_all(projectId: str, jsonExport: Any, **rest: Any) -> Any:  # noqa: N803
    return seen(*sorted([*rest, "projectId", "jsonExport"]))


def of_names_only(*, jsonExport: Any, stage: Any) -> Any:  # noqa: N803
    return seen(stage, len(jsonExport))


def of_one_and_all(data: Any, **rest: Any) -> Any:
    return seen(*sorted(data), *rest)


def of_anything(*args: Any, **kwargs: Any) -> Any:
    return seen(*sorted(args[0]), *kwargs)


async def later(data: Any) -> Any:
    return seen(*sorted(data))


class Callback:
    def __call__(self, data: Any) -> Any:
        return seen(*sorted(data))

    def method(self, **data: Any) -> Any:
        return seen(*sorted(data))

    async def later(self, jsonExport: Any, logger: Any) -> Any:  # noqa: N803
        return seen(len(jsonExport))


@functools.wraps(of_all)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return of_all(*args, **kwargs)


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        (of_one, ALL),
        (of_one_and_more, ALL),
        (of_none_or_one, ALL),
        (of_all, ALL),
        (of_some, [[{"n": 0}], 1, 7]),
        (of_some_and_all, ALL),
        (of_names_only, [["Complete"], 1]),
        (of_one_and_all, ALL),
        (of_anything, ALL),
        (later, ALL),
        (Callback(), ALL),
        (Callback().method, ALL),
        (Callback().later, [1]),
        (wrapped, ALL),
        (functools.partial(of_one_and_more, level=3), ALL),
    ],
)
def test_ways_to_be_called(tmp_path: Path, callback: Callable[..., Any], expected: list[Any]) -> None:
    """One dict, keywords, some of them, methods, coroutines: a callback's parameters tell how it wants its data."""
    assert json.loads(called(callback, tmp_path, {"n": 0}).path.read_bytes()) == expected


def test_what_an_event_is_without(tmp_path: Path) -> None:
    """A callback that names something which the hub did not send gets None for it, or its own default."""

    def callback(jsonExport: Any, batches: Any, configJSON: str = "{}") -> Any:  # noqa: N803
        return seen(batches, configJSON)

    event = {"projectId": "p1", "session": "s1", "apiKey": API_KEY}
    product = call(ExportPlugin("id", SECRET, callback), event, rows_of(tmp_path), Log(), tmp_path)
    assert json.loads(product.path.read_bytes()) == [None, "{}"]


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (lambda rows, log: b"x", r"takes \(rows, log\), which is not what it is given; let it take one dict"),
        (lambda jsonExport, mode: b"x", r"takes \(jsonExport, mode\)"),  # noqa: N803
        (lambda: b"x", r"takes \(\)"),
    ],
)
def test_callbacks_that_cannot_be_called(tmp_path: Path, callback: Any, said: str) -> None:
    """Parameters that fit nothing are named before anything runs, with what there is."""
    with pytest.raises(FatalError, match=said):
        called(callback, tmp_path)


# -- failing


def fails(data: Any) -> Any:
    return int("twelve")


async def fails_later(data: Any) -> Any:
    raise KeyError("task")


def leaves(data: Any) -> Any:
    sys.exit(3)


def tells_the_key(data: Any) -> Any:
    raise RuntimeError(f"GET /v2 with {data['apiKey']} failed.\nMore of it.")


def reads(data: Any) -> Any:
    return json.loads("?")


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (
            fails,
            "ValueError: invalid literal for int() with base 10: 'twelve' (test_ango_callbacks.py, line {})",
        ),
        (fails_later, "KeyError: 'task' (test_ango_callbacks.py, line {})"),
        (leaves, "it called sys.exit(3) (test_ango_callbacks.py, line {})"),
        (tells_the_key, "RuntimeError: GET /v2 with ... failed (test_ango_callbacks.py, line {})"),
        (
            reads,
            "JSONDecodeError: Expecting value: line 1 column 1 (char 0) (test_ango_callbacks.py, line {})",
        ),
    ],
)
def test_callbacks_that_fail(tmp_path: Path, callback: Any, said: str) -> None:
    """What went wrong, and where in the script, is one sentence without keys; the exception itself is its cause."""
    with pytest.raises(FatalError) as caught:
        called(callback, tmp_path)
    assert (
        str(caught.value)
        == f"The callback failed: {said.format(callback.__code__.co_firstlineno + 1)}; correct the script."
    )
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__traceback__ is not None


def test_rows_that_stop_a_callback(tmp_path: Path) -> None:
    """A row that is broken is no fault of the callback, and is told as what it is."""
    with pytest.raises(FatalError, match=r"^Row 1 of the export is no JSON object"):
        called(lambda data: [*data["jsonExport"]], tmp_path, 5)


# -- what is returned


class Foreign:
    """A response of the vendor's, whose class is not ours."""

    def __init__(self, **fields: Any) -> None:
        self.options = object()
        self.__dict__.update(fields)


class Stream:
    """Can be read, once, and nothing else."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [*pieces]

    def read(self, size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def opened(mode: str = "w+b", data: Any = b"abc") -> Any:
    file = tempfile.NamedTemporaryFile(mode)  # noqa: SIM115
    file.write(data)
    return file


@pytest.mark.parametrize(
    "make",
    [
        lambda: ExportResponse(io.BytesIO(b"abc"), "a.zip"),
        lambda: Foreign(file=io.BytesIO(b"abc"), file_name="a.zip", storage_id=None, bucket=None),
        lambda: Foreign(file=io.BytesIO(b"abc"), file_name="a.zip"),
        lambda: ("a.zip", io.BytesIO(b"abc")),
        lambda: ("a.zip", b"abc"),
        lambda: ("a.zip", bytearray(b"abc")),
        lambda: ("a.zip", opened()),
        lambda: ("a.zip", opened("w+", "abc")),
        lambda: ("a.zip", io.StringIO("abc")),
        lambda: ("a.zip", Stream(b"a", b"bc")),
        lambda: ExportResponse(Stream(b"abc"), "a.zip"),
    ],
)
def test_files_that_are_returned(tmp_path: Path, make: Callable[[], Any]) -> None:
    """Whatever holds the bytes of a file may be returned, with its name; it is read from its beginning."""
    product = returning(make(), tmp_path)
    assert (product.name, product.path.read_bytes(), product.path.parent) == ("a.zip", b"abc", tmp_path)
    assert (product.storage_id, product.bucket) == ("", "")


def test_a_buffer_is_taken_whole(tmp_path: Path) -> None:
    """Where a script has stopped writing, or reading, does not matter."""
    buffer = io.BytesIO(b"abcdef")
    buffer.seek(4)
    assert returning(("a", buffer), tmp_path).path.read_bytes() == b"abcdef"
    file = opened()
    file.seek(2)
    assert returning(("a", file), tmp_path).path.read_bytes() == b"abc"


@pytest.mark.parametrize("form", [str, Path])
def test_paths_that_are_returned(tmp_path: Path, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the script's own is used where it lies, and stays; a relative path starts where the script works."""
    own = tmp_path / "own" / "big.zip"
    own.parent.mkdir()
    own.write_bytes(b"abc")
    assert returning(("a.zip", form(own)), tmp_path) == Product(own, "a.zip")
    monkeypatch.chdir(own.parent)
    assert returning(ExportResponse(form("big.zip"), "b.zip"), tmp_path) == Product(own, "b.zip")
    assert own.read_bytes() == b"abc"
    assert not (tmp_path / "product").exists()


def test_files_without_a_name(tmp_path: Path) -> None:
    """A file that is returned alone keeps its name if it has one; else it is called as in the vendor's SDK."""
    own = tmp_path / "big.zip"
    own.write_bytes(b"abc")
    assert returning(own, tmp_path).name == "big.zip"
    with own.open("rb") as file:
        assert returning(file, tmp_path).name == "big.zip"
    for file in (b"abc", io.BytesIO(b"abc"), opened(), ExportResponse(b"abc"), (None, b"abc"), ("", b"abc")):
        assert returning(file, tmp_path).name == "export.json"


def test_where_a_file_goes(tmp_path: Path) -> None:
    """A response says into which storage and bucket its file goes; empty means that it does not."""
    product = returning(ExportResponse(b"abc", "a", storage_id="s", bucket="b", options=object()), tmp_path)
    assert (product.storage_id, product.bucket) == ("s", "b")
    product = returning(ExportResponse(b"abc", "a", storage_id="", bucket=None), tmp_path)
    assert (product.storage_id, product.bucket) == ("", "")


def test_large_files_are_copied_in_pieces(tmp_path: Path) -> None:
    """A file of 64 MB that can only be read takes a few of memory."""
    stream = Stream(*itertools.repeat(bytes(1 << 20), 64))
    tracemalloc.start()
    try:
        assert returning(("a", stream), tmp_path).path.stat().st_size == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, r"returned nothing \(None\); let it return ExportResponse"),
        ({"file": b"x"}, "returned a value of type dict; let it"),
        (3, "returned a value of type int; let it"),
        (("a", b"x", 1), "returned a value of type tuple of 3; let it"),
        (["a", b"x"], "returned a value of type list of 2; let it"),
        (("a", None), r"returned a pair of a name and nothing \(None\); let it"),
        (ExportResponse({"a": 1}, "a"), "returned ExportResponse with a value of type dict; let it"),
        ('{"a": 1}', "returned a text; let it"),
        (("a", "/no/such/file"), r"“/no/such/file” that the callback returned cannot be read \(No such file"),
        (("a", '{"a": 1}' * 999), r"returned cannot be read \(File name too long\)"),
        (("a", "x\0"), "returned cannot be read"),
        (("a", "/"), "returned what is no file but a folder or a device"),
        (("a", "/dev/zero"), "returned what is no file but a folder or a device"),
        (("a", b""), "returned an empty file; let it return a file with something in it"),
        (("a", io.BytesIO()), "returned an empty file"),
        (("a", "/dev/null"), "returned what is no file"),
        (("a", SimpleNamespace(read=lambda size: {1: 2})), r"returned cannot be read \(TypeError: "),
    ],
)
def test_what_cannot_be_returned(tmp_path: Path, value: Any, said: str) -> None:
    """Anything else is refused in one sentence, which says what came back and what may."""
    with pytest.raises(FatalError, match=said) as caught:
        returning(value, tmp_path)
    assert "\n" not in str(caught.value)


def test_files_that_are_closed(tmp_path: Path) -> None:
    """A file that was closed before it was returned is told as that."""
    buffer, file = io.BytesIO(b"abc"), opened()
    buffer.close()
    file.close()
    for one in (buffer, file):
        with pytest.raises(FatalError, match="closed file"):
            returning(("a", one), tmp_path)


def test_full_disks(tiny_disk: Path) -> None:
    """A product that does not fit on the disk says so."""
    plugin, rows = ExportPlugin("id", SECRET, lambda data: ("a", bytes(100_000))), rows_of(tiny_disk, {"n": 0})
    with pytest.raises(OuthaulError, match="no space left for"):
        call(plugin, dict(EVENT), rows, Log(), tiny_disk)
    del rows
    gc.collect()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.zip", "a.zip"),
        ("/etc/passwd.zip", "passwd.zip"),
        ("..\\..\\x.tar.gz", "x.tar.gz"),
        ("folder/", "folder"),
        ("a&project=b#c?d.json", "a-project-b-c-d.json"),
        ("my export\n\x00\u202e.json", "my-export.json"),
        ("straße 日本.ndjson", "straße-日本.ndjson"),
        ("..", "export.json"),
        ("/", "export.json"),
        (" ", "export.json"),
        (".json", "export.json"),
        ("con.json", "~63on.json"),
        ("report.", "report"),
        (Path("x/y.csv"), "y.csv"),
    ],
)
def test_names(tmp_path: Path, given: Any, name: str) -> None:
    """A name is its last part, without what means something in an address or a path, and keeps its extension."""
    assert returning((given, b"x"), tmp_path).name == name


def test_long_names(tmp_path: Path) -> None:
    """A name that no file system takes is cut before its extension."""
    name = returning(("x" * 999 + ".ndjson", b"x"), tmp_path).name
    assert name.startswith("xxx")
    assert name.endswith(".ndjson")
    assert len(name) <= 180


def test_secrets_are_not_shown() -> None:
    """What a plug-in and a response look like tells everything but the secret and the bytes."""
    plugin = ExportPlugin(id="id", secret=SECRET, callback=of_one, host="https://hub.example", version="v2")
    assert repr(plugin) == "ExportPlugin(id='id', callback=of_one, host='https://hub.example', version='v2')"
    assert (plugin.secret, plugin.callback) == (SECRET, of_one)
    assert ExportPlugin("id", SECRET, of_one).host == "https://imeritapi.ango.ai"
    assert repr(ExportResponse(b"bytes", "a.zip", storage_id="s")) == "ExportResponse(bytes, 'a.zip', storage_id='s')"


# -- the logger


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("warning", logging.WARNING),
        ("warn", logging.WARNING),
        ("error", logging.ERROR),
        ("exception", logging.ERROR),
        ("critical", logging.CRITICAL),
        ("fatal", logging.CRITICAL),
    ],
)
def test_levels(method: str, level: int) -> None:
    """Every method of a logger tells its line, whatever the level, formatted, with its keyword arguments beside it."""
    log = Log()
    log.setLevel(logging.CRITICAL)
    getattr(log, method)("%s of %d", "one", 2, entry="e1", extra={"page": 3})
    assert log.lines == [(level, "one of 2", {"entry": "e1", "page": 3})]


def test_levels_by_number_and_name() -> None:
    """`log` takes any level; one that is none does not stop the callback."""
    log = Log()
    log.log(25, "a")
    log.log("error", "b")
    log.log("loud", "c")
    assert log.lines == [(25, "a", {}), (logging.ERROR, "b", {}), (logging.INFO, "c", {})]


def test_traces() -> None:
    """A line about an exception ends with where it came from; of a long one, its end."""
    log = Log()
    try:
        int("twelve")
    except ValueError as error:
        log.exception("failed")
        log.info("again", exc_info=error)
        log.info("x" * (MAX_TEXT - 5), exc_info=True)
    log.exception("nothing was raised")  # noqa: LOG004
    for _, text, extra in log.lines[:2]:
        assert text.splitlines()[1] == "Traceback (most recent call last):"
        assert text.splitlines()[-1] == "ValueError: invalid literal for int() with base 10: 'twelve'"
        assert extra == {}
    assert log.lines[2][1] == "x" * (MAX_TEXT - 5) + "\nlve'"
    assert log.lines[3][1] == "nothing was raised"


class Odd:
    def __str__(self) -> str:
        raise RuntimeError("not even that")


def test_messages_that_do_not_fit() -> None:
    """A message is told as far as it can be: arguments that do not fit stand behind it, long ones are cut."""
    log = Log()
    log.info("%d of %s", "x")  # noqa: PLE1206
    log.info({"a": 1})
    log.info("100%")
    log.info("%(a)s", {"a": 1})
    log.info("x" * (MAX_TEXT + 1))
    log.info("%s", Odd())
    log.info(Odd())
    log.info("half \ud83d")
    texts = [text for _, text, _ in log.lines]
    assert texts[:4] == ["%d of %s x", "{'a': 1}", "100%", "1"]
    assert texts[4:] == ["x" * MAX_TEXT, "%s <Odd>", "<Odd>", "half ?"]


def test_values_that_are_no_json() -> None:
    """What is said beside a line is told as JSON where it is, as text where it is not."""
    log = Log()
    loop: list[Any] = []
    loop.append(loop)
    log.info("a", path=Path("/x"), odd=Odd(), loop=loop, many=["x" * MAX_TEXT], nan=float("nan"), deep={"a": [{1}]})
    (_, _, extra) = log.lines[0]
    assert json.loads(json.dumps(extra, allow_nan=False)) == extra
    assert (extra["path"], extra["odd"], extra["nan"], extra["deep"]) == ("/x", "<Odd>", None, {"a": [[1]]})
    assert (extra["loop"], len(extra["many"])) == ("[[...]]", MAX_TEXT)


def test_a_logger_never_raises(capsys: pytest.CaptureFixture[str]) -> None:
    """A line that cannot be told is lost; the callback goes on, and nothing is printed about it."""

    def broken(level: int, text: str, extra: dict[str, Any]) -> None:
        raise BrokenPipeError

    log = CallbackLogger(broken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.warn("a")  # noqa: G010
        log.info("b", exc_info=5, extra=7, stack_info="?")  # noqa: LOG014
        log.exception(Odd())  # noqa: LOG004
    assert capsys.readouterr() == ("", "")


def test_handlers_of_the_script() -> None:
    """A handler that a script adds hears the lines, too; without one nothing is printed."""
    log, stream = Log(), io.StringIO()
    log.addHandler(logging.StreamHandler(stream))
    log.info("%s", "100%", page=3)
    assert (stream.getvalue(), len(log.lines)) == ("100%\n", 1)


def test_keys_that_scripts_log(tmp_path: Path) -> None:
    """A script that logs all it was given does not show the user's key, nor the plug-in's secret."""

    def callback(data: Any) -> Any:
        data["logger"].info(data)
        data["logger"].info("key", key=data["apiKey"], all={"data": [data["apiKey"]]}, secret=SECRET)
        data["logger"].error("failed", exc_info=RuntimeError(data["apiKey"]))
        return b"x"

    log = Log()
    called(callback, tmp_path, log=log)
    assert len(log.lines) == 3
    assert log.lines[1][2] == {"key": "...", "all": {"data": ["..."]}, "secret": "..."}
    assert API_KEY not in repr(log.lines)
    assert SECRET not in repr(log.lines)
