"""Plug-ins in a folder, and jobs for the process that runs their exporters: no Prefect, no platform."""

from __future__ import annotations

import hashlib
import json
import textwrap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from blocks.storage import Storage
from blocks.store import Store, media_key
from exporters import registry
from exporters.model import Entry, encode
from exporters.pictures.upright import MediaFile
from flows.contextual_messages import Delayed, Done, FetchedEntries, Job
from flows.contextual_process import run_process
from flows.outcomes import Outcome
from tests.fakes.datasets import dataset, entry, media_bytes

SYNC = "from .export import Mine\n\n\ndef init(context):\n    context.register_exports(['idah-image', 'image'], Mine)\n"


@dataclass
class Plugs:
    """Makes plug-in folders below `home`, each with one exporter."""

    home: Path

    def __call__(self, body: str, name: str = "mine", head: str = "") -> None:
        """An exporter whose `export(self, context)` has this body, and whose module begins with this head."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text(json.dumps({"name": name, "version": "1.0.0"}))
        (folder / "sync.py").write_text(SYNC)
        (folder / "export.py").write_text(
            f"import json, os, sys, time\nfrom pathlib import Path\n{textwrap.dedent(head)}\n"
            f"class Mine:\n    name = {name!r}\n    description = 'A test.'\n    options = globals().get('Options')\n"
            f"    def export(self, context):\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n"
        )
        registry.reload()


@dataclass
class Ran:
    """What a process said, and how it ended."""

    end: Done | Delayed | Any = None
    said: list[tuple[int, str]] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)


def job(folder: Path, entries: Sequence[Entry] = (), name: str = "mine", **changes: Any) -> Job:
    """A job over fetched entries of one dataset, by default two; everything lies below `folder`."""
    entries = entries or (entry("e1"), entry("e2"))
    store = Store(Storage(str(folder / "workspace")))
    shard, _ = store.save_lines(map(encode, entries))
    datasets, _ = store.save_lines([encode(dataset())])
    outcomes, _ = store.save_lines(
        msgspec.json.encode([_outcome(media, store) for media in one.medias]) for one in entries
    )
    place = folder / "place"
    place.mkdir()
    fetched = FetchedEntries(
        dataset_index=0,
        path=shard,
        outcomes=outcomes,
        entries=len(entries),
        annotations=sum(len(one.annotations) for one in entries),
        medias=sum(len(one.medias) for one in entries),
    )
    facts: dict[str, Any] = {
        "exporter": name,
        "code_digest": registry.code_digest(name),
        "written_as": ("nowhere", "Mine"),
        "options": {},
        "workspace_url": str(folder / "workspace"),
        "workspace_options": {},
        "datasets": datasets,
        "shards": (fetched,),
        "media": "original",
        "skips_faults": False,
        "folder": str(place),
    }
    return Job(**(facts | changes))


def run(made: Job, time_limit: float = 60) -> Ran:
    """Run a job in its process."""
    ran = Ran()
    ran.end = run_process(made, time_limit, lambda line: ran.said.append((line.level, line.text)), ran.moved.append)
    return ran


def _outcome(media: Any, store: Store) -> Outcome:
    data = media_bytes(media)
    sha256 = hashlib.sha256(data).hexdigest()
    file = MediaFile(sha256=sha256, size=len(data), crc32=zlib.crc32(data), width=media.width, height=media.height)
    local = store.spool_folder() / sha256
    local.write_bytes(data)
    store.keep_media(media_key("test", media.ref), local, file)
    local.unlink(missing_ok=True)
    return Outcome(ref=media.ref, key=media.key, file=file)
