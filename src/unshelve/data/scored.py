"""A file with columns added: what it held stays as it was, to the letter in text, to the format in Excel.

A text file's lines are kept and only lengthened. A workbook keeps its formats and formulas, as far as openpyxl
carries them: pictures and charts are lost, and that is said in a finding.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, TypeAlias

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from unshelve.data.files import is_blank, records_of, sheet_of
from unshelve.data.formats import FileKind, decode_text, kind_of, refusing_damage, separator_of
from unshelve.errors import Refused

# One value of an added column: a number, a text, a truth, None, or a list or dict of them.
Value: TypeAlias = Any
Columns: TypeAlias = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Scored:
    """What was written: the names of the added columns as they stand in the file, and what is worth a remark."""

    names: Mapping[str, str]
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """A file to be written anew with columns."""

    source: Path
    name: str
    out: Path
    columns: Columns
    sheet: str | None
    rows: int


def write_scored(
    source_path: Path,
    out_path: Path,
    columns: Columns,
    *,
    kind: FileKind | None = None,
    name: str | None = None,
    sheet: str | None = None,
) -> Scored:
    """Write a copy of the source with columns added at the right, one value for each of its rows.

    A name that the file has already gets a number: score_2, or the first that is free. The copy appears whole or
    not at all; the source is not touched. `name` is what people call the source, if not by its own name.
    `Refused` when the values are not as many as the rows.
    """
    found = kind_of(source_path, kind=kind, name=name)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise Refused("The columns to be added are not of one length.", code="rows-differ")
    with NamedTemporaryFile(dir=out_path.parent, prefix=".scored-", delete=False) as file:
        made = Path(file.name)
    try:
        scored = _WRITERS[found](_Job(source_path, name or source_path.name, made, columns, sheet, lengths.pop()))
        made.chmod(0o666 & ~_umask())
        made.replace(out_path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return scored


def free_names(wanted: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """For each wanted column a name that is not taken: itself, or with the first free number from 2 on."""
    used = set(taken)
    found: dict[str, str] = {}
    for name in wanted:
        free, number = name, 2
        while free in used:
            free, number = f"{name}_{number}", number + 1
        used.add(free)
        found[name] = free
    return found


def _write_csv(job: _Job) -> Scored:
    decoded = decode_text(job.name, job.source.read_bytes())
    separator = separator_of(decoded.text)
    values = zip(*job.columns.values(), strict=True)
    names: dict[str, str] = {}
    parts: list[str] = []
    width, count = 0, -1
    for record, text, ending in _csv_records(decoded.text, separator, job.name):
        if is_blank(text, separator):
            parts += [text, ending]
            continue
        if count < 0:
            names, width = free_names(job.columns, record), len(record)
            added: Iterable[str] = names.values()
        else:
            added = map(_text, next(values, ()))
        # A row with fewer values than the header has gets its empty ones, so that the new ones stand right.
        parts += [text, separator * max(width - len(record), 0), separator, _csv_line(added, separator), ending]
        count += 1
    _check_rows(job, count)
    whole = "".join(parts)
    findings = [decoded.finding] if decoded.finding else []
    try:
        data = whole.encode(decoded.encoding)
    except UnicodeEncodeError:
        data = whole.encode("utf-8-sig")
        findings.append("The added columns hold letters that the file's encoding lacks; it was written in UTF-8.")
    job.out.write_bytes(data)
    return Scored(names, tuple(findings))


def _csv_records(text: str, separator: str, name: str) -> Iterator[tuple[list[str], str, str]]:
    """Each record of a CSV text, blank lines as well: its values, its own text, and how its line ends."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=separator)
    begin = 0
    for record in records_of(reader, name):
        whole = "".join(lines[begin : reader.line_num])
        begin = reader.line_num
        bare = whole.rstrip("\r\n")
        yield record, bare, whole[len(bare) :]


def _csv_line(values: Iterable[str], separator: str) -> str:
    line = io.StringIO()
    # The writer puts quotes around what holds a character of its own line's end, so it must know both.
    csv.writer(line, delimiter=separator, lineterminator="\r\n").writerow(list(values))
    return line.getvalue()[:-2]


