"""A solution: its pages, its runs, and what came of them."""

from __future__ import annotations

from typing import Final

from unshelve.security.permissions import Action
from unshelve.web.pages import asking, house, lifting, notebook, predictions, programs, runs, schemas
from unshelve.web.pages import solutions as solution_pages
from unshelve.web.route import Route, Takes

SOLUTIONS: Final = (
    Route(method="GET", path="/", action=Action.SEE, handler=solution_pages.home, name="home"),
    Route(
        method="GET",
        path="/solutions",
        action=Action.SEE,
        handler=solution_pages.listing,
        name="solutions",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}",
        action=Action.SEE,
        handler=solution_pages.overview,
        name="solution",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/pipeline",
        action=Action.SEE,
        handler=solution_pages.pipeline,
        name="pipeline",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/notebook",
        action=Action.SEE,
        handler=notebook.notebook,
        name="notebook",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/notebook/again",
        action=Action.RUN,
        handler=lifting.again,
        name="lifting",
        twin=True,
    ),
    Route(
        method="POST",
        path="/solutions/{solution}/notebook/again",
        action=Action.RUN,
        handler=lifting.start,
        name="lift-again",
        takes=Takes.FORM,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/schema",
        action=Action.SEE,
        handler=schemas.schema_of_solution,
        name="schema-of-solution",
        twin=True,
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/ask",
        action=Action.ASK,
        handler=asking.ask_solution,
        name="ask-solution",
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/api",
        action=Action.SEE,
        handler=programs.api_solution,
        name="api-of-solution",
    ),
    Route(
        method="GET",
        path="/solutions/{solution}/predictions",
        action=Action.SEE_LOG,
        handler=predictions.of_solution,
        name="predictions-of-solution",
        twin=True,
    ),
    Route(
        method="GET", path="/solutions/{solution}/runs", action=Action.SEE, handler=runs.listing, name="runs", twin=True
    ),
    Route(
        method="POST",
        path="/solutions/{solution}/runs",
        action=Action.RUN,
        handler=runs.start,
        name="start-run",
        takes=Takes.FORM,
    ),
    Route(method="GET", path="/runs/{run}", action=Action.SEE, handler=runs.one, name="run", twin=True),
    Route(
        method="POST", path="/runs/{run}/stop", action=Action.RUN, handler=runs.stop, name="stop-run", takes=Takes.FORM
    ),
    Route(method="GET", path="/runs/{run}/tasks/{task}/log", action=Action.SEE, handler=runs.log, name="log"),
    Route(method="GET", path="/runs/{run}/charts/{name}.svg", action=Action.SEE, handler=house.picture, name="picture"),
    Route(
        method="GET", path="/runs/{run}/charts/{name}", action=Action.SEE, handler=house.chart, name="chart", twin=True
    ),
)
