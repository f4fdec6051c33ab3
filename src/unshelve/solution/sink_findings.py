"""What can be wrong with the sinks of a solution, found before anything runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from unshelve.data.target import FileTarget, TableTarget, target_from
from unshelve.errors import SolutionInvalid
from unshelve.pipeline.schedule import check_expression
from unshelve.pipeline.step import Kind
from unshelve.solution.declaration import Declaration, SinkInfo, StepInfo
from unshelve.solution.findings import Finding, finding
from unshelve.solution.request_path import ENTRY_KINDS, references

ANSWERING = (Kind.MODEL, Kind.ENDPOINT)


def sink_findings(declaration: Declaration) -> Iterator[Finding]:
    """Findings about sinks: what they take, when they write, and whether two of them write to one place."""
    places: dict[str, str] = {}
    for step in declaration.of_kind(Kind.SINK):
        if step.sink is None:
            continue
        yield from _taken(declaration, step)
        yield from _options(step, step.sink)
        place = _place(step.sink.to)
        if place in places:
            yield finding(
                "U061",
                step.name,
                step.place,
                f"Sink {step.name} writes to {target_from(step.sink.to).words}, and so does {places[place]}: each "
                "would overwrite what the other wrote.",
                "Give each a table or a path of its own.",
            )
        places.setdefault(place, step.name)


def answers_and_rows(declaration: Declaration, step: StepInfo) -> tuple[str, str]:
    """The model or endpoint and the step with the rows that a sink names. SolutionInvalid when it does not."""
    named = references(declaration, step)
    answering = [one.step for one in named.values() if declaration.step(one.step).kind in ANSWERING]
    rows = [one.step for one in named.values() if declaration.step(one.step).kind in ENTRY_KINDS and one.part is None]
    if len(step.parameters) != 2 or len(answering) != 1 or len(rows) != 1:
        raise SolutionInvalid(
            f"Sink {step.name} takes {', '.join(one.name for one in step.parameters) or 'nothing'}.",
            code="sink-takes",
            hint="A sink takes two: a model or endpoint that answers, and a source or step with the rows: "
            "def nightly(lateness, tonight).",
        )
    return answering[0], rows[0]


def _taken(declaration: Declaration, step: StepInfo) -> Iterator[Finding]:
    try:
        answers_and_rows(declaration, step)
    except SolutionInvalid as error:
        yield finding("U060", step.name, step.place, error.message, error.hint or "")


def _options(step: StepInfo, said: SinkInfo) -> Iterator[Finding]:
    problem = None if said.schedule is None else check_expression(said.schedule)
    if problem is not None:
        yield finding(
            "U012",
            step.name,
            step.place,
            f"schedule={said.schedule!r}: {problem}",
            'Write "@hourly", "@daily", or five cron fields such as "0 2 * * *".',
        )
    if said.has_body:
        yield finding(
            "U062",
            step.name,
            step.place,
            f"Sink {step.name} does something in its body, and a sink is not called.",
            "Leave a docstring and `...`. What shapes the answer belongs in an @endpoint.",
        )


def _place(to: Mapping[str, object]) -> str:
    target = target_from(to)
    match target:
        case TableTarget():
            return f"{target.connection.upper().replace('-', '_')} {target.table.lower()}"
        case FileTarget():
            return f"{target.connection.upper().replace('-', '_')} {target.path}".strip()
