"""Planted skew: solutions that would answer otherwise than they were trained. None of them ends "proven".

Each is run for real: it is read, checked, trained, packed, served and proved through HTTP. It has to be refused with
its step, column and row named, or its Proof has to say what it does not cover. Honest solutions must end proven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from acceptance.skew import honest, models
from acceptance.skew.transforms import GROUPS, Planted, solution
from solution_house import House, Ran, open_house
from unshelve.errors import SolutionInvalid

Runs = Callable[[str], Ran]

FILES = {
    "classes": {
        "helpers/__init__.py": "",
        "helpers/wrapping.py": honest.WRAPPING,
        "helpers/arithmetic.py": honest.ARITHMETIC,
    },
    "leaks": {"rate.txt": "2.0"},
}
TEXTS = {
    "answers": models.ANSWERS,
    "seen": models.SEEN,
    "leaks": models.LEAKS,
    "classes": honest.CLASSES,
    "others": honest.OTHERS,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("skew")) as opened:
        yield opened


@pytest.fixture(scope="module")
def runs(house: House) -> Runs:
    """What became of a solution, run when it is first asked for."""
    rate = house.root / "rate.txt"
    rate.write_text("2.0", encoding="utf-8")
    texts = {**TEXTS, **{name: solution(group) for name, group in GROUPS.items()}}
    done: dict[str, Ran] = {}

    def run(name: str) -> Ran:
        if name not in done:
            done[name] = house.run(name, texts[name].replace("RATE_FILE", repr(str(rate))), FILES.get(name))
        return done[name]

    return run


PLANTED = [pytest.param(group, each, id=each.name) for group, planted in GROUPS.items() for each in planted]


@pytest.mark.parametrize(("group", "planted"), PLANTED)
def test_a_transform_that_looks_beyond_its_row_is_never_proven(
    runs: Runs, house: House, group: str, planted: Planted
) -> None:
    ran = runs(group)
    full = f"{group}.{planted.name}"
    if planted.not_covered or planted.served:
        decision = ran.decision(planted.name)
        said = " ".join(house.package(full, decision.number)["not_covered"])
        if planted.served:
            assert (decision.proof, decision.released) == ("not-proven", False)
            assert f"training computed {planted.served}" in decision.message or "label" in decision.message
            assert house.champion(full) is None
        else:
            assert decision.proof == "not-covered"
            assert planted.not_covered is not None and planted.not_covered in said
        return
    assert not ran.decided(planted.name)
    assert house.champion(full) is None
    (message,) = {error["message"] for error in _own_errors(ran, planted.name).values()} or {"nothing failed"}
    assert planted.says in message
    assert f"{planted.name}_features" in message
    if planted.column:
        assert f"another {planted.column} for row" in message


def _own_errors(ran: Ran, name: str) -> dict[str, dict[str, Any]]:
    """The errors of a plant, the one message for both parts counted once."""
    found = {
        task: error
        for task, error in ran.errors().items()
        if task.split(":")[0] == name or task.split("[")[0] == f"{name}_features"
    }
    return dict(list(found.items())[:1])


@pytest.mark.parametrize(
    ("group", "task", "says"),
    [
        ("answers", "ranked:rowwise", "Answer by_rank gives another value for row"),
        ("answers", "middling:rowwise", "Answer by_median gives another value for row"),
        ("answers", "scaling:rowwise", "The estimator of model scaling gives another score for row"),
        ("answers", "drifting:rowwise", "when it is asked again"),
        ("answers", "noisy:rowwise", "when it is asked again"),
        ("answers", "counting:rowwise", "changes while it predicts"),
        ("answers", "untold:evaluation", "takes no target"),
        ("leaks", "by_copy:rowwise", "Column was_late gives away copied_late"),
        ("leaks", "by_code:rowwise", "Column outcome gives away coded_late"),
        ("leaks", "by_hours:rowwise", "Column hours gives away minutes"),
        ("leaks", "later_features[by_later.train]", "later_features reads landed, which no request has"),
        ("leaks", "named_features[by_later.train]", "named_features reads late, which no request has"),
        ("leaks", "dotted_features[by_later.train]", "dotted_features reads late, which no request has"),
        ("leaks", "by_rows", "Model by_rows reads late, which no request has"),
        ("leaks", "advice:heldout", "gives another asked for row"),
    ],
)
def test_an_answer_estimator_or_leak_of_this_kind_fails_its_step(
    runs: Runs, house: House, group: str, task: str, says: str
) -> None:
    ran = runs(group)
    assert says in ran.errors()[task]["message"]
    model = {"later_features": "by_later", "named_features": "by_name", "dotted_features": "by_dot"}
    stem = task.split(":")[0].split("[")[0]
    assert house.champion(f"{group}.{model.get(stem, stem)}") is None


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("by_all", "Fit of_all takes rows"),
        ("by_test", "Fit of_test takes rows_test"),
        ("by_step", "Step of_a_step takes rows"),
        ("by_encoding", "Fit encoded takes rows"),
        ("by_watching", "Model by_watching takes features_test"),
        ("by_cleaning", "what it does to raw before is not covered"),
    ],
)
def test_what_has_seen_test_rows_or_comes_before_the_request_is_said_and_not_proven(
    runs: Runs, house: House, model: str, says: str
) -> None:
    ran = runs("seen")
    decision = ran.decision(model)
    assert decision.proof == "not-covered"
    assert any(says in said for said in house.package(f"seen.{model}", decision.number)["not_covered"])


def test_each_of_them_is_a_finding_before_anything_runs(runs: Runs) -> None:
    found = {(each.number, each.step) for each in runs("seen").findings}
    assert found == {
        ("U006", "of_all"),
        ("U006", "of_test"),
        ("U006", "of_a_step"),
        ("U006", "encoded"),
        ("U006", "by_watching"),
        ("U009", "by_cleaning"),
    }


def test_an_answer_that_remembers_calls_is_not_covered(runs: Runs, house: House) -> None:
    decision = runs("answers").decision("tiring")
    assert decision.proof == "not-covered"
    assert "Variable CALLS" in " ".join(house.package("answers.tiring", decision.number)["not_covered"])


def test_a_target_computed_from_the_inputs_is_said(runs: Runs, house: House) -> None:
    decision = runs("leaks").decision("by_formula")
    assert decision.proof == "not-covered"
    assert "right on all of 250 held-out rows" in " ".join(house.package("leaks.by_formula", 1)["not_covered"])


def test_a_file_beside_the_solution_is_missed_when_served(runs: Runs, house: House) -> None:
    decision = runs("leaks").decision("by_local_file")
    assert (decision.proof, decision.released) == ("not-proven", False)
    assert "FileNotFoundError" in decision.message


@pytest.mark.parametrize(
    ("text", "number"), [(models.TARGET_AS_INPUT, "U005"), (models.JUDGED_BY_ITS_OWN_ROWS, "U010")]
)
def test_a_leak_that_the_wiring_shows_does_not_run(house: House, text: str, number: str) -> None:
    with pytest.raises(SolutionInvalid) as caught:
        house.run(f"wired_{number.lower()}", text)
    assert caught.value.subject_code == f"finding-{number}"


def test_nothing_that_was_planted_answers_anybody(runs: Runs, house: House) -> None:
    for group, planted in GROUPS.items():
        runs(group)
        refused = [each for each in planted if not each.not_covered]
        assert [house.champion(f"{group}.{each.name}") for each in refused] == [None] * len(refused)


# -- honest ones ---------------------------------------------------------------------------------------------------

CLASSES = (
    "two", "chosen", "vector", "own_class", "from_helpers", "by_mask", "by_levels", "by_components", "by_single",
    "by_words", "straight",
)  # fmt: skip
OTHERS = ("grades", "amounts", "logs", "clusters", "with_polars", "offer")


@pytest.mark.parametrize(
    ("group", "model"), [*(("classes", name) for name in CLASSES), *(("others", name) for name in OTHERS)]
)
def test_an_honest_solution_is_proven_and_answers(runs: Runs, house: House, group: str, model: str) -> None:
    ran = runs(group)
    assert ran.errors() == {}
    decision = ran.decision(model)
    assert (decision.proof, decision.released) == ("proven", True), decision.message
    assert house.champion(f"{group}.{model}") == 1


def test_columns_found_by_mask_are_those_a_request_has(runs: Runs, house: House) -> None:
    runs("classes")
    asked = {field["name"] for field in house.json_file("classes.by_mask", 1, "schema.json")["fields"]}
    assert asked == {"a", "b", "size", "part", "small"}


def _held_out_row(house: House, model: str) -> dict[str, Any]:
    lines = house.control.blobs.get(house.package(model, 1)["files"]["heldout"]["digest"]).split(b"\n")
    row: dict[str, Any] = msgspec.json.decode(lines[1])["row"]
    return row


def test_the_same_moment_in_another_zone_gets_the_same_answer(runs: Runs, house: House) -> None:
    runs("classes")
    row = _held_out_row(house, "classes.two")
    moved = {**row, "at": row["at"].replace("Z", "+00:00"), "local": "2024-07-01T12:00:00+02:00"}
    same = {**moved, "local": "2024-07-01T10:00:00Z"}
    one, two = house.ask("classes.two", moved).json(), house.ask("classes.two", same).json()
    assert one["answers"][0]["score"] == two["answers"][0]["score"]


def test_a_category_with_a_blank_is_another_category(runs: Runs, house: House) -> None:
    runs("classes")
    row = _held_out_row(house, "classes.two")
    assert house.ask("classes.two", {**row, "kind": "y "}).status_code == 200
    refused = house.ask("classes.two", {**row, "kind": "y"})
    assert refused.status_code == 422
    assert refused.json()["problems"][0]["field"] == "kind"
