"""Lifting a notebook again from its page: whether that can be done here, beginning it, and how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from starlette.responses import Response

from unshelve.errors import BadRequest, Conflict, NotFound, Refused
from unshelve.registry.origins import KnownOrigin, origin_of
from unshelve.security.permissions import Action
from unshelve.solution.lifted import FoundNotebook, Origin, notebook_of
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.origins import origin_from
from unshelve.web.render import page
from unshelve.web.site import LiftingAgain
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.states import State
from unshelve.web.views.notebook import AgainView

_KEEPS: dict[str, Literal["mine", "notebook"] | None] = {"": None, "mine": "mine", "notebook": "notebook"}


def found_here(asked: Asked, facts: SolutionFacts, known: KnownOrigin, origin: Origin) -> FoundNotebook | None:
    """The notebook, where this actor can have it lifted again: it lies here, and the page is about the code of now."""
    if asked.site.lifts is None or not asked.may(Action.RUN):
        return None
    if known.code != facts.declaration.code or origin.lift is None:
        return None
    return notebook_of(Path(facts.known.folder), origin.lift)


def again(asked: Asked) -> Response:
    """How it stands with lifting a notebook again."""
    return _page(asked, "")


def start(asked: Asked) -> Response:
    """Begins to lift the notebook again; `keep` says whose version of a conflict is taken."""
    facts, known, origin = _asked_about(asked)
    keep = asked.form.get("keep", "")
    if keep not in _KEEPS:
        raise BadRequest(f"{keep[:40]!r} is nobody's version: `mine` and `notebook` are.", code="not-a-side")
    found = found_here(asked, facts, known, origin)
    if found is None or asked.site.lifts is None:
        raise Refused(
            f"{origin.notebook} cannot be lifted from here: it does not lie beside the solution, or both copies of it "
            "were edited.",
            code="notebook-not-here",
            hint=f"`unshelve lift {origin.notebook}`, where it is.",
        )
    try:
        asked.site.lifts.start(facts.name, found.path, keep=_KEEPS[keep], actor=asked.who)
    except Conflict as error:
        return _page(asked, str(error), status=error.status)
    return to(_address(facts))


def _page(asked: Asked, problem: str, *, status: int = 200) -> Response:
    facts, known, origin = _asked_about(asked)
    found = found_here(asked, facts, known, origin)
    state = asked.site.lifts.state(facts.name) if asked.site.lifts is not None else None
    look, title = _look(state)
    view = AgainView(
        solution=facts.name,
        title=f"Lift {origin.notebook} again",
        lead=_lead(facts, found, origin),
        state=look,
        outcome=title,
        said=state.said if state is not None else "",
        problems=state.problems if state is not None else (),
        conflict=state is not None and state.conflict,
        going_on=state is not None and state.going_on,
        run=Link("The run that takes it over", f"/runs/{state.run}") if state is not None and state.run else None,
        may_start=found is not None and not (state is not None and state.going_on),
        problem=problem,
    )
    crumbs = (Link("Notebook", f"/solutions/{facts.name}/notebook"), Link("Lift again", ""))
    frame = frame_for(asked, view.title, facts=facts, crumbs=crumbs, here=f"/solutions/{facts.name}/notebook")
    fragment = "pages/lifting-state.html"
    return page(
        asked.site.templates, asked.request, "pages/lifting.html", view, frame, fragment=fragment, status=status
    )


def _asked_about(asked: Asked) -> tuple[SolutionFacts, KnownOrigin, Origin]:
    name = asked.part("solution")
    with asked.site.database.read() as connection:
        facts = facts_of(connection, name)
        known = origin_of(connection, name, facts.declaration.code)
    if known is None:
        raise NotFound(f"{facts.title} was not lifted from a notebook.", code="notebook-not-found")
    return facts, known, origin_from(asked.site.blobs, known)


def _address(facts: SolutionFacts) -> str:
    return f"/solutions/{facts.name}/notebook/again"


def _look(state: LiftingAgain | None) -> tuple[State | None, str]:
    if state is None:
        return None, ""
    if state.going_on:
        return states.RUNNING, "It is being lifted"
    if state.conflict:
        return states.WARN, "Both sides changed the same; nothing was written"
    return (states.FAILED, "Nothing was written") if state.failed else (states.OK, "Lifted again")


def _lead(facts: SolutionFacts, found: FoundNotebook | None, origin: Origin) -> str:
    if found is None:
        return f"{origin.notebook} cannot be lifted from here. `unshelve lift {origin.notebook}` does it where it lies."
    where = "in the solution's folder" if found.path.parent == Path(facts.known.folder) else "beside the folder"
    changed = "was edited since it was lifted" if found.edited else "has not changed since it was lifted"
    return (
        f"{origin.notebook}, {where}, {changed}. It is run, what people edited in the solution stays, and all is "
        "proven anew. What is not proven changes nothing."
    )
