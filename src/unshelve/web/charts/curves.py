"""Curves over the unit square: ROC with its band, and calibration with how many rows stand behind each point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.figure import CARD, Figure, Numbers, numbers
from unshelve.web.charts.scale import Scale, thin
from unshelve.web.wording import count, exact, interval, measure, share

HEIGHT: Final = 292.0
_ACROSS: Final = Scale(0, 1, 36, 306)
_UP: Final = Scale(0, 1, 250, 10)
_QUARTERS: Final = ((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One ROC curve: its word, false and true positive rates, and optionally the band of the true rate."""

    word: str
    false_rate: tuple[float, ...]
    true_rate: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    area: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Where on the curve the model stands when it decides."""

    value: float
    false_rate: float
    true_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rows that got about the same score: the mean score, the share that was positive, its interval, how many."""

    score: float
    seen: float
    low: float | None
    high: float | None
    rows: int


def roc(
    curves: Sequence[Curve], *, positive: str, title: str = "ROC", threshold: Threshold | None = None, caption: str = ""
) -> Figure:
    """The share of positives found against the share of others called positive; the first curve is emphasised."""
    parts = _square("others called so")
    parts.append(svg.path([(_ACROSS(0), _UP(0)), (_ACROSS(1), _UP(1))], class_="line quiet"))
    for index in reversed(range(len(curves))):
        one = curves[index]
        if one.low and one.high and index == 0:
            parts.append(_band(one))
        parts.append(_curve(one, ("line", "line other", "line quiet")[min(index, 2)]))
    if threshold:
        x, y = _ACROSS(threshold.false_rate), _UP(threshold.true_rate)
        told = f"threshold {exact(round(threshold.value, 3))}"
        parts.append(svg.titled("circle", told, class_="dot full", cx=x, cy=y, r=4.5))
        parts.append(svg.text(x + 10, y + 16, told, "say"))
    for index, one in enumerate(curves[:3]):
        said = f"{one.word} {measure(one.area)}" if one.area is not None else one.word
        parts.append(svg.text(300, 196 + index * 15, said, ("one", "two", None)[index], "end"))
    parts.append(svg.text(300, 196 + min(len(curves), 3) * 15, "a coin 0.500", None, "end"))
    told = ", ".join(f"{one.word} with area {measure(one.area)}" for one in curves)
    return Figure(
        title=title,
        description=f"{positive} found, against others called so",
        caption=caption,
        svg=svg.drawing(CARD, HEIGHT, f"ROC curve: {told or 'no curve'}", svg.join(parts)),
        numbers=_roc_table(curves),
    )


def calibration(bins: Sequence[Bin], *, positive: str, title: str = "Calibration", caption: str = "") -> Figure:
    """The share that was positive against the score that was given, with the number of rows below."""
    parts = _square("score it gave")
    parts.append(svg.path([(_ACROSS(0), _UP(0)), (_ACROSS(1), _UP(1))], class_="line quiet"))
    parts.append(svg.text(266, 36, "perfect", None, "end"))
    bins = [one for one in bins if one.rows > 0]
    most, fewest = max((one.rows for one in bins), default=1), min((one.rows for one in bins), default=1)
    uneven = most > fewest * 1.3
    for one in bins if uneven else ():
        high = 34 * one.rows / most
        parts.append(
            svg.titled("rect", f"{count(one.rows)} rows scored near {measure(one.score)}", class_="bar soft",
                       x=_ACROSS(one.score) - 6, y=250 - high, width=12, height=high)
        )  # fmt: skip
    for one in bins:
        if one.low is not None and one.high is not None:
            parts.append(svg.line(_ACROSS(one.score), _UP(one.low), _ACROSS(one.score), _UP(one.high), "range"))
    parts.append(svg.path([(_ACROSS(one.score), _UP(one.seen)) for one in bins]))
    for one in bins:
        said = f"score {measure(one.score)}: {share(one.seen)}, {count(one.rows)} rows"
        parts.append(svg.titled("circle", said, class_="dot", cx=_ACROSS(one.score), cy=_UP(one.seen), r=3.5))
    told = "; ".join(f"{measure(one.score)} was {share(one.seen, 0)}" for one in bins)
    return Figure(
        title=title,
        description=f"Share that was {positive}, against the score it gave{'; bars: how many rows' if uneven else ''}",
        caption=caption or _read_calibration(bins, positive),
        svg=svg.drawing(CARD, HEIGHT, f"Calibration: {told or 'no rows'}", svg.join(parts)),
        numbers=numbers(
            ["Score", f"Was {positive}", "Interval", "Rows"],
            [(measure(one.score), measure(one.seen), interval(one.low, one.high), count(one.rows)) for one in bins],
        ),
    )


