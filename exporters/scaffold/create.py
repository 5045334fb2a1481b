"""Writes the files of a new plug-in, or of a new exporter of one. Never over a file that is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from exporters.errors import RequestError, quoted
from exporters.naming import safe_component
from exporters.plugins.folders import inspect_folder
from exporters.plugins.manifest import NAME_PATTERN
from exporters.scaffold.patterns import PATTERNS, export_source
from exporters.scaffold.registration import with_registration

TEMPLATES = resources.files(__package__) / "templates"

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,31}")


@dataclass(frozen=True)
class NewExporter:
    """What has to be known of an exporter to write it down.

    Raises:
        RequestError: one of the answers cannot be used.
    """

    name: str
    description: str
    modality: str
    pattern: str

    def __post_init__(self) -> None:
        _check_name("the name of an exporter", self.name)
        _check_name("the name of a modality", self.modality)
        _check_line("description", self.description)
        if self.pattern not in PATTERNS:
            raise RequestError(f"There is no pattern {quoted(self.pattern)}; there is: {', '.join(PATTERNS)}.")

    @property
    def identifier(self) -> str:
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        return "".join(word.capitalize() for word in self.identifier.split("_")) + "Export"

    def source(self) -> str:
        """The module of this exporter."""
        return export_source(self.pattern, class_name=self.class_name, name=self.name, description=self.description)


@dataclass(frozen=True)
class NewPlugin:
    """A plug-in with one exporter, which has the plug-in's name.

    Raises:
        RequestError: one of the answers cannot be used.
    """

    exporter: NewExporter
    display_name: str
    version: str = "0.0.1"

    def __post_init__(self) -> None:
        _check_line("display name", self.display_name)
        if not _VERSION.fullmatch(self.version):
            raise RequestError(f"{quoted(self.version)} is no version; give one such as 0.0.1.")


def create_plugin(plugin: NewPlugin, parent: Path) -> list[Path]:
    """Write a new plug-in into a folder of its name below `parent`; returns its files.

    Raises:
        RequestError: the folder is there already, or cannot be made.
    """
    exporter = plugin.exporter
    folder = parent / exporter.name
    words = _words(exporter) | {
        "plugin": exporter.name,
        "folder": "Path(__file__).parent",
        "display_name": plugin.display_name,
        "display_name_json": json.dumps(plugin.display_name, ensure_ascii=False),
        "version_json": json.dumps(plugin.version),
    }
    return _write(
        folder,
        {
            "manifest.json": _filled("manifest.json", words),
            "sync.py": _filled("sync.py", words),
            "export.py": exporter.source(),
            f"test_{exporter.identifier}_sync.py": _filled("test_sync.py", words),
            f"test_{exporter.identifier}_export.py": _filled(f"test_export_{exporter.pattern}.py", words),
            "pytest.ini": _filled("pytest.ini", words),
            "README.md": _filled("README.md", words),
        },
        is_new=True,
    )


def add_exporter(exporter: NewExporter, folder: Path) -> list[Path]:
    """Write a new exporter into the plug-in in `folder`, and register it in its sync.py; returns the files written.

    Raises:
        RequestError: the folder holds no plug-in, the exporter is there already, or sync.py is not as it has to be.
    """
    plugin = inspect_folder(folder)
    module = f"export_{exporter.identifier}"
    registered = with_registration(plugin.entry, exporter.class_name, module, exporter.modality)
    depth = len(plugin.entry.parent.relative_to(folder.resolve()).parts)
    words = _words(exporter) | {"folder": f"Path(__file__).parents[{depth}]" if depth else "Path(__file__).parent"}
    own = plugin.manifest.name.replace("-", "_")
    written = _write(
        plugin.entry.parent,
        {
            f"{module}.py": exporter.source(),
            f"test_{own}_{module}.py": _filled(f"test_export_{exporter.pattern}.py", words),
        },
        is_new=False,
    )
    plugin.entry.write_text(registered, encoding="utf-8")
    return [plugin.entry, *written]


def _words(exporter: NewExporter) -> dict[str, str]:
    """What the templates say `$word` for."""
    return {
        "name": exporter.name,
        "class_name": exporter.class_name,
        "modality": exporter.modality,
        "description": exporter.description,
        "description_json": json.dumps(exporter.description, ensure_ascii=False),
    }


def _filled(template: str, words: Mapping[str, str]) -> str:
    return Template((TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")).substitute(words)


def _write(folder: Path, files: Mapping[str, str], *, is_new: bool) -> list[Path]:
    paths = [folder / name for name in files]
    there = [path for path in ([folder] if is_new else paths) if path.exists() or path.is_symlink()]
    if there:
        raise RequestError(f"{there[0]} is there already, and nothing is overwritten; choose another name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, files.values(), strict=True):
            with path.open("x", encoding="utf-8") as handle:
                handle.write(text)
    except OSError as error:
        raise RequestError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from None
    return paths


def _check_name(what: str, name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name) or safe_component(name) != name:
        raise RequestError(
            f"{quoted(name)} cannot be {what}; use up to 64 of a-z, 0-9, - and _, beginning with a letter, and nothing "
            f"that Windows keeps for devices."
        )


def _check_line(what: str, text: str) -> None:
    if not text.strip() or not text.isprintable():
        raise RequestError(f"{quoted(text)} cannot be the {what}; give one line of text.")
