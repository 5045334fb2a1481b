"""transform: the entries of one shard into the parts that the package will be made of."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import msgspec
from prefect import task

from blocks.storage_errors import translated
from blocks.workspace import Workspace
from exporters import Shard, registry
from exporters.model import Media, decode_entry
from exporters.survey import Placement
from exporters.upright import MediaFile
from flows import progress
from flows.fetch import load_datasets
from flows.media import load_outcomes
from flows.policy import PATIENT, by_content, digest
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Part, Plan

_decode_placement = msgspec.json.Decoder(Placement).decode


def facts(task: dict[str, Any]) -> list[Any]:
    """All that the parts of a shard depend on."""
    request, media = task["plan"].request, task["media"]
    exporter = [request.exporter, registry.get(request.exporter).version, task["plan"].options]
    fetched = [task["fetched"].sha256, media and media.sha256, task["placement"]]
    dataset = [task["plan"].datasets, task["fetched"].shard.dataset_index]
    return [metadata.version("outhaul"), *fetched, *dataset, *exporter, request.media, request.on_error]


@task(
    name="transform",
    task_run_name="transform {fetched.shard.label}",
    cache_policy=by_content(facts),
    persist_result=True,
    result_serializer="json",
    **PATIENT,
)
def transform(
    fetched: FetchedShard, media: FetchedMedia | None, placement: str, plan: Plan, workspace: Workspace
) -> ConvertedShard:
    """Run the exporter over a shard. Holds one entry at a time; a pure function of what was fetched."""
    key = digest(*facts({"fetched": fetched, "media": media, "placement": placement, "plan": plan}))
    store = workspace.open()
    exporter = registry.get(plan.request.exporter)
    outcomes = load_outcomes(media.path, store) if media else {}

    def file_of(one: Media) -> MediaFile | str:
        return outcomes[one.ref, one.key]

    with (
        translated(store.storage.shown),
        tempfile.TemporaryDirectory(dir=store.spool_folder()) as folder,
        ExitStack() as open_parts,
    ):
        parts = _Parts(Path(folder), open_parts)
        shard = Shard(
            exporter,
            exporter.options.model_validate(plan.options),
            _decode_placement(store.storage.read(placement)),
            dataset=load_datasets(plan, store)[fetched.shard.dataset_index],
            media=plan.request.media,
            files=file_of if media else None,
            skips_faults=plan.request.on_error == "skip",
            append=parts.append,
        )

        def entries() -> Iterator[bytes]:
            for line in store.load_lines(fetched.path):
                progress.advance("transform")
                yield line

        members, _ = store.save_lines(map(msgspec.json.encode, shard.run(map(decode_entry, entries()))))
        open_parts.close()
        tally = shard.counters.tally()
        tally.check(f"shard {fetched.shard.label}")
        saved = {}
        for number, (name, (local, sha256)) in enumerate(sorted(parts.digests().items())):
            path = f"parts/{key[:2]}/{key}/{number}"
            store.storage.move_in(local, path)
            saved[name] = Part(path=path, sha256=sha256)
    return ConvertedShard(parts=saved, members=members, tally=tally)


class _Parts:
    """The parts of a shard while they are written: a local file each, opened when it is first needed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._files: dict[str, IO[bytes]] = {}
        self._digests: dict[str, Any] = {}

    def append(self, part: str, data: bytes, separator: bytes) -> None:
        if part not in self._files:
            path = self._folder / str(len(self._files))
            self._files[part] = self._stack.enter_context(path.open("wb"))
            self._digests[part] = hashlib.sha256()
            separator = b""
        for piece in (separator, data):
            self._files[part].write(piece)
            self._digests[part].update(piece)

    def digests(self) -> dict[str, tuple[Path, str]]:
        """The file of each part, and its SHA-256."""
        return {part: (Path(file.name), self._digests[part].hexdigest()) for part, file in self._files.items()}
