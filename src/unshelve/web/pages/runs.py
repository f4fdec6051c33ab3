"""The runs of a solution, starting and stopping, and the page of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from starlette.responses import Response

from unshelve.errors import NotFound, UnshelveError
from unshelve.pipeline.step import Kind
from unshelve.registry.runs import Run, get_run, runs_of, step_of
from unshelve.security.permissions import Action
from unshelve.solution.declaration import Declaration
from unshelve.solution.request_path import references
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.run_view import took, view_of, written
from unshelve.web.render import form_of, page
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.views.parts import Pages
from unshelve.web.views.run import ParameterField, RunRow, RunsView

_A_PAGE: Final = 50


def listing(asked: Asked) -> Response:
    """The runs of a solution."""
    return _listing(asked, {}, "")


def start(asked: Asked) -> Response:
    """Starts a run, with other parameters where the form names some."""
    name = asked.part("solution")
    typed = {key.removeprefix("set."): text for key, text in asked.form.items() if key.startswith("set.")}
    try:
        with asked.site.database.read() as connection:
            changed = _changed(facts_of(connection, name), typed)
        run_id = asked.site.runs.start(name, parameters=changed, actor=asked.who, cause=f"{asked.who.name} started it")
    except UnshelveError as error:
        if isinstance(error, NotFound):
            raise
        return _listing(asked, typed, str(error), status=error.status)
    return to(f"/runs/{run_id}?done=started")


def stop(asked: Asked) -> Response:
    """Stops a run."""
    asked.site.runs.stop(asked.part("run"), actor=asked.who)
    return to(f"/runs/{asked.part('run')}?done=stopped")


def one(asked: Asked) -> Response:
    """One run; with `part` only the piece that its page asks for again."""
    with asked.site.database.read() as connection:
        run = get_run(connection, asked.part("run"))
        facts = facts_of(connection, run.solution)
        view = view_of(asked, connection, run)
    if form_of(asked.request) == "fragment" and asked.query("seen") == view.token and view.live:
        return Response(status_code=204)
    fragment = {"top": "pages/run-top.html", "rest": "pages/run-rest.html"}.get(asked.query("part"))
    crumbs = (Link("Runs", f"/solutions/{run.solution}/runs"), Link(str(run.number), ""))
    here = f"/solutions/{run.solution}/runs"
    frame = frame_for(asked, f"Run {run.number}", facts=facts, crumbs=crumbs, here=here)
    return page(asked.site.templates, asked.request, "pages/run.html", view, frame, fragment=fragment)


def log(asked: Asked) -> Response:
    """All that a step printed, as plain text."""
    with asked.site.database.read() as connection:
        step = step_of(connection, asked.part("run"), asked.part("task"))
    if step.log is None:
        raise NotFound(f"{step.task} printed nothing.", code="log-not-found")
    return Response(asked.site.blobs.get(step.log), media_type="text/plain; charset=utf-8")


def parameters_of(declaration: Declaration) -> list[tuple[str, object]]:
    """What can be set for one run: `step.parameter` with its default, where that is a plain value."""
    found: list[tuple[str, object]] = []
    for step in declaration.steps:
        taken = references(declaration, step)
        if step.kind in (Kind.ENDPOINT, Kind.WORTH):
            continue
        found.extend(
            (f"{step.name}.{parameter.name}", parameter.default)
            for parameter in step.parameters
            if parameter.name not in taken and parameter.has_default and _settable(parameter.default)
        )
    return found


def _settable(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _changed(facts: SolutionFacts, typed: Mapping[str, str]) -> dict[str, object]:
    return {
        name: _value(typed[name])
        for name, default in parameters_of(facts.declaration)
        if name in typed and typed[name] != written(default)
    }


def _value(text: str) -> object:
    """What was typed as a JSON value where it is one, and as text otherwise: `0.3`, `true`, `"3"`, `weekly`."""
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return found


def _listing(asked: Asked, typed: Mapping[str, str], problem: str, *, status: int = 200) -> Response:
    name = asked.part("solution")
    before = asked.query_number("before")
    with asked.site.database.read() as connection:
        facts = facts_of(connection, name)
        found = runs_of(connection, name, limit=_A_PAGE + 1, before=before)
    shown = found[:_A_PAGE]
    root = f"/solutions/{name}/runs"
    view = RunsView(
        solution=name,
        runs=tuple(_row(run, asked.now) for run in shown),
        pages=Pages(
            newer=root if before is not None else "",
            older=f"{root}?before={shown[-1].number}" if len(found) > _A_PAGE else "",
        ),
        parameters=tuple(
            ParameterField(name=name_, default=written(default), given=typed.get(name_, written(default)))
            for name_, default in parameters_of(facts.declaration)
        ),
        problem=problem,
        may_run=asked.may(Action.RUN),
    )
    frame = frame_for(asked, f"Runs of {facts.title}", facts=facts, crumbs=(Link("Runs", root),), here=root)
    return page(asked.site.templates, asked.request, "pages/runs.html", view, frame, status=status)


def _row(run: Run, now: datetime) -> RunRow:
    return RunRow(
        id=run.id,
        number=run.number,
        state=states.run(run.state.value),
        cause=run.cause,
        actor=run.actor,
        at=run.queued_at,
        took=took(run, now),
    )
