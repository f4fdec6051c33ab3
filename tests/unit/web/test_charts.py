"""Every chart is well-formed SVG without colours of its own, says its numbers, and stays small."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from unshelve.web.charts import bars, curves, lines, points, scale, small, stored, svg
from unshelve.web.charts.figure import Figure
from unshelve.web.views.gallery import gallery

NOW = datetime(2026, 3, 14, tzinfo=UTC)
FIGURES = [*gallery(NOW).figures, *gallery(NOW).wide]
FINITE = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.title)
def test_a_figure_is_well_formed_and_has_no_colours_of_its_own(figure: Figure) -> None:
    for element in ElementTree.fromstring(figure.svg).iter():
        assert not {"style", "fill", "stroke", "onclick"} & set(element.attrib)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.title)
def test_a_figure_says_its_numbers_in_a_table(figure: Figure) -> None:
    assert figure.numbers.rows
    assert all(len(row) == len(figure.numbers.headings) for row in figure.numbers.rows)


def test_a_text_from_outside_cannot_leave_its_place() -> None:
    drawn = bars.rows([bars.Bar(name='<script>"&', value=1.0)], title="</svg>", description='"')
    assert "<script>" not in drawn.svg
    ElementTree.fromstring(drawn.svg)


@given(FINITE, FINITE)
def test_ticks_are_round_rise_and_cover_the_range(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = scale.ticks(low, high)
    slack = (found[-1] - found[0]) * 1e-8
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert all(a < b for a, b in pairwise(found))
    assert len(found) <= 12


@given(st.lists(FINITE, min_size=2, max_size=8, unique=True))
def test_the_labels_of_ticks_differ(values: list[float]) -> None:
    found = scale.ticks(min(values), max(values))
    assert len(set(scale.labels(found))) == len(found)


def test_few_points_of_a_long_line_keep_its_spikes() -> None:
    line = [(float(x), 0.0) for x in range(50_000)]
    line[31_415] = (31_415.0, 9.0)
    found = scale.thin(line)
    assert len(found) <= scale.MOST_POINTS
    assert (31_415.0, 9.0) in found
    assert found == sorted(found)


def test_few_points_of_a_cloud_keep_its_outermost() -> None:
    chance = random.Random(1)
    cloud = [(chance.random(), chance.gauss(0, 1)) for _ in range(20_000)] + [(0.5, 40.0)]
    found = scale.spread(cloud)
    assert len(found) <= scale.MOST_POINTS
    assert (0.5, 40.0) in found


def test_a_chart_of_many_rows_stays_light() -> None:
    cloud = [(float(x), math.sin(x)) for x in range(100_000)]
    assert len(points.residuals(cloud).svg) < 30_000
    xs = tuple(NOW + timedelta(minutes=n) for n in range(50_000))
    drawn = lines.lines(
        [lines.Series(word="seen", xs=xs, ys=tuple(math.sin(n / 500) for n in range(50_000)))],
        title="t",
        description="d",
    )
    assert len(drawn.svg) < 12_000
    assert len(drawn.numbers.rows) <= 60


def test_charts_of_nothing_are_drawn_all_the_same() -> None:
    drawn = [
        bars.columns([], title="t", description="d"),
        bars.rows([], title="t", description="d"),
        lines.lines([lines.Series(word="", xs=(), ys=())], title="t", description="d"),
        curves.roc([], positive="late"),
        curves.calibration([], positive="late"),
        points.residuals([]),
        points.intervals([], title="t", description="d"),
        curves.confusion([], []),
    ]
    assert all(isinstance(figure.svg, Markup) for figure in drawn)


def test_values_that_are_not_numbers_are_left_out() -> None:
    drawn = bars.columns(
        [bars.Bar(name="a", value=math.nan), bars.Bar(name="b", value=2.0), bars.Bar(name="c", value=math.inf)],
        title="t",
        description="d",
    )
    assert drawn.numbers.rows == (("b", "2"),)
    assert "nan" not in drawn.svg


def test_a_score_stands_on_its_bar_in_points_of_a_hundred() -> None:
    drawn = small.score_bar(0.552, threshold=0.28, word="late")
    assert 'aria-label="Score 55 of 100; late from 28"' in drawn


def test_no_verdict_vanishes_from_the_bar_of_a_proof() -> None:
    root = ElementTree.fromstring(small.verdict_bar((1_000_000, 1, 0, 1)))
    assert [float(rect.attrib["width"]) for rect in root] == [pytest.approx(280, abs=0.1), 5, 5]


def test_the_width_of_a_text_grows_with_it() -> None:
    assert svg.width("abc") < svg.width("abcd")
    assert svg.fitting("a very long name indeed", 60).endswith("…")
    assert svg.width(svg.fitting("a very long name indeed", 60)) <= 60


@pytest.mark.parametrize(
    ("document", "starts"),
    [
        (b'{"kind":"bar","x":["North","South"],"y":[1,2],"title":"T"}', "Bar chart"),
        (b'{"kind":"bar","x":["A rather long name of a railway company","B"],"y":[1,2]}', "Bar chart"),
        (b'{"kind":"line","x":["2026-01-01","2026-01-08"],"y":[1,2],"unit":"%"}', "Line chart"),
        (b'{"kind":"line","x":["a","b","c"],"series":{"one":[1,2,3],"two":[3,2,null]}}', "Line chart"),
        (b'{"kind":"bar","x":["a","b"],"series":{"one":[1,2],"two":[2,1]}}', "Bar chart"),
    ],
)
def test_what_a_chart_step_returned_is_drawn(document: bytes, starts: str) -> None:
    figure = stored.figure_of(document, title="By region")
    assert figure is not None
    label = ElementTree.fromstring(figure.svg).attrib["aria-label"]
    assert label.startswith(starts)


@pytest.mark.parametrize(
    "document", [b"{", b"[]", b'{"x":[1,2],"y":[1]}', b'{"x":[],"y":[]}', b'{"x":["a"],"y":[null]}', b'{"x":{},"y":[]}']
)
def test_what_cannot_be_drawn_is_no_figure(document: bytes) -> None:
    assert stored.figure_of(document, title="t") is None
