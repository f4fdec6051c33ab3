"""Walks through expressions: what they read and change, and what their values are."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final  # Any: each handler takes the nodes of its own type

from unshelve.notebook.calling import Given, ipython_call, library_call, method_call
from unshelve.notebook.objects import (
    CONST,
    NONE,
    NOT_KNOWN,
    NOTHING,
    Function,
    Scope,
    Value,
    World,
    fresh,
    holding,
)
from unshelve.notebook.scopes import Comprehension, bind_parameters, is_static, remembers, result_of, scope_of
from unshelve.notebook.tracing import Trace, root_of

_DEEPEST: Final = 12
_MOST_WALKS: Final = 400
_IN_TEXT: Final = re.compile(r"@([^\W\d]\w*)")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_FORMULAS: Final = frozenset(
    {"ols", "logit", "glm", "probit", "wls", "gls", "poisson", "mixedlm", "from_formula", "dmatrices", "dmatrix"}
)
_TAKES_IN: Final = ("append", "extend", "add", "insert", "update", "setdefault", "appendleft", "add_module")
_BUILTINS: Final = frozenset(dir(builtins)) | {"display", "get_ipython"}

Owner = World | Scope


@dataclass(slots=True, eq=False)
class Walker:
    """Walks through the text of one statement. `body` walks through statements; it is set by who knows how."""

    trace: Trace
    body: Callable[[Walker, Sequence[ast.stmt]], bool]
    scope: Scope | None = None
    journal: dict[tuple[Owner, str], Value | None] | None = None
    """Names that were bound in the branch that is being walked, with what they were before."""
    active: tuple[Function, ...] = ()
    mentioned: frozenset[Function] = frozenset()
    loops: tuple[list[frozenset[str]], ...] = ()
    walks: int = 0
    """How many functions were walked through for this statement."""

    @property
    def world(self) -> World:
        return self.trace.world

    # --- names --------------------------------------------------------------------------------------------------

    def lookup(self, name: str) -> Value:
        scope = self.scope
        while scope is not None:
            if name in scope.own and name not in scope.declared_global:
                return scope.get(name) or NOTHING
            scope = scope.parent
        value = self.world.get(name)
        if value is None and name in _BUILTINS:
            self.trace.read(name)
            return Value(module=name)
        self.trace.read(name)
        return value or NOTHING

    def is_top(self, name: str | None) -> bool:
        """Whether a name is one of the notebook's own here, and not of a function's."""
        scope = self.scope
        while scope is not None and name is not None:
            if name in scope.own and name not in scope.declared_global:
                return False
            scope = scope.parent
        return name is not None

    def bind(self, name: str, value: Value) -> None:
        value = replace(value, behind=NONE) if value.behind else value
        scope = self.scope
        while scope is not None:
            if name in scope.own and name not in scope.declared_global:
                self.put(scope, name, value)
                return
            scope = scope.parent
        self.trace.bind(name)
        self.put(self.world, name, value)

    def put(self, owner: Owner, name: str, value: Value | None) -> None:
        if self.journal is not None:
            self.journal.setdefault((owner, name), owner.get(name))
        owner.put(name, value)

    def change(self, node: ast.expr, value: Value, *, sure: bool = True) -> None:
        root = root_of(node)
        self.trace.change(value, root=root if self.is_top(root) and not self._is_module(root) else None, sure=sure)

    def _is_module(self, root: str | None) -> bool:
        value = self.world.get(root or "")
        return value is not None and bool(value.module)

    # --- expressions --------------------------------------------------------------------------------------------

    def value(self, node: ast.expr | None, *, called: bool = False) -> Value:
        """The value of an expression; with all that it reads and does written down."""
        if node is None:
            return NOTHING
        handler = _HANDLERS.get(type(node))
        if handler is None:
            return self._any(node)
        found = handler(self, node)
        if found.code and not called:
            self.mention(found)
        return found

    def _any(self, node: ast.AST) -> Value:
        """Expressions that give a new value of what lies in them."""
        kinds = [
            self.value(child).kind if isinstance(child, ast.expr) else self._any(child).kind
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr | ast.keyword | ast.comprehension | ast.slice)
        ]
        if isinstance(node, ast.JoinedStr | ast.FormattedValue):
            return CONST
        for kind in ("frame", "array", "list"):
            if kind in kinds:
                return fresh(kind)
        return CONST if kinds and set(kinds) == {"const"} else fresh()

    def constant(self, node: ast.Constant) -> Value:
        simple = isinstance(node.value, str | int | float | bool) or node.value is None
        return Value(kind="const", const=node.value if simple else NOT_KNOWN)

    def attribute(self, node: ast.Attribute) -> Value:
        return self.attribute_of(self.value(node.value, called=True), node.attr)

    def attribute_of(self, base: Value, name: str) -> Value:
        if base.module:
            return Value(module=f"{base.module}.{name}")
        if base.code:
            methods = frozenset(each for each in base.code if each.owner and each.name == name)
            if not methods:
                self.mention(base)
            return replace(base.part(), code=methods or base.code)
        if base.kind == "frame":
            part = base.part()
            return replace(part, kind="array") if name in ("values", "shape") else part
        return base.part()

    def subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        index = self.value(node.slice)
        if base.module:
            if base.module == "os.environ":
                self.trace.look("settings:environment")
            return fresh()
        copies = index.kind in ("list", "frame") and not isinstance(node.slice, ast.Tuple)
        if base.kind in ("array", None) and (copies or isinstance(node.slice, ast.Compare)):
            return fresh(base.kind)
        return base.part()

    def held_literal(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        return holding(self.value(each) for each in node.elts)

    def dict_literal(self, node: ast.Dict) -> Value:
        for key in node.keys:
            self.value(key)
        return holding(self.value(each) for each in node.values)

    def comprehension(self, node: Comprehension) -> Value:
        targets = {name.id for each in node.generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        first = self.value(node.generators[0].iter)
        outer = self.scope
        self.scope = Scope(own=frozenset(targets), parent=outer, is_comprehension=True)
        for place, each in enumerate(node.generators):
            source = self.value(each.iter) if place else first
            self.assign(each.target, source.part())
            for condition in each.ifs:
                self.value(condition)
        if isinstance(node, ast.DictComp):
            self.value(node.key)
            made = self.value(node.value)
        else:
            made = self.value(node.elt)
        self.scope = outer
        return holding([made])

    def either(self, node: ast.IfExp) -> Value:
        self.value(node.test)
        return self.value(node.body).joined(self.value(node.orelse))

    def boolean(self, node: ast.BoolOp) -> Value:
        found = [self.value(each) for each in node.values]
        joined = found[0]
        for each in found[1:]:
            joined = joined.joined(each)
        return joined

    def binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left.const, str) and isinstance(right.const, str) and isinstance(node.op, ast.Add):
            return Value(kind="const", const=left.const + right.const)
        kinds = {left.kind, right.kind}
        if "frame" in kinds:
            return fresh("frame")
        if "list" in kinds and "array" not in kinds:
            return holding(each.part() for each in (left, right) if each.held)
        return fresh("array") if "array" in kinds else CONST if kinds == {"const"} else fresh()

    def walrus(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        scope, inner = self.scope, self.scope
        while inner is not None and inner.is_comprehension:
            inner = inner.parent
        self.scope = inner
        self.bind(node.target.id, value)
        self.scope = scope
        return value

    def starred(self, node: ast.Starred) -> Value:
        return self.value(node.value).part()

    def function(self, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef, owner: str = "") -> Value:
        """A function where it is defined: its defaults are read, its body is not walked."""
        for each in [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]:
            self.value(each)
        made = Function(node=node, scope=self.scope, owner=owner, remembers=remembers(node))
        return Value(own=fresh().own, code=frozenset({made}))

    def given_out(self, node: ast.Yield | ast.YieldFrom) -> Value:
        value = self.value(node.value)
        if self.scope is not None:
            self.scope.returned.append(value)
        return fresh()

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind or write what stands left of an equals sign."""
        if isinstance(target, ast.Name):
            self.bind(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            apart = bool(value.own) and not self.world.names_of(value.own) and not value.held
            for each in target.elts:
                part = value.part() if value.kind in ("frame", "list") else value
                if apart and value.kind != "frame":
                    part = replace(part, own=fresh().own)
                self.assign(each, part)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, holding([value]))
        else:
            self.write(target, value)

    def write(self, target: ast.expr, value: Value) -> None:
        """Change what an attribute or a subscript lies in."""
        base = self.value(target.value, called=True)  # type: ignore[attr-defined]
        if isinstance(target, ast.Subscript):
            self.value(target.slice)
        name = target.attr if isinstance(target, ast.Attribute) else "item"
        if base.module:
            setting = self.trace.table.setting(f"{base.module}.{name}", "")
            if setting is not None:
                self.trace.touch(setting)
            elif (root := root_of(target)) is not None and self.is_top(root):
                self.trace.changes.add(root)
            return
        self.change(target, base)
        self.lay(base, value)

    def lay(self, base: Value, value: Value) -> None:
        """A value lies in an object from now on, by whatever name that one is known."""
        if base.kind in ("frame", "array") or not value.all:
            return
        names = set(self.world.names_of(base.own))
        for name in names:
            known = self.world.get(name)
            if known is not None:
                laid = replace(known, linked=known.linked | value.linked, draws=known.draws or value.draws)
                self.put(self.world, name, replace(laid, held=known.held | value.all, code=known.code | value.code))
        scope = self.scope
        while scope is not None:
            for name, known in list(scope.values.items()):
                if known.own & base.own:
                    self.put(scope, name, replace(known, held=known.held | value.all))
            scope = scope.parent

    # --- calls --------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Value:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if isinstance(node.func, ast.Attribute) and _is_ipython(node.func.value):
            ipython_call(self.trace, method, self._given(node))
            return fresh()
        receiver, root = NOTHING, None
        if isinstance(node.func, ast.Attribute):
            receiver = self.value(node.func.value, called=True)
            root = root_of(node.func.value)
            callee = self.attribute_of(receiver, method)
        else:
            callee = self.value(node.func, called=True)
        given = self._given(node)
        self._names_in_text(method or callee.module.rpartition(".")[2], node)
        self._handed(receiver, given)
        if callee.module:
            return library_call(self.trace, callee.module, given)
        own = frozenset(each for each in callee.code if not method or not each.owner or each.name == method)
        if own:
            return self._own_call(own, callee, receiver, given)
        if method:
            result = method_call(self.trace, receiver, root if self.is_top(root) else None, method, given)
            if method in _TAKES_IN and receiver.kind not in ("frame", "array"):
                for value in given.values:
                    self.lay(receiver, value)
            return result
        if callee == NOTHING and isinstance(node.func, ast.Name):
            return library_call(self.trace, node.func.id, given)
        self.change(node.func, callee, sure=False)
        return holding(given.values, None)

    def _given(self, node: ast.Call) -> Given:
        args = [self.value(each, called=True) for each in node.args]
        words = {
            each.arg or f"**{place}": self.value(each.value, called=True) for place, each in enumerate(node.keywords)
        }
        nodes = [*node.args, *(each.value for each in node.keywords)]
        roots = {id(value): root for value, each in zip([*args, *words.values()], nodes, strict=False)
                 if self.is_top(root := root_of(each))}  # fmt: skip
        return Given(node=node, args=args, words=words, roots=roots)

    def _names_in_text(self, called: str, node: ast.Call) -> None:
        """Names that stand in texts: `df.query("age > @limit")`, and functions in formulas of statsmodels."""
        pattern = _IN_TEXT if called in ("query", "eval") else _WORD if called in _FORMULAS else None
        if pattern is None:
            return
        for each in [*node.args, *(word.value for word in node.keywords)]:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                for name in pattern.findall(each.value):
                    if self.world.get(name) is not None or not self.is_top(name):
                        self.lookup(name)

    def _handed(self, receiver: Value, given: Given) -> None:
        """Functions that are handed to a call are called by it, with what else it has."""
        code = frozenset(each for value in given.values for each in value.code)
        if code:
            parts = [receiver.part(), *(value.part() for value in given.values if not value.code)]
            for each in sorted(code, key=lambda function: function.node.lineno):
                self.run(each, parts, {}, spread=True)

    def _own_call(self, own: frozenset[Function], callee: Value, receiver: Value, given: Given) -> Value:
        """A call of a function of the notebook, of a method of one of its classes, or of such a class."""
        found: list[Value] = []
        for each in sorted(own, key=lambda function: (function.node.lineno, function.node.col_offset)):
            if each.remembers:
                self.trace.change(callee, root=each.name if self.is_top(each.name) else None, sure=False)
            if each.owner and not receiver.code:
                made = replace(holding(given.values, None), code=callee.code, open=True)
                found.append(made)
                if each.name in ("__init__", "__call__", "__new__", "__post_init__", "forward"):
                    self.run(each, [made, *given.args], given.words)
            elif each.owner and not is_static(each):
                found.append(self.run(each, [receiver, *given.args], given.words))
            else:
                found.append(self.run(each, given.args, given.words))
        joined = found[0]
        for value in found[1:]:
            joined = joined.joined(value)
        return joined

    def mention(self, value: Value) -> None:
        """A function that is named and not called here may be called by whoever gets it."""
        for each in sorted(value.code - self.mentioned, key=lambda function: function.node.lineno):
            self.mentioned |= {each}
            self.run(each, [], {})

    def run(
        self, function: Function, args: Sequence[Value], words: Mapping[str, Value], *, spread: bool = False
    ) -> Value:
        """Walk through the body of a function with these arguments. With `spread` each parameter may be any of them."""
        given = [*args, *words.values()]
        if function in self.active:
            return holding(given, None)
        self.walks += 1
        if len(self.active) >= _DEEPEST or self.walks > _MOST_WALKS:
            for value in given:
                self.trace.change(value, sure=False)
            self.trace.everything()
            return holding(given, None)
        scope = scope_of(function)
        bind_parameters(scope, function, args, words, spread=spread)
        outer, loops, active = self.scope, self.loops, self.active
        self.scope, self.loops, self.active = scope, (), (*active, function)
        if isinstance(function.node, ast.Lambda):
            scope.returned.append(self.value(function.node.body, called=True))
        elif not self.body(self, function.node.body):
            scope.exits.append(frozenset(self.trace.certain))
        self.scope, self.loops, self.active = outer, loops, active
        if scope.exits:
            self.trace.certain = set(frozenset.intersection(*scope.exits))
        return result_of(function, scope)


def _is_ipython(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"


_HANDLERS: Final[Mapping[type[ast.AST], Callable[[Walker, Any], Value]]] = {
    ast.Name: lambda walker, node: walker.lookup(node.id),
    ast.Constant: Walker.constant,
    ast.Attribute: Walker.attribute,
    ast.Subscript: Walker.subscript,
    ast.List: Walker.held_literal,
    ast.Tuple: Walker.held_literal,
    ast.Set: Walker.held_literal,
    ast.Dict: Walker.dict_literal,
    ast.ListComp: Walker.comprehension,
    ast.SetComp: Walker.comprehension,
    ast.DictComp: Walker.comprehension,
    ast.GeneratorExp: Walker.comprehension,
    ast.IfExp: Walker.either,
    ast.BoolOp: Walker.boolean,
    ast.BinOp: Walker.binary,
    ast.NamedExpr: Walker.walrus,
    ast.Starred: Walker.starred,
    ast.Lambda: Walker.function,
    ast.Call: Walker.call,
    ast.Yield: Walker.given_out,
    ast.YieldFrom: Walker.given_out,
    ast.Await: lambda walker, node: walker.value(node.value),
}
