"""The plainer form of a lift: one step holds the notebook's own lines, and requests are rows of the table it prepared.

It computes what the notebook computed, metrics and model; what lies before the prepared table is not covered.
"""

from __future__ import annotations

import ast

from unshelve.notebook.bodies import Param
from unshelve.notebook.choosing import Choice
from unshelve.notebook.draft import NOTHING_HELD_OUT, CannotShape, Draft, DraftStep
from unshelve.notebook.editing import calls, reads, tail, text_of
from unshelve.notebook.gating import with_gates
from unshelve.notebook.measuring import metric_steps
from unshelve.notebook.naming import Names, slug
from unshelve.notebook.seen import Seen, Version
from unshelve.notebook.watched import ValueInfo


def table_draft(seen: Seen, choice: Choice) -> Draft:
    """The steps of this form. Raises CannotShape where the fit itself is not understood."""
    fit = choice.model.statement
    x, y = _fitted(seen, fit)
    asked = _asked(seen, choice)
    outcome = _outcome(seen, choice, y) if asked is not None else None
    names = Names({*seen.modules, *(name for touch in seen.flow.touches for name in touch.binds)})
    wanted = {fit if choice.model.taken is None else choice.model.taken}
    for place in (asked, outcome):
        if place is not None:
            wanted |= _makers(seen, *place)
    kept = sorted(seen.flow.slice(wanted))
    top = [number for number in kept if seen.roles[number] == "top"]
    body = [number for number in kept if number not in top]
    test = (asked[1], outcome[1]) if asked is not None and outcome is not None else None
    computed, table, features = names.give("computed"), names.give("prepared"), names.give("features")
    target, parts = names.give("outcome"), names.give("parts")
    value = "{" + f'"model": {choice.model.variable or _unnamed(fit)}, "train": ({x}, {y})'
    value += f', "test": ({test[0]}, {test[1]})' if test is not None else ""
    lines = [line for number in body for line in seen.source(number).splitlines()]
    steps = [
        DraftStep(
            name=computed, kind="step", parameters=[], lines=[*lines, f"return {value}}}"],
            title="The notebook's own lines up to the model", statements=set(body),
        ),
        DraftStep(
            name=table, kind="step", parameters=[computed], statements=set(),
            lines=[f'return prepared_table({computed}["train"], {computed}.get("test"))'],
            title="The table that the model is given, with the outcome and the part of each row",
        ),
        DraftStep(
            name=features, kind="transform", parameters=[table], statements=set(),
            lines=[f"return {_features(seen, choice, table)}"], title="What the model sees",
        ),
        DraftStep(
            name=target, kind="target", parameters=[table], statements=set(),
            lines=[f'return {table}["outcome"]'], title="What is predicted",
        ),
    ]  # fmt: skip
    divided = f'{table}.index[{table}["part"] == "train"], {table}.index[{table}["part"] == "test"]'
    steps.append(
        DraftStep(
            name=parts, kind="split", parameters=[table], statements=set(),
            lines=[f"return {divided}" if test is not None else f"return {table}.index, {table}.index"],
            title="Rows to learn from, and rows to judge by" if test is not None else NOTHING_HELD_OUT,
        )
    )  # fmt: skip
    name = names.give(slug(choice.model.variable) if len(choice.model.variable) > 3 else "prediction", "prediction")
    steps.append(
        DraftStep(
            name=name, kind="model", statements=set(),
            parameters=[f"{features}_train", f"{target}_train", computed],
            lines=[f'return {computed}["model"]'], title=choice.model.type.rpartition(".")[2],
            options=f'split="{parts}"',
        )
    )  # fmt: skip
    draft = Draft(entry="table", top=top, steps=steps, model=name, features=features)
    if test is not None:
        assert asked is not None and outcome is not None
        called = {"x": Param(features, "_test"), "y": Param(target, "_test"), "model": Param(name)}
        known = {version: called[what] for version, what in _known(seen, choice, asked, outcome).items()}
        tops = set(top)
        more, metrics = metric_steps(seen, choice, known, names, tops)
        draft.steps += more
        draft.metrics += metrics
        draft.top = sorted(tops)
    with_gates(draft, choice)
    return draft


