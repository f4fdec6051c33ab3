"""examples/runtimes as plain functions: no platform, no server."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from unshelve.pipeline.step import Kind, mark_of


@pytest.fixture(scope="module")
def rows(runtimes_file: ModuleType) -> pd.DataFrame:
    found: pd.DataFrame = runtimes_file.calculations()
    return found


@pytest.fixture(scope="module")
def judged(runtimes_file: ModuleType, rows: pd.DataFrame) -> tuple[Any, pd.DataFrame, Any]:
    """The forest, with features and truth of the held-out quarter."""
    train, test = (
        part.reset_index(drop=True) for part in train_test_split(rows, stratify=rows["took"], random_state=0)
    )
    known = runtimes_file.known(train)
    candidates = runtimes_file.duration(runtimes_file.features(train, known), runtimes_file.took(train))
    return candidates["forest"], runtimes_file.features(test, known), runtimes_file.took(test)


def test_all_four_classes_are_there(runtimes_file: ModuleType, rows: pd.DataFrame) -> None:
    assert runtimes_file.every_class_is_there(rows) is None
    assert sorted(rows["took"].unique()) == sorted(runtimes_file.CLASSES)


def test_a_rare_class_is_told(runtimes_file: ModuleType, rows: pd.DataFrame) -> None:
    assert runtimes_file.every_class_is_there(rows[rows["took"] != "long"]) == "only 0 calculations are long"


def test_features_of_a_row_alone_are_those_in_bulk(runtimes_file: ModuleType, rows: pd.DataFrame) -> None:
    known = runtimes_file.known(rows)
    bulk = runtimes_file.features(rows, known)
    for number in range(0, len(rows), 97):
        alone = runtimes_file.features(rows.iloc[[number]].reset_index(drop=True), known)
        assert_frame_equal(alone, bulk.iloc[[number]].reset_index(drop=True))


def test_the_model_beats_the_commonest_class(runtimes_file: ModuleType, judged: tuple[Any, pd.DataFrame, Any]) -> None:
    fitted, features, truth = judged
    assert accuracy_score(truth, fitted.predict(features)) > truth.value_counts(normalize=True).max() + 0.2
    assert runtimes_file.one_class_off_at_most(fitted, features, truth) > 0.95


def test_charts_show_every_class_and_protocol(
    runtimes_file: ModuleType, rows: pd.DataFrame, judged: tuple[Any, pd.DataFrame, Any]
) -> None:
    assert runtimes_file.right_by_class(*judged)["x"] == runtimes_file.CLASSES
    assert runtimes_file.above_five_minutes(rows).between(0, 100).sum() == rows["protocol"].nunique()


def test_each_class_that_an_answer_is_off_costs_minutes(runtimes_file: ModuleType) -> None:
    answer = SimpleNamespace(label="fast")
    assert [runtimes_file.minutes_saved(answer, took) for took in ("fast", "moderate", "long")] == [10, -10, -30]


@pytest.mark.parametrize(
    ("label", "chance", "queue"), [("very fast", 0.9, "short"), ("long", 0.7, "long"), ("fast", 0.5, "general")]
)
def test_a_calculation_is_sent_on_only_when_the_model_is_sure(
    runtimes_file: ModuleType, label: str, chance: float, queue: str
) -> None:
    told = runtimes_file.queue(SimpleNamespace(label=label, scores={label: chance}))
    assert (told.queue, told.chance) == (queue, chance)


def test_decorated_functions_carry_their_kind(runtimes_file: ModuleType) -> None:
    kinds = {name: mark.kind for name, value in vars(runtimes_file).items() if (mark := mark_of(value))}
    assert kinds["calculations"] is Kind.SOURCE and kinds["queue"] is Kind.ENDPOINT
