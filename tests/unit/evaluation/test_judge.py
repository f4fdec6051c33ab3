from __future__ import annotations

import dataclasses
import runpy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unshelve.evaluation.baseline import baselines
from unshelve.evaluation.evidence import Champion, Evidence, Summary
from unshelve.evaluation.gates import (
    BeatsBaseline,
    Gate,
    Proven,
    Verdict,
    at_least,
    at_most,
    beats_champion,
    custom_gate,
    max_latency,
    max_size,
    worth_at_least,
)
from unshelve.evaluation.judge import baseline_gate, judge, judge_all, summary_of
from unshelve.evaluation.measures import Kind, Metric, Task
from unshelve.evaluation.metrics import measure
from unshelve.evaluation.truth import Predicted, Truth
from unshelve.evaluation.worth import appraise

BENCHMARK = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "gates.py"))
by_auc, by_accuracy = BENCHMARK["by_auc"], BENCHMARK["by_accuracy"]
share_passed: Callable[..., float] = BENCHMARK["share_passed"]

AMOUNT = Task(Kind.REGRESSION)


def meeting(pair: tuple[Truth, Predicted, Predicted], shared: int | None = None) -> Evidence:
    """A candidate that meets a champion on the first rows of its test rows."""
    truth, champion, candidate = pair
    rows = np.arange(len(truth) if shared is None else shared)
    return Evidence(
        task=truth.task,
        metrics=measure(truth, candidate, resamples=100),
        truth=truth,
        predicted=candidate,
        baselines=baselines(truth, truth),
        champion=Champion(name="v3", rows=rows, predicted=champion.rows(rows)),
    )


def pair(seed: int = 0, **options: Any) -> tuple[Truth, Predicted, Predicted]:
    made: tuple[Truth, Predicted, Predicted] = by_auc(np.random.default_rng(seed), **options)
    return made


def outcome(gate: Gate, evidence: Evidence) -> tuple[str, str]:
    verdict = judge(gate, evidence)
    return verdict.outcome.value, verdict.message


def test_a_metric_is_held_against_its_bound() -> None:
    metric = Metric(name="mae", value=12.0, low=11.0, high=13.5, n=900, higher_is_better=False, unit="minutes")
    evidence = Evidence(task=AMOUNT, metrics=(metric,))
    assert judge(at_most("mae", 14), evidence) == Verdict(
        name="mae at most 14",
        outcome=judge(at_most("mae", 14), evidence).outcome,
        message="mae is 12 (11 to 13.5) on 900 rows; at most 14 was asked.",
        numbers={"value": 12.0, "asked": 14.0, "rows": 900.0, "low": 11.0, "high": 13.5},
    )
    assert outcome(at_least("mae", 12), evidence)[0] == "passed"
    assert outcome(at_least("mae", 12.01), evidence)[0] == "failed"
    assert "reaches past the bound" in outcome(at_most("mae", 13), evidence)[1]


def test_a_metric_that_was_not_measured_is_undecided_and_the_nearest_is_named() -> None:
    evidence = meeting(pair(rows=200))
    says = outcome(at_least("roc_acu", 0.7), evidence)
    assert says[0] == "undecided" and "Did you mean roc_auc?" in says[1]
    broken = Metric(name="own", value=float("nan"), low=None, high=None, n=1, higher_is_better=True, unit="share")
    assert outcome(at_least("own", 0), Evidence(task=AMOUNT, metrics=(broken,)))[0] == "undecided"


def test_the_first_version_has_no_champion_to_beat() -> None:
    evidence = dataclasses.replace(meeting(pair(rows=200)), champion=None)
    assert outcome(beats_champion("roc_auc"), evidence) == ("passed", "There is no champion yet to be beaten.")


def test_a_clearly_better_model_beats_the_champion_and_by_no_more_than_it_gains() -> None:
    evidence = meeting(pair(gain=0.1))
    verdict = judge(beats_champion("roc_auc"), evidence)
    assert verdict.passed and "against" in verdict.message and "v3" in verdict.message
    assert verdict.numbers["gain"] == pytest.approx(0.1, abs=0.02)
    assert outcome(beats_champion("roc_auc", by=0.09), evidence)[0] == "failed"


def test_the_champion_itself_and_a_rounding_error_do_not_beat_it() -> None:
    truth, champion, _ = pair()
    assert outcome(beats_champion("roc_auc"), meeting((truth, champion, champion)))[0] == "failed"
    assert champion.scores is not None
    surer = np.clip(champion.scores + (truth.values - 0.5) * 1e-13, 0, 1)
    rounded = Predicted(champion.labels, surer, probabilities=True)
    assert outcome(beats_champion("log_loss"), meeting((truth, champion, rounded)))[0] == "failed"


