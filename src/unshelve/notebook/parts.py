"""How a notebook divides its rows, which tables the model is fitted on and asked about, and what they are called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from unshelve.notebook.choosing import Choice
from unshelve.notebook.dividing import Division, Root, find_division, roots_of
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.editing import calls, reads, renamed, tail, text_of
from unshelve.notebook.joined import target_of_first
from unshelve.notebook.seen import Seen, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An expression of a statement."""

    statement: int
    expression: ast.expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """A call of train_test_split."""

    statement: int
    function: str
    """As the author called it."""
    words: dict[str, str]
    """Its options, in the author's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Features and target before they were divided, and what their parts are called afterwards."""

    x: Wanted
    y: Wanted | None
    y_name: str
    split: Divided | Division | None
    x_versions: tuple[Version, ...]
    y_versions: tuple[Version, ...]
    part_of: dict[Version, str] = field(default_factory=dict)
    needed: frozenset[int]
    """Statements of which everything is made: up to the division, or to the fit."""
    after: frozenset[int]
    """Statements between the division and the last question, that the model or its questions need."""
    train_names: frozenset[str] = frozenset()
    test_names: frozenset[str] = frozenset()
    same_way: tuple[ast.expr, Wanted] | None = None
    """What the fit makes of the training rows in its own brackets, and the question of the test rows: the same."""

    @property
    def dividing(self) -> Mapping[int, Root]:
        """The statements that divide, each with the training part that it makes, where more than one call does it."""
        if not isinstance(self.split, Division):
            return {}
        test, ways = self.split.test, self.split.ways
        return {each.statement: each for each in sorted(ways, key=lambda way: way != test, reverse=False)}

    def twins(self, seen: Seen) -> Iterator[tuple[Version, Version]]:
        """Versions of training rows, each with that of the test rows that was made by the same words."""
        pairs = dict(zip(sorted(self.train_names), sorted(self.test_names), strict=False))
        for number in sorted(self.after):
            if seen.roles[number] != "rows":
                continue
            for name in sorted(seen.made(number)):
                if (number, name) in seen.rowed and self._whole(seen, number, name):
                    twin = self._twin(seen, number, name, pairs)
                    if twin is not None:
                        yield (frozenset({number}), name), twin

    def _twin(self, seen: Seen, number: int, name: str, pairs: Mapping[str, str]) -> Version | None:
        for other in _others(name, pairs):
            for twin in sorted(self.after):
                made = other in seen.made(twin) and (twin, other) in seen.rowed
                if made and (twin == number or _alike(seen.source(number), seen.source(twin), name, other)):
                    return frozenset({twin}), other
        return None

    def _whole(self, seen: Seen, number: int, name: str) -> bool:
        """Whether a version has as many rows as the training part: none were drawn again or left out."""
        info = seen.info(number, name)
        counts = [
            train.rows
            for version in self.x_versions
            if self.part_of.get(version) == "_train"
            for each in version[0]
            if (train := seen.info(each, version[1])) is not None
        ]
        return info is not None and info.rows in counts


_TEST_WORDS: Final = ("test", "val", "valid", "validation", "dev", "te")
"""What authors call the rows that a model is judged by."""


def _others(name: str, pairs: Mapping[str, str]) -> Iterator[str]:
    """What the test rows may be called where training rows are called so."""
    if name in pairs:
        yield pairs[name]
    for train in ("train", "Train", "TRAIN", "tr"):
        if train in name:
            for word in _TEST_WORDS:
                yield name.replace(
                    train, word.upper() if train.isupper() else word.title() if train == "Train" else word
                )


def _alike(train: str, test: str, name: str, other: str) -> bool:
    """Whether two statements say the same of the two parts."""
    return _said_of_test(train) == _said_of_test(test) or train.replace(name, other) == test


def _said_of_test(source: str) -> str:
    text = ast.unparse(ast.parse(source)).replace("fit_transform", "transform")
    for train, test in (("train", "test"), ("Train", "Test"), ("TRAIN", "TEST")):
        text = text.replace(train, test)
    return _HELD_BACK.sub("test", text)


