"""The solution that `unshelve new NAME` writes, as plain functions."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from pandas.testing import assert_frame_equal
from sklearn.model_selection import train_test_split

import unshelve

STARTER = Path(unshelve.__file__).parent / "cli" / "starter"


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The starter, written as `unshelve new barrels` writes it, and imported."""
    folder = tmp_path_factory.mktemp("barrels")
    for file in STARTER.iterdir():
        text = file.read_text(encoding="utf-8").replace("{{NAME}}", "barrels")
        (folder / file.name.removesuffix(".template")).write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("barrels_solution", folder / "solution.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_name_is_filled_in(starter: ModuleType) -> None:
    assert starter.__doc__ is not None and starter.__doc__.startswith("barrels: ")
    assert starter.__file__ is not None
    for file in Path(starter.__file__).parent.iterdir():
        if file.is_file():
            assert "{{" not in file.read_text(encoding="utf-8")


def test_its_rows_meet_what_it_expects_of_them(starter: ModuleType) -> None:
    wines = starter.wines()
    assert starter.measurements_are_positive(wines) is None
    assert starter.measurements_are_positive(wines.assign(hue=0.0)) == "178 measurements are zero or less"


def test_its_model_recognises_most_grapes(starter: ModuleType) -> None:
    rows = starter.measured(starter.wines())
    train, test = train_test_split(rows, stratify=rows["grape"], random_state=0)
    usual = starter.usual(train)
    fitted = starter.variety(starter.features(train, usual), starter.grape(train))
    assert (fitted.predict(starter.features(test, usual)) == starter.grape(test)).mean() > 0.85


def test_its_features_of_a_row_alone_are_those_in_bulk(starter: ModuleType) -> None:
    rows = starter.wines()
    usual = starter.usual(rows)
    bulk = starter.features(rows, usual)
    for number in range(len(rows)):
        assert_frame_equal(starter.features(rows.iloc[[number]], usual), bulk.iloc[[number]])


def test_its_chart_has_a_bar_for_each_grape(starter: ModuleType) -> None:
    assert starter.colour_by_grape(starter.wines())["x"] == ["Grignolino", "Barolo", "Barbera"]