def precision_recall(curve: Curve, *, share_positive: float, positive: str, caption: str = "") -> Figure:
    """Precision against recall as steps, with the line that guessing would give. `curve` holds recall, precision."""
    parts = _square("found, of all there are")
    parts.append(svg.line(36, _UP(share_positive), 306, _UP(share_positive), "mark"))
    parts.append(svg.text(300, _UP(share_positive) - 6, "guessing", "two", "end"))
    points: list[tuple[float, float]] = []
    for x, y in sorted(zip(curve.false_rate, curve.true_rate, strict=True)):
        if points:
            points.append((_ACROSS(x), points[-1][1]))
        points.append((_ACROSS(x), _UP(y)))
    parts.append(svg.path(thin(points, 300)))
    rows = list(zip(curve.false_rate, curve.true_rate, strict=True))
    return Figure(
        title="Precision and recall",
        description=f"Of those called {positive}, how many were, against how many are found",
        caption=caption,
        svg=svg.drawing(CARD, HEIGHT, f"Precision and recall for {positive}", svg.join(parts)),
        numbers=numbers(["Found", "Were so"], [(measure(x), measure(y)) for x, y in rows[:: max(len(rows) // 20, 1)]]),
    )


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]], *, caption: str = "") -> Figure:
    """What was called what: a row for each class that is true, shaded by its share of the row."""
    size = len(classes)
    left = 12 + min(max((svg.width(name) for name in classes), default=20.0), 110)
    side = min((CARD - left - 4) / max(size, 1), 88.0)
    parts: list[Markup] = []
    for i, row in enumerate(counts):
        total = sum(row) or 1
        parts.append(svg.text(left - 6, 30 + i * side + side / 2, svg.fitting(classes[i], left - 8), None, "end"))
        for j, number in enumerate(row):
            part = number / total
            told = f"{classes[i]} called {classes[j]}: {count(number)} ({share(part)})"
            x, y = left + j * side, 26 + i * side
            parts.append(
                svg.titled("rect", told, class_="cell", x=x, y=y, width=side, height=side, rx=3,
                           fill_opacity=f"{0.05 + 0.9 * part:.2f}")
            )  # fmt: skip
            if side > 30:
                shown = "on" if part > 0.5 else "say"
                parts.append(svg.text(x + side / 2, y + side / 2 + 4, count(number), shown, "middle"))
    for j, name in enumerate(classes):
        parts.append(svg.text(left + j * side + side / 2, 16, svg.fitting(name, side - 2), None, "middle"))
    right = sum(row[i] for i, row in enumerate(counts))
    every = sum(sum(row) for row in counts) or 1
    return Figure(
        title="What was called what",
        description="Rows: what was true; columns: what it said",
        caption=caption or f"{share(right / every)} were called what they are.",
        svg=svg.drawing(
            CARD, 34 + size * side, f"Confusion of {size} classes, {share(right / every)} right", svg.join(parts)
        ),
        numbers=numbers(
            ["True", *(f"said {name}" for name in classes)],
            [(classes[i], *map(count, row)) for i, row in enumerate(counts)],
        ),
    )


def _square(x_name: str) -> list[Markup]:
    parts = []
    for value, said in _QUARTERS:
        parts.append(svg.line(36, _UP(value), 306, _UP(value), "grid" if value else "axis"))
        parts.append(svg.text(30, _UP(value) + 4, said, None, "end"))
        parts.append(svg.text(_ACROSS(value), 268, said, None, "middle"))
    parts.append(svg.text(306, 286, x_name, None, "end"))
    parts.append(svg.line(36, 10, 36, 250, "axis"))
    return parts


def _curve(one: Curve, class_: str) -> Markup:
    points = [(_ACROSS(x), _UP(y)) for x, y in zip(one.false_rate, one.true_rate, strict=True)]
    return svg.path(thin(points, 200), class_=class_)


def _band(one: Curve) -> Markup:
    upper = thin([(_ACROSS(x), _UP(y)) for x, y in zip(one.false_rate, one.high, strict=True)], 120)
    lower = thin([(_ACROSS(x), _UP(y)) for x, y in zip(one.false_rate, one.low, strict=True)], 120)
    return svg.path([*upper, *reversed(lower)], closed=True, class_="band")


def _roc_table(curves: Sequence[Curve]) -> Numbers:
    if not curves:
        return numbers(["Others called so", "Found"], [])
    one = curves[0]
    wanted = [step / 20 for step in range(21)]
    rows = []
    for rate in wanted:
        index = min(range(len(one.false_rate)), key=lambda i: abs(one.false_rate[i] - rate))
        rows.append((measure(one.false_rate[index]), measure(one.true_rate[index])))
    return numbers(["Others called so", f"Found by {one.word}"], list(dict.fromkeys(rows)))


def _read_calibration(bins: Sequence[Bin], positive: str) -> str:
    if not bins:
        return ""
    one = max(bins, key=lambda item: item.rows * (0.2 + item.score))
    hundred = math.floor(one.seen * 100 + 0.5)
    return f"A score near {exact(round(one.score, 2))} means: {hundred} of 100 such rows were {positive}."
