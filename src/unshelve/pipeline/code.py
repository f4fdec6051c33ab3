"""The code that a step reaches, as digests of its parts.

A part is a function, class or constant of the solution, what a file does when it is imported, or a whole file
where names cannot be followed. Comments, docstrings, layout, type hints of functions and the decorators of
unshelve do not count. Each part has a name for people ("function clean in solution.py"), so that a change can be
named. Nothing of the solution is imported or run here; a function is only asked where it was written.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Final, Literal, NamedTuple

from unshelve.ids import digest
from unshelve.pipeline.libraries import library_version
from unshelve.pipeline.plain_code import plain
from unshelve.pipeline.project_files import ProjectFiles
from unshelve.pipeline.source_file import Definition, Imported, Names, SourceFile, chain_of, names_used

_DIGEST_LETTERS: Final = 32
_RUNS_TEXT: Final = frozenset({"exec", "eval", "globals"})


@dataclass(frozen=True, slots=True)
class Reach:
    """What a function reaches: parts of the solution by name with their digests, and distributions with versions."""

    code: dict[str, str] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)


class Part(NamedTuple):
    """A piece of the solution's code: what a name of a file stands for, or something of the file as a whole."""

    file: Path
    name: str
    what: Literal["name", "effects", "module"] = "name"


@dataclass(slots=True)
class _Found:
    """What one part is: its own digest, and where it leads."""

    label: str
    digest: str
    parts: set[Part] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)


class Project:
    """A solution's code, asked what its functions reach. Each part is looked at once."""

    def __init__(self, folder: Path) -> None:
        self._files = ProjectFiles(folder)
        self.folder = self._files.folder
        self._found: dict[tuple[Part, frozenset[str]], _Found] = {}
        self._following: set[tuple[Path, tuple[str, ...]]] = set()

    def reach(self, function: Callable[..., object], *, parameters: Collection[str] = ()) -> Reach:
        """What a function reaches. Defaults of `parameters` are left out: the run gives and names those itself.

        A function without a source file (made by `exec`) counts by its bytecode.
        """
        original = inspect.unwrap(function)
        part = self._part_of(original)
        if part is None:
            return _reach_of_bytecode(original)
        return self._closure(part, frozenset(parameters))

    def reach_name(self, module: str, name: str) -> Reach | None:
        """What a top-level name of a module reaches; None when the module does not belong to the project."""
        path = self._files.file_of(module)
        if path is None:
            return None
        top = name.partition(".")[0]
        known = top in self._files.source(path).bound
        return self._closure(Part(path, top) if known else Part(path, "", "module"), frozenset())

    def statements(self, function: Callable[..., object]) -> Iterator[tuple[SourceFile, tuple[ast.stmt, ...]]]:
        """The statements that a function reaches, with their files; the function's own come first."""
        first = self._part_of(inspect.unwrap(function))
        if first is not None:
            for part, _ in self._walk(first, frozenset()):
                source = self._files.source(part.file)
                yield source, _statements(source, part)

    def _part_of(self, function: Callable[..., object]) -> Part | None:
        code = getattr(function, "__code__", None)
        if not isinstance(code, CodeType):
            kind = function if isinstance(function, type) else type(function)
            path = self._files.file_of(kind.__module__)
            return None if path is None else Part(path, kind.__qualname__.partition(".")[0])
        path = Path(code.co_filename).resolve()
        if not self._files.owns(path):
            return None
        source = self._files.source(path)
        top = function.__qualname__.partition(".")[0]
        name = top if top in source.bound else source.name_at(code.co_firstlineno)
        return Part(path, "", "module") if name is None else Part(path, name)

    def _closure(self, first: Part, left_out: frozenset[str]) -> Reach:
        code: dict[str, str] = {}
        libraries: dict[str, str] = {}
        for _, found in self._walk(first, left_out):
            code[found.label] = found.digest
            libraries.update(filter(None, map(library_version, found.foreign)))
        return Reach(dict(sorted(code.items())), dict(sorted(libraries.items())))

    def _walk(self, first: Part, left_out: frozenset[str]) -> Iterator[tuple[Part, _Found]]:
        waiting, seen = [first], {first}
        while waiting:
            part = waiting.pop()
            found = self._look(part, left_out if part == first else frozenset())
            yield part, found
            fresh = found.parts - seen
            seen |= fresh
            waiting.extend(sorted(fresh, reverse=True))

    def _look(self, part: Part, left_out: frozenset[str]) -> _Found:
        known = self._found.get((part, left_out))
        if known is None:
            known = self._found[part, left_out] = self._analyse(part, left_out)
        return known

    def _analyse(self, part: Part, left_out: frozenset[str]) -> _Found:
        source = self._files.source(part.file)
        statements = [plain(one, source.imports, left_out) for one in _statements(source, part)]
        text = "\n".join(map(ast.unparse, statements))
        found = _Found(_label(source, part), digest(text.encode("utf-8", "surrogatepass"))[:_DIGEST_LETTERS])
        names = names_used(statements, source.package)
        for name, chains in names.chains.items():
            what = names.local_imports.get(name)
            for chain in chains:
                if what is None:
                    self._follow(part.file, name, chain, found)
                else:
                    self._follow_import(what, chain, found)
        self._follow_dynamic(part, names, found)
        if source.effects and part.what == "name":
            found.parts.add(Part(part.file, "", "effects"))
        return found

    def _follow(self, path: Path, name: str, chain: tuple[str, ...], found: _Found) -> None:
        """Adds what a name of a file, followed by some attributes, leads to."""
        source = self._files.source(path)
        if name in source.imports:
            self._follow_import(source.imports[name], chain, found)
        if name in source.bound:
            found.parts.add(Part(path, name))
        elif name not in source.imports and not hasattr(builtins, name):
            for module in source.stars:
                place = self._files.file_of(module)
                if place is None:
                    found.foreign.add(module.partition(".")[0])
                else:
                    self._follow_once(place, (name, *chain), found)

    def _follow_import(self, what: Imported, chain: tuple[str, ...], found: _Found) -> None:
        """Adds what an imported module or name, followed by some attributes, leads to."""
        module = what.module
        attributes = chain if what.attribute is None else (what.attribute, *chain)
        path = self._files.file_of(module)
        while attributes:
            deeper = self._files.file_of(f"{module}.{attributes[0]}")
            if deeper is None or (path is not None and attributes[0] in self._files.source(path).bound):
                break
            module, path, attributes = f"{module}.{attributes[0]}", deeper, attributes[1:]
        if path is None:
            found.foreign.add(module.partition(".")[0])
        elif not attributes:
            found.parts.add(Part(path, "", "module"))
        elif self._offers(path, attributes[0]):
            self._follow_once(path, attributes, found)
        else:
            found.parts.add(Part(path, "", "module"))

    def _offers(self, path: Path, name: str) -> bool:
        source = self._files.source(path)
        return name in source.bound or name in source.imports or bool(source.stars)

    def _follow_once(self, path: Path, attributes: tuple[str, ...], found: _Found) -> None:
        """Follows a name of another file, unless that is being done already: files may import each other."""
        if (path, attributes) in self._following:
            return
        self._following.add((path, attributes))
        try:
            self._follow(path, attributes[0], attributes[1:], found)
        finally:
            self._following.discard((path, attributes))

    def _follow_dynamic(self, part: Part, names: Names, found: _Found) -> None:
        """Adds whole files where it is decided while running which code is used."""
        if not _RUNS_TEXT.isdisjoint(names.chains):
            found.parts.add(Part(part.file, "", "module"))
        imports = {**self._files.source(part.file).imports, **names.local_imports}
        for call in names.calls:
            if not _imports_by_name(call, imports):
                continue
            argument = call.args[0] if call.args else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                self._follow_import(Imported(argument.value, None), (), found)
            else:
                found.parts.update(Part(path, "", "module") for path in self._files.every_file())


