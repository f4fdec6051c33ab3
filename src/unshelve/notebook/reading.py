"""Reads a notebook: any version of its format, cells and statements, with a clear word for what is none.

The formats are read here, without the packages of Jupyter: docs/decisions/0007-notebooks-are-read-here.md.
"""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec

from unshelve.errors import BadRequest, NotFound, Refused
from unshelve.notebook.notebook import Cell, Notebook, Statement
from unshelve.notebook.syntax import to_python

MOST_BYTES: Final = 200 << 20
_OUTPUT: Final = 2000
"""Characters of an output that are kept."""
_TWO: Final = re.compile(r"^\s*(print|raise|exec) |except\s+[\w.]+\s*,\s*\w+\s*:|\b\d+L\b|<>|\bur[\"']")
"""What only Python 2 reads, in a line that Python 3 does not."""
_OTHERS: Final = ("ir", "julia", "scala", "spylon", "xcpp", "cling", "sas", "stata", "octave", "matlab", "bash", "ruby",
                  "java", "ijava", "javascript", "deno", "tslab", "gophernotes", "rust", "evcxr", "kotlin", "haskell",
                  "ihaskell", "sql", "xsql")  # fmt: skip
"""Names of kernels of other languages, without the version behind them: "julia-1.10". Others may be anybody's own."""
_SOURCES: Final = ("source", "input", "code", "text")
"""What the text of a cell is called: since format 4, in 2 and 3, in 1."""
_STARTS: Final = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an Office file"),
    (b"\x1f\x8b", "a file that is compressed by gzip"),
)
_AGAIN: Final = "Open it in Jupyter and save it again."


class _Raw(msgspec.Struct):
    """A notebook's file, with what differs between versions left open."""

    cells: list[dict[str, msgspec.Raw]] = []
    worksheets: list[dict[str, msgspec.Raw]] = []
    metadata: dict[str, Any] = {}
    nbformat: int = 0
    nbformat_minor: int = 0


def read_notebook(path: Path) -> Notebook:
    """The notebook in a file.

    Raises NotFound where there is none; BadRequest for what is no notebook; Refused for one that is not of Python 3,
    has no code, or does not parse, with the cell and the line.
    """
    raw, cells = _decoded(path)
    language = _language(raw.metadata)
    if language != "python":
        raise Refused(
            f"{path.name} is a notebook of {language.capitalize()}.",
            code="notebook-not-python",
            hint="Only notebooks of Python can be lifted.",
        )
    if not any(cell.kind == "code" and cell.source.strip() for cell in cells):
        raise Refused(f"{path.name} has no cell with code.", code="notebook-empty", hint="There is nothing to lift.")
    return Notebook(
        path=path,
        cells=cells,
        statements=tuple(_statements(path, cells)),
        python_version=_version(raw.metadata),
        format=(raw.nbformat, raw.nbformat_minor),
    )


def _decoded(path: Path) -> tuple[_Raw, tuple[Cell, ...]]:
    if not path.exists():
        near = sorted(each.name for each in path.parent.glob("*.ipynb"))[:3] if path.parent.is_dir() else []
        raise NotFound(f"There is no notebook {path}.", code="notebook-not-found", near=near)
    if path.is_dir():
        raise Refused(f"{path} is a folder.", code="notebook-is-folder", hint="Name the .ipynb file in it.")
    if path.stat().st_size > MOST_BYTES:
        raise Refused(
            f"{path.name} has {path.stat().st_size >> 20} MB; at most {MOST_BYTES >> 20} are read.",
            code="notebook-too-large",
            hint="Clear its outputs and save it again.",
        )
    data = _without_mark(path.read_bytes())
    try:
        raw = msgspec.json.decode(data, type=_Raw)
        cells = tuple(_cells(raw))  # what is in them is decoded only here
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, hint = _instead(data, error)
        raise BadRequest(
            f"{path.name} is no notebook that can be read. {what}.", code="not-a-notebook", hint=hint
        ) from error
    if not raw.nbformat and not raw.cells and not raw.worksheets:
        raise BadRequest(f"{path.name} is JSON, and no notebook: it has no cells.", code="not-a-notebook", hint=_AGAIN)
    return raw, cells


def _without_mark(data: bytes) -> bytes:
    """The text as UTF-8, where an editor of Windows put its mark in front of it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _instead(data: bytes, error: Exception) -> tuple[str, str]:
    """What a file is that cannot be read as a notebook, and what to do."""
    start = data[:1000].lstrip()
    kind = next((name for sign, name in _STARTS if start.startswith(sign)), None)
    if isinstance(error, msgspec.ValidationError):
        return f"It has another form: {error}", _AGAIN
    if not data.strip():
        return "It is empty", "Take a copy that was saved whole."
    if kind is not None:
        return f"It is {kind}", "Name the notebook's own file."
    if start[:9].lower() == b"<!doctype" or start[:5].lower() == b"<html":
        return "It is a web page", "Download the notebook itself; on GitHub that is behind the button Raw."
    if start.startswith(b"version https://git-lfs"):
        return "It is only a pointer of git-lfs", "Fetch it with `git lfs pull`."
    if isinstance(error, RecursionError):
        return "It is nested too deep", _AGAIN
    if isinstance(error, UnicodeDecodeError):
        return "It is not written in UTF-8", _AGAIN
    if not start.startswith(b"{"):
        return "It is not JSON, as notebooks are", "Only notebooks (.ipynb) are read; `jupytext --to ipynb` makes them."
    return f"It is not JSON, or not whole: {error}", _AGAIN


def _language(metadata: Mapping[str, Any]) -> str:
    """The kernel's language; "python" where the notebook does not say."""
    kernel, info = metadata.get("kernelspec"), metadata.get("language_info")
    for where, key in ((info, "name"), (kernel, "language"), (metadata, "language")):
        found = where.get(key) if isinstance(where, Mapping) else None
        if isinstance(found, str) and found:
            return "python" if found.lower() in ("python", "ipython") else found
    name = str(kernel.get("name", "")) if isinstance(kernel, Mapping) else ""
    own = name.lower().rstrip("0123456789.-_")
    return {"ir": "R", "xcpp": "C++"}.get(own, own) if own in _OTHERS else "python"


