"""Steps: the decorators that a solution file is written with, and the value each leaves behind.

A decorated function stays the plain function that it was; only a mark is put on it. Nothing here touches
disk, network or another package, so importing a solution file costs what the user's own imports cost.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, Protocol, TypeVar, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from unshelve.data.lookups import Lookup
from unshelve.data.target import FileTarget, Target
from unshelve.errors import Refused

MARK: Final = "__unshelve__"
"""The attribute of a function that carries its mark."""

Function = TypeVar("Function", bound=Callable[..., object])


class Kind(StrEnum):
    """What a step is for. The words stand in docs/solution-file.md."""

    SOURCE = "source"
    KEEP = "keep"
    TRANSFORM = "transform"
    TARGET = "target"
    SPLIT = "split"
    FIT = "fit"
    MODEL = "model"
    ANSWER = "answer"
    METRIC = "metric"
    EXPECT = "expect"
    CHART = "chart"
    WORTH = "worth"
    ENDPOINT = "endpoint"
    SINK = "sink"
    STEP = "step"


SplitValue = object
"""A split as evaluation.splits makes it, or the name of a @split step."""
GateValue = object
"""A gate as evaluation.gates makes it."""


CheckValue = object
"""A check as data.checks makes it."""

Severity = Literal["warn", "quarantine", "stop"]
"""What becomes of an expectation that does not hold: a warning, failing rows set aside, or no release."""

SEVERITIES: Final[tuple[Severity, ...]] = ("warn", "quarantine", "stop")

AT_MOST: Final = 0.05
"""The share of rows that a quarantine may set aside before it stops the run instead."""


class ChoiceValue(Protocol):
    """A choice among candidates as evaluation.choice makes it."""

    @property
    def metric(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkMark:
    """Where a sink writes, and when: at the times of `schedule`, or after each run where there is none."""

    to: Target
    schedule: str | None = None
    changed: bool = False
    """Whether rows whose answer is what it was are left as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a decorator said about a function.

    Times are in seconds. `known_later` names columns that exist only after the event and are therefore
    hidden from transforms, as the columns that a target reads are. `required` names columns that a request must hold
    a value of, though training rows may lack one.
    """

    kind: Kind
    retries: int = 0
    retry_delay_seconds: float = 1.0
    timeout_seconds: float | None = None
    fresh_seconds: float | None = None
    lookup: Lookup | None = None
    known_later: tuple[str, ...] = ()
    split: SplitValue | None = None
    gates: tuple[GateValue, ...] = ()
    retrain: str | None = None
    choose: ChoiceValue | None = None
    unit: str | None = None
    required: tuple[str, ...] = ()
    severity: Severity = "stop"
    table: str | None = None
    checks: tuple[CheckValue, ...] = ()
    at_most: float = AT_MOST
    sink: SinkMark | None = None
    extra: dict[str, object] = field(default_factory=dict)


_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|w)\s*")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(duration: str | float | None) -> float | None:
    """A duration such as "30s", "10m", "2h", "1d", "1w", or a number of seconds, in seconds."""
    if duration is None or isinstance(duration, int | float):
        if isinstance(duration, int | float) and duration < 0:
            raise Refused(f"A duration of {duration} seconds is negative.")
        return duration
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise Refused(f"{duration!r} is not a duration.", hint='Write it like "30s", "10m", "2h", "1d" or "1w".')
    return float(match[1]) * _SECONDS[match[2]]


def mark_of(value: object) -> Mark | None:
    """The mark that a decorator left on a function, or None."""
    mark = getattr(value, MARK, None)
    return mark if isinstance(mark, Mark) else None


def lookup_of(
    key: str | Sequence[str], at: str | None, event: str | None, stale: str | float | None, zone: str | None
) -> Lookup:
    """How rows find their entries, from what a source says; Refused for a zone that does not exist."""
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Refused(f"{zone!r} names no time zone.", hint='Write it like zone="Europe/Amsterdam".') from error
    keys = (key,) if isinstance(key, str) else tuple(key)
    return Lookup(key=keys, at=at, event=event or at, stale_seconds=seconds(stale), zone=zone)


@overload
def source(function: Function, /) -> Function: ...
@overload
def source(
    *,
    fresh: str | float | None = None,
    known_later: Sequence[str] = (),
    lookup: bool = False,
    key: str | Sequence[str] = (),
    at: str | None = None,
    event: str | None = None,
    stale: str | float | None = None,
    zone: str | None = None,
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> Callable[[Function], Function]: ...
def source(
    function: Function | None = None,
    /,
    *,
    fresh: str | float | None = None,
    known_later: Sequence[str] = (),
    lookup: bool = False,
    key: str | Sequence[str] = (),
    at: str | None = None,
    event: str | None = None,
    stale: str | float | None = None,
    zone: str | None = None,
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> Function | Callable[[Function], Function]:
    """Brings rows in. `fresh` says how old they may be before it is asked again; without it, each run asks.

    With `lookup=True` it brings a table that transforms get joined to their rows: by the columns `key`, and as of the
    rows' time `event`, where the table's column `at` says from when on an entry holds. Entries older than `stale`
    count as missing. `zone` is that of times without one. Such a table is refreshed without retraining.
    """
    said = {"key": key, "at": at, "event": event, "stale": stale, "zone": zone}
    if not lookup and any(said.values()):
        named = next(name for name, value in said.items() if value)
        raise Refused(f"{named}= is for lookups.", hint=f"Write @source(lookup=True, {named}=…).")
    mark = Mark(
        kind=Kind.SOURCE,
        fresh_seconds=seconds(fresh),
        known_later=_names(known_later, "known_later"),
        lookup=lookup_of(key, at, event, stale, zone) if lookup else None,
        retries=retries,
        retry_delay_seconds=seconds(retry_delay) or 0.0,
        timeout_seconds=seconds(timeout),
    )
    return _apply(function, mark)


@overload
def step(function: Function, /) -> Function: ...
@overload
def step(
    *,
    known_later: Sequence[str] = (),
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> Callable[[Function], Function]: ...
def step(
    function: Function | None = None,
    /,
    *,
    known_later: Sequence[str] = (),
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> Function | Callable[[Function], Function]:
    """All other work. Where a request path begins at one, a request is a row of the table it returns."""
    mark = Mark(
        kind=Kind.STEP,
        known_later=_names(known_later, "known_later"),
        retries=retries,
        retry_delay_seconds=seconds(retry_delay) or 0.0,
        timeout_seconds=seconds(timeout),
    )
    return _apply(function, mark)


@overload
def model(function: Function, /) -> Function: ...
@overload
def model(
    *,
    split: SplitValue | None = None,
    gates: Sequence[GateValue] = (),
    retrain: str | None = None,
    choose: ChoiceValue | None = None,
    unit: str | None = None,
    required: Sequence[str] = (),
    retries: int = 0,
    timeout: str | float | None = None,
) -> Callable[[Function], Function]: ...
def model(
    function: Function | None = None,
    /,
    *,
    split: SplitValue | None = None,
    gates: Sequence[GateValue] = (),
    retrain: str | None = None,
    choose: ChoiceValue | None = None,
    unit: str | None = None,
    required: Sequence[str] = (),
    retries: int = 0,
    timeout: str | float | None = None,
) -> Function | Callable[[Function], Function]:
    """Returns a fitted estimator, or several candidates by name, of which `choose` takes one."""
    mark = Mark(
        kind=Kind.MODEL,
        split=split,
        gates=tuple(gates),
        retrain=retrain,
        choose=choose,
        unit=unit,
        required=_names(required, "required"),
        retries=retries,
        timeout_seconds=seconds(timeout),
    )
    return _apply(function, mark)


class _Plain(Protocol):
    """A decorator that is used bare or with retries and a time limit."""

    @overload
    def __call__(self, function: Function, /) -> Function: ...
    @overload
    def __call__(self, *, retries: int = 0, timeout: str | float | None = None) -> Callable[[Function], Function]: ...


def _plain(kind: Kind, doc: str) -> _Plain:
    def decorator(
        function: Function | None = None, /, *, retries: int = 0, timeout: str | float | None = None
    ) -> Function | Callable[[Function], Function]:
        return _apply(function, Mark(kind=kind, retries=retries, timeout_seconds=seconds(timeout)))

    decorator.__name__ = decorator.__qualname__ = kind.value
    decorator.__doc__ = doc
    return decorator  # type: ignore[return-value]


keep = _plain(Kind.KEEP, "Drops rows, in training only; a request passes through untouched.")
transform = _plain(Kind.TRANSFORM, "Rows in, the same rows out, in training and on every request.")
target = _plain(Kind.TARGET, "What is predicted: one value per row, known later; the columns it reads are hidden.")
split = _plain(Kind.SPLIT, "Row labels of the two parts, (train, test), where the author splits.")
fit = _plain(Kind.FIT, "Fitted state: what transforms or models need that was learned from rows; frozen per version.")
answer = _plain(Kind.ANSWER, "What is done to the raw prediction of the model it names; part of the version.")
metric = _plain(Kind.METRIC, "The author's own measure: a number, or several by name.")
chart = _plain(Kind.CHART, "A picture for the dashboard, redrawn by each run.")
endpoint = _plain(Kind.ENDPOINT, "Combines answers of models and plain rules into one answer: a dataclass.")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must hold of a table, as checks: what `expect("table", …)` gives. It is called what it is assigned to."""

    table: str
    checks: tuple[CheckValue, ...]
    severity: Severity
    at_most: float
    title: str
    file: str = field(repr=False, compare=False)
    line: int = field(repr=False, compare=False)

    def __call__(self, table: object, *others: object) -> tuple[str, ...]:
        """What does not hold of a table, a sentence for each thing; `others` are the tables that checks refer to, in
        their order. For tests and notebooks: a run calls nothing.
        """
        from unshelve.data.trying import sentences  # brings pandas, which importing a solution file does not

        return sentences(table, self.checks, others)

    @property
    def __unshelve__(self) -> Mark:
        return Mark(
            kind=Kind.EXPECT, severity=self.severity, table=self.table, checks=self.checks, at_most=self.at_most
        )


