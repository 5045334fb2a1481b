"""The steps of an export, and how to act in one of them: when it begins, when a file is all but there, when it ends."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args
from unittest.mock import patch

import flows.deliver
from blocks import local_files, storage
from blocks.documents import RECEIPT
from flows.deliver import deliver
from flows.fetch import fetch
from flows.media import fetch_media
from flows.package import make_package
from flows.plan import plan_export
from flows.transform import transform

Step = Literal["plan", "fetch", "media", "transform", "package", "deliver", "receipt"]
When = Literal["begins", "midway", "ends"]
STEPS: tuple[Step, ...] = get_args(Step)
WHENS: tuple[When, ...] = get_args(When)

TASKS: dict[Step, Any] = {
    "plan": plan_export,
    "fetch": fetch,
    "media": fetch_media,
    "transform": transform,
    "package": make_package,
    "deliver": deliver,
}
"""What each is carried out by; the receipt is the end of a delivery."""

_step: ContextVar[str] = ContextVar("_step", default="")
"""That of the thread that asks, or of the one that started it."""


class Once:
    """Calls an action the first time, and never again; `has_acted` says whether it came to that."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self.has_acted = False

    def __call__(self) -> None:
        if not self.has_acted:
            self.has_acted = True
            self._action()


@contextmanager
def at(step: Step, when: When, action: Callable[[], object]) -> Iterator[Once]:
    """Have something done once, in this process, in the first task of a step; it may raise.

    Midway is between the last byte of a file and its name: what is there of it then is whole, and hidden.
    """
    once = Once(action)
    with ExitStack() as patches:
        if step == "receipt":
            patches.enter_context(_at_the_receipt(when, once))
        else:
            patches.enter_context(_at_a_task(step, when, once))
        yield once


def _at_a_task(step: Step, when: When, once: Once) -> ExitStack:
    task, stack = TASKS[step], ExitStack()
    work, into_place = task.fn, local_files.into_place

    @functools.wraps(work)
    def watched(*inputs: Any, **named: Any) -> Any:
        token = _step.set(step)
        try:
            if when == "begins":
                once()
            made = work(*inputs, **named)
            if when == "ends":
                once()
        finally:
            _step.reset(token)
        return made

    def meeting(*files: Any) -> None:
        if when == "midway" and _step.get() == step:
            once()
        into_place(*files)

    stack.enter_context(patch.object(task, "fn", watched))
    for module in (local_files, storage):
        stack.enter_context(patch.object(module, "into_place", meeting))
    return stack


def _at_the_receipt(when: When, once: Once) -> Any:
    """It begins when all else is there, and has ended when nothing points at it yet."""
    if when == "begins":
        return patch.object(flows.deliver, "receipt", _after(once, flows.deliver.receipt))
    if when == "ends":
        return patch.object(flows.deliver, "_point_at", _after(once, flows.deliver._point_at))
    link = local_files.link_unless_taken

    def linking(partial: Any, target: Any, data: bytes) -> None:
        if target.name == RECEIPT:
            once()
        link(partial, target, data)

    return patch.object(local_files, "link_unless_taken", linking)


def _after(once: Once, work: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*inputs: Any, **named: Any) -> Any:
        once()
        return work(*inputs, **named)

    return watched
