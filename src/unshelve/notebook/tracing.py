"""Gathers what one statement reads, binds and changes while its text is walked through."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from unshelve.notebook.effects import EffectTable, effect_table
from unshelve.notebook.objects import NOT_KNOWN, Value, World

EVERYTHING = "*"
"""In `reads` and `changes`: all names. In `binds`: names that cannot be told, as after a star import."""
RANDOM = "state:random"
"""The state of the global generators of `random`, `numpy.random` and others."""
FIGURE = "state:figure"
"""The current figure of matplotlib. It ends with its cell."""
ANY_FILE = "file:*"


@dataclass(slots=True, eq=False)
class Trace:
    """What was met of a statement so far."""

    world: World
    table: EffectTable = field(default_factory=effect_table)
    reads: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    """Names that it binds on some way."""
    certain: set[str] = field(default_factory=set)
    """Names that it has bound for certain, on the way that is being walked."""
    changes: set[str] = field(default_factory=set)
    supposed: set[str] = field(default_factory=set)
    """Names of `changes` that are there by caution: unknown methods, other names that may be the same object."""
    assumed: set[str] = field(default_factory=set)
    opens: set[str] = field(default_factory=set)
    """Special names that get a new value whatever they were: a file that is written, a figure, a seed."""
    weak: int = 0
    """How many branches that may not be taken are being walked."""

    # --- names --------------------------------------------------------------------------------------------------

    def read(self, name: str) -> None:
        if name not in self.certain:
            self.reads.add(name)

    def bind(self, name: str) -> None:
        self.bound.add(name)
        self.certain.add(name)

    def change(self, value: Value, *, root: str | None = None, sure: bool = True) -> None:
        """Changes an object in place: the name it was reached by, and those that may see it."""
        numbers = (value.all if value.open else value.own) | value.behind
        names = self.world.names_of(numbers)
        if root is not None and root not in self.certain:
            self.changes.add(root)
            if not sure:
                self.supposed.add(root)
            elif root in self.supposed:
                self.supposed.discard(root)
        for name in names - {root}:
            if name not in self.certain and name not in self.changes:
                self.changes.add(name)
                self.supposed.add(name)
        for special in value.linked:
            self.touch(special)

    # --- special names ------------------------------------------------------------------------------------------

    def touch(self, special: str) -> None:
        """A special name is another one afterwards, made of what it was."""
        if special in self.opens:
            return
        self.reads.add(special)
        self.changes.add(special)
        if special == FIGURE:
            self.look("settings:figure")

    def look(self, special: str) -> None:
        """A special name is read."""
        if special in self.opens:
            return
        if special in self.world.specials or special.startswith("file:"):
            self.reads.add(special)

    def open(self, special: str) -> None:
        """A special name begins anew."""
        if self.weak or special == ANY_FILE:
            self.touch(special)
        else:
            self.opens.add(special)

    def look_at_file(self, special: str) -> None:
        """A file is read, and the folders that it lies in have to be there."""
        self.look("settings:folder")
        self.look_at_folders(special)
        self.look(special)

    def write_file(self, special: str) -> None:
        """A file is written anew."""
        self.look("settings:folder")
        self.look_at_folders(special)
        self.open(special)

    def look_at_folders(self, special: str) -> None:
        for folder in PurePosixPath(special.removeprefix("file:")).parents:
            if (name := f"file:{folder}") in self.world.specials and name != special:
                self.look(name)

    def draw(self, library: str = "numpy") -> None:
        """A global generator is used."""
        self.world.generators.add(library)
        self.touch(RANDOM)

    def seed(self, library: str) -> None:
        """A global generator is seeded. Where another library's is in use too, that one's state stays."""
        if self.world.generators <= {library}:
            self.open(RANDOM)
        else:
            self.touch(RANDOM)
        self.world.generators.add(library)

    def everything(self) -> None:
        """Whatever there is may be read and changed."""
        self.reads.add(EVERYTHING)
        self.changes.add(EVERYTHING)


def file_name(value: Value | None) -> str:
    """The special name of a file that a value names; that of any file where it cannot be told."""
    if value is None or not isinstance(value.const, str):
        return ANY_FILE
    return named_file(value.const)


def named_file(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    return f"file:{path}" if not name.startswith(("http:", "https:", "ftp:", "s3:")) else f"file:{name}"


def is_true(value: Value) -> bool:
    """Whether a flag may be set."""
    return value.const is NOT_KNOWN or bool(value.const)


def root_of(node: ast.expr) -> str | None:
    """The name that a chain of attributes and subscripts begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Await):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
