"""Plug-ins as third parties bring them: folders, and installed packages, both real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXPORT = """\
class {class_name}:
    name = "{name}"
    description = "What {name} writes."

    def export(self, context):
        context.io.file(format="txt").write("{name}")
"""

SYNC = """\
from .export import {class_name}


def init(context):
    context.register_exports({modalities}, {class_name})
"""


def write_plugin(
    folder: Path, name: str, *, registers_for: str = '"image"', files: dict[str, str] | None = None, **manifest: Any
) -> Path:
    """A plug-in folder `folder/name` with one exporter of the plug-in's name; `files` are added or take their place."""
    words = {"name": name, "class_name": name.title().replace("-", ""), "modalities": registers_for}
    plugin = folder / name
    contents = {
        "manifest.json": json.dumps({"name": name, "version": "0.0.1", **manifest}),
        "sync.py": SYNC.format(**words),
        "export.py": EXPORT.format(**words),
    } | (files or {})
    for path, text in contents.items():
        target = plugin / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return plugin


def write_package(site: Path, name: str, entry_points: dict[str, str], module: str, version: str = "1.2") -> None:
    """What installing a distribution leaves in `site`: a module of its name, and its metadata."""
    described = site / f"{name}-{version}.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{point} = {value}" for point, value in entry_points.items()]
    (described / "entry_points.txt").write_text("\n".join(["[outhaul.exporters]", *lines]) + "\n")
    (site / f"{name}.py").write_text(module)
