"""What belongs to no solution: static files, the theme, health, the gallery, pictures that charts drew."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from starlette.responses import Response

from unshelve.errors import NotFound
from unshelve.pipeline.kinds import ArtifactKind
from unshelve.pipeline.outputs import WHOLE
from unshelve.registry.charts import StoredChart
from unshelve.registry.runs import get_run, step_of
from unshelve.web.asked import Asked
from unshelve.web.charts.figure import Figure
from unshelve.web.frame import Link
from unshelve.web.framing import THEME_COOKIE, frame_for
from unshelve.web.going import local, to
from unshelve.web.pages.pictures import chart_of
from unshelve.web.render import STATIC, page
from unshelve.web.solution_facts import facts_of
from unshelve.web.views.gallery import gallery as samples
from unshelve.web.views.run import ChartView

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_YEAR_SECONDS: Final = 31_536_000
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; sandbox"


def static(asked: Asked) -> Response:
    """A static file. With its digest in the address it may be kept for good."""
    name = asked.part("name")
    data, kind = _static(name)
    kept = f"public, max-age={_YEAR_SECONDS}, immutable" if asked.request.url.query else "no-cache"
    return Response(data, media_type=kind, headers={"cache-control": kept})


@lru_cache(maxsize=32)
def _static(name: str) -> tuple[bytes, str]:
    path = STATIC / name
    kind = _TYPES.get(path.suffix)
    if kind is None or path.name != name or not path.is_file():
        raise NotFound(f"There is no static file {name[:80]}.", code="address-not-found")
    return path.read_bytes(), kind


def theme(asked: Asked) -> Response:
    """Keeps the reader's choice of light or dark."""
    chosen = asked.form.get("theme", "")
    response = to(local(asked.form.get("back", "/")))
    if chosen in {"light", "dark"}:
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", secure=asked.secure
        )
    return response


def live(_asked: Asked) -> Response:
    """Says that the process runs."""
    return Response(b'{"state":"live"}', media_type="application/json")


def ready(asked: Asked) -> Response:
    """Says that the database can be read."""
    asked.site.database.change_token()
    return Response(b'{"state":"ready"}', media_type="application/json")


def gallery(asked: Asked) -> Response:
    """Every part once."""
    frame = frame_for(asked, "Gallery", crumbs=(Link("Gallery", "/gallery"),))
    return page(asked.site.templates, asked.request, "pages/gallery.html", samples(asked.now), frame)


def chart(asked: Asked) -> Response:
    """One chart of a run with its numbers; to htmx the numbers alone."""
    run_id, name = asked.part("run"), asked.part("name")
    with asked.site.database.read() as connection:
        run = get_run(connection, run_id)
        facts = facts_of(connection, run.solution)
        artifact = step_of(connection, run_id, name).outputs.get(WHOLE)
    title = facts.declaration.step(name).title if facts.declaration.has(name) else name
    drawn = None
    if artifact is not None:
        stored = StoredChart(run_id=run_id, name=name, solution=run.solution, title=title, artifact=dict(artifact))
        drawn = chart_of(asked.site.blobs, stored)
    if not isinstance(drawn, Figure):
        raise NotFound(f"Run {run_id[:40]} drew no chart {name[:80]!r} with numbers.", code="chart-not-found")
    view = ChartView(figure=drawn)
    crumbs = (Link("Runs", f"/solutions/{run.solution}/runs"), Link(str(run.number), f"/runs/{run.id}"), Link(name, ""))
    frame = frame_for(asked, drawn.title, facts=facts, crumbs=crumbs, here=f"/solutions/{run.solution}")
    numbers = "pages/numbers.html"
    return page(asked.site.templates, asked.request, "pages/chart.html", view, frame, fragment=numbers)


def picture(asked: Asked) -> Response:
    """A picture that a chart step drew, as SVG. Its own policy keeps whatever it holds from doing anything."""
    run_id, name = asked.part("run"), asked.part("name")
    with asked.site.database.read() as connection:
        artifact = step_of(connection, run_id, name).outputs.get(WHOLE)
    if artifact is None or artifact["kind"] != ArtifactKind.FIGURE:
        raise NotFound(f"Run {run_id[:40]} drew no picture {name[:80]!r}.", code="chart-not-found")
    data = asked.site.blobs.get(str(artifact["digest"]))
    headers = {"content-security-policy": _PICTURE_POLICY, "cache-control": "private, max-age=3600"}
    return Response(data, media_type="image/svg+xml", headers=headers)
