"""Which of the models that a notebook fitted is the model, by which call it was fitted, asked and measured.

The one that was saved; else the last one fitted by a search; else the best by the metric that the author looked at
on rows it was not fitted on; else the last. Two that are equally good are told as a tie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final

from unshelve.errors import NotFound, Refused
from unshelve.notebook.flow import Flow
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import Call, ValueInfo, Watched

HIGHER: Final = (
    "roc_auc_score", "accuracy_score", "balanced_accuracy_score", "f1_score", "r2_score", "score", "precision_score",
    "recall_score", "average_precision_score", "explained_variance_score", "matthews_corrcoef",
)  # fmt: skip
LOWER: Final = (
    "root_mean_squared_error", "mean_squared_error", "mean_absolute_error", "log_loss", "brier_score_loss",
    "median_absolute_error", "mean_absolute_percentage_error", "mean_squared_log_error",
)  # fmt: skip
_STEPS_BACK: Final = 4
"""How many statements may lie between a prediction and the metric that is about it: a threshold, a rounding."""
TRIALS: Final = 12
"""A statement that fits more models than this tries settings; what it fits last is not the author's model."""
_ASKS: Final = ("predict", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number that the author computed of a model on some rows."""

    call: int
    statement: int
    name: str
    value: float
    direct: bool = True
    """Whether it is about what the model said itself, and not about what was made of it: a threshold, `exp`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that was fitted: the last fit of one estimator object."""

    fit: int
    """Index of the call."""
    statement: int
    variable: str
    """The name that holds it once it is fitted."""
    taken: int | None = None
    """The statement that took it out of what was fitted: `model = search.best_estimator_`."""
    type: str
    searched: bool
    saved: bool
    asked: tuple[int, ...]
    """Calls that predicted with it or scored it, after the fit."""
    measured: tuple[Measured, ...] = ()
    """On rows that it was not fitted on."""
    on_training: tuple[Measured, ...] = ()
    """On those that it was fitted on, where the notebook holds others out: they say nothing of how good it is."""

    @property
    def label(self) -> str:
        return f"{self.variable} ({self.type.rpartition('.')[2]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model of a notebook."""

    model: Candidate
    predict: int | None
    """The call by which it predicted the rows it is judged by; None where there is none."""
    others: tuple[Candidate, ...] = ()
    tie: tuple[str, ...] = ()
    """Variables that were as good by what was measured."""
    why: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)


def choose(notebook: Notebook, watched: Watched, flow: Flow, *, wanted: str | None = None) -> Choice:
    """The model. Refused when nothing was fitted; NotFound, with near names, for a `wanted` that was not."""
    found = list(candidates(watched, flow))
    found += _taken_out(watched, flow, found)
    if not found:
        raise Refused(
            f"{notebook.path.name} fits no model that could answer.",
            code="notebook-no-model",
            hint="Fit a model of scikit-learn, LightGBM or XGBoost in it (`model.fit(X, y)`).",
        )
    if wanted is not None:
        return _wanted(found, wanted, watched)
    found = _without_trials(found, watched)
    for why, some in (
        ("it was saved", [each for each in found if each.saved]),
        ("it came of the last search", [each for each in found if each.asked and _of_search(each, found, flow)][-1:]),
    ):
        if some:
            return _choice(some[-1], found, watched, why)
    best, tie, metric = _best(found)
    if best is not None:
        return _choice(
            best, found, watched, f"it has the best {metric}" if len(found) > 1 else "it is the only one", tie
        )
    asked = [each for each in found if each.asked] or found
    return _choice(asked[-1], found, watched, "it is the only one" if len(found) == 1 else "it was fitted last")


def _without_trials(found: list[Candidate], watched: Watched) -> list[Candidate]:
    """Without the models of statements that fit very many, one for each setting or seed that was tried."""
    fits = Counter(call.statement for call in watched.calls if call.kind in ("fit", "search") and not call.inside)
    return [each for each in found if fits[each.statement] <= TRIALS] or found


def _of_search(candidate: Candidate, found: list[Candidate], flow: Flow) -> bool:
    """Whether a search fitted it, or it was fitted again as a search had found it."""
    if candidate.searched:
        return True
    searches = {each.statement for each in found if each.searched}
    return bool(searches & flow.slice({candidate.statement}))