_HELD_BACK: Final = re.compile(r"(?<![a-zA-Z])(val|valid|validation|dev)(?![a-zA-Z])")


def find_parts(seen: Seen, choice: Choice) -> Parts:
    """Where features and target stand. Raises CannotShape where the fit or the division is not understood."""
    fit = choice.model.statement
    call = _call(seen, fit, ("fit", "fit_predict", "fit_transform"))
    given = _arguments(call)
    if not given:
        raise CannotShape("the fit names no rows", fit)
    x, y = given[0], given[1] if len(given) > 1 else None
    return _with_joined_target(seen, fit, _found(seen, choice, fit, x, y))


def _found(seen: Seen, choice: Choice, fit: int, x: ast.expr, y: ast.expr | None) -> Parts:
    simple, against = None, None
    try:
        simple = _divided_by_call(seen, choice, fit, x, y)
    except CannotShape as error:
        against = error
    if simple is not None and not _is_of_a_part(seen, simple):
        return simple
    joined = isinstance(y, ast.Name) and _joined_target(seen, fit, y.id) is not None
    general = None if joined else _divided(seen, choice, fit, x, y)
    if general is not None:
        return general
    if against is not None:
        raise against
    return simple or _undivided(seen, fit, x, y)


def _joined_target(seen: Seen, number: int, name: str) -> tuple[int, str, str] | None:
    """The statement behind which a target is a column of a table that two files were joined to, with both names."""
    for each in sorted(seen.flow.slice({number}) | set(range(number)), reverse=True):
        found = target_of_first(seen.trees[each])
        if found is not None and found[2] == name:
            return each, found[0], found[1]
    return None


def _with_joined_target(seen: Seen, fit: int, parts: Parts) -> Parts:
    """The parts with the target that is a column of the table which two files were joined to, where it is that."""
    y = parts.y.expression if parts.y is not None else None
    found = _joined_target(seen, fit, y.id) if isinstance(y, ast.Name) and parts.y is not None else None
    if found is None:
        return parts
    number, _table, column = found
    read = seen.trees[number + 2]
    if not isinstance(read, ast.Assign):
        return parts
    wanted = Wanted(statement=number + 2, expression=read.value)
    x = {each for name in reads(parts.x.expression) for each in seen.makers(parts.x.statement, name)}
    return replace(parts, y=wanted, y_name=parts.y_name or column, needed=frozenset({*x, number}))


def _is_of_a_part(seen: Seen, parts: Parts) -> bool:
    """Whether what was divided was a part already: of what an earlier division had left."""
    return any(
        seen.roles[maker] == "split"
        for name in reads(parts.x.expression)
        for maker in seen.makers(parts.x.statement, name)
    )


def _divided_by_call(seen: Seen, choice: Choice, fit: int, x: ast.expr, y: ast.expr | None) -> Parts | None:
    """The parts that one train_test_split of features and target made; None where there is none."""
    asked = _asked(seen, choice)
    division = _division(seen, fit, reads(x))
    if division is None:
        return None
    number, divided, arguments, names = division
    after = frozenset(each for each in seen.flow.slice({fit, *([asked] if asked is not None else [])}) if each > number)
    x_place = _place(seen, arguments, names, fit, x, after)
    y_place = None if y is None else _place(seen, arguments, names, fit, y, after)
    if x_place is None:
        raise CannotShape("the model's rows do not come of the division", fit)
    if y is not None and (y_place is None or y_place == x_place):
        raise CannotShape("the target is taken from the rows after they were divided", fit)
    part_of: dict[Version, str] = {}

    def versions(place: int) -> tuple[Version, ...]:
        both = ((frozenset({number}), names[2 * place]), (frozenset({number}), names[2 * place + 1]))
        part_of.update({both[0]: "_train", both[1]: "_test"})
        return both

    return Parts(
        x=Wanted(statement=number, expression=arguments[x_place]),
        y=None if y_place is None else Wanted(statement=number, expression=arguments[y_place]),
        y_name=_whole_name(names[2 * y_place]) if y_place is not None else "",
        split=divided,
        x_versions=versions(x_place),
        y_versions=versions(y_place) if y_place is not None else (),
        part_of=part_of,
        needed=frozenset({number}),
        after=after,
        same_way=_same_way(seen, choice, x, names),
        train_names=frozenset(names[::2]),
        test_names=frozenset(names[1::2]),
    )


