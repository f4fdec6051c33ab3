"""Tables from files that people bring: CSV, Parquet, Excel, JSON lines. Every refusal says what the file is."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import openpyxl
import pandas as pd
import pyarrow.parquet as pq

from unshelve.data.formats import (
    MOST_BYTES,
    Decoded,
    FileKind,
    check_size,
    decode_text,
    kind_of,
    looks_like_json,
    refusing_damage,
    separator_of,
)
from unshelve.errors import NotFound, Refused, TooLarge
from unshelve.schema.near import near
from unshelve.schema.schema import TEXTS, Schema

MOST_ROWS: Final = 5_000_000
"""Rows of a Parquet file, whose few bytes may stand for any number of equal ones."""


@dataclass(frozen=True, slots=True)
class FileTable:
    """What a file holds: its rows, its kind, and what was guessed in reading it."""

    table: pd.DataFrame
    kind: FileKind
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    """How a file is to be read."""

    path: Path
    name: str
    sheet: str | None
    texts: frozenset[str]
    most_bytes: int


def read_file(
    path: Path, *, kind: FileKind | None = None, name: str | None = None, texts: Collection[str] = ()
) -> pd.DataFrame:
    """The rows of a file; see `read_table`."""
    return read_table(path, kind=kind, name=name, texts=texts).table


def text_fields(schema: Schema) -> tuple[str, ...]:
    """The fields whose columns are to be read as texts from a file that does not know types."""
    return tuple(one.name for one in schema.fields if one.type in TEXTS)


def read_table(
    path: Path,
    *,
    kind: FileKind | None = None,
    name: str | None = None,
    sheet: str | None = None,
    texts: Collection[str] = (),
    most_bytes: int = MOST_BYTES,
) -> FileTable:
    """The rows of a CSV, Parquet, Excel or JSON-lines file, with what was guessed.

    `kind` overrules the file's ending, `name` is what people call an uploaded file, `sheet` names the sheet of a
    workbook (the first, unless said), `texts` names columns whose values are kept as texts, as a postcode 00123
    must be. `NotFound` when there is no such file or sheet; `TooLarge`, `UnsupportedType` or another `Refused`
    for what cannot be read, and nothing is read by halves.
    """
    if not path.is_file():
        alike = near(path.name, (other.name for other in path.parent.iterdir())) if path.parent.is_dir() else ()
        raise NotFound(f"There is no file {path}.", code="file-not-found", near=alike)
    name = name or path.name
    found = kind_of(path, kind=kind, name=name, most_bytes=most_bytes)
    table, findings = _READERS[found](_Wish(path, name, sheet, frozenset(texts), most_bytes))
    if not len(table.columns) or not len(table):
        raise Refused(f"{name} has no {'rows' if len(table.columns) else 'columns'}.", code="file-empty")
    return FileTable(table, found, tuple(findings))


def header_problem(names: Sequence[str]) -> str | None:
    """What is wrong with a header row: a name that stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return f"the column {name!r} is there twice"
        if name:
            seen.add(name)
    return None


def is_blank(line: str, separator: str) -> bool:
    """Whether a line of a CSV is passed over, as pandas does: it holds spaces at most, and no separator."""
    return not line.strip(" \t") and separator not in line


def records_of(reader: Iterable[list[str]], name: str) -> Iterator[list[str]]:
    """The records of a csv reader; what it cannot read is refused."""
    try:
        yield from reader
    except csv.Error as error:
        raise Refused(f"{name} cannot be read as CSV: {error}.", code="file-damaged") from None


def _read_csv(wish: _Wish) -> tuple[pd.DataFrame, list[str]]:
    name = wish.name
    decoded = decode_text(name, wish.path.read_bytes())
    if looks_like_json(decoded.text):
        raise Refused(f"{name} is not CSV, as its name says, but JSON.", code="file-not-what-it-says")
    separator = separator_of(decoded.text)
    lines = (line for line in io.StringIO(decoded.text, newline="") if not is_blank(line.rstrip("\r\n"), separator))
    header = next(records_of(csv.reader(lines, delimiter=separator), name), [])
    _check_header(name, header)
    findings = [decoded.finding] if decoded.finding else []
    if separator != ",":
        findings.append(f"{name} has its values apart by {_SEPARATORS[separator]}.")
    comma = _decimal_comma(decoded, separator)
    if comma:
        findings.append(f"{name} writes numbers with a decimal comma.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(decoded.text),
                sep=separator,
                decimal="," if comma else ".",
                index_col=False,
                low_memory=False,
                dtype={text: "str" for text in wish.texts if text in header},
            )
    except (
        pd.errors.ParserError,
        pd.errors.ParserWarning,
        pd.errors.EmptyDataError,
        ValueError,
        OverflowError,
    ) as error:
        said = re.sub(r"^Error tokenizing data\. C error: ", "", str(error)).strip().rstrip(".")
        raise Refused(f"{name} cannot be read as CSV: {said}.", code="file-damaged") from None
    return table, findings