def candidates(watched: Watched, flow: Flow) -> Iterator[Candidate]:
    """Every model that was fitted, in the order of their last fits."""
    last: dict[tuple[int, str], int] = {}
    for number, call in enumerate(watched.calls):
        if call.kind in ("fit", "search") and not call.inside and call.receiver is not None:
            key = (call.receiver.identity, call.receiver.type)
            last.pop(key, None)
            last[key] = number
    for (identity, kind), number in last.items():
        call = watched.calls[number]
        asked = tuple(
            place
            for place, later in enumerate(watched.calls)
            if place > number
            and later.kind in _ASKS
            and not later.inside
            and later.receiver is not None
            and (later.receiver.identity, later.receiver.type) == (identity, kind)
        )
        if not asked and call.kind != "search" and not _predicts(kind):
            continue
        yield Candidate(
            fit=number,
            statement=call.statement,
            variable=_variable(watched, call),
            type=kind,
            searched=call.kind == "search",
            saved=_saved(watched, identity, number),
            asked=asked,
            measured=tuple(_measured(watched, flow, _fresh(watched, call, asked))),
            on_training=tuple(_measured(watched, flow, _remembered(watched, call, asked))),
        )


def _taken_out(watched: Watched, flow: Flow, found: list[Candidate]) -> Iterator[Candidate]:
    """Models that came out of others: the best of a search, asked under a name of its own."""
    fitted = {
        (receiver.identity, receiver.type)
        for call in watched.calls
        if call.kind in ("fit", "search") and not call.inside and (receiver := call.receiver) is not None
    }
    asked: dict[tuple[int, str], list[int]] = {}
    for number, call in enumerate(watched.calls):
        if call.kind in _ASKS and not call.inside and call.receiver is not None:
            key = (call.receiver.identity, call.receiver.type)
            if key not in fitted:
                asked.setdefault(key, []).append(number)
    for (identity, kind), numbers in asked.items():
        first = watched.calls[numbers[0]].statement
        bound = [
            (run.number, name)
            for run in watched.statements[: first + 1]
            for name, info in run.bound.items()
            if (info.identity, info.type) == (identity, kind)
        ]
        if not bound:
            continue
        statement, variable = bound[-1]
        makers = {maker for each in flow.needs[statement].values() for maker in each}
        source = [each for each in found if each.statement in makers]
        if source:
            fit = watched.calls[source[-1].fit]
            yield replace(
                source[-1],
                variable=variable,
                type=kind,
                taken=statement,
                saved=_saved(watched, identity, source[-1].fit),
                asked=tuple(numbers),
                measured=tuple(_measured(watched, flow, _fresh(watched, fit, tuple(numbers)))),
                on_training=tuple(_measured(watched, flow, _remembered(watched, fit, tuple(numbers)))),
            )


def _predicts(kind: str) -> bool:
    name = kind.rpartition(".")[2]
    ends = ("Classifier", "Regressor", "Regression", "SVC", "SVR", "NB", "Ridge", "Lasso", "ElasticNet", "KMeans")
    return name.endswith(ends) or name in ("Pipeline", "LogisticRegressionCV", "Perceptron", "DBSCAN")


def _variable(watched: Watched, call: Call) -> str:
    """The name of the estimator after its fit: the last statement's that bound it, at or before the fit."""
    assert call.receiver is not None
    found = ""
    for run in watched.statements[: call.statement + 1]:
        for name, info in run.bound.items():
            if info.identity == call.receiver.identity and info.type == call.receiver.type:
                found = name
    return found


def _saved(watched: Watched, identity: int, fitted: int) -> bool:
    return any(
        each.identity == identity for call in watched.calls[fitted:] if call.kind == "save" for each in call.arguments
    )


def _fresh(watched: Watched, fit: Call, asked: tuple[int, ...]) -> list[int]:
    """The calls that ask about rows which the model was not fitted on; all where nothing is held out."""
    trained = fit.arguments[0].fingerprint if fit.arguments else ""
    fresh = [
        number for number in asked if (given := watched.calls[number].arguments) and given[0].fingerprint != trained
    ]
    return fresh if fresh or _is_divided(watched) else list(asked)


def _remembered(watched: Watched, fit: Call, asked: tuple[int, ...]) -> list[int]:
    """The calls that ask about the very rows that it was fitted on, where others are held out."""
    fresh = set(_fresh(watched, fit, asked))
    return [number for number in asked if number not in fresh]


def _measured(watched: Watched, flow: Flow, fresh: list[int]) -> Iterator[Measured]:
    """Metrics of what the model said in these calls, and what it scored in them."""
    for number in fresh:
        call = watched.calls[number]
        if call.kind == "score" and call.value is not None:
            yield Measured(call=number, statement=call.statement, name="score", value=call.value)
    for number, call in enumerate(watched.calls):
        counts = call.kind == "metric" and not call.inside and call.value is not None
        about = _of(watched, flow, number) if counts and number > min(fresh, default=len(watched.calls)) else None
        if about is not None and about in fresh:
            result = watched.calls[about].result
            yield Measured(
                call=number,
                statement=call.statement,
                name=call.name.rpartition(".")[2],
                value=call.value or 0.0,
                direct=result is not None and result.fingerprint in {each.fingerprint for each in call.arguments},
            )


