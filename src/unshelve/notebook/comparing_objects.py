"""When two arrays, tables or fitted estimators count as the same. Runs where both sides can be unpickled."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.notebook.comparing import TOLERANCE, compare_plain, shown, worst
from unshelve.solution.origin import Verdict

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a comparison found: the verdict, and the first place that stands against it, in words."""

    verdict: Verdict
    detail: str = ""
    notebook: str = ""
    solution: str = ""
    row: int | None = None


def compare_predictions(notebook: Any, solution: Any) -> Found:
    """Predictions of the same rows in the same order: (n,) labels or values, or (n, n_classes) scores."""
    one, other = as_array(notebook), as_array(solution)
    if one.ndim == 2 and one.shape[1] == 1 and other.ndim == 1:
        one = one.ravel()
    if other.ndim == 2 and other.shape[1] == 1 and one.ndim == 1:
        other = other.ravel()
    if one.shape != other.shape:
        return _shapes(one, other)
    verdict, place = _compare_arrays(one, other)
    if place is None:
        return Found(verdict=verdict)
    return Found(
        verdict=verdict,
        detail=f"the first that differs is that of test row {place[0]}",
        notebook=shown(_item(one[place])),
        solution=shown(_item(other[place])),
        row=place[0],
    )


def compare_tables(notebook: Any, solution: Any) -> Found:
    """What a model was given: rows in the same order, columns of the same names and values.

    An int and a float of equal value are equal, and so are True and 1: an estimator sees the same.
    """
    if hasattr(notebook, "tocsr") and hasattr(solution, "tocsr"):
        return _compare_sparse(notebook.tocsr(), solution.tocsr())
    one, other = as_table(notebook), as_table(solution)
    if one.shape != other.shape:
        return Found(
            verdict=Verdict.DIFFERENT,
            detail=_odd_columns(notebook, solution) or "another number of rows or columns",
            notebook=f"{one.shape[0]:,} x {one.shape[1]:,}",
            solution=f"{other.shape[0]:,} x {other.shape[1]:,}",
        )
    said = _odd_columns(notebook, solution)
    if said:
        return Found(verdict=Verdict.DIFFERENT, detail=said)
    verdicts = []
    for place in range(one.shape[1]):
        left, right = _column(one.iloc[:, place]), _column(other.iloc[:, place])
        verdict, at = _compare_arrays(left, right)
        verdicts.append(verdict)
        if at is not None and verdict is Verdict.DIFFERENT:
            name = one.columns[place]
            same = _same_in_another_order(one, other)
            return Found(
                verdict=verdict,
                detail="the same rows in another order" if same else f"column {name}, row {at[0]}",
                notebook=shown(_item(left[at])),
                solution=shown(_item(right[at])),
                row=at[0],
            )
    return Found(verdict=worst(verdicts))


def compare_estimators(notebook: Any, solution: Any) -> Found:
    """Two fitted estimators: class, parameters, and all that was learned, part by part.

    What is of no known kind (generators of random numbers, locks, times that were taken) is skipped and counted.
    """
    walk = _Walk()
    walk.compare(notebook, solution, "")
    if walk.difference is not None:
        place, one, other = walk.difference
        return Found(verdict=Verdict.DIFFERENT, detail=place, notebook=one, solution=other)
    own = _parameters(notebook)
    if all(place.split(".")[1:2] and place.split(".")[1] in own for place in walk.compared):
        return Found(verdict=Verdict.NOT_COVERED, detail="nothing that was learned could be compared")
    said = f"{len(walk.compared):,} value{'' if len(walk.compared) == 1 else 's'} compared"
    if walk.skipped:
        said += f"; {len(walk.skipped)} skipped ({', '.join(walk.skipped[:3])})"
    return Found(verdict=worst(walk.verdicts), detail=said)


