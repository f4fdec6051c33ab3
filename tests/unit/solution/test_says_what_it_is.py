"""Whether an estimator classifies, by what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from unshelve.solution.judging import is_classifier


@dataclass
class Boosted:
    """As CatBoost's regressor is, which has the classes of no rows."""

    _estimator_type: str = "regressor"
    classes_: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("estimator", "classifies"),
    [
        (LogisticRegression(), True),
        (LinearRegression(), False),
        (make_pipeline(LinearRegression()), False),
        (make_pipeline(LogisticRegression()), True),
        (KMeans(), None),
        (Boosted(), False),
        (object(), None),
    ],
)
def test_an_estimator_is_what_it_says(estimator: object, classifies: bool | None) -> None:
    assert is_classifier(estimator) is classifies
