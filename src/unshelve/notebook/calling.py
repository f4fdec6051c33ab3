"""What calls of libraries and of methods do: told by the table of effects and the values that they are given."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unshelve.notebook.effects import matches
from unshelve.notebook.objects import CONST, NOT_KNOWN, NOTHING, Value, fresh, holding
from unshelve.notebook.tracing import ANY_FILE, FIGURE, RANDOM, Trace, file_name, is_true

_QUIET_MAGICS = ("matplotlib", "config", "load_ext", "reload_ext", "autoreload", "time", "timeit", "precision", "pylab")
_CONSTANTS = frozenset(
    {"len", "int", "float", "str", "bool", "abs", "round", "sum", "type", "isinstance", "range", "hash", "id", "repr",
     "print", "display", "format", "hasattr", "any", "all", "divmod", "pow", "ord", "chr"}
)  # fmt: skip
_TENSOR_SEEDS = ("set_seed", "manual_seed", "set_random_seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The arguments of a call. `roots` are the names that the values were reached by, where they were."""

    node: ast.Call
    args: Sequence[Value]
    words: Mapping[str, Value]
    roots: Mapping[int, str | None] = field(default_factory=dict)

    @property
    def values(self) -> list[Value]:
        return [*self.args, *self.words.values()]

    def at(self, place: int, word: str = "") -> Value | None:
        return self.args[place] if place < len(self.args) else self.words.get(word)

    def root(self, value: Value) -> str | None:
        return self.roots.get(id(value))


def library_call(trace: Trace, name: str, given: Given) -> Value:
    """Call a function or class by its full name, or a builtin."""
    if _special_call(trace, name, given):
        return fresh()
    _shared_effects(trace, given)
    last = name.rpartition(".")[2]
    table = trace.table
    if name in table.functions.changes_first and given.args:
        trace.change(given.args[0], root=given.root(given.args[0]))
    if not hasattr(builtins, name) and not table.is_known(name):
        trace.assumed.add(name)
    if name == "open":
        return _opened(trace, given)
    _files(trace, name, given)
    _figures(trace, name, last)
    estimator = _estimator_draws(trace, last, given)
    held_draws = any(value.draws for value in given.values)
    if (last in table.random.functions and _unseeded(given) and not _is_false(given.words.get("shuffle"))) or (
        held_draws and last[:1].islower() and not name.startswith("sklearn.pipeline") and "." in name
    ):
        trace.draw()
    return _result(trace, name, last, given, draws=estimator or (held_draws and last[:1].isupper()))


def _result(trace: Trace, name: str, last: str, given: Given, *, draws: bool) -> Value:
    """The value that a function of a library gives."""
    functions = trace.table.functions
    first = given.args[0] if given.args else NOTHING
    if name in _CONSTANTS:
        return CONST
    if name == "os.path.join" and all(isinstance(value.const, str) for value in given.args):
        return Value(kind="const", const="/".join(str(value.const) for value in given.args))
    if name in functions.views:
        return Value(own=first.own, held=first.held, kind="array") if first.kind != "frame" else fresh("array")
    if matches(name, functions.holds):
        opened = last in functions.open_holders
        made = holding(_content(given), None if opened else "list")
        if name in ("next", "max", "min", "getattr"):
            return made.part() if name != "getattr" else Value(own=first.all or made.own, held=first.held)
        return Value(
            own=made.own, held=made.held, kind=made.kind, draws=made.draws, open=opened, linked=made.linked,
            code=made.code,
        )  # fmt: skip
    if name.startswith("pandas."):
        return fresh("frame")
    if name.startswith("numpy.") and not name.startswith("numpy.random."):
        return fresh("array")
    if last in ("train_test_split",):
        return fresh("frame" if first.kind == "frame" else "array")
    linked = frozenset({FIGURE}) if last in trace.table.figure.opens or last in ("gca", "gcf", "axes") else None
    if linked is not None or trace.table.draws(name):
        return Value(own=fresh().own, linked=frozenset({FIGURE}))
    made = holding(given.values, None)
    keeps = last[:1].isupper() and not name.startswith("sklearn.")
    held = made.held if keeps else frozenset()
    return Value(own=made.own, held=held, draws=draws, open=keeps and bool(held), code=made.code)


