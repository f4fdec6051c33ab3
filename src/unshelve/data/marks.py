"""Marks: how far a source has been read, as the largest value of its watermark column. Pure.

A mark is kept as JSON, a moment in UTC where it has a zone. The next load asks for what lies beyond a *bound* a little
before the mark, and what it brings takes the place of all that was kept from beyond the bound. So a row that came late
with a value equal to the mark is never lost, and none is kept twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from unshelve.data.loaded import SavedMark
from unshelve.errors import Refused


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the next load begins. `ties`: whether what equals it belongs to what is asked for."""

    value: Any  # what the driver binds: datetime, date, int, float or str
    ties: bool = False

    def within(self, column: Any, name: str) -> Any:
        """Which values of an Arrow column lie beyond it; missing ones do not."""
        try:
            told = pa.scalar(self.value, type=column.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise Refused(
                f"The watermark {name} holds {column.type} now, and its mark is {self.value!r}.",
                code="watermark-changed",
                hint="Declare full= or change the query, and it is loaded anew.",
            ) from error
        beyond = pc.greater_equal(column, told) if self.ties else pc.greater(column, told)
        return pc.fill_null(beyond, False)


def mark_of(column: Any, name: str, now: datetime) -> SavedMark | None:
    """The mark of an Arrow column of watermarks: its largest value; None where it has none.

    A moment that is still to come is cut at `now`: one row from the year 9999 would otherwise be the last ever read.
    """
    kind = column.type
    if pa.types.is_null(kind) or len(column) == 0:
        return None
    if pa.types.is_floating(kind):
        column = column.filter(pc.is_finite(column))
    elif not (pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind) or _is_text(kind)):
        raise Refused(
            f"The watermark {name} holds {kind}.",
            code="watermark-type",
            hint="A watermark is a moment, a day, a number or a text that grows with each change.",
        )
    largest = pc.max(column)
    if not largest.is_valid:
        return None
    if pa.types.is_timestamp(kind):
        whole = largest.cast(pa.timestamp("us", tz=kind.tz))
        return _moment(whole, aware=kind.tz is not None, now=now)
    value = largest.as_py()
    if isinstance(value, date):
        return SavedMark(type="day", value=min(value, (now + _AHEAD).date()).isoformat())
    if isinstance(value, str):
        return SavedMark(type="text", value=_cut(value, now))
    word = "integer" if isinstance(value, int) else "float"
    return SavedMark(type=word, value=value)


def later(one: SavedMark | None, other: SavedMark | None) -> SavedMark | None:
    """The later of two marks of one column."""
    if one is None or other is None:
        return one or other
    if one.type != other.type:
        return other
    return one if _value(one) >= _value(other) else other


def bound_of(mark: SavedMark, *, late: float | None, zone: str | None, ties: bool) -> Bound:
    """Where the next load begins: a tick before the mark, or `late` (in seconds, or in units of a number) before it.

    A local time in `zone` that the clock shows twice begins where that hour begins: when clocks are put back, what
    is written later bears an earlier time.
    """
    value = _value(mark)
    if isinstance(value, datetime):
        back = timedelta(seconds=late) if late is not None else timedelta(microseconds=0 if ties else 1)
        begin = _before(value, back, mark, zone, ties)
        return Bound(begin, ties)
    if isinstance(value, date):
        return Bound(value - timedelta(days=math.ceil((late or 0) / 86400) + (0 if ties else 1)), ties)
    if isinstance(value, int):
        return Bound(value - (math.ceil(late) if late is not None else 0 if ties else 1), ties)
    if isinstance(value, float):
        return Bound(value - late if late is not None else value if ties else math.nextafter(value, -math.inf), ties)
    return Bound(_text_before(value, late, ties), ties)


def _text_before(text: str, late: float | None, ties: bool) -> str:
    """A text that is a time, some time earlier and written alike; any other text itself."""
    read = None if ties and late is None else _read(text)
    if read is None:
        return text
    moment, form = read
    step = timedelta(days=1) if form == "%Y-%m-%d" else timedelta(seconds=1)
    return _written(moment - (timedelta(seconds=late) if late is not None else step), form, text)


def _cut(text: str, now: datetime) -> str:
    """A text that is a time still to come, cut at `now` and written alike; any other text itself."""
    read = _read(text)
    if read is None:
        return text
    moment, form = read
    most = now.astimezone(moment.tzinfo) if moment.tzinfo is not None else (now + _AHEAD).replace(tzinfo=None)
    return text if moment <= most else _written(most, form, text)


def _read(text: str) -> tuple[datetime, str] | None:
    """The time that a text is, and the form it is written in."""
    for form in _FORMS:
        try:
            return datetime.strptime(text, form), form  # noqa: DTZ007 - it stays as local as it was written
        except ValueError:
            continue
    return None


def _written(moment: datetime, form: str, like: str) -> str:
    """A time in a form, its zone written as that of another one is."""
    written = moment.strftime(form)
    if form.endswith("%z") and like[-3:-2] == ":":
        written = f"{written[:-2]}:{written[-2:]}"
    return written.replace("+0000", "Z") if like.endswith("Z") else written


def is_time_text(text: str) -> bool:
    """Whether a mark that is a text is a time, before which another one can be told."""
    return _text_before(text, None, False) != text


def _before(value: datetime, back: timedelta, mark: SavedMark, zone: str | None, ties: bool) -> datetime:
    try:
        begin = value - back
    except OverflowError:
        return value
    if mark.type == "local" and zone is not None:
        begin = min(begin, _fold_begins(value, ZoneInfo(zone), ties))
    return begin


def _fold_begins(local: datetime, zone: ZoneInfo, ties: bool) -> datetime:
    """The beginning of the hour that a zone's clocks show twice, if a local time lies in it; else the time itself."""
    first, second = local.replace(tzinfo=zone, fold=0).utcoffset(), local.replace(tzinfo=zone, fold=1).utcoffset()
    if first is None or second is None or first <= second:
        return local
    # The hour ends, the first time, where the offset falls; that moment is found to the minute.
    end = local.replace(second=0, microsecond=0)
    while end.replace(tzinfo=zone, fold=0).utcoffset() != end.replace(tzinfo=zone, fold=1).utcoffset():
        end += timedelta(minutes=1)
    begin = end - (first - second)
    return begin if ties else begin - timedelta(microseconds=1)


def _moment(largest: Any, *, aware: bool, now: datetime) -> SavedMark:
    micros: int = largest.value
    most = int((now if aware else now + _AHEAD).timestamp() * 1_000_000)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=min(micros, most))
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    return SavedMark(type="moment" if aware else "local", value=text)


def _value(mark: SavedMark) -> Any:
    if mark.type == "moment":
        return datetime.fromisoformat(str(mark.value)).replace(tzinfo=UTC)
    if mark.type == "local":
        return datetime.fromisoformat(str(mark.value))
    return date.fromisoformat(str(mark.value)) if mark.type == "day" else mark.value


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


_AHEAD: Final = timedelta(hours=14)
"""A local time may be so far ahead of UTC."""

_FORMS: Final = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
)
