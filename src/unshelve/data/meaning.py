"""What a column's name and texts say beside its type: its unit, whether it identifies, whether it is about a person.

All of it is likelihood, put into the Schema for a person to correct.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from unshelve.schema.schema import FieldType

_UNITS: Final = {
    "km": "km", "cm": "cm", "mm": "mm", "miles": "mi", "mile": "mi", "feet": "ft", "ft": "ft", "inches": "in",
    "kg": "kg", "mg": "mg", "lb": "lb", "lbs": "lb", "grams": "g", "tonnes": "t", "litres": "l", "liters": "l",
    "ms": "ms", "sec": "s", "secs": "s", "seconds": "s", "min": "min", "mins": "min", "minutes": "min",
    "hrs": "h", "hours": "h", "days": "days", "weeks": "weeks", "months": "months", "years": "years", "age": "years",
    "usd": "USD", "dollars": "USD", "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP", "chf": "CHF",
    "pct": "%", "percent": "%", "percentage": "%", "celsius": "°C", "degc": "°C", "fahrenheit": "°F", "degf": "°F",
    "kelvin": "K", "mph": "mph", "kmh": "km/h", "kph": "km/h", "knots": "kn", "kw": "kW", "kwh": "kWh", "mw": "MW",
    "mwh": "MWh", "volts": "V", "watts": "W", "hpa": "hPa", "mbar": "mbar", "psi": "psi", "hz": "Hz", "khz": "kHz",
    "mhz": "MHz", "ghz": "GHz", "kb": "kB", "mb": "MB", "gb": "GB", "tb": "TB", "bytes": "bytes", "sqft": "sq ft",
    "sqm": "m²", "m2": "m²", "m3": "m³", "ppm": "ppm", "bpm": "bpm", "rpm": "rpm", "kcal": "kcal",
}  # fmt: skip
"""The unit that the last word of a name means. `min` counts only behind another word: alone it is a minimum."""

_IDENTIFIER_WORDS: Final = frozenset(
    {"id", "ids", "uuid", "guid", "key", "no", "nr", "number", "serial", "ref", "index"}
)

_SENSITIVE_NAMES: Final = (
    ("ip address", r"ip addr|ip address|ip"),
    ("email", r"e ?mail( addr| address)?|mail"),
    ("phone", r"(.* )?(phone|telephone|mobile|cell|fax)( (no|nr|number))?"),
    ("name", r"name|(.* )?(first|last|full|sur|family|given|middle|maiden|customer|patient|person|employee) ?name"),
    ("birth date", r"(.* )?(birth|dob|birthday|birthdate|date of birth)( (date|day|year))?"),
    ("national id", r"(.* )?(ssn|social security( (no|nr|number))?|passport( (no|nr|number))?|national id|tax id)"),
    ("bank account", r"(.* )?(iban|bic|bank account|account (no|nr|number))"),
    ("credit card", r"(.* )?(credit ?card|card (no|nr|number)|cc (no|nr|number))( (no|nr|number))?"),
    ("address", r"(.* )?(address|street|zip|zip ?code|post ?code|postal code)"),
    ("gender", r"gender|sex"),
    ("ethnicity", r"(.* )?(ethnicity|ethnic group|race|nationality)"),
    ("religion", r"religion|faith|denomination"),
    ("health", r"(.* )?(diagnosis|disease|hiv|disability|icd ?\d*|medication)( .*)?"),
    ("income", r"(.* )?(salary|income|wage|wages)"),
)
"""What a field is about when its whole name, in lower-case words, matches."""

_SENSITIVE_TEXTS: Final = (
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")),
    ("ip address", re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)")),
    ("bank account", re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?")),
    ("national id", re.compile(r"\d{3}-\d{2}-\d{4}")),
    ("phone", re.compile(r"\+\d[\d ()/-]{7,18}\d|\(\d{3}\) ?\d{3}-\d{4}")),
)

_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)

_MOST: Final = 0.8
"""The share of texts that must look alike before a column is taken to hold such things."""


def words_of(name: str) -> tuple[str, ...]:
    """The words of a column name in lower case: from_airport, fromAirport and "From airport" are the same."""
    parted = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return tuple(re.findall(r"[^\W_]+", parted.lower()))


def unit_of(name: str) -> str | None:
    """The unit that a name says in brackets, or by its last word."""
    bracket = re.search(r"[(\[]\s*([^\s()\[\]][^()\[\]]{0,11}?)\s*[)\]]\s*$", name)
    if bracket is not None:
        return _UNITS.get(bracket[1].lower(), bracket[1])
    words = words_of(name)
    if not words or (words[-1] in {"min", "mb"} and len(words) == 1):
        return None
    return _UNITS.get(words[-1])


def sensitive_of(name: str, texts: Sequence[str]) -> str | None:
    """What a column is likely to tell of a person; `texts` is a sample of its texts, if it has any."""
    for kind, pattern in _SENSITIVE_TEXTS:
        if _look_like(pattern, texts):
            return kind
    if _look_like(re.compile(r"(?:\d[ -]?){12,18}\d"), texts) and all(map(_luhn, texts)):
        return "credit card"
    joined = " ".join(words_of(name))
    for kind, named in _SENSITIVE_NAMES:
        if re.fullmatch(named, joined):
            return kind
    return None


def identifies(
    name: str, field_type: FieldType, *, present: int, distinct: int, texts: Sequence[str], consecutive: bool
) -> bool:
    """Whether a column is likely to number or name rows rather than to describe them.

    It must be (nearly) unique over at least 20 rows, and say so by its name, by being UUIDs or texts of one length
    with digits in them, or by counting up without a gap.
    """
    if present < 20 or distinct < 0.95 * present:
        return False
    words = words_of(name)
    if words and (words[-1] in _IDENTIFIER_WORDS or words[0] == "unnamed"):
        return field_type in {FieldType.STRING, FieldType.INTEGER}
    if field_type is FieldType.STRING:
        same_length = len({len(text) for text in texts}) == 1
        coded = bool(texts) and all(" " not in text and any(map(str.isdigit, text)) for text in texts)
        return _look_like(_UUID, texts) or (same_length and coded)
    return field_type is FieldType.INTEGER and consecutive


def _look_like(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    return bool(texts) and sum(pattern.fullmatch(text.strip()) is not None for text in texts) >= _MOST * len(texts)


def _luhn(text: str) -> bool:
    """Whether the digits carry the check digit of ISO/IEC 7812-1, annex B."""
    digits = [int(letter) for letter in reversed(text) if letter.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return bool(digits) and (sum(digits[::2]) + sum(doubled)) % 10 == 0
