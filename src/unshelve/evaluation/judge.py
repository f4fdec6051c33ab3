"""Judging gates by evidence. Whatever cannot be decided does not pass, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from traceback import extract_tb
from typing import Any

import numpy as np

from unshelve.evaluation.baseline import Baseline
from unshelve.evaluation.bootstrap import LEVEL
from unshelve.evaluation.evidence import Champion, Evidence, Summary
from unshelve.evaluation.gates import (
    PER,
    AtLeast,
    AtMost,
    BeatsBaseline,
    BeatsChampion,
    CustomGate,
    Gate,
    MaxLatency,
    MaxSize,
    Outcome,
    Proven,
    Verdict,
    WorthAtLeast,
)
from unshelve.evaluation.measures import MEASURES, Kind, Metric
from unshelve.evaluation.metrics import PAIRED_RESAMPLES, Gain, gain_of, gains_of, measure
from unshelve.evaluation.truth import Predicted, Truth
from unshelve.evaluation.weighted import names_for

MIN_SHARED_ROWS = 100
"""With fewer rows that neither was trained on, candidate and champion are not compared."""

MIN_CLASS_ROWS = 25
"""With fewer of those rows in the second most frequent class, they are not compared either."""

_ROUNDING = 1e-9
"""A gain smaller than this, relative to the metric, is rounding and never passes."""

_DEFAULT = {
    Kind.BINARY: ("roc_auc", "balanced_accuracy"),
    Kind.MULTICLASS: ("roc_auc_ovr", "balanced_accuracy"),
}
"""What a baseline is beaten by when the author names no metric: the first that can be measured."""


def judge(gate: Gate, evidence: Evidence) -> Verdict:
    """The verdict on one gate.

    Cost: nothing, but for the gates that compare with champion or baseline: one paired bootstrap each (`gain_of`).
    Never raises for evidence that is missing or too little: then the outcome is "undecided".
    """
    return _JUDGE[type(gate)](gate, evidence)


def judge_all(gates: Sequence[Gate], evidence: Evidence, *, choice: str | None = None) -> tuple[Verdict, ...]:
    """The verdicts on the author's gates, after the one on the baseline, which is always on.

    choice: the metric that chose among candidates, if one did. An unsupervised model has no baseline to beat.
    """
    always = () if evidence.truth is None else (baseline_gate(gates, evidence, choice=choice),)
    return tuple(judge(gate, evidence) for gate in (*always, *gates))


def baseline_gate(gates: Sequence[Gate], evidence: Evidence, *, choice: str | None = None) -> BeatsBaseline:
    """The baseline gate of a model: by the first metric that its gates or its choice name and a constant can be
    measured by; else by ROC AUC or balanced accuracy for classes, and by RMSE or MAE for amounts (either will do,
    since a model fitted to the mean may lose to the median by MAE, and the reverse)."""
    kind = evidence.task.kind
    fitting = _fitting(evidence)
    named = [gate.metric for gate in gates if isinstance(gate, AtLeast | AtMost | BeatsChampion)] + [choice]
    for name in named:
        if name in fitting and MEASURES[name].beats_constant:
            return BeatsBaseline((name,))
    if kind not in _DEFAULT:
        return BeatsBaseline(("rmse", "mae"))
    return BeatsBaseline(tuple(name for name in _DEFAULT[kind] if name in fitting)[:1])


def _at_least(gate: AtLeast, evidence: Evidence) -> Verdict:
    return _bound(gate, evidence, "at least", lambda value: value >= gate.value)


def _at_most(gate: AtMost, evidence: Evidence) -> Verdict:
    return _bound(gate, evidence, "at most", lambda value: value <= gate.value)


def _bound(gate: AtLeast | AtMost, evidence: Evidence, words: str, holds: Callable[[float], bool]) -> Verdict:
    metric = evidence.metric(gate.metric)
    if metric is None or not np.isfinite(metric.value):
        return _undecided(gate, _not_measured(gate.metric, [metric.name for metric in evidence.metrics]))
    passed = holds(metric.value)
    message = f"{_shown(metric)}; {words} {gate.value:g} was asked."
    ends = [end for end in (metric.low, metric.high) if end is not None]
    if passed and not all(holds(end) for end in ends):
        message += " Other test rows might have failed it: the interval reaches past the bound."
    numbers = {"value": metric.value, "asked": gate.value, "rows": float(metric.n)}
    if metric.low is not None and metric.high is not None:
        numbers |= {"low": metric.low, "high": metric.high}
    return _decided(gate, passed, message, numbers)


def _beats_champion(gate: BeatsChampion, evidence: Evidence) -> Verdict:
    champion = evidence.champion
    if champion is None:
        return _decided(gate, True, "There is no champion yet to be beaten.", {})
    shared = _shared(evidence, champion)
    if shared is None:
        return _undecided(gate, "The model has no target, so there is nothing to compare by.")
    truth, candidate = shared
    lack = _too_little(truth)
    if lack is not None:
        message = f"{lack} that neither this version nor the champion {champion.name} was trained on."
        return _undecided(gate, message, {"rows": float(len(truth))})
    fitting = [name for name in names_for(truth, candidate) if name in names_for(truth, champion.predicted)]
    if gate.metric not in fitting:
        return _undecided(gate, _not_measured(gate.metric, fitting))
    gain = gain_of(gate.metric, truth, candidate, champion.predicted)
    if gain.low is None:
        return _undecided(gate, f"{gate.metric} is undefined on most resamples of the {gain.n:,} shared rows.")
    passed = _beyond_chance(gain, gate.by)
    message = f"{_gained(gain, f'the champion {champion.name}')} on {gain.n:,} rows that neither was trained on."
    if not passed:
        message += f" That it gains more than {gate.by:g} cannot be told from chance."
    return _decided(gate, passed, message, _numbers(gain) | {"by": gate.by})


def _beats_baseline(gate: BeatsBaseline, evidence: Evidence) -> Verdict:
    truth, predicted = evidence.truth, evidence.predicted
    if truth is None or predicted is None or not evidence.baselines:
        return _undecided(gate, "No baseline was measured.")
    fitting = names_for(truth, predicted)
    names = [name for name in gate.metrics if name in fitting]
    if not names:
        return _undecided(gate, _not_measured(" or ".join(gate.metrics), fitting))
    level = 1 - (1 - LEVEL) / len(names)  # Bonferroni: either metric may pass, so each must be surer
    gains = _least_gains(names, truth, predicted, evidence.baselines, level)
    decided = [(gain, against) for gain, against in gains if gain.low is not None]
    if not decided:
        return _undecided(gate, f"{' and '.join(names)} cannot be told apart from chance on these test rows.")
    gain, against = next((pair for pair in decided if _beyond_chance(pair[0])), decided[0])
    message = f"{_gained(gain, f'the baseline {against!r}')} on {gain.n:,} test rows."
    if _beyond_chance(gain):
        return _decided(gate, True, message, _numbers(gain))
    return _decided(gate, False, f"{message} Not worth shipping: that is not beyond chance.", _numbers(gain))


def _least_gains(
    names: Sequence[str], truth: Truth, predicted: Predicted, against: Sequence[Baseline], level: float
) -> list[tuple[Gain, str]]:
    """For each metric the gain over the baseline that is hardest to beat by it, and that baseline's name."""
    resamples = int(np.clip(20_000_000 / len(truth), 200, PAIRED_RESAMPLES))
    rivals = [rival.predicted for rival in against]
    found = []
    for gains in gains_of(names, truth, predicted, rivals, level=level, resamples=resamples):
        pairs = zip(gains, [rival.name for rival in against], strict=True)
        found.append(min(pairs, key=lambda pair: -np.inf if pair[0].low is None else pair[0].low))
    return found


