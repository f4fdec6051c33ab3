"""The quiet lines and labels of a value axis, the same in every chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.scale import Scale, labels, ticks

_SHORT_UNIT: Final = 2


def room(steps: Sequence[float], unit: str = "") -> float:
    """How far to the right a chart begins, so that the labels of its value axis fit."""
    said = [text.partition(" ")[0] for text in labels(steps, unit)]
    return 10 + max((svg.width(text) for text in said), default=20.0)


def up_axis(steps: Sequence[float], up: Scale, left: float, right: float, *, unit: str = "") -> list[Markup]:
    """Lines across at each step, with labels; zero is the axis. A short unit stands beside the top label."""
    parts = []
    for value, text in zip(steps, labels(steps, unit), strict=True):
        parts.append(svg.line(left, up(value), right, up(value), "axis" if value == 0 else "grid"))
        number, _, word = text.partition(" ")
        parts.append(svg.text(left - 6, up(value) + 4, number, None, "end"))
        if word:
            short = len(word) <= _SHORT_UNIT
            parts.append(svg.text(left - 3 if short else left + 2, up(value) + (4 if short else -6), word))
    return parts


def along_labels(low: float, high: float, along: Scale, y: float) -> list[Markup]:
    """Round numbers below a chart, inside its range."""
    inner = [value for value in ticks(low, high, 5) if low <= value <= high]
    return [svg.text(along(value), y, said, None, "middle") for value, said in zip(inner, labels(inner), strict=True)]
