"""What `outhaul serve` and `outhaul webhooks` take. As light as `flows.cli`, of which it is a part."""

from __future__ import annotations

from typing import Any

from flows.cli_parts import add_command, add_workspace_option, between

SERVE = """\
Starts a Prefect server with its UI and a worker, and makes the deployments that are not there; where PREFECT_API_URL
is set, it takes that server. A server keeps its data in SQLite, or in Postgres with --database; a password goes into
PREFECT_SERVER_DATABASE_CONNECTION_URL. With OUTHAUL_WEBHOOK_SECRETS set, it takes webhooks, too.
"""
WEBHOOKS = """\
Takes messages that say that a dataset was completed, signed as standardwebhooks.com has it with one of
OUTHAUL_WEBHOOK_SECRETS (with blanks between), and tells the Prefect server of PREFECT_API_URL, which starts the
deployment on-completed. A part of `outhaul serve`; by itself where the server is elsewhere.
"""
UI_PORT, WEBHOOKS_PORT = 4200, 4201


def add_serve(commands: Any) -> None:
    """Both commands."""
    serve = add_command(
        commands, "serve", "Have all deployments run on this machine, with their UI, until interrupted."
    )
    serve.description = f"{serve.description}\n\n{SERVE}"
    webhooks = add_command(commands, "webhooks", "Take webhooks that start exports, until interrupted.")
    webhooks.description = f"{webhooks.description}\n\n{WEBHOOKS}"
    port = between(1, 65_535)
    for command in (serve, webhooks):
        command.add_argument(
            "--host", metavar="ADDRESS", default="127.0.0.1",
            help="to be called at; 0.0.0.0 is all of this machine's (default: 127.0.0.1)",
        )  # fmt: skip
        add_workspace_option(command)
    webhooks.add_argument("--port", type=port, metavar="P", default=WEBHOOKS_PORT, help="(default: 4201)")
    serve.add_argument("--port", type=port, metavar="P", default=UI_PORT, help="of the UI (default: 4200)")
    serve.add_argument(
        "--webhooks-port", type=port, metavar="P", default=WEBHOOKS_PORT, help="of the webhooks (default: 4201)"
    )
    serve.add_argument(
        "--database", metavar="URL", default="",
        help="of the server, such as postgresql://outhaul@db/outhaul (default: SQLite)",
    )  # fmt: skip
    serve.add_argument(
        "--at-once", type=between(1, 64), metavar="N", default=4, help="runs of the worker at once (default: 4)"
    )
    serve.add_argument(
        "--notify", action="append", default=[], metavar="KIND/NAME",
        help="a saved block to be told of exports, such as slack-webhook/team or outhaul-webhook/training; "
        "may be given again",
    )  # fmt: skip
    serve.add_argument("--verbose", action="store_true", help="server and worker print to standard error, not to files")
