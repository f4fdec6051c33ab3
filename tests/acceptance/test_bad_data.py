"""Bad data and steps that misbehave: the run says what is wrong, and what answered before goes on answering.

One solution reads its rows from a file that the tests write anew; a column of it tells a step how to misbehave.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from solution_house import CAUSE, House, Ran, open_house
from unshelve.errors import Conflict, Damaged, NotFound, Untrusted
from unshelve.registry.releases import history, roll_back, set_champion
from unshelve.registry.runs import RunState
from unshelve.registry.versions import versions_of
from unshelve.security.actors import LOCAL
from unshelve.serving.releases import LiveReleases

SHOP = '''"""Shop: will a customer come back?"""
import os
import time

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from unshelve import at_random, beats_champion, expect, fit, keep, model, source, step, target, transform


@source
def rows():
    """Customers as the shop's export has them."""
    return pd.read_csv("DATA", keep_default_na=True)


@step(timeout="2s")
def troubles(rows):
    """Does whatever the file asks for."""
    how = rows["how"].iloc[0]
    if how == "raise":
        raise ValueError("the till is open")
    if how == "hang":
        time.sleep(60)
    if how == "exit":
        os._exit(3)
    if how == "none":
        return None
    if how == "lambda":
        return lambda: 1
    if how == "memory":
        return bytearray(10**14)
    return 0


@expect
def prices_are_positive(rows):
    """No price is negative."""
    return rows["price"].min() >= 0


@target
def back(rows):
    """Did the customer come back?"""
    return rows["back"]


@transform
def features(rows, troubles):
    """What is known when a customer pays."""
    return rows[["price", "visits"]] + troubles


