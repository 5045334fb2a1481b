"""fetch: the records of one shard, from the source into the workspace."""

from __future__ import annotations

from collections.abc import Iterator

from prefect import task

from blocks.catalog import AnySource
from blocks.source import Withdrawn
from blocks.store import Store
from blocks.workspace import Workspace
from exporters import FatalError
from exporters.errors import quoted
from exporters.model import Dataset, decode_dataset, encode
from exporters.survey import ShardIndex
from exporters.tally import Counters
from flows import progress
from flows.policy import PATIENT, one_at_a_time
from flows.results import FetchedShard, Plan, ShardPlan


@task(name="fetch", task_run_name="fetch {shard.label}", **PATIENT)
def fetch(shard: ShardPlan, plan: Plan, source: AnySource, workspace: Workspace) -> FetchedShard:
    """Read the entries of a shard with their annotations and media descriptions.

    Holds a few hundred entries at a time. Never taken from a cache: only reading tells whether a platform has changed;
    what is read is kept under a name made of its content, so reading the same again writes nothing.
    """
    store = workspace.open()
    dataset = load_datasets(plan, store)[shard.dataset_index]
    listing = list(store.load_lines(shard.listing))
    exporter = plan.exporter()
    index = ShardIndex(exporter.holds, plan.exporter_options())
    counts = {"entries": 0, "annotations": 0, "medias": 0}
    gone = Counters()

    def lines() -> Iterator[bytes]:
        for entry in source.read(dataset, listing, plan.request.media, plan.where):
            progress.advance("fetch")
            if isinstance(entry, Withdrawn):
                gone.came_in["entries"] += 1
                gone.leave_out("entries", entry.reason, [entry.entry_id])
                continue
            index.add(entry)
            counts["entries"] += 1
            counts["annotations"] += len(entry.annotations)
            counts["medias"] += len(entry.medias)
            yield encode(entry)

    with one_at_a_time("fetch", plan.source):
        path, sha256 = store.save_lines(lines())
    withdrawn = gone.tally()
    read = counts["entries"] + withdrawn.came_in.get("entries", 0)
    if read != shard.entries:
        raise FatalError(
            f"{shard.entries} entries of dataset {quoted(dataset.name)} were listed, but {read} could be "
            f"read; please report this as a fault of the source."
        )
    index_path, _ = store.save_blob(index.to_bytes())
    return FetchedShard(shard=shard, path=path, sha256=sha256, index=index_path, withdrawn=withdrawn, **counts)


def load_datasets(plan: Plan, store: Store) -> list[Dataset]:
    return [decode_dataset(line) for line in store.load_lines(plan.datasets)]
