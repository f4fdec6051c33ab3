"""Where the time of a run goes: one bar per step over the seconds since it began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.figure import WIDE, Figure, numbers
from unshelve.web.charts.scale import Scale, ticks
from unshelve.web.states import State
from unshelve.web.wording import duration

MOST_STEPS: Final = 80
_ROW: Final = 30.0
_TOP: Final = 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step: when it began and ended, in seconds since the run began; None where it did not."""

    name: str
    state: State
    start: float | None
    end: float | None
    note: str = ""
    href: str = ""


def gantt(spans: Sequence[Span], *, run: str, now: float | None = None, caption: str = "") -> Figure:
    """Steps over time. `now` is the run's age in seconds while it is running; a running step reaches up to it."""
    shown = list(spans)[:MOST_STEPS]
    reach = max([now or 0.0, *(span.end or 0.0 for span in shown)]) or 1.0
    steps = ticks(0, reach, 7)
    left = 42 + min(max((len(span.name) * 7.3 for span in shown), default=60), 190)
    along = Scale(0, steps[-1], left, WIDE - 70)
    height = _TOP + len(shown) * _ROW + 18
    parts: list[Markup] = []
    for value in steps:
        parts.append(svg.line(along(value), _TOP, along(value), height - 12, "grid"))
        parts.append(svg.text(along(value), 14, duration(value) if value else "0 s", None, "middle"))
    if now is not None:
        parts.append(svg.line(along(now), _TOP, along(now), height - 12, "mark"))
        parts.append(svg.text(along(now) + 6, height - 2, f"now, {duration(now)}", "two"))
    parts.extend(_row(span, _TOP + 11 + index * _ROW, along, now) for index, span in enumerate(shown))
    left_out = f" The first {MOST_STEPS} of {len(spans)} steps are drawn." if len(spans) > MOST_STEPS else ""
    picture = svg.element(
        "svg", svg.join(parts), class_="plot wide drawn gantt", viewBox=f"0 0 {svg.number(WIDE)} {svg.number(height)}",
        role="group", aria_label=f"Steps of {run} over time",
    )  # fmt: skip
    return Figure(
        title="Where the time goes",
        description=f"Steps of {run}, seconds since it began",
        caption=(caption + left_out).strip(),
        wide=True,
        svg=picture,
        numbers=numbers(
            ["Step", "Began", "Took"],
            [(span.name, duration(span.start), _took(span)) for span in spans],
        ),
    )


def _row(span: Span, y: float, along: Scale, now: float | None) -> Markup:
    letters = int((along.start - 34) / 7.25)
    name = span.name if len(span.name) <= letters else f"{span.name[: letters - 1]}…"
    inside = svg.element("use", class_="icon", href=f"#i-{span.state.icon}", x=2, y=y + 1, width=15, height=15)
    inside += svg.text(25, y + 13, name, "name")
    if span.start is None:
        inside += svg.text(along.start + 7, y + 13, svg.fitting(span.note or span.state.word, WIDE - along.start - 17))
    else:
        end = span.end if span.end is not None else max(now or span.start, span.start)
        wide = max(along(end) - along(span.start), 5.0)
        inside += svg.element("rect", class_="box", x=along(span.start), y=y, width=wide, height=18, rx=3)
        inside += _said(span, along(span.start), along(span.start) + wide, y)
    label = f"{span.name}, {span.state.word}{', ' + _took(span) if span.end is not None else ''}"
    return svg.element("a", inside, class_=f"node is-{span.state.tone}", href=span.href or "#", aria_label=label)


def _said(span: Span, start: float, end: float, y: float) -> Markup:
    cached = span.state.word == "cached"
    said = "cached" if cached else _took(span)
    if span.note:
        said = f"{said} · {span.note}"
    room = WIDE - end - 10
    if svg.width(said) <= room or end - start < svg.width(said):
        return svg.text(end + 8, y + 13, svg.fitting(said, room))
    return svg.text(start + 10, y + 13, said)


def _took(span: Span) -> str:
    if span.start is None:
        return duration(None)
    if span.end is None:
        return "running"
    return duration(span.end - span.start)
