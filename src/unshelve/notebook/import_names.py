"""What names stand for that imports bind, and what is reached through them by dots."""

from __future__ import annotations

import ast


def modules_of(tree: ast.Module) -> dict[str, str]:
    """What the imports among some statements bind: "pd" for "pandas", "svm" for "sklearn.svm"."""
    found: dict[str, str] = {}
    for each in tree.body:
        if isinstance(each, ast.Import):
            for alias in each.names:
                top = alias.name.split(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(each, ast.ImportFrom) and each.module and not each.level:
            found.update({alias.asname or alias.name: f"{each.module}.{alias.name}" for alias in each.names})
    return found


def root_and_path(node: ast.expr) -> tuple[str, str]:
    """The first name of `a.b.c`, and ".b.c" behind it; "" where it does not begin with a name."""
    path = ""
    while isinstance(node, ast.Attribute):
        path = f".{node.attr}{path}"
        node = node.value
    return (node.id, path) if isinstance(node, ast.Name) else ("", "")
