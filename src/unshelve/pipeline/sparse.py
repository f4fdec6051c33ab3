"""Sparse matrices of scipy as bytes and back: their arrays one after the other, each ready to be mapped.

The form: `UNSHELVE-SPARSE`, the number of the form, eight digits that say how long the JSON after them is, the JSON,
then each array in little-endian order. Every array begins at a multiple of 64 bytes. Entries are sorted and doubles
summed, so equal matrices give equal bytes. Nothing is ever unpickled. Worker side: imports numpy and scipy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
from scipy import sparse

from unshelve.errors import Damaged
from unshelve.ids import canonical_json

_MAGIC: Final = b"UNSHELVE-SPARSE"
_FORMAT: Final = 1
"""Raised when the bytes change their meaning."""

_ALIGNED: Final = 64
_HEAD_BYTES: Final = len(_MAGIC) + 2 + 8
_KINDS: Final = "biufc"
_FORMS: Final = {
    **{f"{form}_{container}": getattr(sparse, f"{form}_{container}")
       for form in ("csr", "csc", "coo") for container in ("matrix", "array")},
}  # fmt: skip

Matrix = Any  # scipy's types, without generics


class _Array(msgspec.Struct, frozen=True):
    name: str
    dtype: str
    length: int


class _Head(msgspec.Struct, frozen=True):
    type: str
    shape: tuple[int, ...]
    arrays: tuple[_Array, ...]


def fits(matrix: Matrix) -> bool:
    """Whether a matrix has this form: compressed or by coordinates, of numbers or booleans."""
    return type(matrix).__name__ in _FORMS and matrix.dtype.kind in _KINDS


def size_of(matrix: Matrix) -> int:
    """About how many bytes a matrix is written in."""
    return sum(values.nbytes for _, values in _arrays(matrix))


def write_sparse(matrix: Matrix, sink: BinaryIO) -> None:
    """Writes a matrix. Its arrays are not copied unless they are out of order."""
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    arrays = [(name, _little(values)) for name, values in _arrays(matrix)]
    head = canonical_json(
        _Head(
            type=type(matrix).__name__,
            shape=tuple(int(size) for size in matrix.shape),
            arrays=tuple(_Array(name, values.dtype.str, len(values)) for name, values in arrays),
        )
    )
    sink.write(b"%s%02d%08d%s" % (_MAGIC, _FORMAT, len(head), head))
    place = _HEAD_BYTES + len(head)
    for _, values in arrays:
        place += sink.write(bytes(-place % _ALIGNED))
        place += sink.write(values.view(np.uint8).data if len(values) else b"")


def read_sparse(data: Any) -> Matrix:  # Any: bytes, or a map of a file
    """The matrix in some bytes; its arrays lie in them. Raises Damaged for bytes that are something else."""
    view = memoryview(data)
    try:
        if bytes(view[: len(_MAGIC)]) != _MAGIC:
            raise ValueError("they begin otherwise")
        if int(bytes(view[len(_MAGIC) : len(_MAGIC) + 2])) > _FORMAT:
            raise Damaged("The matrix was written by a newer unshelve.")
        length = int(bytes(view[len(_MAGIC) + 2 : _HEAD_BYTES]))
        head = msgspec.json.decode(bytes(view[_HEAD_BYTES : _HEAD_BYTES + length]), type=_Head)
        place, arrays = _HEAD_BYTES + length, {}
        for each in head.arrays:
            place += -place % _ALIGNED
            dtype = np.dtype(each.dtype)
            if dtype.kind not in _KINDS:
                raise ValueError(f"{each.name} is of {each.dtype}")
            arrays[each.name] = np.frombuffer(view, dtype, each.length, place) if each.length else np.empty(0, dtype)
            place += dtype.itemsize * each.length
        if place != len(view):
            raise ValueError("they are of another length")
        return _built(_FORMS[head.type], head.shape, arrays)
    except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        raise Damaged(f"A stored sparse matrix cannot be read: {error}") from error


def _built(form: Any, shape: tuple[int, ...], arrays: dict[str, np.ndarray[Any, Any]]) -> Matrix:
    if "indptr" in arrays:
        matrix = form((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape, copy=False)
    else:
        coordinates = tuple(arrays[f"axis {axis}"] for axis in range(len(shape)))
        matrix = form((arrays["data"], coordinates), shape=shape, copy=False)
    matrix.has_canonical_format = True
    return matrix


def _arrays(matrix: Matrix) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    yield "data", matrix.data
    if matrix.format == "coo":
        for axis, places in enumerate(matrix.coords):
            yield f"axis {axis}", places
    else:
        yield "indices", matrix.indices
        yield "indptr", matrix.indptr


def _little(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
