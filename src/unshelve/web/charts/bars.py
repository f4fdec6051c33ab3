"""Bars: columns over categories, rows with names, a histogram, and importance with intervals. All start at 0."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.axes import along_labels, room, up_axis
from unshelve.web.charts.figure import CARD, Figure, Line, Numbers, numbers
from unshelve.web.charts.scale import Scale, ticks
from unshelve.web.wording import count, interval, measure

HEIGHT: Final = 194.0
_TOP: Final = 22.0
_FLOOR: Final = 170.0
_ROW: Final = 24.5
_MOST_ROWS: Final = 40
_MOST_SERIES: Final = 3
_GROUP_KINDS: Final = ("bar", "bar soft", "bar other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: its name, value, and, where it was estimated, the interval."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    full_name: str | None = None


def columns(
    bars: Sequence[Bar],
    *,
    title: str,
    description: str,
    unit: str = "",
    mark: Line | None = None,
    caption: str = "",
) -> Figure:
    """Upright bars in the order given, the highest emphasised; for ordered categories such as hours or days."""
    bars = [bar for bar in bars if math.isfinite(bar.value)]
    steps = _reach([bar.value for bar in bars] + ([mark.value] if mark else []))
    left = room(steps, unit)
    across = Scale(0, max(len(bars), 1), left + 4, CARD - 4)
    up = Scale(steps[0], steps[-1], _FLOOR, _TOP)
    parts = up_axis(steps, up, left, CARD - 4, unit=unit)
    wide = across(1) - across(0)
    thick = max(wide * 0.76, 1.0)
    highest = max((bar.value for bar in bars), default=0.0)
    every = _every(bars, wide)
    for index, bar in enumerate(bars):
        x = across(index) + (wide - thick) / 2
        parts.append(_upright(bar, x, thick, up, unit, strong=bar.value == highest))
        if index % every == every // 2:
            parts.append(svg.text(x + thick / 2, 187, svg.fitting(bar.name, wide * every - 2), None, "middle"))
    if mark:
        parts.append(svg.line(left, up(mark.value), CARD - 4, up(mark.value), "mark"))
        parts.append(svg.text(left + 4, up(mark.value) - 6, mark.word, "two"))
    return Figure(
        title=title,
        description=description,
        caption=caption,
        svg=svg.drawing(CARD, HEIGHT, _label("Bar chart", title, description, bars, unit), svg.join(parts)),
        numbers=_table(bars, unit),
    )


def groups(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    description: str,
    unit: str = "",
    caption: str = "",
) -> Figure:
    """Upright bars of two or three series side by side over the same names; each series is named at the top."""
    shown = dict(list(series.items())[:_MOST_SERIES])
    values = [value for numbers_of in shown.values() for value in numbers_of if math.isfinite(value)]
    steps = _reach(values)
    left = room(steps, unit)
    across = Scale(0, max(len(names), 1), left + 4, CARD - 4)
    up = Scale(steps[0], steps[-1], _FLOOR, _TOP + 12)
    parts = up_axis(steps, up, left, CARD - 4, unit=unit)
    wide = across(1) - across(0)
    thick = max(wide * 0.8 / max(len(shown), 1), 1.0)
    for place, numbers_of in enumerate(shown.values()):
        for index, value in enumerate(numbers_of):
            if math.isfinite(value):
                x = across(index) + wide * 0.1 + place * thick
                top, foot = sorted((up(value), up(0)))
                told = f"{names[index]}, {list(shown)[place]}: {measure(value, unit)}"
                size = {"x": x, "y": top, "width": thick, "height": max(foot - top, 0.5)}
                parts.append(svg.titled("rect", told, class_=_GROUP_KINDS[place], rx=1, **size))
    parts.extend(_legend(list(shown), left + 4))
    named = [Bar(name=name, value=0.0) for name in names]
    every = _every(named, wide)
    for index in range(every // 2, len(names), every):
        parts.append(
            svg.text(across(index) + wide / 2, 187, svg.fitting(names[index], wide * every - 2), None, "middle")
        )
    table = [(name, *(measure(one[index]) for one in shown.values())) for index, name in enumerate(names)]
    return Figure(
        title=title,
        description=description,
        caption=caption,
        svg=svg.drawing(
            CARD, HEIGHT, f"Bar chart: {title}. {', '.join(shown)} over {len(names)} names", svg.join(parts)
        ),
        numbers=numbers(["Name", *(f"{word}, {unit}" if unit else word for word in shown)], table),
    )


def _legend(words: Sequence[str], at: float) -> list[Markup]:
    parts = []
    for place, word in enumerate(words):
        parts.append(svg.element("rect", class_=_GROUP_KINDS[place], x=at, y=2, width=9, height=9, rx=2))
        parts.append(svg.text(at + 14, 11, word, ("one", None, "two")[place]))
        at += 28 + svg.width(word)
    return parts


def rows(
    bars: Sequence[Bar],
    *,
    title: str,
    description: str,
    unit: str = "",
    mark: Line | None = None,
    caption: str = "",
    strong: Collection[str] | None = None,
    code: bool = False,
) -> Figure:
    """Lying bars with their names and values, for categories; intervals are drawn where a bar has one."""
    bars = [bar for bar in bars if math.isfinite(bar.value)][:_MOST_ROWS]
    values = [bar.value for bar in bars]
    emphasised = set(strong) if strong is not None else {bar.name for bar in bars if bar.value == max(values)}
    said = [measure(bar.value, unit) for bar in bars]
    name_size = 13.0 if code else 11.5
    left = 12 + min(max((svg.width(bar.name, name_size) for bar in bars), default=40), 132)
    right = CARD - 12 - max((svg.width(text) for text in said), default=30)
    ends = [bar.high for bar in bars if bar.high is not None] + values + ([mark.value] if mark else [])
    starts = [bar.low for bar in bars if bar.low is not None] + values
    along = Scale(min(0.0, *starts) if starts else 0.0, max(0.0, *ends) if ends else 1.0, left, right)
    foot = 2 + len(bars) * _ROW
    parts: list[Markup] = []
    for index, bar in enumerate(bars):
        parts.extend(_lying(bar, said[index], index * _ROW + 6, along, code=code, strong=bar.name in emphasised))
    parts.append(svg.line(along(0), 2, along(0), foot + 2, "axis"))
    if mark:
        parts.append(svg.line(along(mark.value), 2, along(mark.value), foot + 2, "mark"))
        parts.append(svg.text(_inside(along(mark.value), mark.word), foot + 16, mark.word, "two", "middle"))
    return Figure(
        title=title,
        description=description,
        caption=caption,
        svg=svg.drawing(
            CARD, foot + (22 if mark else 6), _label("Bar chart", title, description, bars, unit), svg.join(parts)
        ),
        numbers=_table(bars, unit),
    )


def histogram(
    edges: Sequence[float],
    counts: Sequence[float],
    *,
    title: str,
    description: str,
    mark: Line | None = None,
    caption: str = "",
    noun: str = "rows",
) -> Figure:
    """How often values fall between neighbouring edges: one edge more than counts."""
    counts = list(counts)
    steps = ticks(0, max(counts, default=0) or 1, 4)
    left = room(steps)
    across = Scale(edges[0], edges[-1], left + 4, CARD - 4)
    up = Scale(0, steps[-1], _FLOOR, _TOP)
    parts = up_axis(steps, up, left, CARD - 4)
    ranges = [f"{measure(low)} to {measure(high)}" for low, high in itertools.pairwise(edges)]
    for index, number in enumerate(counts):
        start, end = across(edges[index]), across(edges[index + 1])
        parts.append(
            svg.titled(
                "rect", f"{ranges[index]}: {count(number)} {noun}", class_="bar soft", x=start + 0.5,
                y=up(number), width=max(end - start - 1, 0.6), height=_FLOOR - up(number),
            )
        )  # fmt: skip
    parts.extend(along_labels(edges[0], edges[-1], across, 187))
    if mark and edges[0] <= mark.value <= edges[-1]:
        x = across(mark.value)
        parts.append(svg.line(x, _TOP - 6, x, _FLOOR, "mark"))
        late = x > (left + CARD) / 2
        parts.append(svg.text(x - 5 if late else x + 5, _TOP, mark.word, "two", "end" if late else None))
    total = count(sum(counts))
    label = f"Histogram: {title}. {total} {noun} between {measure(edges[0])} and {measure(edges[-1])}"
    return Figure(
        title=title,
        description=description,
        caption=caption,
        svg=svg.drawing(CARD, HEIGHT, label, svg.join(parts)),
        numbers=numbers(["From, to", noun.capitalize()], list(zip(ranges, map(count, counts), strict=True))),
    )


def _upright(bar: Bar, x: float, thick: float, up: Scale, unit: str, *, strong: bool) -> Markup:
    top, foot = sorted((up(bar.value), up(0)))
    name = bar.full_name or bar.name
    rect = svg.titled(
        "rect", f"{name} · {measure(bar.value, unit)}", class_="bar" if strong else "bar soft",
        x=x, y=top, width=thick, height=max(foot - top, 0.5), rx=1.5,
    )  # fmt: skip
    return rect + _range(bar, up, vertical_x=x + thick / 2)


def _lying(bar: Bar, said: str, y: float, along: Scale, *, code: bool, strong: bool) -> list[Markup]:
    start, end = sorted((along(0), along(bar.value)))
    left = along.start
    name = svg.fitting(bar.name, left - 10, 13.0 if code else 11.5)
    kind = "bar" if strong else "bar soft"
    if bar.value < 0:
        kind = "bar other"
    parts = [
        svg.text(left - 8, y + 12.5, name, "code" if code else None, "end"),
        svg.titled(
            "rect", f"{bar.full_name or bar.name}: {_with_interval(bar, said)}", class_=kind,
            x=start, y=y, width=max(end - start, 0.5), height=16, rx=1.5,
        ),
        svg.text(CARD - 4, y + 12.5, said, "say", "end"),
    ]  # fmt: skip
    if bar.low is not None and bar.high is not None:
        parts.insert(2, svg.line(along(bar.low), y + 8, along(bar.high), y + 8, "range"))
    return parts


def _range(bar: Bar, up: Scale, *, vertical_x: float) -> Markup:
    if bar.low is None or bar.high is None:
        return Markup("")
    return svg.line(vertical_x, up(bar.low), vertical_x, up(bar.high), "range")


def _with_interval(bar: Bar, said: str) -> str:
    between = interval(bar.low, bar.high)
    return f"{said} ({between})" if between else said


def _reach(values: Sequence[float]) -> list[float]:
    return ticks(min([0.0, *values]), max([0.0, *values]) or 1.0, 4)


def _every(bars: Sequence[Bar], wide: float) -> int:
    widest = max((svg.width(bar.name) for bar in bars), default=0.0)
    return max(1, math.ceil((min(widest, 110) + 8) / wide)) if bars else 1


def _inside(x: float, word: str) -> float:
    half = svg.width(word) / 2
    return min(max(x, half), CARD - half)


def _label(kind: str, title: str, description: str, bars: Sequence[Bar], unit: str) -> str:
    if not bars:
        return f"{kind}: {title}. No values"
    low, high = min(bars, key=lambda bar: bar.value), max(bars, key=lambda bar: bar.value)
    return (
        f"{kind}: {title}, {description}. From {measure(low.value, unit)} ({low.name}) "
        f"to {measure(high.value, unit)} ({high.name})"
    )


def _table(bars: Sequence[Bar], unit: str) -> Numbers:
    value = f"Value, {unit}" if unit else "Value"
    if any(bar.low is not None for bar in bars):
        table = [(bar.full_name or bar.name, measure(bar.value), interval(bar.low, bar.high)) for bar in bars]
        return numbers(["Name", value, "Interval"], table)
    return numbers(["Name", value], [(bar.full_name or bar.name, measure(bar.value)) for bar in bars])
