"""What a person reads of a run in the Prefect UI: the summary, samples, and the table of what was left out."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from blocks.catalog import AnySource
from blocks.store import Store
from exporters.tally import LeftOut
from flows.delivered import Changes, Delivery, Summary, Undelivered
from flows.entry_links import EntryLinks
from flows.manifest import counts
from flows.planned import Plan
from flows.words import changes_sentence, records_sentence, seconds_text, sentence, size_text

CLASSES_SHOWN = 20
REASONS_SHOWN = 200
"""The manifest has all of them."""
_OF_ADDRESSES = "%:/?#[]@!$&'*+,;=~"
"""What an address may consist of beside letters and digits, but for what would end it in Markdown."""
BAR = 24
"""Characters of the longest bar."""


def publish(summary: Summary, source: AnySource, store: Store) -> None:
    """Leave the artifacts of a run in Prefect. What was delivered stays delivered when Prefect cannot keep them."""
    try:
        _publish(summary, EntryLinks(summary, source, store), store)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not about the export
        get_run_logger().warning("The summary could not be kept: %s", error)


def _publish(summary: Summary, links: EntryLinks, store: Store) -> None:
    create_markdown_artifact(
        markdown(summary, links), key="export-summary", description="What was exported, and where it lies"
    )
    preview = summary.preview
    if preview and preview.sheet and store.storage.exists(preview.sheet):
        create_markdown_artifact(
            preview_markdown(summary, store.storage.read(preview.sheet)),
            key="export-preview",
            description="Some of its entries, with what is marked on them",
        )
    create_table_artifact(
        [
            {
                "what": left.kind,
                "why": left.reason,
                "count": left.count,
                "fault": "yes" if left.is_fault else "no",
                "for example": ", ".join(left.examples),
                **({"where": next(iter(links.of(left).values()), "")} if links else {}),
            }
            for left in summary.tally.left_out[:REASONS_SHOWN]
        ],
        key="export-left-out",
        description="What was left out, and why",
    )


def markdown(summary: Summary, links: EntryLinks) -> str:
    plan = summary.plan
    rows = "\n".join(
        f"| {kind} | {count['in']:,} | {count['out']:,} | {count['left_out']:,} |"
        for kind, count in counts(summary.tally).items()
    )
    warnings = "".join(f"\n> {_text(warning)}\n" for warning in plan.warnings)
    places = "".join([*map(_place, summary.deliveries), *map(_lost, summary.undelivered)])
    changed = "".join(map(_changed, summary.changes))
    return f"""# {_text(plan.name)} as {plan.request.exporter}

{_headline(summary)}

| | in | out | left out |
| --- | ---: | ---: | ---: |
{rows}

{places}- entries read: {_read(plan)}
- media: {summary.downloaded_files:,} files downloaded in this run, {size_text(summary.media_bytes)} in the export
{warnings}{_classes(summary.by_class)}{changed}
## Left out

{_left_out(summary.tally.left_out, links)}
{_durations(summary.seconds)}"""


def _read(plan: Plan) -> str:
    if plan.fresh == plan.entries:
        return f"{plan.fresh:,}, all of them"
    return f"{plan.fresh:,} of {plan.entries:,}; the others are as they were when an earlier run read them"


def preview_markdown(summary: Summary, sheet: bytes) -> str:
    """The contact sheet, as data: the UI shows no file of a worker."""
    reports = "".join(f"- the whole report: {_link(one.report)}\n" for one in summary.deliveries if one.report)
    return f"""# {_text(summary.plan.name)}

![samples with what is marked on them](data:image/jpeg;base64,{base64.b64encode(sheet).decode()})

