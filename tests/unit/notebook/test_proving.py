"""The proof of a lifted solution: what is equal is proven, and every planted difference is found and named."""

from __future__ import annotations

import functools
import pickle
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from databases import settle
from unshelve.notebook.compare_process import carry_out
from unshelve.notebook.expected import Drawing, Expected, ExpectedMetric
from unshelve.notebook.lift_run import LiftRun, lift_run
from unshelve.notebook.outcome import GOOD
from unshelve.notebook.proving import Proven, held_against, prove
from unshelve.serving.code import VersionCode
from unshelve.solution.control import Control
from unshelve.solution.files import code_files
from unshelve.solution.origin import Requests, Verdict

SOLUTION = '''"""Wines: of which grape is a wine?"""
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from unshelve import answer, fit, keep, metric, model, source, split, target, transform

COLUMNS = ["alcohol", "hue", "proline"]


@source
def wines():
    return load_wine(as_frame=True).frame[[*COLUMNS, "target"]]


@keep
def usual(wines):
    return wines[wines["alcohol"] > 11.5]


@target
def grape(usual):
    return usual["target"]


@split
def parts(usual):
    return train_test_split(usual.index, test_size=0.3, random_state=1)


@fit
def scaler(usual_train):
    return StandardScaler().fit(usual_train[COLUMNS])


@transform
def features(usual, scaler):
    return pd.DataFrame(scaler.transform(usual[COLUMNS]), columns=COLUMNS)


@model
def forest(features_train, grape_train):
    return RandomForestClassifier(n_estimators=10, random_state=3).fit(features_train, grape_train)


@metric
def share_right(forest, features_test, grape_test):
    return accuracy_score(grape_test, forest.predict(features_test))
'''
ANSWER = """
@answer
def called(forest):
    return np.minimum(forest.argmax(axis=1), 1)
"""
COLUMNS = ["alcohol", "hue", "proline"]


def straight_line(
    kept: Path,
    *,
    seed: int | None = 3,
    probabilities: bool = False,
    scaled_by: str = "train",
    backwards: bool = False,
    changed: int | None = None,
) -> Expected:
    """What a notebook of these lines computes, kept as a watched run keeps it."""
    df = load_wine(as_frame=True).frame[[*COLUMNS, "target"]]
    df = df[df["alcohol"] > 11.5].reset_index(drop=True)
    X_train, X_test, y_train, y_test = train_test_split(df[COLUMNS], df["target"], test_size=0.3, random_state=1)
    if backwards:
        X_test, y_test = X_test[::-1], y_test[::-1]
    scaler = StandardScaler().fit(X_train if scaled_by == "train" else df[COLUMNS])
    train = pd.DataFrame(scaler.transform(X_train), columns=COLUMNS)
    test = pd.DataFrame(scaler.transform(X_test), columns=COLUMNS)
    kept.mkdir()
    state = {"numpy": np.random.get_state(), "random": random.getstate()}
    (kept / "random-7.pkl").write_bytes(pickle.dumps(state))
    model = RandomForestClassifier(n_estimators=10, random_state=seed).fit(train, y_train)
    said = model.predict_proba(test) if probabilities else model.predict(test)
    if changed is not None:
        said[changed] = (said[changed] + 1) % 3
    keep_call(kept, 0, [train, y_train], model, model)
    keep_call(kept, 1, [test], model, said)
    accuracy = accuracy_score(y_test, model.predict(test))
    stable = seed is not None
    metric = ExpectedMetric(
        step="share_right", key="share_right", name="accuracy_score", statement=9, value=accuracy, stable=stable
    )
    return Expected(
        kept=kept,
        model="forest",
        features="features",
        fit_call=0,
        predict_call=1,
        metrics=(metric,),
        model_stable=stable,
        predictions_stable=stable,
        places={9: "cell 4, line 2"},
    )


def keep_call(kept: Path, number: int, arguments: list[Any], receiver: Any, result: Any) -> None:
    call = {"arguments": tuple(arguments), "keywords": {}, "receiver": receiver, "result": result}
    (kept / f"call-{number}.pkl").write_bytes(cloudpickle.dumps(call))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proofs")


@pytest.fixture(scope="module")
def control(root: Path) -> Iterator[Control]:
    """A home whose worker and answer processes serve all proofs."""
    with Control.open(settle(root / "home")) as opened, opened.answering() as address:
        opened.address = address
        yield opened


