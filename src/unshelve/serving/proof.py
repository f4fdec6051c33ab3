"""The served Proof: held-out rows go through HTTP at the version's own route and must come back as training had them.

Each row is asked one at a time, in batches, and in a shuffled batch. Labels must be equal. Scores and values count
as proven when they are equal bit for bit, and as equal within tolerance up to what the held-out rows allow: 1e-9 of
their size for a model (matrix products over one row, over many and on another number of threads sum up in another
order), 1e-5 where it computes in single precision. Anything else is a difference, and stops the release.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from unshelve.errors import Unavailable

TOLERANCE = 1e-12
"""Relative to the larger of the two numbers and the usual size of this answer."""
BATCH = 100

Outcome = Literal["proven", "not-covered", "not-proven"]
Verdict = Literal["proven", "equal", "different"]


class Ask(Protocol):
    """Sends rows to one version's own route, signed in, and gives its answers or the problem it reported."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One held-out row: its number in the entry, the row as a caller sends it, and what training answered."""

    position: int
    row: Mapping[str, Any]
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out rows: how many were drawn, how many of them the Schema refuses, and those that are to be proved."""

    tried: int
    refused: int
    rows: tuple[Expected, ...]
    tolerance: float = 0.0
    """What numbers may differ by, relative to their size, where that is more than TOLERANCE."""
    left_out: tuple[str, ...] = ()
    """Values of answers that are not compared, such as the number of a version that is not known before."""

    @property
    def not_covered(self) -> tuple[str, ...]:
        """What these rows cannot speak for, one sentence each."""
        said = []
        if 2 * self.refused > self.tried:
            said.append(
                f"{self.refused:,} of {self.tried:,} held-out rows are refused, since they hold values that training "
                "never had: that so few requests would be answered is not covered."
            )
        said.extend(
            f"{name} of an answer depends on the version's number: it is not compared." for name in self.left_out
        )
        return tuple(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first value that differs: the way it was asked, its row, the name of the value, and both values."""

    way: str
    position: int
    value: str
    trained: Any
    served: Any
    step: str | None = None
    column: str | None = None

    @property
    def message(self) -> str:
        """One sentence for people."""
        place = f"step {self.step}, column {self.column}, " if self.step else ""
        return (
            f"{place}row {self.position}, asked {self.way}: training computed {self.value} {self.trained!r}, "
            f"the served version answered {self.served!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the Proof found of one version. `values` counts verdicts; `latency_seconds` are those of single rows."""

    model: str
    version: int
    manifest: str
    outcome: Outcome
    rows: int
    tried: int
    refused: int
    ways: Mapping[str, Mapping[str, int]]
    not_covered: tuple[str, ...] = ()
    difference: Difference | None = None
    latency_seconds: tuple[float, ...] = ()
    proved_at: str = ""
    tolerance: float = TOLERANCE
    values: Mapping[str, int] = field(default_factory=dict)


def held_out_from(data: bytes) -> HeldOut:
    """The held-out rows that packing wrote as JSON lines."""
    first, *rest = [line for line in data.split(b"\n") if line]
    head = msgspec.json.decode(first)
    rows = tuple(msgspec.json.decode(line, type=Expected) for line in rest)
    return HeldOut(
        tried=int(head["tried"]),
        refused=int(head["refused"]),
        rows=rows,
        tolerance=float(head.get("tolerance", 0.0)),
        left_out=tuple(head.get("left_out", ())),
    )


def prove(
    ask: Ask,
    held: HeldOut,
    *,
    model: str,
    version: int,
    manifest: str,
    not_covered: tuple[str, ...],
    now: str,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Proof:
    """Ask a served version about its held-out rows in every way, and compare. Stops at the first difference."""
    rows = held.rows
    sizes = usual_sizes(rows)
    ways: dict[str, dict[str, int]] = {}
    latencies: list[float] = []
    difference: Difference | None = None
    total = 3 * len(rows)
    done = 0
    for way, groups in _ways(len(rows)).items():
        counts = {"proven": 0, "equal": 0, "different": 0}
        ways[way] = counts
        for group in groups:
            asked = [rows[i] for i in group]
            start = time.perf_counter()
            status, body = ask([each.row for each in asked])
            if len(group) == 1:
                latencies.append(time.perf_counter() - start)
            found = _compare_group(asked, status, body, way, held, sizes, counts)
            difference = difference or found
            done += len(group)
            progress(done, total)
            if difference is not None:
                break
        if difference is not None:
            break
    sums = {name: sum(counts[name] for counts in ways.values()) for name in ("proven", "equal", "different")}
    missing = (*not_covered, *held.not_covered)
    if not rows:
        missing = (*missing, "There is no held-out row that could be asked.")
    unanswered = bool(held.tried) and not rows
    outcome: Outcome = "not-proven" if difference or unanswered else "not-covered" if missing else "proven"
    return Proof(
        model=model,
        version=version,
        manifest=manifest,
        outcome=outcome,
        rows=len(rows),
        tried=held.tried,
        refused=held.refused,
        ways=ways,
        not_covered=missing,
        difference=difference,
        latency_seconds=tuple(latencies),
        proved_at=now,
        tolerance=max(TOLERANCE, held.tolerance),
        values=sums,
    )


def usual_sizes(rows: Sequence[Expected]) -> dict[str, float]:
    """For each numeric value of an answer, the median of its magnitude over the rows."""
    seen: dict[str, list[float]] = {}
    for each in rows:
        for name, value in flat(each.answer).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                seen.setdefault(name, []).append(abs(float(value)))
    return {name: sorted(values)[len(values) // 2] for name, values in seen.items()}


def compare(trained: Any, served: Any, size: float, tolerance: float = TOLERANCE) -> Verdict:
    """Whether a served value is what training computed: bit for bit, within tolerance, or not."""
    if isinstance(trained, bool) or isinstance(served, bool) or not isinstance(trained, int | float):
        return "proven" if type(trained) is type(served) and trained == served else "different"
    if not isinstance(served, int | float):
        return "different"
    if trained == served:
        return "proven"
    limit = tolerance * max(abs(trained), abs(served), size)
    return "equal" if abs(trained - served) <= limit else "different"


def flat(answer: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of an answer by dotted name, without id, version, warnings and which lookups were asked."""
    found: dict[str, Any] = {}
    for name, value in answer.items():
        if not prefix and name in ("id", "version", "warnings", "lookups"):
            continue
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def _ways(count: int) -> dict[str, list[list[int]]]:
    order = list(range(count))
    # a fixed stride through the rows, coprime to their number, is as good a shuffle as any and always the same
    stride = next(step for step in (617, 619, 631, 641) if count == 0 or count % step)
    mixed = [(i * stride + 7) % count for i in order] if count else []
    return {
        "one at a time": [[i] for i in order],
        "in batches": [order[i : i + BATCH] for i in range(0, count, BATCH)],
        "shuffled": [mixed[i : i + BATCH] for i in range(0, count, BATCH)],
    }


def _compare_group(
    asked: Sequence[Expected],
    status: int,
    body: Mapping[str, Any],
    way: str,
    held: HeldOut,
    sizes: Mapping[str, float],
    counts: dict[str, int],
) -> Difference | None:
    if status in (429, 503):
        raise Unavailable("The version could not be asked just now.", code="proof-interrupted", hint="Run again.")
    answers = body.get("answers")
    if status != 200 or not isinstance(answers, list) or len(answers) != len(asked):
        counts["different"] += len(asked)
        said = str(body.get("detail") or body.get("title") or body)[:300]
        return Difference(
            way=way,
            position=asked[0].position,
            value="an answer",
            trained=dict(asked[0].answer),
            served=f"{status}: {said}",
        )
    first: Difference | None = None
    tolerance = max(TOLERANCE, held.tolerance)
    for each, answer in zip(asked, answers, strict=True):
        served = flat(answer)
        trained = flat(each.answer)
        for name in {**trained, **served}:
            if name in held.left_out:
                continue
            verdict = compare(trained.get(name), served.get(name), sizes.get(name, 0.0), tolerance)
            counts[verdict] += 1
            if verdict == "different" and first is None:
                first = Difference(
                    way=way, position=each.position, value=name, trained=trained.get(name), served=served.get(name)
                )
    return first
