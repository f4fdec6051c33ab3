"""From a watched notebook to the steps of a solution whose requests are raw rows.

Asked from the end: the model needs the rows it was fitted on, these are a transform of what was kept of the source,
and so on. A version of a table becomes a step of its own where rows are dropped, where something is learned from it,
and where it is divided; what lies between goes into one function.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from unshelve.notebook.bodies import Body, Collector, Param, Rewritten, lines_of, names_for, returning
from unshelve.notebook.choosing import Choice
from unshelve.notebook.columns import read_columns, texts
from unshelve.notebook.dividing import Division, asked_rows
from unshelve.notebook.draft import NOTHING_HELD_OUT, CannotShape, Draft, DraftStep, Kind
from unshelve.notebook.editing import Edit, calls, edited, reads, renamed, tail, text_of
from unshelve.notebook.entry import Entry, find_entry
from unshelve.notebook.hoisting import Learned, learned_in
from unshelve.notebook.loops import loop_learned
from unshelve.notebook.naming import GENERIC, Names, slug
from unshelve.notebook.parts import Parts, find_parts
from unshelve.notebook.request_rows import by_name, without_target
from unshelve.notebook.seen import Seen, Version

_DROPS = ("dropna", "drop_duplicates", "query", "head", "tail", "sample")


@dataclass(slots=True)
class Shaper:
    """One attempt to write the steps. `cuts` are versions of tables that must be steps of their own."""

    seen: Seen
    choice: Choice
    cuts: set[Version]
    from_source: bool = False
    """Whether the target is read from the source's own rows, and not from those that were kept."""
    parts: Parts = field(init=False)
    entry: Entry = field(init=False)
    names: Names = field(init=False)
    known: dict[Version, Param] = field(init=False, default_factory=dict)
    made: dict[str, DraftStep] = field(init=False, default_factory=dict)
    made_of: dict[str, str] = field(init=False, default_factory=dict)
    """Of which part the rows are of which the notebook made what a transform makes."""
    rewritten: dict[int, Rewritten] = field(init=False, default_factory=dict)
    hidden: frozenset[str] = field(init=False, default=frozenset())
    """Columns that no request has: those in which the target stands, and what is made of them alone."""
    stands_in: frozenset[str] = field(init=False, default=frozenset())
    """The columns in which the target stands."""
    edits: frozenset[int] = field(init=False, default=frozenset())
    """Statements that only edit the target's column."""
    removals: frozenset[int] = field(init=False, default=frozenset())
    """Statements that only take the target's column away, which no request has."""
    inlining: bool = field(init=False, default=False)
    """Whether what was made of the training rows alone is written into the body that needs it."""
    tops: set[int] = field(init=False, default_factory=set)
    later: tuple[tuple[Version, Version], ...] = field(init=False, default=())
    """Versions of training and test rows after the division that were made by the same words."""
    target: str = field(init=False, default="")
    features: str = field(init=False, default="")
    model: str = field(init=False, default="")
    own_rows: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.parts = find_parts(self.seen, self.choice)
        self.entry = find_entry(self.seen, self.parts)
        self.later = tuple(self.parts.twins(self.seen))
        author = {name for touch in self.seen.flow.touches for name in touch.binds}
        self.names = Names({*self.seen.modules, *(name for name in author if self._at_top(name))})

    def _at_top(self, name: str) -> bool:
        return any(self.seen.roles[n] == "top" and name in t.binds for n, t in enumerate(self.seen.flow.touches))

    # --- the whole ----------------------------------------------------------------------------------------------

    def shape(self) -> Draft:
        """The steps up to the model. Raises CannotShape, with the reason, where this form cannot be written."""
        self._source()
        if self.parts.y is not None:
            self.stands_in = self._target_columns()
            self.hidden = self._with_made_of(self.stands_in)
            self.edits, self.removals = self._target_edits()
            self._target()
        self._features()
        split = self._split() if self.parts.split is not None else self._nothing_held_out()
        self._pair_parts()
        self._model(split)
        draft = Draft(entry="raw", top=sorted(self.tops), steps=list(self.made.values()), model=self.model)
        draft.features, draft.own_rows = self.features, self.own_rows
        draft.left_out = dict.fromkeys(self.edits, "edits the target, which a step of its own does")
        return draft

    def collector(self, *, rewritten: bool = True, everything: bool = False) -> Collector:
        """How bodies are gathered: with texts fit for requests or as the author's, with or without other steps."""
        return Collector(
            seen=self.seen,
            resolve=(lambda _version: None) if everything else self._resolve,
            rewrite=self._rewrite if rewritten else self._as_written,
            skipped=self.edits | self.removals if rewritten else frozenset(),
            tops=self.tops,
        )

    def add(
        self, name: str, kind: Kind, body: Body, lines: list[str], *, title: str, options: str = "", first: str = ""
    ) -> DraftStep:
        """Adds a step whose parameters are the steps that its body names; `first` is put before the others."""
        parts = kind in ("fit", "model", "metric", "chart")
        named = [str(param) if parts else param.step for param in [*body.params.values(), *body.extra.values()]]
        parameters = list(dict.fromkeys(sorted(named, key=lambda each: (each != first, not self._has_rows(each)))))
        step = DraftStep(
            name=name, kind=kind, parameters=parameters, lines=lines, title=title, options=options,
            statements=set(body.inline),
        )  # fmt: skip
        self.made[name] = step
        return step

    def _has_rows(self, parameter: str) -> bool:
        step = self.made.get(parameter.removesuffix("_train").removesuffix("_test"))
        return step is not None and step.kind in ("source", "step", "keep", "transform")

    # --- versions -----------------------------------------------------------------------------------------------

    def _resolve(self, version: Version) -> Param | None:
        found = self.known.get(version)
        if found is not None:
            return found
        makers, name = version
        if len(makers) != 1:
            return None
        (maker,) = makers
        role = self.seen.roles[maker]
        rows = (maker, name) in self.seen.rowed
        if maker in self.parts.dividing:
            return None  # where only the rows of both sides together are wanted: the whole under another name
        copied = self._copied(maker, name) if rows and role == "rows" else None
        if copied is not None:
            return copied
        if rows and role == "keep" and not (self.inlining and maker in self.parts.after):
            return self._known(version, self._keep(maker, name))
        if rows and version in self.cuts:
            step = self._transform(maker, name)
            self.known[version] = Param(step, self.made_of.get(step, ""))
            return self.known[version]
        if not rows and role in ("rows", "keep"):
            self._rewrite(maker)  # a call that fits as well: its state becomes a step
            return self.known.get(version)
        if self.inlining and maker in self.parts.after:
            return None
        if not rows and role == "state":
            return self._known(version, self._state(maker, name))
        if role == "split":
            raise CannotShape(f"{name} comes of a division of the rows that was not understood", maker)
        return None

    def _copied(self, number: int, name: str) -> Param | None:
        """The step of a table of which a statement only makes a copy under another name."""
        tree = self.seen.trees[number]
        value = tree.value if isinstance(tree, ast.Assign) and len(tree.targets) == 1 else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "copy":
            value = value.func.value
        if not isinstance(value, ast.Name) or value.id == name or not self.seen.is_rows(number, value.id):
            return None
        return self._resolve(self._version(number, value.id))

    def _known(self, version: Version, step: str) -> Param:
        self.known[version] = Param(step)
        return self.known[version]

    def cut(self, version: Version) -> Param:
        """The step that a version of a table is; from now on it is one."""
        self.cuts.add(version)
        found = self._resolve(version)
        if found is None:
            raise CannotShape(f"{version[1]} is made in more than one way")
        return found

    # --- texts --------------------------------------------------------------------------------------------------

    def _as_written(self, number: int) -> Rewritten:
        return Rewritten(self.seen.source(number))

    def _rewrite(self, number: int) -> Rewritten:
        found = self.rewritten.get(number)
        if found is None:
            found = self.rewritten[number] = self._rewriting(number)
        return found

    def _rewriting(self, number: int) -> Rewritten:
        tables = self.seen.tables(number)
        if not tables or self.seen.roles[number] not in ("rows", "keep"):
            return Rewritten(self.seen.source(number))
        shorter = self._without_target(number)
        return shorter if shorter.text is None else self._freeze(number, shorter.text, tables)

    def _without_target(self, number: int) -> Rewritten:
        """The text as it is for tables that do not have the target's column."""
        source = self.seen.source(number)
        if not self.hidden:
            return Rewritten(source)
        for table in self.seen.tables(number):
            columns = (self.seen.before(number, table) or _NO_INFO).columns
            if columns:
                source = by_name(source, table, columns, self.hidden)
        return Rewritten(without_target(source, self.hidden))

    def _freeze(self, number: int, source: str, tables: Iterable[str]) -> Rewritten:
        """The text with all that it learns from whole tables in steps of their own."""
        found = list(learned_in(source, frozenset(tables)))
        if found and isinstance(self.seen.trees[number], ast.For | ast.While | ast.If | ast.With | ast.Try):
            return self._freeze_loop(number, source, frozenset(tables))
        edits, steps = [], []
        for learned in found:
            name = self._fit(number, source, learned)
            edits.append(Edit(learned.node, learned.use(name)))
            steps.append(name)
        return Rewritten(edited(source, edits), tuple(steps))

    def _freeze_loop(self, number: int, source: str, tables: frozenset[str]) -> Rewritten:
        loop = loop_learned(source, tables, lambda learned, text: self._own(number, text, learned)[0])
        if loop is None:
            raise CannotShape("a loop or condition learns from whole columns", number)
        text = "\n".join(loop.learn)
        body = self._collected(
            [
                (self._version(number, name) if name in tables else number, name)
                for name in sorted(reads(ast.parse(f"def _():\n{textwrap.indent(text, '    ')}")))
                if name in self.seen.flow.needs[number]
            ]
        )
        step = self.names.give(loop.wish)
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._as_written, names)
        lines += self._unhidden(body, names)
        lines += _renamed_function(text, names)
        self.add(step, "fit", body, lines, title=self._title(number, "Learned of each column"))
        self.made[step].statements.add(number)
        return Rewritten(loop.apply(step), (step,))

    def _unhidden(self, body: Body, names: dict[str, str]) -> list[str]:
        """Lines that take the target's column out of tables that are given whole, where a request has none."""
        whole = [
            names[name]
            for name, param in body.params.items()
            if self.hidden and param.step in self.made and self.made[param.step].kind in ("source", "keep")
            if any(self._takes_whole(number, name) for number in body.inline) or not body.inline
        ]
        text = "[" + ", ".join(f'"{column}"' for column in sorted(self.hidden)) + "]"
        return [f'{name} = {name}.drop(columns={text}, errors="ignore")' for name in dict.fromkeys(whole)]

    def _takes_whole(self, number: int, name: str) -> bool:
        """Whether a statement uses a table otherwise than by columns that it names."""
        columns = (self.seen.before(number, name) or _NO_INFO).columns or ()
        return read_columns(self.seen.trees[number], name, columns) is None

    def _version(self, number: int, name: str) -> Version:
        return (self.collector().makers(number, name), name)

    def _own(self, number: int, source: str, learned: Learned) -> tuple[str, ast.expr | None]:
        """The text that learns, with an estimator of its own, and the author's estimator."""
        if "clone" not in learned.needs or not isinstance(learned.node, ast.Call):
            return learned.learn, None
        owner = learned.node.func.value if isinstance(learned.node.func, ast.Attribute) else None
        made = self._constructor(number, owner)
        if made is None or owner is None:
            return learned.learn, owner
        return learned.learn.replace(f"clone({text_of(source, owner)})", made, 1), owner

    # --- steps --------------------------------------------------------------------------------------------------

    def _source(self) -> None:
        body = self.collector(rewritten=False, everything=True).collect([], own=[self.entry.statement])
        wish = self.entry.name
        name = self.names.give(wish, f"{wish}_table")
        lines = returning(lines_of(self.seen, body, self._as_written, {}), self.entry.variable)
        if self.entry.labelled:  # a request has no labels, and the author's would become a column
            lines[-1] += ".reset_index(drop=True)"
        self.add(name, "source", Body(inline=body.inline), lines, title=self.entry.title)
        self.known[(frozenset({self.entry.statement}), self.entry.variable)] = Param(name)

    def _keep(self, number: int, name: str) -> str:
        source, tree = self.seen.source(number), self.seen.trees[number]
        if (self.seen.info(number, name) or _NO_INFO).columns is None:
            raise CannotShape(f"some rows of {name} are taken, which has no columns", number)
        given, inner = self._chained(tree, name)
        if inner is None:  # a keep only drops rows: what was done to the table before is a step of its own
            for table in sorted(self.seen.tables(number)):
                version = self._version(number, table)
                if version not in self.known and self._is_frame(number, table):
                    self.cut(version)
        body = self.collector().collect([], own=[number])
        names = names_for(self.seen, body)
        if inner is not None and given is not None:
            names[name] = self._transform_of(number, inner, name)
            text = edited(source, [Edit(inner, names[name])])
            body = Body(inline={number}, params={name: Param(names[name])})
            lines = renamed(text, {name: names[name]}).splitlines()
        else:
            lines = lines_of(self.seen, body, self._rewrite, names)
        value = names.get(name, name)
        wish = "complete" if "dropna" in source else "distinct" if "drop_duplicates" in source else "kept"
        step = self.names.give(wish, self.heading(number), "kept")
        table = next((param.step for param in body.params.values() if self._has_rows(param.step)), "")
        self.add(
            step, "keep", body, returning(lines, value), title=self._title(number, "Rows that are kept"), first=table
        )
        return step

    def _is_frame(self, number: int, table: str) -> bool:
        info = self.seen.before(number, table)
        return info is not None and info.kind == "frame"

    def _chained(self, tree: ast.stmt, name: str) -> tuple[ast.Call | None, ast.expr | None]:
        """Of `x = <more than a name>.dropna()` the call and what stands before it."""
        value = tree.value if isinstance(tree, ast.Assign) else None
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _DROPS):
            return None, None
        owner = value.func.value
        return (None, None) if isinstance(owner, ast.Name) or not name else (value, owner)

    def _transform_of(self, number: int, expression: ast.expr, name: str) -> str:
        """A transform that gives an expression of a statement."""
        source = self.seen.source(number)
        text = f"{name} = {text_of(source, expression)}"
        rewritten = self._freeze(number, text, self.seen.tables(number))
        collector = self.collector()
        body = collector.collect([(number, each) for each in reads(expression) if each in self.seen.flow.needs[number]])
        body.extra.update({step: Param(step) for step in rewritten.steps})
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._rewrite, names) + renamed(rewritten.text or "", names).splitlines()
        step = self.names.give("prepared")
        self.add(
            step, "transform", body, returning(lines, names.get(name, name)), title="The table before rows are dropped"
        )
        return step

    def _transform(self, number: int, name: str, *wishes: str) -> str:
        body = self.collector().collect([], own=[number])
        return self._row_step(body, number, name, *wishes)

    def _row_step(self, body: Body, number: int, name: str, *wishes: str) -> str:
        parts = {param.part for param in body.params.values() if param.part and self._has_rows(param.step)}
        body.params = {each: Param(param.step) for each, param in body.params.items()}
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._rewrite, names)
        value = names.get(name, name)
        if not body.params:
            raise CannotShape(f"{name} is not made of the rows of {self.entry.name}", number)
        lines = returning(lines, value)
        same = next((each.step for each in body.params.values() if lines == [f"return {each.step}"]), None)
        if same is not None and self.made[same].kind == "transform":
            return same  # nothing is made that a request has not
        step = self.names.give(*wishes, self.heading(number), _done(lines), "prepared")
        self.add(step, "transform", body, lines, title=self._title(number, "What is made of a row"))
        if len(parts) == 1:
            self.made_of[step] = parts.pop()
        return step

    def _state(self, number: int, name: str) -> str:
        """A value that was learned from rows: a fit step."""
        inlining, self.inlining = self.inlining, number in self.parts.after
        collector = self.collector(rewritten=False)
        collector.skipped = self.removals
        body = collector.collect([], own=[number])
        self.inlining = inlining
        names = names_for(self.seen, body)
        hides = bool(body.params) and all(self.made[each.step].kind == "transform" for each in body.params.values())
        text = self._without_target if hides else self._as_written
        lines = [*self._unhidden(body, names), *lines_of(self.seen, body, text, names)]
        step = self.names.give(name if name not in GENERIC else f"{name}_fitted", f"{name}_learned")
        self.add(
            step,
            "fit",
            body,
            returning(lines, names.get(name, name)),
            title=self._title(number, "Learned from the rows"),
        )
        return step

    def _fit(self, number: int, source: str, learned: Learned) -> str:
        """A fit step for what one expression learns."""
        text, owner = self._own(number, source, learned)
        expression = ast.parse(text, mode="eval").body
        wanted = [(self._earliest(number, each, expression), each) for each in sorted(reads(expression))]
        body = self._collected(wanted)
        if any(param.part == "_test" for param in body.params.values()):
            raise CannotShape("something is fitted again on the rows that are to be predicted", number)
        step = self.names.give(learned.wish, f"{learned.wish}_learned")
        names = names_for(self.seen, body)
        lines = [*lines_of(self.seen, body, self._as_written, names), f"return {renamed(text, names)}"]
        self.add(step, "fit", body, lines, title=self._title(number, "Learned from the rows"))
        self.made[step].statements.add(number)
        if isinstance(owner, ast.Name):
            self.known[(frozenset({number}), owner.id)] = Param(step)
        return step

    def _collected(self, wanted: list[tuple[int | Version, str]]) -> Body:
        collector = self.collector(rewritten=False)
        body = collector.collect([(at, name) for at, name in wanted if isinstance(at, int)])
        for at, name in wanted:
            if not isinstance(at, int):
                body.params[name] = self.cut(at)
        return body

    def _earliest(self, number: int, name: str, expression: ast.AST) -> int | Version:
        """The version of a table at which an expression has the same value already: the earliest that is a step."""
        if not self.seen.is_rows(number, name):
            return number
        makers = self.collector().makers(number, name)
        version: Version = (makers, name)
        columns = read_columns(expression, name, (self.seen.before(number, name) or _NO_INFO).columns or ())
        while columns is not None and version not in self.known and len(version[0]) == 1:
            (maker,) = version[0]
            changed = self.seen.changed_columns(maker, name)
            before = self.collector().makers(maker, name)
            if self.seen.roles[maker] != "rows" or changed is None or changed & columns or not before:
                break
            version = (before, name)
        return version

    def _constructor(self, number: int, owner: ast.expr | None) -> str | None:
        """The call that made an estimator which is fitted again and again."""
        if not isinstance(owner, ast.Name):
            return None
        waiting, met = list(self.seen.makers(number, owner.id)), set()
        while waiting:
            maker = waiting.pop()
            tree = self.seen.trees[maker]
            if isinstance(tree, ast.Assign) and isinstance(tree.value, ast.Call) and self.seen.roles[maker] == "plain":
                self.collector().collect([], own=[])
                for name in reads(tree.value):
                    self.collector().top(self.seen.makers(maker, name))
                return text_of(self.seen.source(maker), tree.value)
            if maker not in met:
                met.add(maker)
                waiting.extend(self.seen.makers(maker, owner.id))
        return None

    # --- target, features, split, model ---------------------------------------------------------------------------

    def _target_columns(self) -> frozenset[str]:
        """The columns in which the target stands, as far as the text and the run tell."""
        wanted = self.parts.y
        assert wanted is not None
        found: set[str] = set()
        place, waiting, met = wanted.statement, [(wanted.statement, wanted.expression)], set()
        while waiting:
            place, node = waiting.pop()
            for table in reads(node) & self.seen.tables(place):
                info = self.seen.before(place, table)
                columns = (info or _NO_INFO).columns or ()
                named = (
                    texts(ast.parse(by_name(ast.unparse(node), table, columns, frozenset()), mode="eval").body) or ()
                )
                spoken = read_columns(
                    ast.parse(by_name(ast.unparse(node), table, columns, frozenset())), table, columns
                )
                found.update(name for name in (*(spoken or ()), *named) if name in columns)
                makers = self.seen.makers(place, table)
                if not columns and len(makers) == 1 and (maker := min(makers)) not in met:
                    met.add(maker)
                    tree = self.seen.trees[maker]
                    value = tree.value if isinstance(tree, ast.Assign) else None
                    if value is not None:
                        waiting.append((maker, value))
        return frozenset(found)

    def _with_made_of(self, hidden: frozenset[str]) -> frozenset[str]:
        """With the columns that are made of the target alone and that the model is not given."""
        found = set(hidden)
        for number, role in self.seen.roles.items():
            if role != "rows" or number in self.parts.after or number <= self.entry.statement:
                continue
            for table in self.seen.tables(number) & self.seen.made(number):
                columns = (self.seen.before(number, table) or _NO_INFO).columns or ()
                changed = self.seen.changed_columns(number, table)
                tree = self.seen.trees[number]
                value = tree.value if isinstance(tree, ast.Assign) else None
                read = read_columns(value, table, columns) if value is not None else None
                alone = len(self.seen.tables(number)) == 1
                if alone and changed and read and read <= found and not changed & set(columns):
                    found |= changed
        given = self._given_columns()
        return hidden | frozenset(name for name in found if name not in given)

    def _given_columns(self) -> frozenset[str]:
        """The names of the columns that the model was fitted on, where it was given a table."""
        arguments = self.seen.watched.calls[self.choice.model.fit].arguments
        return frozenset((arguments[0].columns if arguments else None) or ())

    def _target_edits(self) -> tuple[frozenset[int], frozenset[int]]:
        """Statements that do nothing but edit the target's column, and those that only take it away."""
        found: set[int] = set()
        removed: set[int] = set()
        for number, role in self.seen.roles.items():
            if role != "rows" or number in self.parts.after or number <= self.entry.statement:
                continue
            for table in self.seen.tables(number) & self.seen.made(number):
                info = self.seen.before(number, table)
                if info is not None and info.kind == "frame" and self.seen.changes_only(number, table, self.hidden):
                    (removed if self._pops(number) else found).add(number)
        return frozenset(found), frozenset(removed)

    def _beside_target(self) -> frozenset[int]:
        """Statements that change the table in which the target stands, and not the target: it is read without them."""
        found = set()
        for number, role in self.seen.roles.items() if self.hidden else ():
            if role == "keep" and self.from_source and number not in self.parts.after:
                found.add(number)
            if role != "rows" or number in self.edits:
                continue
            tables = self.seen.tables(number) & self.seen.made(number)
            changed = [self.seen.changed_columns(number, name) for name in tables]
            holds = [self.hidden <= set((self.seen.info(number, name) or _NO_INFO).columns or ()) for name in tables]
            if tables and all(holds) and all(each is not None and not each & self.hidden for each in changed):
                found.add(number)
        return frozenset(found)

    def _pops(self, number: int) -> bool:
        tree = self.seen.trees[number]
        return isinstance(tree, ast.Delete) or any(tail(call.func) in ("pop", "drop") for call in calls(tree))

    def _target(self) -> None:
        wanted = self.parts.y
        assert wanted is not None
        column = min(self.stands_in, default="")
        collector = self.collector(rewritten=False)
        collector.skipped = self._beside_target()
        collector.rewrite = self._for_target
        needs = [(wanted.statement, each) for each in sorted(reads(wanted.expression))]
        body = collector.collect(needs)
        source, expression = self.seen.source(wanted.statement), wanted.expression
        text = expression.id if isinstance(expression, ast.Name) else text_of(source, expression)
        body = self._with_edits(body, collector)
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._for_target, names)
        value = renamed(_read_not_popped(text), names)
        name = self.names.give(slug(column), slug(self.parts.y_name), "outcome")
        lines = _read_not_popped("\n".join(lines)).splitlines()
        if not body.params:
            raise CannotShape("the target is not made of the rows of the source", wanted.statement)
        self.add(name, "target", body, returning(lines, value), title=f"What is predicted: {column or name}")
        self.target = name
        for version in self.parts.y_versions:
            self.known[version] = Param(name, version_part(self.parts, version))

    def _for_target(self, number: int) -> Rewritten:
        """A statement as the author wrote it; a table without columns that are not the target is the table itself."""
        tree, source = self.seen.trees[number], self.seen.source(number)
        if number in self.parts.dividing:
            return Rewritten(f"{self.parts.dividing[number].name} = {self.parts.dividing[number].of}")
        if not (isinstance(tree, ast.Assign) and isinstance(tree.targets[0], ast.Name)):
            return Rewritten(source)
        call, name = tree.value, tree.targets[0].id
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "drop":
            table = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
            columns = (self.seen.before(number, table) or _NO_INFO).columns or ()
            gone = set(columns) - set((self.seen.info(number, name) or _NO_INFO).columns or columns)
            if self.seen.is_rows(number, table) and gone and not gone & self.hidden:
                return Rewritten(f"{name} = {table}")
        return Rewritten(source)

    def _way_to_target(self) -> frozenset[int]:
        """The statements of which the target's expression is made."""
        wanted = self.parts.y
        assert wanted is not None
        makers = {each for name in reads(wanted.expression) for each in self.seen.makers(wanted.statement, name)}
        return self.seen.flow.slice(makers)

    def _with_edits(self, body: Body, collector: Collector) -> Body:
        """The target's body with the edits of its column that came before what it starts from."""
        last = max([*body.inline, self.parts.y.statement if self.parts.y else 0])
        tables = {name: param for name, param in body.params.items() if self._has_rows(param.step)}
        if not tables:
            return body
        table = next(iter(tables.values()))
        reached = self._way_to_target()
        for number in sorted(self.edits & reached):
            if number in body.inline or number > last:
                continue
            body.inline.add(number)
            for name in self.seen.flow.needs[number]:
                if self.seen.is_rows(number, name):
                    body.params.setdefault(name, table)
                else:
                    more = collector.collect([(number, name)])
                    body.inline |= more.inline
                    body.params.update({key: param for key, param in more.params.items() if key not in body.params})
        return body

    def _features(self) -> None:
        wanted = self.parts.x
        expression = wanted.expression
        if isinstance(expression, ast.Name) and self.collector().makers(wanted.statement, expression.id):
            version: Version = (self.collector().makers(wanted.statement, expression.id), expression.id)
            known = self.known.get(version)
            if known is None and len(version[0]) == 1:
                (maker,) = version[0]
                if self.seen.roles[maker] != "keep":
                    self.cuts.add(version)
                    wish = "" if self.later or self.parts.same_way else "features"
                    self.known[version] = Param(self._transform(maker, expression.id, wish))
            step = self.cut(version).step
            made_later = isinstance(self.parts.split, Division) and self.later
            if self.hidden and self.made[step].kind in ("source", "keep") and not made_later:
                step = self._passed_on(step)
                self.known[version] = Param(step)
        else:
            step = self._features_of(wanted.statement, expression)
        self.features = step
        for each in self.parts.x_versions:
            self.known[each] = Param(step, version_part(self.parts, each))

    def _passed_on(self, table: str) -> str:
        """A transform of a table that a model takes as it is: the target's column is hidden from it."""
        name = self.names.give("features")
        body = Body(params={table: Param(table)})
        self.add(
            name, "transform", body, [f"return {table}"], title="What the model sees: the table without the target"
        )
        return name

    def _features_of(self, number: int, expression: ast.expr) -> str:
        source = self.seen.source(number)
        text = f"features = {text_of(source, expression)}"
        for table in reads(expression) & self.seen.tables(number):
            columns = (self.seen.before(number, table) or _NO_INFO).columns
            if columns:
                text = by_name(text, table, columns, self.hidden)
        shorter = without_target(text, self.hidden) if self.hidden else text
        rewritten = self._freeze(number, shorter or text, self.seen.tables(number))
        collector = self.collector()
        body = collector.collect(
            [
                (number, each)
                for each in sorted(reads(ast.parse(rewritten.text or "")))
                if each in self.seen.flow.needs[number]
            ]
        )
        body.extra.update({step: Param(step) for step in rewritten.steps})
        body.params = {each: Param(param.step) for each, param in body.params.items()}
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._rewrite, names)
        value = renamed((rewritten.text or "").removeprefix("features = "), names)
        step = self.names.give("features")
        self.add(step, "transform", body, [*lines, f"return {value}"], title="What the model sees of a row")
        return step

    def _split(self) -> str:
        split = self.parts.split
        if isinstance(split, Division):
            return self._division(split)
        assert split is not None
        table = self._labelled(self.features)
        words = dict(split.words)
        body = Body(params={table: Param(table)})
        if "stratify" in words and self.target:
            words["stratify"] = self.target
            body.params[self.target] = Param(self.target)
        elif "stratify" in words:
            raise CannotShape("the division is stratified by something that is not the target", split.statement)
        for text in words.values():
            for name in reads(ast.parse(text)):
                self.collector().top(self.seen.makers(split.statement, name))
        body.inline = {split.statement}
        given = ", ".join([f"{table}.index", *(f"{word}={text}" for word, text in words.items())])
        name = self.names.give("parts")
        self.collector().top(self.seen.makers(split.statement, split.function.partition(".")[0]))
        step = self.add(
            name, "split", body, [f"return {split.function}({given})"], title="Rows to learn from, and rows to judge by"
        )
        step.parameters = [table, *([self.target] if self.target in body.params else [])]
        return name

    def _division(self, division: Division) -> str:
        """The author's own statements that divide a table, or its labels where they divide an array."""
        number, whole = division.whole
        version = self._version(number, whole)
        table = self._labelled(self.known[version].step if version in self.known else self.features)
        collector = self.collector(rewritten=False)
        known = {version: Param(table)}
        collector.resolve = lambda each: known.get(each)
        body = collector.collect([], own=division.statements)
        names = names_for(self.seen, body)
        if division.framed:
            train, test = (names.get(each.name, each.name) for each in (division.train, division.test))
            lines, value = lines_of(self.seen, body, self._as_written, names), f"{train}.index, {test}.index"
        else:
            lines = lines_of(self.seen, body, self._as_written, {**names, whole: f"{table}.index"})
            value = f"{division.train.name}, {division.test.name}"
        body.params = {whole: Param(table)}
        name = self.names.give("parts")
        title = "Rows to learn from, and rows to judge by"
        self.add(name, "split", body, [*lines, f"return {value}"], title=title)
        return name

    def _nothing_held_out(self) -> str | None:
        """A division that leaves all rows on both sides, as in the notebook; None where there is no target."""
        if self.parts.y is None:
            return None
        table = self._labelled(self.features)
        name = self.names.give("parts")
        lines = [f"return {table}.index, {table}.index"]
        self.add(name, "split", Body(params={table: Param(table)}), lines, title=NOTHING_HELD_OUT)
        return name

    def _labelled(self, step: str) -> str:
        """The nearest table on a step's way whose rows have labels: a keep, or the source."""
        while self.made[step].kind == "transform":
            step = next(each for each in self.made[step].parameters if self._has_rows(each))
        return step

    def _pair_parts(self) -> None:
        """What was made of the training rows and, by the same words, of the test rows: one transform for both."""
        for train, test in self.later:
            last = test == self.later[-1][1]
            if last and test not in self.known and len(test[0]) == 1:
                self.cuts.add(test)
                self.known[test] = Param(self._transform(min(test[0]), test[1], "features"))
            step = self.cut(test).step
            self.known[train] = Param(step, "_train")
            self.known[test] = Param(step, "_test")
            self.features = step
        if self.parts.same_way is not None:
            asked = self.parts.same_way[1]
            self.features = self._features_of(asked.statement, asked.expression)
        else:
            self._as_asked()

    def _as_asked(self) -> None:
        """Where the rows that the model was asked about were made by words of their own, these are what a request's
        rows go through.
        """
        asked = asked_rows(self.seen, self.choice)
        if asked is None or self.parts.split is None:
            return
        version = self._version(*asked)
        if version in self.known or len(version[0]) != 1 or min(version[0]) not in self.parts.after:
            return
        step = self._transform(min(version[0]), version[1], "features")
        self.known[version] = Param(step, "_test")
        self.features = step

    def _model(self, split: str | None) -> None:
        model = self.choice.model
        number = model.statement
        self.inlining = True
        last = number if model.taken is None else model.taken
        collector = self.collector(rewritten=False)
        collector.rewrite = self._fitting
        body = collector.collect([], own=[last])
        if self.parts.same_way is not None:
            body.extra[f"{self.features}_train"] = Param(self.features, "_train")
        if split is not None:  # a whole table holds the test rows too; what is asked of it here are its columns
            for each, param in body.params.items():
                if not param.part and self.made[param.step].kind == "transform":
                    body.params[each] = Param(param.step, "_train")
        names = names_for(self.seen, body)
        lines = lines_of(self.seen, body, self._fitting, names)
        value = names.get(model.variable, model.variable)
        about = self.target or self.entry.name
        wish = model.variable if model.variable not in GENERIC and len(model.variable) > 3 else f"{about}_model"
        name = self.names.give(slug(wish), f"{about}_model")
        options = f'split="{split}"' if split is not None else ""
        title = f"{model.type.rpartition('.')[2]}: {self.target or 'groups'} from {self.features}"
        step = self.add(name, "model", body, returning(lines, value), title=title, options=options)
        first = [each for each in step.parameters if each.removesuffix("_train") == self.features]
        rest = [each for each in step.parameters if each not in first and each.removesuffix("_train") != self.target]
        y = [each for each in step.parameters if each.removesuffix("_train") == self.target]
        if not first:  # fitted on what was made of the training rows alone, and asked about rows as they come
            self.own_rows = True
            first = [f"{self.features}_train" if split is not None else self.features]
        step.parameters = [*first, *y, *rest]
        self.model = name
        self.known[(frozenset({last}), model.variable)] = Param(name)

    def _fitting(self, number: int) -> Rewritten:
        """A statement of the model's body: the fit takes rows as the last transform gives them."""
        source = self.seen.source(number)
        if self.parts.same_way is None or number != self.choice.model.statement:
            return Rewritten(source)
        return Rewritten(edited(source, [Edit(self.parts.same_way[0], f"{self.features}_train")]))

    # --- words --------------------------------------------------------------------------------------------------

    def heading(self, number: int) -> str:
        """The nearest heading above a statement, as a name."""
        for cell in reversed(self.seen.notebook.cells[: self.seen.notebook.statements[number].cell - 1]):
            heads = (
                [line for line in cell.source.splitlines() if line.startswith("#")] if cell.kind == "markdown" else []
            )
            if heads:
                words = slug(heads[-1].lstrip("#0123456789.) "))
                return words if len(words) <= 24 and words not in self.made else ""
        return ""

    def _title(self, number: int, otherwise: str) -> str:
        comments = self.seen.notebook.statements[number].comments
        said = comments[0].strip().rstrip(".") if comments else ""
        return said if 3 < len(said) <= 80 and '"' not in said else otherwise


