from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from unshelve.errors import Refused, Untrusted
from unshelve.pipeline.artifacts import encode, read_artifact, write_artifact
from unshelve.pipeline.kinds import Artifact, ArtifactKind, artifact_from_json
from unshelve.storage.blobs import FolderBlobs


class Local:
    def __init__(self, value: int) -> None:
        self.value = value


class Unreadable:
    def __setstate__(self, state: object) -> None:
        raise RuntimeError("I cannot come back")

    def __getstate__(self) -> object:
        return {"a": 1}


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path)


def through(value: object, blobs: FolderBlobs) -> Any:
    artifact = write_artifact(value, blobs)
    assert artifact_from_json(artifact.to_json()) == artifact
    assert encode(value).data == blobs.get(artifact.digest)
    return read_artifact(artifact, blobs, trusted=lambda _: True)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -(2**63), 2**64 - 1, 2**70, 1.5, -0.0, float("inf"), "ä", "\ud800", [1, "a", None],
        {"b": 1, "a": [2.5]}, (1, 2), {1: "a"}, {"x", "y"}, b"\x00", bytearray(b"a"), date(2026, 1, 1),
        [float("inf")], {"t": (1,)}, np.float64(1.5), np.int64(3), np.bool_(True), np.datetime64("2026-01-01"),
        np.str_("a"), 1j,
    ],
    ids=repr,
)  # fmt: skip
def test_a_plain_value_comes_back_with_its_type(value: object, blobs: FolderBlobs) -> None:
    back = through(value, blobs)
    assert (back, type(back)) == (value, type(value))


def test_the_order_of_a_dict_is_part_of_its_value(blobs: FolderBlobs) -> None:
    assert list(through({"b": 1, "a": 2}, blobs)) == ["b", "a"]
    assert encode({"b": 1, "a": 2}).data != encode({"a": 2, "b": 1}).data


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.eye(3)),
        np.array(3.5),
        np.array(["a", "bc"]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
        np.array([None, "a"], dtype=object),
        np.zeros((0, 4)),
    ],
    ids=lambda array: str(array.dtype),
)
def test_an_array_comes_back(array: Any, blobs: FolderBlobs) -> None:
    back = through(array, blobs)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_tables_of_all_three_libraries_come_back(blobs: FolderBlobs) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    polars = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1], []]})
    arrow = pa.table({"a": [1, 2]})
    assert through(frame, blobs).equals(frame)
    assert through(frame["b"], blobs).equals(frame["b"])
    assert through(polars, blobs).equals(polars)
    assert through(arrow, blobs).equals(arrow)
    kinds = [encode(value).kind for value in (frame, frame["b"], polars, arrow)]
    assert kinds == [ArtifactKind.TABLE, ArtifactKind.SERIES, ArtifactKind.POLARS, ArtifactKind.ARROW]


def test_a_table_that_parquet_cannot_hold_is_pickled_with_a_note(blobs: FolderBlobs) -> None:
    frame = pd.DataFrame({"tags": [["a"], ["b", "c"]]})
    artifact = write_artifact(frame, blobs)
    assert artifact.kind is ArtifactKind.OBJECT
    assert artifact.summary["note"] == "column 'tags' holds values of several kinds, such as a list"
    assert artifact.summary["rows"] == 2
    assert through(frame, blobs).equals(frame)


def test_a_fitted_estimator_comes_back_and_answers_the_same(blobs: FolderBlobs) -> None:
    X, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 2
    model = LogisticRegression().fit(X, y)
    back = through(model, blobs)
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_a_pickle_is_read_only_when_somebody_vouches_for_it(blobs: FolderBlobs) -> None:
    artifact = write_artifact({1, 2}, blobs)
    with pytest.raises(Untrusted):
        read_artifact(artifact, blobs, trusted=lambda _: False)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda: 1, "function cannot be stored"),
        ([threading.Lock()], "it holds a _thread.lock"),
        ((number for number in range(3)), "generator cannot be stored"),
        (Unreadable(), "can be written but not read back (RuntimeError: I cannot come back)"),
        (pl.LazyFrame({"a": [1]}), "A polars LazyFrame is a plan"),
    ],
)
def test_a_value_that_cannot_be_stored_is_refused(value: object, why: str) -> None:
    with pytest.raises(Refused) as caught:
        encode(value)
    assert why in str(caught.value)


def test_equal_figures_give_equal_bytes_and_are_closed(blobs: FolderBlobs) -> None:
    def picture() -> Any:
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3])
        return figure, axes

    one, other = encode(picture()[0]), encode(picture()[1])
    assert one.data == other.data
    assert one.data.lstrip().startswith(b"<?xml") and b"dc:date" not in one.data
    assert plt.get_fignums() == []


def test_code_of_a_pickle_is_part_of_its_identity(blobs: FolderBlobs) -> None:
    names: list[tuple[str, str]] = []

    def code_of(found: frozenset[tuple[str, str]]) -> str | None:
        names.extend(found)
        return "abc"

    artifact = write_artifact(Local(3), blobs, code_of=code_of)
    assert names == [(__name__, "Local")]
    assert artifact.identity == f"object:{artifact.digest}:abc"
    assert write_artifact(3, blobs, code_of=code_of).identity == Artifact(
        digest=write_artifact(3, blobs).digest, kind=ArtifactKind.JSON, size_bytes=1
    ).identity  # fmt: skip


def test_a_secret_is_never_stored(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from unshelve.security import secrets

    monkeypatch.setenv("UNSHELVE_SECRET_WAREHOUSE", "correct-horse-battery")
    monkeypatch.setattr(secrets, "_READ", {})
    value = secrets.secret("WAREHOUSE")
    for held in (str(value), {"password": f"{value}"}, f"{value}".encode(), {1: f"{value}"}):
        with pytest.raises(Refused, match="secret WAREHOUSE"):
            write_artifact(held, blobs)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (pd.DataFrame({"a": range(1200)}), "1,200 x 1 table"),
        (pd.DataFrame({"a": [[]]}), "1 x 1 table"),
        (np.zeros((3, 1000)), "3 x 1,000 array"),
        (np.array(1.0), "single array"),
        (pd.Series([1]), "1 series"),
        ("abc", "str"),
        (list(range(1000)), "list of 1,000"),
        (None, "NoneType"),
        (LogisticRegression(), "sklearn.linear_model._logistic.LogisticRegression"),
        (np.float64(1), "float64"),
    ],
)
def test_a_value_is_described_in_a_few_words(value: object, words: str, blobs: FolderBlobs) -> None:
    assert write_artifact(value, blobs).words == words


@pytest.fixture(scope="module")
def digests() -> Iterator[list[bytes]]:
    program = textwrap.dedent(
        """
        import hashlib, numpy as np, pandas as pd
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from unshelve.pipeline.artifacts import encode
        X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=list("abc"))
        y = np.where(X["a"] > 0, "late", "on time")
        for model in (HistGradientBoostingClassifier(random_state=0), RandomForestClassifier(5, random_state=0),
                      make_pipeline(StandardScaler(), LogisticRegression())):
            print(hashlib.sha256(encode(model.fit(X, y)).data).hexdigest())
        """
    )
    yield [subprocess.check_output([sys.executable, "-c", program]) for _ in range(2)]


def test_equal_fits_give_equal_bytes_in_another_process(digests: list[bytes]) -> None:
    assert digests[0] == digests[1]