@model(split=at_random(test=0.5), gates=[beats_champion("roc_auc")])
def returns(features_train, back_train):
    """Will the customer come back?"""
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(features_train, back_train)
'''


def customers(n: int = 600, *, seed: int = 1, noise: float = 2.0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame({"price": draw.uniform(1, 9, n).round(3), "visits": draw.integers(0, 30, n)})
    rows["back"] = rows["visits"] + rows["price"] + noise * 4 * draw.normal(size=n) > 20
    return rows.assign(how="well")


class Shop:
    """The solution, its file, and the home it runs in."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.file = house.root / "customers.csv"

    def run(self, rows: pd.DataFrame) -> Ran:
        rows.to_csv(self.file, index=False)
        return self.house.run("shop", SHOP.replace("DATA", str(self.file)))

    @property
    def numbers(self) -> list[int]:
        """The versions there are, the newest first."""
        with self.house.control.database.read() as connection:
            return [version.number for version in versions_of(connection, "shop.returns")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a champion."""
    with open_house(tmp_path_factory.mktemp("bad")) as house:
        shop = Shop(house)
        first = shop.run(customers())
        assert first.decision("returns").released, first.errors()
        yield shop


def without_rows(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[:0]


def without_column(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="visits")


def renamed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"visits": "visit"})


def as_text(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(visits=rows["visits"].astype(str) + " times")


def all_missing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(visits=np.nan)


def one_class(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(back=True)


def target_missing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(back=rows["back"].astype(object).where(rows.index > 2))


def negative(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(price=rows["price"].where(rows.index > 0, -1))


BAD: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str, str]] = [
    (without_rows, "rows", "rows brought no rows", "what stood before is untouched"),
    (without_column, "features[returns.train]", "Transform features reads visits, which", "It has price"),
    (renamed, "features[returns.train]", "Transform features reads visits, which", "Did you mean visit?"),
    (as_text, "features[returns.train]", "Step features raised TypeError", ""),
    (all_missing, "returns:schema", "The column 'visits' holds no value at all", "Look at the source"),
    (one_class, "parts@returns", "The target is True in every row", "Look at the step that makes the target"),
    (target_missing, "back", "Target back has no value for 3 of 600 rows", "Drop these rows in a @keep"),
    (negative, "prices_are_positive", "prices_are_positive, which expects: No price is negative, failed", "Nothing is"),
]


@pytest.mark.parametrize(("spoil", "task", "says", "advises"), BAD, ids=[case[0].__name__ for case in BAD])
def test_bad_data_is_named_and_the_champion_stays(
    shop: Shop, spoil: Callable[[pd.DataFrame], pd.DataFrame], task: str, says: str, advises: str
) -> None:
    before = shop.numbers
    ran = shop.run(spoil(customers()))
    assert ran.result.run.state is RunState.FAILED
    error = ran.errors()[task]
    assert says in error["message"]
    assert advises in error["message"]
    assert error["place"].startswith("solution.py:")
    assert ran.result.decisions == ()
    assert (shop.house.champion("shop.returns"), shop.numbers) == (1, before)
    assert list(shop.house.control.blobs.verify()) == []


MISBEHAVIOUR = [
    ("raise", "Step troubles raised ValueError: the till is open", "solution.py:22"),
    ("hang", "Step troubles took longer than its limit of 2 s", None),
    ("exit", "Step troubles ended its process (exit code 3)", None),
    ("none", "Step troubles returned None", "solution.py:17"),
    ("lambda", "Cannot keep what step troubles returned", "solution.py:17"),
    ("memory", "Step troubles raised MemoryError", "solution.py:32"),
]


@pytest.mark.parametrize(("how", "says", "place"), MISBEHAVIOUR, ids=[case[0] for case in MISBEHAVIOUR])
def test_a_step_that_misbehaves_fails_alone(shop: Shop, how: str, says: str, place: str | None) -> None:
    ran = shop.run(customers().assign(how=how))
    assert ran.result.run.state is RunState.FAILED
    (error,) = ran.errors().values()
    assert says in error["message"]
    assert place is None or error["place"] == place
    assert shop.house.champion("shop.returns") == 1


def test_the_run_after_a_failure_takes_what_was_done_and_equal_models_are_one_version(shop: Shop) -> None:
    shop.run(customers().assign(how="raise"))
    ran = shop.run(customers())
    assert ran.result.run.state is RunState.DONE
    assert ran.result.steps["cached"] > 5
    decision = ran.decision("returns")
    assert (decision.number, decision.new, decision.message) == (1, False, "equal to v1, which is what answers already")
    assert shop.numbers == [1]


def test_a_run_that_is_stopped_changes_nothing(shop: Shop) -> None:
    customers(seed=9).to_csv(shop.file, index=False)
    stop = threading.Event()
    stop.set()
    ran = shop.house.run("shop", SHOP.replace("DATA", str(shop.file)), stop=stop)
    assert ran.result.run.state is RunState.STOPPED
    assert ran.result.decisions == ()
    assert shop.house.champion("shop.returns") == 1


def test_a_candidate_that_knows_nothing_is_refused(shop: Shop) -> None:
    rows = customers(seed=2)
    rows["back"] = np.random.default_rng(0).permutation(rows["back"])
    ran = shop.run(rows)
    decision = ran.decision("returns")
    assert (decision.state, decision.released) == ("refused", False)
    assert "Not worth shipping" in decision.message
    assert shop.house.champion("shop.returns") == 1


def test_a_candidate_that_is_no_better_is_refused_by_the_champion_alone(shop: Shop) -> None:
    decision = shop.run(customers(300, seed=6)).decision("returns")  # half the rows to learn from
    assert {each["name"]: each["outcome"] for each in decision.verdicts} == {
        "roc_auc beats the baseline": "passed",
        "roc_auc beats the champion": "failed",
    }
    assert "cannot be told from chance" in decision.message
    assert (decision.state, shop.house.champion("shop.returns")) == ("refused", 1)


def test_promotion_and_rollback_are_whole_and_written_down(shop: Shop) -> None:
    better = shop.run(customers(2000, seed=3, noise=0.2)).decision("returns")
    assert better.released, better.message
    database, clock = shop.house.control.database, shop.house.control.clock
    with database.write() as connection:
        roll_back(connection, "shop.returns", actor=LOCAL, reason="the new one is odd", now=clock.now())
    assert shop.house.champion("shop.returns") == 1
    with database.write() as connection:
        set_champion(
            connection,
            "shop.returns",
            better.number,
            verb="promote",
            actor=LOCAL,
            reason="it is right",
            now=clock.now(),
        )
    assert shop.house.champion("shop.returns") == better.number
    with database.read() as connection:
        said = [(change.verb, change.from_version, change.to_version) for change in history(connection, "shop.returns")]
    assert said[:3] == [("promote", 1, better.number), ("rollback", better.number, 1), ("release", 1, better.number)]


def test_a_refused_version_cannot_be_promoted(shop: Shop) -> None:
    rows = customers(seed=4)
    rows["back"] = np.random.default_rng(1).permutation(rows["back"])
    refused = shop.run(rows).decision("returns")
    before = shop.house.champion("shop.returns")
    with pytest.raises(Conflict, match="did not pass its gates"), shop.house.control.database.write() as connection:
        set_champion(
            connection,
            "shop.returns",
            refused.number,
            verb="promote",
            actor=LOCAL,
            reason="why not",
            now=shop.house.control.clock.now(),
        )
    assert shop.house.champion("shop.returns") == before


@pytest.fixture
def releases(shop: Shop) -> LiveReleases:
    """The releases as a newly started answer process reads them."""
    control = shop.house.control
    return LiveReleases(control.database, control.blobs, control.verifier)


def _spoilt(path: Path) -> Callable[[], None]:
    """Changes one byte of a file; the function that is returned puts it back."""
    data = path.read_bytes()
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    def restore() -> None:
        path.write_bytes(data)
        path.chmod(mode)

    return restore


@pytest.mark.parametrize("file", ["estimator", "schema.json", "code/solution.py"])
def test_a_file_of_a_version_that_was_changed_is_not_loaded(shop: Shop, releases: LiveReleases, file: str) -> None:
    digest = shop.house.package("shop.returns", 1)["files"][file]["digest"]
    path = shop.house.control.blobs.path(digest)
    assert path is not None
    restore = _spoilt(path)
    try:
        with pytest.raises(Damaged, match=r"shop\.returns v1"):
            releases.version("shop.returns", 1)
    finally:
        restore()
    assert releases.version("shop.returns", 1).version == 1


def test_a_manifest_that_another_key_signed_is_not_trusted(shop: Shop, releases: LiveReleases, tmp_path: Path) -> None:
    from unshelve.security.signing import Signer

    other = Signer.load_or_create(tmp_path)
    control = shop.house.control
    stranger = LiveReleases(control.database, control.blobs, other.verifier())
    with pytest.raises(Untrusted, match=r"shop\.returns v1"):
        stranger.version("shop.returns", 1)
    assert releases.version("shop.returns", 1).version == 1


def test_no_file_at_all_is_the_sources_failure(shop: Shop) -> None:
    shop.file.unlink()
    ran = shop.house.run("shop", SHOP.replace("DATA", str(shop.file)))
    assert "Step rows raised FileNotFoundError" in ran.errors()["rows"]["message"]
    assert ran.errors()["rows"]["place"] == "solution.py:14"


def test_a_folder_without_a_solution_says_so(shop: Shop, tmp_path: Path) -> None:
    from unshelve.errors import SolutionInvalid
    from unshelve.solution.running import run_solution

    with pytest.raises((NotFound, SolutionInvalid), match=r"There is no solution\.py"):
        run_solution(shop.house.control, tmp_path, CAUSE)
