"""How a program asks: the address, ready code, what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from unshelve.schema.json_schema import example_row
from unshelve.security.permissions import Action
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.pages.asking import Released, first_of, found_of, models_to_ask, ways_to_ask
from unshelve.web.pages.examples import held_out
from unshelve.web.pages.people import visible_keys
from unshelve.web.recipes import recipes
from unshelve.web.render import page
from unshelve.web.views.people import ApiView


def api_solution(asked: Asked) -> Response:
    """On to the API page of the first thing of a solution that answers."""
    return first_of(asked, "api")


def api(asked: Asked) -> Response:
    """How a program asks."""
    facts, step, found = found_of(asked)
    full = facts.full(step.name)
    address = f"{asked.address}/api/models/{full}/predict"
    held = held_out(asked, found.manifest, 0) if found else None
    row = held["row"] if held else example_row(found.schema) if found else {}
    view = ApiView(
        solution=facts.name,
        model=full,
        name=step.name,
        kind=step.kind.value,
        address=address,
        models=models_to_ask(asked, facts, "api"),
        tabs=ways_to_ask(full, "api"),
        recipes=recipes(address, row) if found else (),
        answer=_sample(held, found),
        has_keys=asked.may(Action.OWN_KEYS) and bool(visible_keys(asked)),
        may_make_keys=asked.may(Action.OWN_KEYS),
    )
    here = f"/solutions/{facts.name}/api"
    frame = frame_for(asked, f"{step.name} from a program", facts=facts, crumbs=(Link("API", ""),), here=here)
    return page(asked.site.templates, asked.request, "pages/api.html", view, frame)


def _sample(held: Mapping[str, Any] | None, found: Released | None) -> str:
    """What a program gets back, with a real answer; nothing where there is none or the actor may not see rows."""
    if held is None or found is None:
        return ""
    answer = {"id": "26 letters and digits", "version": found.version.number, **held["answer"], "warnings": []}
    body = {"model": found.version.model, "answers": [answer]}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
