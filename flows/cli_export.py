"""What `outhaul export`, `demo` and `workspace gc` take. As light as `flows.cli`, of which they are a part."""

from __future__ import annotations

from typing import Any

from flows.cli_parts import EPILOG, add_command, add_workspace_option, between


def add_export(commands: Any) -> None:
    command = add_command(commands, "export", "Export datasets and deliver them as one package.")
    command.epilog = EPILOG
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
        type=between(0, 1000),
        metavar="N",
        default=0,
        help="exports of this kind to keep there (default: all)",
    )
    command.add_argument("--full", action="store_true", help="read every entry again, also those that have not changed")
    command.add_argument("--strict", action="store_true", help="fail rather than leave annotations out")
    command.add_argument(
        "--no-report", action="store_true", help="put no report.html with samples and plots beside the package"
    )
    command.add_argument("--name", default="", help="of the delivered folder (default: the datasets' names)")
    add_workspace_option(command)
    command.add_argument("--shard-entries", type=int, metavar="N", default=1000, help="entries a shard (default: 1000)")
    command.add_argument(
        "--if-running",
        choices=("wait", "refuse"),
        default="wait",
        help="what to do while another run makes the same export (default: wait)",
    )
    command.add_argument(
        "--runner",
        metavar="RUNNER",
        default="threads",
        help="what does the work: threads (the default), dask or ray with a process a core, dask=4, dask=tcp://HOST:8786",
    )
    command.add_argument("--dry-run", action="store_true", help="check everything, say what would be done, stop")


def add_demo(commands: Any) -> None:
    command = add_command(commands, "demo", "Start a sandbox platform, export from it for real, show where to look.")
    command.add_argument("--to", metavar="URL", default="outhaul-demo", help="where to deliver (default: outhaul-demo)")
    command.add_argument(
        "--entries", type=between(0, 10_000_000), metavar="N", default=24, help="entries of the platform (default: 24)"
    )
    add_workspace_option(command)


def add_workspace(commands: Any) -> None:
    actions = commands.add_parser("workspace", help="Tidy up where exports work.").add_subparsers(
        metavar="COMMAND", required=True
    )
    command = add_command(actions, "gc", "Remove from the workspace what the last exports do not go by.")
    command.set_defaults(command="workspace gc")
    add_workspace_option(command, "which one")
    command.add_argument(
        "--keep", type=between(0, 1000), metavar="N", default=3, help="exports of each kind to keep (default: 3)"
    )
    command.add_argument(
        "--grace-hours", type=between(0, 10_000), metavar="H", default=24, help="younger files stay (default: 24)"
    )
    command.add_argument("--dry-run", action="store_true", help="remove nothing, say what would go")
