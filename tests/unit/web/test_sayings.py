from __future__ import annotations

from typing import Any

import msgspec
import pytest

from unshelve.models.package import Manifest
from unshelve.web import sayings
from unshelve.web.evidence import Evaluation
from web_house import evaluation

PACKAGE = Manifest(model="trains.late", kind="model", title="", description="", files={})


def _voice(**changes: Any) -> sayings.Voice:
    found = msgspec.convert({**evaluation(0.74), **changes}, Evaluation)
    return sayings.voice_of("late", "is_late", PACKAGE, found)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"label": True, "score": 0.36}, "late"),
        ({"label": False, "score": 0.1}, "not late"),
        ({"value": 21.84}, "21.8"),
        ({"value": {"plan": "leave a margin", "chance": 0.3}}, "leave a margin"),
        ({"label": "Barolo", "scores": {"Barolo": 0.9}}, "Barolo"),
        ({"label": 3}, "3"),
    ],
)
def test_an_answer_is_said_in_one_word(answer: dict[str, Any], said: str) -> None:
    assert sayings.short(answer, _voice()) == said


def test_a_score_means_what_such_scores_meant_on_the_test_rows() -> None:
    said = sayings.said({"label": True, "score": 0.36}, _voice())
    assert said.meaning == "Of 100 test rows that scored about like this, 40 were late."
    assert "late from 50" in said.picture


def test_a_score_whose_meaning_is_not_known_is_given_none() -> None:
    assert sayings.said({"label": True, "score": 0.36}, _voice(pictures={})).meaning == ""
    few = {"calibration": [{"said": 0.4, "came_true": 0.4, "low": 0.1, "high": 0.8, "n": 5}]}
    assert sayings.said({"label": True, "score": 0.36}, _voice(pictures=few)).meaning == ""


def test_a_prediction_is_said_with_where_the_truth_lay() -> None:
    bands = [{"predicted": p, "low": -12.0, "middle": 0.0, "high": 30.0, "n": 100} for p in (0.0, 20.0, 40.0)]
    voice = _voice(
        task="regression",
        signature={"task": "regression", "unit": "min"},
        pictures={"residuals": {"sample": [], "histogram": [], "bands": bands}},
    )
    said = sayings.said({"value": 21.84}, voice)
    assert said.short == "21.8 min"
    assert said.meaning == "Of 10 test rows with about this answer, 8 came out between 9.84 and 51.8 min."


def test_several_classes_are_drawn_from_the_surest_down() -> None:
    said = sayings.said({"label": "b", "scores": {"a": 0.2, "b": 0.7, "c": 0.1}}, _voice())
    assert said.figure is not None
    assert [row[0] for row in said.figure.numbers.rows] == ["b", "a", "c"]


def test_the_threshold_of_an_answer_step_is_shown() -> None:
    package = Manifest(
        model="trains.late", kind="model", title="", description="", files={},
        answer={"name": "called_late", "frozen": {}, "arguments": {"threshold": 0.25}},
    )  # fmt: skip
    found = msgspec.convert(evaluation(0.74), Evaluation)
    assert sayings.voice_of("late", "late", package, found).threshold == 0.25
