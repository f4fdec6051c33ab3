"""Lines over numbers or moments, with bands, and the history of champions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.axes import room, up_axis
from unshelve.web.charts.figure import CARD, WIDE, Figure, Line, Numbers, numbers
from unshelve.web.charts.scale import Scale, labels, thin, ticks, time_ticks
from unshelve.web.wording import day, instant, measure

HEIGHT: Final = 194.0
_TOP: Final = 22.0
_FLOOR: Final = 170.0
_MOST_ROWS: Final = 60
_FEW: Final = 30

X = float | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: its word (written at its end), its points, and optionally the band around it."""

    word: str
    xs: tuple[X, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """From `at` on, version `number` answered; `value` is its headline measure."""

    at: datetime
    number: int
    value: float | None
    word: str = ""


def lines(
    series: Sequence[Series],
    *,
    title: str,
    description: str,
    unit: str = "",
    x_name: str = "",
    from_zero: bool = False,
    mark: Line | None = None,
    caption: str = "",
    labels_of_x: Sequence[str] = (),
) -> Figure:
    """One to four lines over one axis: the first full, the second dashed, more are quiet; each named at its end.

    `labels_of_x` are texts for x = 0, 1, 2 … where x is a category.
    """
    seen = [y for one in series for y in (*one.ys, *one.low, *one.high) if math.isfinite(y)]
    seen += [mark.value] if mark else []
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    steps = ticks(min(0.0, low) if from_zero else low, high, 4)
    left = room(steps, unit)
    right = CARD - 8 - max((svg.width(one.word) for one in series if one.word), default=0.0)
    across, x_ticks = _x_axis([x for one in series for x in one.xs], left + 6, right - 8)
    if labels_of_x:
        x_ticks = _named_ticks(labels_of_x, across, right - left)
    up = Scale(steps[0], steps[-1], _FLOOR, _TOP)
    parts = up_axis(steps, up, left, right, unit=unit)
    if steps[0]:
        parts.append(svg.line(left, up(steps[0]), right, up(steps[0]), "axis"))
    parts += [svg.text(min(max(x, 12), CARD - 12), 187, word, None, "middle") for x, word in x_ticks]
    if mark:
        parts.append(svg.line(left, up(mark.value), right, up(mark.value), "mark"))
        parts.append(svg.text(left + 4, up(mark.value) - 6, mark.word, "two"))
    for index in reversed(range(len(series))):
        parts.extend(_one(series[index], index, across, up, unit))
    parts.extend(_end_words(series, up, right))
    return Figure(
        title=title,
        description=description,
        caption=caption,
        svg=svg.drawing(CARD, HEIGHT, _label(title, description, series, unit), svg.join(parts)),
        numbers=_table(series, unit, x_name, labels_of_x),
    )


def history(champions: Sequence[Champion], now: datetime, *, measure_name: str, caption: str = "") -> Figure:
    """Which version was champion from when on, at the height of its headline measure, across the page."""
    known = [one.value for one in champions if one.value is not None]
    air = 0.02 * max(map(abs, known), default=1.0) if len(set(known)) < 2 else 0.0
    steps = ticks(min(known) - air, max(known) + air, 3) if known else [0.0, 1.0]
    left = room(steps) + 2
    first = min((one.at for one in champions), default=now)
    across = Scale(first.timestamp(), now.timestamp(), left + 6, WIDE - 30)
    up = Scale(steps[0], steps[-1], 128, 34)
    parts = up_axis(steps, up, left, WIDE - 10)
    parts += [svg.text(across(at.timestamp()), 165, word, None, "middle") for at, word in time_ticks(first, now, 8)]
    points: list[tuple[float, float]] = []
    for index, one in enumerate(champions):
        y = up(one.value if one.value is not None else steps[0])
        until = champions[index + 1].at if index + 1 < len(champions) else now
        points += [(across(one.at.timestamp()), y), (across(until.timestamp()), y)]
    parts.append(svg.path(points))
    parts.extend(_champions(champions, points, measure_name))
    return Figure(
        title="Champion history",
        description=f"{measure_name} of whoever answered",
        caption=caption,
        wide=True,
        svg=svg.drawing(WIDE, 172, _history_label(champions, measure_name), svg.join(parts), class_="plot wide"),
        numbers=numbers(
            ["From", "Version", measure_name],
            [(f"{one.at:%Y-%m-%d %H:%M}", f"v{one.number}", measure(one.value)) for one in champions],
        ),
    )


def _champions(champions: Sequence[Champion], points: Sequence[tuple[float, float]], name: str) -> list[Markup]:
    parts = []
    free = -math.inf
    for index, one in enumerate(champions):
        x, y = points[index * 2]
        said = f"v{one.number}" + (f" · {measure(one.value)}" if one.value is not None else "")
        told = f"v{one.number}: {name} {measure(one.value)}"
        parts.append(svg.titled("circle", told, class_="dot full", cx=x, cy=y, r=4))
        if x < free:
            continue
        end = x + 6 + svg.width(said) > WIDE
        parts.append(svg.text(x - 6 if end else x + 6, y - 9, said, "say", "end" if end else None))
        free = x + 14 + svg.width(said)
    return parts


def _x_axis(values: Sequence[X], start: float, end: float) -> tuple[Callable[[X], float], list[tuple[float, str]]]:
    moments = [value for value in values if isinstance(value, datetime)]
    if moments:
        low, high = min(moments), max(moments)
        scale = Scale(low.timestamp(), high.timestamp(), start, end)
        if low == high:
            return lambda x: scale(_plain(x)), [(scale(low.timestamp()), day(low))]
        return lambda x: scale(_plain(x)), [(scale(at.timestamp()), word) for at, word in time_ticks(low, high, 6)]
    plain = [_plain(value) for value in values]
    low_x, high_x = (min(plain), max(plain)) if plain else (0.0, 1.0)
    scale = Scale(low_x, high_x, start, end)
    inner = [value for value in ticks(low_x, high_x, 5) if low_x <= value <= high_x]
    return lambda x: scale(_plain(x)), list(zip(map(scale, inner), labels(inner), strict=True))


def _named_ticks(names: Sequence[str], across: Callable[[X], float], room_across: float) -> list[tuple[float, str]]:
    widest = max(svg.width(name) for name in names) + 10
    every = max(1, math.ceil(widest * len(names) / max(room_across, 1)))
    return [(across(float(index)), names[index]) for index in range(0, len(names), every)]


def _plain(x: X) -> float:
    return x.timestamp() if isinstance(x, datetime) else float(x)


def _one(one: Series, index: int, across: Callable[[X], float], up: Scale, unit: str) -> list[Markup]:
    points = thin([(across(x), up(y)) for x, y in zip(one.xs, one.ys, strict=True)])
    parts: list[Markup] = []
    if one.low and one.high and index == 0:
        upper = thin([(across(x), up(y)) for x, y in zip(one.xs, one.high, strict=True)], 200)
        lower = thin([(across(x), up(y)) for x, y in zip(one.xs, one.low, strict=True)], 200)
        parts.append(svg.path([*upper, *reversed(lower)], closed=True, class_="band"))
    parts.append(svg.path(points, class_=("line", "line other", "line quiet")[min(index, 2)]))
    if index == 0 and len(one.xs) <= _FEW:
        for x, y in zip(one.xs, one.ys, strict=True):
            if math.isfinite(y):
                title = f"{_x_text(x)}: {measure(y, unit)}"
                parts.append(svg.titled("circle", title, class_="dot", cx=across(x), cy=up(y), r=3))
    return parts


def _end_words(series: Sequence[Series], up: Scale, right: float) -> list[Markup]:
    ends = []
    for index, one in enumerate(series):
        finite = [y for y in one.ys if math.isfinite(y)]
        if finite and one.word:
            ends.append((up(finite[-1]) + 4, index, one.word))
    parts = []
    lowest = -math.inf
    for y, index, word in sorted(ends):
        lowest = max(y, lowest + 14)
        parts.append(svg.text(right - 2, lowest, word, ("one", "two", None)[min(index, 2)]))
    return parts


def _x_text(x: X) -> str:
    return f"{instant(x):%Y-%m-%d %H:%M}" if isinstance(x, datetime) else measure(float(x))


def _label(title: str, description: str, series: Sequence[Series], unit: str) -> str:
    told = []
    for one in series:
        finite = [y for y in one.ys if math.isfinite(y)]
        if finite:
            told.append(f"{one.word or 'values'} from {measure(min(finite), unit)} to {measure(max(finite), unit)}")
    return f"Line chart: {title}, {description}. {'; '.join(told) or 'No values'}"


def _history_label(champions: Sequence[Champion], name: str) -> str:
    told = ", ".join(f"v{one.number} with {measure(one.value)} from {one.at:%Y-%m-%d}" for one in champions)
    return f"Champion history by {name}: {told or 'no champion yet'}"


def _table(series: Sequence[Series], unit: str, x_name: str, names: Sequence[str]) -> Numbers:
    values: dict[X, list[str]] = {}
    for index, one in enumerate(series):
        for x, y in zip(one.xs, one.ys, strict=True):
            values.setdefault(x, [measure(None)] * len(series))[index] = measure(y)
    rows = [(names[int(_plain(x))] if names else _x_text(x), *told) for x, told in values.items()]
    if len(rows) > _MOST_ROWS:
        step = len(rows) / _MOST_ROWS
        rows = [rows[int(index * step)] for index in range(_MOST_ROWS)]
    suffix = f", {unit}" if unit else ""
    return numbers([x_name or "At", *(f"{one.word or 'Value'}{suffix}" for one in series)], rows)
