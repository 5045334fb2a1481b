"""What `outhaul doctor` and `completion` take. As light as `flows.cli`, of which they are a part."""

from __future__ import annotations

from typing import Any

from flows.cli_parts import add_command, add_workspace_option

DOCTOR = """\
Looks at Python, packages, extras, the workspace and the Prefect API, and tries each SOURCE and each --to as an export
would: it logs in and lists, or writes and removes a small file. Exit status 0: nothing is broken; 1: something is.
"""


COMPLETION = """\
Completes commands, options, formats and paths. For a session of bash:

  source <(outhaul completion bash)

For good, write it to where the shell looks for it, and again when plug-ins bring formats:

  bash  ~/.local/share/bash-completion/completions/outhaul
  fish  ~/.config/fish/completions/outhaul.fish
  tcsh  a file that ~/.tcshrc sources
  zsh   _outhaul, in a folder of $fpath
"""
SHELLS = ("bash", "fish", "tcsh", "zsh")


def add_completion(commands: Any) -> None:
    command = add_command(commands, "completion", "Print the script by which a shell completes what you type.")
    command.description = f"{command.description}\n\n{COMPLETION}"
    command.add_argument("shell", choices=SHELLS)


def add_doctor(commands: Any) -> None:
    command = add_command(commands, "doctor", "Say what is missing or misconfigured on this machine, and what to do.")
    command.description = f"{command.description}\n\n{DOCTOR}"
    command.add_argument("sources", metavar="SOURCE", nargs="*", help="to be tried; see below")
    command.add_argument(
        "--to", metavar="URL", action="append", default=[], help="a target to be tried; may be given again"
    )
    add_workspace_option(command)
