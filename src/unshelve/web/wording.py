"""How values are written for people: counts, shares, measures, durations, sizes, moments.

Digits group with a comma, the decimal sign is a point, a unit follows after a space. What is missing is an en dash.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

NOTHING: Final = "\N{EN DASH}"
"""What stands where there is no value."""

MINUS: Final = "\N{MINUS SIGN}"

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Short names of the months, in English whatever the locale of the server."""

_SIZES: Final = ("B", "kB", "MB", "GB", "TB")


def count(number: int | float | None) -> str:
    """A whole number with its thousands set apart: `1,284`."""
    return NOTHING if number is None else _signed(f"{round(number):,}")


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 field`, `1,284 answers`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def share(value: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage: `24.1 %`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return _signed(f"{value * 100:.{digits}f} %")


def measure(value: float | None, unit: str | None = None) -> str:
    """A measured number with as many digits as are read: `0.736`, `21.8 min`, `1,284`, `4.1e-07`."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return _unit("not a number" if math.isnan(value) else f"{'-' if value < 0 else ''}infinite", None)
    return _unit(_signed(_digits(float(value), named=bool(unit))), unit)


def score(value: float | None, unit: str | None = None) -> str:
    """A measure of a model: three decimals where it is at most 1, so that columns of them line up; else `measure`."""
    if value is None or not math.isfinite(value) or unit or abs(value) > 1:
        return measure(value, unit)
    return _signed(f"{value:.3f}")


def exact(value: object) -> str:
    """A value as it was given, shortest form that reads back the same; a missing one is a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, list | tuple):
        return ", ".join(exact(item) for item in value)
    return str(value)


def interval(low: float | None, high: float | None) -> str:
    """An interval: `0.731 to 0.741`, or nothing where there is none."""
    if low is None or high is None:
        return ""
    return f"{score(low)} to {score(high)}"


def duration(seconds: float | None) -> str:
    """A time span: `0.4 ms`, `12 ms`, `1.9 s`, `48 s`, `3 min 20 s`, `2 h 5 min`, `3 days`."""
    if seconds is None:
        return NOTHING
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    if whole < 86_400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "min")
    return plural(whole // 86_400, "day")


def size(size_bytes: float | None) -> str:
    """An amount of bytes in steps of 1,000: `412 MB`, `1.1 GB`."""
    if size_bytes is None:
        return NOTHING
    amount, step = float(size_bytes), 0
    while amount >= 999.5 and step < len(_SIZES) - 1:
        amount, step = amount / 1000, step + 1
    unit = _SIZES[step]
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 9.95 else f"{amount:.1f} {unit}"


def moment(at: datetime | None, now: datetime) -> str:
    """A moment as short as `now` allows: `today 09:14`, `yesterday 16:40`, `9 Nov 16:40`, `9 Nov 2025`."""
    if at is None:
        return NOTHING
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    days = (now.date() - at.date()).days
    if days == 0:
        return f"today {at:%H:%M}"
    if days == 1:
        return f"yesterday {at:%H:%M}"
    day = f"{at.day} {MONTHS[at.month - 1]}"
    return f"{day} {at:%H:%M}" if at.year == now.year else f"{day} {at.year}"


def day(at: datetime) -> str:
    """The day of a moment: `22 Nov`."""
    return f"{at.day} {MONTHS[at.month - 1]}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago: `just now`, `40 s ago`, `3 min ago`, `5 days ago`."""
    if at is None:
        return "never"
    passed = now - at
    if passed < timedelta(seconds=2):
        return "just now"
    if passed < timedelta(minutes=1):
        return f"{passed.seconds} s ago"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min ago"
    if passed < timedelta(days=1):
        return f"{passed.seconds // 3600} h ago"
    return f"{plural(passed.days, 'day')} ago"


def instant(text: str | datetime | None) -> datetime | None:
    """The aware moment that ISO 8601 text stands for; without an offset it is UTC."""
    if text is None or text == "":
        return None
    at = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def short(digest: str) -> str:
    """A digest short enough to read and compare by eye: `9f2c…e41a`."""
    return digest if len(digest) <= 12 else f"{digest[:4]}…{digest[-4:]}"


def words(name: str) -> str:
    """A name from code as words: `sched_dep_time` is `sched dep time`, `roc_auc` is `ROC AUC`."""
    known = {"roc": "ROC", "auc": "AUC", "mae": "MAE", "rmse": "RMSE", "mse": "MSE", "r2": "R²", "f1": "F1", "pr": "PR"}
    parts = [known.get(part, part) for part in name.replace("-", "_").split("_") if part]
    if not parts:
        return ""
    first = parts[0]
    return " ".join([first[0].upper() + first[1:], *parts[1:]])


def sentence(names: list[str] | tuple[str, ...], last: str = "and") -> str:
    """Names in a row: `a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _digits(value: float, *, named: bool) -> str:
    size_of = abs(value)
    if size_of == 0:
        return "0"
    if size_of >= 1e15 or size_of < 5e-5:
        return f"{value:.1e}"
    if value == round(value):
        return f"{value:,.0f}"
    for decimals, below in ((1, 1000), (2, 10)):
        if value == round(value, decimals) and 1 <= size_of < below:
            return f"{value:.{decimals}f}"
    if size_of >= 1000:
        return f"{value:,.0f}"
    if size_of >= 100:
        return f"{value:.1f}"
    if size_of >= 10:
        return f"{value:.2f}" if size_of < 20 else f"{value:.1f}"
    if named and size_of >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if size_of >= 0.0095 else f"{value:.4f}"


def _unit(text: str, unit: str | None) -> str:
    if not unit:
        return text
    return f"{unit}{text}" if unit in {"$", "€", "£"} else f"{text} {unit}"


def _signed(text: str) -> str:
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
