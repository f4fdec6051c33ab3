"""What can be found in a solution's lookups before anything runs: options that do not fit, and steps that take them."""

from __future__ import annotations

from collections.abc import Iterator

from unshelve.pipeline.step import Kind
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.findings import Finding, finding
from unshelve.solution.request_path import entry_of, references


def lookup_findings(declaration: Declaration) -> Iterator[Finding]:
    """Errors and warnings about each lookup, and about the steps that take it."""
    for step in declaration.lookups:
        for said, repair in _odd_options(step):
            yield finding("U080", step.name, step.place, f"Lookup {step.name} {said}.", repair)
        if step.lookup is not None and step.lookup.key and step.lookup.at is None:
            yield finding(
                "U081",
                step.name,
                step.place,
                f"Lookup {step.name} has no at=: it holds the present state only, and training joins rows of the past "
                "with it.",
                "Keep its history, one row for each change, and name the column that says from when on a row holds.",
            )
        yield from _taken_wrongly(declaration, step)


def _odd_options(step: StepInfo) -> Iterator[tuple[str, str]]:
    lookup = step.lookup
    if lookup is None:
        return
    if not lookup.key:
        yield "has no key", 'Say by which columns rows find their entries: @source(lookup=True, key="customer", …).'
    if lookup.at is None:
        for option, value in (("event", lookup.event), ("stale", lookup.stale_seconds), ("zone", lookup.zone)):
            if value is not None:
                yield f"has {option}= and no at=", "Name the column that says from when on an entry holds: at=…."


def _taken_wrongly(declaration: Declaration, lookup: StepInfo) -> Iterator[Finding]:
    event = lookup.lookup.event if lookup.lookup is not None else None
    for step in declaration.steps:
        for position, (parameter, named) in enumerate(references(declaration, step).items()):
            if named.step != lookup.name:
                continue
            said = repair = ""
            if step.kind not in (Kind.TRANSFORM, Kind.EXPECT, Kind.CHART):
                said = (
                    f"{step.kind.capitalize()} {step.name} takes the lookup {lookup.name}, which only transforms can."
                )
                repair = f"Let a @transform(rows, {lookup.name}) join it, and take what that gives."
            elif named.part is not None:
                said = f"{step.kind.capitalize()} {step.name} takes {parameter}, and a lookup has no parts."
                repair = f"Take {lookup.name}."
            elif step.kind is Kind.TRANSFORM and position == 0:
                said = f"Transform {step.name} has the lookup {lookup.name} as its rows."
                repair = f"Let its first parameter be the rows that {lookup.name} is joined with."
            elif step.kind is Kind.TRANSFORM:
                entry = entry_of(declaration, step.name)
                if entry is not None and event in declaration.step(entry).known_later:
                    said = f"Lookup {lookup.name} is joined by {event}, which no request of {entry} has."
                    repair = f"Name a column that is known beforehand, or take {event} out of known_later."
            if said:
                yield finding("U080", step.name, step.place, said, repair)
