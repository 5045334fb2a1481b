"""The process of a contextual exporter, as the run starts it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from exporters.contextual.exporter import TIME_LIMIT
from flows.child import Child, Tell, run_child
from flows.child_messages import encode
from flows.contextual_environment import withheld
from flows.contextual_messages import End, Job, decode_event


def run_process(job: Job, time_limit: float, tell: Tell, move: Callable[[float], None]) -> End:
    """Run a job; returns how its exporter ended.

    Raises:
        FatalError: it did not end in time, died without a word, or the run is being stopped.
    """
    child: Child[End] = Child(
        command=[sys.executable, "-P", "-m", "flows.contextual_worker"],
        order=encode(job),
        decode=decode_event,
        folder=job.folder,
        shown=f"The exporter {job.exporter}",
        time_limit=time_limit,
        withheld=withheld(reads_store="://" in job.workspace_url, signs="signing_key" in job.options),
        if_too_long=f"mend what it waits for, or allow more with --option {TIME_LIMIT}=…",
    )
    return run_child(child, tell, move)
