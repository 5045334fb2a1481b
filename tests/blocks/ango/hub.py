"""What the tests of Ango Hub share: a sandbox that serves, and the truth of what it holds, had without our client."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from blocks.ango import AngoSource
from blocks.sandbox.ango import DEMO_API_KEY, AngoSandbox
from blocks.sandbox.ango.exports import build
from blocks.sandbox.ango.query import Query
from blocks.sandbox.faults import Fault
from exporters.model import Dataset, Entry

Row = dict[str, Any]
SAMPLES = Path(__file__).parent / "samples"


@dataclass
class Hub:
    sandbox: AngoSandbox
    url: str

    def source(self, **fields: Any) -> AngoSource:
        return AngoSource(**({"url": self.url, "api_key": SecretStr(DEMO_API_KEY)} | fields))

    def id(self, kind: str = "image") -> str:
        return self.sandbox.project(kind).id

    def dataset(self, kind: str = "image", source: AngoSource | None = None) -> Dataset:
        return (source or self.source()).dataset(self.id(kind))

    def listing(self, kind: str = "image", source: AngoSource | None = None, **where: list[str]) -> list[bytes]:
        source = source or self.source()
        return list(source.list_entries(self.dataset(kind, source), where))

    def entries(self, kind: str = "image", source: AngoSource | None = None, **where: list[str]) -> list[Entry]:
        source = source or self.source()
        dataset = self.dataset(kind, source)
        return [
            one for one in source.read(dataset, self.listing(kind, source, **where), "none") if isinstance(one, Entry)
        ]

    def fault(self, path_pattern: str, status: int = 500, **values: Any) -> Fault:
        fault = Fault(path_pattern, status, **values)
        self.sandbox.faults.append(fault)
        return fault

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer, asked for with the standard library."""
        url = f"{self.url}/v2/{path}" + (f"?{urlencode(query)}" if query else "")
        with urllib.request.urlopen(urllib.request.Request(url, headers={"apikey": DEMO_API_KEY})) as answer:
            return json.load(answer)["data"]

    def rows(self, kind: str = "image", **query: str) -> list[Row]:
        """The rows of an export as they are sent."""
        link = self.ask("export", project=self.id(kind), **{"format": "json", "includeOnlyKeyFrames": "true"} | query)
        with urllib.request.urlopen(link["exportPath"]) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.read()))
        found: list[Row] = json.loads(archive.read(archive.namelist()[0]))
        return found


@contextmanager
def serving(tasks: int = 12, **arguments: Any) -> Iterator[Hub]:
    sandbox = AngoSandbox(tasks, **arguments)
    with sandbox.serve() as url:
        yield Hub(sandbox, url)


@contextmanager
def serving_rows(rows: list[Row]) -> Iterator[Hub]:
    """A hub whose project has these rows, whatever they are; files of their host are not to be found."""
    with serving(len(rows), video_tasks=0, document_tasks=0) as hub:
        project = hub.sandbox.project()

        def sent(row: Row) -> Row:
            return json.loads(json.dumps(row).replace("https://media.example.org/", f"{hub.url}/"))  # type: ignore[no-any-return]

        project.edits = {index: lambda _, row=row: sent(row) for index, row in enumerate(rows)}  # type: ignore[misc]
        yield hub


def bare(value: Any) -> Any:
    """A row without the signatures of its links."""
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items()}
    if isinstance(value, list):
        return [bare(one) for one in value]
    return value.partition("?X-Amz-")[0] if isinstance(value, str) else value


def truth(row: Row) -> dict[str, Any]:
    """What an image's row holds of its entries and annotations, by their ids."""
    row = bare(row)
    task = row["task"]
    pages = len(row.get("dataset", [0]))
    held: dict[str, Any] = {
        (task["taskId"] if pages == 1 else f"{task['taskId']}/{page:04}"): row for page in range(pages)
    }
    held |= {tool["objectId"]: tool for tool in task["tools"]}
    for question in task["classifications"]:
        said = question["answer"] if isinstance(question["answer"], list) else [question["answer"]]
        given = [one for one in said if one is not None]
        if question["tool"] in ("text", "rank"):
            given = given[:1]
        for number in range(len(given)):
            held[question["objectId"] + (f"-{number + 1}" if number else "")] = question
    for relation in task["relations"]:
        for number in range(max(1, len(relation.get("group", ())) - 1)):
            held[relation["objectId"] + (f"-{number + 1}" if number else "")] = relation
    return held


def brushed(row: Row, categories: set[str], colors: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """What the traces of a row's brush are told from, by the ids of their annotations."""
    task = bare(row["task"])
    used = [colors[category] for category in categories]
    return {
        f"{task['taskId']}/brush/{schema_id}": {
            "brushDataUrl": task["brushDataUrl"],
            "schemaId": schema_id,
            "color": color,
        }
        for schema_id, color in used
    }


def by_somebody_else(hub: Hub, times: int) -> None:
    """The next downloads of an export find rows that somebody else asked for."""
    project = hub.sandbox.project()

    def overwrite() -> None:
        hub.sandbox.handlers._files[project.id] = build(project, Query(stages=("Review A",)), hub.sandbox.links)

    for number in range(1, times + 1):
        hub.sandbox.on_request("/exports/", overwrite, nth=number)
