"""Expectations in real runs: what holds, what fails, what is set aside, and what everything after it sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from solution_house import House, Ran, open_house
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import artifact_from_json
from unshelve.registry.expectations import ExpectationResult, expectations_of_run
from unshelve.registry.runs import RunState

ORDERS = '''"""Orders: will it be returned?"""
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from unshelve import (
    at_random, column, expect, fit, fresh, keep, key, model, refers_to, row_count, source, step, target,
    transform,
)


@source
def orders():
    """Orders as the shop exports them."""
    return pd.read_csv("ORDERS", parse_dates=["bought"])


@source
def customers():
    """Everybody who ever bought."""
    return pd.read_csv("CUSTOMERS")


orders_hold = expect(
    "orders",
    key("order"),
    column("price", type="float", between=(0, 5000), missing=False),
    refers_to("customers", "customer"),
    severity="quarantine",
    at_most=0.1,
)

customers_are_known = expect("customers", column("email", matches=r"[^@]+@[^@]+"), severity="quarantine", at_most=0.2)

enough_orders = expect("orders", row_count(at_least=100, against_history=0.5), severity="stop")


@expect(severity="warn")
def few_on_sundays(orders):
    """Hardly any order is of a Sunday."""
    return orders["bought"].dt.dayofweek != 6


@keep
def paid(orders):
    return orders[orders["price"] > 1]


@step
def tidied(customers):
    grown_up = customers[customers["age"] >= 20]
    return grown_up.assign(age=grown_up["age"].clip(upper=80))


@fit
def ages(tidied):
    return tidied.set_index("customer")["age"]


@target
def returned(paid):
    return paid["returned"]


@transform
def features(paid, ages):
    return pd.DataFrame({"price": paid["price"], "age": paid["customer"].map(ages)})


@model(split=at_random(test=0.5))
def returns(features_train, returned_train):
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(features_train, returned_train)
'''


def tables(n: int = 600) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = np.random.default_rng(3)
    customers = pd.DataFrame({"customer": np.arange(50), "age": draw.integers(18, 90, 50)})
    customers["email"] = [f"c{number}@shop.org" for number in range(50)]
    orders = pd.DataFrame({"order": np.arange(n), "price": draw.uniform(2, 900, n).round(2)})
    orders["customer"] = draw.integers(0, 50, n)
    orders["bought"] = pd.date_range("2026-01-01", periods=n, freq="h")
    orders["returned"] = orders["price"] + 80 * draw.normal(size=n) > 500
    return orders, customers


class Shop:
    """The solution, its files, and the home it runs in."""

    def __init__(self, house: House) -> None:
        self.house = house

    def run(self, orders: pd.DataFrame, customers: pd.DataFrame, **options: Any) -> Ran:
        files = {"ORDERS": self.house.root / "orders.csv", "CUSTOMERS": self.house.root / "customers.csv"}
        text = ORDERS
        for name, frame in (("ORDERS", orders), ("CUSTOMERS", customers)):
            frame.to_csv(files[name], index=False)
            text = text.replace(name, str(files[name]))
        return self.house.run("orders", text, **options)

    def read(self, ran: Ran, task: str, output: str = "") -> Any:
        artifact = artifact_from_json(dict(ran.steps[task].outputs[output]))
        return read_artifact(artifact, self.house.control.blobs, trusted=lambda _digest: True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_house(tmp_path_factory.mktemp("expectations")) as house:
        yield Shop(house)


def spoilt() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Eight orders that do not fit, and a customer whose two orders go with it."""
    orders, customers = tables()
    orders.loc[3, "price"] = -1.0
    orders.loc[4, "price"] = np.nan
    orders.loc[5, "price"] = np.inf
    orders.loc[9, "order"] = 8
    orders.loc[11, "customer"] = 999
    customers.loc[7, "email"] = "nobody"
    return orders, customers


