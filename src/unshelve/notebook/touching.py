"""What one statement of a notebook reads, binds and changes: `touch_of`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final  # Any: each handler takes the nodes of its own type

from unshelve.notebook.objects import CONST, NOT_KNOWN, NOTHING, Scope, Value, World, fresh, holding
from unshelve.notebook.scopes import local_names
from unshelve.notebook.tracing import EVERYTHING, Trace
from unshelve.notebook.walking import Owner, Walker

_NON_EMPTY: Final = ("enumerate", "zip", "sorted", "reversed", "list", "tuple", "tqdm")


def touch_of(node: ast.stmt, world: World) -> Trace:
    """Walk through one statement. `world` is what names stand for before it, and after it when this returns."""
    trace = Trace(world=world)
    walker = Walker(trace, body=block)
    statement(walker, node)
    world.specials |= {name for name in trace.opens | trace.changes if ":" in name}
    return trace


def block(walker: Walker, body: Sequence[ast.stmt]) -> bool:
    """Walk through statements in order; whether they certainly leave: by return, break, continue or raise."""
    return any(statement(walker, each) for each in body)


def statement(walker: Walker, node: ast.stmt) -> bool:
    handler = _STATEMENTS.get(type(node))
    if handler is None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                walker.value(child)
        return False
    return bool(handler(walker, node))


# --- branches ----------------------------------------------------------------------------------------------------


def either(walker: Walker, *ways: Callable[[], bool]) -> bool:
    """Walk through ways of which one is taken; whether all of them leave. A way gives whether it leaves."""
    trace = walker.trace
    before = frozenset(trace.certain)
    ends: list[frozenset[str]] = []
    states: list[dict[tuple[Owner, str], Value | None]] = []
    trace.weak += 1
    for way in ways:
        trace.certain = set(before)
        outer, walker.journal = walker.journal, {}
        if not way():
            ends.append(frozenset(trace.certain))
        journal, walker.journal = walker.journal, outer
        states.append({slot: slot[0].get(slot[1]) for slot in journal})
        for (owner, name), old in journal.items():
            owner.put(name, old)
    trace.weak -= 1
    for slot in {slot: None for state in states for slot in state}:
        owner, name = slot
        found = [state.get(slot, owner.get(name)) if slot in state else owner.get(name) for state in states]
        known = [value for value in found if value is not None]
        joined = known[0] if known else None
        for value in known[1:]:
            joined = value if joined is None else joined.joined(value)
        walker.put(owner, name, joined)
    trace.certain = set(frozenset.intersection(*ends)) if ends else set(before)
    return not ends


def _nothing() -> bool:
    return False


def loop(walker: Walker, head: Callable[[], object], body: Sequence[ast.stmt], *, runs: bool) -> None:
    """Walk through the body of a loop: twice, since it sees what it did before."""

    def once() -> bool:
        head()
        jumps: list[frozenset[str]] = []
        outer, walker.loops = walker.loops, (*walker.loops, jumps)
        left = block(walker, body)
        walker.loops = outer
        if jumps:
            ends = jumps if left else [*jumps, frozenset(walker.trace.certain)]
            walker.trace.certain = set(frozenset.intersection(*ends))
            left = False
        return left

    if runs:
        once()
        either(walker, once, _nothing)
    else:
        either(walker, lambda: once() or once(), _nothing)


def _jump(walker: Walker, _node: ast.stmt) -> bool:
    if walker.loops:
        walker.loops[-1].append(frozenset(walker.trace.certain))
    return True


def _if(walker: Walker, node: ast.If) -> bool:
    walker.value(node.test)
    return either(walker, lambda: block(walker, node.body), lambda: block(walker, node.orelse))


def _for(walker: Walker, node: ast.For | ast.AsyncFor) -> bool:
    source = walker.value(node.iter)
    loop(walker, lambda: walker.assign(node.target, source.part()), node.body, runs=_is_filled(node.iter))
    return block(walker, node.orelse)


def _while(walker: Walker, node: ast.While) -> bool:
    endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
    walker.value(node.test)
    loop(walker, lambda: walker.value(node.test), node.body, runs=endless)
    return block(walker, node.orelse)


def _try(walker: Walker, node: ast.Try | ast.TryStar) -> bool:
    trace = walker.trace
    before = frozenset(trace.certain)
    done: list[frozenset[str]] = []

    def body() -> bool:
        left = block(walker, node.body)
        if not left:
            done.append(frozenset(trace.certain))
        return left

    def passed() -> bool:
        if not done:
            return True
        trace.certain |= done[0]
        return block(walker, node.orelse)

    def handled(handler: ast.ExceptHandler) -> Callable[[], bool]:
        def way() -> bool:
            trace.certain = set(before)
            walker.value(handler.type)
            if handler.name:
                walker.bind(handler.name, fresh())
            return block(walker, handler.body)

        return way

    either(walker, body, _nothing) if node.handlers else body()
    left = either(walker, passed, *(handled(each) for each in node.handlers)) if node.handlers else not done
    if not node.handlers:
        block(walker, node.orelse)
    return block(walker, node.finalbody) or left


def _with(walker: Walker, node: ast.With | ast.AsyncWith) -> bool:
    for item in node.items:
        value = walker.value(item.context_expr)
        if item.optional_vars is not None:
            walker.assign(item.optional_vars, value)
    if any("suppress" in ast.unparse(item.context_expr) for item in node.items):
        return either(walker, lambda: block(walker, node.body), _nothing)
    return block(walker, node.body)


def _match(walker: Walker, node: ast.Match) -> bool:
    subject = walker.value(node.subject)

    def way(case: ast.match_case) -> Callable[[], bool]:
        def walk() -> bool:
            for each in ast.walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    walker.bind(name, subject.part())
                elif isinstance(each, ast.expr):
                    walker.value(each)
            walker.value(case.guard)
            return block(walker, case.body)

        return walk

    return either(walker, *(way(case) for case in node.cases), _nothing)


def _is_filled(node: ast.expr) -> bool:
    """Whether an iterable is written out and not empty."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return any(not isinstance(each, ast.Starred) for each in node.elts)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and bool(node.value)
    if isinstance(node, ast.Dict):
        return bool(node.keys)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("items", "keys", "values")
    ):
        return _is_filled(node.func.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        if node.func.id == "range":
            numbers = [
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, int)
            ]
            return len(numbers) == len(node.args) and len(range(*numbers)) > 0
        return node.func.id in _NON_EMPTY and all(_is_filled(each) for each in node.args)
    return False


