"""Rows that the author typed into the notebook and asked the model about: `model.predict([[35, 1, 2000]])`.

They are read out of the text, back from the call that predicted. What comes of a table is none; what the author's own
code does to a typed row is passed through, and noted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from unshelve.notebook.choosing import Choice
from unshelve.notebook.compare_order import TypedRows
from unshelve.notebook.editing import calls, tail
from unshelve.notebook.literals import Named, NotTyped, Reader, Taken
from unshelve.notebook.secrets_in_text import Secrets
from unshelve.notebook.seen import Seen
from unshelve.notebook.watched import Call, ValueInfo, Watched

MOST_ROWS: Final = 5
"""Rows of one call that are read, and calls that are looked at."""
_METHODS: Final = ("predict", "predict_proba", "decision_function")
_SMALL: Final = 20


def typed_rows(seen: Seen, choice: Choice, secrets: Secrets) -> tuple[TypedRows, ...]:
    """What the author typed in and asked the model about, in text order. Rows with a secret in them are left out."""
    found = []
    for number in _small_asks(seen.watched, choice)[:MOST_ROWS]:
        typed = _typed(seen, choice, number)
        if typed is not None and not _secret(typed, secrets):
            found.append(typed)
    return tuple(found)


def calls_about_few(watched: Watched, choice: Choice) -> tuple[int, ...]:
    """Calls whose values tell what typed rows are: those that asked about few rows, and the fits of what took them."""
    asks = _small_asks(watched, choice)[:MOST_ROWS]
    takers = {
        fit
        for place, call in enumerate(watched.calls)
        if asks and call.kind == "transform" and _is_small(call) and (whose := _whose(call)) is not None
        if (fit := _fit_of(watched, whose, place)) is not None
    }
    return (*asks, *sorted(takers))


def _small_asks(watched: Watched, choice: Choice) -> list[int]:
    """Calls that asked the model, or one of equal content, about a few rows once it was fitted."""
    model = [watched.calls[each].receiver for each in (choice.model.fit, *choice.model.asked[:1])]
    known = {_whose(watched.calls[each]) for each in (choice.model.fit, *choice.model.asked[:1])}
    alike = {each.fingerprint for each in model if each is not None and each.fingerprint}
    return [
        place
        for place, call in enumerate(watched.calls)
        if place > choice.model.fit
        and call.kind == "predict"
        and not call.inside
        and call.name.rpartition(".")[2] in _METHODS
        and call.result is not None
        and _is_small(call)
        and (receiver := call.receiver) is not None
        and (_whose(call) in known or receiver.fingerprint in alike)
    ]


def _is_small(call: Call) -> bool:
    given: ValueInfo | None = call.arguments[0] if call.arguments else None
    return given is not None and 1 <= (given.rows or 0) <= _SMALL


def _typed(seen: Seen, choice: Choice, number: int) -> TypedRows | None:
    """The typed rows that one call asked about; None where it asked about others."""
    call = seen.watched.calls[number]
    node = _node_of(seen, number)
    argument = None if node is None else _argument(node)
    if argument is None:
        return None
    reader = Reader(seen)
    try:
        rows = list(_rows(reader.read(argument, call.statement)))
    except NotTyped:
        return None
    taken_by = None if reader.worked else choice.model.fit
    if reader.taken is not None:
        taken_by = _fit_at(seen, reader.taken, number)
    statement = seen.notebook.statements[call.statement]
    return TypedRows(
        statement=statement.number,
        cell=statement.cell,
        call=number,
        method=call.name.rpartition(".")[2],
        rows=tuple(rows[:MOST_ROWS]),
        taken_by=taken_by,
    )


def _argument(node: ast.Call) -> ast.expr | None:
    named = [word.value for word in node.keywords if word.arg in ("X", "data")]
    return node.args[0] if node.args else named[0] if named else None


def _rows(value: object) -> Iterator[dict[str, Any] | list[Any]]:
    """Rows by name or by position. Values of one column may stand in a plain list, as texts do."""
    rows = value.rows if isinstance(value, Named) else value
    if not isinstance(rows, list) or not rows:
        raise NotTyped
    for row in rows:
        values = row if isinstance(row, dict | list) else [row]
        if any(isinstance(each, dict | list) for each in (values.values() if isinstance(values, dict) else values)):
            raise NotTyped
        yield values


def _node_of(seen: Seen, number: int) -> ast.Call | None:
    """The call in the text; None where the statement's text and its run do not say the same."""
    call = seen.watched.calls[number]
    method = call.name.rpartition(".")[2]
    nodes = [each for each in calls(seen.trees[call.statement]) if tail(each.func) == method]
    ran = [
        place
        for place, each in enumerate(seen.watched.calls)
        if each.statement == call.statement and not each.inside and each.name.rpartition(".")[2] == method
    ]
    return nodes[ran.index(number)] if len(nodes) == len(ran) else None


def _fit_at(seen: Seen, taken: Taken, number: int) -> int | None:
    """The call that fitted what took the rows first; `number` is the call that they came to in the end."""
    owner = taken.node.func.value if isinstance(taken.node.func, ast.Attribute) else None
    info = seen.before(taken.statement, owner.id) if isinstance(owner, ast.Name) else None
    return None if info is None else _fit_of(seen.watched, (info.identity, info.type), number)


def _fit_of(watched: Watched, wanted: tuple[int, str], before: int) -> int | None:
    """The last call that fitted an estimator, of those before another."""
    fits = [
        place
        for place, call in enumerate(watched.calls[:before])
        if call.kind in ("fit", "fit_transform") and not call.inside and _whose(call) == wanted
    ]
    return fits[-1] if fits else None


def _whose(call: Call) -> tuple[int, str] | None:
    return None if call.receiver is None else (call.receiver.identity, call.receiver.type)


def _secret(typed: TypedRows, secrets: Secrets) -> bool:
    text = msgspec.json.encode(typed.rows).decode()
    return secrets.blot(text) != text
