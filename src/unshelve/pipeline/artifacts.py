"""Values to artifacts and back.

Each type has one form: tables Parquet, arrays npy, plain values JSON, figures SVG, all else a pickle. What a step
receives is always what was stored, never the object that the step before it held, so a first run and a cached one
see the same. Equal values give equal bytes wherever the type allows it: that is what stops a change from spreading.

A pickle is read back once before it is stored: one that cannot be loaded is found by the step that made it.

What is large goes through a file and is mapped when it is read, so that it is never in memory twice; a stream of
tables becomes a dataset of several blobs. Both are told by `LARGE_BYTES` and by type, and give the same bytes.
Worker side; pandas, polars, pyarrow, numpy and matplotlib are imported when a value of theirs turns up.
"""

from __future__ import annotations

import io
import mmap
import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

from unshelve.errors import Damaged, Refused, StorageFull
from unshelve.ids import digest as digest_of
from unshelve.pipeline.kinds import Artifact, ArtifactKind
from unshelve.pipeline.plain_values import is_plain
from unshelve.security.loader import FindClass, dumps, load
from unshelve.security.secrets import held_in, redact
from unshelve.storage.blobs import BlobStore, damaged_blob
from unshelve.storage.space import is_full

_MOST_COLUMNS_SHOWN: Final = 200
_LONGEST_SHOWN: Final = 200
_SCRATCH: Final = Path("/var/tmp")  # noqa: S108 - the file has no name there; /tmp is often memory
LARGE_BYTES: Final = 16 << 20
"""From this size on a value is written through a file and mapped when it is read."""


class Encoded(NamedTuple):
    """The bytes of a value, and what it is. `names` are the classes and functions that a pickle refers to.

    A large value has no bytes here: `write` writes them into a file.
    """

    kind: ArtifactKind
    data: bytes
    summary: Mapping[str, object]
    names: frozenset[tuple[str, str]] = frozenset()
    write: Callable[[BinaryIO], object] | None = None


CodeOf = Callable[[frozenset[tuple[str, str]]], str | None]
"""The digest of the project's own code behind (module, name) pairs; None where none is the project's."""


def write_artifact(
    value: object, blobs: BlobStore, *, code_of: CodeOf | None = None, who: str = "The stream"
) -> Artifact:
    """Stores a value, or a stream of tables while it comes in. `who` yields it, for messages.

    Raises Refused for a value that cannot be stored or that holds a secret.
    """
    return store_encoded(encode_for(value, blobs, who=who), blobs, code_of=code_of)


def encode_for(value: object, blobs: BlobStore, *, who: str = "The stream") -> Encoded:
    """The bytes of a value whose parts, where it has several, are stored already."""
    if not in_parts(value):
        return encode(value)
    from unshelve.data.dataset import write_dataset

    dataset = write_dataset(value, blobs, who)
    columns = [{"name": each.name, "type": str(each.type)} for each in dataset.schema]
    summary = {**_table_summary(dataset.rows, columns), "parts": len(dataset.parts), "bytes": dataset.size_bytes}
    return Encoded(ArtifactKind.DATASET, dataset.manifest(), summary)


def in_parts(value: object) -> bool:
    """Whether a value is a dataset or a stream of tables, which becomes one."""
    return any(_name_of(kind) in _STREAMS for kind in type(value).__mro__)


def store_encoded(encoded: Encoded, blobs: BlobStore, *, code_of: CodeOf | None = None) -> Artifact:
    """Stores the bytes of a value."""
    code = code_of(encoded.names) if code_of is not None and encoded.names else None
    if encoded.write is None:
        digest, size = blobs.put(encoded.data), len(encoded.data)
    else:
        digest, size = _through_a_file(encoded.write, blobs)
    return Artifact(digest=digest, kind=encoded.kind, size_bytes=size, summary=encoded.summary, code=code)


