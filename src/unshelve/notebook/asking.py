"""The notebook's raw test rows, asked of the served version through HTTP: one at a time, and as a shuffled batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from unshelve.notebook.comparing import compare_plain, shown, shown_row, usual_size, worst
from unshelve.notebook.outcome import GOOD
from unshelve.serving.proof import Ask
from unshelve.solution.origin import ProvenValue, Requests, Verdict

MOST_ALONE: Final = 300
"""Rows that are asked one at a time."""
BATCH: Final = 100


class TestRow(msgspec.Struct, frozen=True, kw_only=True):
    """A raw test row as a caller sends it, and what the notebook answered."""

    position: int
    """Its place among the test rows, from 0."""
    number: int
    """Its row number in the entry."""
    row: dict[str, Any]
    answer: dict[str, Any]
    problems: list[dict[str, Any]] = []
    """Why the Schema refuses it; empty where it does not."""

    __test__ = False


@dataclass(slots=True)
class _Asked:
    """What came of the rows: for each the worst verdict of all ways in which it was asked."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    differences: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    """Row -> how it was asked, the notebook's answer, ours."""
    heard: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """Row -> what it was answered."""

    def tell(self, row: TestRow, verdict: Verdict, way: str, notebook: object, solution: object) -> None:
        self.verdicts[row.position] = worst((verdict, self.verdicts.get(row.position, Verdict.PROVEN)))
        if verdict is Verdict.DIFFERENT:
            self.differences.setdefault(row.position, (way, shown(notebook), shown(solution)))


