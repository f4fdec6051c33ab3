"""How an answer is said: in one word for lists, and as a card with what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from unshelve.models.package import Manifest
from unshelve.web.charts import bars, small
from unshelve.web.charts.figure import EMPTY, Figure
from unshelve.web.evidence import Evaluation
from unshelve.web.wording import NOTHING, exact, measure, plural, words

_ENOUGH_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What is needed to say the answers of one version in words.

    `positive` is the word for the class that a score speaks for: the name of the target. `threshold` is known when
    the model decides at one half, or when its answer step has one number for it.
    """

    name: str
    positive: str = ""
    unit: str = ""
    yes: object = True
    threshold: float | None = None
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer in words: the short form, what it means, and its picture or values."""

    short: str
    meaning: str = ""
    picture: Markup = EMPTY
    figure: Figure | None = None
    values: tuple[tuple[str, str], ...] = ()


def voice_of(name: str, target: str | None, manifest: Manifest, evaluation: Evaluation | None) -> Voice:
    """The voice of a version of the model `name` that learned `target`."""
    classes = evaluation.signature.classes if evaluation else ()
    unit = (evaluation.signature.unit if evaluation else None) or ""
    return Voice(
        name=name,
        positive=positive_word(target),
        unit=unit,
        yes=classes[-1] if len(classes) == 2 else True,
        threshold=threshold_of(manifest, evaluation),
        evaluation=evaluation,
    )


def positive_word(target: str | None) -> str:
    """The word for what a target says when it is so: `is_late` and `late` are "late"."""
    return words(target).lower().removeprefix("is ") if target else ""


def short(answer: Mapping[str, Any], voice: Voice) -> str:
    """The answer in a few words: `late`, `21.8 min`, `leave a margin`."""
    if "value" in answer:
        value = answer["value"]
        if isinstance(value, Mapping):
            return exact(next(iter(value.values()))) if value else NOTHING
        return measure(value, voice.unit) if isinstance(value, int | float) else exact(value)
    return _label(answer.get("label"), voice)


def said(answer: Mapping[str, Any], voice: Voice) -> Said:
    """The answer with all that is known to say about it."""
    value = answer.get("value")
    if isinstance(value, Mapping):
        return _combined(value)
    if "value" in answer:
        return Said(short=short(answer, voice), meaning=_about_value(value, voice))
    if "score" in answer:
        return _scored(answer, voice)
    if "scores" in answer:
        return _several(answer, voice)
    return Said(short=_label(answer.get("label"), voice))


def _scored(answer: Mapping[str, Any], voice: Voice) -> Said:
    score = float(answer["score"])
    probability = voice.evaluation is None or voice.evaluation.signature.scores in (None, "probability")
    return Said(
        short=_label(answer.get("label"), voice),
        meaning=_about_score(score, voice),
        picture=small.score_bar(score, threshold=voice.threshold, word=voice.positive or "yes")
        if probability and 0 <= score <= 1
        else EMPTY,
        values=() if probability else (("Score", measure(score)),),
    )


def _several(answer: Mapping[str, Any], voice: Voice) -> Said:
    scores: Mapping[str, float] = answer["scores"]
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    drawn = [bars.Bar(name=name, value=value * 100) for name, value in ranked[:10]]
    more = f"; the first 10 of {len(ranked)}" if len(ranked) > 10 else ""
    figure = bars.rows(drawn, title="How sure it is", description=f"Points of 100 for each class{more}")
    return Said(
        short=_label(answer.get("label"), voice),
        meaning=f"It gives {ranked[0][0]} {measure(round(ranked[0][1] * 100, 1))} points of 100." if ranked else "",
        figure=figure if drawn else None,
    )


def _combined(value: Mapping[str, Any]) -> Said:
    items = list(value.items())
    if not items:
        return Said(short=NOTHING)
    return Said(
        short=_capital(exact(items[0][1])),
        values=tuple((words(name), _plain(one)) for name, one in items[1:]),
    )


def _label(label: object, voice: Voice) -> str:
    """A label as a word. Of a yes-or-no target the target's name speaks: `late`, `not late`."""
    if voice.positive and isinstance(label, bool | int) and voice.yes in (True, 1) and label in (0, 1):
        return voice.positive if label else f"not {voice.positive}"
    return exact(label)


def _about_score(score: float, voice: Voice) -> str:
    """What such a score meant on the test rows, from the calibration; nothing where that is not known."""
    if voice.evaluation is None or not voice.positive:
        return ""
    near = _nearest(voice.evaluation.pictures.get("calibration"), "said", score)
    if near is None:
        return ""
    hundred = round(float(near["came_true"]) * 100)
    were = "was" if hundred == 1 else "were"
    return f"Of 100 test rows that scored about like this, {hundred} {were} {voice.positive}."


def _about_value(value: object, voice: Voice) -> str:
    """Where the truth lay for like predictions on the test rows; nothing where that is not known."""
    if voice.evaluation is None or not isinstance(value, int | float):
        return ""
    residuals = voice.evaluation.pictures.get("residuals")
    bands = residuals.get("bands") if isinstance(residuals, Mapping) else None
    near = _nearest(bands, "predicted", float(value))
    if near is None:
        return ""
    low, high = measure(value + float(near["low"])), measure(value + float(near["high"]), voice.unit)
    return f"Of 10 test rows with about this answer, 8 came out between {low} and {high}."


def _nearest(bins: object, key: str, value: float) -> Mapping[str, Any] | None:
    listed = [one for one in bins if isinstance(one, Mapping)] if isinstance(bins, Sequence) else []
    enough = [one for one in listed if int(one.get("n", 0)) >= _ENOUGH_ROWS]
    return min(enough, key=lambda one: abs(float(one[key]) - value), default=None)


def threshold_of(manifest: Manifest, evaluation: Evaluation | None) -> float | None:
    """From which score on a version says yes, where that can be told."""
    if evaluation is None or evaluation.task != "binary" or evaluation.signature.scores != "probability":
        return None
    if manifest.answer is None:
        return 0.5
    arguments = manifest.answer.get("arguments")
    numbers = [
        one
        for one in (arguments.values() if isinstance(arguments, Mapping) else ())
        if isinstance(one, float) and 0 < one < 1
    ]
    return numbers[0] if len(numbers) == 1 else None


def _plain(value: object) -> str:
    if isinstance(value, float):
        return measure(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(name))} {_plain(one)}" for name, one in value.items())
    if isinstance(value, list | tuple) and len(value) > 6:
        return plural(len(value), "value")
    return exact(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
