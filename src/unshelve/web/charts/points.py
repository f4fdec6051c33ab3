"""Points: a cloud, predicted against seen, and estimates with intervals by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.axes import along_labels, room, up_axis
from unshelve.web.charts.bars import Bar
from unshelve.web.charts.figure import CARD, Figure, Line, numbers
from unshelve.web.charts.scale import Scale, labels, spread, ticks
from unshelve.web.wording import count, interval, measure

HEIGHT: Final = 292.0
_MOST_NUMBERS: Final = 60
_MOST_ROWS: Final = 30

Point = tuple[float, float]


def scatter(
    points: Sequence[Point], *, title: str, description: str, x_name: str, y_name: str, caption: str = ""
) -> Figure:
    """A cloud of at most 400 points with round axes."""
    finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    across, up, parts = _axes(finite, finite, x_name)
    return _cloud(
        finite, across, up, parts, title=title, description=description, names=(x_name, y_name), caption=caption
    )


def residuals(
    points: Sequence[Point], *, unit: str = "", title: str = "Said and seen", caption: str = "", description: str = ""
) -> Figure:
    """What was seen against what was predicted, on equal axes with the line where both agree: (predicted, seen)."""
    finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    both = [(value, value) for point in finite for value in point]
    across, up, parts = _axes(both, both, f"predicted{', ' + unit if unit else ''}")
    low, high = max(across.low, up.low), min(across.high, up.high)
    parts.append(svg.path([(across(low), up(low)), (across(high), up(high))], class_="line other"))
    parts.append(svg.text(across(high) - 14, up(high) + 8, "equal", "two", "end"))
    said = description or f"Seen, against predicted{', ' + unit if unit else ''}"
    return _cloud(
        finite, across, up, parts, title=title, description=said, names=("Predicted", "Seen"), caption=caption
    )


def intervals(
    groups: Sequence[Bar],
    *,
    title: str,
    description: str,
    unit: str = "",
    mark: Line | None = None,
    caption: str = "",
    weakest: str | None = None,
) -> Figure:
    """An estimate with its interval for each group; the weakest is drawn in the second colour."""
    groups = [one for one in groups if math.isfinite(one.value)][:_MOST_ROWS]
    ends = [end for one in groups for end in (one.low, one.high, one.value) if end is not None]
    ends += [mark.value] if mark else []
    steps = ticks(min(ends), max(ends), 3) if ends else [0.0, 1.0]
    left = 14 + min(max((svg.width(one.name) for one in groups), default=40), 140)
    along = Scale(steps[0], steps[-1], left + 6, CARD - 56)
    foot = 6 + len(groups) * 29
    parts: list[Markup] = []
    for value, said in zip(steps, labels(steps, unit), strict=True):
        parts.append(svg.line(along(value), 2, along(value), foot, "grid"))
        parts.append(svg.text(along(value), foot + 18, said, None, "middle"))
    if mark:
        parts.append(svg.line(along(mark.value), 2, along(mark.value), foot, "mark"))
        parts.append(svg.text(along(mark.value) - 5, 12, mark.word, "two", "end"))
    for index, one in enumerate(groups):
        parts.extend(_estimate(one, 24 + index * 29, along, left, other=one.name == weakest))
    told = "; ".join(f"{one.name} {measure(one.value, unit)}" for one in groups)
    return Figure(
        title=title,
        description=description,
        caption=caption,
        svg=svg.drawing(CARD, foot + 24, f"Dot chart: {title}. {told or 'No groups'}", svg.join(parts)),
        numbers=numbers(
            ["Group", f"Value{', ' + unit if unit else ''}", "Interval"],
            [(one.full_name or one.name, measure(one.value), interval(one.low, one.high)) for one in groups],
        ),
    )


def _estimate(one: Bar, y: float, along: Scale, left: float, *, other: bool) -> list[Markup]:
    parts = [svg.text(left - 4, y + 4, svg.fitting(one.name, left - 8), None, "end")]
    if one.low is not None and one.high is not None:
        parts.append(svg.line(along(one.low), y, along(one.high), y, "range"))
    between = interval(one.low, one.high)
    said = f"{one.full_name or one.name}: {measure(one.value)}{f' ({between})' if between else ''}"
    parts.append(svg.titled("circle", said, class_="dot other" if other else "dot", cx=along(one.value), cy=y, r=4))
    parts.append(svg.text(CARD - 8, y + 4, measure(one.value), "say", "end"))
    return parts


def _axes(xs: Sequence[Point], ys: Sequence[Point], x_name: str) -> tuple[Scale, Scale, list[Markup]]:
    x_low, x_high = _reach([x for x, _ in xs])
    y_low, y_high = _reach([y for _, y in ys])
    steps = [value for value in ticks(y_low, y_high, 5) if y_low <= value <= y_high]
    left = room(steps) + 2
    across, up = Scale(x_low, x_high, left, CARD - 16), Scale(y_low, y_high, 250, 10)
    parts = up_axis(steps, up, left, CARD - 16)
    parts += along_labels(x_low, x_high, across, 268)
    parts.append(svg.line(left, 250, CARD - 16, 250, "axis"))
    parts.append(svg.text(CARD - 16, 286, x_name, None, "end"))
    return across, up, parts


def _reach(values: Sequence[float]) -> tuple[float, float]:
    """The range of an axis: the values with a little air around them."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = (high - low) * 0.04 or abs(low) * 0.1 or 0.5
    return low - air, high + air


def _cloud(
    points: Sequence[Point],
    across: Scale,
    up: Scale,
    parts: list[Markup],
    *,
    title: str,
    description: str,
    names: tuple[str, str],
    caption: str,
) -> Figure:
    drawn = spread(points)
    small = 2 if len(drawn) > 120 else 3
    parts += [svg.element("circle", class_="point", cx=across(x), cy=up(y), r=small) for x, y in drawn]
    taken = f" {count(len(drawn))} of {count(len(points))} are drawn." if len(drawn) < len(points) else ""
    step = max(len(drawn) // _MOST_NUMBERS, 1)
    return Figure(
        title=title,
        description=description,
        caption=(caption + taken).strip(),
        svg=svg.drawing(CARD, HEIGHT, f"Scatter: {title}, {description}, {count(len(points))} points", svg.join(parts)),
        numbers=numbers(names, [(measure(x), measure(y)) for x, y in drawn[::step]]),
    )
