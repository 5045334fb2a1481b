"""What a new exporter can start from: the examples, each under the name that `--pattern` has for it."""

from __future__ import annotations

import ast
import json
from importlib import resources

PATTERNS = {
    "json": "single_file",
    "stream": "streaming",
    "files": "several_files",
    "media": "with_media",
    "push": "push",
}
"""Modules of `exporters.examples`; `test_export_<pattern>.py` among the templates tests each as it is."""


def export_source(pattern: str, *, class_name: str, name: str, description: str) -> str:
    """The module of an example, with its exporter called otherwise."""
    text = (resources.files("exporters.examples") / f"{PATTERNS[pattern]}.py").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    (exporter,) = [node for node in classes if "export" in (_defined(member) for member in node.body)]
    said = {"name": name, "description": description}
    for member in reversed(exporter.body):  # from the end, so that the lines before keep their numbers
        if value := said.get(_defined(member)):
            literal = json.dumps(value, ensure_ascii=False)  # which is a literal of Python's, too
            lines[member.lineno - 1 : member.end_lineno] = [f"    {_defined(member)} = {literal}\n"]
    lines[exporter.lineno - 1] = lines[exporter.lineno - 1].replace(exporter.name, class_name, 1)
    return "".join(lines)


def _defined(member: ast.stmt) -> str:
    """The name that a statement of a class defines; empty for others."""
    match member:
        case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""
