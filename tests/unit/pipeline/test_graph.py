from __future__ import annotations

import time

import pytest

from unshelve.errors import NotFound, SolutionInvalid
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.task import Task


def task(name: str, *needs: str) -> Task:
    return Task(name=name, inputs={f"p{place}": need for place, need in enumerate(needs)})


def test_tasks_come_after_what_they_need_and_else_in_the_order_given() -> None:
    graph = Graph([task("d", "b", "c"), task("b", "a"), task("a"), task("c", "a")])
    assert graph.order == ("a", "b", "c", "d")


def test_a_cycle_is_shown_whole() -> None:
    with pytest.raises(SolutionInvalid, match="wait for each other: a -> b -> c -> a") as caught:
        Graph([task("x"), task("a", "c"), task("b", "a", "x"), task("c", "b"), task("after", "c")])
    assert caught.value.details["cycle"] == ["a", "b", "c", "a"]


def test_a_task_that_needs_itself_is_a_cycle() -> None:
    with pytest.raises(SolutionInvalid, match="a -> a"):
        Graph([task("a", "a")])


def test_an_unknown_input_is_named_with_the_nearest() -> None:
    with pytest.raises(SolutionInvalid, match="takes p0 from flihgts") as caught:
        Graph([task("flights"), task("features", "flihgts")])
    assert caught.value.near == ("flights",)


def test_two_tasks_of_one_name_are_refused() -> None:
    with pytest.raises(SolutionInvalid, match="Two steps are named a"):
        Graph([task("a"), task("a")])


def test_an_input_may_be_one_output_of_a_task() -> None:
    graph = Graph([task("split"), task("a.b"), task("use", "split.train", "split.test", "a.b", "a.b.c")])
    assert [graph.references[text] for text in graph.task("use").inputs.values()] == [
        ("split", "train"),
        ("split", "test"),
        ("a.b", ""),
        ("a.b", "c"),
    ]
    assert graph.needs("use") == ("split", "a.b")


def test_what_a_task_needs_and_what_stands_on_it() -> None:
    graph = Graph([task("a"), task("b", "a"), task("c", "b"), task("d", "b"), task("e")])
    assert graph.ancestors(["c"]) == {"a", "b"}
    assert graph.descendants(["a"]) == {"b", "c", "d"}
    assert graph.needed_for(["d"]).order == ("a", "b", "d")
    assert graph.wanted_by("b") == ("c", "d")


def test_an_unknown_name_is_not_found_with_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        Graph([task("features")]).needed_for(["feature"])
    assert caught.value.near == ("features",)


def test_fifty_thousand_tasks_in_a_chain_are_ordered_without_recursion() -> None:
    began = time.perf_counter()
    graph = Graph([task(str(n), str(n - 1)) if n else task("0") for n in range(50_000)])
    assert len(graph.descendants(["0"])) == 49_999
    assert time.perf_counter() - began < 5
