"""A solution as it is being written: its steps, each with the statements of the notebook that it came of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["source", "step", "keep", "transform", "target", "split", "fit", "model", "answer", "metric", "chart"]
Entry = Literal["raw", "table", "script"]
NOTHING_HELD_OUT: Final = "All rows: the notebook holds none out, so its model is judged by rows that it has seen"
"""What is said of a division that leaves all rows on both sides."""


@dataclass(slots=True, kw_only=True)
class DraftStep:
    """One function of the solution. `lines` is its body, indented from column 0."""

    name: str
    kind: Kind
    parameters: list[str]
    lines: list[str]
    title: str
    options: str = ""
    """What stands between the brackets of its decorator."""
    statements: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMetric:
    """A number that a metric step gives again."""

    call: int
    statement: int
    name: str
    step: str
    key: str
    value: float


@dataclass(slots=True, kw_only=True)
class Draft:
    """The steps in an order in which they can be read, and what they were made of."""

    entry: Entry
    entry_reason: str | None = None
    top: list[int] = field(default_factory=list)
    """Statements for the top of the file: imports, constants and functions, in text order."""
    steps: list[DraftStep] = field(default_factory=list)
    metrics: list[DraftMetric] = field(default_factory=list)
    model: str = ""
    features: str | None = None
    own_rows: bool = False
    """Whether the model's function makes the rows that it is fitted on, of those of the part."""
    answered: tuple[int, str] | None = None
    """The statement and name of what the notebook made of its predictions, where a step makes it of answers."""
    results: tuple[str, ...] = ()
    """Names whose values the step `model` gives, where the notebook was not sliced."""
    required: tuple[str, ...] = ()
    """Fields that a request must hold, since the notebook fills them from other rows."""
    left_out: dict[int, str] = field(default_factory=dict)
    """Statements that were on the way and are not in it, and why: "the split does it", "drops the target"."""

    def step(self, name: str) -> DraftStep:
        return next(each for each in self.steps if each.name == name)

    @property
    def statements(self) -> frozenset[int]:
        """All statements that became part of it."""
        return frozenset(self.top).union(*(each.statements for each in self.steps))


class CannotShape(Exception):  # noqa: N818  it says what stands against a form, and another form is tried
    """This form of the solution cannot be written; the message says why, in words for the author."""

    def __init__(self, reason: str, statement: int | None = None) -> None:
        self.reason = reason
        self.statement = statement
        super().__init__(reason)