def _divided(seen: Seen, choice: Choice, fit: int, x: ast.expr, y: ast.expr | None) -> Parts | None:
    """The parts of any other division, as the run showed it; None where there is none."""
    division = find_division(seen, choice, fit, x)
    if division is None or (y is not None and not isinstance(y, ast.Name)):
        return None
    train, test = division.train, division.test
    x_versions: tuple[Version, ...] = (
        (frozenset({train.statement}), train.name),
        (frozenset({test.statement}), test.name),
    )
    number, whole = division.whole
    asked = _asked(seen, choice)
    wanted = {fit, *([asked] if asked is not None else [])}
    after = frozenset(
        each
        for each in seen.flow.slice(wanted)
        if each > min(division.statements) and each not in division.statements and each not in wanted - {fit}
    )
    wanted_y: Wanted | None = None
    y_versions: tuple[Version, ...] = ()
    if isinstance(y, ast.Name):
        roots = list(takewhile(lambda each: each not in division.ways, roots_of(seen, fit, y.id)))
        own = [each for each in roots if each.name == y.id] or roots
        wanted_y = (
            Wanted(statement=own[0].statement, expression=ast.Name(id=own[0].of, ctx=ast.Load()))
            if own
            else Wanted(statement=fit, expression=y)
        )
        y_versions = _of_target(seen, choice, fit, y.id)
    return Parts(
        x=Wanted(statement=number, expression=ast.parse(whole, mode="eval").body),
        y=wanted_y,
        y_name=_whole_name(y.id) if isinstance(y, ast.Name) else "",
        split=division,
        x_versions=x_versions,
        y_versions=y_versions,
        part_of=dict(zip((*x_versions, *y_versions), ("_train", "_test") * 2, strict=False)),
        needed=frozenset({number, fit}),
        after=after,
        train_names=frozenset({train.name}),
        test_names=frozenset({test.name}),
    )


def _of_target(seen: Seen, choice: Choice, fit: int, name: str) -> tuple[Version, ...]:
    """The versions of the target's training and test part: what the fit reads, and what the metrics do."""
    found: list[Version] = [(seen.makers(fit, name), name)]
    for measured in choice.model.measured:
        number = measured.statement
        for other in (*_others(name, {}), *sorted(seen.tables(number))):
            makers = seen.makers(number, other)
            if makers and (other in _others(name, {}) or _same_words(seen, found[0], (makers, other))):
                return (*found, (makers, other))
    return tuple(found)


def _same_words(seen: Seen, train: Version, test: Version) -> bool:
    """Whether two versions were made by statements that say the same of the two parts."""
    if len(train[0]) != 1 or len(test[0]) != 1 or train == test:
        return False
    said = []
    for makers, _name in (train, test):
        tree = seen.trees[min(makers)]
        if not isinstance(tree, ast.Assign):
            return False
        said.append(_said_of_test(ast.unparse(tree.value)))
    return said[0] == said[1]


def _whole_name(train: str) -> str:
    """What the whole of a part is called: "y" of "y_train" and of "train_y"."""
    for word in ("_train", "train_", "Train", "_tr"):
        if train.replace(word, ""):
            train = train.replace(word, "")
    return train


def _same_way(seen: Seen, choice: Choice, x: ast.expr, names: list[str]) -> tuple[ast.expr, Wanted] | None:
    """Of `model.fit(sc.transform(a), …)` and `model.predict(sc.transform(b))` both expressions."""
    if choice.predict is None or isinstance(x, ast.Name):
        return None
    call = seen.watched.calls[choice.predict]
    number = call.statement
    asked = next((each for each in calls(seen.trees[number]) if tail(each.func) == call.name.rpartition(".")[2]), None)
    if asked is None or not asked.args:
        return None
    said = renamed(text_of(seen.source(choice.model.statement), x), dict(zip(names[::2], names[1::2], strict=True)))
    if ast.unparse(ast.parse(said)) != ast.unparse(asked.args[0]):
        return None
    return x, Wanted(statement=number, expression=asked.args[0])


