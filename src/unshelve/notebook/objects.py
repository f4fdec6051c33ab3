"""What names stand for while a notebook is read: objects, their parts, and which names share them."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

Kind = Literal["frame", "array", "list", "const"]
"""Tables and series; arrays; lists, dicts, sets and tuples; values that never change."""

_numbers = itertools.count(1)
NONE: Final = frozenset[int]()


class _NotKnown:
    """Stands for a value that is not written in the text."""


NOT_KNOWN: Final = _NotKnown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What is known of a value. Objects are numbers; two values that share one may be the same or see each other."""

    own: frozenset[int] = NONE
    """The objects that it may be."""
    held: frozenset[int] = NONE
    """The objects that lie in it."""
    behind: frozenset[int] = NONE
    """The tables of which it is a part, as long as no name has it: a write into `df.loc[…]` is one into df."""
    kind: Kind | None = None
    const: object = NOT_KNOWN
    """A text, number, truth or None, where it is written out."""
    draws: bool = False
    """Whether fitting it uses a global generator."""
    open: bool = False
    """Whether what lies in it is changed with it, as in a Pipeline."""
    linked: frozenset[str] = frozenset()
    """Special names that are changed with it: the file behind a handle, the figure of an axes."""
    code: frozenset[Function] = frozenset()
    """Functions of the notebook that it may be, or may call."""
    module: str = ""
    """The full name of what an import brought."""

    @property
    def all(self) -> frozenset[int]:
        return self.own | self.held

    def joined(self, other: Value) -> Value:
        """Either of two."""
        if self == other:
            return self
        return Value(
            own=self.own | other.own,
            held=self.held | other.held,
            behind=self.behind | other.behind,
            kind=self.kind if self.kind == other.kind else None,
            const=self.const if self.const is other.const or self.const == other.const else NOT_KNOWN,
            draws=self.draws or other.draws,
            open=self.open or other.open,
            linked=self.linked | other.linked,
            code=self.code | other.code,
            module=self.module if self.module == other.module else "",
        )

    def part(self) -> Value:
        """Something that lies in it or is a view of it: an element, an attribute, a slice."""
        if self.kind == "frame":
            return replace(fresh("frame"), behind=self.own | self.behind)
        if self.kind == "const":
            return CONST
        own = self.held if self.kind == "list" and (self.held or not self.linked) else self.all
        kind = self.kind if self.kind == "array" else None
        if self.kind == "list" and not own:
            return Value(code=self.code, draws=self.draws)
        return replace(self, own=own, kind=kind, const=NOT_KNOWN, module="")


NOTHING: Final = Value()
CONST: Final = Value(kind="const")


def fresh(kind: Kind | None = None, *, held: frozenset[int] = NONE) -> Value:
    """A new object that no name has yet."""
    return CONST if kind == "const" else Value(own=frozenset({next(_numbers)}), held=held, kind=kind)


def holding(parts: Iterable[Value], kind: Kind | None = "list") -> Value:
    """A new object in which these lie."""
    parts = list(parts)
    held = frozenset(number for part in parts for number in part.all)
    return Value(
        own=frozenset({next(_numbers)}),
        held=held,
        kind=kind,
        draws=any(part.draws for part in parts),
        linked=frozenset(name for part in parts for name in part.linked),
        code=frozenset(each for part in parts for each in part.code),
    )


@dataclass(slots=True, eq=False)
class Scope:
    """Names of a function, a comprehension or a class body. The notebook's own are in `World`."""

    own: frozenset[str]
    parent: Scope | None
    declared_global: frozenset[str] = frozenset()
    is_comprehension: bool = False
    values: dict[str, Value] = field(default_factory=dict)
    exits: list[frozenset[str]] = field(default_factory=list)
    """What was certainly bound at each return."""
    returned: list[Value] = field(default_factory=list)

    def get(self, name: str) -> Value | None:
        return self.values.get(name)

    def put(self, name: str, value: Value | None) -> None:
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function, lambda or method of the notebook."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope | None
    """Where it was defined."""
    owner: str = ""
    """The class that it is a method of."""
    remembers: bool = False
    """Whether a cache keeps what it gave."""

    @property
    def name(self) -> str:
        return "" if isinstance(self.node, ast.Lambda) else self.node.name


@dataclass(slots=True, eq=False)
class World:
    """The notebook's own names and what they stand for, at one point of its text."""

    values: dict[str, Value] = field(default_factory=dict)
    _named: dict[int, set[str]] = field(default_factory=dict)
    specials: set[str] = field(default_factory=set)
    """Special names that a statement touched so far."""
    generators: set[str] = field(default_factory=set)
    """Libraries whose global generators were seeded or used so far."""

    def get(self, name: str) -> Value | None:
        return self.values.get(name)

    def put(self, name: str, value: Value | None) -> None:
        before = self.values.pop(name, None)
        if before is not None:
            for number in before.all:
                self._named.get(number, set()).discard(name)
        if value is not None:
            self.values[name] = value
            for number in value.all:
                self._named.setdefault(number, set()).add(name)

    def names_of(self, numbers: Iterable[int]) -> frozenset[str]:
        """The names that these objects are known by, or lie in."""
        return frozenset(name for number in numbers for name in self._named.get(number, ()))
