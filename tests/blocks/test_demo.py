"""The platform that the demonstration stands up for itself."""

from __future__ import annotations

import errno
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.sandbox.idah import IdahSandbox
from exporters.tally import LeftOut, Tally
from flows import commands, demo, display


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EIO])
def test_an_error_of_the_export_is_not_one_of_the_port(number: int) -> None:
    """What the system says while the platform is up reaches the caller as it is."""
    with pytest.raises(OSError, match="of the body") as caught, demo._platform(1):
        raise OSError(number, "of the body")
    assert caught.value.errno == number


def test_a_port_that_is_taken() -> None:
    """Two demonstrations at once have addresses of their own."""
    with demo._platform(1) as first, demo._platform(1) as second:
        assert first != second


@pytest.mark.parametrize("left_out", [(), (LeftOut(kind="entries", reason="odd", count=1, is_fault=True),)], ids=len)
def test_the_demonstration_tells_of_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: tuple[LeftOut, ...]
) -> None:
    """The demonstration ends with the status of an export: another one where entries were left out by a fault."""

    @contextmanager
    def platform(_: Any, **__: Any) -> Iterator[str]:
        yield "http://127.0.0.1:1"

    summary = SimpleNamespace(
        tally=Tally(left_out=left_out),
        plan=SimpleNamespace(name="name"),
        delivery=SimpleNamespace(export_id="id"),
    )
    monkeypatch.setattr(IdahSandbox, "serve", platform)
    monkeypatch.setattr("flows.plan.check", lambda *_: SimpleNamespace(warnings=()))
    monkeypatch.setattr(commands, "run", lambda *_, **__: summary)
    monkeypatch.setattr(commands, "summary_object", lambda _: {})
    monkeypatch.setattr(display, "summary_text", lambda _: "")
    arguments = Namespace(to=str(tmp_path), workspace=str(tmp_path / "workspace"), entries=1, json=True)
    status, _, _ = demo.demo_command(arguments)
    assert status == (3 if left_out else 0)
