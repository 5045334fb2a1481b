"""The command line. Light on purpose: each command imports what it needs when it is called."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from exporters.errors import OuthaulError, RequestError, UndeliveredError
from flows.cli_blocks import add_blocks

FAILED, WRONG_REQUEST, INTERRUPTED = 1, 2, 130

Outcome = tuple[int, str, dict[str, Any]]
"""Exit status, text for people, object for `--json`."""

COMMANDS = {
    "export": ("flows.commands", "export_command", True),
    "demo": ("flows.demo", "demo_command", True),
    "datasets": ("flows.commands", "datasets_command", True),
    "exports": ("flows.commands", "exports_command", True),
    "formats": ("flows.catalog", "formats_command", False),
    "verify": ("flows.catalog", "verify_command", False),
    "diff": ("flows.catalog", "diff_command", False),
    "sandbox": ("flows.demo", "sandbox_command", False),
    "ango-plugin": ("flows.ango.command", "ango_plugin_command", True),
    "workspace gc": ("flows.collect", "gc_command", True),
    "blocks register": ("flows.saved_blocks", "register_command", True),
    "blocks list": ("flows.saved_blocks", "list_command", True),
    "blocks check": ("flows.saved_blocks", "check_command", True),
    "blocks create": ("flows.block_file", "create_command", True),
    "plugin create": ("flows.plugins", "create_command", False),
    "plugin add-exporter": ("flows.plugins", "add_exporter_command", False),
}
"""Where the function of each lies, imported when it is called, and whether Prefect is to be prepared for it."""

EPILOG = """\
SOURCE is a saved block (idah/production), idah+https://HOST, ango+https://HOST, folder:PATH, or upd:FILE.
Secrets come from a saved block or the environment: OUTHAUL_API_KEY, or OUTHAUL_EMAIL and OUTHAUL_PASSWORD.
URL is a path or anything fsspec reaches (s3://bucket/folder, with AWS_* variables), or a saved target:
block:NAME, or block:KIND/NAME such as block:outhaul-http-target/catalogue for an API.

exit status: 0 all delivered, 1 failed, 2 the request was wrong and nothing was fetched,
             3 delivered with entries left out under --on-error skip, or with records that an API refused
"""


def main(argv: Sequence[str] | None = None) -> None:
    """The console script `outhaul`."""
    parser = _parser()
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
    from blocks.storage import default_workspace_url  # noqa: PLC0415
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outhaul",
        description="Haul annotated datasets out of labelling platforms.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"outhaul {metadata.version('outhaul')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_export(commands)
    _add_demo(commands)
    _add_formats(commands)
    _add_datasets(commands)
    _add_verify(commands)
    _add_diff(commands)
    _add_workspace(commands)
    add_blocks(commands, _add)
    _add_sandbox(commands)
    _add_plugin(commands)
    _add_ango_plugin(commands)
    return parser


def _add(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--json", action="store_true", help="print one JSON object on standard output, nothing else")
    return command


def _add_export(commands: Any) -> None:
    command = _add(commands, "export", "Export datasets and deliver them as one package.")
    again: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
    command.add_argument("source", metavar="SOURCE")
    command.add_argument(
        "--dataset", metavar="ID", action="extend", nargs="+", default=[],
        help="datasets by id or name (default: all of a folder, the only one of a platform)",
    )  # fmt: skip
    command.add_argument(
        "--as", dest="format", metavar="FORMAT", default="coco", help="see outhaul formats (default: coco)"
    )
    command.add_argument(
        "--to", metavar="URL", action="append", required=True, help="where to deliver; may be given again"
    )
    command.add_argument("--where", **again, help="a filter on entries, such as status=completed; may be given again")
    command.add_argument(
        "--sort", metavar="NAME", default="", help="order of the entries, -NAME backwards (default: by id)"
    )
    command.add_argument(
        "--media",
        choices=("none", "original", "all"),
        default="original",
        help="files to take along (default: original)",
    )
    command.add_argument("--package", choices=("zip", "tar", "directory"), default="zip", help="(default: zip)")
    command.add_argument("--option", **again, help="an option of the format, or name=@FILE; may be given again")
    command.add_argument(
        "--on-error",
        choices=("fail", "skip"),
        default="fail",
        help="what a bad entry means for the others (default: fail)",
    )
    command.add_argument(
        "--delta",
        action="store_true",
        help="export only what was added or changed since the last one, and say what went",
    )
    command.add_argument(
        "--keep",
        type=_between(0, 1000),
        metavar="N",
        default=0,
        help="exports of this kind to keep there (default: all)",
    )
    command.add_argument("--full", action="store_true", help="read every entry again, also those that have not changed")
    command.add_argument("--strict", action="store_true", help="fail rather than leave annotations out")
    command.add_argument("--name", default="", help="of the delivered folder (default: the datasets' names)")
    command.add_argument(
        "--workspace", metavar="URL", default="", help="where to work (default: $OUTHAUL_WORKSPACE, or in the cache)"
    )
    command.add_argument("--shard-entries", type=int, metavar="N", default=1000, help="entries a task (default: 1000)")
    command.add_argument(
        "--if-running",
        choices=("wait", "refuse"),
        default="wait",
        help="what to do while another run makes the same export (default: wait)",
    )
    command.add_argument("--dry-run", action="store_true", help="check everything, say what would be done, stop")


def _add_demo(commands: Any) -> None:
    command = _add(commands, "demo", "Start a sandbox platform, export from it for real, show where to look.")
    command.add_argument("--to", metavar="URL", default="outhaul-demo", help="where to deliver (default: outhaul-demo)")
    command.add_argument(
        "--entries", type=_between(0, 10_000_000), metavar="N", default=24, help="entries of the platform (default: 24)"
    )
    command.add_argument(
        "--workspace", metavar="URL", default="", help="where to work (default: $OUTHAUL_WORKSPACE, or in the cache)"
    )


def _add_formats(commands: Any) -> None:
    command = _add(commands, "formats", "List the formats, what they hold, and their options.")
    command.add_argument("--modality", default="", help="only formats for it, such as image")


def _add_datasets(commands: Any) -> None:
    command = _add(commands, "datasets", "List what a source offers.")
    command.add_argument("source", metavar="SOURCE")
    command.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a filter on datasets, such as dataset.modality=image or project.name=Streets; may be given again",
    )
    _add(
        commands, "exports", "List what a platform exports by itself: its formats, and its exports with their jobs."
    ).add_argument("source", metavar="SOURCE")


def _add_verify(commands: Any) -> None:
    command = _add(commands, "verify", "Check a delivered export against its manifest.")
    command.add_argument("url", metavar="URL", help="the export's folder, or the one above for the newest")
    command.add_argument("--trust", metavar="CA.pem", default="", help="every dataset must be signed under these roots")
    command.add_argument("--signed", action="store_true", help="every dataset must be signed, by whomever")


def _add_diff(commands: Any) -> None:
    command = _add(commands, "diff", "Say what was added, changed and removed between two exports, entry by entry.")
    command.add_argument("before", metavar="URL", help="the earlier export's folder, or the one above for the newest")
    command.add_argument("after", metavar="URL", help="the later one's")


def _add_workspace(commands: Any) -> None:
    actions = commands.add_parser("workspace", help="Tidy up where exports work.").add_subparsers(
        metavar="COMMAND", required=True
    )
    command = _add(actions, "gc", "Remove from the workspace what the last exports do not go by.")
    command.set_defaults(command="workspace gc")
    command.add_argument(
        "--workspace", metavar="URL", default="", help="which one (default: $OUTHAUL_WORKSPACE, or in the cache)"
    )
    command.add_argument(
        "--keep", type=_between(0, 1000), metavar="N", default=3, help="exports of each kind to keep (default: 3)"
    )
    command.add_argument(
        "--grace-hours", type=_between(0, 10_000), metavar="H", default=24, help="younger files stay (default: 24)"
    )
    command.add_argument("--dry-run", action="store_true", help="remove nothing, say what would go")


def _add_sandbox(commands: Any) -> None:
    command = _add(commands, "sandbox", "Run a stand-in platform to develop against.")
    command.add_argument("platform", choices=("idah", "ango"))
    command.add_argument(
        "--entries", "--tasks", type=_between(0, 10_000_000), metavar="N", default=24, help="(default: 24)"
    )
    command.add_argument("--port", type=_between(0, 65_535), metavar="P", default=8717, help="(default: 8717)")
    command.add_argument("--seed", type=int, metavar="S", default=7, help="the same seed draws the same pictures")
    command.add_argument(
        "--datasets", type=_between(0, 1000), metavar="N", default=1, help="of pictures, of so many entries each (idah)"
    )
    command.add_argument(
        "--video-datasets", type=_between(0, 1000), metavar="N", default=0, help="of videos, besides (idah)"
    )
    command.add_argument(
        "--latency", type=_between(0, 60_000), metavar="MS", default=0, help="milliseconds before each answer"
    )
    command.add_argument(
        "--media-bytes", type=_between(1, 1 << 30), metavar="B", default=None, help="size of each picture's file (idah)"
    )
    command.add_argument(
        "--row-bytes", type=_between(1, 1 << 24), metavar="B", default=None, help="size of each row of an export (ango)"
    )
    command.add_argument(
        "--export-latency", type=_between(0, 600_000), metavar="MS", default=0, help="until an export is built (ango)"
    )
    command.add_argument(
        "--link-seconds", type=_between(1, 1 << 24), metavar="S", default=120_000, help="life of a signed link (ango)"
    )
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help="what goes wrong with which share of requests, such as 503=0.05, 429:2=0.1, reset=0.01 or truncate=0.02; "
        "drop=0.1: of what plug-ins say, with their connection (ango)",
    )
    command.add_argument(
        "--rest-plugin", metavar="URL", default="", help="where a plug-in in REST mode is called on Run (ango)"
    )


def _add_plugin(commands: Any) -> None:
    group = commands.add_parser("plugin", help="Write a plug-in, or another exporter for one.")
    actions = group.add_subparsers(metavar="COMMAND", required=True)
    create = _add(actions, "create", "Write a new plug-in with one exporter. Asks on a terminal for what is not given.")
    add = _add(actions, "add-exporter", "Write another exporter into a plug-in. Asks for what is not given, too.")
    create.add_argument("name", metavar="NAME", help="of the plug-in, its folder and its exporter")
    create.add_argument("directory", metavar="DIR", nargs="?", default=".", help="where to put its folder (default: .)")
    create.add_argument("--display-name", metavar="TEXT", help="(default: NAME)")
    create.add_argument("--version", metavar="V", help="(default: 0.0.1)")
    add.add_argument("name", metavar="NAME", help="of the exporter")
    add.add_argument("directory", metavar="DIR", nargs="?", default=".", help="the plug-in's folder (default: .)")
    for name, command in (("create", create), ("add-exporter", add)):
        command.set_defaults(command=f"plugin {name}")
        command.add_argument("--description", metavar="TEXT", help="a sentence that says what the exporter writes")
        command.add_argument("--modality", metavar="M", help="what it is for (default: image)")
        command.add_argument(
            "--pattern", metavar="P", help="what it starts from: json, stream, files, media or push (default: json)"
        )


def _add_ango_plugin(commands: Any) -> None:
    command = _add(commands, "ango-plugin", "Serve an exporter to Ango Hub as its Export plug-in, until interrupted.")
    command.add_argument("--exporter", metavar="FORMAT", required=True, help="see outhaul formats")
    command.add_argument("--host", metavar="URL", required=True, help="of the hub, such as https://imeritapi.ango.ai")
    command.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the format, where a run says nothing else; may be given again",
    )  # fmt: skip
    command.add_argument(
        "--connector", choices=("ws", "rest"), default="ws",
        help="connect to the hub, or be called by it on --port (default: ws)",
    )  # fmt: skip
    command.add_argument("--port", type=_between(0, 65_535), metavar="P", default=8080, help="(default: 8080)")
    command.add_argument(
        "--at-once", type=_between(1, 64), metavar="N", default=2, help="runs that are carried out at once (default: 2)"
    )
    command.add_argument(
        "--time-limit", type=_between(1, 1 << 24), metavar="S", default=21_600,
        help="seconds that a run may take (default: 21600)",
    )  # fmt: skip
    command.add_argument("--to", metavar="URL", default="", help="where to deliver as well (default: only to the hub)")
    command.add_argument(
        "--source", metavar="ango/NAME", default="",
        help="a saved Ango Hub to read with (default: with the key of whoever pressed Run)",
    )  # fmt: skip
    command.add_argument(
        "--deployment", metavar="FLOW/NAME", default="",
        help="run this deployment of the export flow, such as export/on-demand (default: run it here)",
    )  # fmt: skip
    command.add_argument(
        "--workspace", metavar="URL", default="", help="where to work (default: $OUTHAUL_WORKSPACE, or in the cache)"
    )
    command.add_argument(
        "--notify", action="append", default=[], metavar="E-MAIL",
        help="whom the hub tells of an export beside its user, by an administrator's key; may be given again",
    )  # fmt: skip
    command.add_argument("--ca-bundle", metavar="FILE", default="", help="a PEM file, for a private authority")
    command.add_argument("--no-verify-ssl", action="store_true", help="for test systems only")


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number
