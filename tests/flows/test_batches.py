"""However many shards there are, a step has no more tasks than a person can read in a graph, and is as patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import flow, task
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from exporters import FatalError, RetriableError
from flows import batches
from flows.batches import MOST_TASKS, PATIENT_BATCH, in_batches, one_by_one
from tests.flows.harness import Exports, Platform

Failing = Callable[[dict[int, int]], list[int]]


@given(st.integers(0, 2000), st.integers(1, 7))
def test_batches_have_all_shards_in_their_order(count: int, least: int) -> None:
    """None is lost or twice there, no step has more tasks than are readable, and few shards are not torn apart."""
    made = in_batches(range(count), least)
    assert [one for batch in made for one in batch] == list(range(count))
    assert len(made) <= MOST_TASKS
    assert all(len(batch) >= least for batch in made[:-1])
    assert count > MOST_TASKS * least or all(len(batch) <= least for batch in made)


@pytest.fixture
def many() -> Iterator[Platform]:
    """A platform of 130 entries, each of which is to be a shard."""
    sandbox = IdahSandbox(entries=130, seed=5)
    with sandbox.serve() as url:
        yield Platform(sandbox, IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)))


@pytest.mark.parametrize("media", ["original", "none"])
def test_many_shards_are_few_tasks(exports: Exports, many: Platform, media: str, submitted: Counter[str]) -> None:
    """130 shards, at most 24 tasks of each step; what is delivered is what one shard of all would be."""
    parameters: dict[str, Any] = {"exporter": "coco", "package": "directory", "media": media}
    summary = exports.run(many.source, shard_entries=1, **parameters)
    assert len(summary.plan.shards) == 130
    steps = {"fetch", "media", "transform"} if media != "none" else {"fetch", "transform"}
    assert submitted.keys() == steps
    assert all(12 < count <= MOST_TASKS for count in submitted.values())
    submitted.clear()
    exports.run(many.source, to="other", workspace="new", shard_entries=1000, **parameters)
    assert submitted == dict.fromkeys(steps, 1)
    assert exports.delivered() == exports.delivered("other")


def test_another_format_reads_nothing_and_has_few_tasks(
    exports: Exports, many: Platform, submitted: Counter[str]
) -> None:
    """What was read for one format is counted anew for another in batches, too; the platform is not asked for it."""
    first = exports.run(many.source, shard_entries=1, exporter="coco")
    submitted.clear()
    second = exports.run(many.source, to="other", shard_entries=1, exporter="jsonl")
    assert (second.plan.fresh, second.downloaded_files) == (0, 0) != (first.plan.fresh, first.downloaded_files)
    assert submitted["transform"]
    assert max(submitted.values()) <= MOST_TASKS


@pytest.fixture
def tried(prefect_api: None) -> list[int]:
    """Which shards have been tried, in order."""
    return []


@pytest.fixture
def failing(tried: list[int]) -> Failing:
    """Runs a task over four shards, of which each fails as often as is said."""

    def run(failures: dict[int, int], error: type[Exception] = RetriableError) -> list[int]:
        def work(shard: int) -> int:
            tried.append(shard)
            if tried.count(shard) <= failures.get(shard, 0):
                raise error(f"Shard {shard} does not answer.")
            return shard * 10

        @task(**{**PATIENT_BATCH, "retry_delay_seconds": 0, "retries": 12})
        def step(shards: list[int]) -> list[int]:
            return one_by_one(shards, work)

        @flow
        def whole() -> list[int]:
            made: list[int] = step([0, 1, 2, 3])
            return made

        return whole()

    return run


def test_what_is_done_stays_done(failing: Failing, tried: list[int]) -> None:
    """A further attempt begins at the shard that failed; six failures are no matter while it gets on between."""
    assert failing({1: 3, 3: 3}) == [0, 10, 20, 30]
    assert tried == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3]
    assert not batches._headway


def test_a_shard_that_fails_four_times_fails_its_task(failing: Failing, tried: list[int]) -> None:
    """A platform that is down is not asked for ever, however many shards share a task."""
    with pytest.raises(RetriableError, match="Shard 2 does not answer"):
        failing({2: 100})
    assert tried == [0, 1, 2, 2, 2, 2]
    assert not batches._headway


def test_what_cannot_be_mended_is_tried_once(
    failing: Callable[[dict[int, int], type[Exception]], list[int]], tried: list[int]
) -> None:
    with pytest.raises(FatalError, match="Shard 2 does not answer"):
        failing({2: 100}, FatalError)
    assert tried == [0, 1, 2]
    assert not batches._headway