def _beyond_chance(gain: Gain, by: float = 0.0) -> bool:
    return gain.low is not None and gain.low > by + _ROUNDING * max(abs(gain.value), abs(gain.other))


def _proven(gate: Proven, evidence: Evidence) -> Verdict:
    if evidence.proof is None:
        return _undecided(gate, "The Proof has not run.")
    return _decided(gate, evidence.proof == "proven", f"The Proof ended {evidence.proof!r}.", {})


def _worth_at_least(gate: WorthAtLeast, evidence: Evidence) -> Verdict:
    worth = evidence.worth
    if worth is None:
        return _undecided(gate, "Worth is not known: the model has no worth step.")
    scale = PER[gate.per]
    per = "answer" if scale == 1 else f"{scale:,} answers"
    value = worth.mean * scale
    between = ""
    if worth.low is not None and worth.high is not None:
        between = f" ({worth.low * scale:.4g} to {worth.high * scale:.4g})"
    message = f"{value:.4g} {worth.unit}{between} per {per} on {worth.n:,} test rows; {gate.value:g} was asked."
    return _decided(gate, value >= gate.value, message, {"value": value, "asked": gate.value, "rows": float(worth.n)})


def _max_latency(gate: MaxLatency, evidence: Evidence) -> Verdict:
    seconds = evidence.latency_seconds
    share = f"{100 * gate.quantile:g} %"
    needed = 1 if gate.quantile == 1 else int(np.ceil(1 / (1 - gate.quantile) - 1e-9))
    n = 0 if seconds is None else len(seconds)
    if seconds is None or n < needed:
        return _undecided(gate, f"{n} answers were timed; {needed} at least are needed to judge {share} of them.")
    took = 1000 * float(np.quantile(seconds, gate.quantile, method="inverted_cdf"))
    message = f"{share} of {n:,} answers took at most {took:.3g} ms; {gate.milliseconds:g} ms was asked."
    return _decided(gate, took <= gate.milliseconds, message, {"milliseconds": took, "asked": gate.milliseconds})


