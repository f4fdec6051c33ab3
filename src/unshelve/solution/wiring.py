"""How steps are wired to each other's rows: which task makes what, and how its function's parameters are bound.

Rows are selected first and transformed then. A *scope* is one division of rows into parts: models with equal
splits over equal rows share one, and what depends on a part is made once per scope. Transforms see what a
request will give (the columns that targets read, and those known later, are hidden from the entry on); keeps,
targets and fits over the entry see whole rows. Pure: nothing is loaded and nothing runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from unshelve.data.checks import from_json
from unshelve.data.timely import is_timely
from unshelve.errors import SolutionInvalid
from unshelve.ids import digest, digest_json
from unshelve.pipeline.step import Kind
from unshelve.pipeline.task import Task
from unshelve.solution.declaration import Declaration, Reference, StepInfo
from unshelve.solution.request_path import (
    ModelPath,
    chain_to,
    entry_of,
    filters_of,
    first_reference,
    frozen_inputs,
    lookup_inputs,
    model_path,
    quarantines_on,
    references,
    row_inputs,
)
from unshelve.solution.revision import revision

DEFAULT_SPLIT: Final[Mapping[str, object]] = {"type": "AtRandom", "test": 0.25, "seed": 0, "stratify": True}


OWN: Final = frozenset(
    {
        "source", "load", "entry", "call", "keep", "target", "transform", "model", "chart", "metric", "expect", "worth",
        "endpoint",
    }
)  # fmt: skip
"""Operations that are a step itself; the others are the platform's work around one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One division of an entry's rows: by which split, over the rows that which keeps left."""

    name: str
    entry: str
    split: Mapping[str, object] | str
    rows: tuple[str, ...]
    """Outputs that hold row numbers; the scope divides the rows that are in all of them."""
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePast:
    """What is known of a declared source before a run: where its last load ended, and what its files look like."""

    told: Mapping[str, object]
    listing: str | None = None
    """A digest of the names, sizes and times of its files: files that changed are read again, fresh or not."""


@dataclass(slots=True)
class Wiring:
    """The tasks of a solution while they are laid out: each is added once, with all that it needs."""

    declaration: Declaration
    arguments: Mapping[str, Mapping[str, object]]
    champions: Mapping[str, Mapping[str, object]]
    refreshed: str | None = None
    """The lookup that is asked whatever its `fresh=` says."""
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """How many rows earlier runs had, by expectation, the newest first."""
    past: Mapping[str, SourcePast] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    scope_of_model: dict[str, str] = field(default_factory=dict)
    building: list[str] = field(default_factory=list)

    # -- tasks ---------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        operation: str,
        step: StepInfo,
        inputs: Mapping[str, str],
        parameters: Mapping[str, object],
        *,
        also: tuple[str, ...] = (),
        function: bool = True,
    ) -> str:
        """Add a task of a step once; `also` names further steps whose code it runs."""
        code: dict[str, str] = {}
        libraries: dict[str, str] = {}
        for used in (*((step.name,) if function else ()), *also):
            code.update(self.declaration.step(used).code)
            libraries.update(self.declaration.step(used).libraries)
        if operation not in OWN:
            code["unshelve's own work"] = revision()
        if operation == "schema" and step.name in self.declaration.schemas:
            code[f"schema/{step.name}.toml"] = digest(self.declaration.schemas[step.name].encode())
        self.tasks[name] = Task(
            name=name,
            operation=operation,
            function=step.name if function else None,
            inputs=dict(inputs),
            parameters=dict(parameters),
            code=code,
            libraries=libraries,
            streamed=_taken(parameters, "streamed"),
            as_stored=_taken(parameters, "as_stored"),
            may_be_none=step.kind is Kind.EXPECT,
            retries=step.retries,
            retry_delay_seconds=step.retry_delay_seconds,
            timeout_seconds=step.timeout_seconds,
            fresh_seconds=self.fresh_seconds(step) if operation in ("source", "load") else None,
            past=self.past[step.name].told if operation == "load" and step.name in self.past else {},
            label=step.name if operation in OWN else f"{step.name} · {operation}",
            kind=str(step.kind),
            group=step.name,
        )
        return name

    def fresh_seconds(self, step: StepInfo) -> float:
        """How old the stored rows of a source may be."""
        return 0.0 if step.name == self.refreshed else step.fresh_seconds or 0.0

    def once(self, name: str) -> bool:
        """Whether a task is still to be made; a task that is needed for itself is a cycle."""
        if name in self.tasks:
            return False
        if name in self.building:
            cycle = [*self.building[self.building.index(name) :], name]
            raise SolutionInvalid(
                f"These steps wait for each other: {' -> '.join(cycle)}.",
                code="cycle",
                hint="A fit on NAME_train cannot decide, by way of a keep, which rows are in the parts.",
            )
        self.building.append(name)
        return True

    def done(self) -> None:
        self.building.pop()

    def arguments_of(self, step: StepInfo) -> dict[str, object]:
        """The values of a step's plain parameters: what was set for this run, else JSON-able defaults."""
        named = references(self.declaration, step)
        given = self.arguments.get(step.name, {})
        values: dict[str, object] = {}
        for parameter in step.parameters:
            if parameter.name in named:
                continue
            if parameter.name in given:
                values[parameter.name] = given[parameter.name]
            elif parameter.has_default and parameter.default is not None:
                values[parameter.name] = parameter.default
        return values

    # -- values --------------------------------------------------------------------------------------------

    def value(self, name: str, scope: str | None) -> str:
        """The output of a step that has no rows of its own, or of an entry: source, step, fit, model."""
        step = self.declaration.step(name)
        task = f"{name}@{scope}" if scope is not None and self.needs_scope(name) else name
        if not self.once(task):
            return f"{task}.estimator" if step.kind is Kind.MODEL else task
        if step.kind is Kind.SOURCE and step.options:
            self.add(task, "load", step, {}, self.load(step))
        elif step.kind is Kind.SOURCE:
            self.add(task, "source", step, *self.bound(step, scope))
        elif step.kind is Kind.MODEL:
            self.done()
            return self.model(name)
        else:
            is_table = self.is_entry(name) or quarantines_on(self.declaration, name)
            self.add(task, "entry" if is_table else "call", step, *self.bound(step, scope))
        self.done()
        return task

    def copy(self, name: str) -> str:
        """The output with a lookup's table as rows are joined with it."""
        step = self.declaration.step(name)
        task = f"{name}:copy"
        if self.once(task):
            inputs: dict[str, str] = {}
            table = self.frozen(Reference(name), None, inputs)["value"]
            parameters: dict[str, object] = {"table": table, "name": name, "how": self.lookup(name)}
            self.add(task, "copy", step, inputs, parameters, function=False)
            self.done()
        return f"{task}.copy"

    def lookup(self, name: str) -> dict[str, object]:
        """How rows find their entries in a lookup, as JSON."""
        found: dict[str, object] = msgspec.to_builtins(self.declaration.step(name).lookup)
        return found

    def load(self, step: StepInfo) -> dict[str, object]:
        """The parameters of a task that loads a declared source."""
        parameters: dict[str, object] = {"options": dict(step.options), "values": self.values_of(step)}
        past = self.past.get(step.name)
        if past is not None and past.listing is not None:
            parameters["files"] = past.listing
        return parameters

    def values_of(self, step: StepInfo) -> dict[str, object]:
        """The values of a declared source's parameters: what was set for this run, else what stands in the file."""
        given = self.arguments.get(step.name, {})
        return {each.name: given.get(each.name, each.default) for each in step.parameters}

    def is_entry(self, name: str) -> bool:
        """Whether a plain step's table is where a request path, or another row step, begins."""
        for step in self.declaration.steps:
            first = first_reference(self.declaration, step)
            if first and first.step == name and step.kind in (Kind.KEEP, Kind.TRANSFORM, Kind.TARGET, Kind.MODEL):
                return True
        return False

    def needs_scope(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a step's value depends on how rows are divided."""
        if name in seen:
            return False
        step = self.declaration.step(name)
        return any(
            named.part is not None or self.needs_scope(named.step, seen | {name})
            for named in references(self.declaration, step).values()
        )

    def bound(
        self, step: StepInfo, scope: str | None, *, whole: bool = False
    ) -> tuple[dict[str, str], dict[str, object]]:
        """Inputs and parameters of a task that calls a step's function with what its parameters name."""
        inputs: dict[str, str] = {}
        bind: dict[str, object] = {}
        for parameter, named in references(self.declaration, step).items():
            bind[parameter] = streamed(step, parameter, self.bind(named, scope, inputs, whole=whole))
        return inputs, {"bind": bind, "arguments": self.arguments_of(step)}

    def bind(
        self,
        named: Reference,
        scope: str | None,
        inputs: dict[str, str],
        *,
        whole: bool = False,
        rows: tuple[str, ...] | None = None,
    ) -> dict[str, object]:
        """How a task gets what a parameter names; adds what is needed to `inputs`."""
        step = self.declaration.step(named.step)
        if step.kind in (Kind.KEEP, Kind.TRANSFORM, Kind.TARGET) or (
            step.kind in (Kind.SOURCE, Kind.STEP)
            and (named.part is not None or quarantines_on(self.declaration, named.step))
        ):
            chosen = self.part_rows(named, scope) if rows is None else rows
            return self.view(named.step, chosen, scope, inputs, whole=whole)
        if named.part is not None:
            raise SolutionInvalid(
                f"{named.step}_{named.part} was asked for, but {named.step} is a {step.kind} and has no rows.",
                code="part-without-rows",
                hint=f"Name {named.step} itself.",
            )
        if rows is not None and step.kind in (Kind.SOURCE, Kind.STEP):
            return self.view(named.step, rows, scope, inputs, whole=whole)
        return {"value": self.put(inputs, self.value(named.step, scope))}

    @staticmethod
    def put(inputs: dict[str, str], output: str) -> str:
        label = output.replace("@", "_").replace(".", "_").replace(":", "_")
        inputs[label] = output
        return label

    # -- rows ----------------------------------------------------------------------------------------------

    def all_rows(self, name: str, scope: str | None) -> tuple[str, ...]:
        """Outputs with the row numbers that are left at a step: those of the last keep or quarantine on its way."""
        filters = filters_of(self.declaration, name)
        if not filters:
            return ()
        last = filters[-1]
        return (self.keep(last, scope) if self._kind_of(last) is Kind.KEEP else self.quarantine(last),)

    def part_rows(self, named: Reference, scope: str | None) -> tuple[str, ...]:
        if named.part is None:
            return self.all_rows(named.step, scope)
        if scope is None:
            keeps = [name for name in self.building if self.declaration.has(name) and self._kind_of(name) is Kind.KEEP]
            if keeps:
                raise SolutionInvalid(
                    f"Keep {keeps[-1]} needs what is learned from {named.step}_{named.part}, but which rows are in the "
                    "parts is known only after it.",
                    code="keep-needs-parts",
                    hint=f"Let it be learned from {named.step}, or drop these rows inside the model.",
                )
            raise SolutionInvalid(
                f"{named.step}_{named.part} was asked for, but no model says how rows are divided.",
                code="part-without-split",
                hint="Let a model take rows of the same source, or name the whole step.",
            )
        divided = self.scopes[scope]
        own = self.all_rows(named.step, scope)
        extra = tuple(output for output in own if output not in divided.rows and not self.nested(output, divided))
        return (f"{self.parts(divided)}.{named.part}", *extra)

    def _kind_of(self, name: str) -> Kind:
        return self.declaration.step(name).kind

    def nested(self, output: str, scope: Scope) -> bool:
        """Whether the scope's rows are all among those of an output, because a keep of the scope stands after it."""
        own = output.split("@")[0].removesuffix(".rows")
        later = {name.split("@")[0].removesuffix(".rows") for name in scope.rows}
        return any(own in filters_of(self.declaration, name) for name in later)

    def keep(self, name: str, scope: str | None) -> str:
        """The output with the row numbers that a keep leaves."""
        step = self.declaration.step(name)
        task = f"{name}@{scope}" if scope is not None and self.needs_scope(name) else name
        if self.once(task):
            first = first_reference(self.declaration, step)
            assert first is not None
            before = self.all_rows(first.step, scope)
            inputs: dict[str, str] = {}
            bind: dict[str, object] = {}
            for parameter, named in references(self.declaration, step).items():
                on_path = parameter in row_inputs(self.declaration, step)
                bind[parameter] = self.bind(named, scope, inputs, whole=True, rows=before if on_path else None)
            parameters = {
                "bind": bind,
                "arguments": self.arguments_of(step),
                "before": [self.put(inputs, output) for output in before],
                "first": step.parameters[0].name,
            }
            self.add(task, "keep", step, inputs, parameters)
            self.done()
        return f"{task}.rows"

    def quarantine(self, name: str) -> str:
        """The output with the row numbers that a quarantine leaves."""
        step = self.declaration.step(name)
        if self.once(name):
            before = filters_of(self.declaration, name)[:-1]
            left: tuple[str, ...] = ()
            if before:
                is_keep = self._kind_of(before[-1]) is Kind.KEEP
                left = (self.keep(before[-1], None) if is_keep else self.quarantine(before[-1]),)
            self.expectation(step, None, left)
            self.done()
        return f"{name}.rows"

    def expectation(self, step: StepInfo, scope: str | None, rows: tuple[str, ...] | None = None) -> str:
        """The tasks that hold a table against an expectation; `rows` are those that a quarantine is given."""
        inputs: dict[str, str] = {}
        bind: dict[str, dict[str, object]] = {}
        for parameter, named in references(self.declaration, step).items():
            own = rows if parameter == step.table else None
            bind[parameter] = self.bind(named, scope, inputs, whole=True, rows=own)
        sets_aside = step.severity == "quarantine"
        if step.checks and not sets_aside and step.table in bind:
            bind[step.table] = _as_stored(bind[step.table])
        looking: dict[str, object] = {
            "bind": bind,
            "arguments": self.arguments_of(step),
            "table": step.table,
            "checks": list(step.checks),
            "sets_aside": sets_aside,
            "before": [self.put(inputs, output) for output in rows or ()],
        }
        look = f"{step.name}:checked"
        self.add(look, "checked", step, inputs, looking, function=not step.checks)
        found: dict[str, str] = {}
        deciding: dict[str, object] = {
            "report": self.put(found, f"{look}.report"),
            "checks": list(step.checks),
            "severity": step.severity,
            "at_most": step.at_most,
            "title": step.title if not step.checks and step.title != step.name.replace("_", " ") else "",
            "zone": self.declaration.zone,
        }
        if sets_aside:
            deciding["rows"] = self.put(found, f"{look}.rows")
        timed = any(is_timely(from_json(check)) for check in step.checks)
        if timed:
            deciding["counts"] = list(self.counts.get(step.name, ()))
        self.add(step.name, "expect", step, found, deciding, function=False)
        if timed:
            self.tasks[step.name] = replace(self.tasks[step.name], cacheable=False)
        return step.name

    def without_set_aside(self, name: str) -> str:
        """The output with a source's or a step's table less the rows that were set aside."""
        task = f"{name}:kept"
        if self.once(task):
            inputs: dict[str, str] = {}
            parameters: dict[str, object] = {
                "table": self.put(inputs, self.value(name, None)),
                "rows": [self.put(inputs, output) for output in self.all_rows(name, None)],
            }
            self.add(task, "set_aside", self.declaration.step(name), inputs, parameters, function=False)
            self.done()
        return task

    def frozen(self, named: Reference, scope: str | None, inputs: dict[str, str]) -> dict[str, object]:
        """How a task gets frozen state: as one value, also where rows of it were set aside."""
        if named.part is None and self._kind_of(named.step) in (Kind.SOURCE, Kind.STEP):
            aside = quarantines_on(self.declaration, named.step)
            return {
                "value": self.put(
                    inputs, self.without_set_aside(named.step) if aside else self.value(named.step, scope)
                )
            }
        return self.bind(named, scope, inputs)

    def parts(self, scope: Scope) -> str:
        """The task that divides a scope's rows; its outputs are `train` and `test`."""
        task = f"parts@{scope.name}"
        if not self.once(task):
            return task
        model = self.declaration.step(scope.name)
        inputs: dict[str, str] = {}
        if isinstance(scope.split, str):
            author = self.declaration.step(scope.split)
            first = first_reference(self.declaration, author)
            if first is None or entry_of(self.declaration, first.step) != scope.entry:
                raise SolutionInvalid(
                    f"Split {author.name} does not divide the rows of {scope.entry}, from which {model.name} learns.",
                    code="split-of-other-rows",
                    hint="Let its first parameter lead to the same source.",
                )
            bound, parameters = self.bound(author, None)
            inputs.update(bound)
            parameters["labelled"] = [self.put(inputs, output) for output in self.all_rows(first.step, None)]
            parameters["rows"] = [self.put(inputs, output) for output in scope.rows]
            self.put(inputs, self.value(scope.entry, None))
            self.add(task, "labels", author, inputs, parameters)
        else:
            entry = self.put(inputs, self.value(scope.entry, None))
            parameters = {
                "entry": entry,
                "rows": [self.put(inputs, output) for output in scope.rows],
                "split": scope.split,
            }
            if scope.target is not None and scope.split.get("stratify"):
                parameters["target"] = self.view(scope.target, scope.rows, None, inputs, whole=True)
            self.add(task, "parts", model, inputs, parameters, function=False)
        self.done()
        return task

    def view(
        self, name: str, rows: tuple[str, ...], scope: str | None, inputs: dict[str, str], *, whole: bool
    ) -> dict[str, object]:
        """How a task gets the rows of a row step: a cut of the entry, a transform's result, or target values."""
        step = self.declaration.step(name)
        if step.kind is Kind.TARGET:
            made = self.target(name, scope)
            own = self.all_rows(name, scope)
            return {
                "aligned": self.put(inputs, f"{made}.values"),
                "of": [self.put(inputs, output) for output in own],
                "rows": [self.put(inputs, output) for output in rows],
            }
        if step.kind is Kind.TRANSFORM:
            return {"value": self.put(inputs, self.transform(name, rows, scope, whole=whole))}
        if step.kind is Kind.KEEP:
            first = first_reference(self.declaration, step)
            assert first is not None
            return self.view(first.step, rows, scope, inputs, whole=whole)
        return {
            "view": self.put(inputs, self.value(name, None)),
            "rows": [self.put(inputs, output) for output in rows],
        }

    def transform(self, name: str, rows: tuple[str, ...], scope: str | None, *, whole: bool) -> str:
        """The result of a transform on some rows, with all columns or with those that a request will give."""
        step = self.declaration.step(name)
        entry = entry_of(self.declaration, name)
        assert entry is not None
        which = "+".join(output.replace("parts@", "").replace(".rows", "") for output in rows) or "all"
        task = f"{name}[{which}]{'*' if whole else ''}"
        if scope is not None and self.needs_scope(name) and not any(output.startswith("parts@") for output in rows):
            task += f"@{scope}"
        if self.once(task):
            inputs: dict[str, str] = {}
            bind: dict[str, object] = {}
            on_path = row_inputs(self.declaration, step)
            for parameter, named in references(self.declaration, step).items():
                if parameter in on_path:
                    bound = self.view(named.step, rows, scope, inputs, whole=whole)
                    if "view" in bound and not whole:
                        bound["hide"] = self.hidden(entry, scope, inputs)
                    bind[parameter] = bound
                elif parameter in lookup_inputs(self.declaration, step):
                    bind[parameter] = {
                        "lookup": self.put(inputs, self.copy(named.step)),
                        "name": named.step,
                        "with": step.parameters[0].name,
                        "how": self.lookup(named.step),
                    }
                else:
                    bind[parameter] = self.bind(named, scope, inputs)
            parameters: dict[str, object] = {"bind": bind, "arguments": self.arguments_of(step)}
            if not whole:
                parameters["known_later"] = list(self.declaration.step(entry).known_later)
            self.add(task, "transform", step, inputs, parameters)
            self.done()
        return task

    def hidden(self, entry: str, scope: str | None, inputs: dict[str, str]) -> list[str]:
        """Labels of the inputs that name the entry's columns which targets read."""
        return [
            self.put(inputs, self.reads(target.name, scope))
            for target in self.declaration.of_kind(Kind.TARGET)
            if entry_of(self.declaration, target.name) == entry
        ]

    def target(self, name: str, scope: str | None) -> str:
        step = self.declaration.step(name)
        task = f"{name}@{scope}" if scope is not None and self.needs_scope(name) else name
        if self.once(task):
            first = first_reference(self.declaration, step)
            assert first is not None
            rows = self.all_rows(first.step, scope)
            inputs: dict[str, str] = {}
            bind: dict[str, object] = {}
            on_path = row_inputs(self.declaration, step)
            for parameter, named in references(self.declaration, step).items():
                if parameter in on_path:
                    bind[parameter] = self.view(named.step, rows, scope, inputs, whole=True)
                else:
                    bind[parameter] = self.bind(named, scope, inputs, whole=True)
            parameters = {"bind": bind, "arguments": self.arguments_of(step), "first": step.parameters[0].name}
            self.add(task, "target", step, inputs, parameters)
            self.done()
        return task

    def reads(self, name: str, scope: str | None) -> str:
        """The output with the entry's columns that a target reads, found by shuffling."""
        step = self.declaration.step(name)
        task = f"{name}@{scope}:reads" if scope is not None and self.needs_scope(name) else f"{name}:reads"
        if self.once(task):
            inputs: dict[str, str] = {}
            entry = entry_of(self.declaration, name)
            assert entry is not None
            chain = chain_to(self.declaration, name)
            parameters = {
                "entry": self.put(inputs, self.value(entry, None)),
                "rows": [self.put(inputs, output) for output in self.all_rows(name, scope)],
                "values": self.put(inputs, f"{self.target(name, scope)}.values"),
                "path": self.path(chain, entry, name, scope, inputs),
                "target": name,
            }
            self.add(task, "reads", step, inputs, parameters, also=chain)
            self.done()
        return task

    def path(
        self, chain: tuple[str, ...], entry: str, output: str, scope: str | None, inputs: dict[str, str]
    ) -> dict[str, object]:
        """A row path as JSON, keeps left out, with the labels of its frozen inputs."""
        steps = []
        frozen: dict[str, str] = {}
        lookups: dict[str, object] = {}
        for name in chain:
            step = self.declaration.step(name)
            if step.kind is Kind.KEEP:
                continue
            rows = {
                parameter: past_keeps(self.declaration, named.step)
                for parameter, named in row_inputs(self.declaration, step).items()
            }
            state = {}
            for parameter, named in frozen_inputs(self.declaration, step).items():
                key = f"{named.step}_{named.part}" if named.part else named.step
                bound = self.frozen(named, scope, inputs)
                if "value" not in bound:
                    raise SolutionInvalid(
                        f"Transform {name} takes {key}, which is made of other rows than its own.",
                        code="frozen-rows",
                        hint=f"Let a @fit take {key} and give the transform what it learned.",
                    )
                state[parameter] = key
                frozen[key] = str(bound["value"])
            described = {"name": name, "rows": rows, "frozen": state, "parameters": self.arguments_of(step)}
            joined = {parameter: named.step for parameter, named in lookup_inputs(self.declaration, step).items()}
            for each in joined.values():
                lookups[each] = self.lookup(each)
                frozen[each] = self.put(inputs, self.copy(each))
            steps.append({**described, "lookups": joined} if joined else described)
        path = {"entry": entry, "steps": steps, "output": past_keeps(self.declaration, output)}
        return {
            "path": {**path, "lookups": lookups} if lookups else path,
            "frozen": frozen,
        }

    # -- what models need of rows ----------------------------------------------------------------------------

    def scope(self, model: str) -> str:
        """The scope of a model: an equal one that exists already, or a new one named after the model."""
        if model in self.scope_of_model:
            return self.scope_of_model[model]
        step = self.declaration.step(model)
        path = model_path(self.declaration, model)
        authors = self.declaration.of_kind(Kind.SPLIT)
        split: Mapping[str, object] | str = DEFAULT_SPLIT
        if step.split is not None:
            split = step.split
        elif len(authors) == 1:
            split = authors[0].name
        rows = self.all_rows(path.rows, None)
        if path.target is not None:
            rows = tuple(dict.fromkeys((*rows, *self.all_rows(path.target, None))))
        target = path.target if not isinstance(split, str) and split.get("stratify") else None
        wanted = Scope(name=model, entry=path.entry, split=split, rows=rows, target=target)
        for known in self.scopes.values():
            if (known.entry, known.rows, known.target) == (wanted.entry, wanted.rows, wanted.target) and digest_json(
                known.split
            ) == digest_json(wanted.split):
                self.scope_of_model[model] = known.name
                return known.name
        self.scopes[model] = wanted
        self.scope_of_model[model] = model
        return model

    def model(self, name: str) -> str:
        """The output with a model's fitted estimator."""
        step = self.declaration.step(name)
        if self.once(name):
            scope = self.scope(name)
            inputs, parameters = self.bound(step, scope)
            self.hide_from_model(step, scope, inputs, parameters)
            if step.choose is not None:
                path = model_path(self.declaration, name)
                test = (f"{self.parts(self.scopes[scope])}.test",)
                parameters["choose"] = step.choose
                parameters["X_test"] = self.view_for_model(path, test, scope, inputs)
                if path.target:
                    parameters["y_test"] = self.view(path.target, test, scope, inputs, whole=True)
            self.add(name, "model", step, inputs, parameters)
            self.done()
        return f"{name}.estimator"

    def hide_from_model(
        self, step: StepInfo, scope: str, inputs: dict[str, str], parameters: dict[str, object]
    ) -> None:
        """Hide from a model, too, what no request has, where it takes rows that no transform has passed."""
        binds = parameters["bind"]
        assert isinstance(binds, dict)
        for parameter, named in references(self.declaration, step).items():
            entry = entry_of(self.declaration, named.step)
            if entry is not None and "view" in binds[parameter]:
                binds[parameter]["hide"] = self.hidden(entry, scope, inputs)
                binds[parameter]["known_later"] = list(self.declaration.step(entry).known_later)

    def view_for_model(
        self, path: ModelPath, rows: tuple[str, ...], scope: str, inputs: dict[str, str]
    ) -> dict[str, object]:
        """What a model is given for some rows: hidden columns are hidden even where no transform stands between."""
        bound = self.view(path.rows, rows, scope, inputs, whole=False)
        if "view" in bound:
            bound["hide"] = self.hidden(path.entry, scope, inputs)
            bound["known_later"] = list(self.declaration.step(path.entry).known_later)
        return bound


def streamed(step: StepInfo, parameter: str, bound: dict[str, object]) -> dict[str, object]:
    """How a parameter is bound; one that is annotated with Dataset takes a whole value in batches."""
    found = step.parameter(parameter)
    return {**bound, "streamed": True} if found is not None and found.streamed and "value" in bound else bound


def _as_stored(bound: dict[str, object]) -> dict[str, object]:
    """How a whole table is bound that may be a dataset or not: it is handed over as what it is."""
    return {**bound, "as_stored": True} if "value" in bound else bound


def _taken(parameters: Mapping[str, object], how: str) -> tuple[str, ...]:
    """The inputs of a task that are handed over in a way of their own."""
    binds = parameters.get("bind")
    found = binds.values() if isinstance(binds, Mapping) else ()
    return tuple(dict.fromkeys(bound["value"] for bound in found if bound.get(how)))


def past_keeps(declaration: Declaration, name: str) -> str:
    """The step whose rows a step really gives on a request: a keep gives those of what it keeps from."""
    step = declaration.step(name)
    while step.kind is Kind.KEEP:
        first = first_reference(declaration, step)
        assert first is not None
        step = declaration.step(first.step)
    return step.name
