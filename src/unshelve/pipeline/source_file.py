"""SourceFile: one Python file of a solution, cut into what its names stand for.

Reads text and parses it; imports and runs nothing.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from unshelve.errors import SolutionInvalid

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Imported(NamedTuple):
    """What an import statement gives a name: a module, or one name of it."""

    module: str
    attribute: str | None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A parsed file: what each top-level name stands for, and what the file does when it is imported.

    `label` is the path below the solution folder, `module` the dotted name below it. `bound` maps a name to the
    statements that bind or change it; `effects` are top-level statements that bind nothing (`np.random.seed(0)`).
    """

    label: str
    module: str
    is_package: bool
    tree: ast.Module
    bound: Mapping[str, tuple[ast.stmt, ...]]
    imports: Mapping[str, Imported]
    stars: tuple[str, ...]
    effects: tuple[ast.stmt, ...]

    @property
    def package(self) -> str:
        """What relative imports start from."""
        return self.module if self.is_package else self.module.rpartition(".")[0]

    def name_at(self, line: int) -> str | None:
        """The name that is bound or changed by the top-level code at a line."""
        for name, statements in self.bound.items():
            if any(_first_line(one) <= line <= (one.end_lineno or one.lineno) for one in statements):
                return name
        return None


@dataclass(frozen=True, slots=True)
class Names:
    """The global names that some code uses: each with the attribute chains that follow it (() for the bare name)."""

    chains: Mapping[str, frozenset[tuple[str, ...]]]
    local_imports: Mapping[str, Imported]
    calls: tuple[ast.Call, ...] = field(repr=False)


def read_source(path: Path, folder: Path) -> SourceFile:
    """A file of a solution. Raises SolutionInvalid when it cannot be read as Python."""
    label = path.relative_to(folder).as_posix()
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise SolutionInvalid(f"{label}{f':{line}' if line else ''} is not valid Python: {error}.") from error
    parts = path.relative_to(folder).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    reader = _Reader(module if is_package else module.rpartition(".")[0])
    for statement in tree.body:
        reader.take(statement)
    reader.share_changes()
    return SourceFile(
        label=label,
        module=module,
        is_package=is_package,
        tree=tree,
        bound={name: tuple(statements) for name, statements in reader.bound.items()},
        imports=reader.imports,
        stars=tuple(reader.stars),
        effects=tuple(reader.effects),
    )


def names_used(statements: Iterable[ast.stmt], package: str) -> Names:
    """The global names that statements use, by the rules of Python's own scopes."""
    chains: dict[str, set[tuple[str, ...]]] = {}
    local_imports: dict[str, Imported] = {}
    calls: list[ast.Call] = []
    for statement in statements:
        names = set(_global_names(ast.unparse(statement)))
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                local_imports.update((name, what) for name, what in imports_of(node, package) if name != "*")
            elif isinstance(node, ast.Call):
                calls.append(node)
        for name, chain in _chains(statement):
            if name in names or name in local_imports:
                chains.setdefault(name, set()).add(chain)
    return Names({name: frozenset(found) for name, found in chains.items()}, local_imports, tuple(calls))


def imports_of(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Imported]]:
    """The names that an import statement binds; "*" for a star."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, Imported(alias.name, None)
            else:
                top = alias.name.partition(".")[0]
                yield top, Imported(top, None)
        return
    module = node.module or ""
    if node.level:
        parents = package.split(".") if package else []
        base = parents[: len(parents) - (node.level - 1)]
        module = ".".join([*base, module] if module else base)
    for alias in node.names:
        yield alias.asname or alias.name, Imported(module, alias.name)


def chain_of(node: ast.expr) -> tuple[str, tuple[str, ...]] | None:
    """`a.b.c` as ("a", ("b", "c")); None for anything but names and attributes."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, tuple(reversed(attributes))) if isinstance(node, ast.Name) else None


class _Reader:
    """Sorts top-level statements by the names that they bind or change."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.bound: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, Imported] = {}
        self.stars: list[str] = []
        self.effects: list[ast.stmt] = []
        self._loose: list[ast.stmt] = []

    def take(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.bound.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            self._import(statement)
        elif isinstance(statement, ast.Expr):
            if not isinstance(statement.value, ast.Constant) and not _is_print(statement.value):
                self._loose.append(statement)
        elif isinstance(statement, ast.Pass) or _is_guard(statement):
            return
        else:
            self._bind(statement)

    def share_changes(self) -> None:
        """Statements without a name of their own belong to the constants that they change, or are effects."""
        for statement in self._loose:
            changed = [
                name
                for name in dict.fromkeys(_changed_names(statement))
                if name in self.bound and not isinstance(self.bound[name][0], Definition)
            ]
            for name in changed:
                self.bound[name].append(statement)
            if not changed:
                self.effects.append(statement)

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for name, what in imports_of(statement, self.package):
            if name == "*":
                self.stars.append(what.module)
            else:
                self.imports[name] = what

    def _bind(self, statement: ast.stmt) -> None:
        names = set(_bound_names(statement))
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
                names.difference_update(name for name, _ in imports_of(node, self.package))
        for name in names:
            self.bound.setdefault(name, []).append(statement)
        if not names:
            self._loose.append(statement)


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement binds at the level of the module."""
    for node in _same_scope(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, Definition):
            yield node.name


def _changed_names(statement: ast.stmt) -> Iterator[str]:
    """Names whose values a statement changes in place: `A[x] = 1`, `A.x = 1`, `A.append(1)`."""
    for node in _same_scope(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            below: ast.expr = node
            while isinstance(below, ast.Subscript | ast.Attribute):
                below = below.value
            if isinstance(below, ast.Name):
                yield below.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            chain = chain_of(node.value.func)
            if chain is not None and chain[1]:
                yield chain[0]


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, without the insides of functions, classes, lambdas and comprehensions."""
    yield node
    if isinstance(node, _SCOPES):
        return
    for child in ast.iter_child_nodes(node):
        yield from _same_scope(child)


def _chains(statement: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every name in some code with the attributes that follow it."""
    inner: set[int] = set()
    for node in ast.walk(statement):
        if id(node) in inner:
            continue
        if isinstance(node, ast.Attribute):
            chain = chain_of(node)
            below: ast.expr = node.value
            while isinstance(below, ast.Attribute):
                inner.add(id(below))
                below = below.value
            if chain is not None:
                inner.add(id(below))
                yield chain
        elif isinstance(node, ast.Name):
            yield node.id, ()


def _global_names(text: str) -> Iterator[str]:
    tables = [symtable.symtable(text, "<step>", "exec")]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (top or symbol.is_global()):
                yield symbol.get_name()


def _first_line(statement: ast.stmt) -> int:
    if isinstance(statement, Definition) and statement.decorator_list:
        return min(statement.lineno, *(decorator.lineno for decorator in statement.decorator_list))
    return statement.lineno


def _is_print(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"


def _is_guard(statement: ast.stmt) -> bool:
    """`if __name__ == "__main__":` and `if TYPE_CHECKING:` do nothing when the file is imported."""
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id in ("__name__", "TYPE_CHECKING") for node in ast.walk(statement.test)
    )


_SCOPES: Final = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