def _decimal_comma(decoded: Decoded, separator: str) -> bool:
    """Whether numbers are written 3,5: only where the comma separates nothing, and no number has a point."""
    if separator == ",":
        return False
    head = decoded.text[:200_000]
    cell = rf"(?:^|[{re.escape(separator)}\n])\s*-?\d+{{}}\d+\s*(?=[{re.escape(separator)}\r\n]|$)"
    return bool(re.search(cell.format(","), head)) and not re.search(cell.format(r"\."), head)


def _read_parquet(wish: _Wish) -> tuple[pd.DataFrame, list[str]]:
    name = wish.name
    with refusing_damage(name, "Parquet file"):
        with pq.ParquetFile(wish.path) as file:
            described = file.metadata
            if described.num_rows > MOST_ROWS:
                raise TooLarge(
                    f"{name} has {described.num_rows:,} rows; at most {MOST_ROWS:,} are read.", code="file-too-large"
                )
            groups = range(described.num_row_groups)
            check_size(
                f"{name}, unpacked,", sum(described.row_group(i).total_byte_size for i in groups), wish.most_bytes
            )
            table = file.read()
        _check_header(name, table.schema.names)
        return table.to_pandas(), []


def _read_excel(wish: _Wish) -> tuple[pd.DataFrame, list[str]]:
    name = wish.name
    # By handles, because openpyxl refuses a path without an ending that it knows.
    with refusing_damage(name, "Excel workbook"), warnings.catch_warnings(), wish.path.open("rb") as file:
        # What openpyxl does not understand (extensions, header images) holds no values.
        warnings.simplefilter("ignore", UserWarning)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets = [one.title for one in book.worksheets]
        sheet = sheet_of(sheets, wish.sheet, name)
        first = next(book[sheet].iter_rows(max_row=1, values_only=True), ())
        header = ["" if cell is None else str(cell) for cell in first]
        if not any(header):
            raise Refused(
                f"The first row of {sheet!r} in {name} holds no names of columns.",
                code="file-empty",
                hint="Take away what stands above the table.",
            )
        _check_header(f"the sheet {sheet!r} of {name}", header)
        file.seek(0)
        table = pd.read_excel(
            file,
            sheet_name=sheet,
            engine="openpyxl",
            dtype={text: "str" for text in wish.texts if text in header},
        )
    table.columns = pd.Index([str(column) for column in table.columns])
    findings = [f"{name} has {len(sheets)} sheets; {sheet!r} was read."] if len(sheets) > 1 else []
    return table, findings if wish.sheet is None else []


def sheet_of(sheets: Sequence[str], wanted: str | None, name: str) -> str:
    """The sheet that is meant: the first unless one is named; `NotFound` with the nearest if there is none."""
    if wanted is None and sheets:
        return sheets[0]
    if wanted in sheets:
        return str(wanted)
    raise NotFound(
        f"{name} has no sheet {wanted!r}.",
        code="sheet-not-found",
        near=near(str(wanted), sheets),
        hint=f"Its sheets are {', '.join(sheets[:20])}.",
    )


def _read_json_lines(wish: _Wish) -> tuple[pd.DataFrame, list[str]]:
    name = wish.name
    decoded = decode_text(name, wish.path.read_bytes())
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(decoded.text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_LINE.decode(line))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            hint = "One object stands in each line, without a list around them."
            raise Refused(
                f"Line {number} of {name} is not a JSON object: {_first_line(error)}.", code="file-damaged", hint=hint
            ) from None
    # A dict keeps the order in which columns first come.
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pd.DataFrame(rows, columns=pd.Index(columns)), [decoded.finding] if decoded.finding else []


def _check_header(name: str, header: Sequence[str]) -> None:
    problem = header_problem(header)
    if problem is not None:
        raise Refused(f"In {name} {problem}.", code="column-twice", hint="Rename one of them.")


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:200]


_LINE: Final = msgspec.json.Decoder(dict[str, Any])

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}

_READERS: Final[dict[FileKind, Callable[[_Wish], tuple[pd.DataFrame, list[str]]]]] = {
    FileKind.CSV: _read_csv,
    FileKind.PARQUET: _read_parquet,
    FileKind.EXCEL: _read_excel,
    FileKind.JSON_LINES: _read_json_lines,
}