# --- simple statements -------------------------------------------------------------------------------------------


def _assign(walker: Walker, node: ast.Assign) -> bool:
    literal = node.value
    if isinstance(literal, ast.Tuple | ast.List) and all(
        isinstance(target, ast.Tuple | ast.List)
        and len(target.elts) == len(literal.elts)
        and not any(isinstance(each, ast.Starred) for each in [*target.elts, *literal.elts])
        for target in node.targets
    ):
        values = [walker.value(each) for each in literal.elts]
        for target in node.targets:
            for each, value in zip(target.elts, values, strict=True):  # type: ignore[attr-defined]
                walker.assign(each, value)
        return False
    named = isinstance(literal, ast.Name | ast.Lambda) and all(isinstance(each, ast.Name) for each in node.targets)
    value = walker.value(literal, called=named)
    for target in node.targets:
        walker.assign(target, value)
    return False


def _annotated(walker: Walker, node: ast.AnnAssign) -> None:
    walker.value(node.annotation)
    if node.value is not None:
        walker.assign(node.target, walker.value(node.value))


def _augmented(walker: Walker, node: ast.AugAssign) -> None:
    value = walker.value(node.value)
    if not isinstance(node.target, ast.Name):
        walker.assign(node.target, value)
        return
    name = node.target.id
    before = walker.lookup(name)
    if before.kind != "const" and before.own:
        walker.trace.change(replace(before, linked=frozenset()), root=None)
    if before.kind == "list":
        walker.bind(name, replace(before, held=before.held | value.held))
    else:
        after = CONST if before.kind == "const" and value.kind == "const" else replace(before, const=NOT_KNOWN)
        walker.bind(name, after if before.kind != "const" else replace(value, const=NOT_KNOWN))


def _delete(walker: Walker, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            walker.lookup(target.id)
            walker.bind(target.id, NOTHING)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            walker.write(target, NOTHING)


def _import(walker: Walker, node: ast.Import) -> None:
    for alias in node.names:
        top = alias.name.split(".")[0]
        walker.trace.look("settings:imports")
        if alias.asname is None:
            if "." in alias.name and (known := walker.world.get(top)) is not None and known.module:
                walker.lookup(top)
            walker.bind(top, Value(module=top))
        else:
            walker.bind(alias.asname, Value(module=alias.name))
        _registers(walker, alias.name)


def _import_from(walker: Walker, node: ast.ImportFrom) -> None:
    module = "." * node.level + (node.module or "")
    walker.trace.look("settings:imports")
    _registers(walker, module)
    for alias in node.names:
        if alias.name == "*":
            walker.trace.bound.add(EVERYTHING)
        else:
            walker.bind(alias.asname or alias.name, Value(module=f"{module}.{alias.name}"))


def _registers(walker: Walker, module: str) -> None:
    if module.split(".")[0] in walker.trace.table.settings.registers or module in walker.trace.table.settings.registers:
        walker.trace.touch("settings:figure" if module.startswith("mpl_toolkits") else "settings:computing")
        walker.trace.touch("settings:imports")


def _define(walker: Walker, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    decorators = [walker.value(each) for each in node.decorator_list]
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for each in every:
        if each is not None:
            walker.value(each.annotation)
    walker.value(node.returns)
    made = walker.function(node)
    code = frozenset(each for decorator in decorators for each in decorator.code)
    walker.bind(node.name, replace(made, code=made.code | code))


def _define_class(walker: Walker, node: ast.ClassDef) -> None:
    found = [
        walker.value(each) for each in [*node.bases, *node.decorator_list, *(word.value for word in node.keywords)]
    ]
    methods = frozenset(each for base in found for each in base.code)
    outer = walker.scope
    own, declared = local_names(node)
    scope = Scope(own=own, parent=outer, declared_global=declared)
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            walker.scope = scope
            for decorator in each.decorator_list:
                walker.value(decorator)
            walker.scope = outer
            methods |= walker.function(each, owner=node.name).code
        else:
            walker.scope = scope
            statement(walker, each)
            walker.scope = outer
    parts = holding(scope.values.values(), None)
    walker.bind(node.name, replace(parts, code=methods | parts.code))


def _return(walker: Walker, node: ast.Return) -> bool:
    value = walker.value(node.value) if node.value is not None else CONST
    if walker.scope is not None:
        walker.scope.returned.append(value)
        walker.scope.exits.append(frozenset(walker.trace.certain))
    return True


def _raise(walker: Walker, node: ast.Raise) -> bool:
    walker.value(node.exc)
    walker.value(node.cause)
    return True


def _expression(walker: Walker, node: ast.Expr) -> None:
    walker.value(node.value)


_STATEMENTS: Final[Mapping[type[ast.stmt], Callable[[Walker, Any], object]]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _define_class,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Expr: _expression,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Match: _match,
    ast.Break: _jump,
    ast.Continue: _jump,
}
