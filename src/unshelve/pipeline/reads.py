"""Files that a step's code opens by name: the cache cannot see when they change."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from unshelve.pipeline.code import Project
from unshelve.pipeline.source_file import SourceFile, chain_of

_READS_PATH: Final = frozenset({"read_text", "read_bytes"})
_OPENS: Final = frozenset({"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "connect", "load_workbook", "imread"})
_LOADERS: Final = frozenset({"np", "numpy", "joblib", "sqlite3", "openpyxl", "plt", "duckdb", "torch"})


@dataclass(frozen=True, slots=True)
class FileRead:
    """One place where a file is read by a name that stands in the code."""

    name: str
    file: str
    line: int


def files_read(function: Callable[..., object], project: Project) -> list[str]:
    """The names of the files that a function, and what it reaches in the project, reads; each once."""
    return list(dict.fromkeys(read.name for read in file_reads(function, project)))


def file_reads(function: Callable[..., object], project: Project) -> tuple[FileRead, ...]:
    """The places where a function, and what it reaches in the project, reads a file by name."""
    found: dict[FileRead, None] = {}
    for source, statements in project.statements(function):
        texts = _texts(source)
        calls = [node for one in statements for node in ast.walk(one) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
            name = next(_names_read(call, texts), None)
            if name is not None and "://" not in name:
                found[FileRead(name, source.label, call.lineno)] = None
    return tuple(found)


def _names_read(call: ast.Call, texts: Mapping[str, str]) -> Iterator[str]:
    """The file that a call reads, if it is one that reads a file and the name can be told."""
    function = call.func
    if isinstance(function, ast.Attribute) and (function.attr in _READS_PATH or function.attr == "open"):
        path = _text(function.value, texts)
        if path is not None and not (function.attr == "open" and _writes(call, 0)):
            yield path
            return
    if not call.args:
        return
    chain = chain_of(function)
    if chain is None:
        return
    name, attributes = chain
    opens = not attributes and name == "open" and not _writes(call, 1)
    tables = bool(attributes) and attributes[-1].startswith(("read_", "scan_"))
    loads = name in _LOADERS and bool(attributes) and attributes[-1] in _OPENS
    if opens or tables or loads:
        path = _text(call.args[0], texts)
        if path is not None:
            yield path


def _writes(call: ast.Call, place: int) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[place : place + 1]
    return any(isinstance(one, ast.Constant) and set(str(one.value)) & set("wax") for one in given)


def _text(node: ast.expr, texts: Mapping[str, str]) -> str | None:
    """A name of a file as far as the code tells it: "x.csv", Path("data") / "x.csv", FOLDER / "x.csv", f"{x}.csv"."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return texts.get(node.id)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        right = _text(node.right, texts)
        left = _text(node.left, texts)
        return None if right is None else f"{left or '…'}/{right}"
    if isinstance(node, ast.Call) and node.args:
        chain = chain_of(node.func)
        if chain is not None and (chain[0], *chain[1])[-1] in ("Path", "join"):
            parts = [_text(one, texts) or "…" for one in node.args]
            return None if parts == ["…"] else "/".join(parts)
    return None


def _texts(source: SourceFile) -> dict[str, str]:
    """The constants of a file that hold texts or paths."""
    texts: dict[str, str] = {}
    for name, statements in source.bound.items():
        first = statements[0]
        if isinstance(first, ast.Assign) and len(first.targets) == 1:
            value = _text(first.value, texts)
            if value is not None:
                texts[name] = value
    return texts
