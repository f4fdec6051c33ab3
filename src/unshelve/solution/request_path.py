"""Which steps a request passes through, told from kinds and names alone.

The rule: first parameters lead back, through `transform`, `keep` and `target`, to the entry: a `source` or
a `step`. A parameter of a transform that leads back to the same entry is on the row path; everything else
it takes is frozen. Pure: nothing is loaded and nothing runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from unshelve.errors import SolutionInvalid
from unshelve.pipeline.step import Kind
from unshelve.solution.declaration import Declaration, Reference, StepInfo, reference

ROW_KINDS = (Kind.KEEP, Kind.TRANSFORM, Kind.TARGET)
ENTRY_KINDS = (Kind.SOURCE, Kind.STEP)
SET_ASIDE_KINDS = (Kind.SOURCE, Kind.STEP, Kind.KEEP)
"""Kinds of tables of which an expectation can set rows aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPath:
    """How rows reach a model: the entry, the chain of row steps in order, and what the model learns from."""

    model: str
    entry: str
    chain: tuple[str, ...]
    """Keeps and transforms between the entry and the model, in an order in which they can run."""
    rows: str
    """The step whose rows the model takes: the last of the chain, or the entry itself."""
    target: str | None
    part: str | None
    """Which part the model is fitted on, as its parameter says: "train", or None for all rows."""


def entry_of(declaration: Declaration, name: str) -> str | None:
    """The entry that a step's rows come from, or None for a step that has no rows."""
    seen: set[str] = set()
    while True:
        step = declaration.step(name)
        if step.kind in ENTRY_KINDS:
            return name
        if step.kind not in ROW_KINDS or name in seen:
            return None
        seen.add(name)
        first = first_reference(declaration, step)
        if first is None:
            return None
        name = first.step


def first_reference(declaration: Declaration, step: StepInfo) -> Reference | None:
    """What a step's first parameter names, or None."""
    if not step.parameters:
        return None
    return reference(step.parameters[0].name, declaration.names)


def references(declaration: Declaration, step: StepInfo) -> dict[str, Reference]:
    """Every parameter of a step that names a step, with what it names. A declared source takes values and no steps."""
    found: dict[str, Reference] = {}
    if step.options:
        return found
    for parameter in step.parameters:
        named = reference(parameter.name, declaration.names)
        if named is not None:
            found[parameter.name] = named
    return found


def row_inputs(declaration: Declaration, step: StepInfo) -> dict[str, Reference]:
    """The parameters of a row step that are on the row path: those that lead back to its own entry."""
    first = first_reference(declaration, step)
    if first is None or step.kind not in ROW_KINDS:
        return {}
    entry = entry_of(declaration, first.step)
    return {
        name: named
        for name, named in references(declaration, step).items()
        if _is_row_step(declaration, named.step, entry)
    }


def _is_row_step(declaration: Declaration, name: str, entry: str | None) -> bool:
    step = declaration.step(name)
    if name == entry:
        return True
    return step.kind in (Kind.KEEP, Kind.TRANSFORM, Kind.TARGET) and entry_of(declaration, name) == entry


def chain_to(declaration: Declaration, name: str) -> tuple[str, ...]:
    """The keeps, transforms and targets that rows pass from their entry up to and with `name`, in running order."""
    order: list[str] = []
    seen: set[str] = set()
    stack: list[tuple[str, bool]] = [(name, False)]
    while stack:
        current, done = stack.pop()
        if done:
            order.append(current)
            continue
        step = declaration.step(current)
        if current in seen or step.kind in ENTRY_KINDS:
            continue
        seen.add(current)
        stack.append((current, True))
        stack.extend((named.step, False) for named in row_inputs(declaration, step).values())
    return tuple(order)


def quarantines_on(declaration: Declaration, table: str) -> tuple[str, ...]:
    """The expectations that set rows of a table aside, in the order of the file, in which they do so."""
    if declaration.step(table).kind not in SET_ASIDE_KINDS:
        return ()
    return tuple(
        step.name for step in declaration.of_kind(Kind.EXPECT) if step.severity == "quarantine" and step.table == table
    )


def filters_of(declaration: Declaration, name: str) -> tuple[str, ...]:
    """What rows pass on the way to `name` that leaves some out, by first parameters, the one nearest the entry first.

    These are keeps and quarantines; a quarantine follows the table that it is about, before all that takes it.
    """
    step = declaration.step(name)
    found: list[str] = []
    if step.kind is Kind.EXPECT:
        assert step.table is not None
        aside = quarantines_on(declaration, step.table)
        found.extend(reversed(aside[: aside.index(name) + 1]))
        return (*_filters_before(declaration, step.table), *reversed(found))
    return (*_filters_before(declaration, name), *quarantines_on(declaration, name))


def _filters_before(declaration: Declaration, name: str) -> tuple[str, ...]:
    """The filters on the way to a table and the table itself where it is a keep, without the table's quarantines."""
    step = declaration.step(name)
    first = first_reference(declaration, step) if step.kind in ROW_KINDS else None
    before = filters_of(declaration, first.step) if first is not None else ()
    return (*before, name) if step.kind is Kind.KEEP else before


def model_path(declaration: Declaration, model: str) -> ModelPath:
    """The path of a model's rows; SolutionInvalid when its first parameter leads to no rows."""
    step = declaration.step(model)
    named = first_reference(declaration, step)
    entry = entry_of(declaration, named.step) if named else None
    if named is None or entry is None:
        first = step.parameters[0].name if step.parameters else None
        raise SolutionInvalid(
            f"Model {model} has no rows: its first parameter "
            + (f"{first!r} leads to no source." if first else "is missing."),
            code="model-without-rows",
            hint="Let the first parameter of a model name a source, a keep or a transform.",
        )
    targets = [
        found.step
        for found in references(declaration, step).values()
        if declaration.step(found.step).kind is Kind.TARGET
    ]
    return ModelPath(
        model=model,
        entry=entry,
        chain=chain_to(declaration, named.step),
        rows=named.step,
        target=targets[0] if targets else None,
        part=named.part,
    )


def frozen_inputs(declaration: Declaration, step: StepInfo) -> dict[str, Reference]:
    """The parameters of a row step that are frozen: those that name a step off the row path."""
    rows = row_inputs(declaration, step)
    return {name: named for name, named in references(declaration, step).items() if name not in rows}