def _through_a_file(write: Callable[[BinaryIO], object], blobs: BlobStore) -> tuple[str, int]:
    """Stores what is written into a file that has no name, so that nothing of it is left if the process is killed."""
    folder = os.environ.get("TMPDIR") or (_SCRATCH if _SCRATCH.is_dir() else None)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            write(file)
            file.flush()
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            return blobs.put_file(Path(f"/dev/fd/{file.fileno()}")), size
    except OSError as error:
        if is_full(error) and not isinstance(error, StorageFull):
            raise StorageFull(
                f"There is no room left under {folder or tempfile.gettempdir()}; nothing was stored.",
                hint="Free some space there, or name another folder in TMPDIR, then try again.",
            ) from error
        raise


def read_artifact(
    artifact: Artifact, blobs: BlobStore, *, trusted: Callable[[str], bool], find_class: FindClass | None = None
) -> object:
    """The value of an artifact; of a dataset, the handle. `trusted` is asked before a pickle is loaded."""
    if artifact.kind is ArtifactKind.DATASET:
        from unshelve.data.dataset import dataset_from

        return dataset_from(blobs.get(artifact.digest), blobs)
    data = blobs.get(artifact.digest) if artifact.kind is ArtifactKind.OBJECT else bytes_of(artifact, blobs)
    return decode(artifact, data, trusted=trusted, find_class=find_class)


def bytes_of(artifact: Artifact, blobs: BlobStore) -> bytes | mmap.mmap:
    """The bytes of an artifact, checked: those of a large one are mapped where the store has a file of them.

    What is written into a map never reaches the file.
    """
    path = blobs.path(artifact.digest) if artifact.size_bytes >= LARGE_BYTES else None
    if path is None:
        return blobs.get(artifact.digest)
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if digest_of(memoryview(data)) != artifact.digest:
        raise damaged_blob(artifact.digest)
    return data


def decode(
    artifact: Artifact,
    data: bytes | mmap.mmap,
    *,
    trusted: Callable[[str], bool],
    find_class: FindClass | None = None,
) -> object:
    """The value of an artifact whose bytes are these; a dataset is read by `read_artifact` alone."""
    if artifact.kind is ArtifactKind.OBJECT:
        return load(bytes(data), digest=artifact.digest, trusted=trusted, find_class=find_class)
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
        hint="Return frame.collect(), or yield from frame.collect_batches() where that is larger than memory.",
    )


def _write_arrow(value: Any) -> Encoded:  # Any: pyarrow has no types
    from unshelve.pipeline.parquet import arrow_to_parquet

    columns = [{"name": each.name, "type": str(each.type)} for each in value.schema]
    return Encoded(ArtifactKind.ARROW, arrow_to_parquet(value), _table_summary(value.num_rows, columns))


def _write_array(value: Any) -> Encoded:  # Any: the table calls it for arrays alone
    if value.dtype.hasobject or value.dtype.kind not in _NPY_KINDS or value.dtype.metadata:
        return _write_object(value)
    summary = {"shape": list(value.shape), "type": str(value.dtype)}
    if value.nbytes >= LARGE_BYTES:
        return Encoded(ArtifactKind.ARRAY, b"", summary, write=lambda sink: _save(value, sink))
    return Encoded(ArtifactKind.ARRAY, _npy(value), summary)


def _write_sparse(value: Any) -> Encoded:  # Any: the table calls it for matrices alone
    from unshelve.pipeline.sparse import fits, size_of, write_sparse

    if not fits(value):
        return _write_object(value)
    summary = {"shape": list(value.shape), "type": f"{type(value).__name__} of {value.dtype}", "stored": value.nnz}
    if size_of(value) >= LARGE_BYTES:
        return Encoded(ArtifactKind.SPARSE, b"", summary, write=lambda sink: write_sparse(value, sink))
    sink = io.BytesIO()
    write_sparse(value, sink)
    return Encoded(ArtifactKind.SPARSE, sink.getvalue(), summary)


