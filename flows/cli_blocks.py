"""What `outhaul blocks` takes. As light as `flows.cli`, of which it is a part."""

from __future__ import annotations

from typing import Any

from flows.cli_parts import add_command

FILE = """\
FILE.yaml holds one block, or a list of them:

  - kind: idah
    name: production
    fields:
      url: https://idah.example.org
      api_key: ${IDAH_API_KEY}
  - kind: outhaul-signing-key
    name: release
    fields:
      private_key: {from_file: key.pem}
      certificate: {from_file: certificate.pem}

${NAME} is a variable of the environment ($${ is ${), from_file a text file beside FILE.yaml, wherever a value stands.
Nothing is saved unless all of it is right. A block that is saved already is given what the file says; fields that it
does not name have their defaults.
"""


def add_blocks(commands: Any) -> None:
    group = commands.add_parser("blocks", help="Make, list and check blocks: saved platforms, targets, keys.")
    actions = group.add_subparsers(metavar="COMMAND", required=True)
    add_command(actions, "register", "Have the Prefect API show the forms of all kinds of blocks.")
    add_command(actions, "list", "List the blocks that are saved.")
    check = add_command(actions, "check", "Try the connection of saved blocks, and say what is wrong.")
    check.add_argument(
        "names", metavar="KIND/NAME", nargs="+",
        help="such as idah/production, or the name alone where only one has it; s3-bucket/team and its like, too",
    )  # fmt: skip
    create = add_command(actions, "create", "Save the blocks that a file describes, unless they are saved so already.")
    create.description = f"{create.description}\n\n{FILE}"
    create.add_argument("file", metavar="FILE.yaml")
    create.add_argument("--dry-run", action="store_true", help="save nothing, say what would be saved")
    for name, command in actions.choices.items():
        command.set_defaults(command=f"blocks {name}")
