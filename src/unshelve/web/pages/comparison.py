"""Versions side by side: one row per measure, with intervals, the baseline and a small forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unshelve.models.package import Manifest
from unshelve.registry.metrics import RunMetric
from unshelve.registry.versions import Attestation, Version
from unshelve.web import states
from unshelve.web.charts import small
from unshelve.web.charts.figure import EMPTY
from unshelve.web.evidence import Evaluation
from unshelve.web.states import State
from unshelve.web.summaries import shown_unit
from unshelve.web.views.model import Cell, MeasureRow
from unshelve.web.wording import NOTHING, interval, score, size, words


def measures(
    shown: Sequence[Version],
    packages: Mapping[int, Manifest],
    evaluations: Mapping[int, Evaluation | None],
    own: Mapping[str, Sequence[RunMetric]],
    attested: Mapping[tuple[str, str], Attestation],
) -> tuple[MeasureRow, ...]:
    """The rows of the comparison: the headline first, then the other measures, the author's own, and plain facts."""
    names = list(dict.fromkeys(one.name for each in evaluations.values() if each for one in each.metrics))
    newest = next((each for each in evaluations.values() if each), None)
    names.sort(key=lambda name: name != (newest.headline if newest else ""))
    rows = [_measure_row(name, shown, evaluations) for name in names]
    rows += _own_rows(shown, own)
    rows.append(_plain_row("Trained on", "rows", [_rows_of(evaluations[one.number], "train") for one in shown]))
    rows.append(_plain_row("Judged on", "held-out rows", [_rows_of(evaluations[one.number], "test") for one in shown]))
    rows.append(_plain_row("Size", "package on disk", [size(packages[one.number].size_bytes) for one in shown]))
    proofs = [attested.get((one.manifest, "proof")) for one in shown]
    looks: list[State] = [states.proof(one.outcome if one else None) for one in proofs]
    cells = tuple(Cell(text=look.word, state=look) for look in looks)
    rows.append(MeasureRow(name="Proof", below="served as trained", cells=cells, baseline="", forest=EMPTY))
    return tuple(row for row in rows if any(cell.text != NOTHING for cell in row.cells))


def _measure_row(name: str, shown: Sequence[Version], evaluations: Mapping[int, Evaluation | None]) -> MeasureRow:
    found = [each.metric(name) if each else None for each in (evaluations[one.number] for one in shown)]
    known = [one for one in found if one is not None]
    better = known[0].higher_is_better
    values = [one.value for one in known]
    best = (max(values) if better else min(values)) if len(known) > 1 else None
    newest = next(each for each in (evaluations[one.number] for one in shown) if each)
    unit = shown_unit(known[0].unit)
    return MeasureRow(
        name=words(name),
        below=f"{'higher' if better else 'lower'} is better{', ' + unit if unit else ''}",
        cells=tuple(
            Cell(text=score(one.value), below=interval(one.low, one.high), best=one.value == best)
            if one
            else Cell(text=NOTHING)
            for one in found
        ),
        baseline=score(newest.baseline(name)) if newest.baseline(name) is not None else "",
        forest=small.forest(
            [small.Estimate(value=one.value, low=one.low, high=one.high) if one else None for one in found]
        ),
    )


def _own_rows(shown: Sequence[Version], own: Mapping[str, Sequence[RunMetric]]) -> list[MeasureRow]:
    by_version = [
        {one.name: one for one in own.get(version.run_id, ()) if one.own and one.model == version.model}
        for version in shown
    ]
    names = list(dict.fromkeys(name for each in by_version for name in each))
    rows = []
    for name in names:
        found = [each.get(name) for each in by_version]
        unit = next((shown_unit(one.unit) for one in found if one and one.unit), "")
        rows.append(
            MeasureRow(
                name=words(name),
                below=f"your own{', in ' + unit if unit else ''}",
                cells=tuple(
                    Cell(text=score(one.value), below=interval(one.low, one.high)) if one else Cell(text=NOTHING)
                    for one in found
                ),
                baseline="",
                forest=small.forest(
                    [
                        small.Estimate(value=one.value, low=one.low, high=one.high)
                        if one and one.value is not None
                        else None
                        for one in found
                    ]
                ),
            )
        )
    return rows


def _plain_row(name: str, below: str, texts: Sequence[str]) -> MeasureRow:
    cells = tuple(Cell(text=text) for text in texts)
    return MeasureRow(name=name, below=below, cells=cells, baseline="", forest=EMPTY)


def _rows_of(evaluation: Evaluation | None, part: str) -> str:
    number = evaluation.rows.get(part) if evaluation else None
    return f"{number:,}" if number else NOTHING
