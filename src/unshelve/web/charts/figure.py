"""A chart as a value: what it says, the picture, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

CARD: Final = 360.0
"""Width of a picture in a card, in pixels: charts are drawn at 1:1."""

EMPTY: Final = Markup("")
"""Where there is no picture."""

WIDE: Final = 960.0
"""Width of a picture across the page."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The table behind a chart: the first column names a row, the others are numbers that right-align."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One chart. `title` says the finding or the subject, `description` what is drawn in which unit."""

    title: str
    description: str
    svg: Markup = field(repr=False, metadata={"twin": False})
    numbers: Numbers
    caption: str = ""
    wide: bool = False
    href: str = ""
    """The chart's own page, from which its numbers are fetched when they are asked for; empty where they come along."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight reference line with its word: a threshold, a mean."""

    value: float
    word: str


def numbers(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Numbers:
    """The table behind a chart, from any sequences of texts."""
    return Numbers(tuple(headings), tuple(tuple(row) for row in rows))
