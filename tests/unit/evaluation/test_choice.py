from __future__ import annotations

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.choice import best, choose


def test_the_highest_or_the_lowest_value_is_chosen_as_the_metric_has_it() -> None:
    values = {"linear": 0.7, "trees": 0.8, "forest": 0.6}
    assert choose(values, higher_is_better=True) == "trees"
    assert choose(values, higher_is_better=False) == "forest"


def test_of_equal_candidates_the_first_is_chosen_and_one_without_a_value_never() -> None:
    assert choose({"a": None, "b": float("nan"), "c": 0.5, "d": 0.5}, higher_is_better=True) == "c"


def test_candidates_without_any_value_are_refused() -> None:
    with pytest.raises(SolutionInvalid, match="None of the candidates"):
        choose({"a": None}, higher_is_better=True)


def test_best_names_a_metric() -> None:
    assert repr(best("roc_auc")) == "best('roc_auc')"
    with pytest.raises(SolutionInvalid, match="name of a metric"):
        best("")