@pytest.fixture(scope="module")
def ran(root: Path, control: Control) -> Iterator[LiftRun]:
    """The solution as it is, run once."""
    expected = straight_line(root / "kept")
    with lift_run(written(root, "wines"), expected, control=control, told=lambda _said: None) as run:
        yield run


@pytest.fixture(scope="module")
def unseeded(root: Path, control: Control) -> Iterator[LiftRun]:
    """The solution without a seed and with an answer step, run with the random state put back."""
    folder = written(root, "unseeded", ("random_state=3", "random_state=None"), ("\n\n@metric", f"{ANSWER}\n\n@metric"))
    with lift_run(folder, two_kinds(root), control=control, told=lambda _said: None) as run:
        yield run


@functools.cache
def two_kinds(root: Path) -> Expected:
    """What an unseeded notebook computes that tells two kinds of wine apart in the end."""
    expected = straight_line(root / "kept_unseeded", seed=None)
    said = pickle.loads((expected.kept / "call-1.pkl").read_bytes())["result"]
    (expected.kept / "10-called.pkl").write_bytes(pickle.dumps(np.minimum(said, 1)))
    return replace(expected, random={"forest": (Drawing(statement=7, source=""),)}, answered="10-called.pkl")


class Here:
    """Compares as the child process does, in this one: the process itself is the point of few tests."""

    def __init__(self, run: LiftRun) -> None:
        self._functions = VersionCode("wines", code_files(run.folder)[0]).functions()

    def compare(self, place: Path, _timeout_seconds: float) -> None:
        carry_out(place, self._functions)

    def close(self) -> None: ...


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiftRun, "child", lambda run: Here(run))


def written(root: Path, name: str, *edits: tuple[str, str]) -> Path:
    text = SOLUTION
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (root / name).mkdir()
    (root / name / "solution.py").write_text(text, encoding="utf-8")
    return root / name


def verdicts(proven: Proven) -> dict[str, set[Verdict]]:
    found: dict[str, set[Verdict]] = {}
    for value in proven.values:
        found.setdefault(value.part, set()).add(value.verdict)
    return found


def test_a_solution_that_computes_the_same_is_proven(ran: LiftRun, tmp_path: Path) -> None:
    proven = held_against(ran, straight_line(tmp_path / "kept"))
    assert (proven.outcome, proven.reason, proven.failure) == ("proven", None, None)
    assert (proven.equal_metrics, proven.stable_metrics) == (1, 1)
    assert proven.request == Requests(rows=53, equal=53)
    found = verdicts(proven)
    assert found.pop("features") <= GOOD
    assert set(found) == {"metric", "model", "prediction", "request", "mutation"}
    assert all(each == {Verdict.PROVEN} for each in found.values())


@pytest.mark.usefixtures("here")
def test_probabilities_are_compared_where_the_notebook_predicted_them(ran: LiftRun, tmp_path: Path) -> None:
    proven = held_against(ran, straight_line(tmp_path / "kept", probabilities=True))
    assert proven.outcome == "proven"
    assert proven.request == Requests(rows=53, equal=53)


@pytest.mark.usefixtures("here")
def test_another_seed_is_another_model(ran: LiftRun, tmp_path: Path) -> None:
    proven = held_against(ran, straight_line(tmp_path / "kept", seed=4))
    assert proven.outcome == "not-proven"
    assert proven.reason == (
        "Not equal: the fitted RandomForestClassifier: the notebook has 4, the solution 3; random_state."
    )


@pytest.mark.usefixtures("here")
def test_a_scaler_fitted_on_all_rows_is_found_in_what_the_model_is_given(ran: LiftRun, tmp_path: Path) -> None:
    proven = held_against(ran, straight_line(tmp_path / "kept", scaled_by="all"))
    assert proven.outcome == "not-proven"
    assert str(proven.reason).startswith("Not equal: what the model is given: 121 training rows: the notebook has ")
    assert str(proven.reason).endswith("column alcohol, row 0.")


@pytest.mark.usefixtures("here")
def test_rows_in_another_order_are_not_the_same_rows(ran: LiftRun, tmp_path: Path) -> None:
    proven = held_against(ran, straight_line(tmp_path / "kept", backwards=True))
    assert proven.outcome == "not-proven"
    assert "53 test rows" in str(proven.reason)
    assert "the same rows in another order" in str(proven.reason)


