"""The author's pictures as charts of the dashboard: of each cell what draws, on the rows of the source or of a keep."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unshelve.notebook.bodies import Body, Collector, Param, Rewritten, lines_of, names_for
from unshelve.notebook.columns import text
from unshelve.notebook.draft import CannotShape, DraftStep
from unshelve.notebook.editing import calls, tail
from unshelve.notebook.naming import slug
from unshelve.notebook.seen import Version
from unshelve.notebook.shaping import Shaper

MOST = 12
"""Charts that are taken; a dashboard with more shows nothing."""
_MOST_BEFORE = 5
"""Statements beside the drawing ones that a chart may repeat."""
_SHOWS = re.compile(r"^\s*(plt|pyplot)\.(show|close|clf)\(.*\)$")


def chart_steps(shaper: Shaper) -> Iterator[DraftStep]:
    """A chart for each cell that draws on rows which a step has; the others are left out."""
    seen, found = shaper.seen, 0
    for cell in seen.notebook.cells:
        drawing = [
            each.number
            for each in seen.notebook.statements
            if each.cell == cell.number and (run := seen.watched.run_of(each.number)) is not None and run.figures
        ]
        if not drawing or found == MOST or cell.kind != "code":
            continue
        try:
            step = _chart(shaper, drawing)
        except CannotShape:
            continue
        found += 1
        yield step


def _chart(shaper: Shaper, drawing: list[int]) -> DraftStep:
    seen = shaper.seen
    tables = {name for name, step in shaper.made.items() if step.kind in ("source", "keep")}

    def resolve(version: Version) -> Param | None:
        known = shaper.known.get(version)
        return known if known is not None and known.step in tables else None

    collector = Collector(seen, resolve, lambda number: Rewritten(seen.source(number)), tops=shaper.tops)
    body = collector.collect([], own=drawing)
    _refuse(shaper, body, drawing)
    names = names_for(seen, body)
    lines = [
        line for line in lines_of(seen, body, lambda n: Rewritten(seen.source(n)), names) if not _SHOWS.match(line)
    ]
    title = _title(shaper, drawing)
    return DraftStep(
        name=shaper.names.give(slug(title)[:30].strip("_"), "picture"),
        kind="chart",
        parameters=list(dict.fromkeys(param.step for param in body.params.values())),
        lines=[*_begun(lines), *lines, "return plt.gcf()"],
        title=title,
        statements=set(body.inline),
    )


def _begun(lines: list[str]) -> list[str]:
    """A figure of its own, where the author's lines make none."""
    return [] if any("plt.figure(" in line or "subplots(" in line for line in lines) else ["plt.figure()"]


def _refuse(shaper: Shaper, body: Body, drawing: list[int]) -> None:
    """Only pictures of a table that a step has, made by a few statements, without models and chance."""
    roles = {shaper.seen.roles[number] for number in body.inline}
    drew = any(run.drew for number in body.inline if (run := shaper.seen.watched.run_of(number)) is not None)
    if (
        len(body.params) != 1
        or roles & {"origin", "split", "keep"}
        or drew
        or len(body.inline) > len(drawing) + _MOST_BEFORE
    ):
        raise CannotShape("the picture is not one of rows that a step has", drawing[0])
    names = {
        each.asname or each.name for tree in shaper.seen.trees if isinstance(tree, ast.Import) for each in tree.names
    }
    if "plt" not in names:
        raise CannotShape("pyplot is not known as plt", drawing[0])


def _title(shaper: Shaper, drawing: list[int]) -> str:
    """The title that the author gave the picture, else the comment or heading above it."""
    for number in drawing:
        for call in calls(shaper.seen.trees[number]):
            given = next((text(word.value) for word in call.keywords if word.arg == "title"), None)
            if tail(call.func) in ("title", "set_title", "suptitle") and call.args:
                given = text(call.args[0])
            if given:
                return " ".join(given.split())[:80].replace('"', "'")
    comments = shaper.seen.notebook.statements[drawing[0]].comments
    if comments and 3 < len(comments[0]) < 80:
        return comments[0].replace('"', "'")
    heading = shaper.heading(drawing[0])
    return heading.replace("_", " ").capitalize() if heading else "A picture of the notebook"