def as_array(values: Any) -> Array:
    """Predictions of any kind as an array: lists, series, frames, sparse matrices, extension arrays."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    if isinstance(values, pd.Series | pd.DataFrame | pd.Index):
        values = values.to_numpy()
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    found: Array = np.asarray(values)
    return found


# -- arrays ------------------------------------------------------------------------------------------------------


def _compare_arrays(one: Array, other: Array) -> tuple[Verdict, tuple[int, ...] | None]:
    """The verdict on two arrays of one shape, and the place of the first difference that decides it."""
    if one.dtype.kind in "iufcb" and other.dtype.kind in "iufcb":
        if (one.dtype.kind == "b") is not (other.dtype.kind == "b"):
            return (Verdict.DIFFERENT, (0,) * one.ndim) if one.size else (Verdict.PROVEN, None)
        return _compare_numbers(one, other)
    left, right = one.astype(object), other.astype(object)
    if pd.api.types.infer_dtype(left.ravel()) == pd.api.types.infer_dtype(right.ravel()) == "string":
        same = left == right
        return (Verdict.PROVEN, None) if bool(np.all(same)) else (Verdict.DIFFERENT, _first(~same.astype(bool)))
    verdicts = []
    for place in np.ndindex(left.shape):
        a, b = _item(left[place]), _item(right[place])
        if _missing(a) and _missing(b):
            continue
        verdict = compare_plain(a, b)
        if verdict is Verdict.DIFFERENT:
            return verdict, tuple(place)
        verdicts.append(verdict)
    return worst(verdicts), None


def _compare_numbers(one: Array, other: Array) -> tuple[Verdict, tuple[int, ...] | None]:
    same = one == other
    if one.dtype.kind in "fc" and other.dtype.kind in "fc":
        same |= np.isnan(one) & np.isnan(other)
    if bool(np.all(same)):
        return Verdict.PROVEN, None
    if one.dtype.kind in "iub" and other.dtype.kind in "iub":
        return Verdict.DIFFERENT, _first(~same)
    sizes = np.abs(one[np.isfinite(one)])
    usual = float(np.median(sizes)) if sizes.size else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        limit = TOLERANCE * np.maximum(np.maximum(np.abs(one), np.abs(other)), usual)
        close = same | (np.abs(one - other) <= limit) & np.isfinite(one) & np.isfinite(other)
    if bool(np.all(close)):
        return Verdict.WITHIN, None
    return Verdict.DIFFERENT, _first(~close)


def _first(odd: Array) -> tuple[int, ...]:
    return tuple(int(each) for each in np.argwhere(odd)[0])


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _shapes(one: Array, other: Array) -> Found:
    return Found(
        verdict=Verdict.DIFFERENT,
        detail="another number of rows" if one.shape[:1] != other.shape[:1] else "another shape",
        notebook=" x ".join(map(str, one.shape)),
        solution=" x ".join(map(str, other.shape)),
    )


# -- tables ------------------------------------------------------------------------------------------------------


def _compare_sparse(one: Any, other: Any) -> Found:
    """Two sparse matrices of rows in the same order, without making them dense."""
    if one.shape != other.shape:
        return _shapes(one, other)
    for each in (one, other):
        each.sum_duplicates()
        each.eliminate_zeros()
    if not (np.array_equal(one.indptr, other.indptr) and np.array_equal(one.indices, other.indices)):
        row = next(row for row in range(one.shape[0]) if one[row].indices.tolist() != other[row].indices.tolist())
        return Found(verdict=Verdict.DIFFERENT, detail=f"row {row} has values in other columns", row=row)
    verdict, at = _compare_arrays(one.data, other.data)
    if at is None or verdict is not Verdict.DIFFERENT:
        return Found(verdict=verdict)
    row = int(np.searchsorted(one.indptr, at[0], side="right")) - 1
    return Found(
        verdict=verdict,
        detail=f"column {int(one.indices[at[0]])}, row {row}",
        notebook=shown(_item(one.data[at])),
        solution=shown(_item(other.data[at])),
        row=row,
    )


def as_table(values: Any) -> pd.DataFrame:
    """What a model was given, of any kind, as a frame; one without names where it has none."""
    if isinstance(values, pd.DataFrame):
        return values
    if isinstance(values, pd.Series):
        return values.to_frame()
    array = as_array(values)
    return pd.DataFrame(array.reshape(len(array), -1) if array.ndim != 2 else array)


def _column(values: pd.Series[Any]) -> Array:
    """The values of a column as an estimator sees them: truth values as 0 and 1, texts and categories as objects."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _without_nan(values)
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        if values.hasnans or not isinstance(values.dtype, np.dtype):
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return values.to_numpy().astype(np.int64) if values.dtype == bool else values.to_numpy()
    return _without_nan(values)


def _without_nan(values: pd.Series[Any]) -> Array:
    """Objects with None for what is missing, since NaN is not equal to itself."""
    plain = values.astype(object)
    found: Array = plain.where(plain.notna(), None).to_numpy(dtype=object)
    return found


