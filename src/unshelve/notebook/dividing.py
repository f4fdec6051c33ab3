"""How rows were divided, by what the run showed: the tables that a model was fitted on and asked about are followed
back to the statements where they became fewer.

It holds for slices, masks, samples, loops over folds and `train_test_split` of a whole table or of parts of one.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from unshelve.notebook.choosing import Choice
from unshelve.notebook.editing import calls, reads, tail
from unshelve.notebook.seen import Seen, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Where a table became fewer rows."""

    statement: int
    name: str
    """The part."""
    of: str
    """The table that it is a part of, as the statement reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The rows of one table on two sides."""

    train: Root
    test: Root
    whole: tuple[int, str]
    """The table that both are parts of: a statement that reads it, and its name there."""
    ways: tuple[Root, ...]
    """From the whole to both parts, in text order: all statements that divide."""
    framed: bool
    """Whether the whole is a table with an index, and not an array."""

    @property
    def statements(self) -> frozenset[int]:
        return frozenset(each.statement for each in self.ways)


def find_division(seen: Seen, choice: Choice, fit: int, x: ast.expr) -> Division | None:
    """The division between the rows of the fit and those that the model was asked about; None where there is none."""
    asked = asked_rows(seen, choice)
    if asked is None or not isinstance(x, ast.Name):
        return None
    train, test = _roots(seen, fit, x.id), _roots(seen, *asked)
    of_test = {_parent(seen, each): place for place, each in enumerate(test)}
    for place, root in enumerate(train):
        other = of_test.get(_parent(seen, root))
        if other is None:
            continue
        while place + 1 < len(train) and other + 1 < len(test) and _same(train[place + 1], test[other + 1]):
            if not _by_chance(seen, train[place + 1]):
                break
            place, other = place + 1, other + 1
        whole = train[place]
        ways = sorted({*train[: place + 1], *test[: other + 1]}, key=lambda each: (each.statement, each.name))
        info = seen.before(whole.statement, whole.of)
        return Division(
            train=train[0],
            test=test[0],
            whole=(whole.statement, whole.of),
            ways=tuple(ways),
            framed=info is not None and info.kind in ("frame", "series"),
        )
    return None


def roots_of(seen: Seen, number: int, name: str) -> list[Root]:
    """Where the rows of a name, as a statement reads it, became fewer: the last place first."""
    return _roots(seen, number, name)


def asked_rows(seen: Seen, choice: Choice) -> tuple[int, str] | None:
    """The statement that asks the model about the rows it is judged by, and their name."""
    if choice.predict is None:
        return None
    call = seen.watched.calls[choice.predict]
    for each in calls(seen.trees[call.statement]):
        if tail(each.func) == call.name.rpartition(".")[2] and each.args and isinstance(each.args[0], ast.Name):
            return call.statement, each.args[0].id
    return None


def _roots(seen: Seen, number: int, name: str) -> list[Root]:
    found: list[Root] = []
    while True:
        makers = seen.makers(number, name)
        if len(makers) != 1:
            return found
        (maker,) = makers
        info = seen.info(maker, name)
        if info is None or info.rows is None:
            return found
        tables = {each: _rows(seen, maker, each) for each in sorted(_read_for(seen, maker, name))}
        same = [each for each, rows in tables.items() if rows == info.rows]
        more = [each for each, rows in tables.items() if rows > info.rows]
        if same:
            number, name = maker, (name if name in same else same[0])
            continue
        if not more:
            return found
        of = name if name in more else more[0]
        found.append(Root(statement=maker, name=name, of=of))
        number, name = maker, of


def _read_for(seen: Seen, maker: int, name: str) -> frozenset[str]:
    """The tables of which a statement makes a name: of `a, b = split(x, y)` only that of its own place."""
    tables = seen.tables(maker)
    tree = seen.trees[maker]
    value = tree.value if isinstance(tree, ast.Assign) else None
    target = tree.targets[0] if isinstance(tree, ast.Assign) else None
    if isinstance(value, ast.Call) and tail(value.func) == "train_test_split" and isinstance(target, ast.Tuple):
        bound = [each.id if isinstance(each, ast.Name) else "" for each in target.elts]
        place = bound.index(name) // 2 if name in bound else 0
        if place < len(value.args):
            return reads(value.args[place]) & tables
    return tables


def _rows(seen: Seen, number: int, name: str) -> int:
    info = seen.before(number, name)
    return 0 if info is None or info.rows is None else info.rows


def _parent(seen: Seen, root: Root) -> Version:
    return seen.makers(root.statement, root.of), root.of


def _same(one: Root, other: Root) -> bool:
    return one == other


def _by_chance(seen: Seen, root: Root) -> bool:
    return seen.roles[root.statement] == "split"