def _statements(source: SourceFile, part: Part) -> tuple[ast.stmt, ...]:
    if part.what == "module":
        return tuple(source.tree.body)
    return source.effects if part.what == "effects" else source.bound[part.name]


def _label(source: SourceFile, part: Part) -> str:
    if part.what == "module":
        return f"file {source.label}"
    if part.what == "effects":
        return f"what {source.label} does at import"
    first = source.bound[part.name][0]
    word = "constant"
    if isinstance(first, Definition):
        word = "class" if isinstance(first, ast.ClassDef) else "function"
    return f"{word} {part.name} in {source.label}"


def _imports_by_name(call: ast.Call, imports: dict[str, Imported]) -> bool:
    chain = chain_of(call.func)
    if chain is None:
        return False
    name, attributes = chain
    if name == "__import__":
        return True
    what = imports.get(name)
    if what is None:
        return False
    whole = (what.module, *((what.attribute,) if what.attribute else ()), *attributes)
    return whole == ("importlib", "import_module")


def _reach_of_bytecode(function: Callable[..., object]) -> Reach:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType):
        text = repr(_constants(code))
        return Reach({f"function {name} (without a source file)": digest(text.encode())[:_DIGEST_LETTERS]})
    module = getattr(function, "__module__", None) or type(function).__module__
    library = library_version(module.partition(".")[0])
    return Reach({f"function {module}.{name}": ""}, dict([library]) if library else {})


def _constants(code: CodeType) -> tuple[object, ...]:
    """What a code object does, without where it was written."""
    constants = tuple(_constants(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)
