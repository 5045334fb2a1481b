"""The guide to writing an exporter, `exporters/README.md`, carried out as it is written."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from exporters import BaseExporter
from exporters.errors import RequestError
from exporters.plugins import load_plugin
from exporters.registries import read_options
from exporters.testing import conformance
from tests.exporters import test_conformance

GUIDE = Path(__file__).parent.parent.parent / "exporters" / "README.md"
FORMAT, FORMAT_TEST = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
HOME = "exporters.formats.corners"

OF_THE_REGISTRY = {
    "test_another_process_gives_the_same_bytes",
    "test_importing_loads_nothing_heavy",
}
"""Promises that are looked at in a process that knows what is built in, and nothing of the example."""
PROMISES = {
    name: promise
    for name, promise in vars(test_conformance).items()
    if name.startswith("test_")
    and name not in OF_THE_REGISTRY
    and not hasattr(promise, "hypothesis")
    and set(inspect.signature(promise).parameters) <= {"exporter", "tmp_path"}
}
"""What the suite demands of any exporter, given one."""


@pytest.fixture
def corners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The guide's format, where the guide says that it goes."""
    path = tmp_path / "corners.py"
    path.write_text(FORMAT)
    spec = importlib.util.spec_from_file_location(HOME, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, HOME, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PROMISES)
def test_the_example_keeps_every_promise(name: str, corners: ModuleType, tmp_path: Path) -> None:
    """The format of the guide passes the suite that all formats pass."""
    promise: Callable[..., Any] = PROMISES[name]
    given: dict[str, BaseExporter[Any] | Path] = {"exporter": corners.CornersExporter(), "tmp_path": tmp_path / "out"}
    (tmp_path / "out").mkdir()
    promise(**{one: given[one] for one in inspect.signature(promise).parameters})


def test_the_suite_is_looked_at() -> None:
    """The promises above are most of the suite's, among them those that the guide tells of."""
    assert len(PROMISES) > 20
    assert {"test_exporter_holds_no_state", "test_hostile_names", "test_options_explain_themselves"} <= PROMISES.keys()


def test_the_example_stands_apart_and_shards_do_not_show(corners: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it declares of itself is so, entry by entry; and cut into shards, it writes the same."""
    exporter = corners.CornersExporter()
    monkeypatch.setattr(test_conformance.registry, "get", lambda _: exporter)
    test_conformance.test_entries_stand_apart_where_that_is_declared("corners", "all")
    test_conformance.test_entries_are_taken_one_at_a_time("corners")
    test_conformance.test_size_of_shards_does_not_show(exporter, 2)
    for shape in ("box", "polygon"):
        test_conformance.test_shape_is_held_or_left_out_by_name(exporter, shape)


def test_its_test_passes(corners: ModuleType) -> None:
    """The test that the guide shows is one, and it passes."""
    tests: dict[str, Any] = {}
    exec(FORMAT_TEST, tests)
    tests["test_boxes_are_given_by_their_corners"]()


def test_its_option_is_one(corners: ModuleType) -> None:
    """The example's own option takes what it says and nothing else."""
    assert read_options(corners.CornersExporter(), {"digits": "0"}).digits == 0  # type: ignore[attr-defined]
    with pytest.raises(RequestError, match="corners does not take digits"):
        read_options(corners.CornersExporter(), {"digits": 10})


def test_it_can_be_a_plugin(tmp_path: Path) -> None:
    """Registered by a plug-in folder, the sharded example loads and passes the tests that plug-ins are given."""
    (tmp_path / "corners.py").write_text(FORMAT)
    (tmp_path / "manifest.json").write_text('{"name": "corners", "version": "1"}')
    (tmp_path / "sync.py").write_text(
        "from .corners import CornersExporter\n\n\n"
        "def init(context):\n    context.register_exports('image', CornersExporter)\n"
    )
    plugin = load_plugin(tmp_path)
    assert plugin.problems == {}
    suite = conformance(plugin.exporter("corners"))()
    for name in dir(suite):
        if name.startswith("test_"):
            getattr(suite, name)()
