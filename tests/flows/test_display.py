"""What a person reads on a terminal."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys

import pytest
from rich.console import Console
from rich.progress import Progress

from exporters.tally import LeftOut, Tally
from flows.delivered import Delivery, Summary
from flows.display import Bars, Lines, summary_text
from flows.planned import Plan
from flows.request import Request

DELIVERY = Delivery(
    export_id="e1",
    url="out/street/e1",
    package="street.zip",
    package_bytes=1200,
    package_sha256="",
    moved_files=1,
    moved_bytes=1200,
    link="out/street/e1/street.zip",
    was_there=False,
)
PLAN = Plan(request=Request(), name="street", source={}, datasets="", options={}, where={}, shards=())


def test_each_label_stands_once() -> None:
    """Of what was changed and of what was left out, every line has its count, and the first one the label."""
    tally = Tally(
        changed={"clipped to the picture": 1, "converted: mask to box": 2000},
        left_out=(
            LeftOut(kind="annotations", reason="its box has no extent", count=1),
            LeftOut(kind="entries", reason="it was rejected", count=2),
        ),
    )
    text = summary_text(Summary(plan=PLAN, tally=tally, deliveries=(DELIVERY,), downloaded_files=0, media_bytes=0))
    assert (
        "  changed      1 annotation: clipped to the picture\n"
        "               2,000 annotations: converted: mask to box\n"
        "  left out     1 annotation: its box has no extent\n"
        "               2 entries: it was rejected\n"
    ) in text


def test_what_is_said_is_not_interpreted(capsys: pytest.CaptureFixture[str]) -> None:
    """Long lines, and what looks like markup, arrive as they are; warnings and errors by name."""
    long = "[red]:one: " + "x" * 200
    lines = Lines()
    lines.say("mine", logging.INFO, long)
    lines.say("mine", logging.ERROR, "first\nsecond")
    said = [f"outhaul: mine: {long}", "outhaul: mine: error: first", "outhaul: mine: error: second"]
    assert capsys.readouterr().err.splitlines() == said


def test_nobody_has_to_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is closed, as behind `| head`, what is said is lost and the export goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as broken:
        monkeypatch.setattr(sys, "stderr", broken)
        Lines().say("mine", logging.INFO, "x" * 100_000)
        monkeypatch.undo()
        with contextlib.suppress(BrokenPipeError):
            broken.close()


def test_what_is_said_stands_above_the_bars() -> None:
    """On a terminal it is not written into the bars, and stays when they are gone."""
    written = io.StringIO()
    with Progress(console=Console(file=written, force_terminal=True, width=60), transient=True) as shown:
        bars = Bars(shown)
        bars.expect("fetch", 2)
        bars.say("mine", logging.WARNING, "look here")
        bars.advance("fetch", 1)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue()).replace("\r", "\n")
    assert "outhaul: mine: warning: look here" in plain.split("\n")