def test_rows_that_fail_are_set_aside_from_all_that_comes_after(shop: Shop) -> None:
    orders, customers = spoilt()
    ran = shop.run(orders, customers)
    assert ran.result.run.state is RunState.DONE, ran.result.failures
    gone = {3, 4, 5, 9, 11} | set(orders.index[orders["customer"] == 7])
    assert set(range(600)) - set(shop.read(ran, "orders_hold", "rows")) == gone
    assert set(shop.read(ran, "paid", "rows")).isdisjoint(gone)
    parts = [set(shop.read(ran, "parts@returns", part)) for part in ("train", "test")]
    assert parts[0] | parts[1] == set(range(600)) - gone
    assert 7 not in shop.read(ran, "ages").index
    aside = shop.read(ran, "orders_hold:checked", "aside")
    assert set(aside["row"]) == gone
    assert aside.set_index("row").loc[9, "fails"] == "order is unique"


def outcomes(shop: Shop, ran: Ran) -> dict[str, ExpectationResult]:
    with shop.house.control.database.read() as connection:
        return {one.name: one for one in expectations_of_run(connection, ran.result.run.id)}


def report(shop: Shop, result: ExpectationResult) -> dict[str, Any]:
    assert result.report is not None
    found: dict[str, Any] = msgspec.json.decode(shop.house.control.blobs.get(result.report))
    return found


def test_what_came_of_each_expectation_is_kept_with_the_run(shop: Shop) -> None:
    found = outcomes(shop, shop.run(*spoilt()))
    assert {name: (one.outcome.value, one.table, one.rows) for name, one in found.items()} == {
        "orders_hold": ("set-aside", "orders", 600),
        "customers_are_known": ("set-aside", "customers", 50),
        "enough_orders": ("held", "orders", 600 - found["orders_hold"].set_aside),
        "few_on_sundays": ("warned", "orders", 600 - found["orders_hold"].set_aside),
    }
    shown = report(shop, found["few_on_sundays"])
    assert len(shown["examples"]["rows"]) == 20
    assert shown["examples"]["columns"][:2] == ["row", "fails"]


def test_what_is_about_a_person_is_not_shown(shop: Shop) -> None:
    shown = report(shop, outcomes(shop, shop.run(*spoilt()))["customers_are_known"])
    assert shown["examples"] == {
        "columns": ["row", "fails", "customer", "age", "email"],
        "rows": [["7", "email matches [^@]+@[^@]+", "7", str(tables()[1]["age"][7]), "hidden"]],
        "left_out": 0,
        "hidden": ["email"],
    }


def test_what_cleaning_changed_is_told_of_keeps_and_of_steps(shop: Shop) -> None:
    orders, customers = tables()
    orders.loc[:4, "price"] = 0.5
    ran = shop.run(orders, customers)
    kept = shop.read(ran, "paid", "cleaning")
    assert kept["rows"] == {"before": 600, "after": 595, "dropped": 5, "added": 0, "changed": 0}
    assert [row[0] for row in kept["dropped"]["rows"]] == ["0", "1", "2", "3", "4"]
    tidied = shop.read(ran, "tidied", "cleaning")
    young, old = (customers["age"] < 20).sum(), (customers["age"] > 80).sum()
    assert tidied["rows"] == {"before": 50, "after": 50 - young, "dropped": young, "added": 0, "changed": old}
    assert [each["name"] for each in tidied["columns"]] == ["age"]


def test_more_failing_rows_than_may_be_set_aside_stop_the_run_and_are_still_shown(shop: Shop) -> None:
    orders, customers = tables()
    orders.loc[:80, "price"] = -1.0
    before = shop.house.champion("orders.returns")
    ran = shop.run(orders, customers)
    assert ran.result.run.state is RunState.FAILED
    assert "81 of 600 rows fail, which is 13.5 %; at most 10 % may be set aside." in str(ran.result.run.error)
    found = outcomes(shop, ran)["orders_hold"]
    assert (found.outcome.value, found.failing, found.set_aside) == ("stopped", 81, 0)
    assert len(report(shop, found)["examples"]["rows"]) == 20
    assert outcomes(shop, ran)["enough_orders"].outcome.value == "broken"
    assert shop.house.champion("orders.returns") == before


def test_half_the_usual_rows_stop_the_run(shop: Shop) -> None:
    orders, customers = tables()
    shop.run(orders, customers)
    ran = shop.run(orders[:220], customers)
    assert "there are 50 % to 200 % of the usual rows: There are 220; usual are" in str(ran.result.run.error)
    again = shop.run(orders, customers)
    assert again.result.run.state is RunState.DONE
    assert again.steps["enough_orders:checked"].state.value == "cached"
    assert again.steps["enough_orders"].reason == "it runs each time"


