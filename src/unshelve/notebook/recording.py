"""Records the calls that matter while a notebook runs: fits, predictions, metrics, splits, searches, reads and saves.

Libraries are changed as they are imported, before the notebook sees them: methods in the classes that define them,
functions in the modules that hold them. What a wrapped function is, is asked for by name in each call, so that a
wrapper that travels to another process with a class of the notebook is harmless there.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
import types
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final  # Any: functions and classes of other libraries, of all signatures

from unshelve.notebook import stubs
from unshelve.notebook.describing import class_name, describe
from unshelve.notebook.fingerprints import Fingerprints
from unshelve.notebook.shared_rows import shared_rows
from unshelve.notebook.watched import Call, CallKind

METHODS: Final[Mapping[str, CallKind]] = {
    "fit": "fit", "partial_fit": "fit", "fit_predict": "fit", "fit_regularized": "fit",
    "fit_transform": "fit_transform", "fit_resample": "fit_transform", "transform": "transform",
    "inverse_transform": "transform", "predict": "predict",
    "predict_proba": "predict", "predict_log_proba": "predict", "decision_function": "predict", "score": "score",
    "save_model": "save", "forecast": "predict", "get_forecast": "predict",
}  # fmt: skip
_ORIGINAL: Final = "__unshelve_original__"
_CALLBACKS: Final = frozenset({"pandas", "numpy", "functools", "builtins"})
"""Libraries that call what a notebook hands them: a call from there is the notebook's own."""
_SAVES: Final = ("to_csv", "to_excel", "to_pickle", "to_json", "to_parquet", "to_feather", "to_hdf", "to_sql")
_INSIDE_MOST: Final = 2000
_NO_METRICS: Final = ("distances", "kernel", "pairwise", "scorer", "scoring")


@dataclass(slots=True)
class Heard:
    """A call with its values, for who wants to keep them."""

    call: Call
    function: str
    receiver: object
    arguments: tuple[object, ...]
    keywords: Mapping[str, object]
    result: object


