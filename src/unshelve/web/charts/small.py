"""Small pictures inside tables and cards: a spark, a forest of three, a score on its bar, the verdicts of a Proof."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.scale import Scale, thin
from unshelve.web.wording import exact, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval, for one line of a forest."""

    value: float
    low: float | None = None
    high: float | None = None


def spark(values: Sequence[float]) -> Markup:
    """A line without axes, its last point marked; the numbers stand beside it in the table."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return Markup("")
    up = Scale(min(finite), max(finite), 21, 3) if min(finite) != max(finite) else Scale(0, 1, 12, 12)
    step = 84 / (len(finite) - 1)
    points = thin([(2 + index * step, up(value)) for index, value in enumerate(finite)], 80)
    inside = svg.element("path", d=f"M{' '.join(f'{svg.number(x)},{svg.number(y)}' for x, y in points)}")
    inside += svg.element("circle", cx=points[-1][0], cy=points[-1][1], r=2.2)
    return svg.element("svg", inside, class_="spark", viewBox="0 0 88 24", aria_hidden="true")


def forest(estimates: Sequence[Estimate | None]) -> Markup:
    """Estimates above each other on one scale, the first full, from the third on quiet: a cell of a table."""
    known = [one for one in estimates if one is not None and math.isfinite(one.value)]
    ends = [end for one in known for end in (one.low, one.high, one.value) if end is not None and math.isfinite(end)]
    if not ends:
        return Markup("")
    along = Scale(min(ends), max(ends), 6, 144)
    parts = []
    for index, one in enumerate(estimates):
        if one is None or not math.isfinite(one.value):
            continue
        y = 7 + index * 13
        if one.low is not None and one.high is not None:
            parts.append(svg.line(along(one.low), y, along(one.high), y, "range quiet" if index > 1 else "range"))
        kind = ("dot full", "dot", "dot quiet")[min(index, 2)]
        parts.append(svg.element("circle", class_=kind, cx=along(one.value), cy=y, r=3.5))
    height = 2 + len(estimates) * 13
    return svg.element("svg", svg.join(parts), class_="plot forest", viewBox=f"0 0 150 {height}", aria_hidden="true")


def score_bar(score: float, *, threshold: float | None = None, word: str = "") -> Markup:
    """A probability on a bar from 0 to 100, with the threshold from which on the answer is yes."""
    along = Scale(0, 1, 10, 350)
    x = along(min(max(score, 0.0), 1.0))
    hundred = measure(round(score * 100, 1) if score < 0.1 else round(score * 100))
    parts = [
        svg.element("rect", class_="bar soft", x=10, y=26, width=340, height=10, rx=5),
        svg.element("rect", class_="bar", x=10, y=26, width=max(x - 10, 5), height=10, rx=5),
    ]
    if threshold is not None and 0 < threshold < 1:
        at = along(threshold)
        said = f"{word} from {exact(round(threshold * 100, 1))}".strip()
        half = svg.width(said) / 2
        parts.append(svg.line(at, 18, at, 44, "mark"))
        parts.append(svg.text(min(max(at, half + 24), 320 - half), 58, said, "two", "middle"))
    parts += [svg.text(10, 58, "0"), svg.text(350, 58, "100", None, "end")]
    parts.append(svg.element("circle", class_="dot full", cx=x, cy=31, r=7))
    parts.append(svg.text(min(max(x, 14), 346), 14, hundred, "one", "middle"))
    decides = f"; {word} from {exact(round(threshold * 100, 1))}" if threshold is not None else ""
    label = f"Score {hundred} of 100{decides}"
    return svg.drawing(360, 64, label, svg.join(parts))


def refresh_strip(tones: Sequence[str]) -> Markup:
    """One mark for each refresh, the newest at the right: a full one for new rows, a low one for the same, a cross
    for one that failed. What they say stands beside it in words."""
    if len(tones) < 2:
        return Markup("")
    parts = []
    for index, tone in enumerate(tones):
        x = index * 7
        if tone == "failed":
            parts.append(svg.element("path", class_="v5", d=f"M{x} 4h5L{x + 2.5} 14z"))
        elif tone == "ok":
            parts.append(svg.element("rect", class_="v1", x=x, y=0, width=5, height=14, rx=1.5))
        else:
            parts.append(svg.element("rect", class_="v2", x=x, y=8, width=5, height=6, rx=1.5))
    wide = len(tones) * 7
    return svg.element(
        "svg", svg.join(parts), class_="verdict days", viewBox=f"0 0 {wide} 14", width=wide, height="14",
        aria_hidden="true",
    )  # fmt: skip


def verdict_bar(counts: Sequence[int]) -> Markup:
    """Four shares side by side: proven, equal within tolerance, unstable, not covered. No share vanishes."""
    total = sum(counts)
    if not total:
        return Markup("")
    widths = [max(280 * number / total, 5.0) if number else 0.0 for number in counts]
    parts, x = [], 0.0
    for index, wide in enumerate(widths):
        if wide:
            parts.append(svg.element("rect", class_=f"v{index + 1}", x=x, y=0, width=wide, height=10, rx=2))
        x += wide
    return svg.element(
        "svg", svg.join(parts), class_="verdict", viewBox=f"0 0 {svg.number(x)} 10", width="100%", height="10",
        preserveAspectRatio="none", aria_hidden="true",
    )  # fmt: skip


def amounts(parts: Sequence[float], *, of: float | None = None) -> Markup:
    """One bar that amounts share, in their order: the first three each in a tone of its own, what follows in one.

    The words stand beside it. It is as long as they are together, or as long as that is beside `of`.
    """
    if not any(parts):
        return Markup("")
    total = of or sum(parts)
    shown = [*parts[:3], sum(parts[3:])]
    drawn, x = [], 0.0
    for part, look in zip(shown, ("bar", "bar soft", "bar other", "bar rest"), strict=False):
        if part:
            wide = max(160 * part / total, 2.0)
            drawn.append(svg.element("rect", class_=look, x=x, y=0, width=wide, height=8))
            x += wide
    wide = max(x, 166.0 if of else 0.0)
    return svg.element(
        "svg", svg.join(drawn), class_="plot amounts", viewBox=f"0 0 {svg.number(wide)} 8", width="100%", height="8",
        preserveAspectRatio="none", aria_hidden="true",
    )  # fmt: skip


def swatch(number: int) -> Markup:
    """The tone of the amount of this number, 0 for the first, for the head of a table."""
    look = ("bar", "bar soft", "bar other", "bar rest")[min(number, 3)]
    inside = svg.element("rect", class_=look, width=10, height=10, rx=2)
    return svg.element("svg", inside, class_="plot swatch", viewBox="0 0 10 10", aria_hidden="true")


def columns_of(counts: Sequence[int]) -> Markup:
    """Upright bars without axes, for how often values fall where; the words stand beside them in the table."""
    most = max(counts, default=0)
    if not most:
        return Markup("")
    wide = 96 / len(counts)
    parts = [
        svg.element("rect", x=index * wide, y=24 - high, width=max(wide - 1, 1), height=high)
        for index, number in enumerate(counts)
        if (high := max(22 * number / most, 1.0) if number else 0.0)
    ]
    return svg.element("svg", svg.join(parts), class_="tiny", viewBox="0 0 96 24", aria_hidden="true")


def stacked_columns(counts: Sequence[tuple[int, int, int]]) -> Markup:
    """An upright bar for each day: what was well below, in the colours of good, doubtful and bad, a dash where nothing
    was. No part vanishes; the numbers stand beside it in a table."""
    most = max((sum(each) for each in counts), default=0)
    if not most:
        return Markup("")
    parts = []
    for index, each in enumerate(counts):
        y = 14.0
        for kind, number in zip(("v1", "v3", "v5"), each, strict=True):
            high = max(10 * number / most, 2.0) if number else 0.0  # of 14: room for two small parts
            y -= high
            if number:
                parts.append(svg.element("rect", class_=kind, x=index * 7, y=y, width=5, height=high))
        if not sum(each):
            parts.append(svg.element("rect", class_="v4", x=index * 7, y=13, width=5, height=1))
    wide = len(counts) * 7
    return svg.element(
        "svg", svg.join(parts), class_="verdict days", viewBox=f"0 0 {wide} 14", width=wide, height="14",
        aria_hidden="true",
    )  # fmt: skip


def shares_of(shares: Sequence[float]) -> Markup:
    """Lying bars without axes, for the shares of the commonest values, at most four."""
    shown = [min(max(part, 0.0), 1.0) for part in shares[:4]]
    if not shown:
        return Markup("")
    parts = [
        svg.element("rect", x=0, y=1 + index * 6, width=max(96 * part, 1.0), height=4)
        for index, part in enumerate(shown)
    ]
    return svg.element("svg", svg.join(parts), class_="tiny", viewBox="0 0 96 24", aria_hidden="true")
