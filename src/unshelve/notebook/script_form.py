"""The last form of a lift: the whole notebook as one step, not sliced. It answers no requests.

What its proof holds against the notebook are the values that the notebook ends with: its fitted models, and what its
metrics were kept in.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final

from unshelve.notebook.choosing import Choice, Measured
from unshelve.notebook.draft import CannotShape, Draft, DraftMetric, DraftStep
from unshelve.notebook.editing import Edit, calls, edited, reads, span, tail, text_of
from unshelve.notebook.measuring import call_of
from unshelve.notebook.naming import Names
from unshelve.notebook.seen import Seen
from unshelve.notebook.watched import ValueInfo, Watched

_FITS: Final = ("fit", "search", "fit_transform")
_MEASURES: Final = ("number", "list", "array", "dict", "series", "frame")
"""Kinds of values in which a notebook keeps what it measured."""


def script_draft(seen: Seen, choice: Choice, own: Collection[str] | None = None) -> Draft:
    """One step with all statements, and a metric step for each number that one of them computes.

    `own` are the names that the notebook itself ends with, where `seen` has those of plainer statements besides.
    Raises CannotShape where the notebook ends with no value that could be held against it.
    """
    names = Names({*seen.modules, *(name for touch in seen.flow.touches for name in touch.binds)})
    whole = names.give("whole_notebook")
    left = {each for each, tree in enumerate(seen.trees) if isinstance(tree, ast.Pass)}
    top = [number for number in range(len(seen.trees)) if seen.roles[number] == "top" and _stays(seen, number)]
    body = [number for number in range(len(seen.trees)) if number not in {*top, *left}]
    results = tuple(name for name in results_of(seen) if own is None or name in own)
    if not results:
        raise CannotShape("no name holds a fitted model or a metric at its end")
    texts = {number: seen.source(number) for number in body}
    measured = _numbers(seen, choice, results, names, texts)
    given = dict.fromkeys([*results, *(name for name, _ in measured)])
    lines = [line for number in body for line in texts[number].splitlines()]
    lines += ["return {", *(f'    "{name}": {name},' for name in given), "}"]
    draft = Draft(entry="script", top=top, model=whole, results=results)
    draft.steps.append(
        DraftStep(
            name=whole,
            kind="step",
            parameters=[],
            lines=lines,
            title="The whole notebook, not sliced",
            statements=set(body),
        )
    )
    for name, each in measured:
        step = names.give(f"notebook_{each.name.removesuffix('_score')}")
        draft.steps.append(
            DraftStep(
                name=step,
                kind="metric",
                parameters=[whole],
                lines=[f'return {whole}["{name}"]'],
                title=each.name.replace("_", " ").capitalize(),
            )
        )
        draft.metrics.append(
            DraftMetric(call=each.call, statement=each.statement, name=each.name, step=step, key=step, value=each.value)
        )
    return draft


def _stays(seen: Seen, number: int) -> bool:
    """Whether an import or a constant may stand at the top: what binds a name that others bind has its turn."""
    binds = seen.flow.touches[number].binds
    others = [each.binds | each.may_bind for place, each in enumerate(seen.flow.touches) if place != number]
    star = any(isinstance(each, ast.alias) and each.name == "*" for each in ast.walk(seen.trees[number]))
    again = any(
        binds & each and not isinstance(seen.trees[place], ast.Import | ast.ImportFrom)
        for place, each in zip((place for place in range(len(seen.trees)) if place != number), others, strict=True)
    )
    return star or not again


def results_of(seen: Seen) -> tuple[str, ...]:
    """Names that hold a fitted model or what was measured when the notebook ends."""
    ending = at_end(seen.watched)
    fitted = {
        (call.receiver.identity, call.receiver.type)
        for call in seen.watched.calls
        if call.receiver and call.kind in _FITS
    }
    models = [name for name, info in ending.items() if (info.identity, info.type) in fitted and info.fingerprint]
    measures = [
        name
        for number in range(len(seen.trees))
        for name in _measured_in(seen, number)
        if name in ending and ending[name].kind in _MEASURES
    ]
    return tuple(dict.fromkeys([*models, *measures]))


def _measured_in(seen: Seen, number: int) -> list[str]:
    """Names that a statement puts what it measures into, on whatever way within it."""
    wanted = {call.name.rpartition(".")[2] for _, call in seen.calls_in(number, "metric", "score")}
    if not wanted:
        return []
    parts = [each for each in ast.walk(seen.trees[number]) if isinstance(each, ast.Assign | ast.AugAssign | ast.Expr)]
    holding: set[str] = set()
    while True:
        more = {
            name
            for each in parts
            if any(tail(call.func) in wanted for call in calls(each)) or holding & reads(each.value)
            for name in _filled_by(each)
        }
        if more <= holding:
            return sorted(holding)
        holding |= more


def _filled_by(statement: ast.Assign | ast.AugAssign | ast.Expr) -> Iterator[str]:
    """Names that a statement binds, or puts something into: `scores.append(…)`, `scores[i] = …`."""
    if isinstance(statement, ast.Expr):
        call = statement.value
        inside = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
        if isinstance(inside, ast.Name):
            yield inside.id
        return
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name) and _is_filled(target, each))


def _is_filled(target: ast.expr, name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store) or (isinstance(target, ast.Subscript) and target.value is name)


def at_end(watched: Watched) -> dict[str, ValueInfo]:
    """What the names of a notebook held when its run ended."""
    found: dict[str, ValueInfo] = {}
    for run in watched.statements:
        for name in run.deleted:
            found.pop(name, None)
        found.update({**run.bound, **run.changed})
    return {name: info for name, info in found.items() if name.isidentifier() and not name.startswith("_")}


def _numbers(
    seen: Seen, choice: Choice, results: tuple[str, ...], names: Names, texts: dict[int, str]
) -> list[tuple[str, Measured]]:
    """Numbers that are computed once, each under a name that the statement's text gives it from now on."""
    found: list[tuple[str, Measured]] = []
    edits: dict[int, list[Edit]] = {}
    for each in _measured(choice):
        try:
            call = call_of(seen, each)
        except CannotShape:
            continue
        spans = [span(texts[each.statement], known.node) for known in edits.get(each.statement, [])]
        start, end = span(texts[each.statement], call)
        if any(first < end and start < last for first, last in spans):
            continue  # one within another
        holder = _holder(seen, each, call)
        if holder is not None and holder in results:
            found.append((holder, each))
            continue
        name = names.give(each.name)
        text = text_of(texts[each.statement], call)
        edits.setdefault(each.statement, []).append(Edit(call, f"({name} := {text})"))
        found.append((name, each))
    texts.update({number: edited(texts[number], made) for number, made in edits.items()})
    return found


def _holder(seen: Seen, measured: Measured, call: ast.Call) -> str | None:
    """The name that holds a number from its statement to the end of the notebook."""
    tree = seen.trees[measured.statement]
    if not (isinstance(tree, ast.Assign) and tree.value is call and isinstance(tree.targets[0], ast.Name)):
        return None
    name = tree.targets[0].id
    later = range(measured.statement + 1, len(seen.trees))
    return None if any(name in seen.made(number) for number in later) else name


def _measured(choice: Choice) -> Iterator[Measured]:
    known = set()
    for model in (choice.model, *choice.others):
        for each in (*model.measured, *model.on_training):
            if each.call not in known:
                known.add(each.call)
                yield each