def _write_number(value: Any) -> Encoded:  # Any: the table calls it for numpy scalars alone
    if value.dtype.hasobject or value.dtype.kind not in _NPY_KINDS:
        return _write_object(value)
    plain = value.item()
    summary = {"type": str(value.dtype), "value": plain if is_plain(plain) else str(value)}
    return Encoded(ArtifactKind.NUMBER, _npy(value), summary)


def _npy(value: object) -> bytes:
    sink = io.BytesIO()
    _save(value, sink)
    return sink.getvalue()


def _save(value: object, sink: BinaryIO) -> None:
    """numpy writes an array piece by piece."""
    import numpy as np

    np.save(sink, np.asanyarray(value), allow_pickle=False)


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

Data = Any  # bytes, or a map of a file, which mypy does not know to be a buffer


def _read_json(data: Data) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise Damaged(f"A stored value cannot be read: {error}") from error


def _read_frame(data: Data) -> object:
    from unshelve.pipeline.parquet import arrow_from_parquet, frame_from_arrow

    return frame_from_arrow(arrow_from_parquet(data), used_up=len(data) >= LARGE_BYTES)


def _read_series(data: Data) -> object:
    from unshelve.pipeline.parquet import arrow_from_parquet, series_from_arrow

    return series_from_arrow(arrow_from_parquet(data), used_up=len(data) >= LARGE_BYTES)


def _read_polars(data: Data) -> object:
    import polars

    return polars.read_parquet(io.BytesIO(data))


def _read_arrow(data: Data) -> object:
    from unshelve.pipeline.parquet import arrow_from_parquet

    return arrow_from_parquet(data)


def _read_array(data: Data) -> object:
    import numpy as np

    if isinstance(data, bytes):
        return np.load(io.BytesIO(data), allow_pickle=False)
    return _mapped(data)


def _mapped(data: mmap.mmap) -> object:
    """The array in a map of an npy file, without a copy."""
    import numpy as np
    from numpy.lib import format as npy

    major, _ = npy.read_magic(data)
    read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
    shape, fortran, dtype = read(data)
    values = np.frombuffer(data, dtype, offset=data.tell())
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)


def _read_sparse(data: Data) -> object:
    from unshelve.pipeline.sparse import read_sparse

    return read_sparse(data if isinstance(data, mmap.mmap) else bytearray(data))


def _read_number(data: Data) -> object:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)[()]


def _read_text(data: Data) -> object:
    return bytes(data).decode()


def _read_bytes(data: Data) -> object:
    return bytes(data)


_STREAMS: Final = frozenset(
    {
        *(("builtins", name) for name in ("generator", "map", "filter", "zip")),
        ("itertools", "chain"),
        ("unshelve", "Dataset"),
        ("pyarrow", "RecordBatchReader"),
        ("pandas", "TextFileReader"),
        ("pandas", "JsonReader"),
        ("polars", "_CollectBatches"),
    }
)
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
    **{
        ("scipy", f"{form}_{container}"): _write_sparse
        for form in ("csr", "csc", "coo")
        for container in ("array", "matrix")
    },
    ("matplotlib", "Figure"): _write_figure,
    ("matplotlib", "Axes"): _write_figure,
}
_INHERITED: Final = frozenset({("numpy", "generic"), ("matplotlib", "Figure"), ("matplotlib", "Axes")})
"""Types whose subclasses are written as they are; subclasses of the others are objects of their own kind."""

_READERS: Final[Mapping[ArtifactKind, Callable[[Data], object]]] = {
    ArtifactKind.TABLE: _read_frame,
    ArtifactKind.SERIES: _read_series,
    ArtifactKind.POLARS: _read_polars,
    ArtifactKind.ARROW: _read_arrow,
    ArtifactKind.ARRAY: _read_array,
    ArtifactKind.SPARSE: _read_sparse,
    ArtifactKind.NUMBER: _read_number,
    ArtifactKind.JSON: _read_json,
    ArtifactKind.FIGURE: _read_text,
    ArtifactKind.BYTES: _read_bytes,
}