def _write_json_lines(job: _Job) -> Scored:
    decoded = decode_text(job.name, job.source.read_bytes())
    lines = decoded.text.split("\n")
    taken = {key for line in lines if line.strip() for key in json.loads(line)}
    names = free_names(job.columns, taken)
    values = zip(*job.columns.values(), strict=True)
    count = 0
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        count += 1
        added = ", ".join(
            f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(_plain(value), ensure_ascii=False)}"
            for name, value in zip(names.values(), next(values, ()), strict=False)
        )
        body = line.rstrip()
        space = line[len(body) :]
        inner = body[:-1].rstrip()
        lines[place] = inner + ("" if inner.endswith("{") else ", ") + added + "}" + space
    _check_rows(job, count)
    job.out.write_bytes("\n".join(lines).encode(decoded.encoding if decoded.encoding.startswith("utf") else "utf-8"))
    return Scored(names, (decoded.finding,) if decoded.finding else ())


def _write_parquet(job: _Job) -> Scored:
    with refusing_damage(job.name, "Parquet file"), pq.ParquetFile(job.source) as file:
        table = file.read()
        group = file.metadata.row_group(0) if file.metadata.num_row_groups else None
        compression = group.column(0).compression.lower() if group is not None and group.num_columns else "snappy"
    _check_rows(job, table.num_rows)
    names = free_names(job.columns, table.schema.names)
    for name, values in zip(names.values(), job.columns.values(), strict=True):
        table = table.append_column(name, pa.array([_plain(value) for value in values]))
    pq.write_table(table, job.out, compression="none" if compression == "uncompressed" else compression)
    return Scored(names)


def _write_excel(job: _Job) -> Scored:
    with refusing_damage(job.name, "Excel workbook"), warnings.catch_warnings(), job.source.open("rb") as file:
        warnings.simplefilter("ignore", UserWarning)
        book = openpyxl.load_workbook(file, keep_vba=Path(job.name).suffix.lower() == ".xlsm", rich_text=True)
    sheet = book[sheet_of([one.title for one in book.worksheets], job.sheet, job.name)]
    header = [cell for cell in sheet[1] if cell.value is not None]
    if not header:
        raise Refused(f"The first row of {sheet.title!r} in {job.name} has no header.", code="file-empty")
    _check_rows(job, _last_row(sheet) - 1)
    names = free_names(job.columns, (str(cell.value) for cell in header))
    last = header[-1]
    for offset, (name, values) in enumerate(zip(names.values(), job.columns.values(), strict=True), start=1):
        _write_sheet_column(sheet, last, offset, [name, *values])
    book.save(job.out)
    with zipfile.ZipFile(job.source) as archive:
        lost = any(re.match(r"xl/(charts|media)/", entry) for entry in archive.namelist())
    said = f"{job.name} has charts or pictures, which the copy does not have."
    return Scored(names, (said,) if lost else ())


def _write_sheet_column(sheet: Worksheet, last: Any, offset: int, values: Sequence[Value]) -> None:
    """Write a column right of the last header, with that header's look and its neighbours' heights untouched."""
    column = last.column + offset
    for row, value in enumerate(values, start=1):
        cell = sheet.cell(row=row, column=column)
        if not isinstance(cell, Cell):
            raise Refused(
                f"The cell {cell.coordinate} is part of a merged one; take the merge out.", code="merged-cell"
            )
        _write_cell(cell, value)
    head = sheet.cell(row=1, column=column)
    for style in ("font", "fill", "border", "alignment", "protection"):
        setattr(head, style, copy.copy(getattr(last, style)))
    width = sheet.column_dimensions[get_column_letter(last.column)].width
    sheet.column_dimensions[get_column_letter(column)].width = max(width, len(str(values[0])) + 2)


def _write_cell(cell: Cell, value: Value) -> None:
    plain = _plain(value)
    if isinstance(plain, list | dict):
        plain = json.dumps(plain, ensure_ascii=False)
    if isinstance(plain, str):
        # A text that begins with = is an answer and not a formula.
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", plain)[:32_767]
        cell.data_type = "s"
    elif plain is not None:
        cell.value = plain


def _last_row(sheet: Worksheet) -> int:
    """The last row with a value in it; rows that only have a format do not count."""
    for row in range(sheet.max_row, 0, -1):
        if any(cell.value is not None for cell in sheet[row]):
            return row
    return 0


def _check_rows(job: _Job, rows: int) -> None:
    if rows != job.rows:
        raise Refused(
            f"{job.name} has {rows:,} rows, and {job.rows:,} values were given for each new column.",
            code="rows-differ",
        )


def _plain(value: Value) -> Value:
    """The value without numpy and pandas in it; what is missing or infinite is None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _text(value: Value) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_WRITERS: Final[dict[FileKind, Callable[[_Job], Scored]]] = {
    FileKind.CSV: _write_csv,
    FileKind.PARQUET: _write_parquet,
    FileKind.EXCEL: _write_excel,
    FileKind.JSON_LINES: _write_json_lines,
}
