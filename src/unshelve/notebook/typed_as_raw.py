"""Rows that the author typed in, as rows of the entry: what a caller would send, and what the notebook answered.

A typed row is one of what an estimator was fitted on. Where each of its columns is a field of the entry, value by
value, or the same in other words (`male` as 1), it is told in the entry's. It counts only where the solution's steps
make of it what the notebook gave its model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.frames import records
from unshelve.data.tables import to_pandas
from unshelve.notebook.compare_order import TypedAsk, TypedRows
from unshelve.notebook.comparing_objects import Found, as_array, as_table, compare_tables
from unshelve.notebook.outcome import GOOD
from unshelve.notebook.rows_to_ask import Said, expected_answers, problems_of
from unshelve.notebook.sides import KeptCall, Sides, has_rows
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import FieldType, Schema
from unshelve.serving.request_table import RequestTable, schema_from
from unshelve.serving.row_path import run_path
from unshelve.solution.binding import row_numbers
from unshelve.solution.rowpaths import row_path

MOST_WORDS: Final = 50
"""Values that a field may have whose columns tell it in other words."""
_LOOKED_AT: Final = 500
"""Rows that tell at once that a column has too many values for that."""
_PARTS: Final = ("kept", "train", "test")

Row = dict[str, Any]


class NotRaw(Exception):  # noqa: N818  it says why a typed row is none of the entry
    """Why a typed row is no row of the entry, in words."""


def typed_asks(sides: Sides) -> list[TypedAsk]:
    """The rows that the author typed in, in text order; each with its answer, or with why it cannot be asked about."""
    parameters = sides.parameters
    if not sides.has(parameters["entry"], parameters["schema"], parameters["evaluation"], parameters["estimator"]):
        return []
    return [each for typed in sides.order.typed for each in _asks(sides, typed)]


def _asks(sides: Sides, typed: TypedRows) -> Iterator[TypedAsk]:
    several = len(typed.rows) > 1
    names = [f"the author's own row{f' {place}' if several else ''} in cell {typed.cell}" for place in _from_one(typed)]
    try:
        rows, answers = _raw(sides, typed)
    except NotRaw as why:
        for name in names:
            yield TypedAsk(statement=typed.statement, cell=typed.cell, what=name, why=str(why))
        return
    for name, row, answer in zip(names, rows, answers, strict=True):
        yield TypedAsk(statement=typed.statement, cell=typed.cell, what=name, row=row, answer=answer)


def _from_one(typed: TypedRows) -> range:
    return range(1, len(typed.rows) + 1)


def _raw(sides: Sides, typed: TypedRows) -> tuple[list[Row], list[Row]]:
    """The rows as a caller sends them, and the answers to them. Raises NotRaw."""
    call = sides.call(typed.call)
    if call is None:
        raise NotRaw(sides.why_not_kept(typed.call))
    learned = schema_from(sides.inputs[sides.parameters["schema"]])
    rows = _as_sent(_in_fields(sides, typed, learned), learned)
    reader = decoder(learned)
    for row in rows:
        problems = problems_of(reader, row)
        if problems:
            named = [str(problems[0][name]) for name in ("field", "problem") if name in problems[0]]
            raise NotRaw(f"the Schema refuses it: {': '.join(named) or 'it does not fit'}")
    _same_features(sides, learned, rows, call)
    said = Said(values=as_array(call.result)[: len(rows)], method=typed.method, rows=as_rows(call.rows, len(rows)))
    answers = expected_answers(sides, said)
    if answers is None or len(answers) != len(rows):
        raise NotRaw("what the notebook predicted is of a kind that no answer has")
    return rows, answers


def as_rows(values: Any, count: int) -> Any:
    """The first rows of what a model was given."""
    return values.iloc[:count] if isinstance(values, pd.DataFrame | pd.Series) else values[:count]


def _same_features(sides: Sides, learned: Schema, rows: list[Row], call: KeptCall) -> None:
    """Raises NotRaw where the solution's steps make other values of the rows than the notebook gave its model."""
    parameters, inputs = sides.parameters, sides.inputs
    described, fillers = inputs[parameters["schema"]], parameters["fillers"]
    table = RequestTable.build(learned, described, inputs[fillers] if sides.has(fillers) else None)
    path, frozen = row_path(parameters, inputs)
    try:
        given = run_path(path, table.of(decoder(learned).decode_rows(rows)), sides.functions, frozen)
    except Exception as error:  # the code of the solution may raise anything
        raise NotRaw(f"the solution's steps fail on it: {type(error).__name__}: {error}"[:300]) from error
    found = _compared(as_rows(call.rows, len(rows)), given, learned, to_pandas(inputs[parameters["entry"]]))
    if found.verdict not in GOOD:
        said = f" ({found.detail}: {found.notebook} there, {found.solution} here)" if found.notebook else ""
        raise NotRaw(f"the notebook gives its model other values for it than the steps of a request make of it{said}")