def _undivided(seen: Seen, fit: int, x: ast.expr, y: ast.expr | None) -> Parts:
    """A model that is fitted on all rows."""
    x_versions = ((seen.makers(fit, x.id), x.id),) if isinstance(x, ast.Name) else ()
    y_versions = ((seen.makers(fit, y.id), y.id),) if isinstance(y, ast.Name) else ()
    if not x_versions or (y is not None and not y_versions):
        raise CannotShape("the model is fitted on an expression, and nothing divides the rows", fit)
    return Parts(
        x=Wanted(statement=fit, expression=x),
        y=None if y is None else Wanted(statement=fit, expression=y),
        y_name=y.id if isinstance(y, ast.Name) else "",
        split=None,
        x_versions=x_versions,
        y_versions=y_versions,
        part_of=dict.fromkeys((*x_versions, *y_versions), "_train") if y is not None else {},
        needed=frozenset({fit}),
        after=frozenset(),
    )


def _call(seen: Seen, number: int, names: tuple[str, ...]) -> ast.Call:
    tree = seen.trees[number]
    if isinstance(tree, ast.Assign | ast.Expr | ast.AnnAssign):
        for each in calls(tree):
            if tail(each.func) in names:
                return each
    raise CannotShape("the model is fitted inside a loop, a condition or a function", number)


def _arguments(call: ast.Call) -> list[ast.expr]:
    named = {word.arg: word.value for word in call.keywords}
    return [*call.args, *(named[word] for word in ("X", "y") if word in named)]


def _asked(seen: Seen, choice: Choice) -> int | None:
    return None if choice.predict is None else seen.watched.calls[choice.predict].statement


def _division(seen: Seen, fit: int, names: frozenset[str]) -> tuple[int, Divided, list[ast.expr], list[str]] | None:
    """The last train_test_split that the fit's rows come of."""
    needed = seen.flow.slice({fit})
    for number in sorted(needed, reverse=True):
        if seen.roles[number] != "split":
            continue
        tree = seen.trees[number]
        found = next((each for each in calls(tree) if tail(each.func) == "train_test_split"), None)
        target = tree.targets[0] if isinstance(tree, ast.Assign) else None
        if found is None or not isinstance(target, ast.Tuple) or tree.value is not found:  # type: ignore[attr-defined]
            raise CannotShape("rows are divided in a way that is not understood", number)
        bound = [each.id for each in target.elts if isinstance(each, ast.Name)]
        if len(bound) != 2 * len(found.args) or not names:
            raise CannotShape("rows are divided in a way that is not understood", number)
        source = seen.source(number)
        words = {word.arg: text_of(source, word.value) for word in found.keywords if word.arg}
        divided = Divided(statement=number, function=text_of(source, found.func), words=words)
        return number, divided, list(found.args), bound
    return None


def _place(
    seen: Seen, arguments: list[ast.expr], names: list[str], fit: int, expression: ast.expr, after: frozenset[int]
) -> int | None:
    """Which argument of the division an expression of the fit comes of."""
    if isinstance(expression, ast.Name) and expression.id in names:
        return names.index(expression.id) // 2
    waiting, met = [(fit, name) for name in reads(expression)], set()
    found: set[int] = set()
    while waiting:
        number, name = waiting.pop()
        for maker in seen.makers(number, name):
            if maker in after and maker not in met and maker != fit:
                met.add(maker)
                waiting.extend((maker, each) for each in seen.flow.needs[maker] if seen.is_rows(maker, each))
            elif name in names and maker not in after:
                found.add(names.index(name) // 2)
    return found.pop() if len(found) == 1 and arguments else None
