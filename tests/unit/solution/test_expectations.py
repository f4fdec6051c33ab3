"""Expectations as declared, and where a quarantine stands in the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from unshelve.data.checks import from_json, key, refers_to
from unshelve.errors import Refused, SolutionInvalid
from unshelve.pipeline.step import Expectation, expect
from unshelve.solution.check import check
from unshelve.solution.declaration import Declaration
from unshelve.solution.request_path import filters_of, model_path
from unshelve.solution.training import training

Declare = Callable[[str], Declaration]

SHOP = """
@source
def orders(): ...
@source
def shops(): ...
@keep
def paid(orders): ...
@fit
def usual(shops): ...
@target
def returned(paid): ...
@transform
def features(paid, usual, shops): ...
@model
def returns(features_train, returned_train): ...
"""
QUARANTINES = """
orders_hold = expect(
    "orders",
    key("id"), refers_to("shops", "shop"),
    severity="quarantine",
)
shops_hold = expect("shops", key("shop"), severity="quarantine", at_most=0.5)
@expect(severity="quarantine")
def paid_enough(paid): ...
orders_odd = expect("orders", unique("n"), severity="quarantine")
recent = expect("orders", fresh("at", "2d"))
"""


def test_a_declared_expectation_is_a_step_with_its_checks_and_its_place(declared: Declare) -> None:
    step = Declaration.from_json(declared(SHOP + QUARANTINES).to_json()).step("orders_hold")
    assert [from_json(each).text for each in step.checks] == ['key("id")', 'refers_to("shops", "shop")']
    assert [each.name for each in step.parameters] == ["orders", "shops"]
    assert (step.table, step.severity, step.at_most) == ("orders", "quarantine", 0.05)
    text = (SHOP + QUARANTINES).splitlines()
    assert step.place.line == text.index("orders_hold = expect(") + 1 + 4  # behind four lines of imports


def test_quarantines_stand_behind_their_tables_in_the_order_of_the_file(declared: Declare) -> None:
    shop = declared(SHOP + QUARANTINES)
    assert filters_of(shop, "orders") == ("orders_hold", "orders_odd")
    assert filters_of(shop, "orders_odd") == ("orders_hold", "orders_odd")
    assert filters_of(shop, "features") == ("orders_hold", "orders_odd", "paid", "paid_enough")
    assert filters_of(shop, "usual") == ()


def test_a_quarantine_is_no_part_of_the_request_path(declared: Declare) -> None:
    assert model_path(declared(SHOP + QUARANTINES), "returns") == model_path(declared(SHOP), "returns")


def inputs_of(declared: Declare, text: str, task: str) -> set[str]:
    return set(training(declared(text)).graph.tasks[task].inputs.values())


def test_everything_that_takes_a_table_takes_it_without_what_was_set_aside(declared: Declare) -> None:
    text = SHOP + QUARANTINES
    assert inputs_of(declared, text, "orders_odd:checked") == {"orders", "orders_hold.rows"}
    assert inputs_of(declared, text, "orders_hold:checked") == {"orders", "shops", "shops_hold.rows"}
    assert inputs_of(declared, text, "paid") == {"orders", "orders_odd.rows"}
    assert inputs_of(declared, text, "paid_enough:checked") == {"orders", "paid.rows"}
    assert inputs_of(declared, text, "usual") == {"shops", "shops_hold.rows"}
    assert inputs_of(declared, text, "recent:checked") == {"orders", "orders_odd.rows"}
    assert inputs_of(declared, text, "parts@returns") >= {"orders", "paid_enough.rows"}
    assert "shops:kept" in inputs_of(declared, text, "returns:schema")


def test_only_what_depends_on_the_moment_runs_each_time(declared: Declare) -> None:
    tasks = training(declared(SHOP + QUARANTINES)).graph.tasks
    assert [name for name, task in tasks.items() if not task.cacheable] == ["recent"]


def test_expectations_that_wait_for_each_other_are_found(declared: Declare) -> None:
    both = """
orders_hold = expect("orders", refers_to("shops", "shop"), severity="quarantine")
shops_hold = expect("shops", refers_to("orders", "shop"), severity="quarantine")
"""
    found = check(declared(SHOP + both))
    assert [each.number for each in found if each.severity == "error"] == ["U002"]


def test_an_expectation_without_a_name_is_refused(declared: Declare) -> None:
    with pytest.raises(SolutionInvalid, match=r"in line \d+ has no name, so nothing would be checked"):
        declared(SHOP + "expect('orders', unique('id'))\n")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: expect("orders"), "names nothing that must hold"),
        (lambda: expect("orders", "id"), "was given 'id', which is no check"),
        (lambda: expect(severity="drop"), "severity is 'drop'"),  # type: ignore[call-overload]  # what is tested
        (lambda: expect(at_most=5), "at_most is 5"),
    ],
)
def test_an_expectation_that_means_nothing_is_refused(wrong: Any, says: str) -> None:
    with pytest.raises(Refused, match=says):
        wrong()


def test_a_declaration_is_called_with_its_tables() -> None:
    hold = expect("orders", key("id"), refers_to("shops", "shop"))
    assert isinstance(hold, Expectation)
    orders, shops = pd.DataFrame({"id": [1, 1], "shop": ["a", "b"]}), pd.DataFrame({"shop": ["a", "b"]})
    assert hold(orders, shops) == ("id is unique: 1 row repeats an earlier one.",)
    with pytest.raises(Refused, match="0 tables were given beside the first, and the checks refer to 1"):
        hold(orders)
