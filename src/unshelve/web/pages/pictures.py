"""Pictures: what chart steps drew, and those of a version's evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from unshelve.pipeline.kinds import ArtifactKind
from unshelve.registry.charts import StoredChart
from unshelve.storage.blobs import BlobStore
from unshelve.web.charts import bars, curves, points
from unshelve.web.charts.figure import Figure, Line
from unshelve.web.charts.stored import figure_of
from unshelve.web.evidence import Evaluation
from unshelve.web.summaries import shown_unit
from unshelve.web.views.parts import Chart, Picture
from unshelve.web.wording import exact, measure, plural, share, words

_MOST_DOCUMENT_BYTES: Final = 2_000_000
_MOST_IMPORTANT: Final = 12

Json = Any  # evaluation pictures are plain JSON until they are drawn


def chart_of(blobs: BlobStore, stored: StoredChart) -> Chart | None:
    """A chart as the dashboard shows it, or None when it is not one that can be drawn."""
    title = (stored.title or words(stored.name)).rstrip(".")
    kind = stored.artifact.get("kind")
    if kind == ArtifactKind.FIGURE:
        address = f"/runs/{stored.run_id}/charts/{stored.name}.svg"
        return Picture(title=title, description=f"Drawn by {stored.name}", picture=address)
    size = stored.artifact.get("size_bytes")
    if kind != ArtifactKind.JSON or not isinstance(size, int) or size > _MOST_DOCUMENT_BYTES:
        return None
    figure = figure_of(blobs.get(str(stored.artifact["digest"])), title=title)
    return replace(figure, href=f"/runs/{stored.run_id}/charts/{stored.name}") if figure else None


def evaluation_pictures(
    evaluation: Evaluation, *, version: int, positive: str, threshold: float | None = None
) -> tuple[Figure, ...]:
    """The pictures that fit a version's task, the most telling first; `threshold` is where the model decides."""
    drawn: list[Figure] = []
    for name, draw in _DRAWN.items():
        found = evaluation.pictures.get(name)
        if found and not (isinstance(found, Mapping) and "refused" in found):
            drawn.extend(draw(found, evaluation, _Words(version, positive, threshold)))
    if evaluation.importance:
        drawn.insert(min(2, len(drawn)), _importance(evaluation))
    return tuple(drawn)


@dataclass(frozen=True, slots=True)
class _Words:
    """What a picture needs beside its numbers."""

    version: int
    positive: str
    threshold: float | None


def _roc(found: Json, evaluation: Evaluation, words_: _Words) -> list[Figure]:
    area = evaluation.metric("roc_auc")
    curve = curves.Curve(
        word=f"v{words_.version}",
        false_rate=tuple(found["x"]),
        true_rate=tuple(found["y"]),
        area=area.value if area else None,
    )
    decides = _decides(found, words_.threshold)
    caption = ""
    if decides is not None:
        found_part, wrong_part = share(decides.true_rate, 0), share(decides.false_rate, 0)
        caption = (
            f"Where it decides, at {exact(decides.value)}, it finds {found_part} of those that were {words_.positive} "
            f"and calls {wrong_part} of the others so."
        )
    return [curves.roc([curve], positive=words_.positive.capitalize(), threshold=decides, caption=caption)]


def _decides(found: Json, threshold: float | None) -> curves.Threshold | None:
    """The point of the curve that lies at the threshold."""
    known = (
        []
        if threshold is None
        else [(abs(one - threshold), place) for place, one in enumerate(found["threshold"]) if one is not None]
    )
    if not known or threshold is None:
        return None
    _, place = min(known)
    return curves.Threshold(value=threshold, false_rate=found["x"][place], true_rate=found["y"][place])


def _calibration(found: Json, _evaluation: Evaluation, words_: _Words) -> list[Figure]:
    bins = [
        curves.Bin(score=one["said"], seen=one["came_true"], low=one["low"], high=one["high"], rows=one["n"])
        for one in found
    ]
    return [curves.calibration(bins, positive=words_.positive)]


def _precision_recall(found: Json, evaluation: Evaluation, words_: _Words) -> list[Figure]:
    part = _share_positive(evaluation)
    if part is None:
        return []
    curve = curves.Curve(word="", false_rate=tuple(found["x"]), true_rate=tuple(found["y"]))
    return [curves.precision_recall(curve, share_positive=part, positive=words_.positive)]


def _confusion(found: Json, _evaluation: Evaluation, words_: _Words) -> list[Figure]:
    names = list(map(str, found["classes"]))
    if names in (["False", "True"], ["0", "1"]):
        names = [f"not {words_.positive}", words_.positive]
    return [curves.confusion(names, found["counts"])]


def _said_and_seen(found: Json, evaluation: Evaluation, _words: _Words) -> list[Figure]:
    sample = [(float(said), float(seen)) for said, seen in found["sample"]]
    unit = shown_unit(evaluation.signature.unit)
    cloud = points.residuals(sample, unit=unit, caption=f"A sample of {plural(len(sample), 'test row')}.")
    return [cloud, *_how_far_off(found, unit)]


def _how_far_off(found: Json, unit: str) -> list[Figure]:
    listed: Sequence[Mapping[str, float]] = found["histogram"]
    if len(listed) < 2:
        return []
    edges = [one["start"] for one in listed] + [listed[-1]["end"]]
    counts = [one["n"] for one in listed]
    total = sum(counts) or 1
    under = sum(n for one, n in zip(listed, counts, strict=True) if one["end"] <= 0) / total
    drawn = bars.histogram(
        edges,
        counts,
        title="How far off",
        description=f"Seen less predicted{', ' + unit if unit else ''}; test rows",
        mark=Line(0.0, "no error"),
        caption=f"About {share(under, 0)} of the answers were too high. The ends take in what lies beyond.",
    )
    return [drawn]


def _importance(evaluation: Evaluation) -> Figure:
    ranked = sorted(evaluation.importance, key=lambda one: -one.mean)
    shown = [
        bars.Bar(name=one.column, value=one.mean, low=one.least, high=one.most) for one in ranked[:_MOST_IMPORTANT]
    ]
    metric = evaluation.metric(ranked[0].metric)
    verb = "lost" if metric is None or metric.higher_is_better else "gained"
    left_out = len(ranked) - len(shown)
    caption = f"{plural(len(ranked), 'column')}; the {left_out} least important are not shown." if left_out else ""
    return bars.rows(
        shown,
        title="What it looks at",
        description=f"{words(ranked[0].metric)} {verb} when a column is shuffled",
        caption=caption or f"Best without shuffling: {measure(metric.value)}." if metric else caption,
        code=True,
    )


def _share_positive(evaluation: Evaluation) -> float | None:
    confusion = evaluation.pictures.get("confusion")
    if not isinstance(confusion, Mapping) or len(confusion.get("counts", ())) != 2:
        return None
    rows = [sum(row) for row in confusion["counts"]]
    return float(rows[1] / sum(rows)) if sum(rows) else None


_DRAWN: Final = {
    "roc": _roc,
    "calibration": _calibration,
    "residuals": _said_and_seen,
    "confusion": _confusion,
    "precision_recall": _precision_recall,
}