def ask_rows(
    ask: Ask,
    rows: Sequence[TestRow],
    of: int,
    step: str,
    *,
    private: Collection[str] = (),
    required: Collection[str] = (),
    heard: dict[int, Mapping[str, Any]] | None = None,
) -> tuple[Requests, tuple[ProvenValue, ...]]:
    """Ask a version about the notebook's test rows in both ways. `of` is how many test rows there are in all.

    Values of `private` fields are not told. `required` fields must be given though training rows lack them. `heard`
    takes up what was answered, by the rows' positions.
    """
    sizes = {
        name: usual_size(row.answer[name] for row in rows if name in row.answer)
        for name in {name for row in rows for name in row.answer}
    }
    asked = _Asked(heard={} if heard is None else heard)
    alone = list(rows[:: max(1, -(-len(rows) // MOST_ALONE))])
    for row in alone:
        _one(ask, row, sizes, asked)
    accepted = [row for row in rows if not row.problems]
    for group in _shuffled(accepted):
        _batch(ask, group, sizes, asked)
    good = [row for row in accepted if asked.verdicts.get(row.position) in GOOD]
    refused = [row for row in rows if row.problems]
    told = functools.partial(shown_row, private=private)
    values = [
        _answered(accepted, asked, f" (of {of:,})" if of > len(rows) else "", step, told),
        *_refused(refused, rows, asked, step, required),
    ]
    return Requests(rows=len(accepted), equal=len(good)), tuple(values)


def _one(ask: Ask, row: TestRow, sizes: Mapping[str, float], asked: _Asked) -> None:
    status, body = ask([row.row])
    if not row.problems:
        _judge([row], status, body, "one at a time", sizes, asked)
        return
    named = {str(each.get("field")) for each in body.get("problems") or ()}
    wanted = {str(each.get("field")) for each in row.problems}
    right = 400 <= status < 500 and bool(named & wanted)
    said = "a refusal that names " + ", ".join(sorted(wanted))
    asked.tell(row, Verdict.PROVEN if right else Verdict.DIFFERENT, "one at a time", said, _said(status, body))


def _batch(ask: Ask, group: Sequence[TestRow], sizes: Mapping[str, float], asked: _Asked) -> None:
    status, body = ask([row.row for row in group])
    if status != 200:  # one row spoils a batch: say which
        for row in group:
            _one(ask, row, sizes, asked)
        if any(row.position in asked.differences for row in group):
            return
    _judge(group, status, body, "in a shuffled batch", sizes, asked)


def _judge(
    group: Sequence[TestRow], status: int, body: Mapping[str, Any], way: str, sizes: Mapping[str, float], asked: _Asked
) -> None:
    answers = body.get("answers")
    if status != 200 or not isinstance(answers, list) or len(answers) != len(group):
        for row in group:
            asked.tell(row, Verdict.DIFFERENT, way, _main(row.answer), _said(status, body))
        return
    for row, answer in zip(group, answers, strict=True):
        asked.heard[row.position] = answer
        for name, wanted in row.answer.items():
            verdict = compare_plain(wanted, answer.get(name), sizes[name])
            asked.tell(row, verdict, way, wanted, answer.get(name))


def _answered(
    accepted: Sequence[TestRow], asked: _Asked, cut: str, step: str, told: Callable[[Mapping[str, object]], str]
) -> ProvenValue:
    """The verdict on all rows that the Schema accepts."""
    what = f"{len(accepted):,} raw test rows{cut} asked through HTTP"
    odd = [row for row in accepted if row.position in asked.differences]
    if not accepted:
        return ProvenValue(
            what=what, part="request", verdict=Verdict.NOT_COVERED, step=step, detail="no test row could be asked"
        )
    if not odd:
        verdict = worst(asked.verdicts.get(row.position, Verdict.NOT_COVERED) for row in accepted)
        return ProvenValue(
            what=what, part="request", verdict=verdict, step=step, detail="one at a time and in a shuffled batch"
        )
    way, notebook, solution = asked.differences[odd[0].position]
    said = _shared_gap(odd, [row for row in accepted if row.position not in asked.differences])
    return ProvenValue(
        what=what,
        part="request",
        verdict=Verdict.DIFFERENT,
        step=step,
        notebook=notebook,
        solution=solution,
        detail=f"{len(odd):,} of {len(accepted):,} are answered differently, first test row {odd[0].position} "
        f"(row {odd[0].number} of the data: {told(odd[0].row)}), asked {way}{said}",
    )


def _refused(
    refused: Sequence[TestRow], rows: Sequence[TestRow], asked: _Asked, step: str, required: Collection[str]
) -> Iterable[ProvenValue]:
    """What is said of the rows that the Schema refuses: why, and whether they are too many."""
    if not refused:
        return
    reasons: dict[str, int] = {}
    for row in refused:
        reason = _reason(row, required)
        reasons[reason] = reasons.get(reason, 0) + 1
    said = "; ".join(
        f"{count:,} row{'s have' if count > 1 else ' has'} {reason}"
        for reason, count in sorted(reasons.items(), key=lambda each: -each[1])[:10]
    )
    many = 2 * len(refused) > len(rows)
    yield ProvenValue(
        what=f"{len(refused):,} of {len(rows):,} test rows are refused",
        part="request",
        verdict=Verdict.DIFFERENT if many else Verdict.NOT_COVERED,
        step=step,
        notebook="answers" if many else "",
        solution="refuses most rows" if many else "",
        detail=said,
    )
    for row in refused:
        if row.position in asked.differences:
            way, wanted, found = asked.differences[row.position]
            yield ProvenValue(
                what=f"test row {row.position} is to be refused",
                part="request",
                verdict=Verdict.DIFFERENT,
                step=step,
                notebook=wanted,
                solution=found,
                detail=f"{_reason(row, required)}; asked {way}",
            )
            return


def _reason(row: TestRow, required: Collection[str]) -> str:
    """Why the Schema refuses a row: "a missing value in Age, which training never had"."""
    name = str(row.problems[0].get("field") or "a field")
    value = row.row.get(name)
    if value is None and name in required:
        return f"a missing value in {name}, which a request must hold"
    if value is None:
        return f"a missing value in {name}, which training never had"
    if isinstance(value, str):
        return f"a value of {name} that training never had"
    return f"a value of {name} that the Schema refuses ({row.problems[0].get('problem', 'it does not fit')})"


def _shared_gap(odd: Sequence[TestRow], others: Sequence[TestRow]) -> str:
    """What sets the rows that differ apart, where it is that a value is missing; "" where it is not."""
    names = [name for name in odd[0].row if any(row.row.get(name) is None for row in odd)]
    if not names or not all(_lacks(row, names) for row in odd) or any(_lacks(row, names) for row in others):
        return ""
    return f"; each of them has a missing value in {' or '.join(names)}, and no other row has"


def _lacks(row: TestRow, names: Sequence[str]) -> bool:
    return any(row.row.get(name) is None for name in names)


def _shuffled(rows: Sequence[TestRow]) -> list[list[TestRow]]:
    """The rows in groups, in an order that is as good as any and always the same."""
    count = len(rows)
    stride = next(step for step in (617, 619, 631, 641) if count == 0 or count % step)
    mixed = [rows[(i * stride + 7) % count] for i in range(count)]
    return [mixed[i : i + BATCH] for i in range(0, count, BATCH)]


def _main(answer: Mapping[str, Any]) -> object:
    return next(iter(answer.values()), None)


def _said(status: int, body: Mapping[str, Any]) -> str:
    if status == 200:
        return "an answer"
    return f"{status}: {str(body.get('detail') or body.get('title') or body)[:200]}"
