"""From a view to a response: the page, its fragment for htmx, or its JSON twin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from unshelve.ids import canonical_json
from unshelve.web import states, wording
from unshelve.web.frame import Frame
from unshelve.web.highlight import python

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
TEMPLATES: Final = HERE / "templates"

Form = Literal["page", "fragment", "json"]


class View(Protocol):
    """What a page shows: a frozen dataclass."""

    __dataclass_fields__: Mapping[str, object]


def environment() -> Environment:
    """The templates with what they may call: wording, states and the addresses of static files."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"states": states, "static": static_addresses(), "sprite": _sprite()}
    made.filters |= {
        "count": wording.count,
        "plural": wording.plural,
        "share": wording.share,
        "measure": wording.measure,
        "interval": wording.interval,
        "exact": wording.exact,
        "duration": wording.duration,
        "size": wording.size,
        "short": wording.short,
        "words": wording.words,
        "prose": prose,
        "python": python,
    }
    return made


def static_addresses() -> Mapping[str, str]:
    """Each static file's address with its digest, so that a browser may keep it for good."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        if path.suffix in {".css", ".js", ".svg"}:
            found[path.name] = f"/static/{path.name}?{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    return found


def form_of(request: Request) -> Form:
    """What the caller can read: JSON by address or Accept, a fragment for htmx, else the page."""
    if request.url.path.endswith(".json"):
        return "json"
    accepted = request.headers.get("accept", "")
    if "application/json" in accepted and "text/html" not in accepted:
        return "json"
    if request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true":
        return "fragment"
    return "page"


def page(
    templates: Environment,
    request: Request,
    template: str,
    view: object,
    frame: Frame,
    *,
    fragment: str | None = None,
    status: int = 200,
) -> Response:
    """The view as the caller can read it. `fragment` is the template that alone answers htmx."""
    form = form_of(request)
    if form == "json":
        return Response(canonical_json(twin(view)), status, media_type="application/json")
    name = fragment if fragment is not None and form == "fragment" else template
    now = cast("datetime", request.state.now)
    text = templates.get_template(name).render(
        view=view, frame=frame, now=now, moment=partial(wording.moment, now=now), ago=partial(wording.ago, now=now)
    )
    return HTMLResponse(text, status, headers={"Vary": "Accept, HX-Request, Cookie"})


def twin(value: object) -> object:
    """A view as plain JSON values: what the page shows, without pictures and without what only places things."""
    if isinstance(value, Markup):
        return None
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, states.State):
        return value.word
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: twin(getattr(value, one.name)) for one in fields(value) if one.metadata.get("twin", True)}
    if isinstance(value, Mapping):
        return {str(key): twin(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [twin(item) for item in value]
    return str(value)


def prose(text: str) -> Markup:
    """A sentence with what stands between backticks as code; everything else is escaped."""
    parts = str(escape(text)).replace(" %", "&nbsp;%").split("`")
    if len(parts) % 2 == 0:
        return Markup("`".join(parts))  # noqa: S704  escaped above
    return Markup("".join(part if place % 2 == 0 else f"<code>{part}</code>" for place, part in enumerate(parts)))  # noqa: S704


def _sprite() -> Markup:
    return Markup((TEMPLATES / "parts" / "sprite.svg").read_text("utf-8"))  # noqa: S704  our own file
