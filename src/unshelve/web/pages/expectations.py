"""What must hold of a solution's tables: each expectation with its history, and what cleaning changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.errors import NotFound
from unshelve.pipeline.step import Kind
from unshelve.registry.expectations import (
    ExpectationResult,
    Outcome,
    expectation_of_run,
    history_of,
)
from unshelve.registry.runs import Run, RunStep, runs_of, steps_of
from unshelve.security.permissions import Action
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.storage.blobs import BlobStore
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.pages.expectation_lines import downloads_of
from unshelve.web.render import page
from unshelve.web.solution_facts import facts_of
from unshelve.web.views.expectations import (
    Cells,
    ChangedColumn,
    CheckRow,
    CleaningCard,
    ExpectationCard,
    ExpectationsView,
    Mark,
)
from unshelve.web.views.parts import Glance
from unshelve.web.wording import NOTHING, count, instant, plural, share

_MOST_RUNS: Final = 24
"""Runs in the strip of an expectation."""

_MOST_REPORT_BYTES: Final = 2_000_000
_MOST_ROWS: Final = 12
_MOST_SEEN_COLUMNS: Final = 12
_LOOKED_THROUGH: Final = 5
"""How many runs back what cleaning changed is looked for."""

_TYPES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

Json = Mapping[str, Any]


def listing(asked: Asked) -> Response:
    """Every expectation of a solution, and what its keeps and cleaning steps changed."""
    name = asked.part("solution")
    rows_too = asked.may(Action.SEE_LOG)
    with asked.site.database.read() as connection:
        facts = facts_of(connection, name)
        steps = facts.declaration.of_kind(Kind.EXPECT)
        histories = {step.name: history_of(connection, name, step.name, limit=_MOST_RUNS) for step in steps}
        run, cleaned = _cleaned(connection, name)
    blobs = asked.site.blobs
    view = ExpectationsView(
        solution=name,
        glances=_glances(histories),
        expectations=tuple(_card(facts.name, step, histories[step.name], blobs, rows_too=rows_too) for step in steps),
        cleaning=tuple(_cleaning(facts.declaration, step, blobs, rows_too=rows_too) for step in cleaned),
        cleaned_by=Link(f"run {run.number}", f"/runs/{run.id}") if run and cleaned else None,
        example=f"unshelve profile {name}",
    )
    frame = frame_for(asked, f"Expectations of {facts.title}", facts=facts, crumbs=(Link("Expectations", ""),))
    return page(asked.site.templates, asked.request, "pages/expectations.html", view, frame)


def aside(asked: Asked) -> Response:
    """The rows that a quarantine set aside, as a file."""
    name, kind = asked.part("name"), asked.part("kind")
    with asked.site.database.read() as connection:
        found = expectation_of_run(connection, asked.part("run"), name)
    if kind not in _TYPES or not found.aside or kind not in found.aside:
        raise NotFound(f"Run {found.run_number} set no rows aside by {name}, or keeps them otherwise.")
    file = f"{found.solution}-{name}-run{found.run_number}.{kind}"
    return Response(
        asked.site.blobs.get(found.aside[kind]["digest"]),
        media_type=_TYPES[kind],
        headers={"content-disposition": f'attachment; filename="{file}"', "cache-control": "private, no-store"},
    )


def _glances(histories: Mapping[str, Sequence[ExpectationResult]]) -> tuple[Glance, ...]:
    last = [found[0] for found in histories.values() if found]
    if not last:
        return ()
    holding = sum(1 for one in last if one.outcome is Outcome.HELD)
    aside = sum(one.set_aside for one in last)
    failing = sum(one.failing or 0 for one in last)
    worst = next((one for one in last if one.outcome in (Outcome.STOPPED, Outcome.BROKEN)), None)
    return (
        Glance(name="Hold", figure=f"{holding} of {len(histories)}", below="in the last run that checked each"),
        Glance(name="Failing rows", figure=count(failing), below="a row counts once for each expectation"),
        Glance(name="Set aside", figure=count(aside), below="kept, and left out of all that follows"),
        Glance(
            name="Releases",
            state=states.FAILED.named("stopped") if worst else states.OK.named("go on"),
            below=f"by {worst.name}" if worst else "nothing stands against one",
        ),
    )


def _card(
    solution: str, step: StepInfo, history: Sequence[ExpectationResult], blobs: BlobStore, *, rows_too: bool
) -> ExpectationCard:
    last = history[0] if history else None
    report = _document(blobs, last.report) if last and last.report else {}
    examples = report.get("examples")
    return ExpectationCard(
        name=step.name,
        title=step.title if step.title != step.name.replace("_", " ") else "",
        table=step.table or "",
        table_href=f"/solutions/{solution}/pipeline",
        severity=_SEVERITIES[step.severity].format(share(step.at_most, 0)),
        place=f"{step.place.file}:{step.place.line}",
        state=states.expectation(last.outcome.value if last else ""),
        sentence=_sentence(last),
        at=instant(last.made_at) if last else None,
        run=Link(f"run {last.run_number}", f"/runs/{last.run_id}") if last else None,
        rows=count(last.rows) if last and last.rows is not None else NOTHING,
        failing=count(last.failing) if last and last.failing is not None else NOTHING,
        checks=tuple(_check(each) for each in report.get("checks", ()) if each["says"]),
        examples=_cells(examples, "failing row", last.failing or 0) if last and examples and rows_too else None,
        downloads=downloads_of(last) if last and rows_too else (),
        history=tuple(_mark(one) for one in reversed(history)),
    )


_SEVERITIES: Final = {
    "warn": "warns",
    "stop": "stops the release",
    "quarantine": "sets rows aside, at most {}",
}


def _sentence(last: ExpectationResult | None) -> str:
    if last is None:
        return "No run has checked it yet."
    if last.outcome is Outcome.HELD:
        return f"It holds of all {plural(last.rows or 0, 'row')}."
    if last.outcome is Outcome.SET_ASIDE:
        part = share((last.failing or 0) / last.rows if last.rows else None, 2)
        return f"{plural(last.failing or 0, 'row')} of {count(last.rows)} set aside ({part})."
    return last.message


def _check(each: Json) -> CheckRow:
    state = states.OK.named("holds") if each["held"] else states.FAILED.named("does not hold")
    return CheckRow(
        says=str(each["says"]),
        state=state,
        message=str(each["message"]),
        failing=count(each["failing"]) if each["failing"] else NOTHING,
    )


def _mark(one: ExpectationResult) -> Mark:
    state = states.expectation(one.outcome.value)
    failing = f", {plural(one.failing, 'failing row')}" if one.failing else ""
    return Mark(state, f"Run {one.run_number}: {state.word}{failing}", f"/runs/{one.run_id}")


def _cells(found: Json, what: str, of: int) -> Cells:
    """Rows as they are shown; a note says what is left out of them."""
    columns = tuple(map(str, found["columns"][:_MOST_SEEN_COLUMNS]))
    rows = tuple(tuple(row[: len(columns)]) for row in found["rows"][:_MOST_ROWS])
    notes = []
    if of > len(rows):
        notes.append(f"{len(rows)} of {plural(of, what)}")
    left = len(found["columns"]) - len(columns) + int(found["left_out"])
    if left:
        notes.append(f"{plural(left, 'column')} not shown")
    if found["hidden"]:
        notes.append("what is likely to be about a person is hidden")
    return Cells(columns, rows, "; ".join(notes))


def _cleaned(connection: Connection, solution: str) -> tuple[Run | None, list[RunStep]]:
    """The newest run that tells what cleaning changed, and its steps that do; of one step's parts the largest."""
    for run in runs_of(connection, solution, limit=_LOOKED_THROUGH):
        found: dict[str, RunStep] = {}
        for step in steps_of(connection, run.id):
            name = _step_of(step)
            if "cleaning" in step.outputs and (name not in found or _bytes(step) > _bytes(found[name])):
                found[name] = step
        if found:
            return run, list(found.values())
    return None, []


