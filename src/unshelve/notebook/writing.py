"""A draft as the text of `solution.py`: the notebook from top to bottom, without its looks and dead ends."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass
from typing import Final, get_args

from unshelve.notebook.draft import Draft, DraftStep, Kind
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.seen import Seen
from unshelve.solution.origin import LiftedStep

WIDTH: Final = 120
_FROZEN: Final = ("categories", "as_categories", "appearances", "codes", "prepared_table")


@dataclass(frozen=True, slots=True)
class Written:
    """The text of the file, and where each step stands in it."""

    text: str
    steps: tuple[LiftedStep, ...]


def write(draft: Draft, seen: Seen, *, imports: tuple[str, ...] = ()) -> Written:
    """The text of a draft. The same draft gives the same bytes."""
    steps = _ordered(draft)
    shadowed = _bound_by(draft, seen)
    head = [*_docstring(seen.notebook), "", *_imports(draft, seen, steps, imports), *_constants(draft, seen)]
    lines = [*head]
    placed = []
    for step in steps:
        lines += ["", ""]
        first = len(lines) + 1
        lines += _function(step, "unshelve_" if step.kind in shadowed else "")
        placed.append(
            LiftedStep(
                name=step.name,
                kind=step.kind,
                first_line=first,
                last_line=len(lines),
                statements=tuple(sorted(step.statements)),
            )
        )
    return Written("\n".join(lines) + "\n", tuple(placed))


def _ordered(draft: Draft) -> list[DraftStep]:
    """Steps behind those that they need, as nearly as can be in the order of the notebook."""
    rank = {
        "source": 0,
        "step": 0,
        "keep": 1,
        "transform": 1,
        "target": 1,
        "fit": 1,
        "split": 2,
        "model": 3,
        "answer": 4,
    }
    waiting = sorted(
        draft.steps,
        key=lambda each: (rank.get(each.kind, 5), max(each.statements, default=10**6), draft.steps.index(each)),
    )
    names = {each.name for each in waiting}
    found: list[DraftStep] = []
    given: set[str] = set()
    while waiting:
        ready = next((each for each in waiting if _needs(each, names) <= given), waiting[0])
        waiting.remove(ready)
        found.append(ready)
        given.add(ready.name)
    return found


def _needs(step: DraftStep, names: set[str]) -> set[str]:
    return {each if each in names else each.removesuffix("_train").removesuffix("_test") for each in step.parameters}


def _docstring(notebook: Notebook) -> list[str]:
    heading = ""
    for cell in notebook.cells:
        if cell.kind == "markdown":
            heads = [line.lstrip("# ").strip() for line in cell.source.splitlines() if line.startswith("#")]
            heading = next((each for each in heads if each), "")
            if heading:
                break
    title = heading.replace('"', "'").replace("\\", "/")[:100] or notebook.name.replace("_", " ")
    said = f"Lifted from {notebook.path.name}; `lift.json` maps each line to its cell."
    return [f'"""{_ended(title)}', "", said, '"""']


def _imports(draft: Draft, seen: Seen, steps: list[DraftStep], more: tuple[str, ...]) -> list[str]:
    text = "\n".join([*(line for step in steps for line in [step.options, *step.lines]), *_constants(draft, seen)])
    used = {each.id for each in ast.walk(ast.parse(_parsable(text, steps))) if isinstance(each, ast.Name)}
    chosen: list[str] = list(more)
    for number, tree in enumerate(seen.trees):
        if isinstance(tree, ast.ImportFrom | ast.Import):
            kept = [alias for alias in tree.names if _bound(alias) in used or alias.name == "*"]
            chosen += [ast.unparse(_with_names(tree, [alias])) for alias in kept]
            if kept and number not in draft.top:
                draft.top.append(number)
    if "clone" in used:
        chosen.append("from sklearn.base import clone")
    kinds = sorted({step.kind for step in steps} | {name for name in _FROZEN if name in used} | _gates(steps))
    shadowed = _bound_by(draft, seen)
    named = _gathered({each for each in chosen if each.startswith("from ")})
    ours = ", ".join(f"{each} as unshelve_{each}" if each in shadowed else each for each in kinds)
    plain = sorted({each for each in chosen if each.startswith("import ")})
    return [*plain, *named, "", *_wrapped(f"from unshelve import {ours}")]


def _bound_by(draft: Draft, seen: Seen) -> frozenset[str]:
    """Names of the author's at the top of the file, which would hide a decorator of that name."""
    imports = {number for number, tree in enumerate(seen.trees) if isinstance(tree, ast.Import | ast.ImportFrom)}
    touches = (seen.flow.touches[number] for number in {*draft.top, *imports})
    return frozenset(name for touch in touches for name in touch.binds) & frozenset(get_args(Kind))


def _gates(steps: list[DraftStep]) -> set[str]:
    return {name for step in steps for name in ("at_least", "at_most") if f"{name}(" in step.options}


def _gathered(lines: set[str]) -> list[str]:
    """One line for each module that names are taken of."""
    found: dict[str, set[str]] = {}
    for line in lines:
        module, _, names = line.removeprefix("from ").partition(" import ")
        found.setdefault(module, set()).update(names.split(", "))
    return [
        line
        for module in sorted(found)
        for line in _wrapped(f"from {module} import {', '.join(sorted(found[module]))}")
    ]


def _wrapped(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    head, _, names = line.partition(" import ")
    return [f"{head} import (", *(f"    {name}," for name in names.split(", ")), ")"]


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _with_names(tree: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.Import | ast.ImportFrom:
    if isinstance(tree, ast.Import):
        return ast.Import(names=names)
    return ast.ImportFrom(module=tree.module, names=names, level=tree.level)


def _parsable(text: str, steps: list[DraftStep]) -> str:
    """All bodies as one text that parses: returns stand in functions."""
    bodies = [f"def {step.name}():\n" + textwrap.indent("\n".join(step.lines) or "pass", "    ") for step in steps]
    options = [f"dict({step.options})" for step in steps if step.options]
    constants = text[len("\n".join(line for step in steps for line in [step.options, *step.lines])) :]
    return "\n".join([*bodies, *options, constants])


def _constants(draft: Draft, seen: Seen) -> list[str]:
    lines: list[str] = []
    for number in sorted(draft.top):
        tree = seen.trees[number]
        if isinstance(tree, ast.Import | ast.ImportFrom):
            continue
        comments = [f"# {each}" for each in seen.notebook.statements[number].comments]
        gap = ["", ""] if isinstance(tree, ast.FunctionDef | ast.ClassDef) else ([""] if not lines else [])
        lines += [*gap, *comments, *seen.source(number).splitlines()]
    return lines


def _function(step: DraftStep, prefix: str) -> list[str]:
    options = f"({step.options})" if step.options else ""
    head = f"def {step.name}({', '.join(step.parameters)}):"
    if len(head) > WIDTH:
        head = f"def {step.name}(\n    {', '.join(step.parameters)},\n):"
    title = _ended(step.title.replace("\\", "/").replace('"""', "'''"))
    body = [f'"""{title}"""', *(step.lines or ["pass"])]
    return [
        f"@{prefix}{step.kind}{options}",
        *head.split("\n"),
        *(f"    {line}" if line.strip() else "" for line in body),
    ]


def _ended(title: str) -> str:
    """A title as a sentence: with a full stop, where it has no mark of its own."""
    return title if title.endswith(("?", "!")) else f"{title.rstrip('.')}."
