"""Large files as batches of rows: CSV, Parquet and JSON lines in memory that does not grow with them, Excel whole.

What kind of file it is, its encoding and its separator are told as for any file that people bring (formats.py); what
is small is read as those are (files.py).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unshelve.data.batches import CHUNK_ROWS, MOST_COLUMNS, Tell, batches_of_rows, check_columns, settled
from unshelve.data.files import read_table
from unshelve.data.formats import FileKind, check_size, decode_text, kind_of, refusing_damage, separator_of
from unshelve.errors import Refused, TooLarge

SMALL_BYTES: Final = 16 << 20
MOST_BYTES: Final = 1 << 40
MOST_GROUP_BYTES: Final = 8 << 30
"""What one row group of a Parquet file may claim to unpack to."""

MOST_LINE_BYTES: Final = 64 << 20
MOST_PARQUET_ROWS: Final = 2_000_000_000
_HEAD: Final = 1 << 20
_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Wish:
    """How files are read: columns that are kept as texts, the sheet of a workbook."""

    texts: frozenset[str] = frozenset()
    sheet: str | None = None


def file_batches(path: Path, name: str, wish: Wish, tell: Tell) -> Iterator[pa.RecordBatch]:
    """The rows of a file in batches. `name` is what people call it. Refused, TooLarge and the like name the file."""
    kind = kind_of(path, name=name, most_bytes=MOST_BYTES)
    size = path.stat().st_size
    if kind is FileKind.PARQUET:
        yield from _parquet(path, name, tell)
    elif kind is FileKind.EXCEL or size <= SMALL_BYTES:
        if kind is FileKind.CSV:
            _check_header(path, name)
        found = read_table(path, kind=kind, name=name, sheet=wish.sheet, texts=wish.texts)
        for finding in found.findings:
            tell(finding)
        yield from _frame(found.table, name, tell)
    elif kind is FileKind.CSV:
        yield from _csv(path, name, wish, tell)
    else:
        yield from _json_lines(path, name, tell)


def _frame(table: pd.DataFrame, name: str, tell: Tell) -> Iterator[pa.RecordBatch]:
    names = check_columns(list(table.columns), name)
    arrays = []
    for column in names:
        values: Any = table[column]
        try:
            array = pa.Array.from_pandas(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            rows = [(None if value is None or value is pd.NaT else value,) for value in values.to_list()]
            array = pa.concat_arrays([each.column(0) for each in batches_of_rows([column], rows, tell)])
        arrays.append(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array)
    batch = pa.RecordBatch.from_arrays(arrays, names=names)
    yield settled(batch, tell)


def _parquet(path: Path, name: str, tell: Tell) -> Iterator[pa.RecordBatch]:
    with refusing_damage(name, "Parquet file"), pq.ParquetFile(path) as file:
        described = file.metadata
        if described.num_rows > MOST_PARQUET_ROWS:
            raise TooLarge(
                f"{name} says that it has {described.num_rows:,} rows; at most {MOST_PARQUET_ROWS:,} are read.",
                code="file-too-large",
            )
        names = check_columns(file.schema_arrow.names, name)
        groups = [described.row_group(each) for each in range(described.num_row_groups)]
        check_size(
            f"A row group of {name}, unpacked,", max((each.total_byte_size for each in groups), default=0),
            MOST_GROUP_BYTES,
        )  # fmt: skip
        if described.num_rows != sum(each.num_rows for each in groups):
            raise Refused(f"{name} is a damaged Parquet file: its groups hold other rows.", code="file-damaged")
        kinds = [pa.array([], type=_storage(each.type)) for each in file.schema_arrow]
        yield settled(pa.RecordBatch.from_arrays(kinds, names=names), tell)
        rows = 0
        for batch in file.iter_batches(batch_size=_ROWS):
            rows += batch.num_rows
            yield settled(batch, tell)
        if rows != described.num_rows:
            raise Refused(
                f"{name} is a damaged Parquet file: it says {described.num_rows:,} rows and holds {rows:,}.",
                code="file-damaged",
            )


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _check_header(path: Path, name: str) -> None:
    """Refuse a header of too many columns before all of it is read."""
    with path.open("rb") as file:
        line = file.readline(MOST_LINE_BYTES)
    if len(line) > MOST_COLUMNS and not line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        check_columns(_names(line, name), name)


def _names(line: bytes, name: str) -> Sequence[str]:
    text = decode_text(name, line).text
    return [each or f"_{place}" for place, each in enumerate(next(csv.reader([text], delimiter=separator_of(text))))]


def _csv(path: Path, name: str, wish: Wish, tell: Tell) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    encoding = _encoding(path, name, head, tell)
    text = head.decode(encoding, "ignore")
    text = text[: text.rfind("\n") + 1] or text
    separator = separator_of(text)
    if separator != ",":
        tell(f"{name} has its values apart by {_SEPARATORS[separator]}.")
    comma = separator != "," and bool(_DECIMAL_COMMA.search(text)) and not _DECIMAL_POINT.search(text)
    if comma:
        tell(f"{name} writes numbers with a decimal comma.")
    names = check_columns(next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), []), name)
    try:
        with (
            warnings.catch_warnings(),
            pd.read_csv(
                path,
                sep=separator,
                decimal="," if comma else ".",
                encoding=encoding,
                index_col=False,
                chunksize=_ROWS,
                low_memory=False,
                dtype={each: "str" for each in wish.texts if each in names},
            ) as reader,
        ):
            warnings.simplefilter("error", pd.errors.ParserWarning)
            for chunk in reader:
                yield from _frame(chunk, name, tell)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, ValueError, OverflowError) as error:
        if isinstance(error, Refused):
            raise
        said = re.sub(r"^Error tokenizing data\. C error: ", "", str(error)).strip().rstrip(".")[:300]
        raise Refused(f"{name} cannot be read as CSV: {said}.", code="file-damaged") from None


def _encoding(path: Path, name: str, head: bytes, tell: Tell) -> str:
    """The encoding of a whole text file; looked at once, in pieces."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        raise Refused(f"{name} is not a text file: it holds zero bytes.", code="file-not-what-it-says")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(_HEAD):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        tell(f"{name} is not UTF-8; it was read as Windows-1252. Check letters such as é and ü.")
        return "cp1252"
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def _json_lines(path: Path, name: str, tell: Tell) -> Iterator[pa.RecordBatch]:
    """JSON lines in chunks; a column that first comes later is missing before, and that is said by the union."""
    number = 0
    rows: list[dict[str, Any]] = []
    columns: dict[str, None] = {}
    decoder = msgspec.json.Decoder(dict[str, Any])
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            check_size(f"Line {number} of {name}", len(line), MOST_LINE_BYTES)
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise Refused(
                    f"Line {number} of {name} is not a JSON object: {str(error)[:200]}.",
                    code="file-damaged",
                    hint="One object stands in each line, without a list around them.",
                ) from None
            columns.update(dict.fromkeys(row))
            rows.append(row)
            if len(rows) == CHUNK_ROWS:
                yield from object_batches(rows, list(columns), name, tell)
                rows = []
    if rows:
        yield from object_batches(rows, list(columns), name, tell)


def object_batches(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], name: str, tell: Tell
) -> Iterator[pa.RecordBatch]:
    """JSON objects as batches: a field that an object lacks is missing, one that holds a list or an object is text."""
    names = check_columns(list(columns), name)
    yield from batches_of_rows(names, (tuple(row.get(each) for each in names) for row in rows), tell)


_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_DECIMAL_COMMA: Final = re.compile(r"(?:^|[;\t|\n])\s*-?\d+,\d+\s*(?=[;\t|\r\n]|$)")
_DECIMAL_POINT: Final = re.compile(r"(?:^|[;\t|\n])\s*-?\d+\.\d+\s*(?=[;\t|\r\n]|$)")