def test_a_worse_model_does_not_pass() -> None:
    truth, champion, candidate = pair(gain=0.05)
    assert outcome(beats_champion("roc_auc"), meeting((truth, candidate, champion)))[0] == "failed"


def test_too_few_shared_rows_are_undecided() -> None:
    says = outcome(beats_champion("roc_auc"), meeting(pair(gain=0.2), shared=99))
    assert says == (
        "undecided",
        "Too few rows: 99, where 100 are needed, that neither this version nor the champion v3 was trained on.",
    )
    assert outcome(beats_champion("roc_auc"), meeting(pair(gain=0.2), shared=0))[0] == "undecided"
    rare = outcome(beats_champion("roc_auc"), meeting(pair(gain=0.2, positives=0.005)))
    assert rare[0] == "undecided" and "of a second class" in rare[1]


def test_a_metric_that_only_one_of_the_models_has_is_undecided() -> None:
    truth, champion, candidate = pair(rows=300)
    says = outcome(beats_champion("roc_auc"), meeting((truth, Predicted(champion.labels), candidate)))
    assert says[0] == "undecided" and "No metric 'roc_auc'" in says[1]


def test_of_200_equal_candidates_at_most_one_in_twenty_passes() -> None:
    assert share_passed(by_auc, beats_champion("roc_auc"), candidates=200) <= 0.05


def test_a_gain_of_a_point_and_a_half_on_2000_rows_is_found_nine_times_in_ten() -> None:
    better = partial(by_auc, gain=0.015, alike=0.95)
    assert share_passed(better, beats_champion("roc_auc"), candidates=60) >= 0.9


def test_accuracy_has_the_same_size_and_power() -> None:
    assert share_passed(by_accuracy, beats_champion("accuracy"), candidates=60) <= 0.05
    better = partial(by_accuracy, gain=0.015, differ=0.035)
    assert share_passed(better, beats_champion("accuracy"), candidates=60) >= 0.9


def test_a_useful_classifier_beats_the_majority_and_a_guess_does_not() -> None:
    truth, _, candidate = pair(rows=500)
    evidence = meeting((truth, candidate, candidate))
    assert outcome(BeatsBaseline(("roc_auc",)), evidence)[0] == "passed"
    guess = Predicted(candidate.labels, np.random.default_rng(0).random(500), probabilities=True)
    says = outcome(BeatsBaseline(("roc_auc",)), meeting((truth, candidate, guess)))
    assert says[0] == "failed" and "Not worth shipping" in says[1]


def regression(true: Any, said: Any) -> Evidence:
    truth, predicted = Truth(AMOUNT, np.asarray(true)), Predicted(np.asarray(said))
    return Evidence(task=AMOUNT, truth=truth, predicted=predicted, baselines=baselines(truth, truth))


def test_a_model_of_the_median_and_one_of_the_mean_may_each_beat_the_baseline() -> None:
    generator = np.random.default_rng(0)
    known = generator.normal(size=3000)
    true = np.exp(known + 2 * generator.normal(size=3000))  # skewed: mean and median are far apart
    both = BeatsBaseline(("rmse", "mae"))
    of_median, of_mean = regression(true, np.exp(known)), regression(true, np.exp(known + 2))
    assert outcome(both, of_median)[0] == outcome(both, of_mean)[0] == "passed"
    assert "mae" in outcome(both, of_median)[1]
    assert outcome(both, regression(true, np.full(3000, true.mean())))[0] == "failed"


def test_the_strongest_baseline_must_be_beaten() -> None:
    true = np.repeat([0.0, 0.0, 9.0], 100)
    between = regression(true, np.full(300, 2.0))  # better than the mean by MAE, worse than the median
    verdict = judge(BeatsBaseline(("mae",)), between)
    assert verdict.outcome.value == "failed" and "'median'" in verdict.message


def test_the_baseline_gate_is_always_on_and_uses_the_metric_that_the_author_names() -> None:
    evidence = meeting(pair(rows=300))
    assert judge_all([at_most("brier", 0.3)], evidence)[0].name == "brier beats the baseline"
    assert baseline_gate([at_least("recall", 0.5)], evidence) == BeatsBaseline(("roc_auc",))
    assert baseline_gate([at_least("own", 0.5)], evidence, choice="accuracy") == BeatsBaseline(("accuracy",))
    assert baseline_gate([], regression([1.0, 2.0], [1.0, 2.0])) == BeatsBaseline(("rmse", "mae"))