def _step_of(step: RunStep) -> str:
    return step.task.partition("[")[0].partition("@")[0]


def _bytes(step: RunStep) -> int:
    whole = step.outputs.get("") or step.outputs.get("rows") or {}
    return int(whole.get("size_bytes", 0))


def _cleaning(declaration: Declaration, step: RunStep, blobs: BlobStore, *, rows_too: bool) -> CleaningCard:
    name = _step_of(step)
    info = declaration.step(name) if declaration.has(name) else None
    found = _document(blobs, step.outputs["cleaning"]["digest"])
    rows = found.get("rows", {})
    facts: list[tuple[str, str]] = [
        ("Rows before", count(rows.get("before"))),
        ("Rows after", count(rows.get("after"))),
        ("Dropped", count(rows.get("dropped"))),
    ]
    if rows.get("added"):
        facts.append(("Added", count(rows["added"])))
    if info is None or info.kind is not Kind.KEEP:
        facts.append(("Changed", count(rows.get("changed"))))
        facts.append(("Matched by", str({"row": "row number"}.get(found["matched"], found["matched"]))))
    examples = {each["name"]: each["pairs"] for each in found.get("changes", ())} if rows_too else {}
    dropped = found.get("dropped")
    return CleaningCard(
        step=name,
        kind=str(info.kind) if info else "step",
        anchor=f"cleaning-{name}",
        title=info.title if info else "",
        sentence=_changes_said(rows),
        facts=tuple(facts),
        columns=tuple(
            ChangedColumn(
                name=each["name"],
                changed=count(each["changed"]),
                filled=count(each["filled"]),
                emptied=count(each["emptied"]),
                pairs=tuple((count(row), old, new) for row, old, new in examples.get(each["name"], ())),
            )
            for each in found.get("columns", ())
        ),
        dropped=_cells(dropped, "dropped row", rows.get("dropped", 0)) if dropped and rows_too else None,
    )


def _changes_said(rows: Json) -> str:
    said = []
    if rows.get("changed"):
        said.append(f"changed {plural(rows['changed'], 'row')}")
    if rows.get("dropped"):
        part = share(rows["dropped"] / rows["before"] if rows["before"] else None)
        said.append(f"dropped {plural(rows['dropped'], 'row')} ({part})")
    if rows.get("added"):
        said.append(f"added {plural(rows['added'], 'row')}")
    text = " and ".join(said)
    return f"It {text}." if text else "It left every row as it was."


def _document(blobs: BlobStore, digest: str) -> Json:
    """A report as JSON; one that is too long to be read here counts as empty."""
    data = blobs.get(digest)
    found = msgspec.json.decode(data) if len(data) <= _MOST_REPORT_BYTES else {}
    return found if isinstance(found, Mapping) else {}
