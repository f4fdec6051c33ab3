"""Which kind of file it is: by its name, held against its first bytes. No table is read here."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError

from unshelve.errors import Refused, TooLarge, UnshelveError, UnsupportedType

MOST_BYTES: Final = 512 * 1024 * 1024
"""The largest file that is read, and what a compressed one may grow to."""

_HEAD: Final = 65_536


class FileKind(StrEnum):
    """A kind of file with rows in it."""

    CSV = "csv"
    PARQUET = "parquet"
    EXCEL = "excel"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, and how its bytes said it."""

    text: str
    encoding: str
    """What Python writes the same bytes with."""
    finding: str | None = None


def kind_of(
    path: Path, *, kind: FileKind | None = None, name: str | None = None, most_bytes: int = MOST_BYTES
) -> FileKind:
    """The kind of a file, told by its name unless `kind` is given; `name` is what people call it, if not its own.

    `Refused` when the file is empty or is of another kind than its name says, `TooLarge`, `UnsupportedType`.
    """
    name = name or path.name
    wanted = kind or _KINDS.get(Path(name).suffix.lower())
    if wanted is None:
        raise UnsupportedType(
            f"{name} has no known ending.", hint=f"Files that can be read end in {', '.join(_KINDS)}."
        )
    size = path.stat().st_size
    if size == 0:
        raise Refused(f"{name} is empty.", code="file-empty")
    check_size(name, size, most_bytes)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = _by_content(head)
    is_text = found is None and wanted in {FileKind.CSV, FileKind.JSON_LINES}
    if found != _CONTENTS[wanted] and not is_text:
        raise Refused(
            f"{name} is not {_CONTENTS[wanted]}, as its name says, but {found or 'something else'}.",
            code="file-not-what-it-says",
            hint="Give it the ending of what it is." if found in _CONTENTS.values() else "Save it again as CSV.",
        )
    if wanted is FileKind.EXCEL:
        _check_workbook(path, name, most_bytes)
    return wanted


@contextmanager
def refusing_damage(name: str, what: str) -> Iterator[None]:
    """Turn what a parser raises over broken bytes into a refusal that names the file.

    The parsers of other projects promise no exception of their own: openpyxl alone was seen to raise seven kinds.
    """
    try:
        yield
    except UnshelveError:
        raise
    except _BROKEN as error:
        lines = str(error).splitlines()
        said = (lines[0] if lines else type(error).__name__).rstrip(".")[:200]
        raise Refused(f"{name} is a damaged {what}: {said}.", code="file-damaged") from None


def check_size(name: str, size: int, most_bytes: int) -> None:
    """`TooLarge` when a file, or what it unpacks to, is beyond the limit."""
    if size > most_bytes:
        raise TooLarge(
            f"{name} has {size / 1e6:,.0f} MB; at most {most_bytes / 1e6:,.0f} MB are read.",
            code="file-too-large",
            hint="Split it, or save it as Parquet.",
        )


def decode_text(name: str, data: bytes) -> Decoded:
    """The text of a CSV or JSON-lines file: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_utf16(name, data)
    if b"\0" in data:
        raise Refused(f"{name} is not a text file: it holds zero bytes.", code="file-not-what-it-says")
    if data.startswith(codecs.BOM_UTF8):
        return _decode(name, data, "utf-8-sig")
    try:
        return Decoded(data.decode(), "utf-8")
    except UnicodeDecodeError as error:
        said = f"{name} is not UTF-8 (byte {error.start}); it was read as {{}}. Check letters such as é and ü."
    for encoding, spoken in (("cp1252", "Windows-1252"), ("latin-1", "Latin-1")):
        try:
            return Decoded(data.decode(encoding), encoding, said.format(spoken))
        except UnicodeDecodeError:
            continue
    raise AssertionError("Latin-1 reads any bytes")


def separator_of(text: str) -> str:
    """The separator of a CSV text: the one that cuts most of the first lines into equally many parts."""
    lines = list(itertools.islice(io.StringIO(text, newline=""), 100))
    best, best_score = ",", (0.0, 0)
    for separator in (",", ";", "\t", "|"):
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        score = (count / max(widths.total(), 1), width)
        if width > 1 and score > best_score:
            best, best_score = separator, score
    return best


def _by_content(head: bytes) -> str | None:
    """What the first bytes are known to be of, in words; None for a text, or what nobody marks."""
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "a binary file" if b"\0" in head and not utf16 else None


def _check_workbook(path: Path, name: str, most_bytes: int) -> None:
    with refusing_damage(name, "Excel workbook"), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if not any(entry.filename == "xl/workbook.xml" for entry in entries):
        raise Refused(
            f"{name} is not an Excel workbook, as its name says, but another ZIP archive.",
            code="file-not-what-it-says",
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(f"{name} is locked by a password.", code="file-locked", hint="Save it without one.")
    # What an entry says is what zipfile reads of it at most, so the sum is a bound and not a promise.
    check_size(f"{name}, unpacked,", sum(entry.file_size for entry in entries), most_bytes)


def _decode_utf16(name: str, data: bytes) -> Decoded:
    return _decode(name, data, "utf-16")


def _decode(name: str, data: bytes, encoding: str) -> Decoded:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused(f"{name} begins as {encoding} and breaks at byte {error.start}.", code="file-damaged") from None
    if "\0" in text:
        raise Refused(f"{name} is not a text file: it holds zero bytes.", code="file-not-what-it-says")
    return Decoded(text, encoding)


def looks_like_json(text: str) -> bool:
    """Whether a text begins as JSON does."""
    return re.match(r"\s*[\[{]", text) is not None


_BROKEN: Final = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError, MemoryError,
    OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, ParseError,
)  # fmt: skip

_KINDS: Final = {
    ".csv": FileKind.CSV,
    ".tsv": FileKind.CSV,
    ".txt": FileKind.CSV,
    ".parquet": FileKind.PARQUET,
    ".pq": FileKind.PARQUET,
    ".xlsx": FileKind.EXCEL,
    ".xlsm": FileKind.EXCEL,
    ".jsonl": FileKind.JSON_LINES,
    ".ndjson": FileKind.JSON_LINES,
}

_CONTENTS: Final = {
    FileKind.CSV: "a text file",
    FileKind.PARQUET: "a Parquet file",
    FileKind.EXCEL: "an Excel workbook",
    FileKind.JSON_LINES: "a text file",
}

_MAGIC: Final = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or locked Office file (.xls)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"ARROW1", "an Arrow file"),
)
