"""The process that runs a notebook once and writes down what each statement did. `python -m` with an order's path."""

from __future__ import annotations

import ast
import io
import linecache
import os
import re
import sys
import time
import traceback
import types
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, BinaryIO, Final  # Any: the names of a notebook, and states of generators

import cloudpickle  # type: ignore[import-untyped]
import msgspec

from unshelve.notebook import leaving_out, mending, recording, sandbox, stubs
from unshelve.notebook.describing import describe
from unshelve.notebook.failing import Failure
from unshelve.notebook.fingerprints import IMMUTABLE, Fingerprints
from unshelve.notebook.mending_modules import mended_module
from unshelve.notebook.printing import MOST_SHOWN, Tail, shown_text
from unshelve.notebook.reach import reached
from unshelve.notebook.watch_order import (
    Begun,
    Closed,
    KeepOrder,
    OrderedStatement,
    Ran,
    Record,
    Rewritten,
    RewrittenModule,
    WatchOrder,
)
from unshelve.notebook.watched import StatementRun, ValueInfo

_HEAVY_SECONDS: Final = 0.005
_ATTEMPTS: Final = 12


def main(order_path: str) -> None:
    """Carry out one order."""
    sandbox.end_with_parent()
    order = msgspec.json.decode(Path(order_path).read_bytes(), type=WatchOrder)
    with Path(order.records).open("ab", buffering=0) as records:
        scratch, writable = Path(order.scratch), [Path(folder) for folder in order.writable]
        sandbox.shut_network()
        sandbox.allow_writing(writable)
        sandbox.limit_resources(order.memory_bytes)
        guard = sandbox.Guard(scratch, writable, order.processes)
        guard.install()
        session = Session(order, records, guard)
        session.run()


