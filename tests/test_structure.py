"""The rooms of the house, and which way their doors open."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import exporters

ROOT = Path(__file__).parent.parent
ROOMS = ("exporters", "blocks", "flows", "deployments")
"""Each may import from those before it, and from itself."""

MODULES = [path.relative_to(ROOT) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_one_way(path: Path) -> None:
    """Deployments → flows → blocks → exporters: no module imports from a room above its own."""
    above = ROOMS[ROOMS.index(path.parts[0]) + 1 :]
    assert not [name for name in imported(path) if name.split(".")[0] in above]


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] == "exporters"], ids=str)
def test_exporters_are_pure(path: Path) -> None:
    """What is written knows no Prefect, no network and no storage."""
    foreign = {"prefect", "aiohttp", "fsspec", "s3fs", "httpx", "requests", "socket", "urllib", "asyncio"}
    assert not {name.split(".")[0] for name in imported(path)} & foreign


@pytest.mark.parametrize("path", [path for path in MODULES if "sandbox" in path.parts], ids=str)
def test_a_sandbox_is_no_relative_of_the_client_it_tests(path: Path) -> None:
    """A stand-in that shared code with the client would share its misunderstandings."""
    ours = [name for name in imported(path) if name.startswith("blocks.") and not name.startswith("blocks.sandbox")]
    assert not ours


def test_the_front_door_lists_what_is_there() -> None:
    """`exporters.__all__` names what the module has, once and sorted."""
    assert all(hasattr(exporters, name) for name in exporters.__all__)
    assert len(set(exporters.__all__)) == len(exporters.__all__)


def loaded_by(*arguments: str) -> set[str]:
    """The packages and modules that a command has loaded when it ends."""
    code = (
        "import contextlib, sys; from flows.cli import main\n"
        f"with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr): main({list(arguments)!r})\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("export", "--help"), ("sandbox", "--port", "x")])
def test_what_the_command_line_says_of_itself_loads_nothing(arguments: tuple[str, ...]) -> None:
    """Help and refusals of arguments need Python's own modules, and those of ours that read arguments."""
    loaded = loaded_by(*arguments)
    assert {name for name in loaded if name.startswith(ROOMS)} <= {
        *(
            "exporters",
            "exporters.errors",
            "exporters.version",
            "flows",
            "flows.cli",
            "flows.cli_blocks",
            "flows.cli_develop",
            "flows.cli_doctor",
            "flows.cli_export",
            "flows.cli_parts",
            "flows.cli_serve",
        )
    }
    assert not loaded & {"pydantic", "msgspec", "numpy", "fsspec", "yaml", "asyncio", "prefect", "shtab"}


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (("formats",), {"numpy", "fsspec", "yaml", "asyncio", "ssl", "zstandard", "duckdb"}),
        (("completion", "bash"), {"numpy", "fsspec", "yaml", "asyncio", "ssl", "zstandard", "duckdb"}),
        (("doctor",), {"numpy", "yaml", "exporters.formats", "aiohttp", "s3fs", "obstore", "httpx"}),
        (("verify", "/nowhere"), {"numpy", "yaml", "exporters.formats", "aiohttp", "s3fs", "obstore"}),
        (("diff", "/nowhere", "/nowhere"), {"numpy", "yaml", "exporters.formats", "aiohttp", "s3fs", "obstore"}),
    ],
)
def test_light_commands_load_little(arguments: tuple[str, ...], needless: set[str]) -> None:
    """Commands that need no flow start without Prefect, and without what others need."""
    loaded = loaded_by(*arguments)
    assert not loaded & (needless | {"prefect"})
    assert "pydantic" in loaded, "the command was carried out"