@overload
def expect(function: Function, /) -> Function: ...
@overload
def expect(
    table: str, /, *checks: CheckValue, severity: Severity = "stop", at_most: float = AT_MOST, title: str = ""
) -> Expectation: ...
@overload
def expect(*, severity: Severity = "stop", at_most: float = AT_MOST) -> Callable[[Function], Function]: ...
def expect(
    what: Function | str | None = None,
    /,
    *checks: CheckValue,
    severity: Severity = "stop",
    at_most: float = AT_MOST,
    title: str = "",
) -> Function | Expectation | Callable[[Function], Function]:
    """What must hold of a table: named checks of it, or a function of one's own.

    The function returns nothing or True where it holds, else False or a sentence that says what does not; or one
    boolean for each row of its first table, False where the row fails; or the rows that fail, as a table.

    `severity` says what follows: "warn" goes on, "stop" lets nothing be released, "quarantine" sets the failing rows
    aside, so that all that comes after sees the table without them, and stops when more than `at_most` of them fail.
    `title` says on the pages what named checks are for; a function's is the first sentence of its docstring.
    """
    if severity not in SEVERITIES:
        raise Refused(f"severity is {severity!r}.", hint=f"It is {', '.join(map(repr, SEVERITIES))}.")
    if isinstance(at_most, bool) or not isinstance(at_most, int | float) or not 0 < at_most <= 1:
        raise Refused(f"at_most is {at_most!r}.", hint="It is a share of the rows: 0.05 are 5 %.")
    if not isinstance(what, str):
        if title:
            raise Refused("expect(title=…) is for named checks.", hint="A function says its title in its docstring.")
        return _apply(what, Mark(kind=Kind.EXPECT, severity=severity, at_most=at_most))
    if not checks:
        raise Refused(f"expect({what!r}) names nothing that must hold.", hint="Name checks: column(…), unique(…), …")
    odd = next((each for each in checks if not hasattr(each, "text") or isinstance(each, type)), None)
    if odd is not None:
        raise Refused(
            f"expect({what!r}) was given {odd!r}, which is no check.",
            hint="Checks are column, key, unique, refers_to, fresh and row_count; write others as an @expect function.",
        )
    caller = sys._getframe(1)
    return Expectation(what, checks, severity, at_most, title, caller.f_code.co_filename, caller.f_lineno)


