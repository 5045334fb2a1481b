"""The command line. Light on purpose: each command imports what it needs when it is called."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from exporters.errors import OuthaulError, RequestError, UndeliveredError
from exporters.version import version_of
from flows.cli_blocks import add_blocks
from flows.cli_develop import add_ango_plugin, add_plugin, add_sandbox
from flows.cli_doctor import add_completion, add_doctor
from flows.cli_export import add_demo, add_export, add_workspace
from flows.cli_parts import EPILOG, Parser, add_command
from flows.cli_serve import add_serve

FAILED, WRONG_REQUEST, INTERRUPTED = 1, 2, 130

Outcome = tuple[int, str, dict[str, Any]]
"""Exit status, text for people, object for `--json`."""

COMMANDS = {
    "export": ("flows.commands", "export_command", True),
    "demo": ("flows.demo", "demo_command", True),
    "datasets": ("flows.commands", "datasets_command", True),
    "exports": ("flows.commands", "exports_command", True),
    "formats": ("flows.formats", "formats_command", False),
    "verify": ("flows.catalog", "verify_command", False),
    "diff": ("flows.catalog", "diff_command", False),
    "completion": ("flows.completion", "completion_command", False),
    "doctor": ("flows.doctor", "doctor_command", False),
    "sandbox": ("flows.demo", "sandbox_command", False),
    "ango-plugin": ("flows.ango.command", "ango_plugin_command", True),
    "workspace gc": ("flows.collect", "gc_command", True),
    "blocks register": ("flows.saved_blocks", "register_command", True),
    "blocks list": ("flows.saved_blocks", "list_command", True),
    "blocks check": ("flows.saved_blocks", "check_command", True),
    "blocks create": ("flows.block_file", "create_command", True),
    "serve": ("deployments.serve", "serve_command", True),
    "webhooks": ("deployments.webhooks", "webhooks_command", True),
    "plugin create": ("flows.plugins", "create_command", False),
    "plugin add-exporter": ("flows.plugins", "add_exporter_command", False),
}
"""Where the function of each lies, imported when it is called, and whether Prefect is to be prepared for it."""


def main(argv: Sequence[str] | None = None) -> None:
    """The console script `outhaul`."""
    parser = make_parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        sys.exit(WRONG_REQUEST)
    arguments = parser.parse_args(argv)
    wants_json = getattr(arguments, "json", False)
    try:
        with _interruptible():
            status, text, document = _carry_out(arguments)
    except OuthaulError as error:
        status = WRONG_REQUEST if isinstance(error, RequestError) else FAILED
        text, document = "", {"error": str(error), "exit_status": status}
        if isinstance(error, UndeliveredError):
            document["targets"] = error.targets
        for line in str(error).splitlines():
            print(f"outhaul: {line}", file=sys.stderr)
    except MemoryError:
        sentence = "there is not enough memory; let less run at once, or give more"
        status, text, document = FAILED, "", {"error": sentence, "exit_status": FAILED}
        print(f"outhaul: {sentence}: what was fetched is kept, the next run goes on from there.", file=sys.stderr)
    except Exception as error:
        if "OUTHAUL_DEBUG" in os.environ:
            raise
        sentence = f"unexpected {type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:300]
        status, text, document = FAILED, "", {"error": sentence, "exit_status": FAILED}
        print(f"outhaul: {sentence}; please report it (OUTHAUL_DEBUG=1 shows where).", file=sys.stderr)
    except KeyboardInterrupt:
        status, text, document = INTERRUPTED, "", {"error": "interrupted", "exit_status": INTERRUPTED}
        print("outhaul: interrupted; what was fetched is kept, the next run goes on from there.", file=sys.stderr)
    sys.exit(_say(json.dumps(document, ensure_ascii=False) if wants_json else text, status))


def _say(text: str, status: int) -> int:
    """Print the outcome; returns the exit status, which is a failure when nobody could be told."""
    if not text or sys.stdout is None:
        return status
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head` has seen enough; Python would complain once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"outhaul: the outcome cannot be printed ({error.strerror}).", file=sys.stderr)
        return status or FAILED
    return status


def _carry_out(arguments: argparse.Namespace) -> Outcome:
    module, name, needs_prefect = COMMANDS[arguments.command]
    if needs_prefect:
        _prepare(arguments)
    outcome: Outcome = getattr(importlib.import_module(module), name)(arguments)
    return outcome


def _prepare(arguments: argparse.Namespace) -> None:
    """Prefect reads its settings when it is imported, so they are set before."""
    from blocks.workspace_url import default_workspace_url  # noqa: PLC0415
    from flows.settings import prepare  # noqa: PLC0415

    prepare(getattr(arguments, "workspace", "") or default_workspace_url())


@contextlib.contextmanager
def _interruptible() -> Any:
    """SIGTERM ends a run as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def make_parser() -> argparse.ArgumentParser:
    """All commands with what they take; `flows.completion` goes by it too."""
    parser = Parser(prog="outhaul", description="Haul annotated datasets out of labelling platforms.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"outhaul {version_of('outhaul')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_export(commands)
    add_demo(commands)
    _add_formats(commands)
    _add_datasets(commands)
    _add_verify(commands)
    _add_diff(commands)
    add_workspace(commands)
    add_blocks(commands)
    add_doctor(commands)
    add_completion(commands)
    add_sandbox(commands)
    add_plugin(commands)
    add_ango_plugin(commands)
    add_serve(commands)
    return parser


def _add_formats(commands: Any) -> None:
    command = add_command(commands, "formats", "List the formats, what they hold, and their options.")
    command.add_argument("--modality", default="", help="only formats for it, such as image")


def _add_datasets(commands: Any) -> None:
    command = add_command(commands, "datasets", "List what a source offers.")
    command.add_argument("source", metavar="SOURCE")
    command.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a filter on datasets, such as dataset.modality=image or project.name=Streets; may be given again",
    )
    add_command(
        commands, "exports", "List what a platform exports by itself: its formats, and its exports with their jobs."
    ).add_argument("source", metavar="SOURCE")


def _add_verify(commands: Any) -> None:
    command = add_command(commands, "verify", "Check a delivered export against its manifest.")
    command.add_argument("url", metavar="URL", help="the export's folder, or the one above for the newest")
    command.add_argument("--trust", metavar="CA.pem", default="", help="every dataset must be signed under these roots")
    command.add_argument("--signed", action="store_true", help="every dataset must be signed, by whomever")


def _add_diff(commands: Any) -> None:
    command = add_command(
        commands, "diff", "Say what was added, changed and removed between two exports, entry by entry."
    )
    command.add_argument("before", metavar="URL", help="the earlier export's folder, or the one above for the newest")
    command.add_argument("after", metavar="URL", help="the later one's")
