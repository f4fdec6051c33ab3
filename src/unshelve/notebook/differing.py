"""What differs between a lift and the one before: steps, metrics, answers."""

from __future__ import annotations

from collections.abc import Iterator

from unshelve.notebook.kept_answers import answers_before
from unshelve.notebook.lifting_again import Before
from unshelve.solution.origin import Lift, LiftAnswers, LiftChanges, MetricBefore, ProvenValue


def changes_since(
    before: Before, lift: Lift, values: tuple[ProvenValue, ...], answers: LiftAnswers | None
) -> LiftChanges:
    """What differs from the lift before."""
    then, now = ({each.name: (each.kind, each.code) for each in steps} for steps in (before.lift.steps, lift.steps))
    known = then.keys() & now.keys()
    return LiftChanges(
        added=tuple(each.name for each in lift.steps if each.name not in then),
        removed=tuple(each.name for each in before.lift.steps if each.name not in now),
        changed=tuple(name for name in now if name in known and _differ(then[name], now[name])),
        metrics=tuple(_metrics(before.proof.values if before.proof is not None else (), values)),
        answers=answers_before(before.answers, answers),
    )


def told(changes: LiftChanges) -> list[str]:
    """The changes in lines for people."""
    if not changes.any:
        return ["Since the lift before: no step, metric or answer differs"]
    lines = [
        f"  steps {word}: {', '.join(names)}"
        for word, names in (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed))
        if names
    ]
    lines += [
        f"  {each.name}: {each.before or 'not there'} before, {each.now or 'gone'} now" for each in changes.metrics
    ]
    if changes.answers is not None:
        lines.append(
            f"  answers: {changes.answers.changed:,} of {changes.answers.rows:,} test rows are answered otherwise"
        )
    return ["Since the lift before:", *lines]


def _differ(then: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether kind or code of a step differ; older lifts did not keep the code."""
    return then[0] != now[0] or (then[1] != "" and then[1] != now[1])


def _metrics(before: tuple[ProvenValue, ...], now: tuple[ProvenValue, ...]) -> Iterator[MetricBefore]:
    """Metrics of the solution, found again by their step and name."""
    then, found = _numbers(before), _numbers(now)
    for key in dict.fromkeys([*found, *then]):
        if then.get(key) != found.get(key):
            yield MetricBefore(name=" ".join(key), before=then.get(key, ""), now=found.get(key, ""))


def _numbers(values: tuple[ProvenValue, ...]) -> dict[tuple[str, ...], str]:
    """What the solution computed: (step, name) -> value."""
    return {
        (each.step, each.what.partition(" in cell ")[0]): each.solution
        for each in values
        if each.part == "metric" and each.step and each.solution
    }
