# ruff: noqa: T201 - the steps of these tests print
from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline_shop import Shop, call
from unshelve.clock import FakeClock, SystemClock
from unshelve.errors import NotFound, StorageFull, UserCodeFailed
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.in_process import InProcess
from unshelve.pipeline.outcome import RunEventKind, RunOutcome
from unshelve.pipeline.outputs import Context, Outputs
from unshelve.pipeline.run import execute
from unshelve.pipeline.task import Task
from unshelve.registry import runs
from unshelve.registry.runs import RunState, StepState

CHAIN = [call("a"), call("b", "a"), call("c", "b")]


class Steps(dict[str, Callable[..., object]]):
    """Functions by name that count how often each was called."""

    def __init__(self, **functions: Callable[..., object]) -> None:
        self.calls: list[str] = []
        super().__init__({name: self.counted(name, function) for name, function in functions.items()})

    def counted(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def called(**inputs: object) -> object:
            self.calls.append(name)
            return function(**inputs)

        return called


def numbers(start: int = 1) -> Steps:
    return Steps(a=lambda: start, b=lambda a: a // 10, c=lambda b: b + 1)


def value(shop: Shop, outcome: RunOutcome, task: str, output: str = "") -> Any:
    return read_artifact(outcome.artifact(task, output), shop.blobs, trusted=lambda _: True)


def states(outcome: RunOutcome) -> dict[str, str]:
    return {name: step.state.value for name, step in outcome.steps.items()}


def reasons(outcome: RunOutcome) -> dict[str, str]:
    return {name: step.reason for name, step in outcome.steps.items()}


def test_each_task_runs_once_and_the_next_run_uses_what_is_stored(shop: Shop) -> None:
    steps = numbers(17)
    first, second = shop.run(CHAIN, steps), shop.run(CHAIN, steps)
    assert (first.state, value(shop, first, "c")) == (RunState.DONE, 2)
    assert set(reasons(first).values()) == {"it has not run before"}
    assert states(second) == {"a": "cached", "b": "cached", "c": "cached"}
    assert reasons(second)["a"] == "unchanged since 2026-11-23 12:00"
    assert steps.calls == ["a", "b", "c"]
    assert second.artifact("c") == first.artifact("c")


def test_changed_code_runs_the_step_and_an_equal_result_stops_there(shop: Shop) -> None:
    shop.run(CHAIN, numbers(17))
    edited = [replace(CHAIN[0], code={"function a in solution.py": "2"}), *CHAIN[1:]]
    outcome = shop.run(edited, numbers(17))
    assert states(outcome) == {"a": "ran", "b": "cached", "c": "cached"}
    assert reasons(outcome)["a"] == "code reached now: function a in solution.py; the result is the same"


def test_a_new_result_spreads_as_far_as_it_differs(shop: Shop) -> None:
    shop.run(CHAIN, numbers(17))
    outcome = shop.run(
        [replace(CHAIN[0], parameters={"arguments": {}}), *CHAIN[1:]],
        Steps(a=lambda arguments: 18, b=lambda a: a // 10, c=lambda b: b + 1),
    )
    assert states(outcome) == {"a": "ran", "b": "ran", "c": "cached"}
    assert reasons(outcome)["b"] == "input a changed; the result is the same"


def test_a_failed_step_fails_what_stands_on_it_and_nothing_else(shop: Shop) -> None:
    def b(a: int) -> int:
        raise ValueError("no such carrier")

    tasks = [*CHAIN, call("x"), call("y", "x", "c")]
    steps = Steps(a=lambda: 1, b=b, c=lambda b: b, x=lambda: 5, y=lambda x, c: x)
    outcome = shop.run(tasks, steps)
    assert outcome.state is RunState.FAILED
    assert states(outcome) == {"a": "ran", "b": "failed", "c": "skipped", "y": "skipped", "x": "ran"}
    error = outcome.failures[0].error
    assert error is not None
    assert (error.message, error.inputs) == ("Step b raised ValueError: no such carrier", {"a": "int"})
    assert "no such carrier" in error.traceback and "/unshelve/" not in error.traceback
    with pytest.raises(UserCodeFailed, match="no such carrier"):
        outcome.raise_for_failure()
    with shop.database.read() as connection:
        assert runs.get_run(connection, outcome.run_id).error == "Step b raised ValueError: no such carrier"
    again = shop.run(tasks, Steps(**{**steps, "b": lambda a: a}))
    assert states(again) == {"a": "cached", "x": "cached", "b": "ran", "c": "ran", "y": "ran"}


def test_a_step_that_returns_nothing_is_refused_unless_it_may(shop: Shop) -> None:
    steps = Steps(a=lambda: None)
    outcome = shop.run([call("a")], steps)
    assert outcome.failures[0].error is not None
    assert outcome.failures[0].error.message == "Step a returned None. Does it end without a return statement?"
    assert value(shop, shop.run([call("a", may_be_none=True)], steps), "a") is None


def test_a_value_that_cannot_be_kept_names_the_step(shop: Shop) -> None:
    outcome = shop.run([call("a", label="Make it")], Steps(a=lambda: threading.Lock()))
    assert outcome.failures[0].error is not None
    assert outcome.failures[0].error.message.startswith("Cannot keep what step Make it returned: A value of type")


def test_several_outputs_are_artifacts_of_their_own(shop: Shop) -> None:
    def halves(call: Any, inputs: dict[str, Any], parameters: dict[str, Any], context: Context) -> Outputs:
        low, high = call(**inputs)
        return Outputs({"low": low, "high": high})

    tasks = [
        call("a"),
        Task(name="cut", operation="halves", function="cut", inputs={"a": "a"}),
        call("c", "cut.low"),
    ]
    steps = Steps(a=lambda: [1, 2], cut=lambda a: (a[:1], a[1:]), c=lambda cut_low: cut_low)
    outcome = shop.run(tasks, steps, operations={"halves": halves})
    assert (value(shop, outcome, "cut", "high"), value(shop, outcome, "c")) == ([2], [1])
    steps = Steps(a=lambda b: [1, 2], cut=lambda a: (a[:1], [9]), c=lambda cut_low: cut_low)
    changed = [tasks[0], replace(tasks[1], code={"function cut in solution.py": "2"}), tasks[2]]
    assert states(shop.run(changed, steps, operations={"halves": halves})) == {
        "a": "cached",
        "cut": "ran",
        "c": "cached",
    }


def test_an_output_that_was_not_made_is_named(shop: Shop) -> None:
    outcome = shop.run([call("a"), call("b", "a.left")], Steps(a=lambda: 1, b=lambda a_left: 1))
    assert outcome.failures[0].error is not None
    assert outcome.failures[0].error.message == (
        "Step b takes a_left from output left of a, but a made one value without a name."
    )


def test_a_step_that_changes_its_input_does_not_spoil_a_sibling(shop: Shop) -> None:
    import pandas as pd

    def spoil(table: Any) -> int:
        table["n"] = 0
        del table["m"]
        return 1

    tasks = [call("table"), call("spoil", "table"), call("count", "table", "spoil")]
    frame = pd.DataFrame({"n": [1, 2], "m": [3, 4]})
    steps = Steps(table=lambda: frame, spoil=spoil, count=lambda table, spoil: table.to_dict("list"))
    assert value(shop, shop.run(tasks, steps), "count") == {"n": [1, 2], "m": [3, 4]}


def test_a_source_is_asked_again_unless_it_is_fresh(shop: Shop) -> None:
    assert isinstance(shop.clock, FakeClock)
    tasks = [call("a", fresh_seconds=86400.0), call("b", "a"), call("always", fresh_seconds=0.0)]
    steps = Steps(a=lambda: 17, b=lambda a: a, always=lambda: 1)
    shop.run(tasks, steps)
    shop.clock.move(timedelta(hours=3))
    soon = shop.run(tasks, steps)
    shop.clock.move(timedelta(hours=23))
    later = shop.run(tasks, steps)
    assert states(soon) == {"a": "cached", "always": "ran", "b": "cached"}
    assert reasons(soon)["a"] == "asked 3 h ago, which is fresh for 1 day"
    assert states(later) == {"a": "ran", "always": "ran", "b": "cached"}
    assert reasons(later)["a"] == "asked again: the last answer is 26 h old, fresh for 1 day; the content is the same"
    shop.clock.move(timedelta(hours=23))
    assert states(shop.run(tasks, steps))["a"] == "cached"


def test_a_run_that_resumes_a_broken_one_does_not_ask_its_sources_again(shop: Shop) -> None:
    assert isinstance(shop.clock, FakeClock)
    tasks = [call("a", fresh_seconds=0.0)]
    began = shop.clock.now()
    shop.run(tasks, Steps(a=lambda: 1))
    shop.clock.move(timedelta(minutes=5))
    resumed = shop.run(tasks, Steps(a=lambda: 1), fresh_since=began)
    assert reasons(resumed) == {"a": "asked 5 min ago by the run that this one resumes"}
    assert states(shop.run(tasks, Steps(a=lambda: 1))) == {"a": "ran"}


def test_a_task_that_is_not_cacheable_runs_each_time(shop: Shop) -> None:
    tasks = [call("a", cacheable=False), call("b", "a")]
    steps = Steps(a=lambda: 1, b=lambda a: a)
    shop.run(tasks, steps)
    assert states(shop.run(tasks, steps)) == {"a": "ran", "b": "cached"}


def test_a_result_whose_bytes_are_gone_is_made_again(shop: Shop) -> None:
    outcome = shop.run(CHAIN, numbers(17))
    shop.blobs.delete(outcome.artifact("a").digest)
    again = shop.run(CHAIN, numbers(17))
    assert states(again) == {"a": "ran", "b": "cached", "c": "cached"}
    assert reasons(again)["a"] == "its stored result is gone"


def test_old_results_are_found_when_newer_ones_are_many(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from unshelve.pipeline import known

    monkeypatch.setattr(known, "_SPARE", 0)
    assert isinstance(shop.clock, FakeClock)
    for round_ in range(5):
        shop.clock.move(timedelta(seconds=1))
        shop.run([call("a", parameters={"n": round_})], Steps(a=lambda n: n))
    old = shop.run([call("a", parameters={"n": 0})], Steps(a=lambda n: n))
    new = shop.run([call("a", parameters={"n": 99})], Steps(a=lambda n: n))
    assert (states(old), reasons(new)) == ({"a": "cached"}, {"a": "parameter n 4 -> 99"})


def test_a_step_is_tried_again_as_often_as_it_says(shop: Shop) -> None:
    shop.clock = SystemClock()
    tries: list[int] = []

    def flaky() -> int:
        tries.append(1)
        print(f"try {len(tries)}")
        if len(tries) < 3:
            raise OSError("not yet")
        return 7

    outcome = shop.run([call("a", retries=2, retry_delay_seconds=0.01)], Steps(a=flaky))
    step = outcome.steps["a"]
    assert (step.state, step.attempts, len(tries)) == (StepState.RAN, 3, 3)
    assert step.log is not None
    assert shop.blobs.get(step.log) == b"try 1\n--- next attempt ---\ntry 2\n--- next attempt ---\ntry 3\n"
    assert [event.text for event in shop.events if event.kind is RunEventKind.RETRYING] == [
        "Step a raised OSError: not yet"
    ] * 2


@pytest.mark.filterwarnings("default")
def test_what_a_step_prints_warns_and_writes_is_kept(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    def talk() -> int:
        import sys

        print("hello", 1)
        print("bad", file=sys.stderr)
        warnings.warn("careful", UserWarning, stacklevel=1)
        sys.stdout.buffer.write(b"raw\n")
        print("10%\r50%\r100%", end="")
        return 1

    outcome = shop.run([call("a")], Steps(a=talk))
    log = outcome.steps["a"].log
    assert log is not None
    lines = shop.blobs.get(log).decode().splitlines()
    assert lines[:2] == ["hello 1", "bad"]
    assert lines[2].startswith("UserWarning: careful (test_run.py:")
    assert lines[3:] == ["raw", "100%"]
    assert capsys.readouterr().out == ""


def test_very_long_output_is_cut(shop: Shop) -> None:
    def flood() -> int:
        for _ in range(100):
            print("x" * 9_999)
        return 1

    log = shop.run([call("a")], Steps(a=flood)).steps["a"].log
    assert log is not None
    text = shop.blobs.get(log).decode()
    assert len(text) < 510_000
    assert text.endswith("more characters were printed and not kept\n")


def test_secrets_are_hidden_in_output_and_errors(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from unshelve.security import secrets

    monkeypatch.setenv("UNSHELVE_SECRET_WAREHOUSE", "correct-horse-battery")
    monkeypatch.setattr(secrets, "_READ", {})

    def leak() -> int:
        print("password is", str(secrets.secret("WAREHOUSE")))
        raise ValueError(f"cannot sign in with {secrets.secret('WAREHOUSE')}")

    step = shop.run([call("a")], Steps(a=leak)).steps["a"]
    assert step.log is not None and step.error is not None
    assert shop.blobs.get(step.log) == "password is •••\n".encode()
    assert step.error.message == "Step a raised ValueError: cannot sign in with •••"
    assert "horse" not in step.error.traceback


def test_only_some_tasks_and_what_they_need_can_be_run(shop: Shop) -> None:
    outcome = shop.run([*CHAIN, call("x")], numbers(), only=frozenset({"b"}))
    assert set(outcome.steps) == {"a", "b"}
    with pytest.raises(NotFound) as caught:
        shop.run(CHAIN, numbers(), only=frozenset({"bb"}))
    assert caught.value.near == ("b",)


def test_a_run_that_was_not_queued_is_not_found(shop: Shop) -> None:
    request = replace(shop.request(), run_id="0" * 26)
    executor = InProcess({}, shop.blobs)
    with pytest.raises(NotFound, match="no run 000"):
        execute(Graph(CHAIN), request, database=shop.database, blobs=shop.blobs, executor=executor)


def test_the_record_of_a_run_can_be_read_back(shop: Shop) -> None:
    outcome = shop.run([call("a", kind="source", group="Data", label="A"), CHAIN[1]], numbers(17))
    with shop.database.read() as connection:
        run = runs.get_run(connection, outcome.run_id)
        steps = runs.steps_of(connection, outcome.run_id)
        drawn = runs.graph_of(connection, outcome.run_id)
    assert (run.state, run.number, run.environment) == (RunState.DONE, 1, {"python": "3.11"})
    assert [(step.task, step.state, step.attempts) for step in steps] == [
        ("a", StepState.RAN, 1),
        ("b", StepState.RAN, 1),
    ]
    assert steps[0].outputs[""]["digest"] == outcome.artifact("a").digest
    assert drawn == [
        {"name": "a", "title": "A", "kind": "source", "group": "Data", "needs": []},
        {"name": "b", "title": "b", "kind": "", "group": "", "needs": ["a"]},
    ]


def test_events_tell_how_a_run_goes_and_ends_come_after_they_are_recorded(shop: Shop) -> None:
    recorded: list[int] = []

    def listen(event: Any) -> None:
        shop.events.append(event)
        if event.kind is RunEventKind.ENDED:
            with shop.database.read() as connection:
                recorded.append(len(runs.steps_of(connection, event.run_id)))

    def long(call: Any, inputs: Any, parameters: Any, context: Context) -> int:
        context.progress(1, 2)
        return 3

    task = Task(name="a", operation="long")
    executor = InProcess({}, shop.blobs, operations={"long": long})
    execute(Graph([task]), shop.request(), database=shop.database, blobs=shop.blobs, executor=executor, listener=listen)
    assert [(event.kind.value, event.task, event.done, event.of, event.text) for event in shop.events] == [
        ("planned", "", 0, 1, ""),
        ("started", "a", 0, 0, ""),
        ("progressed", "a", 1, 2, ""),
        ("ended", "a", 0, 0, ""),
        ("closed", "", 0, 0, "done"),
    ]
    assert recorded == [1]


def test_a_run_can_be_stopped_and_goes_on_where_it_was(shop: Shop) -> None:
    stop = threading.Event()

    def b(a: int) -> int:
        stop.set()
        return a

    steps = Steps(a=lambda: 1, b=b, c=lambda b: b)
    executor = InProcess(steps, shop.blobs)
    outcome = execute(
        Graph(CHAIN), shop.request(), database=shop.database, blobs=shop.blobs, executor=executor, stop=stop
    )
    assert outcome.state is RunState.STOPPED
    assert states(outcome) == {"a": "ran", "b": "ran", "c": "stopped"}
    assert states(shop.run(CHAIN, steps)) == {"a": "cached", "b": "cached", "c": "ran"}


def test_an_interrupt_is_recorded_and_passed_on(shop: Shop) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    request = shop.request()
    executor = InProcess({"a": lambda: 1, "b": lambda a: interrupted()}, shop.blobs)
    with pytest.raises(KeyboardInterrupt):
        execute(Graph(CHAIN), request, database=shop.database, blobs=shop.blobs, executor=executor)
    with shop.database.read() as connection:
        assert runs.get_run(connection, request.run_id).state is RunState.STOPPED
        assert [(step.task, step.state.value) for step in runs.steps_of(connection, request.run_id)] == [
            ("a", "ran"),
            ("b", "stopped"),
            ("c", "stopped"),
        ]


def test_a_full_disk_fails_the_step_that_met_it_and_leaves_nothing_half(shop: Shop) -> None:
    class Full:
        def __init__(self) -> None:
            self.left = 1

        def put(self, data: Any) -> str:
            if not self.left:
                raise StorageFull("There is no room left for the blobs.")
            self.left -= 1
            return shop.blobs.put(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(shop.blobs, name)

    executor = InProcess(numbers(17), Full())
    outcome = shop.run(CHAIN, executor=executor)
    assert states(outcome) == {"a": "ran", "b": "failed", "c": "skipped"}
    assert outcome.failures[0].error is not None
    assert outcome.failures[0].error.code == "storage-full"
    assert list(shop.blobs.verify()) == []
    assert states(shop.run(CHAIN, numbers(17))) == {"a": "cached", "b": "ran", "c": "ran"}


def test_a_plan_says_what_would_run_and_why_without_running(shop: Shop) -> None:
    before = shop.explain(CHAIN)
    shop.run(CHAIN, numbers(17))
    same = shop.explain(CHAIN)
    edited = [CHAIN[0], replace(CHAIN[1], code={"function b in solution.py": "2"}), CHAIN[2]]
    changed = shop.explain(edited)
    assert [(one.action.value, one.reason) for one in before] == [("run", "it has not run before")] * 3
    assert [one.action.value for one in same] == ["reuse"] * 3
    assert [(one.task, one.action.value, one.reason) for one in changed] == [
        ("a", "reuse", "unchanged since 2026-11-23 12:00"),
        ("b", "run", "code reached now: function b in solution.py"),
        ("c", "depends", "only if b gives something new"),
    ]


def test_a_changed_environment_runs_all_and_is_named(shop: Shop) -> None:
    shop.run(CHAIN, numbers(17))
    shop.environment = {"python": "3.12"}
    outcome = shop.run(CHAIN, numbers(17))
    assert reasons(outcome)["c"] == "python 3.11 -> 3.12; the result is the same"