def _content(given: Given) -> list[Value]:
    """What a holder of holders holds: the parts of lists, other things themselves."""
    return [value.part() if value.kind == "list" and value.held else value for value in given.values]


def method_call(trace: Trace, receiver: Value, root: str | None, name: str, given: Given) -> Value:
    """Call a method of a value, by the method's name."""
    table = trace.table
    _shared_effects(trace, given)
    effect = table.of_method(name, receiver.kind)
    inplace = given.words.get("inplace")
    if effect == "certain" or (inplace is not None and is_true(inplace)):
        trace.change(receiver, root=root)
    elif effect in ("changes", "unknown") and name not in table.methods.draws and name != "eval":
        trace.change(receiver, root=root, sure=effect == "changes" and receiver.kind in ("list", "frame"))
    if name in table.methods.draws:
        trace.touch(FIGURE)
    if name in table.methods.saves:
        _save(trace, given, receiver, name)
    fits = name.startswith("fit") or name in ("split", "refit", "cross_validate")
    if (fits and (receiver.draws or any(value.draws for value in given.values))) or (
        name in table.methods.random and receiver.kind != "list" and _unseeded(given)
    ):
        trace.draw()
    return _method_result(trace, receiver, name)


def _method_result(trace: Trace, receiver: Value, name: str) -> Value:
    methods = trace.table.methods
    if receiver.kind == "const":
        return CONST if name not in ("split", "rsplit", "splitlines") else fresh("list")
    if receiver.kind == "frame":
        return fresh("array" if name in ("to_numpy",) else None if name in ("to_dict", "tolist") else "frame")
    if name in methods.gives_receiver:
        return receiver
    if name in methods.gives_contents:
        if name in ("get", "pop", "setdefault", "popitem", "popleft", "__getitem__"):
            return receiver.part()
        part = receiver.part()
        return Value(own=fresh().own, held=part.all, kind="list", draws=part.draws, code=part.code, linked=part.linked)
    if name in ("fit_transform", "transform", "predict", "predict_proba", "fit_predict", "to_numpy", "toarray"):
        return fresh("array")
    if name in ("copy", "deepcopy") or trace.table.of_method(name, receiver.kind) == "pure":
        kind = receiver.kind if name == "copy" or receiver.kind == "array" else None
        inside = receiver.held if name == "copy" else frozenset[int]()
        drawing = frozenset({FIGURE}) if name in methods.draws else frozenset[str]()
        return Value(own=fresh().own, held=inside, kind=kind, draws=receiver.draws and name == "copy", linked=drawing)
    if receiver.kind == "array":
        return fresh("array")
    return Value(own=fresh().own | receiver.all, held=receiver.held, linked=receiver.linked, draws=receiver.draws)


def _shared_effects(trace: Trace, given: Given) -> None:
    """What arguments of certain names do, whoever takes them."""
    for word in ("out", "ax"):
        value = given.words.get(word)
        if value is not None and value.kind != "const":
            trace.change(value, root=given.root(value), sure=word == "out")
    state = given.words.get("random_state")
    if state is not None and state.kind != "const":
        trace.change(state, root=given.root(state), sure=False)
    if "copy" in given.words and _is_false(given.words["copy"]):
        for value in given.args:
            trace.change(value, root=given.root(value), sure=False)
    trace.look("settings:computing")


def _special_call(trace: Trace, name: str, given: Given) -> bool:
    """Seeds, draws, settings and what touches everything. True where nothing else is to be done."""
    if name == "get_ipython" or name in trace.table.functions.everything:
        trace.everything()
        return True
    if name.startswith(("numpy.random.", "random.")):
        return _generator_call(trace, name, given)
    if name.rpartition(".")[2] in _TENSOR_SEEDS and "." in name:
        trace.seed(name.split(".")[0])
        return True
    first = given.at(0)
    option = first.const if first is not None and isinstance(first.const, str) else ""
    setting = trace.table.setting(name, f"{option} {' '.join(given.words)}")
    if setting is None:
        return False
    trace.touch(setting)
    return True


