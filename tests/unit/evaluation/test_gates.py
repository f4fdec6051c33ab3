from __future__ import annotations

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.evidence import Summary
from unshelve.evaluation.gates import (
    BeatsBaseline,
    Gate,
    at_least,
    at_most,
    beats_champion,
    custom_gate,
    max_latency,
    max_size,
    worth_at_least,
)


def fair_to_islands(summary: Summary) -> bool:
    return summary.rows > 0


def test_a_gate_has_a_name_that_says_what_it_asks() -> None:
    gates: list[Gate] = [
        at_least("roc_auc", 0.7),
        at_most("mae", 12),
        beats_champion("roc_auc"),
        beats_champion("roc_auc", by=0.01),
        worth_at_least(2.5),
        worth_at_least(2500, per="thousand"),
        max_latency(20),
        max_size(50),
        custom_gate(fair_to_islands),
        custom_gate(fair_to_islands, "fair"),
        BeatsBaseline(("rmse", "mae")),
    ]
    assert [gate.name for gate in gates] == [
        "roc_auc at least 0.7",
        "mae at most 12",
        "roc_auc beats the champion",
        "roc_auc beats the champion by 0.01",
        "worth at least 2.5 per answer",
        "worth at least 2500 per thousand answers",
        "95 % of answers within 20 ms",
        "size at most 50 MB",
        "fair to islands",
        "fair",
        "rmse or mae beats the baseline",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.7", None, True])
def test_a_bound_that_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(SolutionInvalid, match="finite number"):
        at_least("roc_auc", value)


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(SolutionInvalid, match="cannot be below 0"):
        beats_champion("roc_auc", by=-0.01)


def test_a_quantile_of_0_and_an_unknown_unit_of_worth_are_refused() -> None:
    with pytest.raises(SolutionInvalid, match="above 0"):
        max_latency(20, quantile=0)
    with pytest.raises(SolutionInvalid, match='"thousand"'):
        worth_at_least(1, per="year")


def test_a_gate_of_ones_own_must_be_callable_and_a_metric_must_be_named() -> None:
    with pytest.raises(SolutionInvalid, match="needs a function"):
        custom_gate("roc_auc > 0.7")  # type: ignore[arg-type]
    with pytest.raises(SolutionInvalid, match="name of a metric"):
        at_least("", 0.7)
