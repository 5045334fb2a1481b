"""What `outhaul sandbox`, `plugin` and `ango-plugin` take. As light as `flows.cli`, of which they are a part."""

from __future__ import annotations

from typing import Any

from flows.cli_parts import add_command, add_workspace_option, between


def add_sandbox(commands: Any) -> None:
    command = add_command(commands, "sandbox", "Run a stand-in platform to develop against.")
    command.add_argument("platform", choices=("idah", "ango"))
    command.add_argument(
        "--entries", "--tasks", type=between(0, 10_000_000), metavar="N", default=24, help="(default: 24)"
    )
    command.add_argument("--port", type=between(0, 65_535), metavar="P", default=8717, help="(default: 8717)")
    command.add_argument("--seed", type=int, metavar="S", default=7, help="the same seed draws the same pictures")
    command.add_argument(
        "--datasets", type=between(0, 1000), metavar="N", default=1, help="of pictures, of so many entries each (idah)"
    )
    command.add_argument(
        "--video-datasets", type=between(0, 1000), metavar="N", default=0, help="of videos, besides (idah)"
    )
    command.add_argument(
        "--latency", type=between(0, 60_000), metavar="MS", default=0, help="milliseconds before each answer"
    )
    command.add_argument(
        "--media-bytes", type=between(1, 1 << 30), metavar="B", default=None, help="size of each picture's file (idah)"
    )
    command.add_argument(
        "--row-bytes", type=between(1, 1 << 24), metavar="B", default=None, help="size of each row of an export (ango)"
    )
    command.add_argument(
        "--export-latency", type=between(0, 600_000), metavar="MS", default=0, help="until an export is built (ango)"
    )
    command.add_argument(
        "--link-seconds", type=between(1, 1 << 24), metavar="S", default=120_000, help="life of a signed link (ango)"
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
        "--rest-plugin", metavar="ADDRESS", default="", help="where a plug-in in REST mode is called on Run (ango)"
    )


def add_plugin(commands: Any) -> None:
    group = commands.add_parser("plugin", help="Write a plug-in, or another exporter for one.")
    actions = group.add_subparsers(metavar="COMMAND", required=True)
    create = add_command(
        actions, "create", "Write a new plug-in with one exporter. Asks on a terminal for what is not given."
    )
    another = add_command(
        actions, "add-exporter", "Write another exporter into a plug-in. Asks for what is not given, too."
    )
    create.add_argument("name", metavar="NAME", help="of the plug-in, its folder and its exporter")
    create.add_argument("directory", metavar="DIR", nargs="?", default=".", help="where to put its folder (default: .)")
    create.add_argument("--display-name", metavar="TEXT", help="(default: NAME)")
    create.add_argument("--version", metavar="V", help="(default: 0.0.1)")
    another.add_argument("name", metavar="NAME", help="of the exporter")
    another.add_argument("directory", metavar="DIR", nargs="?", default=".", help="the plug-in's folder (default: .)")
    for name, command in (("create", create), ("add-exporter", another)):
        command.set_defaults(command=f"plugin {name}")
        command.add_argument("--description", metavar="TEXT", help="a sentence that says what the exporter writes")
        command.add_argument("--modality", metavar="M", help="what it is for (default: image)")
        command.add_argument(
            "--pattern", metavar="P", help="what it starts from: json, stream, files, media or push (default: json)"
        )


def add_ango_plugin(commands: Any) -> None:
    command = add_command(
        commands, "ango-plugin", "Serve an exporter to Ango Hub as its Export plug-in, until interrupted."
    )
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
    command.add_argument("--port", type=between(0, 65_535), metavar="P", default=8080, help="(default: 8080)")
    command.add_argument(
        "--at-once", type=between(1, 64), metavar="N", default=2, help="runs that are carried out at once (default: 2)"
    )
    command.add_argument(
        "--time-limit", type=between(1, 1 << 24), metavar="S", default=21_600,
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
    add_workspace_option(command)
    command.add_argument(
        "--notify", action="append", default=[], metavar="E-MAIL",
        help="whom the hub tells of an export beside its user, by an administrator's key; may be given again",
    )  # fmt: skip
    command.add_argument("--ca-bundle", metavar="FILE", default="", help="a PEM file, for a private authority")
    command.add_argument("--no-verify-ssl", action="store_true", help="for test systems only")
