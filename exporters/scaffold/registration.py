"""Adds an exporter to the `init` of a plug-in that somebody has worked on since it was made."""

from __future__ import annotations

import ast
from pathlib import Path

from exporters.errors import RequestError


def with_registration(path: Path, class_name: str, module: str, modality: str) -> str:
    """The text of a plug-in's sync.py, with one more exporter imported and registered; the rest as it is.

    Raises:
        RequestError: it has no `init` that a line can be added to; says which two lines are to be added by hand.
    """
    text = path.read_text(encoding="utf-8")
    imported = f"from .{module} import {class_name}\n"
    try:
        tree = ast.parse(text)
        init = next(one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "init")
        registered = f'{init.args.args[0].arg}.register_exports("{modality}", {class_name})\n'
        place = _end_of(init)
    except (SyntaxError, StopIteration, IndexError):
        raise RequestError(
            f"{path} has no function init(context) to add the exporter to; add it by hand: {imported.strip()}, and "
            f'context.register_exports("{modality}", {class_name}).'
        ) from None
    lines = text.splitlines(keepends=True)
    lines[-1] = lines[-1].rstrip("\n") + "\n"
    lines.insert(place, " " * init.body[0].col_offset + registered)
    lines.insert(_end_of_imports(tree, init), imported)
    return "".join(lines)


def _end_of(init: ast.FunctionDef) -> int:
    """The line after which a statement can be added to the function."""
    last = init.body[-1]
    if init.body[0].lineno == init.lineno:  # def init(context): ... on one line
        raise IndexError
    return last.lineno - 1 if isinstance(last, ast.Return | ast.Raise) else last.end_lineno or last.lineno


def _end_of_imports(tree: ast.Module, init: ast.FunctionDef) -> int:
    """The line after the last import before the function, or else after the module's docstring."""
    before = [one for one in tree.body if one.lineno < init.lineno]
    ends = [one.end_lineno or one.lineno for one in before if isinstance(one, ast.Import | ast.ImportFrom)]
    if not ends and ast.get_docstring(tree) is not None:
        ends = [tree.body[0].end_lineno or 1]
    return max(ends, default=0)
