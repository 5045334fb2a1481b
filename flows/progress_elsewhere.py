"""How far tasks of other processes are: nobody hears them at work, so what they did is told when a batch is done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from prefect.futures import PrefectFuture

from flows import progress
from flows.recall import Recalled
from flows.results import FetchedMedia, FetchedShard


def told_when_done(step: str, parameters: dict[str, Any], future: PrefectFuture[Any]) -> None:
    """Tell what a batch of this step was asked to do, once it is done; of one that failed nothing."""

    def tell(done: PrefectFuture[Any]) -> None:
        with suppress(Exception):  # whoever waits for the batch hears of it
            _tell(step, parameters, done.result())

    future.add_done_callback(tell)


def _tell(step: str, parameters: dict[str, Any], made: Any) -> None:
    match step:
        case "fetch":
            _tell_records(made)
        case "media":
            _tell_media(parameters["fetched"].result(), made)
        case "renew":
            recalled: Sequence[Recalled] = made
            _tell_records([one.records for one in recalled])
            _tell_media([one.records for one in recalled], [one.media for one in recalled if one.media])
        case "transform":
            progress.advance("transform", sum(one.fetched.entries for one in parameters["shards"]))


def _tell_records(made: Sequence[FetchedShard]) -> None:
    progress.advance("fetch", sum(one.shard.entries for one in made))
    progress.expect("media", sum(one.medias for one in made))


def _tell_media(fetched: Sequence[FetchedShard], made: Sequence[FetchedMedia]) -> None:
    if made:
        progress.advance("media", sum(one.medias for one in fetched), sum(one.bytes for one in made))