def test_a_column_that_is_gone_is_nobodys_fault_and_stops_the_run(shop: Shop) -> None:
    orders, customers = tables()
    ran = shop.run(orders.rename(columns={"order": "ordr"}), customers)
    assert "There is no column order. Did you mean ordr?" in str(ran.result.run.error)


OF_POLARS = '''"""Rows of polars, set aside by a function, of a keep, and of what a transform takes whole."""
import polars
from sklearn.tree import DecisionTreeClassifier

from unshelve import at_random, column, expect, keep, model, source, target, transform


@source
def parcels():
    return polars.DataFrame({"n": range(400), "w": [float(i % 9) for i in range(400)]})


@source
def ways():
    return polars.DataFrame({"w": [float(i) for i in range(9)], "cost": [1.0, None, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]})


ways_hold = expect("ways", column("cost", missing=False), severity="quarantine", at_most=0.2)


@keep
def sent(parcels):
    return parcels.filter(polars.col("n") >= 10)


@expect(severity="quarantine")
def not_in_the_thirties(sent):
    return sent.filter((polars.col("n") >= 30) & (polars.col("n") < 40))


@target
def late(sent):
    return sent["n"] % 2 == 0


@transform
def features(sent, ways):
    return sent.select("w").join(ways, on="w", how="left")


@model(split=at_random(test=0.5))
def lateness(features_train, late_train):
    return DecisionTreeClassifier(max_depth=2).fit(features_train.to_pandas().fillna(-1), late_train)
'''


def test_rows_of_polars_are_set_aside_of_a_keep_and_of_what_is_frozen(shop: Shop) -> None:
    ran = shop.house.run("parcels", OF_POLARS, only="lateness")
    assert ran.result.run.state is RunState.DONE, ran.result.failures
    assert set(range(400)) - set(shop.read(ran, "not_in_the_thirties", "rows")) == {*range(10), *range(30, 40)}
    assert shop.read(ran, "ways_hold:checked", "report")["failing"] == 1
    assert len(shop.read(ran, "ways:kept")) == 8


MISREADS = '''"""An expectation that reads a column which is not there."""
import pandas as pd
from unshelve import expect, source


@source
def rows():
    return pd.DataFrame({"price": [1.0, 2.0]})


@expect
def cheap(rows):
    return rows["prise"] < 5
'''


def test_a_column_that_an_expectation_of_ones_own_misses_is_named(shop: Shop) -> None:
    ran = shop.house.run("misreads", MISREADS)
    assert "Expectation cheap reads prise, which rows does not have." in str(ran.result.run.error)
    assert outcomes(shop, ran)["cheap"].outcome.value == "broken"


CLICKS = '''"""Clicks: how long does somebody stay?"""
import pandas as pd

from unshelve import Dataset, column, expect, key, refers_to, source, step


@source
def clicks():
    """Clicks by month."""
    for first in range(0, 3000, 1000):
        numbers = pd.Series(range(first, first + 1000))
        ids = numbers.where(numbers != 2500, 7)
        yield pd.DataFrame({"id": ids, "user": numbers % 5, "seconds": (numbers % 100).where(numbers != 1234, -1)})


@source
def users():
    return pd.DataFrame({"user": [0, 1, 2, 3]})


clicks_hold = expect("clicks", key("id"), column("seconds", between=(0, 99)),
                     refers_to("users", "user"), severity="warn")


@step
def counted(clicks: Dataset):
    return clicks.rows
'''


def test_a_dataset_is_held_against_its_expectations_in_batches(shop: Shop) -> None:
    ran = shop.house.run("clicks", CLICKS)
    found = outcomes(shop, ran)["clicks_hold"]
    assert (found.outcome.value, found.rows, found.failing) == ("warned", 3000, 601)
    told = report(shop, found)
    assert [(one["says"], one["failing"], one["rows"][:1]) for one in told["checks"] if not one["held"]] == [
        ("id is unique", 1, [2500]),
        ("seconds is between 0 and 99", 1, [1234]),
        ("user is in users", 600, [4]),
    ]
    assert [row[:2] for row in told["examples"]["rows"][:2]] == [["4", "user is in users"], ["9", "user is in users"]]
