"""What a person reads of a run in the Prefect UI: the summary, and the table of what was left out."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from exporters.tally import LeftOut
from flows.manifest import counts
from flows.results import Summary

ONE = {"entries": "entry", "annotations": "annotation", "medias": "media"}


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
    plan, delivery = summary.plan, summary.delivery
    rows = "\n".join(
        f"| {kind} | {count['in']:,} | {count['out']:,} | {count['left_out']:,} |"
        for kind, count in counts(summary.tally).items()
    )
    left_out = "\n".join(f"- {_text(sentence(left))}" for left in summary.tally.left_out) or "- nothing"
    warnings = "".join(f"\n> {_text(warning)}\n" for warning in plan.warnings)
    return f"""# {_text(plan.name)} as {plan.request.exporter}

{"Nothing was moved: this export lay at the target already." if delivery.was_there else "Delivered."}

| | in | out | left out |
| --- | ---: | ---: | ---: |
{rows}

- at: `{delivery.link}`
- size: {size_text(delivery.package_bytes)}{f", sha256 `{delivery.package_sha256}`" if delivery.package_sha256 else ""}
- export id: `{delivery.export_id}`
- media: {summary.downloaded_files:,} files downloaded in this run, {size_text(summary.media_bytes)} in the export
{warnings}
## Left out

{left_out}
"""


def sentence(left: LeftOut) -> str:
    """`3 annotations: COCO cannot hold the shape ellipse`; which ones, the manifest says."""
    return f"{left.count:,} {left.kind if left.count != 1 else ONE[left.kind]}: {left.reason}"


def size_text(size_bytes: int) -> str:
    """`1.2 MB`; decimal units, as disks and stores count."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _text(text: str) -> str:
    """Text of users in Markdown: shown, never interpreted."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>#|!~&" else one for one in text.replace("\n", " "))
