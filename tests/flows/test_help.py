"""What `--help` prints, and what is kept from a terminal."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator

import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

from flows.cli import COMMANDS, make_parser
from flows.settings import prepare


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for group in (one for one in parser._actions if isinstance(one, argparse._SubParsersAction)):
        for command in group.choices.values():
            yield from parsers(command)


@pytest.mark.parametrize("columns", [80, 100])
def test_help_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """No line of any command's help is longer than the terminal, and asking again says the same."""
    monkeypatch.setenv("COLUMNS", str(columns))
    every = list(parsers(make_parser()))
    assert len(every) > len(COMMANDS)
    for parser in every:
        text = parser.format_help()
        assert not [line for line in text.splitlines() if len(line) > columns], parser.prog
        assert parser.format_help() == text


def test_help_explains_the_words_it_uses() -> None:
    """What a SOURCE or a URL is stands below a command that takes one, and below no other."""
    for parser in list(parsers(make_parser()))[1:]:
        usage, text = parser.format_usage(), parser.format_help()
        assert ("\nSOURCE is a saved block" in text) is (" SOURCE" in usage or "[SOURCE" in usage), parser.prog
        assert ("\nURL is a path or" in text) is (" URL" in usage), parser.prog


def test_prefect_does_not_warn_of_what_it_is_about_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a command ends, logs and events still on their way are no news for a terminal; errors of theirs are."""
    monkeypatch.setattr("flows.settings.os.environ", {})
    prepare("work")
    for service in (APILogWorker, EventsWorker):
        logger = logging.getLogger(service.__name__)
        assert not logger.isEnabledFor(logging.WARNING)
        assert logger.isEnabledFor(logging.ERROR)