def _generator_call(trace: Trace, name: str, given: Given) -> bool:
    library = "numpy" if name.startswith("numpy.") else "random"
    last = name.rpartition(".")[2]
    if last in ("seed", "set_state", "setstate"):
        if given.args or given.words:
            trace.seed(library)
        else:
            trace.draw(library)
    elif last in ("get_state", "getstate"):
        trace.look(RANDOM)
    elif last[:1].islower() and last != "default_rng":
        trace.draw(library)
    return False


def ipython_call(trace: Trace, method: str, given: Given) -> None:
    """A magic, as `get_ipython().run_line_magic("matplotlib", "inline")`, or a shell line."""
    first = given.args[0].const if given.args else ""
    words = str(first).lstrip("%").split()
    if method in ("run_line_magic", "magic") and words and words[0] in _QUIET_MAGICS:
        trace.touch("settings:figure")
    elif method in ("system", "getoutput"):
        trace.touch(ANY_FILE)
    else:
        trace.everything()


def _unseeded(given: Given) -> bool:
    """Whether a call that takes `random_state` leaves it to the global generator."""
    state = given.words.get("random_state")
    return state is None or (state.kind == "const" and state.const is None)


def _is_false(value: Value | None) -> bool:
    return value is not None and value.const is not NOT_KNOWN and not value.const


def _estimator_draws(trace: Trace, last: str, given: Given) -> bool:
    """Whether what a class makes will use the global generator when it is fitted."""
    table = trace.table.random
    if not _unseeded(given):
        return any(value.draws for value in given.values)
    if last in table.when:
        parameter, *values = table.when[last]
        said = given.words.get(parameter)
        return said is not None and (said.const is NOT_KNOWN or str(said.const) in values)
    return last in table.estimators or (last[:1].isupper() and any(value.draws for value in given.values))


def _figures(trace: Trace, name: str, last: str) -> None:
    figure = trace.table.figure
    if not trace.table.draws(name):
        return
    if last in figure.looks_at:
        trace.look(FIGURE)
        trace.look("settings:figure")
    elif last in figure.opens and name.rpartition(".")[0] != "seaborn":
        trace.look("settings:figure")
        trace.open(FIGURE)
    else:
        trace.touch(FIGURE)


def _files(trace: Trace, name: str, given: Given) -> None:
    """Files that a function reads or writes."""
    files = trace.table.files
    if name in files.writes:
        place = files.writes[name]
        target = given.at(place, "filename") or given.at(place, "fname")
        if target is not None and target.linked:
            trace.change(target, root=given.root(target))
        else:
            trace.write_file(file_name(target))
    elif matches(name, files.reads):
        source = given.at(0, "filepath_or_buffer") or given.at(0, "io")
        if source is not None and source.linked:
            for special in source.linked:
                trace.look(special)
        elif source is None or source.kind in (None, "const"):
            trace.look_at_file(file_name(source))


def _save(trace: Trace, given: Given, receiver: Value, name: str) -> None:
    target = given.at(0, "path_or_buf") or given.at(0, "path") or given.at(0, "excel_writer")
    if target is None and name.startswith("to_"):
        return
    if name == "savefig":
        for special in receiver.linked:
            trace.look(special)
    if target is not None and target.linked:
        trace.change(target, root=given.root(target))
        return
    trace.write_file(file_name(target))


def _opened(trace: Trace, given: Given) -> Value:
    """A file handle. What is written through it is written to the file."""
    mode = given.at(1, "mode")
    special = file_name(given.at(0, "file"))
    said = "r" if mode is None else mode.const if isinstance(mode.const, str) else "a"
    if "w" in said or "x" in said:
        trace.write_file(special)
    else:
        trace.look_at_file(special)
        if "a" not in said and "+" not in said:
            return fresh()
        trace.touch(special)
    return Value(own=fresh().own, linked=frozenset({special}))