def _compared(notebook: Any, given: Any, learned: Schema, entry: pd.DataFrame) -> Found:
    """The two, without columns that no answer depends on."""
    if isinstance(notebook, pd.DataFrame) and isinstance(given, pd.DataFrame):
        idle = {str(name) for name in entry.columns} - set(learned.names)
        wanted = [name for name in given.columns if str(name) not in idle]
        if all(name in notebook.columns for name in wanted):
            notebook, given = notebook[wanted], given[wanted]
    return compare_tables(notebook, given)


def _as_sent(rows: list[Row], learned: Schema) -> list[Row]:
    """The rows as a caller sends them: what the Schema asks for, in its types."""
    sent: list[Row] = []
    for row in rows:
        lacking = [each.name for each in learned.fields if each.name not in row and not each.missing]
        if lacking:
            raise NotRaw(f"it says nothing of {', '.join(lacking[:5])}, which a request needs")
        truths = {each.name for each in learned.fields if each.type is FieldType.BOOLEAN}
        own = {
            name: bool(row[name]) if name in truths and row[name] in (0, 1) else row[name]
            for name in learned.names
            if name in row
        }
        sent.extend(records(pd.DataFrame([own]), learned))
    return sent


# -- in the fields of the entry --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Meanings:
    """What columns stand for, by their places."""

    same: dict[int, str] = field(default_factory=dict)
    """The field that a column holds as it is."""
    words: dict[tuple[int, ...], tuple[str, dict[tuple[Any, ...], Any]]] = field(default_factory=dict)
    """The field that one or several columns tell in other words, and its values by theirs."""

    def __len__(self) -> int:
        return len(self.same) + sum(map(len, self.words))


def _in_fields(sides: Sides, typed: TypedRows, learned: Schema) -> list[Row]:
    """The rows by the names of the entry's fields."""
    taken = sides.call(typed.taken_by)
    if taken is None or not has_rows(taken.rows):
        return [_named(row) for row in typed.rows]
    table = as_table(taken.rows)
    names = [str(each) for each in table.columns] if isinstance(taken.rows, pd.DataFrame) else None
    placed = [_placed(row, names, table.shape[1]) for row in typed.rows]
    meanings = _meanings(sides, table, names, learned, sorted({place for row in placed for place in row}))
    return [
        {**_unplaced(row, names), **_translated(values, names, meanings)}
        for row, values in zip(typed.rows, placed, strict=True)
    ]


def _named(row: Row | list[Any]) -> Row:
    if not isinstance(row, dict):
        raise NotRaw("its values have no names, and what they stand for cannot be told")
    return row


def _placed(row: Row | list[Any], names: list[str] | None, width: int) -> dict[int, Any]:
    """The values of a row by the place of their column in what the estimator was fitted on."""
    if isinstance(row, dict):
        return {names.index(name): value for name, value in row.items() if names is not None and name in names}
    if len(row) != width:
        raise NotRaw(f"it has {len(row)} values, and what it is handed to was fitted on {width} columns")
    return dict(enumerate(row))


def _unplaced(row: Row | list[Any], names: list[str] | None) -> Row:
    """What a row says of columns that the estimator was not fitted on."""
    return {name: row[name] for name in row if name not in (names or ())} if isinstance(row, dict) else {}


