"""How often gates pass what they should and should not, and how long evaluation takes.

    python benchmarks/gates.py

The simulation: champion and candidate are two models of the same data, so their scores are alike. Within a class the
two scores have correlation `alike`, and each has exactly the true ROC AUC that is asked for (normal scores, classes
apart by sqrt(2) x the normal quantile of the AUC). For accuracy, the two differ on a share `differ` of the rows. Every
simulated pair is judged by the very gate that a solution uses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import NormalDist

import numpy as np

from unshelve.evaluation.evidence import Champion, Evidence
from unshelve.evaluation.gates import Gate, Outcome, beats_champion
from unshelve.evaluation.judge import judge
from unshelve.evaluation.measures import Kind, Task
from unshelve.evaluation.metrics import measure
from unshelve.evaluation.truth import Floats, Predicted, Truth, infer_task, predicted_of, truth_of

Pair = tuple[Truth, Predicted, Predicted]
"""The truth of the shared rows, the champion's answers, the candidate's answers."""

_TASK = Task(Kind.BINARY, (False, True))


def by_auc(
    generator: np.random.Generator,
    *,
    rows: int = 2_000,
    gain: float = 0.0,
    alike: float = 0.93,
    auc: float = 0.75,
    positives: float = 0.3,
) -> Pair:
    """Two models with true ROC AUC `auc` and `auc + gain` whose scores are correlated within each class."""
    true = (generator.random(rows) < positives).astype(np.int64)
    shared = generator.normal(size=rows)
    answers = []
    for area in (auc, auc + gain):
        apart = np.sqrt(2) * NormalDist().inv_cdf(area)
        score = apart * true + np.sqrt(alike) * shared + np.sqrt(1 - alike) * generator.normal(size=rows)
        answers.append(Predicted((score > apart).astype(np.int64), 1 / (1 + np.exp(-score)), probabilities=True))
    return Truth(_TASK, true), answers[0], answers[1]


def by_accuracy(
    generator: np.random.Generator, *, rows: int = 2_000, gain: float = 0.0, differ: float = 0.04, right: float = 0.8
) -> Pair:
    """Two models that are right on a share `right` and `right + gain`, and differ on a share `differ` of the rows."""
    true = (generator.random(rows) < 0.3).astype(np.int64)
    luck = generator.random(rows)
    champion = luck < right
    breaks, repairs = (differ - gain) / 2, (differ + gain) / 2
    candidate = (champion & (luck >= breaks)) | (~champion & (luck < right + repairs))
    return (
        Truth(_TASK, true),
        Predicted(np.where(champion, true, 1 - true)),
        Predicted(np.where(candidate, true, 1 - true)),
    )


def by_rmse(generator: np.random.Generator, *, rows: int = 2_000, alike: float = 0.93) -> Pair:
    """Two equally good models of an amount with heavy tails (Student's t with 3 degrees of freedom)."""
    true: Floats = generator.standard_t(3, size=rows)
    shared = generator.normal(size=rows)
    said = [np.sqrt(alike) * shared + np.sqrt(1 - alike) * generator.normal(size=rows) for _ in range(2)]
    return Truth(Task(Kind.REGRESSION), true), Predicted(said[0] / 2), Predicted(said[1] / 2)


def share_passed(
    make: Callable[[np.random.Generator], Pair], gate: Gate, *, candidates: int = 200, seed: int = 0
) -> float:
    """The share of simulated candidates that pass the gate."""
    outcomes = [judge(gate, evidence).outcome for evidence in simulated(make, candidates, seed)]
    return outcomes.count(Outcome.PASSED) / candidates


def simulated(make: Callable[[np.random.Generator], Pair], candidates: int, seed: int) -> Iterator[Evidence]:
    """Evidence of candidates that meet a champion, all rows being shared."""
    for number in range(candidates):
        truth, champion, candidate = make(np.random.default_rng([seed, number]))
        shared = np.arange(len(truth))
        yield Evidence(
            task=truth.task,
            truth=truth,
            predicted=candidate,
            champion=Champion(name="champion", rows=shared, predicted=champion),
        )


def share_higher(make: Callable[[np.random.Generator], Pair], *, candidates: int = 200) -> float:
    """The share of candidates whose accuracy is simply the higher number: what a gate without a test would pass."""
    higher = 0
    for evidence in simulated(make, candidates, 0):
        if evidence.truth is not None and evidence.predicted is not None and evidence.champion is not None:
            true = evidence.truth.values
            candidate, champion = evidence.predicted.labels == true, evidence.champion.predicted.labels == true
            higher += bool(candidate.mean() > champion.mean())
    return higher / candidates


def seconds_to_measure(rows: int, classes: int) -> float:
    """CPU seconds for all metrics with intervals of random answers; classes=0 is a regression."""
    generator = np.random.default_rng(0)
    if classes == 0:
        amount = generator.gamma(2.0, size=rows)
        task = infer_task(amount, is_classifier=False)
        truth, predicted = truth_of(task, amount), predicted_of(task, amount + generator.normal(size=rows))
    else:
        label = generator.integers(0, classes, rows)
        scores = generator.random((rows, classes)) + 0.3 * np.eye(classes)[label]
        scores /= scores.sum(axis=1, keepdims=True)
        task = infer_task(label, is_classifier=True)
        truth, predicted = truth_of(task, label), predicted_of(task, scores.argmax(axis=1), scores)
    start = time.process_time()
    measure(truth, predicted)
    return time.process_time() - start


def main() -> None:
    auc, accuracy, rmse = beats_champion("roc_auc"), beats_champion("accuracy"), beats_champion("rmse")
    print(f"{os.cpu_count()} CPUs, numpy {np.__version__}\n")
    print("200 equal candidates: share that passes (5 % at most)")
    for words, make, gate in (
        ("ROC AUC, 2,000 rows", by_auc, auc),
        ("ROC AUC, 1,000 rows, 3 % positive", partial(by_auc, rows=1_000, positives=0.03), auc),
        ("ROC AUC, 100 rows", partial(by_auc, rows=100), auc),
        ("accuracy, 2,000 rows", by_accuracy, accuracy),
        ("RMSE, heavy tails, 2,000 rows", by_rmse, rmse),
    ):
        print(f"  {words:<40} {100 * share_passed(make, gate):5.1f} %", flush=True)
    print(f"  {'accuracy is the higher number (no test)':<40} {100 * share_higher(by_accuracy):5.1f} %")
    print("\na true gain of 1.5 points on 2,000 rows: share of 200 that is found (90 % at least)")
    for alike in (0.90, 0.93, 0.95, 0.97):
        found = share_passed(partial(by_auc, gain=0.015, alike=alike), auc)
        print(f"  ROC AUC 0.750 to 0.765, scores alike {alike:<4} {100 * found:5.1f} %", flush=True)
    for differ in (0.03, 0.035, 0.04, 0.05, 0.06):
        found = share_passed(partial(by_accuracy, gain=0.015, differ=differ), accuracy)
        print(f"  accuracy, models differ on {100 * differ:>3.1f} % of rows {100 * found:5.1f} %", flush=True)
    print("\nall metrics with intervals, CPU seconds (one thread)")
    for rows in (2_000, 41_000, 160_000):
        times = [seconds_to_measure(rows, classes) for classes in (2, 7, 0)]
        print(f"  {rows:>7,} rows: two classes {times[0]:.2f}, seven {times[1]:.2f}, amount {times[2]:.2f}", flush=True)


if __name__ == "__main__":
    main()
