"""How the text of a notebook divides rows: which names hold training rows, which test rows, as far as it is certain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from unshelve.notebook.editing import calls, tail
from unshelve.notebook.flow import flow_of
from unshelve.notebook.notebook import Notebook, Statement

_TRAINING: Final = frozenset({"train", "training", "all", "full"})
_VALIDATION: Final = frozenset({"val", "valid", "validation", "dev", "eval", "cv"})
"""Words of names that hold no test rows, whatever else they say."""
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """One `train_test_split`: what it took, and the names of the two parts of each, in the order of the call."""

    statement: int
    taken: tuple[str, ...]
    """The root names of its arguments."""
    parts: tuple[tuple[str, str], ...]
    """For each argument the names of its training and its test rows; none where they are not plain names."""


class DividedText:
    """A notebook's text, asked for the rows that its names hold."""

    def __init__(self, notebook: Notebook) -> None:
        self.statements = notebook.statements
        self.flow = flow_of(notebook)
        self._modules = frozenset(
            (alias.asname or alias.name).split(".")[0]
            for each in notebook.statements
            if isinstance(each.node, ast.Import | ast.ImportFrom)
            for alias in each.node.names
        )
        self.divisions = tuple(_divisions(notebook))
        self._test = {test for each in self.divisions for _, test in each.parts if not _words(test) & _VALIDATION}
        self._train = {train for each in self.divisions for train, _ in each.parts}

    def is_test(self, name: str) -> bool:
        """Whether a name holds test rows: a division made it, or it says so itself."""
        if name in self._test or name in self._train:
            return name in self._test and name not in self._train
        words = _words(name)
        return "test" in words and not words & (_TRAINING | _VALIDATION)

    def is_train(self, name: str) -> bool:
        """Whether a name says that it holds training rows alone, or a division made it so."""
        return name in self._train - self._test or ("train" in _words(name) and not self.is_test(name))

    def needed(self, number: int) -> frozenset[int]:
        """The statements whose values go into a statement; what libraries keep for themselves is left out."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            for name, makers in self.flow.needs[waiting.pop()].items():
                if ":" not in name and name not in self._modules:
                    waiting.extend(makers - found)
                    found |= makers
        return frozenset(found)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Names of training rows with those of the test rows that belong to them."""
        made = {pair for each in self.divisions for pair in each.parts}
        names = {
            node.id
            for each in self.statements
            for node in ast.walk(each.node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        said = {
            (name, other)
            for name in names
            if "train" in _words(name) and (other := re.sub("train", "test", name)) in names and self.is_test(other)
        }
        return frozenset(made | said)

    def made_by(self, number: int, name: str) -> Statement | None:
        """The one statement that bound a name as another statement finds it; None where several made it what it is."""
        makers = self.flow.at(number, name)
        if len(makers) != 1:
            return None
        statement = self.statements[next(iter(makers))]
        node = statement.node
        bound = isinstance(node, ast.Assign) and [each for each in node.targets if isinstance(each, ast.Name)]
        return statement if bound and [each.id for each in bound] == [name] else None

    def same(self, name: str, one: int, two: int) -> bool:
        """Whether a name is the same, and unchanged, at two statements."""
        return bool(self.flow.at(one, name)) and self.flow.at(one, name) == self.flow.at(two, name)


def _divisions(notebook: Notebook) -> Iterator[Division]:
    for statement in notebook.statements:
        for call in calls(statement.node):
            if tail(call.func) != "train_test_split" or any(isinstance(each, ast.Starred) for each in call.args):
                continue
            names: list[str] = []
            node = statement.node
            if (
                isinstance(node, ast.Assign)
                and node.value is call
                and isinstance(node.targets[0], ast.Tuple | ast.List)
            ):
                names = [each.id if isinstance(each, ast.Name) else "" for each in node.targets[0].elts]
            whole = len(names) == 2 * len(call.args) and "" not in names
            yield Division(
                statement=statement.number,
                taken=tuple(root(each) for each in call.args),
                parts=tuple(zip(names[::2], names[1::2], strict=True)) if whole else (),
            )


def _words(name: str) -> set[str]:
    return {each.lower() for each in _WORDS.findall(name)}


def root(node: ast.AST) -> str:
    """The name that an expression starts from: "X_test" of `X_test["a"].astype(str)`; "" where it is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