@dataclass(slots=True)
class Recorder:
    """Where calls are written to. `heard` is told of each call that is kept, with its place in `calls`."""

    fingerprints: Fingerprints
    heard: Callable[[int, Heard], None] | None = None
    statement: int = -1
    calls: list[Call | None] = field(default_factory=list)
    seconds: float = 0.0
    _depth: int = 0
    _inside: int = 0

    def call(self, kind: CallKind, function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a function of a library and write down what went in and came out."""
        return self._through(kind, _function_name(function), function, None, (given, named))

    def call_method(self, kind: CallKind, function: Callable[..., Any], given: tuple[Any, ...], named: Any) -> Any:
        receiver, *rest = given
        name = f"{class_name(type(receiver))}.{function.__name__}"
        if function.__name__ == "fit" and type(receiver).__name__.endswith("SearchCV"):
            kind = "search"
        return self._through(kind, name, functools.partial(function, receiver), receiver, (tuple(rest), named))

    def _through(
        self, kind: CallKind, name: str, function: Callable[..., Any], receiver: object, given: tuple[Any, Any]
    ) -> Any:
        positional, named = given
        if self.statement < 0 or threading.current_thread() is not threading.main_thread() or not self._wanted():
            return function(*positional, **named)
        inside = self._depth > 0 or _from_library()
        place = len(self.calls)
        self.calls.append(None)
        self._depth += 1
        try:
            result = function(*positional, **named)
        except BaseException:
            self.calls[place] = Call(statement=self.statement, kind=kind, name=name, inside=inside)
            raise
        finally:
            self._depth -= 1
        self._inside += inside
        values = (*positional, *named.values())
        prints = None if inside else self.fingerprints
        number = describe(result, None).number if kind in ("metric", "score") else None
        call = Call(
            statement=self.statement,
            kind=kind,
            name=name,
            receiver=None if receiver is None else describe(receiver, prints),
            arguments=tuple(describe(value, prints) for value in values),
            keywords=tuple(named),
            result=describe(result, prints),
            value=number,
            shared=shared_rows(result) if kind == "split" and not inside else None,
            inside=inside,
        )
        self.calls[place] = call
        if self.heard is not None and not inside:
            before = sum(each is not None and not each.inside for each in self.calls[:place])
            self.heard(before, Heard(call, name, receiver, positional, named, result))
        return result

    def _wanted(self) -> bool:
        """Calls within other calls are written down up to a number: a search makes thousands."""
        return self._depth < 2 and self._inside < _INSIDE_MOST


_ACTIVE: Final[ContextVar[Recorder | None]] = ContextVar("recorder", default=None)


def start(recorder: Recorder) -> None:
    """Record to this recorder from now on, whatever is imported later."""
    _ACTIVE.set(recorder)
    sys.meta_path.insert(0, _Watcher())
    for name, change in _CHANGES.items():
        if name in sys.modules:
            change(sys.modules[name])


def active() -> Recorder | None:
    """The recorder of this process; none in the processes that a notebook starts, and in threads."""
    return _ACTIVE.get()


def original(function: Any) -> Any:
    """What a wrapped function was before; others as they are."""
    return getattr(function, _ORIGINAL, function)


def wrapped(function: Callable[..., Any], kind: CallKind, *, method: bool) -> Callable[..., Any]:
    """A function that does the same and is written down."""

    @functools.wraps(function)
    def recorded(*args: Any, **named: Any) -> Any:
        recorder = active()
        if recorder is None:
            return function(*args, **named)
        if method:
            return recorder.call_method(kind, function, args, named)
        return recorder.call(kind, function, args, named)

    setattr(recorded, _ORIGINAL, function)
    return recorded


def wrap_class(kind: type) -> None:
    """Wrap the methods that matter in a class and in its mixins."""
    for each in kind.__mro__[:-1]:
        for name, call in METHODS.items():
            method: Any = vars(each).get(name)
            if isinstance(method, types.FunctionType) and not hasattr(method, _ORIGINAL):
                setattr(each, name, wrapped(method, call, method=True))
            elif type(method).__name__ == "_AvailableIfDescriptor" and original(method.fn) is method.fn:
                method.fn = wrapped(method.fn, call, method=True)


def wrap_subclasses(top: Any) -> None:
    """Wrap a class, those below it, and each that will be made below it."""
    before = vars(top).get("__init_subclass__")

    def made(cls: Any, /, **options: Any) -> None:
        if before is not None:
            before.__func__(cls, **options)
        else:
            super(top, cls).__init_subclass__(**options)
        wrap_class(cls)

    top.__init_subclass__ = classmethod(made)
    waiting = [top]
    while waiting:
        kind = waiting.pop()
        wrap_class(kind)
        waiting.extend(type.__subclasses__(kind))


def wrap_function(module: Any, name: str, kind: CallKind) -> None:
    """Wrap a function in the module that offers it and in the one that defines it, so that it can be pickled."""
    function = getattr(module, name, None)
    if not callable(function) or isinstance(function, type) or original(function) is not function:
        return
    replacement = wrapped(function, kind, method=False)
    setattr(module, name, replacement)
    home = sys.modules.get(str(getattr(function, "__module__", "")))
    if home is not None and getattr(home, name, None) is function:
        setattr(home, name, replacement)


def _function_name(function: Callable[..., Any]) -> str:
    """The public name: modules with a leading _ are left out, as nobody imports from them."""
    parts = [part for part in str(function.__module__).split(".") if not part.startswith("_")]
    return ".".join([*parts, function.__name__])


def _from_library() -> bool:
    """Whether the call comes from inside a library rather than from the notebook or a module beside it."""
    frame = sys._getframe(3)
    name = str(frame.f_globals.get("__name__", ""))
    while name == __name__ and frame.f_back is not None:
        frame = frame.f_back
        name = str(frame.f_globals.get("__name__", ""))
    if name == "__main__" or name.split(".")[0] in _CALLBACKS:
        return False
    return "site-packages" in frame.f_code.co_filename or "/lib/python" in frame.f_code.co_filename


def _change_metrics(module: Any) -> None:
    for name in getattr(module, "__all__", ()):
        function = getattr(module, name, None)
        if isinstance(function, types.FunctionType) and not any(part in name for part in _NO_METRICS):
            wrap_function(module, name, "metric")


def _change_selection(module: Any) -> None:
    wrap_function(module, "train_test_split", "split")
    wrap_function(module, "cross_val_predict", "predict")
    for name in ("cross_val_score", "cross_validate", "learning_curve", "validation_curve"):
        wrap_function(module, name, "metric")


def _change_pandas(module: Any) -> None:
    for name in dir(module):
        if name.startswith("read_") and name != "read_clipboard":
            wrap_function(module, name, "read")
    for kind in (module.DataFrame, module.Series):
        for name in _SAVES:
            for each in kind.__mro__:
                method: Any = vars(each).get(name)
                if isinstance(method, types.FunctionType) and not hasattr(method, _ORIGINAL):
                    setattr(each, name, wrapped(method, "save", method=True))


def _change_saving(module: Any) -> None:
    wrap_function(module, "dump", "save")


def _change_statsmodels(module: Any) -> None:
    wrap_subclasses(module.Model)
    wrap_subclasses(module.Results)


def _change_training(module: Any) -> None:
    wrap_function(module, "train", "fit")
    if hasattr(module, "Booster"):
        wrap_class(module.Booster)


class _Watcher(importlib.abc.MetaPathFinder):
    """Finds nothing itself; changes some modules directly after they were imported."""

    def __init__(self) -> None:
        self._asking = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the signature of finders
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _CHANGES or self._asking:
            return None
        self._asking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._asking = False
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            execute(module)
            _CHANGES[fullname](module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_CHANGES: Final[Mapping[str, Callable[[Any], None]]] = {
    "sklearn.base": lambda module: wrap_subclasses(module.BaseEstimator),
    "sklearn.metrics": _change_metrics,
    "sklearn.model_selection": _change_selection,
    "pandas": _change_pandas,
    "joblib": _change_saving,
    "pickle": _change_saving,
    "cloudpickle": _change_saving,
    "dill": _change_saving,
    "statsmodels.base.model": _change_statsmodels,
    "xgboost": _change_training,
    "lightgbm": _change_training,
    "catboost.core": lambda module: wrap_subclasses(module.CatBoost),
    "matplotlib.pyplot": stubs.still,
}
