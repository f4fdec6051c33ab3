"""What a step's code asks of the world beyond its rows: the time, random numbers, files, settings of the machine.

Told from the text alone; nothing is imported or run. What is asked by roundabout ways is not found here; the checks
of a training find some of that by trying.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from unshelve.pipeline.code import Project
from unshelve.pipeline.source_file import Imported, chain_of, imports_of


def leans_on(function: Callable[..., object], project: Project) -> tuple[str, ...]:
    """What a function, and what it reaches in the project, depends on: "what time it is (solution.py:14)", each once.

    Files that are read by name are told by `pipeline.reads`.
    """
    found: dict[str, None] = {}
    for source, statements in project.statements(function):
        for statement in statements:
            imports = {**source.imports, **_local_imports(statement, source.package)}
            for node, what in _found(statement, imports):
                found[f"{what} ({source.label}:{getattr(node, 'lineno', 0)})"] = None
    return tuple(found)


def _local_imports(statement: ast.stmt, package: str) -> dict[str, Imported]:
    return {
        name: what
        for node in ast.walk(statement)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name, what in imports_of(node, package)
    }


def _found(statement: ast.stmt, imports: Mapping[str, Imported]) -> Iterator[tuple[ast.AST, str]]:
    sets = _names_of_sets(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            what = _called(node, imports)
            if what is not None:
                yield node, what
            if _name(node.func) in _MAKES_ORDER and node.args and _is_set(node.args[0], sets):
                yield node, _SET
        elif isinstance(node, ast.Attribute | ast.Name):
            whole = _whole(node, imports)
            if whole in _NAMES:
                yield node, _NAMES[whole]
        elif isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter, sets):
            yield node.iter, _SET


def _called(call: ast.Call, imports: Mapping[str, Imported]) -> str | None:
    whole = _whole(call.func, imports)
    if whole is None:
        return _CLOCK if isinstance(call.func, ast.Attribute) and call.func.attr in _NOW else None
    if whole in _SEEDS:
        return None
    if whole in _GENERATORS:
        seeded = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value is not None
        return None if seeded else _RANDOM
    if whole in _MOMENTS:
        said = call.args[0] if call.args else None
        return _CLOCK if isinstance(said, ast.Constant) and said.value in ("now", "today") else None
    if whole in _NOW_WITHOUT and len(call.args) < _NOW_WITHOUT[whole]:
        return _CLOCK
    for start, what in _STARTS:
        if whole == start or whole.startswith(f"{start}."):
            return what
    return _CLOCK if whole.rpartition(".")[2] in _NOW and "." in whole else None


def _whole(node: ast.expr, imports: Mapping[str, Imported]) -> str | None:
    """The dotted name that an expression stands for, with the import it begins with: "numpy.random.normal"."""
    chain = chain_of(node)
    if chain is None:
        return None
    name, attributes = chain
    what = imports.get(name)
    if what is None:
        return "hash" if name == "hash" and not attributes else None
    return ".".join((what.module, *((what.attribute,) if what.attribute else ()), *attributes))


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def _names_of_sets(statement: ast.stmt) -> frozenset[str]:
    return frozenset(
        target.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Assign) and _is_set(node.value, frozenset())
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _is_set(node: ast.expr, names: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub) and _is_set(node.left, names)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")


_CLOCK: Final = "what time it is"
_RANDOM: Final = "random numbers"
_ENVIRONMENT: Final = "the machine's environment"
_HASH: Final = "hash(), which differs from process to process"
_SET: Final = "the order of a set, which differs from process to process"
_NETWORK: Final = "an answer from the network"
_PROGRAM: Final = "another program"

_NAMES: Final = {"os.environ": _ENVIRONMENT, "hash": _HASH}

_NOW: Final = frozenset({"now", "utcnow", "today"})
_NOW_WITHOUT: Final = {"time.localtime": 1, "time.gmtime": 1, "time.ctime": 1, "time.strftime": 2}
"""Functions that mean this moment when they are given fewer arguments than this."""
_MOMENTS: Final = frozenset({"pandas.Timestamp", "pandas.to_datetime", "numpy.datetime64"})
_SEEDS: Final = frozenset({"numpy.random.seed", "random.seed"})
_GENERATORS: Final = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"})
"""With a seed they give the same each time."""
_MAKES_ORDER: Final = frozenset({"list", "tuple", "enumerate", "array", "asarray", "Index", "join"})

_STARTS: Final = (
    *((f"time.{name}", _CLOCK) for name in ("time", "time_ns", "monotonic", "perf_counter", "process_time")),
    ("random", _RANDOM),
    ("numpy.random", _RANDOM),
    ("secrets", _RANDOM),
    ("uuid.uuid1", _RANDOM),
    ("uuid.uuid4", _RANDOM),
    ("os.urandom", _RANDOM),
    ("os.getenv", _ENVIRONMENT),
    ("os.getcwd", _ENVIRONMENT),
    ("os.getpid", _ENVIRONMENT),
    ("platform", _ENVIRONMENT),
    ("locale", _ENVIRONMENT),
    ("socket.gethostname", _ENVIRONMENT),
    ("requests", _NETWORK),
    ("httpx", _NETWORK),
    ("urllib.request", _NETWORK),
    ("http.client", _NETWORK),
    ("socket", _NETWORK),
    ("subprocess", _PROGRAM),
    ("os.system", _PROGRAM),
    ("os.popen", _PROGRAM),
)
