"""Fingerprints: hashes of what values hold, equal for equal content in each process, cheap enough for every statement.

No address, no `id()` and no order of a set goes into one. Arrays up to `WHOLE_BYTES` are hashed whole, larger ones by
their shape, both ends and a million elements between: a change elsewhere in these is not seen. Values whose content
cannot be told (figures, open files, threads, generators) have the fingerprint "".
"""

from __future__ import annotations

import ctypes
import functools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final  # Any: values of libraries that are not imported here

WHOLE_BYTES: Final = 50_000_000
_SAMPLE: Final = 1_000_000
_DEPTH: Final = 12
_PARTS: Final = 200_000
"""Parts of one value that are looked at; what comes after them is not told apart."""
_OPAQUE_PACKAGES: Final = frozenset(
    {"matplotlib", "seaborn", "plotly", "bokeh", "altair", "IPython", "ipywidgets", "_io", "_thread", "threading",
     "unittest", "tqdm", "weakref", "logging", "concurrent", "asyncio", "_asyncio", "graphviz", "unshelve", "selenium",
     "sqlite3", "sqlalchemy", "socket", "_contextvars"}
)  # fmt: skip
_PLAIN: Final = frozenset({int, float, str, bool, type(None)})
_WIDE: Final = 50
"""Tables of one type with more columns are hashed as one array."""
_SECONDS: Final = frozenset(
    {"refit_time_", "fit_time", "score_time", "mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}
)
"""What searches measure with a clock, which is another each time."""
_REFUSALS: Final = (RecursionError, RuntimeError, AttributeError, TypeError, ValueError, KeyError, IndexError, OSError)
IMMUTABLE: Final = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis), types.ModuleType, range)


class Fingerprints:
    """Gives fingerprints, and remembers those of columns that cost much and can be seen to be unchanged.

    Texts in arrow memory cannot change, so that the array stands for its content while it is held; for arrays of
    Python objects the pointers are compared with a copy. What nobody asks for between two calls of `forget` is let go.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[object, object, str]] = {}
        self._used: set[int] = set()
        self.parts: set[int] = set()
        """The ids of all that the last value holds."""

    def of(self, value: object) -> str:
        """The fingerprint of a value; "" where it cannot be told."""
        if _opaque(value):
            return ""
        return self._told(lambda walk: walk.put(value, 0))

    def of_index(self, index: Any) -> str:
        """The hash of a pandas index, equal for equal labels in the same order."""
        if type(index).__name__ == "RangeIndex":
            return _range_digest(index.start, index.stop, index.step)
        digest = blake2b(digest_size=16)
        _Walk(digest.update, self).labels(index)
        return digest.hexdigest()

    def of_column(self, values: Any) -> str:
        """The hash of what an array of pandas holds, whatever stands around it."""
        return self._told(lambda walk: walk.column(values, 1))

    def of_columns(self, table: Any) -> tuple[str, ...]:
        """The hashes of a table's columns, as `of_column` has them."""
        return tuple(self.of_column(column) for column in _columns(table))

    def of_table(self, table: Any, index: str, columns: tuple[str, ...]) -> str:
        """The fingerprint of a table of which `of_index` and `of_columns` are known: nothing is hashed twice."""
        if "" in columns or _opaque(table):
            return ""

        def write(walk: _Walk) -> None:
            walk.put(f"{type(table).__module__}.{type(table).__qualname__}", 0)
            walk.labels(table.columns)
            walk.put((index, *columns), 0)

        return self._told(write)

    def _told(self, write: Callable[[_Walk], None]) -> str:
        """The hash of what is written; "" where values of foreign classes refuse to be looked at."""
        self.parts = set()
        digest = blake2b(digest_size=16)
        try:
            write(_Walk(digest.update, self))
        except _REFUSALS:
            return ""
        return digest.hexdigest()

    def remembered(self, key: int, holder: object, proof: object, make: Callable[[], str]) -> str:
        """The digest of what lies at the address `key`, made anew unless its proof is the same as before.

        The holder is kept alive, so that nothing else comes to lie there.
        """
        self._used.add(key)
        known = self._held.get(key)
        if known is not None and _same(known[1], proof):
            return known[2]
        made = make()
        self._held[key] = (holder, proof, made)
        return made

    def forget(self) -> None:
        """Let go of what was not asked for since the last call."""
        self._held = {key: value for key, value in self._held.items() if key in self._used}
        self._used = set()