def _odd_columns(notebook: Any, solution: Any) -> str:
    """How two frames' column names differ; "" where they do not, or where one has no names."""
    if not isinstance(notebook, pd.DataFrame) or not isinstance(solution, pd.DataFrame):
        return ""
    one, other = [str(each) for each in notebook.columns], [str(each) for each in solution.columns]
    lacks, more = [each for each in one if each not in other], [each for each in other if each not in one]
    if lacks or more:
        said = [f"lacks the columns {', '.join(lacks[:5])}"] * bool(lacks)
        said += [f"has the columns {', '.join(more[:5])}, which the notebook has not"] * bool(more)
        return f"the solution {' and '.join(said)}"
    return "the same columns in another order" if one != other else ""


def _same_in_another_order(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return bool(np.array_equal(np.sort(_row_hashes(one)), np.sort(_row_hashes(other))))


def _row_hashes(table: pd.DataFrame) -> Array:
    plain = pd.DataFrame({str(place): _rounded(_column(table.iloc[:, place])) for place in range(table.shape[1])})
    return pd.util.hash_pandas_object(plain, index=False).to_numpy()


def _rounded(column: Array) -> Array:
    """Numbers to about six digits, so that rows that differ in the last bit are the same row."""
    if column.dtype.kind not in "iuf":
        return column.astype(str)
    sizes = np.abs(column[np.isfinite(column)])
    usual = float(np.median(sizes)) if sizes.size else 0.0
    return np.round(column / (usual or 1.0), 6) + 0.0


def _grown(model: Any) -> dict[str, Any]:
    """What CatBoost learned; a pickle of it holds the time at which it was fitted besides."""
    if not model.is_fitted():
        return {"parameters": model.get_params()}
    return {
        "parameters": model.get_all_params(),
        "leaf_counts": model.get_tree_leaf_counts(),
        "leaf_values": model.get_leaf_values(),
        "borders": model.get_borders(),
    }


# -- estimators --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Walk:
    """Goes through two objects side by side until it meets a difference."""

    compared: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    verdicts: set[Verdict] = field(default_factory=set)
    difference: tuple[str, str, str] | None = None
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _alive: list[object] = field(default_factory=list)

    def compare(self, one: Any, other: Any, place: str) -> None:
        if self.difference is not None:
            return
        if one is other and isinstance(one, type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType):
            return
        for kinds, compare in _KINDS:
            if isinstance(one, kinds) and isinstance(other, kinds):
                compare(self, one, other, place)
                return
        if _is_plain(one) or _is_plain(other):
            self.told(compare_plain(_item(one), _item(other)), one, other, place)
        elif isinstance(one, _UNKNOWN):
            self.skipped.append(place)
        else:
            self.objects(one, other, place)

    def told(self, verdict: Verdict, one: object, other: object, place: str) -> None:
        if verdict is Verdict.DIFFERENT:
            self.difference = (place.lstrip(".") or "the estimator", shown(one), shown(other))
        else:
            self.compared.append(place)
            self.verdicts.add(verdict)

    def arrays(self, one: Any, other: Any, place: str) -> None:
        if np.ma.isMaskedArray(one) and np.ma.isMaskedArray(other):
            self.arrays(np.ma.getmaskarray(one), np.ma.getmaskarray(other), place)
            one, other = np.ma.filled(one, 0), np.ma.filled(other, 0)
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            self.told(Verdict.DIFFERENT, one.shape, other.shape, place)
        elif one.dtype.names:
            for name in one.dtype.names:
                self.arrays(one[name], other[name], f"{place}.{name}")
        elif one.dtype == object:
            for index in np.ndindex(one.shape):
                self.compare(one[index], other[index], f"{place}[{', '.join(map(str, index))}]")
        else:
            verdict, at = _compare_arrays(one, other)
            self.told(verdict, one[at] if at else "", other[at] if at else "", place)

    def tables(self, one: Any, other: Any, place: str) -> None:
        found = compare_tables(one, other)
        self.told(found.verdict, found.notebook or found.detail, found.solution, place)

    def mappings(self, one: Mapping[Any, Any], other: Mapping[Any, Any], place: str) -> None:
        keys = [key for key in (*one, *(key for key in other if key not in one)) if not _of_no_weight(key)]
        for key in keys:
            if key in one and key in other:
                self.compare(one[key], other[key], f"{place}.{key}")
            elif key not in _NAMES_ONLY:
                self.told(Verdict.DIFFERENT, one.get(key, "nothing"), other.get(key, "nothing"), f"{place}.{key}")

    def sequences(self, one: Sequence[Any], other: Sequence[Any], place: str) -> None:
        if len(one) != len(other):
            self.told(Verdict.DIFFERENT, f"{len(one)} values", f"{len(other)} values", place)
            return
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            self.compare(left, right, f"{place}[{number}]")

    def sets(self, one: Any, other: Any, place: str) -> None:
        self.told(Verdict.PROVEN if one == other else Verdict.DIFFERENT, one, other, place)

    def classes(self, one: type, other: type, place: str) -> None:
        same = _class_name(one) == _class_name(other)
        self.told(Verdict.PROVEN if same else Verdict.DIFFERENT, one.__qualname__, other.__qualname__, place)

    def functions(self, one: Any, other: Any, place: str) -> None:
        same = one.__code__.co_code == other.__code__.co_code and one.__code__.co_names == other.__code__.co_names
        if same:
            self.compared.append(place)
        else:
            self.skipped.append(place)  # what it computes is seen in the predictions

    def objects(self, one: Any, other: Any, place: str) -> None:
        """Objects of other classes, by what a pickle of them would hold."""
        if (id(one), id(other)) in self._seen:
            return
        self._seen.add((id(one), id(other)))
        self._alive += [one, other]
        if _class_name(type(one)) != _class_name(type(other)):
            self.told(Verdict.DIFFERENT, type(one).__qualname__, type(other).__qualname__, f"{place}.class")
            return
        if type(one).__module__.startswith("catboost.") and hasattr(one, "get_leaf_values"):
            self.compare(_grown(one), _grown(other), place)
            return
        try:
            left, right = one.__reduce_ex__(4), other.__reduce_ex__(4)
        except (TypeError, NotImplementedError, AttributeError):
            self.skipped.append(place)
            return
        if isinstance(left, str) or isinstance(right, str):
            self.told(compare_plain(left, right), left, right, place)
            return
        self.compare(_arguments(left), _arguments(right), f"{place}")
        for number in range(2, 5):
            made = [each[number] if len(each) > number else None for each in (left, right)]
            if number > 2:
                made = [None if each is None else list(each) for each in made]
            if made[0] is not None or made[1] is not None:
                self.compare(made[0], made[1], place)


def _arguments(reduced: tuple[Any, ...]) -> list[Any]:
    """What a pickle would call the class with, without the class itself, which has been compared."""
    return [each for each in reduced[1] if not isinstance(each, type)]


def _of_no_weight(key: object) -> bool:
    """Whether an attribute says how long something took, or with which version it was written."""
    return isinstance(key, str) and bool(_NO_WEIGHT.search(key))


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str | bytes | complex | np.generic)


