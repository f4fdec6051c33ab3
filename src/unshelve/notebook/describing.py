"""Describes values: what a report, and the graph of statements, need to know of one without the value itself."""

from __future__ import annotations

import reprlib
import sys
import types
from collections.abc import Mapping
from typing import Any, Final  # Any: values of libraries that are not imported here

from unshelve.notebook.fingerprints import Fingerprints
from unshelve.notebook.watched import ValueInfo, ValueKind

_TEXT: Final = 200
_MOST_COLUMNS: Final = 300
_FITTED: Final = ("fit", "transform", "predict")


def describe(value: object, fingerprints: Fingerprints | None) -> ValueInfo:
    """A value as a ValueInfo; without `fingerprints` its content is not hashed."""
    kind = kind_of(value)
    rows, width = _shape(value, kind)
    index = ""
    if fingerprints is not None and kind in ("frame", "series"):
        index = fingerprints.of_index(getattr(value, "index"))  # noqa: B009 - checked by kind
    contents = _contents(value, kind, fingerprints)
    return ValueInfo(
        kind=kind,
        type=class_name(type(value)),
        identity=id(value),
        fingerprint=_fingerprint(value, kind, fingerprints, index, contents),
        rows=rows,
        columns=tuple(str(name) for name in getattr(value, "columns")) if kind == "frame" else None,  # noqa: B009
        contents=contents,
        name=None if kind != "series" or getattr(value, "name", None) is None else str(getattr(value, "name")),  # noqa: B009
        width=width,
        dtype=str(getattr(value, "dtype", "")) if kind == "array" else "",
        index=index,
        number=_number(value) if kind == "number" else None,
        text=short_text(value, kind),
    )


def class_name(kind: type) -> str:
    """The qualified name of a class, without "builtins"."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def kind_of(value: object) -> ValueKind:
    """Which kind of value this is."""
    for known, kind in _KINDS.items():
        if isinstance(value, known):
            return kind
    return _library_kind(value)


def short_text(value: object, kind: ValueKind) -> str:
    """A repr of at most 200 characters that costs nothing with large values."""
    if kind in ("frame", "series", "array", "sparse"):
        return f"{type(value).__name__} of {getattr(value, 'shape', '')}"
    if kind in ("module", "function", "class"):
        return str(getattr(value, "__qualname__", getattr(value, "__name__", kind)))[:_TEXT]
    if kind in ("list", "dict"):
        return _SHORT.repr(value)[:_TEXT]
    if kind in ("figure", "other"):
        return f"<{class_name(type(value))}>"[:_TEXT]
    if isinstance(value, str):
        return repr(value[:_TEXT])[:_TEXT]
    try:
        return " ".join(repr(value).split())[:_TEXT]
    except (RecursionError, AttributeError, TypeError, ValueError, KeyError, IndexError):
        return f"<{class_name(type(value))}>"[:_TEXT]


def _library_kind(value: object) -> ValueKind:
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    package = type(value).__module__.split(".")[0]
    kind: ValueKind = "other"
    if pandas is not None and isinstance(value, pandas.DataFrame):
        kind = "frame"
    elif pandas is not None and isinstance(value, (pandas.Series, pandas.Index)):
        kind = "series" if isinstance(value, pandas.Series) else "array"
    elif pandas is not None and isinstance(value, pandas.api.extensions.ExtensionArray):
        kind = "array"
    elif numpy is not None and isinstance(value, numpy.ndarray):
        kind = "array" if value.ndim else "number"
    elif numpy is not None and isinstance(value, numpy.number):
        kind = "number"
    elif package == "scipy" and type(value).__module__.startswith("scipy.sparse"):
        kind = "sparse"
    elif package in ("matplotlib", "seaborn", "plotly"):
        kind = "figure"
    elif _is_estimator(value):
        kind = "estimator"
    return kind


def _is_estimator(value: object) -> bool:
    base = sys.modules.get("sklearn.base")
    if base is not None and isinstance(value, base.BaseEstimator):
        return True
    package = type(value).__module__.split(".")[0]
    if package in ("statsmodels", "catboost", "lightgbm", "xgboost"):
        return any(hasattr(type(value), name) for name in _FITTED) or "Results" in type(value).__name__
    return package == "__main__" and callable(getattr(type(value), "fit", None))


def _shape(value: Any, kind: ValueKind) -> tuple[int | None, int | None]:
    if kind in ("list", "dict"):
        return len(value), None
    if kind in ("frame", "series", "array", "sparse"):
        shape = tuple(getattr(value, "shape", (len(value),) if kind != "sparse" else ()))
        wide = shape[1] if len(shape) > 1 and kind in ("array", "sparse", "frame") else None
        return (int(shape[0]) if shape else None), (int(wide) if wide is not None else None)
    return None, None


def _fingerprint(
    value: object, kind: ValueKind, fingerprints: Fingerprints | None, index: str, contents: tuple[str, ...] | None
) -> str:
    if fingerprints is None:
        return ""
    if kind == "frame" and contents is not None:
        return fingerprints.of_table(value, index, contents)
    return fingerprints.of(value)


def _contents(value: Any, kind: ValueKind, fingerprints: Fingerprints | None) -> tuple[str, ...] | None:
    """Hashes of the values of each column, whatever the index and the names."""
    if fingerprints is None or kind not in ("frame", "series"):
        return None
    if kind == "series":
        return (fingerprints.of_column(value.array),)
    return fingerprints.of_columns(value) if value.shape[1] <= _MOST_COLUMNS else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


class _Short(reprlib.Repr):
    """Shows tables and other large things in a list by their class only."""

    def repr_instance(self, x: object, level: int) -> str:  # noqa: ARG002 - the signature of reprlib
        kind = kind_of(x)
        return short_text(x, kind) if kind in ("number", "none") else f"<{type(x).__name__}>"


_SHORT: Final = _Short()
_KINDS: Final[Mapping[type | tuple[type, ...], ValueKind]] = {
    type(None): "none",
    (bool, int, float, complex): "number",
    (str, bytes): "text",
    types.ModuleType: "module",
    type: "class",
    (types.FunctionType, types.BuiltinFunctionType, types.MethodType): "function",
    (list, tuple, set, frozenset, range): "list",
    dict: "dict",
}