def _makers(seen: Seen, number: int, text: str) -> set[int]:
    """The statements that made the names of an expression."""
    return {maker for name in reads(ast.parse(text)) for maker in seen.makers(number, name)}


def _unnamed(fit: int) -> str:
    raise CannotShape("no name holds the fitted model", fit)


def _fitted(seen: Seen, fit: int) -> tuple[str, str]:
    tree = seen.trees[fit]
    if isinstance(tree, ast.Assign | ast.Expr | ast.AnnAssign):
        for call in calls(tree):
            if tail(call.func) == "fit" and len(call.args) >= 2:
                return text_of(seen.source(fit), call.args[0]), text_of(seen.source(fit), call.args[1])
    raise CannotShape("the model is fitted inside a loop, a condition or a function, or without a target", fit)


def _asked(seen: Seen, choice: Choice) -> tuple[int, str] | None:
    """Where the test rows were predicted, and the text of these rows."""
    if choice.predict is None:
        return None
    call = seen.watched.calls[choice.predict]
    for each in calls(seen.trees[call.statement]):
        if tail(each.func) == call.name.rpartition(".")[2] and each.args:
            return call.statement, text_of(seen.source(call.statement), each.args[0])
    return None


def _outcome(seen: Seen, choice: Choice, y: str) -> tuple[int, str] | None:
    """The true values of the test rows: what the division called them, else the other argument of a metric."""
    for number in sorted(seen.flow.slice({choice.model.statement}), reverse=True):
        tree = seen.trees[number]
        target = tree.targets[0] if isinstance(tree, ast.Assign) else None
        if seen.roles[number] == "split" and isinstance(target, ast.Tuple):
            bound = [each.id for each in target.elts if isinstance(each, ast.Name)]
            if y in bound[::2] and bound.index(y) + 1 < len(bound):
                return choice.model.statement, bound[bound.index(y) + 1]
    for measured in choice.model.measured:
        number = measured.statement
        for call in calls(seen.trees[number]):
            if tail(call.func) != measured.name or len(call.args) < 2:
                continue
            if measured.name == "score":
                return number, text_of(seen.source(number), call.args[1])
            recorded = seen.watched.calls[measured.call]
            for place, argument in enumerate(call.args[:2]):
                info = recorded.arguments[place] if place < len(recorded.arguments) else None
                if info is not None and isinstance(argument, ast.Name) and not _predicted(seen, choice, info):
                    return number, argument.id
    return None


def _predicted(seen: Seen, choice: Choice, info: ValueInfo) -> bool:
    results = [seen.watched.calls[number].result for number in choice.model.asked]
    return any(each is not None and each.fingerprint == info.fingerprint for each in results)


def _features(seen: Seen, choice: Choice, table: str) -> str:
    given = seen.watched.calls[choice.model.fit].arguments
    info = given[0] if given else None
    columns = f'{table}.drop(columns=["outcome", "part"], errors="ignore")'
    if info is None or info.kind == "frame":
        return columns
    if info.kind == "series":
        return f'{table}["{info.name or "value"}"]'
    if info.kind == "array" and info.width is not None:
        return f"{columns}.to_numpy()"
    raise CannotShape(f"the model is fitted on a {info.kind}, which is no table", choice.model.statement)


def _known(seen: Seen, choice: Choice, asked: tuple[int, str], outcome: tuple[int, str]) -> dict[Version, str]:
    """The versions of names that the steps of this form stand for: "x", "y" or "model"."""
    found: dict[Version, str] = {}
    for (number, text), what in ((asked, "x"), (outcome, "y")):
        if text.isidentifier():
            makers = [seen.makers(place, text) for place in range(number, len(seen.trees))]
            found.update({(each, text): what for each in makers[:1] if each})
    for name in [outcome[1]] if outcome[1].isidentifier() else []:
        for number in range(len(seen.trees)):
            if seen.makers(number, name) and all(seen.roles[each] == "split" for each in seen.makers(number, name)):
                found[(seen.makers(number, name), name)] = "y"
    last = choice.model.taken if choice.model.taken is not None else choice.model.statement
    found[(frozenset({last}), choice.model.variable)] = "model"
    return found
