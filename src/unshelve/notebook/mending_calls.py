"""Rules for calls that failed: parameters that were renamed, removed, or may only be named today.

Each is given a failure and what its error said, and yields the edits that write the statement as of today.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Final

from unshelve.notebook.drift_table import drift_table
from unshelve.notebook.editing import Edit, tail, text_of
from unshelve.notebook.failing import Failure, module_of
from unshelve.notebook.old_folds import told_rows_today
from unshelve.notebook.rewriting import Note, keyword_text

_SEABORN_ORDER: Final = ("x", "y", "hue", "data")
_SEABORN_DATA_THIRD: Final = frozenset({"lmplot", "jointplot", "regplot", "residplot"})
_KEYWORD_ONLY_SINCE: Final = frozenset({"sklearn", "pandas", "imblearn", "scipy", "numpy", "statsmodels", "xgboost"})


def positional(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """Arguments that must be named today: in the order of the signature, which has stayed."""
    parts = found["name"].split(".")
    name = parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]
    for call in failure.calls():
        called = failure.value_of(call.func)
        if tail(call.func) != name and getattr(called, "__name__", "") != name:
            continue
        if module_of(called).startswith("seaborn"):
            yield from _seaborn(failure, call, 0 if "takes 0" in found[0] else 1, notes)
            continue
        called = called if called is not None else _by_qualified_name(parts)
        method = len(parts) > 1
        allowed = int(found["most"]) - method
        if module_of(called).split(".")[0] not in _KEYWORD_ONLY_SINCE or len(call.args) <= allowed:
            continue
        order = [each for each in _parameters(called) if each != "self"][allowed:]
        yield from _named(failure, call, allowed, order, notes)


def folds(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`KFold(n, k)`, where k turns out to be a number: what is second today is True or False."""
    for call in failure.calls():
        if not module_of(failure.value_of(call.func)).startswith("sklearn") or len(call.args) != 2:
            continue
        new = told_rows_today(call, failure.source, failure.value_of(call.args[1]))
        if new is not None:
            notes.append(Note(rule="N204", message=f"{tail(call.func)} is told the rows by split() today"))
            yield Edit(call, new)


def seaborn_twice(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`sns.countplot("c", data=df)`: the first argument was x, and is data today."""
    for call in failure.calls():
        if module_of(failure.value_of(call.func)).startswith("seaborn") and call.args:
            yield from _seaborn(failure, call, 0, notes)


def _seaborn(failure: Failure, call: ast.Call, allowed: int, notes: list[Note]) -> Iterator[Edit]:
    del allowed  # data is the only one that may be positional, and it never came first
    order = ("x", "y", "data") if tail(call.func) in _SEABORN_DATA_THIRD else _SEABORN_ORDER
    yield from _named(failure, call, 0, list(order), notes)


def _named(failure: Failure, call: ast.Call, allowed: int, order: list[str], notes: list[Note]) -> Iterator[Edit]:
    source, given = failure.source, {keyword.arg for keyword in call.keywords}
    extra = call.args[allowed:]
    if len(extra) > len(order) or any(isinstance(each, ast.Starred) for each in call.args):
        return
    if given & set(order[: len(extra)]):
        return
    texts = [text_of(source, each) for each in call.args[:allowed]]
    texts += [f"{name}={text_of(source, each)}" for name, each in zip(order, extra, strict=False)]
    texts += [keyword_text(source, each) for each in call.keywords]
    named = ", ".join(order[: len(extra)])
    notes.append(Note(rule="N207", message=f"{tail(call.func)} takes {named} by name only today"))
    yield Edit(call, f"{text_of(source, call.func)}({', '.join(texts)})")


def keyword(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """A parameter that is named otherwise today, or gone."""
    table, source = drift_table(), failure.source
    for call in failure.calls():
        name = tail(call.func)
        for keyword in call.keywords:
            if keyword.arg != found["keyword"]:
                continue
            value = text_of(source, keyword.value)
            drift = next(
                (each for each in table.keywords if each.old == keyword.arg and _is_for(each.of, name)
                 and (not each.only or value.replace('"', "'") in each.only)),
                None,
            )  # fmt: skip
            if drift is None and keyword.arg not in table.dropped.names:
                continue
            texts = [text_of(source, each) for each in call.args]
            for each in call.keywords:
                if each is not keyword:
                    texts.append(keyword_text(source, each))
                elif drift is not None and drift.new is not None:
                    texts.append(f"{drift.new}={drift.value or value}")
            said = f"is {drift.new}= today" if drift is not None and drift.new else "is gone, and changed nothing"
            notes.append(Note(rule="N204", message=f"{keyword.arg}={value[:40]} of {name} {said}"))
            yield Edit(call, f"{text_of(source, call.func)}({', '.join(texts)})")


def boosting(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """What the `fit` of xgboost took until version 2 is a parameter of the model today."""
    source = failure.source
    for call in failure.calls():
        moved = [each for each in call.keywords if each.arg in ("eval_metric", "early_stopping_rounds")]
        if tail(call.func) != "fit" or not isinstance(call.func, ast.Attribute) or not moved:
            continue
        texts = [text_of(source, each) for each in call.args]
        texts += [keyword_text(source, each) for each in call.keywords if each not in moved]
        set_first = ", ".join(keyword_text(source, each) for each in moved)
        notes.append(Note(rule="N204", message=f"{found['keyword']}= of fit is a parameter of the model today"))
        yield Edit(call, f"{text_of(source, call.func.value)}.set_params({set_first}).fit({', '.join(texts)})")


def _is_for(classes: tuple[str, ...], name: str) -> bool:
    return not classes or any(name.startswith(each) or name.endswith(each) for each in classes)


def _by_qualified_name(parts: list[str]) -> object:
    found: object = sys.modules.get("pandas")
    for part in parts:
        found = getattr(found, part, None)
    return found


def _parameters(called: object) -> list[str]:
    if not callable(called):
        return []
    try:
        return [
            each.name
            for each in inspect.signature(called).parameters.values()
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        return []
