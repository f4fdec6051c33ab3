"""A chart step's result as a figure: a series or table becomes bars or lines, numbers become rows."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from unshelve.web.charts import bars, lines, points
from unshelve.web.charts.figure import Figure
from unshelve.web.wording import exact, words

_MOST_COLUMNS = 60
_MOST_COLUMN_LETTERS = 6
_MOST_SERIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A small table: the labels of its rows and its columns of numbers by name."""

    index_name: str
    index: tuple[object, ...]
    values: Mapping[str, tuple[float, ...]]


def figure_of(table: Columns, *, title: str, description: str, caption: str = "") -> Figure | None:
    """The picture that fits a small table best, or None when it holds no numbers.

    Moments and long runs of numbers become lines; a few ordered labels columns; names rows; one column against
    a numeric index that does not rise is a scatter.
    """
    values = {name: numbers for name, numbers in table.values.items() if any(map(math.isfinite, numbers))}
    if not values or not table.index:
        return None
    said = description or f"{words(next(iter(values)))} by {table.index_name or 'row'}"
    xs = _axis(table.index)
    if xs is not None and (len(values) > 1 or len(xs) > _MOST_COLUMNS or isinstance(xs[0], datetime)):
        if _rises(xs):
            return _lines(table, values, xs, title, said, caption)
        if len(values) == 1 and not isinstance(xs[0], datetime):
            only = next(iter(values.values()))
            pairs = [(float(x), y) for x, y in zip(xs, only, strict=True) if not isinstance(x, datetime)]
            return points.scatter(
                pairs, title=title, description=said, x_name=table.index_name, y_name=next(iter(values))
            )
    name, only = next(iter(values.items()))
    drawn = [bars.Bar(name=_label(at), value=value) for at, value in zip(table.index, only, strict=True)]
    short = all(len(bar.name) <= _MOST_COLUMN_LETTERS for bar in drawn)
    if xs is not None or (short and len(drawn) <= _MOST_COLUMNS and _ordered(table.index)):
        return bars.columns(drawn, title=title, description=said, unit=_unit(name), caption=caption)
    return bars.rows(drawn, title=title, description=said, unit=_unit(name), caption=caption)


def _lines(
    table: Columns,
    values: Mapping[str, tuple[float, ...]],
    xs: Sequence[float | datetime],
    title: str,
    description: str,
    caption: str,
) -> Figure:
    alone = len(values) == 1
    series = [
        lines.Series(word="" if alone else words(name), xs=tuple(xs), ys=numbers)
        for name, numbers in list(values.items())[:_MOST_SERIES]
    ]
    unit = _unit(next(iter(values))) if alone else ""
    return lines.lines(
        series, title=title, description=description, unit=unit, caption=caption, x_name=table.index_name
    )


def _axis(index: Sequence[object]) -> list[float | datetime] | None:
    if all(isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at) for at in index):
        return [float(at) for at in index if isinstance(at, int | float)]
    if all(isinstance(at, date) for at in index):
        return [_moment(at) for at in index if isinstance(at, date)]
    return None


def _moment(at: date) -> datetime:
    if isinstance(at, datetime):
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime(at.year, at.month, at.day, tzinfo=UTC)


def _rises(xs: Sequence[float | datetime]) -> bool:
    numbers = [x.timestamp() if isinstance(x, datetime) else x for x in xs]
    return all(low < high for low, high in itertools.pairwise(numbers))


def _ordered(index: Sequence[object]) -> bool:
    texts = [str(at) for at in index]
    return texts == sorted(texts) or all(re.match(r"-?\d", text) for text in texts)


def _label(at: object) -> str:
    return exact(at) if not isinstance(at, tuple) else " · ".join(exact(one) for one in at)


def _unit(name: str) -> str:
    """A unit that the column's name ends with in brackets: `delay (min)`."""
    found = re.search(r"[\[(]([^\[\]()]{1,8})[\])]\s*$", name)
    return found[1] if found else ""