class Session:
    """One run: the names of the notebook, and what was seen of them last."""

    def __init__(self, order: WatchOrder, records: BinaryIO, guard: sandbox.Guard) -> None:
        self._order, self._records, self._guard = order, records, guard
        self._process = os.getpid()
        self._answers = stubs.Answers()
        self._fingerprints = Fingerprints()
        self._keeper = Keeper(order.keep) if order.keep else None
        self._recorder = recording.Recorder(self._fingerprints)
        if self._keeper:
            self._recorder.heard = self._keeper.heard
        self._main = types.ModuleType("__main__")
        self._seen: dict[str, ValueInfo] = {}
        self._objects: dict[str, object] = {}
        self._given: frozenset[str] = frozenset()
        self._room = order.output_bytes
        self._texts: dict[int, OrderedStatement] = {}
        self._heavy: dict[int, frozenset[int]] = {}
        self._strict = order.repair
        self._again = False
        self._dropped: set[int] = set()
        self._warn = warnings.warn

    def run(self) -> None:
        order = self._order
        self._prepare()
        ended: str | None = None
        last_cell = -1
        for statement in order.statements:
            if statement.skipped or statement.number in self._dropped:
                continue
            if statement.cell != last_cell:
                stubs.close_figures()
                self._answers.of_cell(order.outputs.get(statement.cell, ()))
                last_cell = statement.cell
            ended = self._perform(statement)
            if ended is not None:
                break
        self._guard.watching = False
        self._recorder.statement = -1
        self._write(Closed(python=sys.version.split()[0], libraries=_libraries(), ended=ended, again=self._again))
        os._exit(0)  # threads and exit handlers of the notebook have no say

    def _prepare(self) -> None:
        names = vars(self._main)
        sys.modules["__main__"] = self._main
        os.chdir(self._order.scratch)
        sys.path.insert(0, self._order.scratch)
        names.update(stubs.install(Path(self._order.scratch), self._answers))
        names["__builtins__"] = __builtins__
        recording.start(self._recorder)
        if self._strict:
            warnings.warn = self._strict_warn
        self._given = frozenset(names)
        self._guard.watching = True

    def _perform(self, ordered: OrderedStatement) -> str | None:
        """Run one statement, repaired where that is asked; why the run ends here, if it does."""
        self._write(Begun(number=ordered.number))
        self._texts[ordered.number] = ordered
        before = len(self._recorder.calls)
        known = dict(self._objects)
        run, error, left = self._attempt(ordered)
        attempts = 0
        while error is not None and self._order.repair and attempts < _ATTEMPTS:
            attempts += 1
            change = self._end(ordered, run, error) if left else self._repaired(self._texts[ordered.number], run, error)
            if change is None:
                break
            self._write(change)
            if isinstance(change, RewrittenModule):  # the notebook has it as it was
                self._again = True
                break
            for more in self._left_out_with(change):
                self._write(more)
                self._dropped.add(more.number)
            del self._recorder.calls[before:]
            if run.changed:  # it did a part of its work, and would do that twice
                self._again = True
                break
            if change.source is None:
                self._take_back(known)
                self._write(Ran(run=msgspec.structs.replace(run, bound={}), calls=()))
                return None
            changed = msgspec.structs.replace(self._texts[change.number], source=change.source)
            self._texts[change.number] = changed
            if change.number != ordered.number:
                self._execute(changed)
            first = run
            run, error, left = self._attempt(self._texts[ordered.number])
            run = msgspec.structs.replace(run, bound={**first.bound, **run.bound})
        calls = tuple(call for call in self._recorder.calls[before:] if call is not None)
        self._write(Ran(run=run, calls=calls))
        if self._keeper and error is None:
            self._keeper.names(ordered.number, vars(self._main))
        place = f"cell {ordered.cell}, line {ordered.line}"
        if left:
            return f"{place} leaves the notebook: {left}"
        return None if error is None else f"{place}: {run.error}"

    def _repaired(
        self, ordered: OrderedStatement, run: StatementRun, error: BaseException
    ) -> Rewritten | RewrittenModule | None:
        """What to do about a failure: the statement written anew, or what it calls; or to leave it out."""
        written = run.error or ""
        module = mended_module(error, Path(self._order.scratch), self._order.modules)
        if module is not None:
            return module
        for number, line, own in reversed(_places_of(error)):
            blamed = self._texts[number]
            if number != ordered.number and not blamed.source.startswith(("def ", "@")):
                continue
            failure = Failure(
                source=blamed.source, error=error, line=line - blamed.line + 1, names={**vars(self._main), **own}
            )
            found = mending.mended(failure)
            if found is not None:
                return Rewritten(
                    number=number, source=found.source, rule=found.rule, message=found.message, error=written
                )
        if type(error).__name__ == "ChainedAssignmentError" and self._strict and not run.changed:
            self._strict = False  # from here on pandas does what it does; it was no write in older ones either
            message = "what is written here into a selection of rows is lost, as it always was"
            return Rewritten(number=ordered.number, source=ordered.source, rule="N202", message=message, error=written)
        if ordered.failed == type(error).__name__:
            message = f"it fails, as it did when the author ran it ({leaving_out.shown(error)})"
            return Rewritten(number=ordered.number, source=None, rule="N219", message=message, error=written)
        later = [each.source for each in self._later(ordered.number)]
        earlier = [each.source for each in self._order.statements if each.number < ordered.number]
        why = leaving_out.may_be_left_out(ordered.source, later, error, earlier=earlier)
        if why is None and self._order.partly:
            why = leaving_out.with_what_needs_it(ordered.source, later, error, earlier=earlier)
        if why is None:
            return None
        return Rewritten(number=ordered.number, source=None, rule=why.rule, message=why.message, error=written)

    def _end(self, ordered: OrderedStatement, run: StatementRun, error: BaseException) -> Rewritten | None:
        """That a notebook ends here, where it leaves by a statement that does nothing else, and as one that is done."""
        if not isinstance(error, SystemExit) or run.bound or run.changed or run.drew or run.written:
            return None
        if error.code not in (None, 0) and not leaving_out.leaves(ordered.source):
            return None  # a condition found that something is wrong
        later = len(self._later(ordered.number))
        behind = {0: "nothing stands behind it", 1: "one statement stands behind it"}
        message = f"the notebook ends here, and {behind.get(later, f'{later} statements stand behind it')}"
        return Rewritten(number=ordered.number, source=None, rule="N222", message=message, error=run.error or "")

    def _left_out_with(self, change: Rewritten) -> list[Rewritten]:
        """The statements that are left out with one: the rest of its cell, all that needs what it makes, or all."""
        first, later = self._texts[change.number], self._later(change.number)
        if change.rule == "N219":
            found = [each.number for each in later if each.cell == first.cell]
            message = f"the cell fails before it, at line {first.line}, as it did when the author ran it"
        elif change.rule == "N220":
            earlier = [each.source for each in self._order.statements if each.number < first.number]
            found = leaving_out.needing(first.source, [(each.number, each.source) for each in later], earlier=earlier)
            message = f"it needs what cell {first.cell}, line {first.line} makes, and that fails"
        elif change.rule == "N222":
            found = [each.number for each in later]
            message = f"the notebook ends before it, in cell {first.cell}, line {first.line}"
        else:
            return []
        return [Rewritten(number=each, source=None, rule="", message=message, error="") for each in found]

    def _later(self, number: int) -> list[OrderedStatement]:
        """The statements after one that are still to run."""
        return [
            each
            for each in self._order.statements
            if each.number > number and not each.skipped and each.number not in self._dropped
        ]

    def _take_back(self, known: dict[str, object]) -> None:
        """Give names that a failed statement bound what they were before."""
        names = vars(self._main)
        for name in [name for name in names if name not in self._given and name != "_"]:
            if name not in known:
                del names[name]
            else:
                names[name] = known[name]
        self._compare()

    def _strict_warn(self, message: Any, category: Any = None, stacklevel: int = 1, *rest: Any, **options: Any) -> None:
        """Let a write that pandas 3 loses fail, so that it is seen and repaired."""
        if self._strict and getattr(category, "__name__", "") == "ChainedAssignmentError":
            raise category("ChainedAssignmentError: it is written into a copy, and lost")
        self._warn(message, category, stacklevel + 1, *rest, **options)

    def _attempt(self, ordered: OrderedStatement) -> tuple[StatementRun, BaseException | None, str]:
        text = Tail(MOST_SHOWN)
        random_before = _random_state()
        self._recorder.statement = ordered.number
        error: BaseException | None = None
        left = ""
        started = time.perf_counter()
        with redirect_stdout(text), redirect_stderr(text):
            try:
                self._execute(ordered)
            except (SystemExit, KeyboardInterrupt) as raised:
                error, left = raised, _leaving(raised)
            except BaseException as raised:  # noqa: BLE001 - a process edge: whatever a notebook raises ends its run
                error = raised
        seconds = time.perf_counter() - started
        self._recorder.statement = -1
        if os.getpid() != self._process:
            os._exit(0)  # a process that the notebook forked goes no further
        drew = _moved(random_before, _random_state())
        if drew and ordered.source.startswith(("import ", "from ")):
            # Some packages draw while they are imported; without that, imports can stand anywhere.
            _put_back(random_before)
            drew = False
        if self._keeper and drew:
            self._keeper.random(ordered.number, random_before)
        printed = text.getvalue()[-max(0, self._room) :] if self._room > 0 else ""
        self._room -= len(printed)
        bound, changed, deleted = self._compare(ordered.source)
        read, written, outside = self._guard.take()
        run = StatementRun(
            number=ordered.number,
            seconds=seconds,
            error=None if error is None else _error_text(error).replace(f"{self._order.scratch}/", ""),
            bound=bound,
            changed=changed,
            deleted=deleted,
            drew=drew,
            figures=stubs.count_figures(),
            printed=printed,
            read=read,
            written=written,
            outside=outside,
        )
        return run, error, left

    def _execute(self, ordered: OrderedStatement) -> None:
        source, name = ordered.source, f"<cell {ordered.cell}, statement {ordered.number}>"
        tree = ast.parse(source, filename=name)
        ast.increment_lineno(tree, ordered.line - 1)
        linecache.cache[name] = (
            len(source),
            None,
            ("\n" * (ordered.line - 1) + source).splitlines(keepends=True),
            name,
        )
        shown = tree.body.pop() if ordered.shown and tree.body and isinstance(tree.body[-1], ast.Expr) else None
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        names = vars(self._main)
        _finish(eval(compile(tree, name, "exec", flags=flags, dont_inherit=True), names))  # noqa: S307 - the notebook
        if isinstance(shown, ast.Expr):
            code = compile(ast.Expression(shown.value), name, "eval", flags=flags, dont_inherit=True)
            value = _finish(eval(code, names))  # noqa: S307 - the notebook
            if value is not None:
                names["_"] = value
                print(shown_text(value))  # noqa: T201 - as a notebook shows it

    def _compare(self, source: str = "") -> tuple[dict[str, ValueInfo], dict[str, ValueInfo], tuple[str, ...]]:
        """Names that were bound, whose object changed, and that are gone, since the last comparison.

        Large models and lists take long to look at: these only where the statement can have reached them.
        """
        bound: dict[str, ValueInfo] = {}
        changed: dict[str, ValueInfo] = {}
        known: dict[int, ValueInfo] = {}
        reach: frozenset[int] | None = None
        now = {name: value for name, value in vars(self._main).items() if name not in self._given and name != "_"}
        for name, value in now.items():
            same = name in self._objects and self._objects[name] is value
            if same and isinstance(value, IMMUTABLE):
                continue
            info = known.get(id(value))
            if info is None and same and id(value) in self._heavy:
                reach = reached(source, now) if reach is None and source else reach
                if reach is not None and not reach & self._heavy[id(value)]:
                    continue
            if info is None:
                started = time.perf_counter()
                info = known[id(value)] = describe(value, self._fingerprints)
                if time.perf_counter() - started > _HEAVY_SECONDS and info.kind in (
                    "estimator",
                    "list",
                    "dict",
                    "other",
                ):
                    self._heavy[id(value)] = frozenset(self._fingerprints.parts)
                else:
                    self._heavy.pop(id(value), None)
            if not same:
                bound[name] = info
            elif info.fingerprint != self._seen[name].fingerprint:
                changed[name] = info
            self._seen[name] = info
        deleted = tuple(name for name in self._objects if name not in now)
        self._objects = now
        self._fingerprints.forget()
        return bound, changed, deleted

    def _write(self, record: Record) -> None:
        self._records.write(msgspec.json.encode(record) + b"\n")


