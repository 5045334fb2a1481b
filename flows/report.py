"""What a person reads of a run in the Prefect UI: the summary, and the table of what was left out."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from flows.manifest import counts
from flows.results import Changes, Delivery, Summary, Undelivered
from flows.words import changes_sentence, records_sentence, sentence, size_text


def publish(summary: Summary) -> None:
    """Leave the artifacts of a run in Prefect. What was delivered stays delivered when Prefect cannot keep them."""
    try:
        _publish(summary)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not about the export
        get_run_logger().warning("The summary could not be kept: %s", error)


def _publish(summary: Summary) -> None:
    create_markdown_artifact(
        markdown(summary), key="export-summary", description="What was exported, and where it lies"
    )
    create_table_artifact(
        [
            {
                "what": left.kind,
                "why": left.reason,
                "count": left.count,
                "fault": "yes" if left.is_fault else "no",
                "for example": ", ".join(left.examples),
            }
            for left in summary.tally.left_out
        ],
        key="export-left-out",
        description="What was left out, and why",
    )


def markdown(summary: Summary) -> str:
    plan = summary.plan
    rows = "\n".join(
        f"| {kind} | {count['in']:,} | {count['out']:,} | {count['left_out']:,} |"
        for kind, count in counts(summary.tally).items()
    )
    left_out = "\n".join(f"- {_text(sentence(left))}" for left in summary.tally.left_out) or "- nothing"
    warnings = "".join(f"\n> {_text(warning)}\n" for warning in plan.warnings)
    places = "".join([*map(_place, summary.deliveries), *map(_lost, summary.undelivered)])
    changed = "".join(map(_changed, summary.changes))
    return f"""# {_text(plan.name)} as {plan.request.exporter}

{_headline(summary)}

| | in | out | left out |
| --- | ---: | ---: | ---: |
{rows}

{places}- entries read: {plan.fresh:,} of {plan.entries:,}; the others have not changed since they were
- media: {summary.downloaded_files:,} files downloaded in this run, {size_text(summary.media_bytes)} in the export
{warnings}{changed}
## Left out

{left_out}
"""


def _headline(summary: Summary) -> str:
    if summary.undelivered:
        return f"Delivered to {len(summary.deliveries)} targets, and not to {len(summary.undelivered)}."
    if all(delivery.was_there for delivery in summary.deliveries):
        return "Nothing was moved: this export lay at the target already."
    return "Delivered."


def _place(delivery: Delivery) -> str:
    """What one target has."""
    if delivery.records:
        refused = f"; refused: `{delivery.records.refused_file}`" if delivery.records.refused else ""
        place = f"- sent to: `{delivery.url}`: {records_sentence(delivery.records)}{refused}\n"
        place += f"- receipt: `{delivery.link}`\n"
    else:
        sha256 = f", sha256 `{delivery.package_sha256}`" if delivery.package_sha256 else ""
        at = f"[download]({delivery.link})" if delivery.link.startswith("http") else f"`{delivery.link}`"
        place = f"- at: {at}\n- size: {size_text(delivery.package_bytes)}{sha256}\n"
    return f"{place}- export id: `{delivery.export_id}`\n"


def _lost(undelivered: Undelivered) -> str:
    return f"- **not** delivered to: `{undelivered.to}`: {_text(undelivered.reason)}\n"


def _changed(changes: Changes) -> str:
    """The section on what has changed."""
    classes = "\n".join(
        f"| {_text(name) or '(none)'} | {before:,} | {after:,} | {after - before:+,} |"
        for name, (before, after) in changes.annotations.items()
        if before != after
    )
    table = f"\n| class | before | now | |\n| --- | ---: | ---: | ---: |\n{classes}\n" if classes else ""
    return f"\n## Since `{changes.since}`\n\nEntries: {changes_sentence(changes)}.\n{table}"


def _text(text: str) -> str:
    """Text of users in Markdown: shown, never interpreted."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>#|!~&" else one for one in text.replace("\n", " "))