def _max_size(gate: MaxSize, evidence: Evidence) -> Verdict:
    if evidence.size_bytes is None:
        return _undecided(gate, "The version has not been packed yet.")
    megabytes = evidence.size_bytes / 1e6
    message = f"The version takes {megabytes:.3g} MB; at most {gate.megabytes:g} MB was asked."
    return _decided(gate, megabytes <= gate.megabytes, message, {"megabytes": megabytes, "asked": gate.megabytes})


def _custom(gate: CustomGate, evidence: Evidence) -> Verdict:
    try:
        answer = gate.function(summary_of(evidence))
    except Exception as error:  # noqa: BLE001  the author's own code: its failure is a verdict, not ours
        place = extract_tb(error.__traceback__)[-1]
        return _undecided(gate, f"It raised {type(error).__name__}: {error} (line {place.lineno} of {place.filename}).")
    passed, message = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, "")
    if not isinstance(passed, bool | np.bool_) or not isinstance(message, str):
        return _undecided(gate, f"It returned {answer!r}; a gate returns True or False, or one of them and a sentence.")
    return _decided(gate, bool(passed), message or f"It returned {bool(passed)}.", {})


def summary_of(evidence: Evidence) -> Summary:
    """The evidence as plain numbers, for gates of the author's own. Cost: the metrics of the shared rows."""
    champion: tuple[Metric, ...] = ()
    candidate: tuple[Metric, ...] = ()
    shared = None if evidence.champion is None else _shared(evidence, evidence.champion)
    if shared is not None and evidence.champion is not None and len(shared[0]):
        champion = measure(shared[0], evidence.champion.predicted, resamples=0)
        candidate = measure(*shared, resamples=0)
    return Summary(
        kind=evidence.task.kind,
        rows=0 if evidence.truth is None else len(evidence.truth),
        metrics=_values(evidence.metrics),
        baselines={baseline.name: _values(baseline.metrics) for baseline in evidence.baselines},
        champion=_values(champion),
        on_shared=_values(candidate),
        worth=None if evidence.worth is None else evidence.worth.mean,
        latency_seconds=() if evidence.latency_seconds is None else tuple(evidence.latency_seconds.tolist()),
        size_bytes=evidence.size_bytes,
        proof=evidence.proof,
    )