class Keeper:
    """Pickles what a later proof needs: values after statements, what calls took and gave, random states."""

    def __init__(self, order: KeepOrder) -> None:
        self._folder = Path(order.folder)
        self._order = order

    def names(self, number: int, names: Mapping[str, object]) -> None:
        for name in self._order.names.get(number, ()):
            if name in names:
                self._keep(self._folder / f"{number}-{name}.pkl", names[name])

    def heard(self, before: int, heard: recording.Heard) -> None:
        number = self._order.calls.get(before)
        if number is not None:
            content = {
                "arguments": heard.arguments,
                "keywords": dict(heard.keywords),
                "receiver": heard.receiver,
                "result": heard.result,
            }
            self._keep(self._folder / f"call-{number}.pkl", content)

    def random(self, number: int, state: Mapping[str, object]) -> None:
        if self._order.random:
            self._keep(self._folder / f"random-{number}.pkl", dict(state))

    def _keep(self, path: Path, value: object) -> None:
        """Pickle a value; where it cannot be, a file of the same name and `.failed` says why."""
        try:
            written = io.BytesIO()
            _Pickler(written).dump(value)
        except Exception as error:  # noqa: BLE001 - a process edge: classes of the notebook pickle themselves
            path.with_suffix(".failed").write_text(_error_text(error))
            return
        path.write_bytes(written.getbuffer())


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Pickles functions as they were before they were recorded."""

    def reducer_override(self, obj: Any) -> Any:
        before = recording.original(obj) if isinstance(obj, types.FunctionType) else obj
        if before is not obj and getattr(obj, "__module__", "") == "__main__":
            return (_itself, (before,))
        return super().reducer_override(obj)


def _itself(value: object) -> object:
    return value


def _finish(value: Any) -> Any:
    """What a statement gave; one that awaits is run to its end."""
    if isinstance(value, types.CoroutineType):
        import asyncio

        return asyncio.new_event_loop().run_until_complete(value)
    return value


def _random_state() -> Mapping[str, object]:
    """The states of the generators that a notebook draws from without naming one."""
    found: dict[str, object] = {}
    if "random" in sys.modules:
        found["random"] = sys.modules["random"].getstate()
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        found["numpy"] = numpy.random.get_state()
    return found


def _put_back(state: Mapping[str, Any]) -> None:
    if "random" in state:
        sys.modules["random"].setstate(state["random"])
    if "numpy" in state:
        sys.modules["numpy"].random.set_state(state["numpy"])


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if before.get("random") is not None and before["random"] != after.get("random"):
        return True
    first, second = before.get("numpy"), after.get("numpy")
    if first is None or second is None:
        return False
    return bool(first[2:] != second[2:] or (first[1] != second[1]).any())


def _leaving(raised: BaseException) -> str:
    if isinstance(raised, SystemExit):
        return "it calls exit" + (f" with {raised.code!r}" if raised.code not in (None, 0) else "")
    return "it interrupts itself"


def _error_text(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).strip().removeprefix("unshelve.notebook.sandbox.")
    return text if len(text) <= 1000 else text[:800] + " … " + text[-200:]


def _places_of(error: BaseException) -> list[tuple[int, int, Mapping[str, object]]]:
    """The statements that the error passed through, outer ones first: number, line of the cell, names of the frame."""
    found: list[tuple[int, int, Mapping[str, object]]] = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        place = re.fullmatch(r"<cell \d+, statement (\d+)>", frame.f_code.co_filename)
        if place:
            found.append((int(place[1]), line, frame.f_locals))
    return found


def _libraries() -> Mapping[str, str]:
    """The distributions whose modules were imported, with versions."""
    from importlib import metadata

    imported = {name.split(".")[0] for name in sys.modules if not name.startswith("_")}
    found: dict[str, str] = {}
    for each in metadata.distributions():
        offered = (each.read_text("top_level.txt") or "").split()
        if not offered:  # the file is old-fashioned: the list of all files says it too
            lines = (each.read_text("RECORD") or "").splitlines()
            offered = [line.partition(",")[0].partition("/")[0].removesuffix(".py") for line in lines]
        if not imported.isdisjoint(offered):
            found.setdefault(each.name, each.version)
    for own in ("unshelve", "msgspec"):
        found.pop(own, None)
    return dict(sorted(found.items()))


if __name__ == "__main__":
    # Under its own name, so that the module `__main__` is free for the notebook.
    from unshelve.notebook.watch_process import main as run_order

    run_order(sys.argv[1])
