"""What makes a version another one, and what a run sets reaches the answers."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from solution_house import House, Ran, open_house
from unshelve.registry.versions import attestations_of

SHOP = '''"""Shop: what will a customer pay?"""
from dataclasses import dataclass

import numpy as np
import pandas as pd

from estimators import Doubling
from unshelve import answer, at_random, endpoint, fit, model, source, target, transform


@source
def rows():
    draw = np.random.default_rng(1)
    table = pd.DataFrame({"size": draw.uniform(1, 9, 300), "kind": draw.choice(["x", "y"], 300)})
    table.loc[table.index % 50 == 0, "kind"] = [f"rare {i}" for i in range(6)]
    return table.assign(paid=table["size"] * 2 + (table["kind"] == "x") + draw.normal(size=300) / 9)


@target
def paid(rows):
    return rows["paid"]


@fit
def usual(rows_train):
    return float(rows_train["paid"].mean())


@transform
def features(rows, usual):
    return np.column_stack([rows["size"] * 2 + (rows["kind"] == "x"), np.full(len(rows), usual)])


@model(split=at_random(test=0.4))
def amounts(features_train, paid_train):
    return Doubling().fit(features_train, paid_train)


@answer
def rounded(amounts, digits=1):
    return np.round(amounts, digits)


@dataclass
class Offer:
    price: float
    by: int


@endpoint
def offer(amounts, share=0.5) -> Offer:
    return Offer(amounts.value * share, amounts.version)
'''

ESTIMATORS = """class Doubling:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 0]
"""


class Shop:
    def __init__(self, house: House) -> None:
        self.house = house

    def run(self, text: str = SHOP, estimators: str = ESTIMATORS, **arguments: dict[str, object]) -> Ran:
        ran = self.house.run("shop", text, {"estimators.py": estimators}, arguments=arguments)
        assert ran.errors() == {}
        return ran

    def answer(self, model: str, version: int) -> dict[str, object]:
        response = self.house.ask(f"shop.{model}", {"size": 4.26, "kind": "x"}, version=version)
        answers: list[dict[str, object]] = response.json()["answers"]
        return answers[0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_house(tmp_path_factory.mktemp("versions")) as house:
        shop = Shop(house)
        shop.run()
        yield shop


def test_a_version_is_made_and_answers(shop: Shop) -> None:
    assert shop.house.champion("shop.amounts") == 1
    assert shop.answer("amounts", 1)["value"] == 9.5
    assert shop.answer("offer", 1)["value"] == {"price": 4.75, "by": 1}


def test_rows_with_values_that_training_never_had_are_counted_and_not_asked(shop: Shop) -> None:
    decision = shop.run().decision("amounts")
    with shop.house.control.database.read() as connection:
        manifest = shop.house.version("shop.amounts", 1).manifest
        proof = attestations_of(connection, [manifest])[manifest, "proof"]
    found = msgspec.json.decode(shop.house.control.blobs.get(proof.blob))
    assert decision.proof == "proven"
    assert found["refused"] > 0
    assert found["rows"] + found["refused"] == found["tried"] == 120


@pytest.mark.parametrize(
    ("text", "estimators"),
    [
        (SHOP + "\n# a remark\n", ESTIMATORS),
        (SHOP.replace("def paid(rows):", 'def paid(rows):\n    """In euros."""'), ESTIMATORS),
        (SHOP, ESTIMATORS + "\n# a remark\n"),
    ],
)
def test_what_changes_no_answer_makes_no_version(shop: Shop, text: str, estimators: str) -> None:
    decision = shop.run(text, estimators).decision("amounts")
    assert (decision.number, decision.new) == (1, False)


def test_other_code_of_the_estimators_class_is_another_version_though_its_state_is_equal(shop: Shop) -> None:
    ran = shop.run(estimators=ESTIMATORS.replace("return X[:, 0]", "return X[:, 0] + 0.02"))
    decision = ran.decision("amounts")
    assert decision.new and decision.released
    assert shop.answer("amounts", decision.number)["value"] == 9.5
    assert ran.decision("offer").new


def test_other_code_of_a_transform_is_another_version(shop: Shop) -> None:
    decision = shop.run(SHOP.replace('(rows["kind"] == "x")', 'rows["kind"].eq("x")')).decision("amounts")
    assert decision.new


def test_what_a_run_sets_is_what_its_version_answers_with(shop: Shop) -> None:
    ran = shop.run(rounded={"digits": 0}, offer={"share": 0.25})
    amounts, offer = ran.decision("amounts"), ran.decision("offer")
    assert (amounts.proof, amounts.new) == ("proven", True)
    assert shop.answer("amounts", amounts.number)["value"] == 10.0
    assert shop.answer("offer", offer.number)["value"] == {"price": 2.5, "by": amounts.number}


def test_what_an_endpoint_says_of_version_numbers_is_left_out_and_said(shop: Shop) -> None:
    decision = shop.run().decision("offer")
    assert decision.proof == "not-covered"
    (line,) = shop.house.control.blobs.get(
        shop.house.package("shop.offer", decision.number)["files"]["heldout"]["digest"]
    ).split(b"\n")[:1]
    assert b'"left_out":["value.by"]' in line


def test_a_leak_that_is_mended_makes_a_version_that_is_proven(shop: Shop) -> None:
    learned = '@fit\ndef usual(rows_train):\n    return float(rows_train["paid"].mean())\n'
    assert learned in SHOP
    leaking = shop.run(SHOP.replace(learned, "@fit\ndef usual(rows):\n    return 4.0\n")).decision("amounts")
    mended = shop.run(SHOP.replace(learned, "@fit\ndef usual(rows_train):\n    return 4.0\n")).decision("amounts")
    assert (leaking.proof, mended.proof) == ("not-covered", "proven")
    assert mended.new and mended.released
