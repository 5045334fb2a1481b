"""The fault matrix: the platform that is read from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.faults.injectors import source
from tests.faults.moments import Step
from tests.faults.promises import Promise, delivers, fails, leaves_out, refuses
from tests.faults.rows import Row, Section

READS: tuple[Step, ...] = ("plan", "fetch", "media")
LATER = "Run again when the platform is well."
OR_SKIP = "Run again when the platform is well, or with `--on-error skip`."
SKIP = "Run again with `--on-error skip`."
ADDRESS = "Check the address; run again."


def passing(fault: str, kind: str, times: int = 2, **fields: Any) -> Row:
    return Row(fault, source(kind, times, **fields), dict.fromkeys(READS, delivers()))


def lasting(fault: str, kind: str, records: Promise, media: Promise | None = None, *, is_dear: bool = False) -> Row:
    """One that does not end. What the checks refuse is a failure when it comes later."""
    later = replace(records, how="fails")
    return Row(fault, source(kind), {"plan": records, "fetch": later, "media": media or later}, is_dear=is_dear)


def one_file(fault: str, kind: str, reason: str) -> Row:
    return Row(
        f"one file: {fault}, with `--on-error skip`",
        source(kind, is_one_file=True),
        {"media": leaves_out(reason)},
        kinds=("directory",),
        parameters={"on_error": "skip"},
    )


GONE, SHORT, FAILING = (
    r"its media is gone from the platform \(404\)",
    "its media does not arrive in full length",
    "its media keeps failing on its way",
)

PASSING = (
    passing("503, twice", "503"),
    passing("500, twice", "500"),
    passing("408, twice", "408"),
    passing("429 with Retry-After, twice", "429:0"),
    passing("the connection is reset, twice", "reset"),
    passing("silence in the middle of an answer, twice", "stall"),
    passing("an answer is cut off, twice", "truncate"),
    passing("an answer is cut off and its length made to fit, twice", "malformed"),
    passing("an answer is shorter than it says, twice", "wrong_length"),
    passing("bytes without any form, twice", "garbage"),
    passing("a web page of type text/html in place of an answer, twice", "html:200", 1),
    passing("an error page of a proxy, twice", "html:502"),
    passing("an answer without an end, twice", "endless"),
    passing("answers that drip, for as long as it takes", "slow", drip_bytes=2000, drip_seconds=0.005),
    passing("the token expires, twice", "expired"),
)

LASTING = (
    lasting("503, for ever", "503", fails(r"answered 503.*try again later", LATER)),
    lasting("429 with Retry-After, for ever", "429:0", fails(r"answered 429.*try again later", LATER)),
    lasting("the connection is reset, for ever", "reset", fails("broke off the connection", LATER)),
    lasting(
        "silence in the middle of answers, for ever",
        "stall",
        fails("did not answer in time", LATER),
        fails(SHORT, OR_SKIP),
        is_dear=True,
    ),
    lasting("answers are cut off, for ever", "truncate", fails("broke off", LATER), fails(SHORT, OR_SKIP)),
    lasting("bytes without any form, for ever", "garbage", fails("cannot be read", LATER), fails(SHORT, OR_SKIP)),
    lasting(
        "answers without an end, for ever",
        "endless",
        fails("without an end.*try again later", LATER),
        fails(SHORT, OR_SKIP),
    ),
    lasting("401, for ever", "401", refuses("refused the credentials.*make a new one", "Mend the key; run again.")),
    lasting("403", "403", refuses("does not allow this account", "Ask for the right to read; run again.")),
    lasting("404", "404", refuses("has nothing there", ADDRESS), fails(GONE, SKIP)),
    lasting("400", "400", fails(r"answered 400.*report it", "Report it; run again.")),
    lasting("web pages in place of answers, for ever", "html:200", refuses("web page", ADDRESS), fails(SHORT, OR_SKIP)),
    lasting("redirects to a login, for ever", "redirect", refuses("redirects elsewhere", ADDRESS)),
)

ONE_FILE = (
    Row("one file: 404", source("404", is_one_file=True), {"media": fails(GONE, SKIP)}),
    Row(
        "one file: 503, for ever",
        source("503", is_one_file=True),
        {"media": fails("keeps failing.*--on-error skip", OR_SKIP)},
    ),
    one_file("404", "404", GONE),
    one_file("503, for ever", "503", FAILING),
    one_file("the connection is reset, for ever", "reset", FAILING),
    one_file("silence in the middle of it, for ever", "stall", SHORT),
    one_file("it is cut off, for ever", "truncate", SHORT),
    one_file("it is cut off and its length made to fit", "malformed", SHORT),
    one_file("a redirect to a login, for ever", "redirect", FAILING),
    one_file("it has no end", "endless", SHORT),
)

SECTIONS = (
    Section(
        "The platform",
        (*PASSING, *LASTING, *ONE_FILE),
        dict.fromkeys(
            ("transform", "package", "deliver", "receipt"), "nothing is asked of the platform when its files are there"
        ),
    ),
)
