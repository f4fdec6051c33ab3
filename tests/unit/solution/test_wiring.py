"""How steps get each other's rows: which tasks there are, and which models share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.pipeline.task import Task
from unshelve.solution.declaration import Declaration
from unshelve.solution.purpose import Purpose
from unshelve.solution.training import Training, training

Declare = Callable[[str], Declaration]

ROWS = """
@source(known_later=["landed"])
def flights(): ...
@keep
def flown(flights): ...
@target
def late(flown): ...
@target
def minutes(flown): ...
@fit
def usual(flown_train): ...
@transform
def features(flown, usual): ...
"""
TWO = """
@model{first}
def lateness(features_train, late_train): ...
@model{second}
def delay(features_train, minutes_train): ...
"""


def laid_out(declared: Declare, text: str) -> Training:
    return training(declared(text))


def tasks(plan: Training) -> Mapping[str, Task]:
    return plan.graph.tasks


def bind(task: Task) -> dict[str, Any]:
    found = task.parameters["bind"]
    assert isinstance(found, dict)
    return found


def test_models_with_equal_splits_over_equal_rows_share_parts_and_all_that_depends_on_them(declared: Declare) -> None:
    by_time = '(split=by_time("departs", test=0.25))'
    plan = laid_out(declared, ROWS + TWO.format(first=by_time, second=by_time))
    assert [name for name in tasks(plan) if name.startswith(("parts@", "usual"))] == [
        "parts@lateness",
        "usual@lateness",
    ]
    assert [model.scope for model in plan.models] == ["lateness", "lateness"]
    assert sorted(name for name in tasks(plan) if name.startswith("features[")) == [
        "features[lateness.test]",
        "features[lateness.train]",
    ]


def test_models_with_other_splits_have_parts_and_fits_of_their_own(declared: Declare) -> None:
    text = ROWS + TWO.format(first='(split=by_time("departs"))', second="(split=at_random(stratify=False))")
    plan = laid_out(declared, text)
    made = {name for name in tasks(plan) if name.startswith(("parts@", "usual"))}
    assert made == {"parts@lateness", "parts@delay", "usual@lateness", "usual@delay"}
    assert "usual@delay" in tasks(plan)["features[delay.train]"].inputs.values()
    assert "usual@lateness" in tasks(plan)["features[lateness.test]"].inputs.values()


def test_a_stratified_split_is_that_of_one_target(declared: Declare) -> None:
    plan = laid_out(declared, ROWS + TWO.format(first="", second=""))
    assert {model.scope for model in plan.models} == {"lateness", "delay"}


def test_a_fit_over_a_keep_sees_whole_rows_and_a_transform_does_not(declared: Declare) -> None:
    plan = laid_out(declared, ROWS + TWO.format(first="", second=""))
    assert "hide" not in bind(tasks(plan)["usual@lateness"])["flown_train"]
    hidden = bind(tasks(plan)["features[lateness.train]"])["flown"]["hide"]
    assert sorted(hidden) == ["late_reads", "minutes_reads"]
    assert tasks(plan)["features[lateness.train]"].parameters["known_later"] == ["landed"]


def test_a_model_on_untransformed_rows_does_not_see_what_targets_read(declared: Declare) -> None:
    plan = laid_out(declared, ROWS + "@model\ndef lateness(flown_train, late_train): ...\n")
    rows = bind(tasks(plan)["lateness"])["flown_train"]
    assert sorted(rows["hide"]) == ["late_reads", "minutes_reads"]
    assert rows["known_later"] == ["landed"]


def test_rows_are_selected_first_and_transformed_then(declared: Declare) -> None:
    plan = laid_out(declared, ROWS + TWO.format(first="", second=""))
    train = bind(tasks(plan)["features[lateness.train]"])["flown"]
    assert (train["view"], train["rows"]) == ("flights", ["parts_lateness_train"])


def test_the_path_of_a_version_leaves_keeps_out_and_names_its_frozen_state(declared: Declare) -> None:
    plan = laid_out(declared, ROWS + TWO.format(first="", second=""))
    described = tasks(plan)["lateness:schema"].parameters["path"]
    assert described == {
        "entry": "flights",
        "steps": [{"name": "features", "rows": {"flown": "flights"}, "frozen": {"usual": "usual"}, "parameters": {}}],
        "output": "features",
    }
    assert plan.models[0].frozen == {"usual": "usual@lateness"}


def test_a_keep_cannot_learn_from_parts_that_it_decides_on(declared: Declare) -> None:
    text = """
@source
def flights(): ...
@fit
def limit(flights_train): ...
@keep
def flown(flights, limit): ...
@target
def late(flown): ...
@model
def lateness(flown_train, late_train): ...
"""
    with pytest.raises(SolutionInvalid, match="Keep flown needs what is learned from flights_train") as caught:
        laid_out(declared, text)
    assert caught.value.hint == "Let it be learned from flights, or drop these rows inside the model."


def test_rows_of_another_source_have_to_be_learned_from_before_a_transform_takes_them(declared: Declare) -> None:
    text = """
@source
def flights(): ...
@source
def planes(): ...
@keep
def old(planes): ...
@transform
def features(flights, old): ...
@model
def groups(features): ...
"""
    with pytest.raises(SolutionInvalid, match="Transform features takes old, which is made of other rows") as caught:
        laid_out(declared, text)
    assert caught.value.hint == "Let a @fit take old and give the transform what it learned."


def test_a_part_that_no_model_divides_is_refused(declared: Declare) -> None:
    text = "@source\ndef flights(): ...\n@chart\ndef picture(flights_train): ...\n"
    with pytest.raises(SolutionInvalid, match="no model says how rows are divided"):
        laid_out(declared, text)


def test_what_a_run_sets_replaces_a_default_and_nothing_else(declared: Declare) -> None:
    text = """
@source
def flights(): ...
@transform
def features(flights, days=7, names=("a", "b")): ...
@model
def groups(features, k=3): ...
"""
    plan = training(declared(text), arguments={"groups": {"k": 5}})
    assert tasks(plan)["groups"].parameters["arguments"] == {"k": 5}
    assert tasks(plan)["features[all]"].parameters["arguments"] == {"days": 7}  # a tuple stays with the function


def test_a_run_for_comparison_measures_no_importance_and_does_all_else(declared: Declare) -> None:
    text = ROWS + TWO.format(first="", second="")
    plans = (training(declared(text)), training(declared(text), purpose=Purpose.COMPARISON))
    release, comparison = ({name: dict(task.parameters) for name, task in tasks(plan).items()} for plan in plans)
    for model in ("lateness", "delay"):
        assert comparison[f"{model}:evaluation"].pop("importance") is False
    assert comparison == release


STREAMED = """
@source
def ratings(): ...

@step
def asked(ratings: Dataset): ...

@step
def both(ratings: Dataset, asked): ...

@target
def stars(asked): ...

@model
def taste(asked_train, stars_train, ratings: Dataset): ...
"""


def test_what_is_annotated_with_dataset_is_handed_over_in_batches(declared: Declare) -> None:
    plan = laid_out(declared, STREAMED)
    streamed = {name: task.streamed for name, task in tasks(plan).items() if task.streamed}
    assert streamed == dict.fromkeys(("asked", "both", "taste"), ("ratings",))
    assert bind(tasks(plan)["both"]) == {
        "ratings": {"value": "ratings", "streamed": True},
        "asked": {"value": "asked"},
    }