def test_a_model_without_a_target_has_no_baseline_gate_and_cannot_beat_a_champion() -> None:
    nothing = Evidence(task=Task(Kind.UNSUPERVISED))
    assert judge_all([], nothing) == ()
    empty = Champion(name="v1", rows=np.arange(0), predicted=Predicted(np.zeros(0)))
    met = dataclasses.replace(nothing, champion=empty)
    assert outcome(beats_champion("roc_auc"), met)[0] == "undecided"


def test_test_rows_of_one_class_leave_the_baseline_undecided() -> None:
    truth, _, candidate = pair(rows=100)
    one = Truth(truth.task, np.zeros(100, dtype=np.int64))
    assert outcome(BeatsBaseline(("roc_auc",)), meeting((one, candidate, candidate)))[0] == "undecided"


@pytest.mark.parametrize(
    ("gate", "evidence", "says"),
    [
        (Proven(), Evidence(task=AMOUNT), ("undecided", "The Proof has not run.")),
        (Proven(), Evidence(task=AMOUNT, proof="proven"), ("passed", "The Proof ended 'proven'.")),
        (Proven(), Evidence(task=AMOUNT, proof="not-proven"), ("failed", "The Proof ended 'not-proven'.")),
        (max_size(2), Evidence(task=AMOUNT), ("undecided", "The version has not been packed yet.")),
        (
            max_size(2),
            Evidence(task=AMOUNT, size_bytes=2_000_000),
            ("passed", "The version takes 2 MB; at most 2 MB was asked."),
        ),
        (
            max_size(2),
            Evidence(task=AMOUNT, size_bytes=2_500_000),
            ("failed", "The version takes 2.5 MB; at most 2 MB was asked."),
        ),
        (worth_at_least(1), Evidence(task=AMOUNT), ("undecided", "Worth is not known: the model has no worth step.")),
        (BeatsBaseline(("rmse",)), Evidence(task=AMOUNT), ("undecided", "No baseline was measured.")),
    ],
)
def test_gates_on_proof_size_and_missing_evidence(gate: Gate, evidence: Evidence, says: tuple[str, str]) -> None:
    assert outcome(gate, evidence) == says


def test_latency_is_judged_by_a_quantile_that_was_really_measured() -> None:
    seconds = np.array([0.001] * 19 + [0.5])
    evidence = Evidence(task=AMOUNT, latency_seconds=seconds)
    assert outcome(max_latency(2), evidence)[0] == "passed"
    assert outcome(max_latency(2, quantile=1), evidence)[0] == "failed"
    assert outcome(max_latency(2, quantile=0.99), evidence) == (
        "undecided",
        "20 answers were timed; 100 at least are needed to judge 99 % of them.",
    )
    assert outcome(max_latency(2), Evidence(task=AMOUNT))[0] == "undecided"


def test_worth_is_judged_per_answer_or_per_thousand() -> None:
    worth = appraise(np.array([1.0, 2.0, 3.0] * 20), unit="EUR")
    evidence = Evidence(task=AMOUNT, worth=worth)
    assert outcome(worth_at_least(2), evidence)[0] == "passed"
    says = outcome(worth_at_least(2100, per="thousand"), evidence)
    assert says[0] == "failed" and "EUR" in says[1] and "per 1,000 answers" in says[1]


def test_a_gate_of_ones_own_sees_plain_numbers() -> None:
    evidence = meeting(pair(rows=300), shared=200)
    summary = summary_of(evidence)
    assert (summary.kind, summary.rows) == (Kind.BINARY, 300)
    assert set(summary.champion) == set(summary.on_shared) == set(summary.metrics)
    assert summary.baselines["majority"]["roc_auc"] == 0.5
    asks = custom_gate(lambda seen: (seen.metrics["roc_auc"] > seen.baselines["majority"]["roc_auc"], "it does"))
    assert outcome(asks, evidence) == ("passed", "it does")


def raises(summary: Summary) -> bool:
    return summary.metrics["no such metric"] > 0


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda summary: np.bool_(False), ("failed", "It returned False.")),
        (lambda summary: 1, ("undecided", "It returned 1; a gate returns True or False, or one of them and")),
        (lambda summary: None, ("undecided", "It returned None;")),
        (raises, ("undecided", "It raised KeyError: 'no such metric' (line ")),
    ],
)
def test_a_gate_of_ones_own_that_fails_does_not_pass(function: Any, says: tuple[str, str]) -> None:
    decided, message = outcome(custom_gate(function), Evidence(task=AMOUNT))
    assert decided == says[0]
    assert message.startswith(says[1])
