"""The gallery: every part once, filled with samples. Designers look there first; tests render it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from unshelve.schema.schema import Category, Field, FieldType, Schema
from unshelve.web import forms, states
from unshelve.web.charts import bars, curves, gantt, lines, points, small
from unshelve.web.charts.figure import Figure, Line
from unshelve.web.forms import Form
from unshelve.web.frame import Link
from unshelve.web.graph.drawing import Node, Pipeline, draw
from unshelve.web.states import State
from unshelve.web.views.ask import AnswerCard
from unshelve.web.views.notebook import CellView, LineView, ProseView, StepCard
from unshelve.web.views.parts import Alert, Event, FindingRow, GateResult, Glance, ProofSummary
from unshelve.web.views.people import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryView:
    """All parts, as samples."""

    states: tuple[State, ...]
    glances: tuple[Glance, ...]
    alerts: tuple[Alert, ...]
    figures: tuple[Figure, ...]
    wide: tuple[Figure, ...]
    pipeline: Pipeline
    form: Form
    answer: AnswerCard
    proofs: tuple[ProofSummary, ...]
    gates: tuple[GateResult, ...]
    findings: tuple[FindingRow, ...]
    cells: tuple[CellView, ...]
    steps: tuple[StepCard, ...]
    story: tuple[Event, ...]
    recipe: Recipe


def gallery(now: datetime) -> GalleryView:
    """The samples; `now` is only what the histories count back from."""
    return GalleryView(
        states=(states.OK, states.RUNNING, states.CACHED, states.WAITING, states.WARN, states.FAILED, states.IDEA),
        glances=(
            Glance(name="A state", state=states.OK.named("Answering"), below="with a line below"),
            Glance(name="A count", figure="1,234", below="and what it counts"),
            Glance(name="A share", figure="12.3 %", below="of what"),
            Glance(name="A measure", figure="0.123", below="with its interval"),
            Glance(
                name="An amount",
                figure="12.3 MB",
                below="the largest parts in words",
                href="#",
                picture=small.amounts((7, 3, 2, 0.3)),
            ),
        ),
        alerts=(
            Alert(
                state=states.RUNNING,
                title="Something waits for a word",
                text="Why, in one sentence.",
                href="#",
                action="Look",
            ),
            Alert(state=states.WARN, title="Something is worth a look", text="Why, in one sentence."),
            Alert(
                state=states.FAILED, title="Something failed", text="Where, and what to do.", href="#", action="See it"
            ),
        ),
        figures=tuple(_short(one) for one in _figures()),
        wide=(_short(_gantt()), _short(_history(now))),
        pipeline=_pipeline(),
        form=_form(),
        answer=_answer(),
        proofs=(
            _proof("proven", (95, 5, 0, 0)),
            _proof("not-covered", (80, 10, 0, 10)),
            _proof("not-proven", (50, 0, 10, 40)),
        ),
        gates=(
            GateResult(name="at least", state=states.gate("passed"), sentence="what was measured and what was asked"),
            GateResult(name="champion", state=states.gate("undecided"), sentence="too few rows to tell"),
            GateResult(name="size", state=states.gate("failed"), sentence="what was measured and what was asked"),
        ),
        findings=(
            FindingRow(
                number="S201",
                state=states.WARN,
                place="solution.py, line 12",
                what="What was found.",
                repair="What to do.",
            ),
        ),
        cells=_cells(),
        steps=_steps(),
        story=(
            Event(who="Somebody", what="did something: “the reason”", at=now - timedelta(minutes=5), note="how"),
            Event(who="The schedule", what="did something before", at=now - timedelta(days=3)),
        ),
        recipe=Recipe(title="curl", code="curl -X POST https://example.org/api/models/sample.model/predict"),
    )


def _figures() -> tuple[Figure, ...]:
    hours = [bars.Bar(name=f"{hour} h", value=10 + hour + 6 * math.sin(hour)) for hour in range(5, 24)]
    named = [bars.Bar(name=name, value=value) for name, value in (("first", 9.0), ("second", 6.5), ("third", 3.0))]
    shuffled = [
        bars.Bar(name=name, value=value, low=value - 0.01, high=value + 0.01)
        for name, value in (("one_column", 0.08), ("another_column", 0.05), ("a_third", 0.012))
    ]
    rates = tuple(step / 30 for step in range(31))
    found = tuple(rate**0.45 for rate in rates)
    months = tuple(datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13))
    seen = tuple(20 + 6 * math.sin(month) for month in range(12))
    return (
        bars.columns(
            hours,
            title="Columns",
            description="What, in which unit",
            unit="%",
            mark=Line(24, "all day"),
            caption="One sentence.",
        ),
        lines.lines(
            (
                lines.Series(
                    word="seen", xs=months, ys=seen, low=tuple(y - 2 for y in seen), high=tuple(y + 2 for y in seen)
                ),
                lines.Series(word="said", xs=months, ys=tuple(y + 0.8 for y in seen)),
            ),
            title="Lines",
            description="What, in which unit",
            unit="%",
            from_zero=True,
            x_name="Month",
        ),
        bars.rows(named, title="Rows", description="What, in which unit", unit="min", mark=Line(7, "all")),
        bars.rows(shuffled, title="Importance", description="What is lost when a column is shuffled", code=True),
        bars.histogram(
            [edge / 2 for edge in range(13)],
            [3, 8, 15, 30, 42, 40, 28, 19, 9, 4, 2, 1],
            title="Histogram",
            description="How often, by value",
            mark=Line(2.4, "middle"),
        ),
        curves.roc(
            (
                curves.Curve(
                    word="v2",
                    false_rate=rates,
                    true_rate=found,
                    area=0.69,
                    low=tuple(max(y - 0.04, 0) for y in found),
                    high=tuple(min(y + 0.04, 1) for y in found),
                ),
                curves.Curve(word="v1", false_rate=rates, true_rate=tuple(rate**0.6 for rate in rates), area=0.62),
            ),
            positive="Positives",
            threshold=curves.Threshold(value=0.3, false_rate=0.25, true_rate=0.25**0.45),
        ),
        curves.calibration(
            [
                curves.Bin(
                    score=step / 10,
                    seen=step / 10 + 0.02 * math.sin(step),
                    low=step / 10 - 0.03,
                    high=step / 10 + 0.05,
                    rows=900 - step * 80,
                )
                for step in range(1, 9)
            ],
            positive="positive",
        ),
        points.residuals([(x / 5, x / 5 + 6 * math.sin(x * 7.3)) for x in range(30)], unit="min"),
        points.intervals(
            [
                bars.Bar(name=name, value=value, low=value - 0.02, high=value + 0.02)
                for name, value in (("one part", 0.74), ("another", 0.71), ("a small one", 0.66))
            ],
            title="By part",
            description="A measure with its interval",
            mark=Line(0.73, "all"),
            weakest="a small one",
        ),
        points.scatter(
            [(x / 10, math.sin(x / 9) * 3) for x in range(25)],
            title="Scatter",
            description="One against the other",
            x_name="x",
            y_name="y",
        ),
    )


def _short(figure: Figure) -> Figure:
    """The figure with the first of its numbers: the gallery shows how they look, not what they are."""
    return replace(figure, numbers=replace(figure.numbers, rows=figure.numbers.rows[:3]))


def _pipeline() -> Pipeline:
    steps = (
        ("rows", "source", states.step("ran"), ()),
        ("table", "source", states.step("cached"), ()),
        ("kept", "keep", states.step("ran"), ("rows",)),
        ("late", "target", states.step("ran"), ("kept",)),
        ("usual", "fit", states.step("cached"), ("table",)),
        ("features", "transform", states.step("ran"), ("kept", "usual")),
        ("model", "model", states.step("running"), ("features", "late")),
        ("by_hour", "chart", states.step("failed"), ("features",)),
        ("advice", "endpoint", states.step("waiting"), ("model",)),
    )
    nodes = [
        Node(name=name, kind=kind, state=state, inputs=inputs, href=f"#{name}", detail="what it did, in a few words")
        for name, kind, state, inputs in steps
    ]
    return draw(nodes, name="samples")


def _gantt() -> Figure:
    return gantt.gantt(
        (
            gantt.Span(name="rows", state=states.step("ran"), start=0, end=1.9),
            gantt.Span(name="table", state=states.step("cached"), start=0, end=0),
            gantt.Span(name="features", state=states.step("ran"), start=2, end=10.3),
            gantt.Span(name="by_hour", state=states.step("failed"), start=10.4, end=11.6, note="KeyError"),
            gantt.Span(name="model", state=states.step("running"), start=10.4, end=None, note="62 of 100"),
            gantt.Span(name="advice", state=states.step("waiting"), start=None, end=None, note="waits for model"),
        ),
        run="a sample run",
        now=38.0,
    )


def _cells() -> tuple[CellView, ...]:
    return (
        CellView(number=1, count="", prose=(ProseView(text="A heading", heading=True), ProseView(text="Some words."))),
        CellView(
            number=2,
            count="[5]",
            lines=(
                LineView(kind="between", source="# a comment", line=1),
                LineView(kind="kept", source="x = read('a file')", line=2, note="rows", marks="1", href="#step-1",
                         repaired="what was changed in it"),
                LineView(kind="dropped", source="x.head()", line=3, note="why it was dropped"),
            ),
        ),
    )  # fmt: skip


def _steps() -> tuple[StepCard, ...]:
    return (
        StepCard(
            name="rows",
            kind="source",
            state=states.OK.named("proven"),
            code='@source\ndef rows():\n    return read("a file")  # why',
            cells=(Link("2", "#cell-2"),),
            remarks=1,
            mark=1,
            anchor="step-1",
        ),
    )


def _history(now: datetime) -> Figure:
    return lines.history(
        [
            lines.Champion(at=now - timedelta(days=120), number=1, value=0.701),
            lines.Champion(at=now - timedelta(days=70), number=2, value=0.719),
            lines.Champion(at=now - timedelta(days=12), number=3, value=0.736),
        ],
        now,
        measure_name="A measure",
    )


def _form() -> Form:
    few = tuple(Category(value=value, share=share) for value, share in (("EWR", 0.4), ("JFK", 0.3), ("LGA", 0.3)))
    more = tuple(Category(value=f"value {number}", share=1 / 12) for number in range(12))
    schema = Schema(
        (
            Field(name="a_choice", type=FieldType.CATEGORY, dtype="str", categories=few),
            Field(name="a_selection", type=FieldType.CATEGORY, dtype="str", categories=more),
            Field(name="at", title="A moment", type=FieldType.TIMESTAMP, dtype="datetime64[us]"),
            Field(name="wind", type=FieldType.FLOAT, dtype="float64", minimum=0, maximum=78, unit="km/h", default=22.0),
            Field(name="a_text", type=FieldType.STRING, dtype="object", missing=True),
            Field(name="visibility", type=FieldType.FLOAT, dtype="float64", missing=True, seen=(0, 16), unit="km"),
        )
    )
    return forms.blank(schema)


def _answer() -> AnswerCard:
    return AnswerCard(
        who="a sample model",
        said="Probably so",
        meaning="What that means, in one sentence.",
        picture=small.score_bar(0.55, threshold=0.28, word="so"),
        warnings=("wind: 140 is outside of what training has seen",),
    )


def _proof(outcome: str, counts: tuple[int, int, int, int]) -> ProofSummary:
    proven, equal, different, not_covered = counts
    return ProofSummary(
        state=states.proof(outcome),
        sentence="What was compared with what, in one sentence.",
        proven=proven,
        equal=equal,
        different=different,
        not_covered=not_covered,
        bar=small.verdict_bar(counts),
    )
