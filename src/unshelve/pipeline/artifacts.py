"""Values to artifacts and back.

Each type has one form: tables Parquet, arrays npy, plain values JSON, figures SVG, all else a pickle. What a step
receives is always what was stored, never the object that the step before it held, so a first run and a cached one
see the same. Equal values give equal bytes wherever the type allows it: that is what stops a change from spreading.

A pickle is read back once before it is stored: one that cannot be loaded is found by the step that made it.
Worker side; pandas, polars, pyarrow, numpy and matplotlib are imported when a value of theirs turns up.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import msgspec

from unshelve.errors import Damaged, Refused
from unshelve.ids import digest as digest_of
from unshelve.pipeline.kinds import Artifact, ArtifactKind
from unshelve.pipeline.plain_values import is_plain
from unshelve.security.loader import FindClass, dumps, load
from unshelve.security.secrets import held_in, redact
from unshelve.storage.blobs import BlobStore

_MOST_COLUMNS_SHOWN: Final = 200
_LONGEST_SHOWN: Final = 200


class Encoded(NamedTuple):
    """The bytes of a value, and what it is. `names` are the classes and functions that a pickle refers to."""

    kind: ArtifactKind
    data: bytes
    summary: Mapping[str, object]
    names: frozenset[tuple[str, str]] = frozenset()


CodeOf = Callable[[frozenset[tuple[str, str]]], str | None]
"""The digest of the project's own code behind (module, name) pairs; None where none is the project's."""


def write_artifact(value: object, blobs: BlobStore, *, code_of: CodeOf | None = None) -> Artifact:
    """Stores a value. Raises Refused for one that cannot be stored or that holds a secret."""
    return store_encoded(encode(value), blobs, code_of=code_of)


def store_encoded(encoded: Encoded, blobs: BlobStore, *, code_of: CodeOf | None = None) -> Artifact:
    """Stores the bytes of a value."""
    code = code_of(encoded.names) if code_of is not None and encoded.names else None
    return Artifact(
        digest=blobs.put(encoded.data),
        kind=encoded.kind,
        size_bytes=len(encoded.data),
        summary=encoded.summary,
        code=code,
    )


def read_artifact(
    artifact: Artifact, blobs: BlobStore, *, trusted: Callable[[str], bool], find_class: FindClass | None = None
) -> object:
    """The value of an artifact. `trusted` is asked before a pickle is loaded; see security.loader."""
    return decode(artifact, blobs.get(artifact.digest), trusted=trusted, find_class=find_class)


def decode(
    artifact: Artifact, data: bytes, *, trusted: Callable[[str], bool], find_class: FindClass | None = None
) -> object:
    """The value of an artifact whose bytes are these."""
    if artifact.kind is ArtifactKind.OBJECT:
        return load(data, digest=artifact.digest, trusted=trusted, find_class=find_class)
    return _READERS[artifact.kind](data)


def encode(value: object) -> Encoded:
    """The bytes of a value in the form of its type."""
    kind = type(value)
    writer = _WRITERS.get((kind.__module__.partition(".")[0], kind.__name__))
    if writer is None:
        writer = next((_WRITERS[name] for name in map(_name_of, kind.__mro__) if name in _INHERITED), _write_object)
    return writer(value)


def _name_of(kind: type) -> tuple[str, str]:
    return kind.__module__.partition(".")[0], kind.__name__


# -- writing -----------------------------------------------------------------------------------------------------


def _write_json(value: object) -> Encoded:
    if not is_plain(value):
        return _write_object(value)
    data = msgspec.json.encode(value)
    _refuse_secret(data)
    shown: object = value
    if isinstance(value, str | list | dict) and len(data) > _LONGEST_SHOWN:
        return Encoded(ArtifactKind.JSON, data, {"type": type(value).__name__, "length": len(value)})
    if isinstance(value, str):
        shown = redact(value)
    return Encoded(ArtifactKind.JSON, data, {"type": type(value).__name__, "value": shown})


def _write_bytes(value: Any) -> Encoded:  # Any: the table calls it for bytes alone
    data = bytes(value)
    _refuse_secret(data)
    return Encoded(ArtifactKind.BYTES, data, {"type": "bytes", "length": len(data)})


def _write_frame(value: Any) -> Encoded:  # Any: the table calls it for data frames alone
    from unshelve.pipeline.parquet import UNFIT, frame_to_parquet

    columns = [{"name": str(name), "type": str(kind)} for name, kind in value.dtypes.items()]
    summary = _table_summary(len(value), columns)
    return _parquet_or_pickle(value, ArtifactKind.TABLE, summary, frame_to_parquet, UNFIT)


def _write_series(value: Any) -> Encoded:  # Any: the table calls it for series alone
    from unshelve.pipeline.parquet import UNFIT, series_to_parquet

    summary = {"rows": len(value), "name": str(value.name), "type": str(value.dtype)}
    return _parquet_or_pickle(value, ArtifactKind.SERIES, summary, series_to_parquet, UNFIT)


def _parquet_or_pickle(
    value: object, kind: ArtifactKind, summary: dict[str, object], write: Callable[[Any], bytes], unfit: str
) -> Encoded:
    """A table as Parquet, or, where that would not give it back exactly, as a pickle with a note that says why."""
    try:
        return Encoded(kind, write(value), summary)
    except Refused as error:
        if error.subject_code != unfit:
            raise
        pickled = _write_object(value)
        return pickled._replace(summary={**summary, **pickled.summary, "note": error.details["why"]})


def _write_polars(value: Any) -> Encoded:  # Any: polars is optional
    sink = io.BytesIO()
    value.rechunk().write_parquet(sink, compression="zstd", statistics=False)
    columns = [{"name": name, "type": str(kind)} for name, kind in value.schema.items()]
    return Encoded(ArtifactKind.POLARS, sink.getvalue(), _table_summary(value.height, columns))


def _refuse_lazy(_value: object) -> Encoded:
    raise Refused(
        "A polars LazyFrame is a plan, and the tables that it reads may change.",
        code="not-storable",
        hint="Return frame.collect().",
    )


def _write_arrow(value: Any) -> Encoded:  # Any: pyarrow has no types
    from unshelve.pipeline.parquet import arrow_to_parquet

    columns = [{"name": each.name, "type": str(each.type)} for each in value.schema]
    return Encoded(ArtifactKind.ARROW, arrow_to_parquet(value), _table_summary(value.num_rows, columns))


def _write_array(value: Any) -> Encoded:  # Any: the table calls it for arrays alone
    if value.dtype.hasobject or value.dtype.kind not in _NPY_KINDS or value.dtype.metadata:
        return _write_object(value)
    return Encoded(ArtifactKind.ARRAY, _npy(value), {"shape": list(value.shape), "type": str(value.dtype)})


def _write_number(value: Any) -> Encoded:  # Any: the table calls it for numpy scalars alone
    if value.dtype.hasobject or value.dtype.kind not in _NPY_KINDS:
        return _write_object(value)
    plain = value.item()
    summary = {"type": str(value.dtype), "value": plain if is_plain(plain) else str(value)}
    return Encoded(ArtifactKind.NUMBER, _npy(value), summary)


def _npy(value: object) -> bytes:
    import numpy as np

    sink = io.BytesIO()
    np.save(sink, np.asanyarray(value), allow_pickle=False)
    return sink.getvalue()


def _write_figure(value: Any) -> Encoded:  # Any: matplotlib has no types
    import matplotlib as mpl
    from matplotlib import pyplot

    figure = value if hasattr(value, "savefig") else value.figure
    sink = io.BytesIO()
    # The salt and the missing date make equal pictures equal bytes.
    with mpl.rc_context({"svg.hashsalt": "unshelve"}):
        figure.savefig(sink, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    width, height = figure.get_size_inches()
    return Encoded(ArtifactKind.FIGURE, sink.getvalue(), {"type": "figure", "inches": [float(width), float(height)]})


def _write_object(value: object) -> Encoded:
    data = dumps(value)
    names: set[tuple[str, str]] = set()

    def find(module: str, name: str) -> object:
        names.add((module, name))
        return _find(module, name)

    digest = digest_of(data)
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    try:
        load(data, digest=digest, trusted=lambda given: given == digest, find_class=find)
    except Exception as error:  # what a class's own __setstate__ raises may be anything
        raise Refused(
            f"A value of type {kind} can be written but not read back ({type(error).__name__}: {error}).",
            code="not-storable",
            hint="Return tables, arrays, plain values, or objects of classes that are defined at the top of a module.",
        ) from error
    return Encoded(ArtifactKind.OBJECT, data, {"type": kind}, frozenset(names))


def _find(module: str, name: str) -> object:
    value: object = import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _refuse_secret(data: bytes) -> None:
    name = held_in(data)
    if name is not None:
        raise Refused(f"The value holds the secret {name} and cannot be stored.", code="secret-stored")


def _table_summary(rows: int, columns: list[dict[str, str]]) -> dict[str, object]:
    return {"rows": rows, "width": len(columns), "columns": columns[:_MOST_COLUMNS_SHOWN]}


# -- reading -----------------------------------------------------------------------------------------------------


def _read_json(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise Damaged(f"A stored value cannot be read: {error}") from error


def _read_frame(data: bytes) -> object:
    from unshelve.pipeline.parquet import frame_from_parquet

    return frame_from_parquet(data)


def _read_series(data: bytes) -> object:
    from unshelve.pipeline.parquet import series_from_parquet

    return series_from_parquet(data)


def _read_polars(data: bytes) -> object:
    import polars

    return polars.read_parquet(io.BytesIO(data))


def _read_arrow(data: bytes) -> object:
    from unshelve.pipeline.parquet import arrow_from_parquet

    return arrow_from_parquet(data)


def _read_array(data: bytes) -> object:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)


def _read_number(data: bytes) -> object:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)[()]


def _read_text(data: bytes) -> object:
    return data.decode()


def _read_bytes(data: bytes) -> object:
    return data


_NPY_KINDS: Final = frozenset("biufcmMSUV")
_WRITERS: Final[Mapping[tuple[str, str], Callable[[Any], Encoded]]] = {
    **{("builtins", name): _write_json for name in ("NoneType", "bool", "int", "float", "str", "list", "dict")},
    ("builtins", "bytes"): _write_bytes,
    ("pandas", "DataFrame"): _write_frame,
    ("pandas", "Series"): _write_series,
    ("polars", "DataFrame"): _write_polars,
    ("polars", "LazyFrame"): _refuse_lazy,
    ("pyarrow", "Table"): _write_arrow,
    ("numpy", "ndarray"): _write_array,
    ("numpy", "generic"): _write_number,
    ("matplotlib", "Figure"): _write_figure,
    ("matplotlib", "Axes"): _write_figure,
}
_INHERITED: Final = frozenset({("numpy", "generic"), ("matplotlib", "Figure"), ("matplotlib", "Axes")})
"""Types whose subclasses are written as they are; subclasses of the others are objects of their own kind."""

_READERS: Final[Mapping[ArtifactKind, Callable[[bytes], object]]] = {
    ArtifactKind.TABLE: _read_frame,
    ArtifactKind.SERIES: _read_series,
    ArtifactKind.POLARS: _read_polars,
    ArtifactKind.ARROW: _read_arrow,
    ArtifactKind.ARRAY: _read_array,
    ArtifactKind.NUMBER: _read_number,
    ArtifactKind.JSON: _read_json,
    ArtifactKind.FIGURE: _read_text,
    ArtifactKind.BYTES: _read_bytes,
}
