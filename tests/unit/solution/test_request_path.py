"""Which steps a request passes: told from kinds and names alone, exactly as the rule says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.solution.declaration import Declaration, Reference, reference
from unshelve.solution.request_path import (
    chain_to,
    entry_of,
    filters_of,
    frozen_inputs,
    model_path,
    row_inputs,
)
from unshelve.solution.wiring import past_keeps

Declare = Callable[[str], Declaration]

SHOP = """
@source
def sales(): ...
@source
def prices(): ...
@keep
def paid(sales): ...
@transform
def priced(paid, prices, rate=2): ...
@keep
def big(priced): ...
@fit
def usual(big_train): ...
@step
def rules(prices): ...
@transform
def features(big, sales, usual, rules): ...
@target
def back(big): ...
@model
def returns(features_train, back_train): ...
"""


def test_the_path_of_a_model_is_every_keep_and_transform_from_its_entry_on(declared: Declare) -> None:
    path = model_path(declared(SHOP), "returns")
    assert (path.entry, path.rows, path.target, path.part) == ("sales", "features", "back", "train")
    assert path.chain == ("paid", "priced", "big", "features")


def test_what_leads_back_to_the_same_entry_is_on_the_row_path_and_all_else_is_frozen(declared: Declare) -> None:
    shop = declared(SHOP)
    features = shop.step("features")
    assert set(row_inputs(shop, features)) == {"big", "sales"}
    assert set(frozen_inputs(shop, features)) == {"usual", "rules"}
    assert set(frozen_inputs(shop, shop.step("priced"))) == {"prices"}


def test_a_default_is_neither(declared: Declare) -> None:
    shop = declared(SHOP)
    priced = shop.step("priced")
    assert "rate" not in {**row_inputs(shop, priced), **frozen_inputs(shop, priced)}


def test_keeps_are_passed_untouched_by_a_request(declared: Declare) -> None:
    shop = declared(SHOP)
    assert filters_of(shop, "features") == ("paid", "big")
    assert (past_keeps(shop, "big"), past_keeps(shop, "paid")) == ("priced", "sales")


def test_a_step_can_be_the_entry(declared: Declare) -> None:
    shop = declared(
        """
@source
def raw(): ...
@step
def cleaned(raw): ...
@transform
def features(cleaned): ...
@model
def groups(features): ...
"""
    )
    assert entry_of(shop, "features") == "cleaned"
    assert model_path(shop, "groups").entry == "cleaned"


def test_a_transform_of_other_rows_is_frozen_not_on_the_path(declared: Declare) -> None:
    shop = declared(
        """
@source
def sales(): ...
@source
def people(): ...
@transform
def tidy_people(people): ...
@transform
def features(sales, tidy_people): ...
@model
def groups(features): ...
"""
    )
    assert set(row_inputs(shop, shop.step("features"))) == {"sales"}
    assert chain_to(shop, "features") == ("features",)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("def groups(): ...", "its first parameter is missing"),
        ("def groups(rules): ...", "its first parameter 'rules' leads to no source"),
        ("def groups(usual, sales): ...", "its first parameter 'usual' leads to no source"),
    ],
)
def test_a_model_whose_first_parameter_leads_to_no_rows_is_refused(declared: Declare, model: str, says: str) -> None:
    text = f"@source\ndef sales(): ...\n@fit\ndef rules(): ...\n@fit\ndef usual(sales): ...\n@model\n{model}\n"
    with pytest.raises(SolutionInvalid, match=says):
        model_path(declared(text), "groups")


def test_a_name_that_ends_like_a_part_is_itself_first() -> None:
    names = ("rows", "rows_train", "other")
    assert reference("rows_train", names) == Reference("rows_train")
    assert reference("rows_test", names) == Reference("rows", "test")
    assert reference("rows_train_test", names) == Reference("rows_train", "test")
    assert reference("other_part", names) is None