{reports}"""


def _headline(summary: Summary) -> str:
    if summary.undelivered:
        return f"Delivered to {len(summary.deliveries)} targets, and not to {len(summary.undelivered)}."
    if all(delivery.was_there for delivery in summary.deliveries):
        return "Nothing was moved: this export lay at the target already."
    return "Delivered."


def _place(delivery: Delivery) -> str:
    """What one target has."""
    if delivery.records:
        refused = f"; refused: {_code(delivery.records.refused_file)}" if delivery.records.refused else ""
        place = f"- sent to: {_code(delivery.url)}: {records_sentence(delivery.records)}{refused}\n"
        place += f"- receipt: {_code(delivery.link)}\n"
    else:
        sha256 = f", sha256 `{delivery.package_sha256}`" if delivery.package_sha256 else ""
        place = f"- at: {_link(delivery.link, 'download')}\n- size: {size_text(delivery.package_bytes)}{sha256}\n"
    report = f"- report: {_link(delivery.report, 'look at it')}\n" if delivery.report else ""
    return f"{place}{report}- export id: `{delivery.export_id}`\n"


def _link(place: str, text: str = "look at it") -> str:
    """Something to click where a browser can go, otherwise the place itself."""
    return f"[{text}]({quote(place, safe=_OF_ADDRESSES)})" if place.startswith("http") else _code(place)


def _lost(undelivered: Undelivered) -> str:
    return f"- **not** delivered to: {_code(undelivered.to)}: {_text(undelivered.reason)}\n"


def _classes(by_class: Mapping[str, int]) -> str:
    """The section on classes."""
    if not by_class:
        return ""
    most = max(by_class.values())
    rows = "\n".join(
        f"| {_text(name) or '(none)'} | {count:,} | {'█' * max(1, round(BAR * count / most))} |"
        for name, count in list(by_class.items())[:CLASSES_SHOWN]
    )
    more = len(by_class) - CLASSES_SHOWN
    rest = f"\nand {more:,} more classes, which the manifest lists\n" if more > 0 else ""
    return f"\n## Classes\n\n| class | annotations | |\n| --- | ---: | --- |\n{rows}\n{rest}"


def _changed(changes: Changes) -> str:
    """The section on what has changed."""
    classes = "\n".join(
        f"| {_text(name) or '(none)'} | {before:,} | {after:,} | {after - before:+,} |"
        for name, (before, after) in changes.annotations.items()
        if before != after
    )
    table = f"\n| class | before | now | |\n| --- | ---: | ---: | ---: |\n{classes}\n" if classes else ""
    return f"\n## Since `{changes.since}`\n\nEntries: {changes_sentence(changes)}.\n{table}"


def _left_out(left_out: tuple[LeftOut, ...], links: EntryLinks) -> str:
    if not left_out:
        return "Nothing."
    rows = [
        f"| {_text(sentence(left))}{' **(a fault)**' if left.is_fault else ''} | {', '.join(_examples(left, links))} |"
        for left in left_out[:REASONS_SHOWN]
    ]
    more = len(left_out) - REASONS_SHOWN
    rest = f"\n\nand {more:,} more reasons, which the manifest lists" if more > 0 else ""
    return "\n".join(["| what, and why | such as |", "| --- | --- |", *rows]) + rest


def _examples(left: LeftOut, links: EntryLinks) -> Iterator[str]:
    """Some of them by id, each a link to its page at the platform where one is known."""
    addresses = links.of(left)
    for one in left.examples:
        address = addresses.get(one, "").replace("(", "%28").replace(")", "%29")
        yield f"[{_text(one)}]({address})" if address else _text(one)


def _durations(seconds: Mapping[str, float]) -> str:
    """The section on how long it took."""
    if not seconds:
        return ""
    rows = "\n".join(f"| {step} | {seconds_text(took)} |" for step, took in seconds.items())
    return f"\n## Duration\n\n| step | |\n| --- | ---: |\n{rows}\n| in all | {seconds_text(sum(seconds.values()))} |\n"


def _text(text: str) -> str:
    """Text of users in Markdown: shown, never interpreted, on one line; nothing in it becomes a link by itself."""
    escaped = "".join(f"\\{one}" if one in "\\`*_{}[]<>#|!~&@" else one for one in _line(text))
    return escaped.replace("://", "\\://").replace("www.", "www\\.")


def _code(text: str) -> str:
    """A place or a name as it is, on one line, in a fence that is longer than any in it."""
    line = _line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def _line(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
