"""The fault matrix: buckets that exports are delivered to."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.fakes.s3_proxy import How, S3Request, S3Trouble
from tests.faults.injectors import s3
from tests.faults.moments import Step
from tests.faults.promises import Promise, delivers, fails, refuses
from tests.faults.rows import Row, Section
from tests.faults.table_target import BEFORE, LATER, RIGHTS
from tests.faults.world import Kind


class Request(NamedTuple):
    """What the store is asked for: how people call it, and what of it the trouble is about."""

    name: str
    kind: S3Request
    step: Step = "deliver"
    package: Kind = "S3 zip"
    about: str = ""


class Answer(NamedTuple):
    """What comes of it."""

    said: str
    how: How
    status: int = 503
    code: str = "SlowDown"


FILE = Request("a file", "PUT", package="S3 directory", about="images/")
BEGINNING = Request("an upload's beginning", "UPLOAD")
PART = Request("a part of an upload", "PART")
END = Request("an upload's end", "COMPLETE")
LOOK = Request("a look at a file", "HEAD", about=r"\.zip$")
LISTING = Request("a listing", "LIST", package="S3 directory", about="images/")
PROBE = Request("trying to write", "PUT", "plan", about="probe")
RECEIPT = Request("the receipt", "CREATE", "receipt", "S3 directory", "receipt")
UPLOADS = (FILE, BEGINNING, PART, END)

BUSY = Answer("answers 503 SlowDown", "answers")
BROKEN = Answer("answers 500 InternalError", "answers", 500, "InternalError")
DENIED = Answer("answers 403 AccessDenied", "answers", 403, "AccessDenied")
NO_BUCKET = Answer("answers 404 NoSuchBucket", "answers", 404, "NoSuchBucket")
RESETS = Answer("resets the connection", "resets")
TAKES = Answer("takes it and resets the connection", "takes and resets")
BREAKS_OFF = Answer("breaks off its answer", "breaks off")
LOSES = Answer("says it has it, and has not", "loses")
SLOW = Answer("is slow", "is slow")
LAGS = Answer("does not know of it yet", "lags")
NONSENSE = Answer("talks nonsense", "talks nonsense")
ANSWERS = (BUSY, BROKEN, RESETS, TAKES, BREAKS_OFF)


def once(request: Request, answer: Answer) -> Row:
    return _row(request, answer, delivers(), 1)


def for_ever(request: Request, answer: Answer, promise: Promise) -> Row:
    return _row(request, answer, promise, None)


def _row(request: Request, answer: Answer, promise: Promise, times: int | None) -> Row:
    about = "" if request is LISTING and answer is not LAGS else request.about
    fields: dict[str, Any] = {"status": answer.status, "code": answer.code, "about": about, "times": times}
    fault = f"{request.name}: the store {answer.said}, {'once' if times else 'for ever'}"
    return Row(fault, s3(S3Trouble(request.kind, answer.how, **fields)), {request.step: promise}, (request.package,))


BUSY_FOR_EVER = fails(r"failed \(SlowDown\); try again later", LATER)
REFUSED = fails("check the rights", RIGHTS)
HAS_NONE = fails("the target has none.*try again later", LATER)

ROWS = (
    *(once(request, answer) for request in UPLOADS for answer in ANSWERS),
    *(once(request, LOSES) for request in (FILE, PART, END)),
    *(for_ever(request, BUSY, BUSY_FOR_EVER) for request in UPLOADS),
    *(for_ever(request, RESETS, fails("cannot be reached", LATER)) for request in UPLOADS),
    *(for_ever(request, DENIED, REFUSED) for request in UPLOADS),
    for_ever(FILE, LOSES, HAS_NONE),
    for_ever(FILE, SLOW, delivers()),
    for_ever(PART, SLOW, delivers()),
    for_ever(LISTING, LAGS, delivers()),
    once(LISTING, BUSY),
    once(LISTING, NONSENSE),
    once(LOOK, LAGS),
    once(LOOK, BUSY),
    once(LOOK, RESETS),
    for_ever(LOOK, LAGS, HAS_NONE),
    for_ever(LOOK, BUSY, fails("try again later", LATER)),
    once(PROBE, BUSY),
    for_ever(PROBE, BUSY, refuses(r"Nothing can be delivered there.*SlowDown", LATER)),
    for_ever(PROBE, DENIED, refuses("Nothing can be delivered there.*AccessDenied", RIGHTS)),
    for_ever(
        PROBE, NO_BUCKET, refuses("Nothing can be delivered there.*does not exist", "Make the bucket; run again.")
    ),
    *(once(RECEIPT, answer) for answer in (*ANSWERS, LOSES)),
    for_ever(RECEIPT, DENIED, REFUSED),
    for_ever(RECEIPT, BUSY, fails("try again later", LATER)),
    for_ever(RECEIPT, LOSES, HAS_NONE),
)

SECTIONS = (Section("A bucket as target", ROWS, BEFORE),)