def _shared(evidence: Evidence, champion: Champion) -> tuple[Truth, Predicted] | None:
    if evidence.truth is None or evidence.predicted is None:
        return None
    return evidence.truth.rows(champion.rows), evidence.predicted.rows(champion.rows)


def _too_little(truth: Truth) -> str | None:
    """What is lacking of rows to compare two models on, as the start of a sentence; None when there are enough."""
    if len(truth) < MIN_SHARED_ROWS:
        return f"Too few rows: {len(truth):,}, where {MIN_SHARED_ROWS} are needed,"
    if truth.task.classifies:
        second = int(np.sort(np.bincount(truth.values, minlength=2))[-2])
        if second < MIN_CLASS_ROWS:
            return f"Too few rows of a second class: {second}, where {MIN_CLASS_ROWS} are needed, among {len(truth):,}"
    return None


def _fitting(evidence: Evidence) -> tuple[str, ...]:
    if evidence.truth is None or evidence.predicted is None:
        return ()
    return names_for(evidence.truth, evidence.predicted)


def _not_measured(name: str, measured: Iterable[str]) -> str:
    known = list(measured)
    near = get_close_matches(name, known, n=1)
    close = f" Did you mean {near[0]}?" if near else ""
    return f"No metric {name!r} was measured; there are {', '.join(known) or 'none'}.{close}"


def _shown(metric: Metric) -> str:
    between = "" if metric.low is None or metric.high is None else f" ({metric.low:.4g} to {metric.high:.4g})"
    return f"{metric.name} is {metric.value:.4g}{between} on {metric.n:,} rows"


def _gained(gain: Gain, against: str) -> str:
    interval = f"{_end(gain.low)} to {_end(gain.high)}"
    said = f"better by {gain.gain:.3g} ({interval})" if gain.gain > 0 else f"no better (a gain of {interval})"
    return f"{gain.metric} is {gain.value:.4g} against {gain.other:.4g} of {against}, {said}"


def _end(value: float | None) -> str:
    return "?" if value is None else f"{value + 0.0:.3g}"  # plus zero: minus zero is zero


def _numbers(gain: Gain) -> dict[str, float]:
    numbers = {"value": gain.value, "other": gain.other, "gain": gain.gain, "rows": float(gain.n), "level": gain.level}
    if gain.low is not None and gain.high is not None:
        numbers |= {"low": gain.low, "high": gain.high}
    return numbers


def _values(metrics: Sequence[Metric]) -> dict[str, float]:
    return {metric.name: metric.value for metric in metrics}


def _decided(gate: Gate, passed: bool, message: str, numbers: dict[str, float]) -> Verdict:
    outcome = Outcome.PASSED if passed else Outcome.FAILED
    return Verdict(name=gate.name, outcome=outcome, message=message, numbers=numbers)


def _undecided(gate: Gate, message: str, numbers: dict[str, float] | None = None) -> Verdict:
    return Verdict(name=gate.name, outcome=Outcome.UNDECIDED, message=message, numbers=numbers or {})


_JUDGE: dict[type[Gate], Callable[[Any, Evidence], Verdict]] = {  # Any: the gate that is the key
    AtLeast: _at_least,
    AtMost: _at_most,
    BeatsChampion: _beats_champion,
    BeatsBaseline: _beats_baseline,
    Proven: _proven,
    WorthAtLeast: _worth_at_least,
    MaxLatency: _max_latency,
    MaxSize: _max_size,
    CustomGate: _custom,
}
