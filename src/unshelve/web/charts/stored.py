"""What a chart step returned, as a figure. The document is described in docs/solution-file.md, "chart"."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from unshelve.web.charts import bars, lines, svg
from unshelve.web.charts.figure import Figure
from unshelve.web.wording import exact, words

_ROOM: Final = 320.0
_MOST_COLUMNS: Final = 60
_MOST_POINTS: Final = 20_000


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The dict of a chart step."""

    kind: str = "bar"
    x: tuple[str | int | float | bool | None, ...] = ()
    y: tuple[float | None, ...] = ()
    series: Mapping[str, tuple[float | None, ...]] = {}
    title: str = ""
    unit: str = ""
    caption: str = ""


def figure_of(document: bytes, *, title: str) -> Figure | None:
    """The figure of a stored document, or None when it is not one that can be drawn."""
    try:
        found = msgspec.json.decode(document, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    series = {name: _numbers(values) for name, values in found.series.items()}
    if found.y:
        series = {"": _numbers(found.y), **series}
    names = [exact(x) for x in found.x]
    if not names or len(names) > _MOST_POINTS or any(len(values) != len(names) for values in series.values()):
        return None
    if not any(math.isfinite(value) for values in series.values() for value in values):
        return None
    heading, description = (found.title, title) if found.title else (title, "")
    description = description or words(next(iter(series))) or (f"In {found.unit}" if found.unit else "Values")
    draw = _lines if found.kind == "line" else _bars
    return draw(found, names, series, heading, description)


def _bars(
    found: Document, names: list[str], series: Mapping[str, tuple[float, ...]], title: str, description: str
) -> Figure:
    if len(series) > 1:
        return bars.groups(names, series, title=title, description=description, unit=found.unit, caption=found.caption)
    values = next(iter(series.values()))
    drawn = [bars.Bar(name=name, value=value) for name, value in zip(names, values, strict=True)]
    draw = bars.columns if _fits_upright(names) else bars.rows
    return draw(drawn, title=title, description=description, unit=found.unit, caption=found.caption)


def _lines(
    found: Document, names: list[str], series: Mapping[str, tuple[float, ...]], title: str, description: str
) -> Figure:
    xs = _moments(names) or _rising(found.x)
    places: tuple[lines.X, ...] = tuple(xs) if xs is not None else tuple(float(index) for index in range(len(names)))
    drawn = [lines.Series(word=name, xs=places, ys=values) for name, values in series.items()]
    return lines.lines(
        drawn,
        title=title,
        description=description,
        unit=found.unit,
        caption=found.caption,
        labels_of_x=() if xs is not None else names,
    )


def _fits_upright(names: Sequence[str]) -> bool:
    """Whether names stand below columns: they fit, or are a run of numbers of which some can be left out."""
    if sum(svg.width(name) + 8 for name in names) <= _ROOM:
        return True
    return len(names) <= _MOST_COLUMNS and all(re.match(r"[-\d]", name) for name in names)


def _moments(names: Sequence[str]) -> list[datetime] | None:
    found = []
    for name in names:
        if not re.match(r"\d{4}-\d\d-\d\d", name):
            return None
        try:
            at = datetime.fromisoformat(name)
        except ValueError:
            return None
        found.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    return found


def _rising(xs: Sequence[object]) -> list[float] | None:
    numbers = [float(x) for x in xs if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) != len(xs) or any(low >= high for low, high in itertools.pairwise(numbers)):
        return None
    return numbers


def _numbers(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)
