"""Random state put back: a copy of a solution whose steps begin where chance stood in the notebook.

An unseeded notebook gives other numbers each time. What it computed can still be proven: before the kept statement
the watched run wrote down the state of the global generators, and the copy's step takes it up again.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from unshelve.errors import NotFound
from unshelve.ids import digest
from unshelve.notebook.expected import Drawing
from unshelve.solution.files import SKIPPED_FOLDERS, SOLUTION_FILE

MODULE: Final = "random_state_put_back"

_TEXT: Final = '''"""Puts the random state back where it stood in the notebook. Part of a proof, not of the solution."""
import pathlib
import pickle
import random


def put_back(name, digest):
    import numpy as np

    state = pickle.loads((pathlib.Path(__file__).parent / name).read_bytes())
    if "numpy" in state:
        np.random.set_state(state["numpy"])
    if "random" in state:
        random.setstate(state["random"])
'''


def copy_solution(folder: Path, to: Path) -> Path:
    """A copy of a solution folder whose Python files are its own; everything else is linked to."""
    copy = to / folder.name
    copy.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.name in SKIPPED_FOLDERS:
            continue
        if path.is_dir():
            shutil.copytree(path, copy / path.name, copy_function=_copy, ignore=_skipped)
        else:
            _copy(str(path), str(copy / path.name))
    return copy


def put_random_back(copy: Path, random: Mapping[str, Sequence[Drawing]], kept: Path) -> tuple[str, ...]:
    """Let the named steps of a copied solution take up the random state that was kept before these statements.

    The first is put back where the step begins, those of later statements before these, where the step has them as
    they were written: in the notebook others may have drawn in between. Gives the steps of which no state was kept.
    NotFound for a step that the solution does not have.
    """
    file = copy / SOLUTION_FILE
    source = file.read_text(encoding="utf-8")
    lacking = []
    for step, drawings in random.items():
        for place, drawing in enumerate(drawings):
            name = f"random-{drawing.statement}.pkl"
            if not (kept / name).is_file():
                lacking.append(step)
                break
            data = (kept / name).read_bytes()
            (copy / name).write_bytes(data)
            call = f'__import__("{MODULE}").put_back("{name}", "{digest(data)[:16]}")'
            turn = sum(each.source == drawing.source for each in drawings[:place])
            source = insert_before(source, step, None if place == 0 else drawing.source, call, turn=turn)
    (copy / f"{MODULE}.py").write_text(_TEXT, encoding="utf-8")
    file.write_text(source, encoding="utf-8")
    return tuple(lacking)


def insert_before(source: str, function: str, anchor: str | None, statement: str, *, turn: int = 0) -> str:
    """The source with a statement in a top-level function: before its first one after the docstring, or before the
    one that says what `anchor` says (of several, the one at `turn`). Where none does the source stays as it is.
    """
    found = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == function]
    if not found:
        raise NotFound(f"{SOLUTION_FILE} has no function {function}.", code="step-not-found")
    body = found[-1].body
    if anchor is not None:
        said = ast.dump(ast.parse(anchor))
        body = [each for each in body if ast.dump(ast.Module([each], [])) == said][turn : turn + 1]
        if not body:
            return source
    lines = source.encode().split(b"\n")
    last = body[-1]
    begun = [each for each in body if not _is_docstring(each)] or None
    if begun is None:
        at, end = (last.end_lineno or last.lineno) - 1, last.end_col_offset or 0
        lines[at] = lines[at][:end] + f"; {statement}".encode() + lines[at][end:]
        return b"\n".join(lines).decode()
    first = begun[0]
    decorators = getattr(first, "decorator_list", [])
    at = min([first.lineno, *(each.lineno for each in decorators)]) - 1
    before = lines[at][: first.col_offset]
    if before.strip():  # it stands behind the colon, or behind another statement
        lines[at] = before + f"{statement}; ".encode() + lines[at][first.col_offset :]
    else:
        lines.insert(at, before + statement.encode())
    return b"\n".join(lines).decode()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _copy(source: str, to: str) -> str:
    if source.endswith((".py", ".toml")):
        shutil.copyfile(source, to)
    else:
        Path(to).symlink_to(Path(source).resolve())
    return to


def _skipped(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in SKIPPED_FOLDERS]
