"""Where a solution comes from: the notebook that it was lifted from, and what was proven of the lift.

Three files beside `solution.py`: `lift.json` maps each statement of the notebook to its step, or says why it was
dropped; `proof.json` holds the verdicts; `answers.json` what the test rows were answered. They are written by
`unshelve lift` and read by pages, verbs, the next lift and the solution's own tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

import msgspec

LIFT_FILE: Final = "lift.json"
PROOF_FILE: Final = "proof.json"
ANSWERS_FILE: Final = "answers.json"


class Verdict(StrEnum):
    """What was found of one value."""

    PROVEN = "proven"
    WITHIN = "equal within tolerance"
    UNSTABLE = "unstable"
    """The notebook itself gives another value each time."""
    NOT_COVERED = "not covered"
    DIFFERENT = "different"


class NotebookFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered remark on a notebook: N001 to N999, of which none is given twice."""

    number: str
    severity: Literal["error", "warning", "note"]
    cell: int | None
    line: int | None
    message: str
    repair: str


class LiftedCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell as the author wrote it, with secrets blotted out."""

    number: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    execution_count: int | None = None


class LiftedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement, and what became of it."""

    number: int
    cell: int
    line: int
    end_line: int
    source: str
    steps: tuple[str, ...] = ()
    """Steps whose code it became; none when it was dropped. "" is the top of the file: imports and constants."""
    dropped: str | None = None
    """Why it was dropped, in few words: "looks only", "other model", "never used"."""
    repaired: str | None = None
    """What was changed in it, where something was."""
    ran_as: str | None = None
    """Its text as it was run, where that is not what the author wrote."""
    origin: int | None = None
    """Its number in the notebook as the author wrote it: several come of one where a loop ran as its turns. None
    where it was added so that the notebook runs."""


class LiftedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the solution: its kind, its lines in solution.py (from 1), the statements that it came of."""

    name: str
    kind: str
    first_line: int
    last_line: int
    statements: tuple[int, ...]
    code: str = ""
    """Digest of its lines, by which the next lift tells whether it changed."""


class AuthorsRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the author typed into the notebook, as a caller sends it."""

    cell: int
    row: Mapping[str, object]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    kept: int
    of: int


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """What `lift.json` holds. Nothing in it depends on when or where the lift was made."""

    notebook: str
    """Its file name, without folder."""
    digest: str
    """sha256 of the notebook's file."""
    model: str
    """The step of the model."""
    entry: Literal["raw", "table", "script"]
    """What a request is: a raw row; a row of the prepared table; nothing, since the notebook was not sliced."""
    entry_reason: str | None
    """Why it is not a raw row."""
    cells: tuple[LiftedCell, ...]
    statements: tuple[LiftedStatement, ...]
    steps: tuple[LiftedStep, ...]
    findings: tuple[NotebookFinding, ...]
    code: str = ""
    """Digest of the code files beside it as the lift wrote them (`solution.files.code_files`), by which pages tell
    that somebody edited them since; "" where it was not kept: then only the lines of the steps tell."""

    examples: tuple[AuthorsRow, ...] = ()
    """Rows that the author asked the model about, and that the served version answers as the notebook did."""
    written: str = ""
    """solution.py as the lift wrote it, before what people had changed was taken over: the base of the next merge."""
    files: Mapping[str, str] = {}
    """Digests of other files that the lift wrote and people may edit: path -> sha256."""

    @property
    def counted(self) -> Counted:
        """How many of the author's statements became part of the solution, wholly or partly."""
        all_of_them = {each.origin for each in self.statements if each.origin is not None}
        kept = {each.origin for each in self.statements if each.origin is not None and each.steps}
        return Counted(kept=len(kept), of=len(all_of_them))


class ProvenValue(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one value of the notebook."""

    what: str
    """In words: "accuracy_score in cell 12", "the fitted SVC", "predictions of 268 test rows"."""
    part: Literal["metric", "model", "features", "prediction", "request", "mutation"]
    verdict: Verdict
    statement: int | None = None
    step: str | None = None
    notebook: str = ""
    """The value as the notebook computed it."""
    solution: str = ""
    detail: str = ""


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """How many metric values are stable in the notebook itself, and how many of them the solution gives again."""

    equal: int
    stable: int


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """How many raw test rows were sent through HTTP, and how many were answered as the notebook did."""

    rows: int
    equal: int


class MetricBefore(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of the solution that is otherwise than after the lift before; "" where it was not there."""

    name: str
    before: str
    now: str


class AnswersBefore(msgspec.Struct, frozen=True, kw_only=True):
    """How many test rows were asked of both lifts, and how many of them are answered otherwise now."""

    rows: int
    changed: int


class LiftChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the lift before."""

    added: tuple[str, ...] = ()
    """Steps."""
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    metrics: tuple[MetricBefore, ...] = ()
    answers: AnswersBefore | None = None
    """None where the two have no test rows in common."""

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        answered = self.answers is not None and self.answers.changed > 0
        return bool(self.added or self.removed or self.changed or self.metrics or answered)


class LiftProof(msgspec.Struct, frozen=True, kw_only=True):
    """What `proof.json` holds."""

    outcome: Literal["proven", "not-proven", "refused"]
    reason: str | None
    steps: int
    statements: Counted
    metrics: Metrics
    request: Requests | None
    values: tuple[ProvenValue, ...]
    findings: tuple[NotebookFinding, ...]
    libraries: Mapping[str, str]
    seconds: Mapping[str, float]
    """What took how long: "notebook", "lift", "proof"."""
    lift: str = ""
    """sha256 of the lift.json that it is about; beside another one it proves nothing."""
    edited: tuple[str, ...] = ()
    """Names of what people edited in solution.py, and the lift kept: steps, constants, imports."""
    changes: LiftChanges | None = None
    """What differs from the lift before; None where there was none."""


class AnsweredRow(msgspec.Struct, frozen=True, array_like=True):
    """What one test row was answered, in few letters."""

    number: int
    """Its row number in the entry."""
    row: str
    """The beginning of the digest of the row."""
    answer: object
    """Its label or value."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A row as a caller sends it, and its answer."""

    row: Mapping[str, object]
    answer: Mapping[str, object]


class LiftAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What `answers.json` holds: the answers of the lifted solution to the notebook's test rows."""

    model: str
    entry: str
    """Digest of the table that the rows are of: where it is the same, a number means the same row."""
    repeatable: bool
    """Whether training again gives the same answers: not where the notebook draws unseeded random numbers."""
    rows: tuple[AnsweredRow, ...]
    examples: tuple[Example, ...]
    """A few of the rows whole; none where a field may be about a person."""