def _translated(values: Mapping[int, Any], names: list[str] | None, meanings: _Meanings) -> Row:
    """Each value under the field that it stands for, in the field's words."""
    whole = {places: told for places, told in meanings.words.items() if all(place in values for place in places)}
    told = {*meanings.same, *(place for places in whole for place in places)}
    found: Row = {}
    for place in (each for each in values if each not in told):
        if names is None:
            raise NotRaw(f"value {place + 1} stands for no single field of a request")
        found[names[place]] = values[place]
    found.update({name: values[place] for place, name in meanings.same.items() if place in values})
    for places, (name, words) in whole.items():
        given = tuple(values[place] for place in places)
        if given not in words:
            raise NotRaw(f"no row of the data has {', '.join(map(repr, given))} as {name}")
        found[name] = words[given]
    return found


def _meanings(
    sides: Sides, table: pd.DataFrame, names: list[str] | None, learned: Schema, places: list[int]
) -> _Meanings:
    """What the columns in these places stand for, by the rows that they were made of; as many as can be told."""
    entry = to_pandas(sides.inputs[sides.parameters["entry"]])
    best = _Meanings()
    for numbers in _row_sets(sides, len(entry)):
        if len(numbers) != len(table) or len(best) == len(places):
            continue
        rows = entry.take(numbers)
        best = max(best, _meanings_by(rows, table, names, learned, places), key=len)
    return best


def _meanings_by(
    rows: pd.DataFrame, table: pd.DataFrame, names: list[str] | None, learned: Schema, places: list[int]
) -> _Meanings:
    """The same by one set of rows. A column that could stand for several fields stands for none."""
    found, groups = _Meanings(), dict[str, list[int]]()
    for place in places:
        column = table.iloc[:, place]
        own = names[place] if names is not None and names[place] in learned.names else None
        fields = list(learned.names) if own is None else [own]
        same = [name for name in fields if _same(column, rows[name])]
        if len(same) == 1:
            found.same[place] = same[0]
        elif not same:
            follows = [name for name in fields if _follows(column, rows[name])]
            if len(follows) == 1:
                groups.setdefault(follows[0], []).append(place)
    for name, of_it in groups.items():
        words = _words(table.iloc[:, of_it], rows[name])
        if words is not None:
            found.words[tuple(of_it)] = (name, words)
    return found


def _row_sets(sides: Sides, count: int) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Row numbers of the entry on which an estimator may have been fitted: a part, all that was kept, all."""
    parameters = sides.parameters
    for labels in (parameters["fitted"]["rows"], *(parameters[part] for part in _PARTS)):
        if sides.has(*labels):
            numbers = row_numbers(labels, sides.inputs)
            if numbers is not None:
                yield numbers
    yield np.arange(count)


def _same(column: pd.Series[Any], one: pd.Series[Any]) -> bool:
    """Whether a column holds a field's values, wherever that has one."""
    there = one.notna().to_numpy()
    found, wanted = column.to_numpy()[there], one.to_numpy()[there]
    if len(found) < min(MOST_WORDS, len(one)):
        return False
    try:
        if pd.api.types.is_numeric_dtype(column.dtype) and pd.api.types.is_numeric_dtype(one.dtype):
            return bool(np.array_equal(found.astype(float), wanted.astype(float)))
        return list(found) == list(wanted)
    except (TypeError, ValueError):  # cells that hold arrays
        return False


def _follows(column: pd.Series[Any], one: pd.Series[Any]) -> bool:
    """Whether a column says something of a field with few values: each of them goes with one value of the column."""
    try:
        if one.iloc[:_LOOKED_AT].nunique() > MOST_WORDS or column.iloc[:_LOOKED_AT].nunique() > MOST_WORDS:
            return False
        pairs = pd.DataFrame({"column": column.to_numpy(), "field": one.to_numpy()}).dropna().drop_duplicates()
    except TypeError:  # cells that hold lists
        return False
    return 2 <= len(pairs) <= MOST_WORDS and bool(pairs["field"].is_unique) and pairs["column"].nunique() > 1


def _words(columns: pd.DataFrame, one: pd.Series[Any]) -> dict[tuple[Any, ...], Any] | None:
    """The field's values by those of the columns; None where two of them read alike."""
    there = one.notna().to_numpy()
    given = [column.to_numpy()[there].tolist() for _, column in columns.items()]
    pairs = dict(zip(one.to_numpy()[there].tolist(), zip(*given, strict=True), strict=True))
    words = {given: value for value, given in pairs.items()}
    return words if len(words) == len(pairs) else None
