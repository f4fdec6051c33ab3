"""Tables in parts and sparse matrices through whole runs: from a source that yields to answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from solution_house import House, Ran, open_house
from unshelve.pipeline.kinds import Artifact, ArtifactKind, artifact_from_json, parts_of
from unshelve.registry.results import newest_of_task
from unshelve.registry.runs import RunState

RATINGS = Path(__file__).parents[2] / "benchmarks" / "ratings" / "solution.py"

TEXTS = '''"""Letters: which department is a letter for?"""
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from unshelve import Dataset, at_random, fit, model, source, step, target, transform


@source
def letters():
    """Letters by month."""
    for month in pd.read_csv("DATA", chunksize=100):
        yield month


@step
def lengths(letters: Dataset):
    """How long letters are, counted in batches."""
    assert type(letters) is Dataset
    return {"rows": letters.rows, "letters": sum(int(month["text"].str.len().sum()) for month in letters.frames())}


@step
def long(letters: Dataset, lengths):
    """Letters longer than most, as another dataset."""
    for month in letters.frames():
        yield month[month["text"].str.len() > lengths["letters"] / lengths["rows"]]


@step
def counted(long):
    """A step without the annotation gets a pandas table."""
    assert type(long) is pd.DataFrame
    return len(long)


@target
def department(letters):
    return letters["department"]


@fit
def words(letters_train):
    return TfidfVectorizer().fit(letters_train["text"])


@transform
def counts(letters, words):
    """A sparse matrix."""
    return words.transform(letters["text"])


@model(split=at_random(test=0.5))
def router(counts_train, department_train):
    return LogisticRegression().fit(counts_train, department_train)
'''


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("big")) as opened:
        yield opened


def letters(n: int = 600) -> pd.DataFrame:
    chance = np.random.default_rng(0)
    words = {"sales": ["order", "price", "offer", "please"], "care": ["broken", "refund", "angry", "please"]}
    department = chance.choice(list(words), n)
    text = [" ".join(chance.choice(words[each], chance.integers(2, 9))) for each in department]
    return pd.DataFrame({"text": text, "department": department})


def artifact(ran: Ran, task: str) -> Artifact:
    found = ran.steps[task].outputs
    assert found is not None
    return artifact_from_json(found[""])


def test_a_model_of_texts_is_trained_on_a_sparse_matrix_of_a_source_that_yields(house: House) -> None:
    file = house.root / "letters.csv"
    letters().to_csv(file, index=False)
    ran = house.run("letters", TEXTS.replace("DATA", str(file)))
    assert ran.result.run.state is RunState.DONE, ran.errors()
    assert artifact(ran, "letters").words == "600 x 2 dataset in 1 part"
    assert artifact(ran, "long").kind is ArtifactKind.DATASET
    matrix = artifact(ran, "counts[router.train]")
    assert matrix.kind is ArtifactKind.SPARSE and matrix.words.startswith("300 x 7 sparse matrix")
    assert ran.decision("router").released, ran.decision("router")
    said = house.ask("letters.router", {"text": "angry refund broken"}, {"text": "price offer order"}).json()
    assert [row["label"] for row in said["answers"]] == ["care", "sales"]


def test_appended_rows_rerun_what_depends_on_them_and_equal_ones_do_not(house: House) -> None:
    file = house.root / "more.csv"
    letters().to_csv(file, index=False)
    text = TEXTS.replace("DATA", str(file))
    first = house.run("appended", text)
    again = house.run("appended", text)
    assert artifact(again, "letters") == artifact(first, "letters")
    assert again.steps["lengths"].state.value == "cached"
    letters(700).to_csv(file, index=False)
    assert house.run("appended", text).steps["lengths"].state.value == "ran"


def test_a_dataset_of_which_a_part_is_gone_is_made_again(house: House) -> None:
    file = house.root / "gone.csv"
    letters().to_csv(file, index=False)
    text = TEXTS.replace("DATA", str(file))
    first = house.run("gone", text)
    (part,) = parts_of(house.control.blobs.get(artifact(first, "long").digest))
    house.control.blobs.delete(part)
    again = house.run("gone", text)
    assert again.result.run.state is RunState.DONE
    assert (again.steps["long"].state.value, again.steps["long"].reason) == (
        "ran",
        "its stored result is gone",
    )
    assert house.control.blobs.has(part)


FROZEN = '''"""Prices: what does a parcel cost?"""
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from unshelve import model, source, step, target, transform


@source
def parcels():
    weight = np.arange(300) % 40
    return pd.DataFrame({"zone": list(range(10)) * 30, "weight": weight, "price": weight + np.arange(300) % 3})


@step
def zones(parcels):
    """Zones, one table after the other: kept as a dataset."""
    for zone in range(10):
        yield pd.DataFrame({"zone": [zone], "far": [zone * 1.5]})


@target
def price(parcels):
    return parcels["price"]


@transform
def features(parcels, zones):
    return parcels[["zone", "weight"]].assign(far=parcels["zone"].map(zones.set_index("zone")["far"]))


@model
def cost(features_train, price_train):
    return LinearRegression().fit(features_train, price_train)
'''


def test_a_dataset_that_a_transform_takes_is_in_the_version_with_its_parts(house: House) -> None:
    ran = house.run("parcels", FROZEN)
    assert ran.decision("cost").released, ran.errors()
    files = house.package("parcels.cost", 1)["files"]
    (part,) = parts_of(house.control.blobs.get(files["state/zones"]["digest"]))
    assert files["parts/state/zones/00000"]["digest"] == part
    assert house.ask("parcels.cost", {"zone": 3, "weight": 33}).json()["answers"][0]["value"] == pytest.approx(
        34, abs=1
    )


STREAM = '''"""Rows: nothing is learned."""
import os
import signal

import numpy as np
import pandas as pd

from unshelve import chart, source


@source
def rows():
    for number in range(10):
        yield pd.DataFrame({"a": np.arange(number * 1_000_000, (number + 1) * 1_000_000)})
    BROKEN


@chart
def seen(rows):
    return {"kind": "bar", "x": ["rows"], "y": [len(rows)]}
'''


@pytest.mark.parametrize(
    ("broken", "code", "said"),
    [
        ("raise OSError('the line went dead')", "user-code-failed", "Step rows raised OSError: the line went dead"),
        ("yield pd.DataFrame({'b': [1]})", "columns-changed", "they were [a: int64], and are [b: int64] now"),
        ("yield 3", "stream-not-tables", "Step rows yielded a int, not a table."),
        ("os.kill(os.getpid(), signal.SIGKILL)", "step-killed", ""),
    ],
    ids=["raises", "changes its columns", "yields something else", "is killed"],
)
def test_a_source_that_breaks_off_leaves_nothing_to_be_seen(broken: str, code: str, said: str, house: House) -> None:
    ran = house.run("rows", STREAM.replace("BROKEN", broken))
    error = ran.errors()["rows"]
    assert error["code"] == code or not said, error
    assert said in error["message"]
    assert not ran.steps["rows"].outputs
    with house.control.database.read() as connection:
        assert newest_of_task(connection, "rows", "rows") is None
    assert list(house.control.blobs.verify()) == []


@pytest.mark.parametrize(
    ("yields", "code"),
    [("if False: yield", "stream-empty"), ("yield pd.DataFrame({'a': []})", "empty-source")],
    ids=["no table", "a table of no rows"],
)
def test_a_source_that_yields_nothing_says_so(yields: str, code: str, house: House) -> None:
    text = STREAM.replace("range(10)", "range(0)").replace("BROKEN", yields)
    assert house.run("nothing", text).errors()["rows"]["code"] == code


def test_a_million_ratings_go_from_a_source_over_steps_to_a_model_that_answers(house: House) -> None:
    folder = house.root / "ratings"
    folder.mkdir()
    shutil.copy(RATINGS, folder)
    ran = house.run("ratings", RATINGS.read_text(encoding="utf-8"), arguments={"taste": {"sweeps": 1}})
    assert ran.decision("taste").released, ran.errors()
    assert artifact(ran, "ratings").words == "1,000,000 x 4 dataset in 1 part"
    assert (ran.steps["ratings"].peak_bytes or 0) < 700e6
    assert artifact(ran, "matrix").words.startswith("480,189 x 17,770 sparse matrix, ")
    stars = house.ask("ratings.taste", {"user": 1, "item": 2}, {"user": 400_000, "item": 5}).json()["answers"]
    assert all(1 <= row["value"] <= 5 for row in stars)