def _done(lines: list[str]) -> str:
    """What was done to a table, in a word."""
    text = "\n".join(lines)
    for word, signs in (
        ("scaled", ("scal", "normali", "standard")),
        ("encoded", ("get_dummies", "encoder", ".codes", "as_categories", "codes(")),
        ("filled", ("fillna", "imput")),
    ):
        if len(lines) <= 6 and any(sign in text.lower() for sign in signs):
            return word
    return ""


def _renamed_function(text: str, names: dict[str, str]) -> list[str]:
    """Lines with a return in them, in other names."""
    inside = renamed(f"def _():\n{textwrap.indent(text, '    ')}", names)
    return textwrap.dedent(inside.partition("\n")[2]).splitlines()


def version_part(parts: Parts, version: Version) -> str:
    """Of which part a version of rows is."""
    return parts.part_of.get(version, "")


def _read_not_popped(text: str) -> str:
    """`table.pop("c")` as `table["c"]`: the target is read, and a table passed in is not changed."""
    tree = ast.parse(text)
    edits = [
        Edit(call, f"{text_of(text, call.func.value)}[{text_of(text, call.args[0])}]")
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "pop" and len(call.args) == 1
    ]
    return edited(text, edits)


@dataclass(frozen=True, slots=True)
class _Nothing:
    columns: tuple[str, ...] | None = None


_NO_INFO = _Nothing()