@overload
def worth(function: Function, /) -> Function: ...
@overload
def worth(*, unit: str | None = None) -> Callable[[Function], Function]: ...
def worth(function: Function | None = None, /, *, unit: str | None = None) -> Function | Callable[[Function], Function]:
    """What one answer was worth, given the outcome, in `unit`: called with one answer and one outcome."""
    return _apply(function, Mark(kind=Kind.WORTH, unit=unit))


def sink(to: Target, *, schedule: str | None = None, changed: bool = False) -> Callable[[Function], Function]:
    """Writes answers back: of the model or endpoint that the first parameter names, over the rows that the second does.

    `to` is `to_table(…)` or `to_files(…)`. Without a `schedule` it writes after each run. With `changed`, rows whose
    answer is what it was are left as they are. The function itself is not called: its name and its docstring count.
    """
    if changed and isinstance(to, FileTarget) and not to.key:
        raise Refused(
            f"changed=True needs to know which row is which, and {to.path} has no key.",
            code="sink-without-key",
            hint='Name the columns that a row is found again by: to_files(…, key="id").',
        )
    return _decorator(Mark(kind=Kind.SINK, sink=SinkMark(to=to, schedule=schedule, changed=changed)))


def _apply(function: Function | None, mark: Mark) -> Function | Callable[[Function], Function]:
    decorate = _decorator(mark)
    return decorate if function is None else decorate(function)


def _decorator(mark: Mark) -> Callable[[Function], Function]:
    def decorate(decorated: Function) -> Function:
        if not callable(decorated):
            raise Refused(f"@{mark.kind} was put on {decorated!r}, which is not a function.")
        earlier = mark_of(decorated)
        if earlier is not None:
            name = getattr(decorated, "__name__", repr(decorated))
            raise Refused(f"{name} is a {earlier.kind} already and cannot be a {mark.kind} too.")
        setattr(decorated, MARK, mark)
        return decorated

    return decorate


def _names(names: Sequence[str], option: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise Refused(f"{option}={names!r} is one text.", hint=f"Give a list of column names: {option}=[{names!r}].")
    return tuple(names)
