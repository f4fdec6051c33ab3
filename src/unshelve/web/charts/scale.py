"""From values to pixels: scales, round ticks, and making many points few."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from unshelve.web.wording import MINUS, MONTHS, day

MOST_POINTS: Final = 400
"""More points than a card has pixels are not seen; they only make the page heavy."""

_SAME: Final = 1e-9
"""Values closer than this share of their size are one value on a chart."""

_TINY: Final = 1e-150


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from values `low`..`high` to pixels `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that cover low..high: the first is at or below `low`, the last at or above `high`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return [0.0, 1.0]
    if high - low <= max(abs(low), abs(high)) * _SAME or high - low < _TINY:
        margin = max(abs(low) * 0.1, 0.5) if abs(low) < _TINY else abs(low) * 0.1
        low, high = low - margin, high + margin
    step = _round_step((high - low) / max(about, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = 12 - math.floor(math.log10(step))
    return [round(index * step, digits) + 0.0 for index in range(first, last + 1)]


def labels(values: Sequence[float], unit: str = "") -> list[str]:
    """Short texts for ticks, all with the decimals that the step needs; the last one carries the unit."""
    step = min((abs(b - a) for a, b in itertools.pairwise(values)), default=1.0) or 1.0
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e6 or (largest and largest < 1e-4):
        texts = [f"{value:.3g}" for value in values]
    else:
        decimals = max(0, math.ceil(-math.log10(step) - 1e-9))
        if decimals and not _whole(step * 10**decimals):
            decimals += 1
        texts = [f"{value:,.{decimals}f}" if value else "0" for value in values]
    texts = [text.replace("-", MINUS, 1) if text.startswith("-") else text for text in texts]
    if unit and texts:
        texts[-1] = f"{texts[-1]} {unit}"
    return texts


def time_ticks(low: datetime, high: datetime, about: int = 6) -> list[tuple[datetime, str]]:
    """Round moments within low..high with their texts: times of day, days, months or years by the span."""
    low, high = low.astimezone(UTC), high.astimezone(UTC)
    span = (high - low).total_seconds()
    for step_seconds in (60, 300, 900, 3600, 10_800, 21_600):
        if span / step_seconds <= about:
            return _even(low, high, step_seconds, lambda at: f"{at:%H:%M}")
    for days in (1, 2, 7, 14):
        if span / (days * 86_400) <= about:
            return _even(low, high, days * 86_400, day)
    return _months(low, high, about)


def thin(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most `most` points of a line that is drawn from left to right, with each spike kept.

    The x range is cut in equal bins; of each bin the first, lowest, highest and last point stay. O(n).
    """
    kept = [point for point in points if math.isfinite(point[0]) and math.isfinite(point[1])]
    if len(kept) <= most:
        return kept
    bins = max(most // 4, 1)
    per_bin = len(kept) / bins
    result: list[tuple[float, float]] = []
    for index in range(bins):
        part = kept[int(index * per_bin) : int((index + 1) * per_bin)]
        if part:
            chosen = {0, len(part) - 1}
            chosen.add(min(range(len(part)), key=lambda i: part[i][1]))
            chosen.add(max(range(len(part)), key=lambda i: part[i][1]))
            result.extend(part[i] for i in sorted(chosen))
    return result


def spread(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most `most` points of a cloud: evenly taken by rank of x, the outermost in y always among them."""
    kept = sorted(point for point in points if math.isfinite(point[0]) and math.isfinite(point[1]))
    if len(kept) <= most:
        return kept
    outer = sorted(range(len(kept)), key=lambda i: kept[i][1])
    edge = max(most // 20, 1)
    chosen = {*outer[:edge], *outer[-edge:]}
    room = most - len(chosen)
    chosen.update(int(index * len(kept) / room) for index in range(room))
    return [kept[index] for index in sorted(chosen)]


def _round_step(rough: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0):
        if rough <= factor * size * (1 + 1e-9):
            return factor * size
    return 10.0 * size


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def _even(
    low: datetime, high: datetime, step_seconds: int, write: Callable[[datetime], str]
) -> list[tuple[datetime, str]]:
    first = math.ceil(low.timestamp() / step_seconds) * step_seconds
    at = datetime.fromtimestamp(first, UTC)
    found: list[tuple[datetime, str]] = []
    while at <= high:
        found.append((at, write(at)))
        at += timedelta(seconds=step_seconds)
    return found


def _months(low: datetime, high: datetime, about: int) -> list[tuple[datetime, str]]:
    total = (high.year - low.year) * 12 + high.month - low.month + 1
    step = next((months for months in (1, 2, 3, 6) if total / months <= about), 12 * math.ceil(total / 12 / about))
    found: list[tuple[datetime, str]] = []
    index = low.year * 12 + low.month - 1
    while True:
        at = datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)
        if at > high:
            return found
        if at >= low and (index % step == 0):
            found.append((at, MONTHS[at.month - 1] if step < 12 and at.month != 1 else f"{at.year}"))
        index += 1
