from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unshelve.errors import NotFound, Refused
from unshelve.evaluation.importance import MOST_ROWS, ImpossibleRows, permutation_importance
from unshelve.evaluation.measures import Kind, Task
from unshelve.evaluation.truth import Predicted, Truth

AMOUNT = Task(Kind.REGRESSION)


def table(n: int) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    columns = {"large": generator.normal(size=n), "small": generator.normal(size=n), "unused": ["a", None] * (n // 2)}
    return pd.DataFrame(columns)


def predict(rows: pd.DataFrame) -> Predicted:
    return Predicted((3 * rows["large"] + rows["small"]).to_numpy())


def test_columns_are_ranked_by_what_shuffling_them_costs() -> None:
    rows = table(400)
    truth = Truth(AMOUNT, predict(rows).labels)
    found = permutation_importance(predict, rows, truth, metric="r2")
    assert [importance.column for importance in found] == ["large", "small", "unused"]
    assert (found[2].mean, found[2].least, found[2].most) == (0.0, 0.0, 0.0)
    assert found[0].mean == pytest.approx(2 * 9 / 10, abs=0.2)  # Breiman: twice the column's share of the variance


def test_importance_is_positive_for_metrics_where_lower_is_better() -> None:
    rows = table(400)
    (found,) = permutation_importance(
        predict, rows, Truth(AMOUNT, predict(rows).labels), metric="mae", columns=("large",)
    )
    assert found.least > 0


def test_the_rows_are_capped_left_alone_and_keep_their_dtypes() -> None:
    rows = table(MOST_ROWS + 500).set_index(np.arange(MOST_ROWS + 500) + 7)
    rows["category"] = pd.Categorical(["x"] * len(rows))
    before, seen = rows.copy(), []

    def watched(given: pd.DataFrame) -> Predicted:
        seen.append((len(given), given.dtypes.equals(before.dtypes), given.index.equals(pd.RangeIndex(len(given)))))
        return predict(given)

    permutation_importance(watched, rows, Truth(AMOUNT, predict(rows).labels), metric="rmse")
    assert set(seen) == {(MOST_ROWS, True, True)}
    pd.testing.assert_frame_equal(rows, before)


def test_the_same_seed_gives_the_same_importance() -> None:
    rows = table(100)
    truth = Truth(AMOUNT, predict(rows).labels)
    first, again = (permutation_importance(predict, rows, truth, metric="mae", seed=4) for _ in range(2))
    assert first == again


def test_rows_that_differ_and_metrics_without_a_value_are_refused() -> None:
    rows = table(10)
    with pytest.raises(Refused, match="10 rows, the truth 3"):
        permutation_importance(predict, rows, Truth(AMOUNT, np.zeros(3)), metric="mae")
    with pytest.raises(Refused, match="undefined on these rows"):
        permutation_importance(predict, rows, Truth(AMOUNT, np.zeros(10)), metric="r2")
    with pytest.raises(NotFound, match="cannot be measured"):
        permutation_importance(predict, rows, Truth(AMOUNT, np.zeros(10)), metric="accuracy")


def test_a_column_that_cannot_be_shuffled_alone_is_left_out_and_the_others_stay() -> None:
    rows = table(400).sort_values("small", ignore_index=True)
    truth = Truth(AMOUNT, predict(rows).labels)

    def careful(given: pd.DataFrame) -> Predicted:
        if not given["small"].is_monotonic_increasing:
            raise ImpossibleRows("the 31st of November")
        return predict(given)

    found = permutation_importance(careful, rows, truth, metric="r2")
    assert [importance.column for importance in found] == ["large", "unused"]
    usual = permutation_importance(predict, rows, truth, metric="r2")
    assert found[0] == usual[0]
