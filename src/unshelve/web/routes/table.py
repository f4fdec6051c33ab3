"""The whole table of addresses: who may use each, what it takes, what answers.

The addresses of predictions, `/api/models/{model}/predict` and `/v2/…`, are answered by the answer processes.
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.responses import Response

from unshelve.registry.solutions import solutions
from unshelve.schema.schema import Schema
from unshelve.security.permissions import Action
from unshelve.web.api.openapi import document
from unshelve.web.asked import Asked
from unshelve.web.pages import asking
from unshelve.web.route import Route
from unshelve.web.routes.api import API
from unshelve.web.routes.expectations import EXPECTATIONS
from unshelve.web.routes.models import MODELS
from unshelve.web.routes.people import PEOPLE
from unshelve.web.routes.sinks import SINKS
from unshelve.web.routes.solutions import SOLUTIONS
from unshelve.web.routes.sources import SOURCES
from unshelve.web.routes.storage import STORAGE
from unshelve.web.solution_facts import facts_of


def openapi(asked: Asked) -> Response:
    """The API as an OpenAPI document."""
    answering: dict[str, tuple[str, Schema]] = {}
    with asked.site.database.read() as connection:
        found = [facts_of(connection, one.name) for one in solutions(connection)]
    for facts in found:
        for step in facts.answering:
            known = asking.released(asked, facts, step)
            if known is not None:
                answering[facts.full(step.name)] = (step.title, known.schema)
    made = document(ROUTES, answering, asked.address)
    return Response(msgspec.json.encode(made), media_type="application/json")


PUBLIC: Final = frozenset(
    {"sign-in", "sign-in-by-password", "link", "sign-in-by-link", "static", "theme", "live", "ready"}
)
"""The routes that need nobody. The table and this list must agree, or the application does not start."""

_OPENAPI: Final = Route(
    method="GET",
    path="/api/openapi.json",
    action=Action.SEE,
    handler=openapi,
    name="api-openapi",
)

ROUTES: Final[tuple[Route, ...]] = (
    *PEOPLE,
    *SOLUTIONS,
    *SOURCES,
    *EXPECTATIONS,
    *SINKS,
    *MODELS,
    *STORAGE,
    _OPENAPI,
    *API,
)
"""The whole table. Tests walk it: each route as nobody, as every role, and with a key."""
