"""A Schema as an HTML form, and a submitted form as a row again. Nothing that was typed is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from unshelve.errors import SchemaMismatch
from unshelve.schema.schema import NUMBERS, Field, FieldType, Schema
from unshelve.web.wording import count, exact, plural, sentence, words

PREFIX: Final = "f."
"""What stands before a field's name in the form, so that no field can pass for one of ours (`csrf`, `back`)."""

_MOST_RADIOS: Final = 4
_MOST_RADIO_LETTERS: Final = 30
_MOST_OPTIONS: Final = 40
_LONG_TEXT: Final = 200

JsonValue: TypeAlias = str | int | float | bool | list[float] | list[str] | None


class Control(StrEnum):
    """Which input a field gets; the template draws each."""

    CHOICE = "choice"
    SELECT = "select"
    SUGGEST = "suggest"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment"
    TEXT = "text"
    LONG_TEXT = "long-text"


@dataclass(frozen=True, slots=True)
class Option:
    """One allowed value with its words."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field as it is drawn. `id` is unique on the page; `problem` stands below the input in place of the hint."""

    id: str
    name: str
    label: str
    control: Control
    value: str
    options: tuple[Option, ...] = ()
    unit: str = ""
    hint: str = ""
    problem: str = ""
    optional: bool = False
    whole: bool = False
    most_letters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A whole form: what must be filled in, what may be left empty, and what is wrong with what was typed."""

    needed: tuple[FormField, ...]
    optional: tuple[FormField, ...]
    problems: tuple[str, ...] = ()
    """What is wrong beyond a single field."""

    @property
    def wrong(self) -> tuple[FormField, ...]:
        """The fields that need another look."""
        return tuple(field for field in (*self.needed, *self.optional) if field.problem)


def blank(schema: Schema) -> Form:
    """The form with each field at its default, or else at its most usual value."""
    return _form(schema, {field.name: _usual(field) for field in schema.fields}, {}, ())


def empty(schema: Schema) -> Form:
    """The form with nothing filled in."""
    return _form(schema, {}, {}, ())


def filled(schema: Schema, row: Mapping[str, object]) -> Form:
    """The form filled with a row, for an example or for asking again."""
    return _form(schema, {field.name: _typed(field, row.get(field.name)) for field in schema.fields}, {}, ())


def typed(schema: Schema, submitted: Mapping[str, str]) -> Form:
    """The form as it was submitted."""
    return _form(schema, {field.name: submitted.get(PREFIX + field.name, "") for field in schema.fields}, {}, ())


def again(schema: Schema, submitted: Mapping[str, str], error: SchemaMismatch) -> Form:
    """The form as it was submitted, each problem at its field."""
    as_typed = {field.name: submitted.get(PREFIX + field.name, "") for field in schema.fields}
    at_field: dict[str, str] = {}
    beyond: list[str] = []
    for problem in _problems(error):
        name = str(problem.get("field", ""))
        if name in as_typed:
            at_field.setdefault(name, _said(schema.field(name), problem))
        else:
            beyond.append(str(problem.get("problem", error.message)))
    if not at_field and not beyond:
        beyond.append(str(error))
    return _form(schema, as_typed, at_field, tuple(beyond))


def read(schema: Schema, submitted: Mapping[str, str]) -> dict[str, JsonValue]:
    """The row that was typed, for the decoder: empty inputs are left out, texts become JSON values where they can.

    What cannot be read stays text, so that the decoder refuses it by name and says what was given.
    """
    row: dict[str, JsonValue] = {}
    for field in schema.fields:
        text = submitted.get(PREFIX + field.name, "")
        if text.strip():
            row[field.name] = _READERS.get(field.type, _as_text)(field, text)
    return row


def _form(schema: Schema, typed: Mapping[str, str], problems: Mapping[str, str], beyond: tuple[str, ...]) -> Form:
    drawn = [
        (field, _field(field, f"f{index}", typed.get(field.name, ""), problems.get(field.name, "")))
        for index, field in enumerate(schema.fields)
    ]
    return Form(
        needed=tuple(one for field, one in drawn if not field.missing),
        optional=tuple(one for field, one in drawn if field.missing),
        problems=beyond,
    )


def _field(field: Field, id_: str, value: str, problem: str) -> FormField:
    control = _control(field)
    options = _options(field, control)
    return FormField(
        id=id_,
        name=PREFIX + field.name,
        label=field.title or words(field.name),
        control=control,
        value=value,
        options=options,
        unit=field.unit or "",
        hint=_hint(field, control),
        problem=problem,
        optional=field.missing,
        whole=field.type is FieldType.INTEGER,
        most_letters=field.max_length if field.type is FieldType.STRING else None,
    )


def _control(field: Field) -> Control:
    if field.type is FieldType.BOOLEAN:
        return Control.CHOICE
    if field.categories:
        few = len(field.categories) <= _MOST_RADIOS
        letters = sum(len(one.value) for one in field.categories)
        if field.unseen == "allow" or len(field.categories) > _MOST_OPTIONS:
            return Control.SUGGEST
        return Control.CHOICE if few and letters <= _MOST_RADIO_LETTERS and not field.missing else Control.SELECT
    if field.type in NUMBERS:
        return Control.NUMBER
    if field.type is FieldType.STRING and _LONG_TEXT < field.max_length < 10_000:
        return Control.LONG_TEXT
    return _CONTROLS.get(field.type, Control.TEXT)


def _options(field: Field, control: Control) -> tuple[Option, ...]:
    if field.type is FieldType.BOOLEAN:
        known = (Option("true", "Yes"), Option("false", "No"))
        return (*known, Option("", "Not known")) if field.missing else known
    values = [one.value for one in field.categories]
    if control is Control.SELECT:
        values = values if field.type is FieldType.INTEGER else sorted(values, key=str.casefold)
    if field.type is FieldType.INTEGER:
        values = sorted(values, key=_order)
    options = tuple(Option(value, value) for value in values)
    return (Option("", "Not known"), *options) if control is Control.SELECT and field.missing else options


def _hint(field: Field, control: Control) -> str:
    told = [field.description] if field.description else []
    if control is Control.SUGGEST:
        known = plural(len(field.categories), "known value")
        told.append(f"{known}; others are allowed" if field.unseen == "allow" else f"One of {known}")
    elif control is Control.NUMBER:
        told.append(_range(field))
    elif control is Control.MOMENT:
        told.append(f"Time in {field.zone}" if field.zone else "Local time")
    elif field.type is FieldType.FLOATS:
        told.append(
            f"{count(field.length)} numbers, with commas between" if field.length else "Numbers with commas between"
        )
    return " · ".join(one for one in told if one)


def _range(field: Field) -> str:
    low, high = field.minimum, field.maximum
    if low is not None and high is not None:
        return f"{exact(low)} to {exact(high)}"
    if low is not None:
        return f"{exact(low)} or more"
    if high is not None:
        return f"Up to {exact(high)}"
    return f"Usually {exact(field.seen[0])} to {exact(field.seen[1])}" if field.seen else ""


def _usual(field: Field) -> str:
    if field.default is not None:
        return _typed(field, field.default)
    if field.missing:
        return ""
    if field.categories:
        return max(field.categories, key=lambda one: one.share).value
    return "false" if field.type is FieldType.BOOLEAN else ""


def _typed(field: Field, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(exact(one) for one in value)
    if field.type is FieldType.TIMESTAMP and isinstance(value, str):
        return _clock_time(value, field.zone)
    return exact(value)


def _clock_time(text: str, zone: str | None) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    if at.tzinfo is not None and zone is not None:
        at = at.astimezone(_zone(zone))
    return at.strftime("%Y-%m-%dT%H:%M:%S" if at.second else "%Y-%m-%dT%H:%M")


def _zone(zone: str) -> tzinfo:
    fixed = re.fullmatch(r"UTC([+-])(\d\d):(\d\d)", zone)
    if fixed is None:
        return UTC if zone == "UTC" else ZoneInfo(zone)
    offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
    return timezone(-offset if fixed[1] == "-" else offset)


def _problems(error: SchemaMismatch) -> Sequence[Mapping[str, object]]:
    listed = error.details.get("problems", ())
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list | tuple) else []


def _said(field: Field, problem: Mapping[str, object]) -> str:
    told = str(problem.get("problem", "cannot be used")).rstrip(".").replace(", or null", ", or left empty")
    given = problem.get("given")
    told = f"{given} was given; it {told}." if given is not None else f"{told[:1].upper()}{told[1:]}."
    near = problem.get("near")
    if isinstance(near, list | tuple) and near:
        told += f" Near: {sentence([str(one) for one in near], 'or')}."
    elif field.categories and not field.missing and "given" in problem and len(field.categories) <= _MOST_OPTIONS:
        told += f" It knows {plural(len(field.categories), 'value')}."
    return told


def _order(text: str) -> tuple[int, str]:
    return (int(text), "") if re.fullmatch(r"-?\d+", text) else (0, text)


def _as_text(_field: Field, text: str) -> JsonValue:
    return text


def _as_category(_field: Field, text: str) -> JsonValue:
    return text.strip()


def _as_boolean(_field: Field, text: str) -> JsonValue:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _as_integer(_field: Field, text: str) -> JsonValue:
    plain = _plain_number(text)
    return int(plain) if re.fullmatch(r"[+-]?\d{1,20}", plain) else _as_float(_field, text)


def _as_float(_field: Field, text: str) -> JsonValue:
    plain = _plain_number(text)
    if re.fullmatch(r"[+-]?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", plain) else text


def _as_floats(field: Field, text: str) -> JsonValue:
    parts = [part for part in re.split(r"[;\s,]+", text.strip().strip("[]")) if part]
    numbers = [_as_float(field, part) for part in parts]
    if all(isinstance(number, int | float) for number in numbers):
        return [float(number) for number in numbers if isinstance(number, int | float)]
    return parts


def _as_moment(field: Field, text: str) -> JsonValue:
    text = text.strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    if at.tzinfo is not None:
        return text
    if field.zone is None:
        return at.isoformat()  # a browser leaves the seconds out, and the decoder wants them
    return at.replace(tzinfo=_zone(field.zone)).isoformat()


def _plain_number(text: str) -> str:
    """A number as typed in an office: blanks between thousands and a real minus sign go, a decimal comma turns.

    `1,284` could be either, so it stays as it is and is refused with what was given.
    """
    plain = re.sub(r"[\s\u00a0\u202f']", "", text).replace("\N{MINUS SIGN}", "-")
    if re.fullmatch(r"[+-]?\d+,\d+", plain) and not re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", plain):
        return plain.replace(",", ".")
    return plain


_CONTROLS: Final = {
    FieldType.DATE: Control.DATE,
    FieldType.TIMESTAMP: Control.MOMENT,
    FieldType.STRING: Control.TEXT,
    FieldType.FLOATS: Control.TEXT,
}
_READERS: Final[Mapping[FieldType, Callable[[Field, str], JsonValue]]] = {
    FieldType.BOOLEAN: _as_boolean,
    FieldType.INTEGER: _as_integer,
    FieldType.FLOAT: _as_float,
    FieldType.CATEGORY: _as_category,
    FieldType.DATE: _as_category,
    FieldType.TIMESTAMP: _as_moment,
    FieldType.FLOATS: _as_floats,
}
