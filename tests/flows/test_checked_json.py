from __future__ import annotations

from pathlib import Path

from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore

from flows.checked_json import CheckedJSON

MADE = {"sha256": "4a7d1ed414474e4033ac29ccb8653d9b", "bytes": 20, "name": "été"}


def test_a_result_that_was_changed_is_no_result(tmp_path: Path) -> None:
    """Whichever byte of its file is not what it was: it is made again, or says what it said."""
    store = ResultStore(result_storage=LocalFileSystem(basepath=str(tmp_path)), serializer=CheckedJSON())
    store.write(MADE, key="made")
    file = tmp_path / "made"
    data, unread = file.read_bytes(), 0
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        found = ResultStore(result_storage=store.result_storage, serializer=CheckedJSON())
        if found.exists("made"):
            assert found.read("made").result == MADE, at
        else:
            unread += 1
    assert unread > len(CheckedJSON().dumps(MADE))


def test_a_result_is_read_as_it_was() -> None:
    """Types that JSON has come back as they were."""
    checked = CheckedJSON()
    assert checked.loads(checked.dumps(MADE)) == MADE