def _class_name(kind: type) -> tuple[str, str]:
    return ("" if kind.__module__ in _OWN else kind.__module__, kind.__qualname__)


def _parameters(estimator: Any) -> frozenset[str]:
    """The names of what an estimator was told, as opposed to what it learned."""
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        return frozenset()
    found: Mapping[str, Any] = estimator.get_params(deep=False)
    return frozenset(found) - {"steps", "transformers", "estimator", "estimators"}


_NO_WEIGHT: Final = re.compile(r"_time(_|$)|^_sklearn_version$|^_stop_words_id$")
_NAMES_ONLY: Final = frozenset({"feature_names_in_"})
"""Learned when a frame is given and not when an array of the same values is."""
_OWN: Final = frozenset({"__main__", "__mp_main__", "solution", "builtins"})
"""Modules in which the same class of the author stands in the notebook and in the solution."""
_UNKNOWN: Final = (np.random.RandomState, np.random.Generator, types.ModuleType, types.GeneratorType)
_KINDS: Final[tuple[tuple[Any, Any], ...]] = (
    ((np.ndarray,), _Walk.arrays),
    ((pd.DataFrame, pd.Series), _Walk.tables),
    ((pd.Index,), _Walk.arrays),
    ((dict, types.MappingProxyType), _Walk.mappings),
    ((list, tuple), _Walk.sequences),
    ((set, frozenset), _Walk.sets),
    ((type,), _Walk.classes),
    ((types.FunctionType,), _Walk.functions),
)