def of_row_numbers(count: int) -> str:
    """What `of_index` gives for a table whose rows are numbered from 0."""
    return _range_digest(0, count, 1)


class _Walk:
    """One walk through a value, which feeds all that it finds to a hash."""

    def __init__(self, feed: Callable[[bytes], None], memory: Fingerprints) -> None:
        self._feed, self._memory = feed, memory
        self._parts = 0
        self._open: dict[int, int] = {}

    def put(self, value: object, depth: int) -> None:
        self._parts += 1
        if self._parts > _PARTS or depth > _DEPTH:
            self._feed(b"...")
            return
        if isinstance(value, (int, float, complex, bool, str, type(None))):
            self._feed(f"{type(value).__name__}:{value!r};".encode("utf-8", "surrogatepass"))
            return
        if id(value) in self._open:  # a value that holds itself
            self._feed(b"^%d" % self._open[id(value)])
            return
        self._open[id(value)] = len(self._open)
        self._memory.parts.add(id(value))
        self._put(value, depth)
        del self._open[id(value)]

    def _put(self, value: object, depth: int) -> None:
        kind = type(value)
        self._feed(f"<{kind.__module__}.{kind.__qualname__}".encode())
        for known, write in _WRITERS.items():
            if isinstance(value, known):
                write(self, value, depth)
                break
        else:
            self._of_library(value, depth)
        self._feed(b">")

    def _of_library(self, value: Any, depth: int) -> None:
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy is not None and isinstance(value, numpy.ndarray):
            self.array(value, depth)
        elif numpy is not None and isinstance(value, (numpy.generic, numpy.dtype)):
            self._feed(repr(value).encode())
        elif numpy is not None and value is numpy.random.mtrand._rand:
            self._feed(b"the global generator")  # whose state is a name of its own: `scipy.stats.norm` does not change
        elif numpy is not None and isinstance(value, numpy.random.RandomState):
            self.put(value.get_state(), depth + 1)
        elif numpy is not None and isinstance(value, numpy.random.Generator):
            self.put(value.bit_generator.state, depth + 1)
        elif pandas is not None and type(value).__module__.split(".")[0] == "pandas":
            self._of_pandas(value, depth, pandas)
        elif type(value).__module__.startswith("scipy.sparse"):
            self.put({key: part for key, part in vars(value).items() if not key.startswith("_has")}, depth + 1)
        elif not _opaque(value):
            self._object(value, depth)

    def _of_pandas(self, value: Any, depth: int, pandas: Any) -> None:
        if isinstance(value, pandas.DataFrame):
            self.labels(value.index)
            self.labels(value.columns)
            kinds = set(value.dtypes) if value.shape[1] > _WIDE else set()
            if len(kinds) == 1 and getattr(next(iter(kinds)), "kind", "O") in "biuf":
                self.array(value.to_numpy().T, depth + 1)
                return
            for column in _columns(value):
                self.column(column, depth + 1)
        elif isinstance(value, pandas.Series):
            self.put(value.name, depth + 1)
            self.labels(value.index)
            self.column(value.array, depth + 1)
        elif isinstance(value, pandas.Index):
            self.labels(value)
        elif isinstance(value, pandas.api.extensions.ExtensionArray):
            self.column(value, depth + 1)
        elif hasattr(value, "obj"):  # groupby, rolling, loc: views with caches that reading fills
            self.put(value.obj, depth + 1)
            self.put(str(getattr(value, "keys", "")), depth + 1)
        else:
            self._feed(repr(value)[:1000].encode())

    def labels(self, index: Any) -> None:
        self.put(tuple(index.names), _DEPTH - 2)
        if type(index).__name__ == "RangeIndex":
            self._feed(_range_digest(index.start, index.stop, index.step).encode())
        elif type(index).__name__ == "MultiIndex":
            for codes, level in zip(index.codes, index.levels, strict=True):
                self.array(codes, _DEPTH - 2)
                self.labels(level)
        else:
            self.column(index.array, _DEPTH - 2)

    def column(self, values: Any, depth: int) -> None:
        """An extension array of pandas."""
        self._feed(str(values.dtype).encode() + b"|%d|" % len(values))
        arrow = getattr(values, "_pa_array", None)
        if arrow is not None:
            self._feed(self._memory.remembered(id(arrow), arrow, len(values), lambda: _text_digest(values)).encode())
        elif hasattr(values, "categories") and hasattr(values, "codes"):
            self.array(values.codes, depth)
            self.labels(values.categories)
        elif getattr(values, "asi8", None) is not None:
            self.array(values.asi8, depth)
        elif hasattr(values, "_mask") and hasattr(values, "_data"):
            self.array(values._mask, depth)
            self.array(values._data, depth)
        else:
            self.array(values.to_numpy() if hasattr(values, "to_numpy") else values, depth)

    def array(self, values: Any, depth: int) -> None:
        if hasattr(values, "_sharedmask"):  # numpy's masked array, whose hidden values are anything
            numpy = sys.modules["numpy"]
            self.array(numpy.ma.getmaskarray(values), depth)
            values = numpy.asarray(values.data if values.dtype.hasobject else values.filled(0))
        self._feed(f"{values.dtype.str}{values.shape}".encode())
        if values.dtype.hasobject:
            self._objects(values, depth)
            return
        if values.nbytes > WHOLE_BYTES:
            flat = values.reshape(-1) if values.flags.c_contiguous else values.ravel(order="K")
            step = max(1, flat.size // _SAMPLE)
            values = sys.modules["numpy"].concatenate([flat[:1000], flat[::step], flat[-1000:]])
        if values.dtype.kind in "mM":
            values = values.view("i8")
        self._feed(sys.modules["numpy"].ascontiguousarray(values).tobytes() if values.ndim == 0 else _bytes_of(values))

    def _objects(self, values: Any, depth: int) -> None:
        if values.dtype.names is not None or values.ndim == 0 or values.size < 100:
            for item in values.tolist() if values.ndim else [values.item()]:
                self.put(item, depth + 1)
            return
        if not values.flags.c_contiguous:
            self._feed(self._objects_digest(values.reshape(-1)).encode())
            return
        flat = values.reshape(-1)
        proof = (flat.copy(), depth)
        made = self._memory.remembered(flat.ctypes.data, values, proof, lambda: self._objects_digest(flat))
        self._feed(made.encode())

    def _objects_digest(self, flat: Any) -> str:
        digest = blake2b(digest_size=16)
        walk = _Walk(digest.update, self._memory)
        for item in flat.tolist():
            if type(item) is str:
                digest.update(item.encode("utf-8", "surrogatepass") + b"\0")
            else:
                walk.put(item, _DEPTH - 4)
        return digest.hexdigest()

    def each(self, values: Iterable[object], depth: int) -> None:
        if isinstance(values, (list, tuple)) and len(values) > 100 and set(map(type, values)) <= _PLAIN:
            self._feed(repr(values).encode("utf-8", "surrogatepass"))
            return
        for value in values:
            self.put(value, depth + 1)
            if self._parts > _PARTS:
                break

    def pairs(self, values: Mapping[Any, Any], depth: int) -> None:
        self._feed(b"%d" % len(values))
        for key, value in values.items():
            self.put(key, depth + 1)
            if not (type(key) is str and key in _SECONDS):
                self.put(value, depth + 1)
            if self._parts > _PARTS:
                break

    def unordered(self, values: Iterable[object], depth: int) -> None:
        digests = []
        for value in values:
            digest = blake2b(digest_size=16)
            _Walk(digest.update, self._memory).put(value, depth + 1)
            digests.append(digest.digest())
        self._feed(b"".join(sorted(digests)))

    def code(self, code: types.CodeType, depth: int) -> None:
        self._feed(code.co_code + repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.code(constant, depth + 1)
            else:
                self.put(constant, depth + 1)

    def function(self, value: types.FunctionType, depth: int) -> None:
        self._feed(f"{value.__module__}.{value.__qualname__}".encode())
        if value.__module__ != "__main__":
            return
        self.code(value.__code__, depth)
        self.put(value.__defaults__, depth + 1)
        self.put(value.__kwdefaults__, depth + 1)
        for cell in value.__closure__ or ():
            try:
                self.put(cell.cell_contents, depth + 1)
            except ValueError:  # a cell that is not filled yet
                self._feed(b"-")

    def made_class(self, value: type, depth: int) -> None:
        self._feed(f"{value.__module__}.{value.__qualname__}".encode())
        if value.__module__ == "__main__":
            for key, part in vars(value).items():
                if isinstance(part, (types.FunctionType, *IMMUTABLE, list, dict, tuple)) and not key.startswith("__"):
                    self.put(key, depth + 1)
                    self.put(getattr(part, "__wrapped__", part), depth + 1)

    def raw(self, value: object, depth: int) -> None:  # noqa: ARG002 - writers have one signature
        self._feed(repr(value).encode() if not isinstance(value, (bytes, bytearray)) else bytes(value))

    def bound(self, value: Any, depth: int) -> None:
        self.put(getattr(value, "__func__", None), depth + 1)
        self.put(value.__self__, depth + 1)

    def nothing(self, value: object, depth: int) -> None:  # noqa: ARG002 - writers have one signature
        self._feed(getattr(value, "__name__", "").encode())

    def _object(self, value: Any, depth: int) -> None:
        content = getattr(value, "__dict__", None)
        if content and any(isinstance(part, ctypes.c_void_p) for part in content.values()):
            content = value.__getstate__()  # what a library in C holds, as XGBoost and LightGBM write it out
        if content is None or (not content and type(value).__module__.split(".")[0] not in ("__main__", "builtins")):
            self._state(value, depth)
            return
        self._feed(b"%d" % len(content))
        for key in sorted(content, key=str):
            self.put(key, depth + 1)
            if key not in _SECONDS:
                self.put(content[key], depth + 1)
        if isinstance(value, (list, tuple)):
            self.each(value, depth)

    def _state(self, value: Any, depth: int) -> None:
        """What a value of a compiled class would be pickled as."""
        if type(value).__name__ == "Tree" and type(value).__module__ == "sklearn.tree._tree":
            # A forest has thousands, and none changes once it has grown.
            made = self._memory.remembered(id(value), value, value.node_count, lambda: self._tree_digest(value))
            self._feed(made.encode())
            return
        for part in value.__reduce_ex__(4)[1:]:
            self.put(list(part) if isinstance(part, Iterator) else part, depth + 1)

    def _tree_digest(self, tree: Any) -> str:
        digest = blake2b(digest_size=16)
        _Walk(digest.update, self._memory).put(tree.__getstate__(), _DEPTH - 5)
        return digest.hexdigest()


def _columns(frame: Any) -> Iterator[Any]:
    """The arrays of a table, by pandas' own way, which is fifty times quicker where there are many columns."""
    if hasattr(frame, "_iter_column_arrays"):
        yield from frame._iter_column_arrays()
    else:
        yield from (frame.iloc[:, position].array for position in range(frame.shape[1]))


def _bytes_of(values: Any) -> Any:
    """The memory of an array, copied only where it has gaps."""
    contiguous = values if values.flags.c_contiguous else sys.modules["numpy"].ascontiguousarray(values)
    return contiguous.reshape(-1).view("u1").data if contiguous.size else b""


def _text_digest(values: Any) -> str:
    """The digest of an array in arrow memory: by pandas' own hash, which knows no chunks and no offsets."""
    pandas = sys.modules["pandas"]
    hashed = pandas.util.hash_array(values)
    return blake2b(hashed.tobytes(), digest_size=16).hexdigest()


@functools.lru_cache(maxsize=256)
def _range_digest(start: int, stop: int, step: int) -> str:
    """What the same labels as an array of integers would have."""
    import numpy

    digest = blake2b(digest_size=16)
    walk = _Walk(digest.update, Fingerprints())
    walk.put((None,), _DEPTH - 2)
    walk.column(numpy.arange(start, stop, step, dtype="int64"), _DEPTH - 2)
    return digest.hexdigest()


def _same(before: Any, now: Any) -> bool:
    """Whether two proofs are equal; copies of arrays of objects by the addresses of what they hold."""
    if not isinstance(now, tuple):
        return bool(before == now)
    if not isinstance(before, tuple) or before[0].shape != now[0].shape:
        return False
    size = before[0].size * ctypes.sizeof(ctypes.c_void_p)
    return ctypes.string_at(before[0].ctypes.data, size) == ctypes.string_at(now[0].ctypes.data, size)


def _opaque(value: object) -> bool:
    return type(value).__module__.split(".")[0] in _OPAQUE_PACKAGES


_Writer = Callable[[_Walk, Any, int], None]
_WRITERS: Final[Mapping[type | tuple[type, ...], _Writer]] = {
    (bytes, bytearray, range, slice, type(Ellipsis)): _Walk.raw,
    types.ModuleType: _Walk.nothing,
    type: _Walk.made_class,
    types.FunctionType: _Walk.function,
    types.MethodType: _Walk.bound,
    (types.BuiltinFunctionType, types.GeneratorType, types.CoroutineType, types.FrameType): _Walk.nothing,
    (set, frozenset): _Walk.unordered,
    (list, tuple): _Walk.each,
    dict: _Walk.pairs,
}