def _version(metadata: Mapping[str, Any]) -> str | None:
    info = metadata.get("language_info")
    found = info.get("version") if isinstance(info, Mapping) else None
    return found if isinstance(found, str) else None


def _cells(raw: _Raw) -> Iterator[Cell]:
    given = list(raw.cells)
    for sheet in raw.worksheets:
        if "cells" in sheet:
            given += msgspec.json.decode(sheet["cells"], type=list[dict[str, msgspec.Raw]])
    for number, cell in enumerate(given, 1):
        kind = str(_value(cell, "cell_type") or "raw")
        source = _text(next((_value(cell, key) for key in _SOURCES if key in cell), ""))
        python = to_python(source)[0] if kind == "code" else ""
        outputs = _outputs(cell) if kind == "code" else []
        count = _value(cell, "execution_count") if "execution_count" in cell else _value(cell, "prompt_number")
        if kind == "heading":  # of formats before 4
            level = _value(cell, "level")
            kind, source = "markdown", f"{'#' * (level if isinstance(level, int) else 1)} {source}"
        yield Cell(
            number=number,
            kind=cast(Literal["code", "markdown", "raw"], kind if kind in ("code", "markdown") else "raw"),
            source=source,
            python=python,
            execution_count=count if isinstance(count, int) else None,
            outputs=tuple(_texts(outputs)),
            typed=tuple(_texts([each for each in outputs if each.name == "stdin"])),
            failed=next((each.ename for each in outputs if each.ename), None),
        )


def _value(cell: Mapping[str, msgspec.Raw], key: str) -> object:
    return msgspec.json.decode(cell[key]) if key in cell else None


def _text(source: object) -> str:
    if isinstance(source, list):
        return "".join(str(each) for each in source)
    return source if isinstance(source, str) else ""


class _Output(msgspec.Struct):
    name: object = None
    text: list[str] | str | None = None
    data: dict[str, msgspec.Raw] = {}
    ename: str | None = None


def _outputs(cell: Mapping[str, msgspec.Raw]) -> list[_Output]:
    """What was saved below a cell; pictures and pages are passed over without being built."""
    if "outputs" not in cell:
        return []
    try:
        return msgspec.json.decode(cell["outputs"], type=list[_Output])[:50]
    except msgspec.ValidationError:
        return []


def _texts(outputs: list[_Output]) -> Iterator[str]:
    for each in outputs:
        text = each.text
        if text is None and "text/plain" in each.data:
            text = cast(list[str] | str, msgspec.json.decode(each.data["text/plain"]))
        if text is not None:
            yield _text(text)[:_OUTPUT]


def _statements(path: Path, cells: tuple[Cell, ...]) -> Iterator[Statement]:
    number = 0
    for cell in cells:
        if cell.kind != "code":
            continue
        lines = cell.python.split("\n")
        body = _parsed(path, cell)
        for node in body:
            if isinstance(node, ast.Pass):  # a magic, a shell line, or nothing at all
                continue
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            yield Statement(
                number=number,
                cell=cell.number,
                line=first,
                end_line=node.end_lineno or first,
                source=_source(cell.python, lines, node, first),
                comments=_comments(lines, first),
                node=node,
                shown=isinstance(node, ast.Expr) and node is body[-1] and not cell.python.rstrip().endswith(";"),
            )
            number += 1


def _parsed(path: Path, cell: Cell) -> list[ast.stmt]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the author's strings
            return ast.parse(cell.python).body
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        old = any(map(_TWO.search, cell.python.split("\n")[line - 1 : line]))
        raise Refused(
            f"{path.name}, cell {cell.number}, line {line}: "
            + ("this is Python 2." if old else f"{getattr(error, 'msg', error)}."),
            code="notebook-python-2" if old else "notebook-syntax",
            hint=_hint(str(error), old=old),
            details={"cell": cell.number, "line": line},
        ) from error


def _hint(said: str, *, old: bool) -> str:
    if old:
        return "Let `2to3` rewrite it, or write print with brackets."
    if "unicodeescape" in said:
        return "Write an r in front of a path of Windows: r'C:\\Users\\…'."
    return "Mend the cell, or delete it."


def _source(python: str, lines: list[str], node: ast.stmt, first: int) -> str:
    if first == node.lineno:
        return ast.get_source_segment(python, node) or ""
    return "\n".join(lines[first - 1 : node.end_lineno])


def _comments(lines: list[str], first: int) -> tuple[str, ...]:
    found: list[str] = []
    for line in reversed(lines[: first - 1]):
        if not line.strip().startswith("#"):
            break
        found.insert(0, line.strip().lstrip("#").strip())
    return tuple(found)