def _of(watched: Watched, flow: Flow, metric: int) -> int | None:
    """The call that predicted what a metric is about: of equal content; else the nearest before it that it needs."""
    call = watched.calls[metric]
    given = {each.fingerprint for each in call.arguments if each.fingerprint}
    said = [
        number
        for number, each in enumerate(watched.calls[:metric])
        if each.kind == "predict" and not each.inside and each.result is not None
    ]
    same = [number for number in said if (result := watched.calls[number].result) and result.fingerprint in given]
    if same:
        return same[-1]
    reached = {call.statement}
    for _ in range(_STEPS_BACK):
        near = [number for number in said if watched.calls[number].statement in reached]
        if near:
            return near[-1]
        reached |= {maker for each in reached for makers in flow.needs[each].values() for maker in makers}
    return None


def _best(found: list[Candidate]) -> tuple[Candidate | None, tuple[str, ...], str]:
    """The best by the metric that most candidates have, those as good as it, and the metric's name."""
    counts: dict[str, int] = {}
    for each in found:
        for name in {measured.name for measured in each.measured}:
            counts[name] = counts.get(name, 0) + 1
    known = [name for name in (*HIGHER, *LOWER) if name in counts]
    if not known:
        return None, (), ""
    metric = max(known, key=lambda name: (counts[name], -known.index(name)))
    sign = 1.0 if metric in HIGHER else -1.0
    values = {
        number: sign * [measured.value for measured in each.measured if measured.name == metric][-1]
        for number, each in enumerate(found)
        if any(measured.name == metric for measured in each.measured)
    }
    highest = max(values.values())
    equal = [number for number, value in values.items() if value == highest]
    tie = tuple(found[number].variable for number in equal) if len(equal) > 1 else ()
    return found[equal[-1]], tie, metric


def _wanted(found: list[Candidate], wanted: str, watched: Watched) -> Choice:
    named = [each for each in found if each.variable == wanted or each.type.rpartition(".")[2] == wanted]
    if not named:
        names = sorted({each.variable for each in found})
        raise NotFound(
            f"The notebook fits no model {wanted!r}.",
            code="notebook-model-not-found",
            near=get_close_matches(wanted, names, n=2),
            hint=f"It fits {', '.join(each.label for each in found)}.",
        )
    return _choice(named[-1], found, watched, "it was asked for")


def _choice(model: Candidate, found: list[Candidate], watched: Watched, why: str, tie: tuple[str, ...] = ()) -> Choice:
    return Choice(
        model=model,
        predict=_judged_by(model, watched),
        others=tuple(each for each in found if each is not model),
        tie=tie,
        why=why,
    )


def _judged_by(model: Candidate, watched: Watched) -> int | None:
    """The call that predicted the rows the model is judged by: those of its metrics; those it was fitted on only
    where the notebook divides none.
    """
    fit = watched.calls[model.fit]
    trained = fit.arguments[0].fingerprint if fit.arguments else ""
    others = [
        number
        for number in model.asked
        if (rows := _rows(watched.calls[number])) is not None and rows.fingerprint != trained and (rows.rows or 0) > 1
    ]
    if not others and not _is_divided(watched):
        others = [number for number in model.asked if ((_rows(watched.calls[number]) or _NOTHING).rows or 0) > 1]
    measured = {
        each.fingerprint for found in model.measured for each in watched.calls[found.call].arguments if each.fingerprint
    }
    for number in others:
        result = watched.calls[number].result
        if watched.calls[number].kind == "predict" and result is not None and result.fingerprint in measured:
            return number
    predicts = [number for number in others if watched.calls[number].kind == "predict"]
    largest = max(((_rows(watched.calls[number]) or _NOTHING).rows or 0 for number in others), default=0)
    for number in [*predicts, *others]:
        if ((_rows(watched.calls[number]) or _NOTHING).rows or 0) == largest:
            return number
    return None


def _is_divided(watched: Watched) -> bool:
    return any(call.kind == "split" for call in watched.calls)


def _rows(call: Call) -> ValueInfo | None:
    return call.arguments[0] if call.arguments else None


_NOTHING: Final = ValueInfo(kind="none", type="NoneType", identity=0, fingerprint="", rows=0)