@pytest.mark.usefixtures("here")
def test_one_changed_prediction_is_found_by_its_row_and_a_changed_metric_by_its_place(
    ran: LiftRun, tmp_path: Path
) -> None:
    expected = straight_line(tmp_path / "kept", changed=17)
    metric = replace(expected.metrics[0], value=0.5)
    proven = held_against(ran, replace(expected, metrics=(metric,)))
    assert proven.outcome == "not-proven"
    assert "the first that differs is that of test row 17" in str(proven.reason)
    assert (proven.request, proven.equal_metrics) == (Requests(rows=53, equal=52), 0)
    (asked,) = [value for value in proven.values if value.part == "request"]
    assert asked.detail.startswith("1 of 53 are answered differently, first test row 17 (row ")
    (found,) = [value for value in proven.values if value.part == "metric"]
    assert (found.what, found.verdict) == ("accuracy_score in cell 4, line 2", Verdict.DIFFERENT)


@pytest.mark.usefixtures("here")
def test_without_any_kept_call_nothing_is_proven(ran: LiftRun, tmp_path: Path) -> None:
    expected = straight_line(tmp_path / "kept")
    proven = held_against(ran, replace(expected, fit_call=None, predict_call=None))
    assert proven.outcome == "not-proven"
    assert "Not compared: the fitted model: it was not kept" in str(proven.reason)
    assert proven.request is None


def test_an_unseeded_model_is_proven_with_the_random_state_put_back(unseeded: LiftRun, root: Path) -> None:
    proven = held_against(unseeded, two_kinds(root))
    assert (proven.outcome, proven.reason) == ("proven", None)
    (metric,) = [value for value in proven.values if value.part == "metric"]
    assert (metric.verdict, metric.what) == (Verdict.PROVEN, "accuracy_score in cell 4, line 2")
    assert "random state put back" in metric.detail
    assert verdicts(proven)["request"] == {Verdict.PROVEN}
    assert "put_back" not in (root / "unseeded" / "solution.py").read_text(encoding="utf-8")


@pytest.mark.usefixtures("here")
def test_an_answer_step_is_held_against_what_the_notebook_made_of_its_predictions(
    unseeded: LiftRun, root: Path
) -> None:
    expected = two_kinds(root)
    (expected.kept / "11-others.pkl").write_bytes(pickle.dumps([2] * 53))
    proven = held_against(unseeded, replace(expected, answered="11-others.pkl"))
    assert proven.request == Requests(rows=53, equal=0)
    assert "the notebook has 2, the solution " in str(proven.reason)


@pytest.mark.usefixtures("here")
def test_an_answer_step_that_cannot_be_compared_is_said(unseeded: LiftRun, root: Path) -> None:
    proven = held_against(unseeded, replace(two_kinds(root), answered=None))
    assert proven.outcome == "proven"
    (said,) = [value for value in proven.values if value.verdict is Verdict.NOT_COVERED]
    assert said.what == "what called makes of a prediction"


@pytest.mark.usefixtures("here")
def test_test_rows_that_the_notebook_never_predicted_are_asked_of_its_fitted_model(
    ran: LiftRun, tmp_path: Path
) -> None:
    proven = held_against(ran, replace(straight_line(tmp_path / "kept"), predict_call=None))
    assert proven.outcome == "proven"
    assert [value.detail for value in proven.values if value.what == "which answers are right"] == [
        "the notebook never predicted test rows: its fitted model was asked"
    ]


@pytest.mark.usefixtures("here")
def test_an_unseeded_model_is_not_proven_without_it(ran: LiftRun, tmp_path: Path) -> None:
    proven = held_against(ran, straight_line(tmp_path / "kept", seed=None))
    assert proven.outcome == "not-proven"
    assert "Not stable: the fitted model" in str(proven.reason)
    assert verdicts(proven)["metric"] == {Verdict.UNSTABLE}
    assert proven.stable_metrics == 0


def test_a_transform_that_uses_its_batch_is_named_with_the_platforms_code(
    root: Path, control: Control, tmp_path: Path
) -> None:
    batch = "((usual[COLUMNS] - usual[COLUMNS].mean()) / usual[COLUMNS].std()).to_numpy()"
    folder = written(root, "batch", ("scaler.transform(usual[COLUMNS])", batch))
    proven = prove(folder, straight_line(tmp_path / "kept"), control=control)
    assert (proven.failed_step, proven.failed_code) == ("features", "transform-not-row-wise")
    assert proven.outcome == "not-proven"
    assert str(proven.reason).startswith("The solution did not run to its end: Transform features")
